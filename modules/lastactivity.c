/* SPDX-License-Identifier: MIT */
/*
 * Last Activity of accounts (XEP-0012 3 and 4): when an account was last available, and what it said when it left. A row is written when an account's first resource
 * becomes available and when its last one leaves; what a crash cut off ended, as far as anybody knows, with the last mark that the job has left. Keeps the stores lastactivity
 * and lastactivity_mark.
 */
#include <couplet/module.h>

CPL_NAME(name_last, "jabber:iq:last", "query");
CPL_CONTENT_NAME(name_status, "status");
static struct cpl_name *const names[] = {&name_last, &name_status, NULL};

enum { SINCE, STATUS, ONLINE, COLUMNS };
static const struct cpl_column columns[] = {
	{"since", CPL_COLUMN_INTEGER, false}, {"status", CPL_COLUMN_TEXT, false}, {"online", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_column mark_columns[] = {{"time", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store last_store = {"lastactivity", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store mark_store = {"lastactivity_mark", CPL_STORE_KEYVAL, 1, mark_columns, NULL};
static const struct cpl_store *const stores[] = {&last_store, &mark_store, NULL};

/* Bytes of a status that are kept; and how often the server leaves a mark. */
enum { STATUS_MAX = 1023, MARK_MS = 300000 };

/* What a session has said with its unavailable presence, which is just being handled. */
struct farewell {
	char *status;
};
static void farewell_release(void *data)
{
	struct farewell *farewell = data;

	cpl_free(farewell->status);
	cpl_free(farewell);
}
CPL_SLOT(farewell_slot, SESSION, struct farewell, 1, farewell_release);

/* Of a host on which the module runs. */
struct marked {
	int64_t before; /* the last mark of the process before this one; 0: none */
	bool known;
};
CPL_SLOT(marked_slot, HOST, struct marked, 1, NULL);
static struct cpl_slot *const slots[] = {&farewell_slot, &marked_slot, NULL};

/* ---- writing ---- */

struct writing {
	struct cpl_store_call commit;
	struct cpl_user *user; /* referenced */
};

static void written(struct cpl_call *call)
{
	struct writing *writing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct writing, commit);

	/* NOT_FOUND: the account has been removed, which is why it left. */
	if (call->status != 0 && call->status != CPL_E_CANCELLED && call->status != CPL_E_NOT_FOUND)
		cpl_log(cpl_commit_log_level(call->status), "last activity cannot be written jid=%.*s reason=%s",
			CPL_ARG(cpl_jid_str(writing->user->jid)), writing->commit.error);
	cpl_user_unref(&writing->user);
	cpl_free(writing);
}

static void write_row(struct cpl_user *user, struct cpl_str status, bool online)
{
	const struct cpl_value values[COLUMNS] = {CPL_INTEGER(cpl_now()), CPL_BYTES(status), CPL_INTEGER(online)};
	struct cpl_batch *batch;
	struct writing *writing;

	if (user->removed)
		return;
	writing = CPL_NEW(struct writing);
	writing->user = cpl_user_ref(user);
	batch = cpl_batch_create();
	cpl_batch_set(batch, &last_store, user->jid, CPL_NONE, values);
	if (cpl_batch_commit(&writing->commit, &user->scope, &batch, written) == 0)
		return;
	cpl_user_unref(&writing->user);
	cpl_free(writing);
}

static void on_available(struct cpl_module *self, struct cpl_ev_session *ev)
{
	if (ev->session->user->available_count == 1)
		write_row(ev->session->user, CPL_NONE, true);
}

/* The stanza that ends the presence of a session: its text is known to the event that follows. */
static enum cpl_flow on_pre_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_str status;

	if (ev->stanza->type != CPL_TYPE_UNAVAILABLE || cpl_jid_is_set(ev->stanza->to))
		return CPL_NEXT;
	CPL_SLOT_CLEAR(ev->session, farewell_slot);
	status = cpl_child_text(ev->stanza->root, &name_status, ev->stanza->arena);
	if (status.len)
		CPL_SLOT_MAKE(ev->session, farewell_slot)->status = cpl_strdup((struct cpl_str){status.ptr, cpl_str_utf8_cut(status, STATUS_MAX)});
	return CPL_NEXT;
}

static void on_unavailable(struct cpl_module *self, struct cpl_ev_session *ev)
{
	const struct farewell *farewell = CPL_SLOT_GET(ev->session, farewell_slot);

	if (ev->session->user->available_count == 0)
		write_row(ev->session->user, cpl_str_of(farewell ? farewell->status : NULL), false);
	CPL_SLOT_CLEAR(ev->session, farewell_slot);
}

/* ---- answering ---- */

/* 3: a presence subscription, or what else lets somebody see the account. */
static bool may_see(struct cpl_user *user, struct cpl_jid from)
{
	struct cpl_ev_see see = {.user = user, .from = from};

	return cpl_fire_may_see_account(user->host, &see) == CPL_YES;
}

static void send_seconds(const struct cpl_stanza *request, int64_t ms, struct cpl_str status)
{
	struct cpl_stanza *result = cpl_stanza_result(request);
	struct cpl_element *query = cpl_add(result, result->root, &name_last);

	cpl_attr_set(result, query, "seconds", cpl_arena_printf(result->arena, "%lld", (long long)(ms > 0 ? ms / 1000 : 0)));
	if (status.len)
		cpl_add_text(result, query, status);
	cpl_send(&result);
}

/* Nobody of the account is here: a row that says otherwise is of a server that was cut off. */
static void answer(const struct cpl_stanza *request, const struct cpl_row *row)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(request->to));
	const struct marked *marked = host ? CPL_SLOT_GET(host, marked_slot) : NULL;
	int64_t since = row ? row->values[SINCE].integer : 0;

	if (!row) {
		cpl_bounce(request, CPL_ITEM_NOT_FOUND, "The account has not been online yet");
		return;
	}
	if (row->values[ONLINE].integer && marked && marked->before > since)
		since = marked->before;
	send_seconds(request, cpl_now() - since, row->values[STATUS].bytes);
}

static enum cpl_flow on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (!ev->user)
		return CPL_NEXT;
	if (!may_see(ev->user, ev->stanza->from))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	if (ev->user->session_count) {
		send_seconds(ev->stanza, 0, CPL_NONE);
		return CPL_HANDLED;
	}
	return cpl_iq_lookup(ev, &last_store, CPL_NONE, answer);
}

