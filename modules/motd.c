/* SPDX-License-Identifier: MIT */
/*
 * Message of the day: a text that every account gets once, at its next login or, if it is connected, when the text is set. It is set by command, which is kept, or by an option,
 * which holds where no command has set one. What an account has got is kept before the message is sent. Hooks session_available; keeps the stores motd and motd_seen.
 */
#include <couplet/module.h>

#include <openssl/evp.h>

enum { TEXT_MAX = 32768, MARK_BYTES = 8, MARK_TEXT = 2 * MARK_BYTES };

struct motd_config {
	struct cpl_str text;
};
static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct motd_config, text, NULL, CPL_RELOADABLE, "The message of the day, unless coupletctl motd set has set another."),
	CPL_OPT_END,
};

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	struct cpl_str text = ((const struct motd_config *)values)->text;

	if (text.len > TEXT_MAX || !cpl_str_is_xml(text))
		fault(data, "text", "is longer than 32768 bytes or has characters that XML forbids");
}

CPL_CONTENT_NAME(body_name, "body");
static struct cpl_name *const names[] = {&body_name, NULL};

/* A host's own row: the text that a command has set. */
static const struct cpl_column text_columns[] = {{"text", CPL_COLUMN_TEXT, false}, {"since", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store text_store = {"motd", CPL_STORE_KEYVAL, 1, text_columns, NULL};
/* An account's row: the mark of the text that it has got. */
static const struct cpl_column seen_columns[] = {{"mark", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store seen_store = {"motd_seen", CPL_STORE_KEYVAL, 1, seen_columns, NULL};
static const struct cpl_store *const stores[] = {&text_store, &seen_store, NULL};

/* ---- the text ---- */

struct motd {
	char *text; /* that a command has set; NULL: none */
	int64_t since;
	bool known; /* the store has been read */
};

static void motd_release(void *data)
{
	struct motd *motd = data;

	cpl_free(motd->text);
	cpl_free(motd);
}
CPL_SLOT(motd_slot, HOST, struct motd, 1, motd_release);

/* What is in force, or CPL_NONE. */
static struct cpl_str text_of(struct cpl_module *self, const struct cpl_host *host)
{
	const struct motd *motd = CPL_SLOT_GET(host, motd_slot);

	if (!motd || !motd->known)
		return CPL_NONE;
	if (motd->text)
		return cpl_str_of(motd->text);
	return CPL_CONFIG(self, host, struct motd_config)->text;
}

/* The same text has the same mark for good. */
static void mark_of(struct cpl_str text, char mark[MARK_TEXT + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	static const char digits[] = "0123456789abcdef";

	EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < MARK_BYTES; i++) {
		mark[2 * i] = digits[digest[i] >> 4];
		mark[2 * i + 1] = digits[digest[i] & 15];
	}
	mark[MARK_TEXT] = '\0';
}

/* ---- telling an account ---- */

/* While the account is in memory. */
struct seen {
	char mark[MARK_TEXT + 1]; /* of the text that it has got; empty: not known */
	bool busy;
};
CPL_SLOT(seen_slot, USER, struct seen, 1, NULL);

struct telling {
	struct cpl_store_call call;
	struct cpl_module *self;
	struct cpl_user *user;       /* referenced */
	struct cpl_session *session; /* referenced; where it logged in */
	char mark[MARK_TEXT + 1];
	char *text;
};

static void tell(struct cpl_module *self, struct cpl_user *user, struct cpl_session *session);

static void send_text(struct telling *telling)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
	struct cpl_session *session = telling->session;
	char id[CPL_ID_TEXT];

	cpl_stanza_set_from(message, telling->user->host->jid);
	cpl_stanza_set_to(message, cpl_session_can_receive(session) ? session->jid : telling->user->jid);
	cpl_stanza_set_id(message, cpl_random_id(id));
	cpl_add_with_text(message, message->root, &body_name, cpl_str_of(telling->text));
	cpl_send(&message);
}

/* Another text may have come meanwhile. */
static void telling_end(struct telling *telling, bool again)
{
	CPL_SLOT_MAKE(telling->user, seen_slot)->busy = false;
	if (again && cpl_session_can_receive(telling->session))
		tell(telling->self, telling->user, telling->session);
	cpl_user_unref(&telling->user);
	cpl_session_unref(&telling->session);
	cpl_free(telling->text);
	cpl_free(telling);
}

static void telling_failed(struct telling *telling, int status, const char *reason)
{
	if (status != CPL_E_CANCELLED && status != CPL_E_STOPPING && !telling->user->removed)
		cpl_log(cpl_commit_log_level(status), "message of the day not sent jid=%.*s reason=\"%s\"", CPL_ARG(cpl_jid_str(telling->user->jid)), reason);
	telling_end(telling, false);
}

static void on_kept(struct cpl_call *call)
{
	struct telling *telling = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct telling, call);
	struct seen *seen = CPL_SLOT_MAKE(telling->user, seen_slot);

	if (call->status != 0) {
		telling_failed(telling, call->status, telling->call.error);
		return;
	}
	memcpy(seen->mark, telling->mark, sizeof(seen->mark));
	send_text(telling);
	telling_end(telling, true);
}

static void keep_mark(struct telling *telling)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_BYTES(cpl_str_of(telling->mark));
	int status;

	cpl_batch_set(batch, &seen_store, telling->user->jid, CPL_NONE, &value);
	status = cpl_batch_commit(&telling->call, &telling->user->scope, &batch, on_kept);
	if (status != 0)
		telling_failed(telling, status, cpl_code_text(status));
}

static void on_seen(struct cpl_call *call)
{
	struct telling *telling = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct telling, call);
	struct seen *seen = CPL_SLOT_MAKE(telling->user, seen_slot);

	if (call->status != 0) {
		telling_failed(telling, call->status, telling->call.error);
		return;
	}
	if (telling->call.count && cpl_str_is(telling->call.rows[0].values[0].bytes, telling->mark)) {
		memcpy(seen->mark, telling->mark, sizeof(seen->mark));
		telling_end(telling, true);
		return;
	}
	keep_mark(telling);
}

