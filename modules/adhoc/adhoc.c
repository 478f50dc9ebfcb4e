/* SPDX-License-Identifier: MIT */
/*
 * Ad-Hoc Commands (XEP-0050): the commands of coupletctl, for those who may run them. A command's node is its words; one that wants to know something is run in two steps, with a form
(XEP-0004) in the first. Other modules give commands the names and forms of specifications (XEP-0133) by the event adhoc.commands. Hooks disco_info and disco_items; takes the IQ `command` to the host.
 */
#include "modules/adhoc/adhoc.h"
#include "modules/adhoc/profile.h"

#define NS_COMMANDS "http://jabber.org/protocol/commands"
#define NS_INFO	    "http://jabber.org/protocol/disco#info"
#define NS_ITEMS    "http://jabber.org/protocol/disco#items"

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

/* ---- answers ---- */

/* An error, perhaps with a condition of XEP-0050's own (table 4). It names the session, as some clients find their own by it. */
static enum cpl_flow refuse(const struct cpl_stanza *request, enum cpl_condition condition, const struct cpl_name *specific, const char *text)
{
	const struct cpl_element *asked = cpl_child(request->root, &command_name);
	struct cpl_stanza *error = cpl_stanza_error(request, condition, text);

	if (error && cpl_attr_get(asked, "sessionid").len) {
		struct cpl_element *command = cpl_add(error, error->root, &command_name);

		cpl_attr_set(error, command, "node", cpl_attr_get(asked, "node"));
		cpl_attr_set(error, command, "sessionid", cpl_attr_get(asked, "sessionid"));
	}
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
	struct form_session *session = session_with(adhoc, cpl_str_of(running->id));

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

/* ---- running under another name (profile.h) ---- */

/* Runs of one command, one after another, with one answer. */
struct profile_run {
	struct cpl_command_run run;
	struct cpl_module *self;
	struct cpl_host *host; /* the scope */
	struct cpl_stanza *request;
	char id[CPL_ID_TEXT]; /* of the form, if something was asked */
	struct profile_values values; /* in the request's arena */
	size_t field_count, at, failed;
	int last_code;
	struct cpl_str last_reason;
	struct cpl_stanza *answer;
	struct cpl_element *command;
	char node[];
};

static void profile_run_next(struct profile_run *pr);

static void profile_run_free(struct profile_run *pr)
{
	struct adhoc *adhoc = CPL_SLOT_GET(pr->host, adhoc_slot);
	struct form_session *session = session_with(adhoc, cpl_str_of(pr->id));

	if (session && session->running)
		session_drop(adhoc, session);
	cpl_stanza_unref(&pr->answer);
	cpl_stanza_unref(&pr->request);
	cpl_free(pr);
}

/* XEP-0133 5: what cannot be done is an error, conflict; what is done for some of the accounts only, a note for each of the others. */
static void profile_run_end(struct profile_run *pr)
{
	struct form_session *session = session_with(CPL_SLOT_GET(pr->host, adhoc_slot), cpl_str_of(pr->id));

	if (pr->failed < pr->values.count) {
		cpl_send(&pr->answer);
	} else if (pr->last_code == 2 && session) {
		session->running = false;
		refuse(pr->request, CPL_BAD_REQUEST, &bad_payload, pr->last_reason.ptr);
	} else {
		refuse(pr->request, CPL_CONFLICT, NULL, pr->last_reason.ptr);
	}
	profile_run_free(pr);
}

static void on_profile_run(struct cpl_call *call)
{
	struct profile_run *pr = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_command_run, call), struct profile_run, run);
	struct cpl_command_view view;
	const struct cpl_adhoc_command *profile = profile_find(pr->host, cpl_str_of(pr->node), &view);

	if (call->status != 0) {
		refuse(pr->request, CPL_INTERNAL_SERVER_ERROR, NULL, "It is not known whether the command has been carried out");
		profile_run_free(pr);
		return;
	}
	add_note(pr->answer, pr->command, "info", pr->run.text);
	add_note(pr->answer, pr->command, "warn", pr->run.complaints);
	if (pr->run.exit_code) {
		pr->failed++;
		pr->last_code = pr->run.exit_code;
		pr->last_reason = cpl_arena_copy(pr->answer->arena, pr->run.reason.len ? pr->run.reason : CPL_STR("The command has failed"));
		add_note(pr->answer, pr->command, "error", pr->last_reason);
	} else if (profile) {
		profile_result(pr->answer, pr->command, profile, &pr->run, pr->values.each ? pr->values.each[pr->at] : CPL_NONE);
	}
	if (pr->run.cut)
		add_note(pr->answer, pr->command, "warn", CPL_STR("There are more rows than are shown here"));
	pr->at++;
	profile_run_next(pr);
}