/* ---- requests to resources ---- */

struct asking {
	struct cpl_user_call load;
	struct cpl_suspension *suspension;
	struct cpl_stanza *stanza; /* referenced */
};

static enum cpl_flow judge(struct cpl_user *user, const struct cpl_stanza *stanza)
{
	if (user && may_see(user, stanza->from))
		return CPL_NEXT;
	cpl_bounce(stanza, CPL_FORBIDDEN, NULL);
	return CPL_HANDLED;
}

static void account_known(struct cpl_call *call)
{
	struct asking *asking = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct asking, load);
	enum cpl_flow flow = CPL_HANDLED;

	if (call->status == 0 || call->status == CPL_E_NOT_FOUND)
		flow = judge(asking->load.user, asking->stanza);
	else
		cpl_bounce(asking->stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
	cpl_resume(&asking->suspension, flow);
	cpl_user_unref(&asking->load.user);
	cpl_stanza_unref(&asking->stanza);
	cpl_free(asking);
}

/*
 * 4: what a client would answer is for those who may see it; and whoever may not does not learn whether there is such an account or resource. A bare address gets here
 * when there is no such account.
 */
static enum cpl_flow on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct asking *asking;
	int status;

	if (ev->stanza->type != CPL_TYPE_GET || !cpl_child(ev->stanza->root, &name_last) || ev->host->component ||
	    (ev->target != CPL_TARGET_FULL && ev->target != CPL_TARGET_BARE))
		return CPL_NEXT;
	if (ev->user || ev->target == CPL_TARGET_BARE)
		return judge(ev->user, ev->stanza);
	asking = CPL_NEW(struct asking);
	status = cpl_user_load(&asking->load, &ev->host->scope, cpl_jid_bare(ev->stanza->to), account_known);
	if (status != 0) {
		cpl_free(asking);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	asking->stanza = cpl_stanza_ref(ev->stanza);
	asking->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- marks ---- */

struct reading {
	struct cpl_store_call read;
	struct cpl_host *host;
};

static void mark_read(struct cpl_call *call)
{
	struct reading *reading = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct reading, read);

	if (call->status == 0 && reading->read.count)
		CPL_SLOT_MAKE(reading->host, marked_slot)->before = reading->read.rows[0].values[0].integer;
	else if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log_error("the last mark of activity cannot be read host=%.*s reason=%s", CPL_ARG(reading->host->name), reading->read.error);
	cpl_free(reading);
}

/* Read before the job can write another one; once in the life of a host. */
static void start(struct cpl_module *self, struct cpl_host *host)
{
	struct marked *marked = CPL_SLOT_MAKE(host, marked_slot);
	struct reading *reading;

	if (marked->known)
		return;
	marked->known = true;
	reading = CPL_NEW(struct reading);
	reading->host = host;
	if (cpl_store_get(&reading->read, &host->scope, &mark_store, host->jid, CPL_NONE, mark_read) != 0)
		cpl_free(reading);
}

struct marking {
	struct cpl_store_call commit;
	struct cpl_run *run;
};

static void mark_written(struct cpl_call *call)
{
	struct marking *marking = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct marking, commit);

	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(call->status), "a mark of activity cannot be written reason=%s", marking->commit.error);
	cpl_run_end(marking->run, call->status);
	cpl_free(marking);
}

static void mark(struct cpl_module *self, struct cpl_run *run)
{
	const struct cpl_value now = CPL_INTEGER(cpl_now());
	struct marking *marking = CPL_NEW(struct marking);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_host *host;
	size_t at = 0;
	int status;

	while ((host = cpl_host_next(&at)))
		if (CPL_SLOT_GET(host, marked_slot))
			cpl_batch_set(batch, &mark_store, host->jid, CPL_NONE, &now);
	marking->run = run;
	status = cpl_batch_commit(&marking->commit, cpl_module_scope(self), &batch, mark_written);
	if (status == 0)
		return;
	cpl_run_end(run, status);
	cpl_free(marking);
}

static const struct cpl_schedule_row schedule[] = {
	{.name = "mark", .period_ms = MARK_MS, .jitter_ms = -1, .run = mark, .summary = "Notes that the server is running, for whom a crash cuts off."},
	CPL_SCHEDULE_END,
};

/* ---- all ---- */

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_SELF | CPL_TO_BARE, &name_last, on_get, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_event_row events[] = {
	CPL_ON(session_available, on_available, OBSERVE, 0),
	CPL_ON(pre_presence, on_pre_presence, FEATURE, 0),
	CPL_ON(session_unavailable, on_unavailable, OBSERVE, 0),
	CPL_ON(iq, on_iq, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_feature_row features[] = {
	{"jabber:iq:last", CPL_OF_ACCOUNT},
	{NULL, 0},
};

CPL_MODULE(lastactivity) = {
	CPL_MODULE_HEAD("lastactivity", "1.0", "When accounts were last online (XEP-0012)"),
	.names = names,
	.iqs = iqs,
	.events = events,
	.features = features,
	.stores = stores,
	.slots = slots,
	.schedule = schedule,
	.start = start,
};
