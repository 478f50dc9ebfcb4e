/* SPDX-License-Identifier: MIT */
/*
 * Offline messages (XEP-0160): what no resource can take is kept with a delay stamp (XEP-0203) and handed over, in order, to the first resource that becomes
 * available with a priority of 0 or more. Hooks message, message_undelivered and session_presence; keeps the store offline.
 */
#include <couplet/module.h>

struct offline_config {
	int64_t max_messages;
};
static const struct cpl_option offline_options[] = {
	CPL_OPT_INT(struct offline_config, max_messages, "1000", "1", "1000000", CPL_RELOADABLE,
		    "The most messages kept for an account; more are refused to their senders."),
	CPL_OPT_END,
};

CPL_CONTENT_NAME(name_body, "body");
CPL_NAME(name_delay, "urn:xmpp:delay", "delay");
CPL_NAME(name_store, "urn:xmpp:hints", "store");
CPL_NAME(name_no_store, "urn:xmpp:hints", "no-store");
CPL_NAME(name_messages, "urn:xmpp:pie:0", "offline-messages");
static struct cpl_name *const offline_names[] = {&name_body, &name_delay, &name_store, &name_no_store, &name_messages, NULL};

static const struct cpl_column offline_columns[] = {{"stanza", CPL_COLUMN_STANZA, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store offline_store = {"offline", CPL_STORE_ARCHIVE, 1, offline_columns, NULL};
static const struct cpl_store *const offline_stores[] = {&offline_store, NULL};

/* What is known of an account's messages while it is in memory. */
struct offline_state {
	int32_t count;    /* meaningful when counted; an account in memory should need little for having none */
	uint16_t waiting; /* messages that wait to hear how many there are, at most WAITING_MAX: each that comes then waits behind them */
	bool counted : 1;
	bool flushing : 1;
	bool added : 1;   /* while flushing: something that the present read may not have seen */
};
CPL_SLOT(offline_slot, USER, struct offline_state, 3, NULL);
static struct cpl_slot *const offline_slots[] = {&offline_slot, NULL};

/* Rows that are read, handed over and removed at a time. */
enum { FLUSH_ROWS = 100 };
/* More are refused. */
enum { WAITING_MAX = 10000 };

static bool can_take(const struct cpl_session *session)
{
	return session->conn && !session->closing && session->presence && session->priority >= 0;
}

static void flush_start(struct cpl_session *session);

/* ---- keeping ---- */

struct keeping {
	struct cpl_store_call commit;
	struct cpl_store_call counting;
	struct cpl_stanza *stanza; /* held until the commit */
	struct cpl_user *user;     /* referenced */
	struct cpl_module *self;
};

static void keeping_end(struct keeping *keeping)
{
	cpl_stanza_release(&keeping->stanza);
	cpl_user_unref(&keeping->user);
	cpl_free(keeping);
}

static void keeping_failed(struct keeping *keeping, int status, const char *reason)
{
	cpl_log(cpl_commit_log_level(status), "offline message cannot be kept jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(keeping->user->jid)), reason);
	cpl_bounce(keeping->stanza, status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR, NULL);
	keeping_end(keeping);
}

static void kept(struct cpl_call *call)
{
	struct keeping *keeping = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct keeping, commit);
	struct offline_state *state = CPL_SLOT_MAKE(keeping->user, offline_slot);

	if (call->status != 0) {
		state->count--;
		keeping_failed(keeping, call->status, keeping->commit.error);
		return;
	}
	/* Somebody may have become available, and have been told that nothing is here, while this was on its way to the disk. */
	CPL_SESSIONS(session, keeping->user)
	{
		if (!can_take(session))
			continue;
		flush_start(session);
		break;
	}
	keeping_end(keeping);
}

static void keep(struct keeping *keeping)
{
	struct cpl_stanza *copy = cpl_stanza_copy(keeping->stanza);
	struct cpl_element *delay = cpl_add(copy, copy->root, &name_delay);
	struct offline_state *state = CPL_SLOT_MAKE(keeping->user, offline_slot);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_buf text = {0};
	struct cpl_value value;
	char stamp[CPL_TIME_TEXT];
	int status;

	cpl_attr_set(copy, delay, "from", keeping->user->host->name);
	cpl_attr_set(copy, delay, "stamp", cpl_time_format(cpl_now(), stamp));
	cpl_stanza_write(copy, CPL_NS_CLIENT, &text);
	value = CPL_BYTES(cpl_buf_str(&text));
	cpl_batch_append(batch, &offline_store, keeping->user->jid, cpl_now(), keeping->stanza->from, &value);
	status = cpl_batch_commit(&keeping->commit, &keeping->user->scope, &batch, kept);
	cpl_buf_finish(&text);
	cpl_stanza_unref(&copy);
	state->added = true;
	if (status == 0)
		state->count++;
	else
		keeping_failed(keeping, status, cpl_code_text(status));
}

/* True when there is room; what is on its way to disk is counted. */
static bool has_room(const struct keeping *keeping)
{
	const struct offline_state *state = CPL_SLOT_MAKE(keeping->user, offline_slot);

	return state->count < CPL_CONFIG(keeping->self, keeping->user->host, struct offline_config)->max_messages;
}

static void counted(struct cpl_call *call)
{
	struct keeping *keeping = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct keeping, counting);
	struct offline_state *state = CPL_SLOT_MAKE(keeping->user, offline_slot);

	/* A module of another layout may have been here before a reload. */
	state->waiting -= state->waiting > 0;
	if (call->status != 0) {
		keeping_failed(keeping, call->status, keeping->counting.error);
		return;
	}
	if (!state->counted) {
		state->count += (int32_t)keeping->counting.total; /* at most the largest max_messages */
		state->counted = true;
	}
	if (has_room(keeping)) {
		keep(keeping);
		return;
	}
	cpl_bounce(keeping->stanza, CPL_SERVICE_UNAVAILABLE, NULL);
	keeping_end(keeping);
}

/* XEP-0160 3 and XEP-0334 3: text that a person wrote, unless a hint says otherwise; no-permanent-store is about archives. */
static bool worth_keeping(const struct cpl_stanza *stanza)
{
	if (cpl_child(stanza->root, &name_no_store))
		return false;
	return cpl_child(stanza->root, &name_body) || cpl_child(stanza->root, &name_store);
}

static enum cpl_flow on_undelivered(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_archive_query all = {.limit = 1};
	struct offline_state *state;
	struct keeping *keeping;
	int status;

	if (!ev->user)
		return CPL_NEXT;
	/* A typing notice and the like is of no use later, and its sender wants no error. */
	if (!worth_keeping(ev->stanza))
		return cpl_first_child(ev->stanza->root) && !cpl_child(ev->stanza->root, &name_body) ? CPL_HANDLED : CPL_NEXT;
	keeping = CPL_NEW(struct keeping);
	keeping->stanza = ev->stanza;
	cpl_stanza_hold(ev->stanza);
	keeping->user = cpl_user_ref(ev->user);
	keeping->self = self;
	state = CPL_SLOT_MAKE(ev->user, offline_slot);
	if (state->counted && !state->waiting && has_room(keeping)) {
		keep(keeping);
		return CPL_HANDLED;
	}
	if ((state->counted && !state->waiting) || state->waiting == WAITING_MAX) {
		keeping_end(keeping);
		return CPL_NEXT;
	}
	/* The answers come in the order of the questions. */
	status = cpl_archive_count(&keeping->counting, &ev->user->scope, &offline_store, ev->user->jid, &all, counted);
	if (status == 0)
		state->waiting++;
	else
		keeping_failed(keeping, status, cpl_code_text(status));
	return CPL_HANDLED;
}

/* While the older messages are on their way to the client, a new one waits behind them. */
static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct offline_state *state = ev->user ? CPL_SLOT_GET(ev->user, offline_slot) : NULL;
	enum cpl_type type = ev->stanza->type;

	if (!state || !state->flushing || ev->target == CPL_TARGET_FULL || !worth_keeping(ev->stanza) ||
	    (type != CPL_TYPE_NONE && type != CPL_TYPE_NORMAL && type != CPL_TYPE_CHAT))
		return CPL_NEXT;
	return on_undelivered(self, ev);
}