/* The command may have gone between two runs; what is left then fails. */
static void profile_run_next(struct profile_run *pr)
{
	struct cpl_command_view view;
	int64_t rows = CPL_CONFIG(pr->self, pr->host, struct adhoc_config)->max_rows;

	if (pr->at < pr->values.count && profile_find(pr->host, cpl_str_of(pr->node), &view) && view.field_count == pr->field_count &&
	    cpl_command_run(&pr->run, &pr->host->scope, cpl_str_of(view.words), &pr->values.values[pr->at * pr->field_count], pr->values.password,
			    pr->request->from, (size_t)rows, on_profile_run) == 0)
		return;
	if (pr->at < pr->values.count) {
		pr->failed += pr->values.count - pr->at;
		pr->last_reason = CPL_STR("The command is not there any more");
		add_note(pr->answer, pr->command, "error", pr->last_reason);
	}
	profile_run_end(pr);
}

static enum cpl_flow profile_run_begin(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_adhoc_command *profile,
				       const struct cpl_command_view *view, struct form_session *session, const struct profile_values *values)
{
	size_t len = strlen(profile->node) + 1;
	struct profile_run *pr = cpl_alloc(sizeof(*pr) + len);

	pr->self = self;
	pr->host = ev->host;
	pr->request = cpl_stanza_ref(ev->stanza);
	pr->values = *values;
	pr->field_count = view->field_count;
	memcpy(pr->node, profile->node, len);
	if (session)
		memcpy(pr->id, session->id, sizeof(pr->id));
	else
		cpl_random_id(pr->id);
	pr->answer = answer_begin(ev->stanza, profile->node, pr->id, "completed", &pr->command);
	if (session)
		session->running = true;
	cpl_log_info("command run command=\"%s\" node=%s jid=%.*s", view->words, profile->node, CPL_ARG(cpl_jid_str(ev->stanza->from)));
	profile_run_next(pr);
	return CPL_HANDLED;
}

/* ---- a form under another name ---- */

/* The command that fills the form in. */
struct filling {
	struct cpl_command_run run;
	struct cpl_module *self;
	struct cpl_host *host; /* the scope */
	struct cpl_stanza *request;
	char node[];
};

static void send_form(struct cpl_module *self, struct cpl_host *host, const struct cpl_stanza *request, const struct cpl_adhoc_command *profile, const struct cpl_command_run *fill)
{
	struct cpl_stanza *answer;
	struct cpl_element *command, *actions;

	answer = answer_begin(request, profile->node, session_make(self, host, request->from, profile->node)->id, "executing", &command);
	actions = cpl_add(answer, command, &actions_name);
	cpl_attr_set(answer, actions, "execute", CPL_STR("complete"));
	cpl_add(answer, actions, &complete_name);
	profile_ask(answer, command, profile, fill);
	cpl_send(&answer);
}

static void on_filled(struct cpl_call *call)
{
	struct filling *filling = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_command_run, call), struct filling, run);
	struct cpl_command_view view;
	const struct cpl_adhoc_command *profile = profile_find(filling->host, cpl_str_of(filling->node), &view);

	if (call->status != 0 || !profile)
		refuse(filling->request, CPL_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (filling->run.exit_code)
		refuse(filling->request, CPL_CONFLICT, NULL, filling->run.reason.ptr);
	else
		send_form(filling->self, filling->host, filling->request, profile, &filling->run);
	cpl_stanza_unref(&filling->request);
	cpl_free(filling);
}

static enum cpl_flow profile_begin(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_adhoc_command *profile,
				   const struct cpl_command_view *view)
{
	struct cpl_str host[CPL_COMMAND_FIELDS_MAX] = {ev->host->name};
	struct profile_values values;
	struct filling *filling;
	const char *fault;

	if (!profile_asks(profile)) {
		profile_read(cpl_child(ev->stanza->root, &command_name), profile, view, ev->host, ev->stanza->arena, &values, &fault);
		return profile_run_begin(self, ev, profile, view, NULL, &values);
	}
	if (!profile->fill) {
		send_form(self, ev->host, ev->stanza, profile, NULL);
		return CPL_HANDLED;
	}
	filling = cpl_alloc(sizeof(*filling) + strlen(profile->node) + 1);
	filling->self = self;
	filling->host = ev->host;
	memcpy(filling->node, profile->node, strlen(profile->node) + 1);
	if (cpl_command_run(&filling->run, &ev->host->scope, cpl_str_of(profile->fill), host, CPL_NONE, ev->stanza->from,
			    (size_t)CPL_CONFIG(self, ev->host, struct adhoc_config)->max_rows, on_filled) != 0) {
		cpl_free(filling);
		return refuse(ev->stanza, CPL_SERVICE_UNAVAILABLE, NULL, NULL);
	}
	filling->request = cpl_stanza_ref(ev->stanza);
	return CPL_HANDLED;
}

