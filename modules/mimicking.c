/* SPDX-License-Identifier: MIT */
/*
 * Look-alike names: an account cannot have a name that a person takes for that of another. Two names look alike when their skeletons are equal (Unicode Technical Standard #39, 4), which ICU
 * makes. A row of the host has each skeleton and whose it is, so that the question is one look-up, and the row is inserted with the account, so that of two who ask at a time one is refused.
 * Hooks account_creating, account_created and account_removed.
 */
#include <couplet/module.h>
#include <dlfcn.h>
#include <unicode/uspoof.h>
#include <unicode/uversion.h>

static const struct cpl_column columns[] = {
	{"name", CPL_COLUMN_TEXT, false}, /* localpart */
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Key: the skeleton. */
static const struct cpl_store mimicking = {"mimicking", CPL_STORE_MAP, 1, columns, NULL};

static const struct cpl_column index_columns[] = {
	{"version", CPL_COLUMN_TEXT, false}, /* of ICU, which made the skeletons */
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store mimicking_index = {"mimicking_index", CPL_STORE_KEYVAL, 1, index_columns, NULL};
static const struct cpl_store *const stores[] = {&mimicking, &mimicking_index, NULL};

enum {
	PAGE = 250,
	SKELETON_MAX = 32 * CPL_JID_PART_MAX, /* bytes; a character's longest is 18 characters */
};

static USpoofChecker *checker_of(const struct cpl_module *self)
{
	return cpl_module_data(self);
}

/* Of a prepared localpart, in the arena; CPL_NONE when ICU makes none, which is logged. */
static struct cpl_str skeleton_of(const struct cpl_module *self, struct cpl_str local, struct cpl_arena *arena)
{
	UErrorCode code = U_ZERO_ERROR;
	char *text = cpl_arena_alloc(arena, SKELETON_MAX);
	int32_t size = uspoof_getSkeletonUTF8(checker_of(self), 0, local.ptr, (int32_t)local.len, text, SKELETON_MAX, &code);

	if (U_FAILURE(code)) {
		cpl_log_error("a skeleton cannot be made reason=%s", u_errorName(code));
		return CPL_NONE;
	}
	return size > 0 ? (struct cpl_str){text, (size_t)size} : local;
}

static void version_text(char text[U_MAX_VERSION_STRING_LENGTH])
{
	UVersionInfo version;

	u_getVersion(version);
	u_versionToString(version, text);
}

/* ---- an account is wanted ---- */

struct question {
	struct cpl_store_call store;
	struct cpl_ev_creating *ev;
	struct cpl_suspension *suspension;
	struct cpl_arena *arena;
	struct cpl_str skeleton;
};

static enum cpl_flow judge(const struct question *question)
{
	struct cpl_ev_creating *ev = question->ev;
	struct cpl_value name = CPL_BYTES(cpl_jid_local(ev->jid));
	struct cpl_str other = question->store.count ? question->store.rows->values[0].bytes : CPL_NONE;

	if (!other.ptr) {
		cpl_batch_insert(ev->batch, &mimicking, ev->event.host->jid, question->skeleton, &name);
		return CPL_NEXT;
	}
	if (ev->forced || cpl_str_equal(other, name.bytes))
		return CPL_NEXT;
	ev->condition = CPL_CONFLICT;
	if (ev->origin == CPL_ORIGIN_ADMIN)
		cpl_fail(&ev->error, CPL_E_DENIED, "%.*s looks like %.*s@%.*s; --force makes it all the same", CPL_ARG(cpl_jid_str(ev->jid)), CPL_ARG(other),
			 CPL_ARG(ev->event.host->name));
	else
		cpl_fail(&ev->error, CPL_E_DENIED, "This user name looks like that of somebody else");
	return CPL_DROP;
}

static void question_end(struct question *question, enum cpl_flow flow)
{
	cpl_resume(&question->suspension, flow);
	cpl_arena_destroy(&question->arena);
	cpl_free(question);
}

static void on_read(struct cpl_call *call)
{
	struct question *question = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct question, store);
	enum cpl_flow flow = CPL_DROP;

	if (call->status == 0 && cpl_suspension_alive(question->suspension))
		flow = judge(question);
	else if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log_error("look-alike names cannot be read reason=%s", question->store.error);
	question_end(question, flow);
}

static enum cpl_flow on_creating(struct cpl_module *self, struct cpl_ev_creating *ev)
{
	struct question *question = CPL_NEW(struct question);

	question->ev = ev;
	question->arena = cpl_arena_create();
	question->skeleton = skeleton_of(self, cpl_jid_local(ev->jid), question->arena);
	if (!question->skeleton.ptr ||
	    cpl_store_get(&question->store, &ev->event.host->scope, &mimicking, ev->event.host->jid, question->skeleton, on_read) != 0) {
		cpl_arena_destroy(&question->arena);
		cpl_free(question);
		return CPL_DROP;
	}
	question->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- the row of an account that came otherwise, or has gone ---- */

struct update {
	struct cpl_store_call store;
	struct cpl_store_call commit;
	struct cpl_jid account;
	struct cpl_arena *arena;
	struct cpl_str skeleton;
	bool gone;
};

static void update_end(struct update *update, int status)
{
	if (status != 0 && status != CPL_E_CANCELLED && status != CPL_E_CONFLICT)
		cpl_log(cpl_commit_log_level(status), "a look-alike name cannot be noted account=%.*s reason=%s",
			CPL_ARG(cpl_jid_str(update->account)), cpl_code_text(status));
	cpl_jid_free(&update->account);
	cpl_arena_destroy(&update->arena);
	cpl_free(update);
}

static void on_updated(struct cpl_call *call)
{
	update_end(CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct update, commit), call->status);
}

static void on_known(struct cpl_call *call)
{
	struct update *update = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct update, store);
	struct cpl_jid host = cpl_jid_host(update->account);
	struct cpl_value name = CPL_BYTES(cpl_jid_local(update->account));
	struct cpl_str other = call->status == 0 && update->store.count ? update->store.rows->values[0].bytes : CPL_NONE;
	struct cpl_batch *batch = cpl_batch_create();
	int status = call->status;

	if (status == 0 && update->gone && other.ptr && cpl_str_equal(other, name.bytes))
		cpl_batch_remove(batch, &mimicking, host, update->skeleton);
	else if (status == 0 && !update->gone && !other.ptr)
		cpl_batch_insert(batch, &mimicking, host, update->skeleton, &name);
	if (status == 0)
		status = cpl_batch_commit(&update->commit, NULL, &batch, on_updated);
	else
		cpl_batch_destroy(&batch);
	if (status != 0)
		update_end(update, status);
}

