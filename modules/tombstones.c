/* SPDX-License-Identifier: MIT */
/*
 * Tombstones: the name of an account that was removed is given to nobody else for a time, so that nobody is taken for the one who had it. The rows are the host's and stay when the account
 * goes. Hooks account_removing and account_creating.
 */
#include <couplet/module.h>

struct tombstones_config {
	int64_t keep;
};
static const struct cpl_option options[] = {
	CPL_OPT_TIME(struct tombstones_config, keep, "365d", "1h", "36500d", CPL_RELOADABLE, "How long the name of a removed account is kept from others."),
	CPL_OPT_END,
};

static const struct cpl_column columns[] = {
	{"removed", CPL_COLUMN_INTEGER, false}, /* ms since 1970 */
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Key: the localpart. */
static const struct cpl_store tombstone = {"tombstone", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&tombstone, NULL};

/* Rows read at a time. */
enum { PAGE = 500 };

static int64_t kept_until(const struct cpl_module *self, const struct cpl_host *host, const struct cpl_row *row)
{
	return row->values[0].integer + CPL_CONFIG(self, host, struct tombstones_config)->keep;
}

/* ---- an account goes ---- */

struct burial {
	struct cpl_store_call store;
	struct cpl_suspension *suspension;
};

static void on_buried(struct cpl_call *call)
{
	struct burial *burial = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct burial, store);

	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(call->status), "a tombstone cannot be written, so the account stays reason=%s", burial->store.error);
	cpl_resume(&burial->suspension, call->status == 0 ? CPL_NEXT : CPL_DROP);
	cpl_free(burial);
}

/* Written before the account is removed: a crash in between leaves one too many, which does no harm. */
static enum cpl_flow on_removing(struct cpl_module *self, struct cpl_ev_user *ev)
{
	struct burial *burial = CPL_NEW(struct burial);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value now = CPL_INTEGER(cpl_now());

	cpl_batch_set(batch, &tombstone, ev->user->host->jid, ev->user->username, &now);
	if (cpl_batch_commit(&burial->store, &ev->user->host->scope, &batch, on_buried) != 0) {
		cpl_free(burial);
		return CPL_DROP;
	}
	burial->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- an account is wanted ---- */

struct question {
	struct cpl_store_call store;
	struct cpl_module *self;
	struct cpl_ev_creating *ev;
	struct cpl_suspension *suspension;
};

static enum cpl_flow judge(const struct question *question)
{
	struct cpl_ev_creating *ev = question->ev;
	const struct cpl_row *row = question->store.count ? question->store.rows : NULL;
	struct cpl_str name = cpl_jid_str(ev->jid);
	char text[CPL_TIME_TEXT];
	int64_t until;

	if (!row)
		return CPL_NEXT;
	until = kept_until(question->self, ev->event.host, row);
	if (until <= cpl_now() || ev->forced) {
		cpl_batch_remove(ev->batch, &tombstone, ev->event.host->jid, cpl_jid_local(ev->jid));
		return CPL_NEXT;
	}
	ev->condition = CPL_CONFLICT;
	if (ev->origin == CPL_ORIGIN_ADMIN)
		cpl_fail(&ev->error, CPL_E_DENIED, "%.*s was the name of another account and is kept from others until %.*s; --force gives it all the same", CPL_ARG(name),
			 CPL_ARG(cpl_time_format(until, text)));
	else
		cpl_fail(&ev->error, CPL_E_DENIED, "This user name cannot be had");
	return CPL_DROP;
}

static void on_read(struct cpl_call *call)
{
	struct question *question = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct question, store);
	enum cpl_flow flow = CPL_DROP;

	if (!cpl_suspension_alive(question->suspension))
		flow = CPL_DROP;
	else if (call->status == 0)
		flow = judge(question);
	else if (call->status != CPL_E_CANCELLED)
		cpl_log_error("a tombstone cannot be read reason=%s", question->store.error);
	cpl_resume(&question->suspension, flow);
	cpl_free(question);
}

static enum cpl_flow on_creating(struct cpl_module *self, struct cpl_ev_creating *ev)
{
	struct question *question = CPL_NEW(struct question);