/* ---- handing over ---- */

struct flush {
	struct cpl_store_call read;
	struct cpl_store_call purge;
	struct cpl_session *session; /* referenced */
	struct cpl_user *user;       /* referenced */
};

static void flush_read(struct flush *flush);

/* The session has gone, and others of the account were told to wait for it: one of them goes on in its place. False: there is none. */
static bool flush_pass_on(struct flush *flush)
{
	if (can_take(flush->session))
		return true;
	CPL_SESSIONS(session, flush->user)
	{
		if (!can_take(session))
			continue;
		cpl_session_unref(&flush->session);
		flush->session = cpl_session_ref(session);
		return true;
	}
	return false;
}

static void flush_end(struct flush *flush)
{
	struct offline_state *state = CPL_SLOT_MAKE(flush->user, offline_slot);

	state->flushing = false;
	cpl_session_unref(&flush->session);
	cpl_user_unref(&flush->user);
	cpl_free(flush);
}

static void flush_purged(struct cpl_call *call)
{
	struct flush *flush = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct flush, purge);

	if (call->status != 0)
		cpl_log(cpl_commit_log_level(call->status), "offline messages that were delivered cannot be removed jid=%.*s reason=%s",
			CPL_ARG(cpl_jid_str(flush->user->jid)), flush->purge.error);
	if (call->status == 0)
		flush_read(flush);
	else
		flush_end(flush);
}