static void update_begin(struct cpl_module *self, struct cpl_jid account, bool gone)
{
	struct update *update = CPL_NEW(struct update);
	int status = CPL_E_INVALID;

	update->account = cpl_jid_dup(account);
	update->gone = gone;
	update->arena = cpl_arena_create();
	update->skeleton = skeleton_of(self, cpl_jid_local(account), update->arena);
	if (update->skeleton.ptr)
		status = cpl_store_get(&update->store, NULL, &mimicking, cpl_jid_host(account), update->skeleton, on_known);
	if (status != 0)
		update_end(update, status);
}

static void on_created(struct cpl_module *self, struct cpl_ev_account *ev)
{
	if (ev->origin == CPL_ORIGIN_IMPORT)
		update_begin(self, ev->jid, false);
}

static void on_removed(struct cpl_module *self, struct cpl_ev_account *ev)
{
	update_begin(self, ev->jid, true);
}

static const struct cpl_event_row events[] = {
	CPL_ON(account_creating, on_creating, POLICY, 10),
	CPL_ON(account_created, on_created, OBSERVE, 0),
	CPL_ON(account_removed, on_removed, OBSERVE, 0),
	CPL_ON_END,
};

/* ---- the accounts that were there before: once a host, and again when ICU is another ---- */

struct indexing {
	struct cpl_store_call store;
	struct cpl_store_call commit;
	struct cpl_module *self;
	struct cpl_host *host; /* whose scope the calls have */
	struct cpl_buf after;
	bool last;
};

static void indexing_end(struct indexing *indexing, int status)
{
	if (status != 0 && status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(status), "the names of the accounts cannot be indexed host=%.*s reason=%s",
			CPL_ARG(indexing->host->name), cpl_code_text(status));
	cpl_buf_finish(&indexing->after);
	cpl_free(indexing);
}