	question->self = self;
	question->ev = ev;
	if (cpl_store_get(&question->store, &ev->event.host->scope, &tombstone, ev->event.host->jid, cpl_jid_local(ev->jid), on_read) != 0) {
		cpl_free(question);
		return CPL_DROP;
	}
	question->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(account_removing, on_removing, POLICY, 0),
	CPL_ON(account_creating, on_creating, POLICY, 0),
	CPL_ON_END,
};

/* ---- all of a host, page by page ---- */

struct walk {
	struct cpl_store_call store;
	struct cpl_store_call commit;
	struct cpl_module *self;
	struct cpl_buf domain; /* the host may go meanwhile */
	struct cpl_buf after;
	struct cpl_invocation *in; /* lists what is kept; NULL: removes what is not kept any more */
	struct cpl_run *run;
};

static void walk_next(struct walk *walk);
static void walk_host(struct walk *walk);

static struct cpl_host *walk_where(const struct walk *walk)
{
	return cpl_host_find(cpl_buf_str(&walk->domain));
}

static void walk_end(struct walk *walk, int status)
{
	const char *why = walk->store.error ? walk->store.error : cpl_code_text(status);

	if (walk->in && status == 0)
		cpl_done(walk->in);
	else if (walk->in)
		cpl_refuse(walk->in, "the tombstones cannot be read: %s", why);
	else
		cpl_run_end(walk->run, status);
	cpl_buf_finish(&walk->domain);
	cpl_buf_finish(&walk->after);
	cpl_free(walk);
}

static void list_row(const struct walk *walk, const struct cpl_row *row, int64_t until)
{
	char text[CPL_TIME_TEXT];
	char *jid = cpl_asprintf("%.*s@%.*s", CPL_ARG(row->key), CPL_ARG(cpl_buf_str(&walk->domain)));

	cpl_row_begin(walk->in);
	cpl_row_text(walk->in, cpl_str_of(jid));
	cpl_row_text(walk->in, cpl_time_format(row->values[0].integer, text));
	cpl_row_text(walk->in, cpl_time_format(until, text));
	cpl_row_end(walk->in);
	cpl_free(jid);
}

static void walk_on(struct walk *walk, int status)
{
	if (status != 0)
		walk_end(walk, status);
	else if (walk->after.len)
		walk_next(walk);
	else if (walk->in)
		walk_end(walk, 0);
	else
		walk_host(walk);
}

static void on_expired(struct cpl_call *call)
{
	walk_on(CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct walk, commit), call->status);
}

static void on_page(struct cpl_call *call)
{
	struct walk *walk = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct walk, store);
	struct cpl_host *host = walk_where(walk);
	struct cpl_batch *batch;
	int status = call->status;

	if (status != 0 || !host || !CPL_CONFIG(walk->self, host, struct tombstones_config)) {
		cpl_buf_clear(&walk->after);
		walk_on(walk, status);
		return;
	}
	batch = cpl_batch_create();
	for (size_t i = 0; i < walk->store.count; i++) {
		const struct cpl_row *row = &walk->store.rows[i];
		int64_t until = kept_until(walk->self, host, row);

		if (walk->in && until > cpl_now())
			list_row(walk, row, until);
		else if (!walk->in && until <= cpl_now())
			cpl_batch_remove(batch, &tombstone, host->jid, row->key);
	}
	cpl_buf_clear(&walk->after);
	if (!walk->store.complete)
		cpl_buf_add(&walk->after, walk->store.rows[walk->store.count - 1].key);
	status = cpl_batch_commit(&walk->commit, cpl_module_scope(walk->self), &batch, on_expired);
	if (status != 0)
		walk_end(walk, status);
}

static void walk_next(struct walk *walk)
{
	struct cpl_host *host = walk_where(walk);
	int status = host ? cpl_store_page(&walk->store, cpl_module_scope(walk->self), &tombstone, host->jid, walk->after.len ? cpl_buf_str(&walk->after) : CPL_NONE,
					   PAGE, on_page)
			  : 0;

	if (status != 0 || !host)
		walk_end(walk, status);
}