static void tell(struct cpl_module *self, struct cpl_user *user, struct cpl_session *session)
{
	struct cpl_str text = text_of(self, user->host);
	struct seen *seen = CPL_SLOT_MAKE(user, seen_slot);
	struct telling *telling;
	char mark[MARK_TEXT + 1];
	int status;

	if (text.len == 0 || seen->busy)
		return;
	mark_of(text, mark);
	if (strcmp(mark, seen->mark) == 0)
		return;
	seen->busy = true;
	telling = CPL_NEW(struct telling);
	telling->self = self;
	telling->user = cpl_user_ref(user);
	telling->session = cpl_session_ref(session);
	telling->text = cpl_strdup(text);
	memcpy(telling->mark, mark, sizeof(mark));
	status = cpl_store_get(&telling->call, &user->scope, &seen_store, user->jid, CPL_NONE, on_seen);
	if (status != 0)
		telling_failed(telling, status, cpl_code_text(status));
}

static void on_available(struct cpl_module *self, struct cpl_ev_session *ev)
{
	tell(self, ev->session->user, ev->session);
}

/* ---- telling those who are there ---- */

struct walk {
	struct cpl_online_call online;
	struct cpl_module *self;
};

static void tell_one(struct cpl_online_call *request, struct cpl_user *user)
{
	CPL_SESSIONS(session, user)
		if (cpl_session_is_available(session) && cpl_session_can_receive(session)) {
			tell(CPL_CONTAINER(request, struct walk, online)->self, user, session);
			break;
		}
}

static void walk_done(struct cpl_call *call)
{
	cpl_free(CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_online_call, call), struct walk, online));
}

static void tell_all(struct cpl_module *self, struct cpl_host *host)
{
	struct walk *walk;

	if (text_of(self, host).len == 0)
		return;
	walk = CPL_NEW(struct walk);
	walk->self = self;
	if (cpl_online_each(&walk->online, &host->scope, host, tell_one, walk_done) != 0)
		cpl_free(walk);
}

/* ---- reading the text at the start ---- */

struct reading {
	struct cpl_store_call call;
	struct cpl_module *self;
	struct cpl_host *host; /* the scope */
};

static void on_read(struct cpl_call *call)
{
	struct reading *reading = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct reading, call);
	struct cpl_host *host = reading->host;

	if (call->status == 0) {
		struct motd *motd = CPL_SLOT_MAKE(host, motd_slot);

		/* A command may have been faster. */
		if (!motd->known && reading->call.count) {
			motd->text = cpl_strdup(reading->call.rows[0].values[0].bytes);
			motd->since = reading->call.rows[0].values[1].integer;
		}
		motd->known = true;
		tell_all(reading->self, host);
	} else if (call->status != CPL_E_CANCELLED) {
		cpl_log_error("message of the day cannot be read host=%.*s reason=\"%s\"", CPL_ARG(host->name), reading->call.error);
	}
	cpl_free(reading);
}

