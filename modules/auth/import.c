/* SPDX-License-Identifier: MIT */
/* "user import": many accounts from one file. Keys are derived on the workers, a few at a time so that others
 * get their turn, and committed in batches. */
#include "modules/auth/accounts.h"
#include "modules/auth/commands.h"
#include "modules/auth/credential.h"

#include <openssl/crypto.h>

/* JOBS: the most; as many as keep the workers busy are under way. REPORT: jobs between two reports of the progress. */
enum { IMPORT_BATCH = 500, IMPORT_JOBS = 128, IMPORT_REPORT = 50 };

const char import_detail[] = "Each line holds a bare JID, white space, and the password up to the end of the "
			     "line. Instead of a password there may be SCRAM keys in the "
			     "form of RFC 5803, one or more separated by spaces: "
			     "SCRAM-SHA-1$ITERATIONS:SALT$STORED-KEY:SERVER-KEY and "
			     "SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY, where salt and keys are "
			     "base64; an account can log in with the mechanisms whose keys "
			     "are given, and with PLAIN. Blank lines and lines that begin with # are "
			     "skipped. A line that cannot be imported is reported with its "
			     "number and the rest goes on; existing accounts are not changed. The exit code "
			     "is 0 only if every line was imported. With --resume, accounts that exist already are "
			     "passed over without a word, so that an import that was interrupted can be run again.";

struct entry {
	struct cpl_jid account;
	struct credentials credentials;
	struct cpl_str password; /* prepared; CPL_NONE when the keys are there */
	unsigned line;
	bool exists;
};

struct import;
/* A look whether the account of an entry exists already: of the batch's arena. */
struct import_look {
	struct cpl_store_call call;
	struct import *import;
	struct entry *entry;
};
struct import_job {
	struct cpl_call call;
	struct import *import;
	struct entry *entry;
};

struct import {
	struct cpl_module *self;
	struct cpl_invocation *in;
	struct cpl_store_call store;
	struct cpl_arena *arena; /* of the present batch */
	struct entry *entries;
	size_t count;
	size_t next_job; /* the first entry whose keys nobody has begun to derive */
	size_t single;	 /* with `singly`: the entry being committed */
	bool singly;	 /* the batch as a whole was refused: one by one, to find out which */
	unsigned running;
	int failure; /* a job could not be done: end when the others are back */
	unsigned line, made, bad, there;
	bool resume;
	size_t lines; /* of the whole input */
	struct import_job jobs[IMPORT_JOBS];
};

static void next_batch(struct import *import);

static void forget_password(const struct entry *entry)
{
	/* UNSAFE: what is in our own arena is written over. */
	if (entry->password.ptr)
		OPENSSL_cleanse((char *)entry->password.ptr, entry->password.len);
}

static void forget_batch(struct import *import)
{
	for (size_t i = 0; i < import->count; i++)
		forget_password(&import->entries[i]);
	cpl_arena_destroy(&import->arena);
	import->entries = NULL;
	import->count = import->next_job = import->single = 0;
	import->singly = false;
}

static void import_end(struct import *import, int status, const char *detail)
{
	struct cpl_invocation *in = import->in;

	forget_batch(import);
	if (status != CPL_OK)
		cpl_refuse(in, "stopped near line %u: %s; %u accounts were added", import->line, detail,
			   import->made);
	else if (import->bad > 0)
		cpl_refuse(in, "%u accounts were added, %u lines were not imported", import->made,
			   import->bad);
	else if (import->there > 0)
		cpl_say(in, "%u accounts were added, %u were there already", import->made, import->there);
	else
		cpl_say(in, "%u accounts were added", import->made);
	if (status == CPL_OK && import->bad == 0)
		cpl_done(in);
	cpl_free(import);
}

static void complain(struct import *import, unsigned line, const char *why)
{
	cpl_complain(import->in, "line %u: %s", line, why);
	import->bad++;
}

static void exists(struct import *import, const struct entry *entry)
{
	if (import->resume)
		import->there++;
	else
		complain(import, entry->line, "the account exists already");
}

