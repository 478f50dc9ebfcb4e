/* SPDX-License-Identifier: MIT */
/*
 * Ad-Hoc Commands (XEP-0050): the commands of coupletctl, for those who may run them. A command's node is its words; one that wants to know something is run in two steps, with a form
 * (XEP-0004) in the first. Hooks disco_info and disco_items; takes the IQ `command` to the host.
 */
#include "modules/adhoc/adhoc.h"

#define NS_COMMANDS "http://jabber.org/protocol/commands"
#define NS_INFO	    "http://jabber.org/protocol/disco#info"
#define NS_ITEMS    "http://jabber.org/protocol/disco#items"

enum { EXPIRY_MS = 600000 };

struct adhoc_config {
	int64_t max_rows;
	int64_t sessions;
	int64_t sessions_per_account;
};
static const struct cpl_option adhoc_options[] = {
	CPL_OPT_INT(struct adhoc_config, max_rows, "500", "1", "10000", CPL_RELOADABLE, "The most rows of a table that an answer has."),
	CPL_OPT_INT(struct adhoc_config, sessions, "1000", "1", "100000", CPL_RELOADABLE,
		    "Forms of a host in all that wait to be filled in; the oldest gives way."),
	CPL_OPT_INT(struct adhoc_config, sessions_per_account, "8", "1", "1000", CPL_RELOADABLE,
		    "Forms of one account that wait to be filled in; the oldest gives way."),
	CPL_OPT_END,
};

CPL_NAME(command_name, NS_COMMANDS, "command");
CPL_NAME(actions_name, NS_COMMANDS, "actions");
CPL_NAME(complete_name, NS_COMMANDS, "complete");
CPL_NAME(note_name, NS_COMMANDS, "note");
CPL_NAME(malformed_action, NS_COMMANDS, "malformed-action");
CPL_NAME(bad_action, NS_COMMANDS, "bad-action");
CPL_NAME(bad_payload, NS_COMMANDS, "bad-payload");
CPL_NAME(bad_sessionid, NS_COMMANDS, "bad-sessionid");
CPL_NAME(session_expired, NS_COMMANDS, "session-expired");
CPL_NAME(items_item, NS_ITEMS, "item");
CPL_NAME(info_identity, NS_INFO, "identity");
CPL_NAME(info_feature, NS_INFO, "feature");
CPL_CONTENT_NAME(error_name, "error");

/* A form that was handed out and has not come back for good. */
struct form_session {
	struct cpl_list node; /* oldest first */
	char id[CPL_ID_TEXT];
	struct cpl_jid owner; /* full */
	char *words;
	int64_t since; /* monotonic */
	bool running;
};

/* The forms of a host. They stay where they are when the module is reloaded; a change of struct form_session needs another layout number, too. */
struct adhoc {
	struct cpl_list sessions;
	size_t count;
};

/* ---- sessions ---- */

static void session_drop(struct adhoc *adhoc, struct form_session *session)
{
	cpl_list_remove(&session->node);
	adhoc->count--;
	cpl_jid_free(&session->owner);
	cpl_free(session->words);
	cpl_free(session);
}

static void release(void *data)
{
	struct adhoc *adhoc = data;

	while (!cpl_list_empty(&adhoc->sessions))
		session_drop(adhoc, CPL_CONTAINER(adhoc->sessions.next, struct form_session, node));
	cpl_free(adhoc);
}
CPL_SLOT(adhoc_slot, HOST, struct adhoc, 1, release);
static struct cpl_slot *const slots[] = {&adhoc_slot, NULL};

static struct adhoc *adhoc_of(struct cpl_host *host)
{
	struct adhoc *adhoc = CPL_SLOT_MAKE(host, adhoc_slot);

	if (!adhoc->sessions.next)
		cpl_list_init(&adhoc->sessions);
	return adhoc;
}