static void start(struct cpl_module *self, struct cpl_host *host)
{
	const struct motd *motd = CPL_SLOT_GET(host, motd_slot);
	struct reading *reading;

	if (host->component || (motd && motd->known))
		return;
	reading = CPL_NEW(struct reading);
	reading->self = self;
	reading->host = host;
	if (cpl_store_get(&reading->call, &host->scope, &text_store, host->jid, CPL_NONE, on_read) != 0)
		cpl_free(reading);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	if (host)
		tell_all(self, host);
}

/* ---- commands ---- */

/* Memory of the invocation. */
struct change {
	struct cpl_store_call call;
	struct cpl_invocation *in;
	struct cpl_module *self;
	struct cpl_str host, text; /* text CPL_NONE: cleared */
	int64_t since;
};

static void on_changed(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct change, call);
	struct cpl_host *host = cpl_host_find(change->host);
	struct motd *motd;

	if (call->status != 0) {
		cpl_refuse(change->in, "the message of the day cannot be kept: %s", change->call.error);
		return;
	}
	if (host) {
		motd = CPL_SLOT_MAKE(host, motd_slot);
		cpl_free(motd->text);
		motd->text = change->text.ptr ? cpl_strdup(change->text) : NULL;
		motd->since = change->since;
		motd->known = true;
		tell_all(change->self, host);
	}
	cpl_done(change->in);
}

/* text CPL_NONE: what a command has set is taken away. */
static void change_text(struct cpl_module *self, struct cpl_invocation *in, struct cpl_str text)
{
	struct change *change = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*change));
	struct cpl_value values[2] = {CPL_BYTES(text), CPL_INTEGER(cpl_now())};
	struct cpl_host *host = cpl_arg_host(in, 0);
	struct cpl_batch *batch;
	int status;

	*change = (struct change){.in = in, .self = self, .text = text, .since = cpl_now()};
	if (!host || host->component) {
		cpl_refuse(in, "%.*s has no accounts", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	change->host = cpl_arena_copy(cpl_invocation_arena(in), host->name);
	batch = cpl_batch_create();
	if (text.ptr)
		cpl_batch_set(batch, &text_store, host->jid, CPL_NONE, values);
	else
		cpl_batch_remove(batch, &text_store, host->jid, CPL_NONE);
	status = cpl_batch_commit(&change->call, cpl_invocation_scope(in), &batch, on_changed);
	if (status != 0)
		cpl_refuse(in, "the message of the day cannot be kept: %s", cpl_code_text(status));
}

static void run_set(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str text = cpl_arg(in, 1);

	if (cpl_str_trim(text).len == 0 || text.len > TEXT_MAX || !cpl_str_is_xml(text))
		cpl_refuse(in, "the text is empty, longer than %d bytes or has characters that XML forbids", TEXT_MAX);
	else
		change_text(self, in, text);
}

static void run_clear(struct cpl_module *self, struct cpl_invocation *in)
{
	change_text(self, in, CPL_NONE);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_host *host = cpl_arg_host(in, 0);
	const struct motd *motd = host ? CPL_SLOT_GET(host, motd_slot) : NULL;
	struct cpl_str text = host ? text_of(self, host) : CPL_NONE;
	char since[CPL_TIME_TEXT];

	if (!host || host->component) {
		cpl_refuse(in, "%.*s has no accounts", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	if (text.len) {
		cpl_row_begin(in);
		cpl_row_text(in, text);
		cpl_row_text(in, motd->text ? CPL_STR("command") : CPL_STR("option"));
		cpl_row_text(in, motd->text ? cpl_time_format(motd->since, since) : CPL_NONE);
		cpl_row_end(in);
	}
	cpl_done(in);
}

static const struct cpl_command commands[] = {
	{"motd set <host> <text>", "Sets a host's message of the day.",
	 "Each account gets it once: those that are connected now, the others at their next login. A text that an account has got last is not sent to it again.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_set},
	{"motd show <host>", "Shows a host's message of the day.", "Nothing is printed when there is none. The source is command, with the time, or option.", "text,source,since",
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_show},
	{"motd clear <host>", "Takes away the message of the day that a command has set.", "The one of the option text, if there is one, is in force again.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_clear},
	CPL_COMMAND_END,
};

static struct cpl_slot *const slots[] = {&motd_slot, &seen_slot, NULL};

static const struct cpl_event_row events[] = {
	CPL_ON(session_available, on_available, OBSERVE, 0),
	CPL_ON_END,
};

CPL_MODULE(motd) = {
	CPL_MODULE_HEAD("motd", "1.0", "Message of the day"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct motd_config),
	.check = check,
	.events = events,
	.commands = commands,
	.stores = stores,
	.slots = slots,
	.start = start,
	.reconfigure = reconfigure,
};