/* ---- requests ---- */

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
static enum cpl_flow go_on(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_adhoc_command *profile, const struct cpl_command_view *view,
			   const struct cpl_element *command, struct cpl_str id, struct cpl_str action)
{
	const char *node = profile ? profile->node : view->words;
	struct form_session *session = session_find(ev->host, id, ev->stanza->from, node);
	struct profile_values profile_values;
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
		answer = answer_begin(ev->stanza, node, session->id, "canceled", &element);
		session_drop(adhoc_of(ev->host), session);
		cpl_send(&answer);
		return CPL_HANDLED;
	}
	if (profile && profile_read(command, profile, view, ev->host, ev->stanza->arena, &profile_values, &fault))
		return profile_run_begin(self, ev, profile, view, session, &profile_values);
	if (profile || !form_read(command, view, ev->stanza->arena, values, &password, &fault))
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
	const struct cpl_adhoc_command *profile;
	struct cpl_command_view view;

	profile = profile_find(ev->host, cpl_attr_get(command, "node"), &view);
	if (!profile && !cpl_command_find(cpl_attr_get(command, "node"), &view))
		return cpl_iq_error(ev, CPL_ITEM_NOT_FOUND, NULL);
	if (!cpl_may(ev->stanza->from, view.action))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	if (!is_action(action))
		return refuse(ev->stanza, CPL_BAD_REQUEST, &malformed_action, NULL);
	if (id.ptr)
		return go_on(self, ev, profile, &view, command, id, action);
	/* Some clients begin with next or complete; only going back or giving up makes no sense. */
	if (cpl_str_is(action, "prev") || cpl_str_is(action, "cancel"))
		return refuse(ev->stanza, CPL_BAD_REQUEST, &bad_action, NULL);
	return profile ? profile_begin(self, ev, profile, &view) : begin(self, ev, &view);
}

/* ---- disco ---- */

static void add_item(struct cpl_ev_disco *ev, const char *node, const char *name)
{
	struct cpl_element *item = cpl_add(ev->answer, ev->query, &items_item);

	cpl_attr_set(ev->answer, item, "jid", ev->host->name);
	cpl_attr_set(ev->answer, item, "node", cpl_str_of(node));
	cpl_attr_set(ev->answer, item, "name", cpl_str_of(name));
}

/* XEP-0050 2.2: the list of commands is the items of a node of their own. */
static void on_disco_items(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	const struct cpl_adhoc_command *profile;
	struct cpl_command_view view;

	if (ev->user || !cpl_str_is(ev->node, NS_COMMANDS))
		return;
	ev->found = true;
	for (size_t at = 0; (profile = profile_next(ev->host, &at, &view));)
		if (cpl_may(ev->from, view.action))
			add_item(ev, profile->node, profile->title);
	for (size_t at = 0; cpl_command_next(&at, &view);)
		if (cpl_may(ev->from, view.action))
			add_item(ev, view.words, view.command->summary);
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
	const struct cpl_adhoc_command *profile;
	struct cpl_command_view view;

	if (ev->user || !ev->node.ptr)
		return;
	if (cpl_str_is(ev->node, NS_COMMANDS))
		add_identity(ev, "command-list", "Commands");
	else if ((profile = profile_find(ev->host, ev->node, &view)) && cpl_may(ev->from, view.action))
		add_identity(ev, "command-node", profile->title);
	else if (!profile && cpl_command_find(ev->node, &view) && cpl_may(ev->from, view.action))
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
	&session_expired, &items_item,	 &info_identity, &info_feature, &error_name,	  &profile_query, &profile_item, &profile_group,	  NULL,
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

static const struct cpl_publish_row publishes[] = {
	CPL_PUBLISH(adhoc, commands, "Each handler adds tables of commands under the names and with the forms of specifications."),
	CPL_PUBLISH_END,
};

static struct cpl_slot *const slots[] = {&adhoc_slot, NULL};

CPL_MODULE(adhoc) = {
	CPL_MODULE_HEAD("adhoc", "1.0", "Ad-Hoc Commands: coupletctl's commands over XMPP (XEP-0050, XEP-0004)"),
	.names = names,
	.options = adhoc_options,
	.config_size = sizeof(struct adhoc_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.publishes = publishes,
	.slots = slots,
};