static void flush_rows(struct cpl_call *call)
{
	struct flush *flush = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct flush, read);
	struct offline_state *state = CPL_SLOT_MAKE(flush->user, offline_slot);
	struct cpl_batch *batch;
	size_t sent = 0;

	if (call->status == 0 && flush->read.count == 0 && state->added && flush_pass_on(flush)) {
		flush_read(flush);
		return;
	}
	if (call->status != 0 || flush->read.count == 0) {
		if (call->status == 0 && !state->counted && !state->added)
			state->counted = true;
		if (call->status != 0 && call->status != CPL_E_CANCELLED)
			cpl_log_error("offline messages cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(flush->user->jid)),
				      flush->read.error);
		flush_end(flush);
		return;
	}
	for (; sent < flush->read.count && flush_pass_on(flush); sent++) {
		struct cpl_error error;
		struct cpl_stanza *stanza = cpl_stanza_read(flush->read.rows[sent].values[0].bytes, &error);

		/* What was kept before its sender was blocked goes away with the others. */
		if (stanza && !cpl_user_blocks(flush->user, stanza->from))
			cpl_session_send(flush->session, stanza);
		else if (!stanza)
			cpl_log_error("stored message cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(flush->user->jid)), error.text);
		cpl_stanza_unref(&stanza);
	}
	if (sent == 0) {
		flush_end(flush);
		return;
	}
	if (state->counted)
		state->count -= (int32_t)sent;
	batch = cpl_batch_create();
	cpl_batch_purge(batch, &offline_store, flush->user->jid, flush->read.rows[0].id, flush->read.rows[sent - 1].id);
	flush->purge = (struct cpl_store_call){0};
	if (cpl_batch_commit(&flush->purge, &flush->user->scope, &batch, flush_purged) != 0)
		flush_end(flush);
}

static void flush_read(struct flush *flush)
{
	const struct cpl_archive_query first = {.limit = FLUSH_ROWS};

	flush->read = (struct cpl_store_call){0};
	CPL_SLOT_MAKE(flush->user, offline_slot)->added = false;
	if (cpl_archive_query(&flush->read, &flush->user->scope, &offline_store, flush->user->jid, &first, flush_rows) != 0)
		flush_end(flush);
}

static void flush_start(struct cpl_session *session)
{
	struct offline_state *state = CPL_SLOT_MAKE(session->user, offline_slot);
	struct flush *flush;

	if (state->flushing)
		return;
	state->flushing = true;
	flush = CPL_NEW(struct flush);
	flush->session = cpl_session_ref(session);
	flush->user = cpl_user_ref(session->user);
	flush_read(flush);
}

static void on_session_presence(struct cpl_module *self, struct cpl_ev_session *ev)
{
	const struct offline_state *state = CPL_SLOT_GET(ev->session->user, offline_slot);

	if (ev->session->priority >= 0 && !(state && state->counted && state->count <= 0))
		flush_start(ev->session);
}

/* ---- moving with the account (XEP-0227 3.5) ---- */

static void write_message(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_error error;
	struct cpl_stanza *stanza = cpl_stanza_read(row->values[0].bytes, &error);

	if (stanza)
		cpl_add_stanza(out, parent, stanza);
	else
		cpl_log_error("stored message cannot be read jid=%.*s reason=%s", CPL_ARG(row->account), error.text);
	cpl_stanza_unref(&stanza);
}

/* When it was sent: the first stamp, which the first server that kept it has made. */
static int64_t sent_at(const struct cpl_stanza *stanza)
{
	const struct cpl_element *delay = cpl_child(stanza->root, &name_delay);
	int64_t when;

	return delay && cpl_time_parse(cpl_attr_get(delay, "stamp"), &when) ? when : cpl_now();
}

static void read_message(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_stanza *stanza = cpl_stanza_restore(e);
	struct cpl_buf text = {0};
	struct cpl_value value;
	struct cpl_jid from;

	if (!stanza || stanza->kind != CPL_MESSAGE) {
		cpl_import_fault(in, "an offline message is no <message/> of jabber:client, or has an address that is none");
		cpl_stanza_unref(&stanza);
		return;
	}
	cpl_stanza_write(stanza, CPL_NS_CLIENT, &text);
	value = CPL_BYTES(cpl_arena_copy(cpl_import_arena(in), cpl_buf_str(&text)));
	from = stanza->from;
	if (cpl_jid_is_set(from))
		from.text = cpl_arena_copy(cpl_import_arena(in), cpl_jid_str(from)).ptr;
	cpl_import_append(in, sent_at(stanza), from, &value);
	cpl_buf_finish(&text);
	cpl_stanza_unref(&stanza);
}

static const struct cpl_transfer_row offline_transfers[] = {
	{.store = &offline_store, .what = "offline messages", .element = &name_messages, .list = true, .write = write_message, .read = read_message},
	CPL_TRANSFER_END,
};

static const struct cpl_event_row offline_events[] = {
	CPL_ON(message, on_message, FEATURE, 0),
	CPL_ON(message_undelivered, on_undelivered, DELIVER, 0),
	CPL_ON(session_presence, on_session_presence, DELIVER, 0),
	CPL_ON_END,
};

static const struct cpl_feature_row offline_features[] = {{"msgoffline", CPL_OF_HOST}, {NULL, 0}};

CPL_MODULE(offline) = {
	CPL_MODULE_HEAD("offline", "1.0", "Messages for accounts that are offline (XEP-0160)"),
	.names = offline_names,
	.options = offline_options,
	.config_size = sizeof(struct offline_config),
	.events = offline_events,
	.features = offline_features,
	.stores = offline_stores,
	.slots = offline_slots,
	.transfers = offline_transfers,
};