/* The first of the hosts that come behind the present one by name. */
static void walk_host(struct walk *walk)
{
	struct cpl_host *host, *next = NULL;

	for (size_t at = 0; (host = cpl_host_next(&at));)
		if (!host->component && CPL_CONFIG(walk->self, host, struct tombstones_config) && cpl_str_compare(host->name, cpl_buf_str(&walk->domain)) > 0 &&
		    (!next || cpl_str_compare(host->name, next->name) < 0))
			next = host;
	if (!next) {
		walk_end(walk, 0);
		return;
	}
	cpl_buf_clear(&walk->domain);
	cpl_buf_add(&walk->domain, next->name);
	walk_next(walk);
}

static void run_expire(struct cpl_module *self, struct cpl_run *run)
{
	struct walk *walk = CPL_NEW(struct walk);

	walk->self = self;
	walk->run = run;
	walk_host(walk);
}

static const struct cpl_schedule_row schedule[] = {
	{.name = "expire", .period_ms = 86400000, .run = run_expire, .summary = "Forgets names that have been kept long enough."},
	CPL_SCHEDULE_END,
};

/* ---- commands ---- */

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct walk *walk = CPL_NEW(struct walk);

	walk->self = self;
	walk->in = in;
	cpl_buf_add(&walk->domain, cpl_arg_host(in, 0)->name);
	walk_next(walk);
}

struct lifting {
	struct cpl_store_call store;
	struct cpl_invocation *in;
	struct cpl_jid account;
};

static void lifting_end(struct lifting *lifting, int status)
{
	struct cpl_invocation *in = lifting->in;

	if (status == 0) {
		cpl_say(in, "%.*s can be given again", CPL_ARG(cpl_jid_str(lifting->account)));
		cpl_done(in);
	} else if (status == CPL_E_NOT_FOUND) {
		cpl_refuse(in, "%.*s is not kept from anybody", CPL_ARG(cpl_jid_str(lifting->account)));
	} else {
		cpl_refuse(in, "%.*s: %s", CPL_ARG(cpl_jid_str(lifting->account)), cpl_code_text(status));
	}
	cpl_free(lifting);
}

static void on_lifted(struct cpl_call *call)
{
	lifting_end(CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct lifting, store), call->status);
}

static void on_found(struct cpl_call *call)
{
	struct lifting *lifting = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct lifting, store);
	struct cpl_batch *batch;
	int status = call->status ? call->status : lifting->store.count ? 0 : CPL_E_NOT_FOUND;

	if (status == 0) {
		batch = cpl_batch_create();
		cpl_batch_remove(batch, &tombstone, cpl_jid_host(lifting->account), cpl_jid_local(lifting->account));
		status = cpl_batch_commit(&lifting->store, cpl_invocation_scope(lifting->in), &batch, on_lifted);
	}
	if (status != 0)
		lifting_end(lifting, status);
}

static void run_remove(struct cpl_module *self, struct cpl_invocation *in)
{
	struct lifting *lifting = CPL_NEW(struct lifting);
	int status;

	lifting->in = in;
	lifting->account = cpl_arg_jid(in, 0);
	status = cpl_store_get(&lifting->store, cpl_invocation_scope(in), &tombstone, cpl_jid_host(lifting->account), cpl_jid_local(lifting->account), on_found);
	if (status != 0)
		lifting_end(lifting, status);
}

static const struct cpl_command commands[] = {
	{"tombstone list <host>", "List the names of removed accounts that are given to nobody.", NULL, "jid,removed,until",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"tombstone remove <account>", "Let the name of a removed account be given again.", NULL, NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN),
	 run_remove},
	CPL_COMMAND_END,
};

CPL_MODULE(tombstones) = {
	CPL_MODULE_HEAD("tombstones", "1.0", "The names of removed accounts are given to nobody else for a time"),
	.options = options,
	.config_size = sizeof(struct tombstones_config),
	.events = events,
	.commands = commands,
	.stores = stores,
	.schedule = schedule,
};