/* Makes room: forms nobody came back with, then the oldest of those that are too many. */
static void session_sweep(struct adhoc *adhoc, const struct adhoc_config *config, struct cpl_jid owner)
{
	struct form_session *oldest = NULL;
	int64_t own = 0;

	CPL_LIST_EACH(node, &adhoc->sessions) {
		struct form_session *session = CPL_CONTAINER(node, struct form_session, node);

		if (session->running)
			continue;
		if (cpl_monotonic() - session->since > EXPIRY_MS) {
			session_drop(adhoc, session);
			continue;
		}
		if (!cpl_jid_equal_bare(session->owner, owner))
			continue;
		own++;
		if (!oldest)
			oldest = session;
	}
	if (oldest && own >= config->sessions_per_account)
		session_drop(adhoc, oldest);
	CPL_LIST_EACH(node, &adhoc->sessions) {
		struct form_session *session = CPL_CONTAINER(node, struct form_session, node);

		if ((int64_t)adhoc->count < config->sessions)
			break;
		if (!session->running)
			session_drop(adhoc, session);
	}
}

static struct form_session *session_make(struct cpl_module *self, struct cpl_host *host, struct cpl_jid owner, const char *words)
{
	struct adhoc *adhoc = adhoc_of(host);
	struct form_session *session;

	session_sweep(adhoc, CPL_CONFIG(self, host, struct adhoc_config), owner);
	session = CPL_NEW(struct form_session);
	cpl_random_id(session->id);
	session->owner = cpl_jid_dup(owner);
	session->words = cpl_strdup(cpl_str_of(words));
	session->since = cpl_monotonic();
	cpl_list_append(&adhoc->sessions, &session->node);
	adhoc->count++;
	return session;
}

static struct form_session *session_with(struct adhoc *adhoc, struct cpl_str id)
{
	CPL_LIST_EACH(node, &adhoc->sessions) {
		struct form_session *session = CPL_CONTAINER(node, struct form_session, node);

		if (cpl_str_is(id, session->id))
			return session;
	}
	return NULL;
}

static struct form_session *session_find(struct cpl_host *host, struct cpl_str id, struct cpl_jid owner, const char *words)
{
	struct form_session *session = session_with(adhoc_of(host), id);

	if (!session || !cpl_jid_equal(session->owner, owner) || strcmp(session->words, words) != 0)
		return NULL;
	return cpl_monotonic() - session->since > EXPIRY_MS && !session->running ? NULL : session;
}

/* ---- answers ---- */

/* An error with a condition of XEP-0050's own (table 4). */
static enum cpl_flow refuse(const struct cpl_stanza *request, enum cpl_condition condition, const struct cpl_name *specific, const char *text)
{
	struct cpl_stanza *error = cpl_stanza_error(request, condition, text);

	if (error && specific)
		cpl_add(error, cpl_child(error->root, &error_name), specific);
	cpl_send(&error);
	return CPL_HANDLED;
}

static struct cpl_stanza *answer_begin(const struct cpl_stanza *request, const char *words, const char *id, const char *status, struct cpl_element **command)
{
	struct cpl_stanza *answer = cpl_stanza_result(request);

	*command = cpl_add(answer, answer->root, &command_name);
	cpl_attr_set(answer, *command, "node", cpl_str_of(words));
	cpl_attr_set(answer, *command, "sessionid", cpl_str_of(id));
	cpl_attr_set(answer, *command, "status", cpl_str_of(status));
	return answer;
}

static void add_note(struct cpl_stanza *answer, struct cpl_element *command, const char *type, struct cpl_str text)
{
	text = cpl_str_trim(text);
	if (text.len)
		cpl_attr_set(answer, cpl_add_with_text(answer, command, &note_name, text), "type", cpl_str_of(type));
}

/* ---- running ---- */

struct running {
	struct cpl_command_run run;
	struct cpl_stanza *request;
	struct cpl_host *host;
	char id[CPL_ID_TEXT]; /* of the form, if the command needed one */
	char words[]; /* NUL-terminated */
};

static void answer_run(struct running *running)
{
	const struct cpl_command_run *run = &running->run;
	struct cpl_command_view view;
	struct cpl_element *command;
	struct cpl_stanza *answer = answer_begin(running->request, running->words, running->id, "completed", &command);

	add_note(answer, command, "info", run->text);
	add_note(answer, command, "warn", run->complaints);
	if (run->exit_code)
		add_note(answer, command, "error", run->reason.len ? run->reason : CPL_STR("The command has failed"));
	if (run->cut)
		add_note(answer, command, "warn", CPL_STR("There are more rows than are shown here"));
	if (cpl_command_find(cpl_str_of(running->words), &view))
		form_result(answer, command, &view, run);
	cpl_send(&answer);
}