/* ---- reading ---- */

static const char *read_keys(struct import *import, struct entry *entry, struct cpl_str text)
{
	struct cpl_str part;

	while (cpl_str_split(&text, ' ', &part)) {
		enum scram_hash hash;
		struct scram_keys keys;

		if (part.len == 0)
			continue;
		if (!scram_keys_read(part, &hash, &keys, import->arena))
			return "the SCRAM keys cannot be read";
		if (entry->credentials.keys[hash].iterations > 0)
			return "two keys for one mechanism";
		entry->credentials.keys[hash] = keys;
	}
	return NULL;
}

static const char *read_password(struct import *import, struct entry *entry, struct cpl_host *host,
				 struct cpl_str text)
{
	const struct auth_config *config = CPL_CONFIG(import->self, host, struct auth_config);
	struct cpl_str prepared;

	if (!config)
		return "the host does not use the module auth";
	if (!accounts_prepare_password(&prepared, text, false, import->arena))
		return "the password is not acceptable";
	entry->password = cpl_arena_copy(import->arena, prepared);
	credentials_salt(&entry->credentials, config->iterations);
	return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct import *import, struct entry *entry, struct cpl_str line)
{
	struct cpl_host *host;
	size_t end = 0;
	struct cpl_str text;

	while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t')
		end++;
	text = (struct cpl_str){line.ptr + end, line.len - end};
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
		text = (struct cpl_str){text.ptr + 1, text.len - 1};
	if (text.len == 0)
		return "no password";
	/* The address outlives the line. */
	if (cpl_jid_parse(&entry->account, cpl_arena_copy(import->arena, (struct cpl_str){line.ptr, end}),
			  import->arena) != 0)
		return "not a JID";
	host = cpl_host_find(cpl_jid_domain(entry->account));
	if (!host)
		return "not one of our hosts";
	if (host->component)
		return "a component's host has no accounts";
	if (!accounts_name_acceptable(entry->account))
		return "not acceptable as the name of an account";
	if (scram_keys_announced(text))
		return read_keys(import, entry, text);
	return read_password(import, entry, host, text);
}

static void read_batch(struct import *import)
{
	struct cpl_str line;

	import->arena = cpl_arena_create();
	import->entries = cpl_arena_alloc(import->arena, IMPORT_BATCH * sizeof(struct entry));
	while (import->count < IMPORT_BATCH && cpl_next_line(import->in, &line)) {
		struct entry *entry = &import->entries[import->count];
		const char *fault;

		import->line++;
		while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
			line = (struct cpl_str){line.ptr + 1, line.len - 1};
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		*entry = (struct entry){.line = import->line};
		fault = read_line(import, entry, line);
		if (fault)
			complain(import, import->line, fault);
		else
			import->count++;
	}
}

/* ---- committing ---- */

static void commit(struct import *import);

static void count_made(struct import *import, size_t first, size_t count)
{
	import->made += (unsigned)count;
	for (size_t i = first; i < first + count; i++)
		accounts_announce_created(import->entries[i].account, CPL_ORIGIN_IMPORT);
}

static void on_committed(struct cpl_call *call)
{
	struct import *import = CPL_CONTAINER(call, struct import, store.call);

	if (call->status == CPL_E_EXISTS && !import->singly) {
		import->singly = true;
		commit(import);
		return;
	}
	if (call->status == CPL_E_EXISTS) {
		exists(import, &import->entries[import->single]);
	} else if (call->status != CPL_OK) {
		import_end(import, call->status, import->store.error);
		return;
	} else if (import->singly) {
		count_made(import, import->single, 1);
	} else {
		count_made(import, 0, import->count);
	}
	if (import->singly && ++import->single < import->count) {
		commit(import);
		return;
	}
	forget_batch(import);
	next_batch(import);
}