static void indexing_next(struct indexing *indexing);

static void on_indexed(struct cpl_call *call)
{
	struct indexing *indexing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct indexing, commit);

	if (call->status != 0 || indexing->last)
		indexing_end(indexing, call->status);
	else
		indexing_next(indexing);
}

static void on_accounts(struct cpl_call *call)
{
	struct indexing *indexing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct indexing, store);
	char version[U_MAX_VERSION_STRING_LENGTH];
	struct cpl_arena *arena;
	struct cpl_batch *batch;
	int status = call->status;

	if (status != 0) {
		indexing_end(indexing, status);
		return;
	}
	arena = cpl_arena_create();
	batch = cpl_batch_create();
	if (!indexing->after.len)
		cpl_batch_remove(batch, &mimicking, indexing->host->jid, CPL_NONE);
	for (size_t i = 0; i < indexing->store.count; i++) {
		struct cpl_value name = CPL_BYTES(indexing->store.rows[i].account);
		struct cpl_str skeleton = skeleton_of(indexing->self, name.bytes, arena);

		if (skeleton.ptr)
			cpl_batch_set(batch, &mimicking, indexing->host->jid, skeleton, &name);
	}
	indexing->last = indexing->store.complete;
	cpl_buf_clear(&indexing->after);
	if (!indexing->last)
		cpl_buf_add(&indexing->after, indexing->store.rows[indexing->store.count - 1].account);
	version_text(version);
	if (indexing->last)
		cpl_batch_set(batch, &mimicking_index, indexing->host->jid, CPL_NONE, &CPL_BYTES(cpl_str_of(version)));
	cpl_arena_destroy(&arena);
	status = cpl_batch_commit(&indexing->commit, &indexing->host->scope, &batch, on_indexed);
	if (status != 0)
		indexing_end(indexing, status);
}

static void indexing_next(struct indexing *indexing)
{
	struct cpl_str after = indexing->after.len ? cpl_buf_str(&indexing->after) : CPL_NONE;
	int status = cpl_account_list(&indexing->store, &indexing->host->scope, indexing->host->name, after, PAGE, on_accounts);

	if (status != 0)
		indexing_end(indexing, status);
}

static void on_version(struct cpl_call *call)
{
	struct indexing *indexing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct indexing, store);
	struct cpl_str known = call->status == 0 && indexing->store.count ? indexing->store.rows->values[0].bytes : CPL_NONE;
	char version[U_MAX_VERSION_STRING_LENGTH];

	version_text(version);
	if (call->status != 0 || cpl_str_is(known, version))
		indexing_end(indexing, call->status);
	else
		indexing_next(indexing);
}

static void start(struct cpl_module *self, struct cpl_host *host)
{
	struct indexing *indexing;
	int status;

	if (host->component)
		return;
	indexing = CPL_NEW(struct indexing);
	indexing->self = self;
	indexing->host = host;
	status = cpl_store_get(&indexing->store, &host->scope, &mimicking_index, host->jid, CPL_NONE, on_version);
	if (status != 0)
		indexing_end(indexing, status);
}

/* ---- life ---- */

/* What ICU has cached lives as long as the process, and so must its code when this module goes. */
static void keep_library(const void *function)
{
	Dl_info info;

	if (dladdr(function, &info) && info.dli_fname)
		dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static int load(struct cpl_module *self, struct cpl_error *error)
{
	UErrorCode code = U_ZERO_ERROR;
	USpoofChecker *checker;

	keep_library((const void *)uspoof_open);
	keep_library((const void *)u_errorName);
	checker = uspoof_open(&code);
	if (U_FAILURE(code))
		return cpl_fail(error, CPL_E_UNSUPPORTED, "ICU has no data about confusable characters: %s", u_errorName(code));
	cpl_module_set_data(self, checker);
	return 0;
}

static void unload(struct cpl_module *self)
{
	uspoof_close(checker_of(self));
	cpl_module_set_data(self, NULL);
}

CPL_MODULE(mimicking) = {
	CPL_MODULE_HEAD("mimicking", "1.0", "No account gets a name that looks like that of another (UTS #39)"),
	.events = events,
	.stores = stores,
	.load = load,
	.start = start,
	.unload = unload,
};
