/* SPDX-License-Identifier: MIT */
/* A message from the host to whoever gets a new account. Hooks account_created. */
#include <couplet/module.h>

/* Of a text that a command sets. */
enum { TEXT_MAX = 32768 };

struct welcome_config {
	struct cpl_str text;
	struct cpl_str subject;
};
static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct welcome_config, text, "Welcome to {host}, {user}.", CPL_RELOADABLE,
		       "What a new account is told; {user}, {host} and {jid} stand for its parts."),
	CPL_OPT_STRING(struct welcome_config, subject, NULL, CPL_RELOADABLE, "The heading of the message."),
	CPL_OPT_END,
};

CPL_CONTENT_NAME(subject_name, "subject");
CPL_CONTENT_NAME(body_name, "body");
static struct cpl_name *const names[] = {&subject_name, &body_name, NULL};

static const struct cpl_column columns[] = {
	{"text", CPL_COLUMN_TEXT, false}, /* in place of the option's */
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store welcome = {"welcome", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&welcome, NULL};

/* ---- the message ---- */

static void add_filled(struct cpl_buf *out, struct cpl_str text, struct cpl_jid account)
{
	const struct {
		struct cpl_str mark, value;
	} marks[] = {{CPL_STR("{user}"), cpl_jid_local(account)}, {CPL_STR("{host}"), cpl_jid_domain(account)}, {CPL_STR("{jid}"), cpl_jid_str(account)}};

	while (text.len) {
		size_t taken = 0;

		for (size_t i = 0; i < 3 && !taken; i++)
			if (cpl_str_starts(text, marks[i].mark)) {
				cpl_buf_add(out, marks[i].value);
				taken = marks[i].mark.len;
			}
		if (!taken)
			cpl_buf_add_char(out, text.ptr[taken++]);
		text = (struct cpl_str){text.ptr + taken, text.len - taken};
	}
}

static void send_welcome(const struct welcome_config *config, struct cpl_str text, struct cpl_jid account)
{
	struct cpl_stanza *message;
	struct cpl_buf filled = {0};

	if (!text.len)
		return;
	message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
	cpl_stanza_set_from(message, cpl_jid_host(account));
	cpl_stanza_set_to(message, account);
	if (config->subject.len) {
		add_filled(&filled, config->subject, account);
		cpl_add_with_text(message, message->root, &subject_name, cpl_buf_str(&filled));
		cpl_buf_clear(&filled);
	}
	add_filled(&filled, text, account);
	cpl_add_with_text(message, message->root, &body_name, cpl_buf_str(&filled));
	cpl_buf_finish(&filled);
	cpl_send(&message);
}

struct greeting {
	struct cpl_store_call store;
	struct cpl_module *self;
	struct cpl_jid account;
};

static void on_text(struct cpl_call *call)
{
	struct greeting *greeting = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct greeting, store);
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(greeting->account));
	const struct welcome_config *config = host ? CPL_CONFIG(greeting->self, host, struct welcome_config) : NULL;

	if (call->status == 0 && config)
		send_welcome(config, greeting->store.count ? greeting->store.rows->values[0].bytes : config->text, greeting->account);
	else if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log_error("a new account is not welcomed account=%.*s reason=%s", CPL_ARG(cpl_jid_str(greeting->account)), greeting->store.error);
	cpl_jid_free(&greeting->account);
	cpl_free(greeting);
}

static void on_created(struct cpl_module *self, struct cpl_ev_account *ev)
{
	struct greeting *greeting;

	if (ev->origin == CPL_ORIGIN_IMPORT)
		return;
	greeting = CPL_NEW(struct greeting);
	greeting->self = self;
	greeting->account = cpl_jid_dup(ev->jid);
	if (cpl_store_get(&greeting->store, &ev->host->scope, &welcome, ev->host->jid, CPL_NONE, on_text) != 0) {
		cpl_jid_free(&greeting->account);
		cpl_free(greeting);
	}
}

static const struct cpl_event_row events[] = {
	CPL_ON(account_created, on_created, FEATURE, 0),
	CPL_ON_END,
};

/* ---- commands ---- */

struct editing {
	struct cpl_store_call store;
	struct cpl_module *self;
	struct cpl_invocation *in;
};

static void on_edited(struct cpl_call *call)
{
	struct editing *editing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct editing, store);

	if (call->status == 0)
		cpl_done(editing->in);
	else
		cpl_refuse(editing->in, "the text cannot be written: %s", cpl_code_text(call->status));
	cpl_free(editing);
}

static void edit(struct cpl_invocation *in, struct cpl_str text)
{
	struct editing *editing = CPL_NEW(struct editing);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_jid host = cpl_arg_host(in, 0)->jid;
	int status;

	editing->in = in;
	if (text.ptr)
		cpl_batch_set(batch, &welcome, host, CPL_NONE, &CPL_BYTES(text));
	else
		cpl_batch_remove(batch, &welcome, host, CPL_NONE);
	status = cpl_batch_commit(&editing->store, cpl_invocation_scope(in), &batch, on_edited);
	if (status != 0) {
		cpl_refuse(in, "the text cannot be written: %s", cpl_code_text(status));
		cpl_free(editing);
	}
}

static void run_set(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str text = cpl_arg(in, 1);

	if (cpl_str_trim(text).len == 0 || text.len > TEXT_MAX || !cpl_str_is_xml(text))
		cpl_refuse(in, "the text is empty, longer than %d bytes or has characters that XML forbids", TEXT_MAX);
	else
		edit(in, text);
}

static void run_reset(struct cpl_module *self, struct cpl_invocation *in)
{
	edit(in, CPL_NONE);
}

static void on_shown(struct cpl_call *call)
{
	struct editing *editing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct editing, store);
	const struct welcome_config *config = CPL_CONFIG(editing->self, cpl_arg_host(editing->in, 0), struct welcome_config);
	struct cpl_str text = config ? config->text : CPL_NONE;

	if (call->status == 0 && editing->store.count)
		text = editing->store.rows->values[0].bytes;
	if (call->status == 0) {
		cpl_say(editing->in, "%.*s", CPL_ARG(text));
		cpl_done(editing->in);
	} else {
		cpl_refuse(editing->in, "the text cannot be read: %s", editing->store.error);
	}
	cpl_free(editing);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	struct editing *editing = CPL_NEW(struct editing);
	int status;

	editing->in = in;
	editing->self = self;
	status = cpl_store_get(&editing->store, cpl_invocation_scope(in), &welcome, cpl_arg_host(in, 0)->jid, CPL_NONE, on_shown);
	if (status != 0) {
		cpl_refuse(in, "the text cannot be read: %s", cpl_code_text(status));
		cpl_free(editing);
	}
}

static const struct cpl_command commands[] = {
	{"welcome show <host>", "Show what new accounts are told.", NULL, NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_show},
	{"welcome set <host> <text>", "Tell new accounts this, whatever the configuration says.", NULL, NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN),
	 run_set},
	{"welcome reset <host>", "Tell new accounts again what the configuration says.", NULL, NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_reset},
	CPL_COMMAND_END,
};

CPL_MODULE(welcome) = {
	CPL_MODULE_HEAD("welcome", "1.0", "A message to new accounts"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct welcome_config),
	.events = events,
	.commands = commands,
	.stores = stores,
};