static void on_run(struct cpl_call *call)
{
	struct running *running = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_command_run, call), struct running, run);
	/* Looked for, as the host or the module may have gone meanwhile. */
	struct adhoc *adhoc = CPL_SLOT_GET(running->host, adhoc_slot);
	struct form_session *session = adhoc ? session_with(adhoc, cpl_str_of(running->id)) : NULL;

	if (call->status != 0) {
		refuse(running->request, CPL_INTERNAL_SERVER_ERROR, NULL, "It is not known whether the command has been carried out");
	} else if (running->run.exit_code == 2 && session) {
		/* The form can be corrected and sent again. */
		session->running = false;
		session = NULL;
		refuse(running->request, CPL_BAD_REQUEST, &bad_payload, running->run.reason.ptr);
	} else {
		answer_run(running);
	}
	if (session)
		session_drop(adhoc, session);
	cpl_stanza_unref(&running->request);
	cpl_free(running);
}

static enum cpl_flow run(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_command_view *view, struct form_session *session,
			 const struct cpl_str *values, struct cpl_str password)
{
	size_t len = strlen(view->words) + 1;
	struct running *running = cpl_alloc(sizeof(*running) + len);
	struct cpl_str words = cpl_str_of(view->words);
	int status;

	running->host = ev->host;
	memcpy(running->words, view->words, len);
	if (session)
		memcpy(running->id, session->id, sizeof(running->id));
	else
		cpl_random_id(running->id);
	status = cpl_command_run(&running->run, &ev->host->scope, words, values, password, ev->stanza->from,
				 (size_t)CPL_CONFIG(self, ev->host, struct adhoc_config)->max_rows, on_run);
	if (status < 0) {
		cpl_free(running);
		return refuse(ev->stanza, status == CPL_E_NOT_FOUND ? CPL_ITEM_NOT_FOUND : CPL_SERVICE_UNAVAILABLE, NULL, NULL);
	}
	if (session)
		session->running = true;
	running->request = cpl_stanza_ref(ev->stanza);
	cpl_log_info("command run command=\"%s\" jid=%.*s", running->words, CPL_ARG(cpl_jid_str(ev->stanza->from)));
	return CPL_HANDLED;
}

/* The first step: runs what needs no form, and hands out the form of what does. */
static enum cpl_flow begin(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_command_view *view)
{
	struct cpl_stanza *answer;
	struct cpl_element *command, *actions;

	if (!form_needed(view))
		return run(self, ev, view, NULL, NULL, CPL_NONE);
	answer = answer_begin(ev->stanza, view->words, session_make(self, ev->host, ev->stanza->from, view->words)->id, "executing", &command);
	actions = cpl_add(answer, command, &actions_name);
	cpl_attr_set(answer, actions, "execute", CPL_STR("complete"));
	cpl_add(answer, actions, &complete_name);
	form_ask(answer, command, view);
	cpl_send(&answer);
	return CPL_HANDLED;
}

/* The second step: the form has come back, or the command is given up. */
static enum cpl_flow go_on(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_command_view *view, const struct cpl_element *command,
			   struct cpl_str id, struct cpl_str action)
{
	struct form_session *session = session_find(ev->host, id, ev->stanza->from, view->words);
	struct cpl_str values[CPL_COMMAND_FIELDS_MAX], password;
	struct cpl_stanza *answer;
	struct cpl_element *element;
	const char *fault;

	if (id.len == 0)
		return refuse(ev->stanza, CPL_BAD_REQUEST, &bad_sessionid, NULL);
	if (!session)
		return refuse(ev->stanza, CPL_NOT_ALLOWED, &session_expired, NULL);
	if (session->running || cpl_str_is(action, "prev"))
		return refuse(ev->stanza, CPL_BAD_REQUEST, &bad_action, NULL);
	if (cpl_str_is(action, "cancel")) {
		answer = answer_begin(ev->stanza, view->words, session->id, "canceled", &element);
		session_drop(adhoc_of(ev->host), session);
		cpl_send(&answer);
		return CPL_HANDLED;
	}
	if (!form_read(command, view, ev->stanza->arena, values, &password, &fault))
		return refuse(ev->stanza, CPL_BAD_REQUEST, &bad_payload, fault);
	return run(self, ev, view, session, values, password);
}