static void commit(struct import *import)
{
	size_t first = import->singly ? import->single : 0,
	       last = import->singly ? import->single + 1 : import->count;
	struct cpl_batch *batch = cpl_batch_create();
	int code;

	for (size_t i = first; i < last; i++) {
		cpl_batch_account_create(batch, import->entries[i].account);
		credentials_put(batch, import->entries[i].account, &import->entries[i].credentials);
	}
	code = cpl_batch_commit(&import->store, cpl_invocation_scope(import->in), &batch, on_committed);
	if (code != 0)
		import_end(import, code, cpl_code_text(code));
}

/* ---- deriving ---- */

static void on_derived(struct cpl_call *call);

static void start_jobs(struct import *import)
{
	size_t most = 2 * (size_t)cpl_job_threads();

	for (size_t i = 0; i < IMPORT_JOBS && i < most && import->failure == CPL_OK; i++) {
		struct import_job *job = &import->jobs[i];

		if (job->entry)
			continue;
		while (import->next_job < import->count && !import->entries[import->next_job].password.ptr)
			import->next_job++;
		if (import->next_job == import->count)
			break;
		job->import = import;
		job->entry = &import->entries[import->next_job++];
		import->failure = credentials_derive(&job->call, cpl_invocation_scope(import->in),
						     &job->entry->credentials, CREDENTIALS_ALL,
						     job->entry->password, on_derived);
		if (import->failure == CPL_OK)
			import->running++;
		else
			job->entry = NULL;
	}
	if (import->running > 0)
		return;
	if (import->failure != CPL_OK)
		import_end(import, import->failure, cpl_code_text(import->failure));
	else
		commit(import);
}

static void on_derived(struct cpl_call *call)
{
	struct import_job *job = CPL_CONTAINER(call, struct import_job, call);
	struct import *import = job->import;

	if (call->status == CPL_OK)
		job->entry->credentials = *credentials_derived(call);
	else
		import->failure = call->status;
	job->entry = NULL;
	import->running--;
	if (import->next_job % IMPORT_REPORT == 0)
		cpl_progress(import->in, import->entries[import->next_job - 1].line, import->lines);
	start_jobs(import);
}

/* ---- looking ---- */

/* Those that exist cost no derivation, and a second run is over soon. */
static void keep_the_others(struct import *import)
{
	size_t kept = 0;

	for (size_t i = 0; i < import->count; i++) {
		if (import->entries[i].exists) {
			exists(import, &import->entries[i]);
			forget_password(&import->entries[i]);
		} else {
			import->entries[kept++] = import->entries[i];
		}
	}
	import->count = kept;
}

static void looked(struct import *import)
{
	if (import->failure != CPL_OK) {
		import_end(import, import->failure, cpl_code_text(import->failure));
		return;
	}
	keep_the_others(import);
	cpl_progress(import->in, import->line, import->lines);
	if (import->count > 0) {
		start_jobs(import);
	} else {
		forget_batch(import);
		next_batch(import);
	}
}

static void on_looked(struct cpl_call *call)
{
	struct import_look *look = CPL_CONTAINER(call, struct import_look, call.call);
	struct import *import = look->import;

	if (call->status == CPL_OK)
		look->entry->exists = true;
	else if (call->status != CPL_E_NOT_FOUND)
		import->failure = call->status;
	if (--import->running == 0)
		looked(import);
}

static void look_up(struct import *import)
{
	struct import_look *looks = cpl_arena_alloc(import->arena, import->count * sizeof(*looks));

	for (size_t i = 0; i < import->count && import->failure == CPL_OK; i++) {
		looks[i].import = import;
		looks[i].entry = &import->entries[i];
		import->failure = cpl_account_get(&looks[i].call, cpl_invocation_scope(import->in),
						  import->entries[i].account, on_looked);
		import->running += import->failure == CPL_OK;
	}
	if (import->running == 0)
		looked(import);
}

static void next_batch(struct import *import)
{
	read_batch(import);
	if (import->count == 0)
		import_end(import, CPL_OK, NULL);
	else
		look_up(import);
}

void import_run(struct cpl_module *self, struct cpl_invocation *in)
{
	struct import *import = CPL_NEW(struct import);

	import->self = self;
	import->in = in;
	import->resume = cpl_flag(in, "resume");
	import->lines = cpl_input_lines(in);
	next_batch(import);
}