static bool is_action(struct cpl_str action)
{
	return !action.ptr || cpl_str_is(action, "execute") || cpl_str_is(action, "next") || cpl_str_is(action, "complete") ||
	       cpl_str_is(action, "prev") || cpl_str_is(action, "cancel");
}

static enum cpl_flow on_command(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *command = cpl_child(ev->stanza->root, &command_name);
	struct cpl_str id = cpl_attr_get(command, "sessionid"), action = cpl_attr_get(command, "action");
	struct cpl_command_view view;

	if (!cpl_command_find(cpl_attr_get(command, "node"), &view))
		return cpl_iq_error(ev, CPL_ITEM_NOT_FOUND, NULL);
	if (!cpl_may(ev->stanza->from, view.action))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	if (!is_action(action))
		return refuse(ev->stanza, CPL_BAD_REQUEST, &malformed_action, NULL);
	if (id.ptr)
		return go_on(self, ev, &view, command, id, action);
	/* Some clients begin with next or complete; only going back or giving up makes no sense. */
	if (cpl_str_is(action, "prev") || cpl_str_is(action, "cancel"))
		return refuse(ev->stanza, CPL_BAD_REQUEST, &bad_action, NULL);
	return begin(self, ev, &view);
}

/* ---- disco ---- */

/* XEP-0050 2.2: the list of commands is the items of a node of their own. */
static void on_disco_items(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	struct cpl_command_view view;

	if (ev->user || !cpl_str_is(ev->node, NS_COMMANDS))
		return;
	ev->found = true;
	for (size_t at = 0; cpl_command_next(&at, &view);) {
		struct cpl_element *item;

		if (!cpl_may(ev->from, view.action))
			continue;
		item = cpl_add(ev->answer, ev->query, &items_item);
		cpl_attr_set(ev->answer, item, "jid", ev->host->name);
		cpl_attr_set(ev->answer, item, "node", cpl_str_of(view.words));
		cpl_attr_set(ev->answer, item, "name", cpl_str_of(view.command->summary));
	}
}

static void add_identity(struct cpl_ev_disco *ev, const char *type, const char *name)
{
	struct cpl_element *identity = cpl_add(ev->answer, ev->query, &info_identity);

	cpl_attr_set(ev->answer, identity, "category", CPL_STR("automation"));
	cpl_attr_set(ev->answer, identity, "type", cpl_str_of(type));
	cpl_attr_set(ev->answer, identity, "name", cpl_str_of(name));
}

static void on_disco_info(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	static const char *const features[] = {NS_COMMANDS, CPL_NS_DATA_FORM};
	struct cpl_command_view view;

	if (ev->user || !ev->node.ptr)
		return;
	if (cpl_str_is(ev->node, NS_COMMANDS))
		add_identity(ev, "command-list", "Commands");
	else if (cpl_command_find(ev->node, &view) && cpl_may(ev->from, view.action))
		add_identity(ev, "command-node", view.command->summary);
	else
		return;
	ev->found = true;
	for (size_t i = 0; i < 2; i++)
		cpl_attr_set(ev->answer, cpl_add(ev->answer, ev->query, &info_feature), "var", cpl_str_of(features[i]));
}

/* ---- the module ---- */

static struct cpl_name *const names[] = {
	&command_name,	  &actions_name, &complete_name, &note_name,  &malformed_action,  &bad_action,	 &bad_payload,	 &bad_sessionid,
	&session_expired, &items_item,	 &info_identity, &info_feature, &error_name,	  NULL,
};

static const struct cpl_event_row events[] = {
	CPL_ON(disco_info, on_disco_info, FEATURE, 0),
	CPL_ON(disco_items, on_disco_items, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_SET, CPL_TO_HOST, &command_name, on_command, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{NS_COMMANDS, CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(adhoc) = {
	CPL_MODULE_HEAD("adhoc", "1.0", "Ad-Hoc Commands: coupletctl's commands over XMPP (XEP-0050, XEP-0004)"),
	.names = names,
	.options = adhoc_options,
	.config_size = sizeof(struct adhoc_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.slots = slots,
};
