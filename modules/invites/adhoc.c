/* SPDX-License-Identifier: MIT */
/* The ad-hoc commands of XEP-0401 for the own users, whose nodes and fields are given there. All other commands are the module adhoc's. */
#include "modules/invites/invites.h"

#define NS_COMMANDS "http://jabber.org/protocol/commands"
#define NODE_INVITE "urn:xmpp:invite#invite"
#define NODE_CREATE "urn:xmpp:invite#create-account"

struct cpl_name adhoc_command = {NS_COMMANDS, "command", 0, 0};

struct answering {
	struct creation creation;
	struct cpl_stanza *iq;
};

static struct cpl_element *answer_begin(struct cpl_stanza *answer, const struct cpl_stanza *iq, const char *status)
{
	const struct cpl_element *asked = cpl_child(iq->root, &adhoc_command);
	struct cpl_element *command = cpl_add(answer, answer->root, &adhoc_command);
	struct cpl_str id = cpl_attr_get(asked, "sessionid");
	char fresh[CPL_ID_TEXT];

	cpl_attr_set(answer, command, "node", cpl_attr_get(asked, "node"));
	cpl_attr_set(answer, command, "sessionid", id.len ? id : cpl_random_id(fresh));
	cpl_attr_set(answer, command, "status", cpl_str_of(status));
	return command;
}

static void add_result(struct cpl_stanza *answer, struct cpl_element *form, const char *name, struct cpl_str value)
{
	cpl_form_value(answer, cpl_form_field(answer, form, cpl_str_of(name), "text-single", NULL), value);
}

static void on_made(struct creation *creation, int status)
{
	struct answering *answering = CPL_CONTAINER(creation, struct answering, creation);
	struct cpl_stanza *answer = NULL;
	struct cpl_element *form;
	char text[CPL_TIME_TEXT];

	if (status == 0) {
		answer = cpl_stanza_result(answering->iq);
		form = cpl_form_add(answer, answer_begin(answer, answering->iq, "completed"), "result", "urn:xmpp:invite#invitation");
		add_result(answer, form, "uri", creation->uri);
		if (creation->landing.ptr)
			add_result(answer, form, "landing-url", creation->landing);
		add_result(answer, form, "expire", cpl_time_format(creation->invite.expires, text));
	} else if (status == CPL_E_FULL) {
		answer = cpl_stanza_error(answering->iq, CPL_RESOURCE_CONSTRAINT, creation->error.text);
	} else if (status == CPL_E_EXISTS || status == CPL_E_CONFLICT) {
		answer = cpl_stanza_error(answering->iq, CPL_CONFLICT, creation->error.text);
	} else {
		answer = cpl_stanza_error(answering->iq, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	cpl_send(&answer);
	cpl_stanza_unref(&answering->iq);
}

static struct answering *answering_make(struct cpl_module *self, struct cpl_ev_stanza *ev, enum invite_kind kind)
{
	struct answering *answering = CPL_CONTAINER(creation_make(self, ev->host, sizeof(*answering)), struct answering, creation);

	answering->creation.invite.kind = kind;
	answering->creation.invite.inviter = cpl_arena_copy(answering->creation.arena, cpl_jid_str(cpl_jid_bare(ev->stanza->from)));
	if (cpl_role_of_jid(ev->stanza->from) < CPL_ROLE_ADMIN)
		answering->creation.owner = answering->creation.invite.inviter;
	return answering;
}

static enum cpl_flow answering_start(struct answering *answering, struct cpl_ev_stanza *ev)
{
	answering->iq = cpl_stanza_ref(ev->stanza);
	if (creation_start(&answering->creation, &ev->host->scope, on_made) == 0)
		return CPL_HANDLED;
	cpl_stanza_unref(&answering->iq);
	creation_drop(&answering->creation);
	return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
}

/* 4.1: no form */
static enum cpl_flow run_invite(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct answering *answering;

	if (!cpl_may(ev->stanza->from, &invites_may_contact))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	answering = answering_make(self, ev, INVITE_CONTACT);
	answering->creation.invite.ibr = cpl_may(ev->stanza->from, &invites_may_register);
	return answering_start(answering, ev);
}

static enum cpl_flow ask(struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *answer = cpl_iq_result(ev);
	struct cpl_element *command = answer_begin(answer, ev->stanza, "executing"), *actions, *form;

	actions = cpl_add_named(answer, command, CPL_STR(NS_COMMANDS), CPL_STR("actions"));
	cpl_attr_set(answer, actions, "execute", CPL_STR("complete"));
	cpl_add_named(answer, actions, CPL_STR(NS_COMMANDS), CPL_STR("complete"));
	form = cpl_form_add(answer, command, "form", NULL);
	cpl_form_head(answer, form, CPL_STR("Invite to an account"), CPL_NONE);
	cpl_form_field(answer, form, CPL_STR("username"), "text-single", "User name");
	cpl_form_field(answer, form, CPL_STR("roster-subscription"), "boolean", "Roster subscription");
	cpl_send(&answer);
	return CPL_HANDLED;
}

/* 4.4: a form, whose fields may all be empty */
static enum cpl_flow run_create(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *command)
{
	const struct cpl_element *form = cpl_form_find(command, NULL);
	struct cpl_str name;
	struct answering *answering;

	if (!cpl_may(ev->stanza->from, &invites_may_account))
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	if (!form)
		return ask(ev);
	name = cpl_form_text(form, CPL_STR("username"), ev->stanza->arena);
	if (name.ptr && cpl_prepare_new_local(&name, name, ev->stanza->arena) != 0)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "username: this cannot be the name of a new account");
	answering = answering_make(self, ev, INVITE_ACCOUNT);
	if (name.ptr)
		answering->creation.invite.localpart = cpl_arena_copy(answering->creation.arena, name);
	if (!cpl_form_true(cpl_form_text(form, CPL_STR("roster-subscription"), ev->stanza->arena)))
		answering->creation.invite.inviter = CPL_NONE;
	return answering_start(answering, ev);
}

enum cpl_flow adhoc_on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *command = ev->stanza->type == CPL_TYPE_SET ? cpl_child(ev->stanza->root, &adhoc_command) : NULL;
	struct cpl_str node = command ? cpl_attr_get(command, "node") : CPL_NONE;
	struct cpl_stanza *answer;

	if (!node.len || !cpl_jid_equal(ev->stanza->to, ev->host->jid) || (!cpl_str_is(node, NODE_INVITE) && !cpl_str_is(node, NODE_CREATE)))
		return CPL_NEXT;
	if (cpl_str_is(cpl_attr_get(command, "action"), "cancel")) {
		answer = cpl_iq_result(ev);
		answer_begin(answer, ev->stanza, "canceled");
		cpl_send(&answer);
		return CPL_HANDLED;
	}
	return cpl_str_is(node, NODE_INVITE) ? run_invite(self, ev) : run_create(self, ev, command);
}

/* ---- disco: XEP-0401 2, XEP-0050 2.2 ---- */

static const struct {
	const char *node, *name;
	const struct cpl_permission *permission;
} commands[] = {
	{NODE_INVITE, "Invite user", &invites_may_contact},
	{NODE_CREATE, "Create account", &invites_may_account},
};

void adhoc_on_items(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	struct cpl_element *item;

	if (ev->user || !cpl_str_is(ev->node, NS_COMMANDS))
		return;
	ev->found = true;
	for (size_t i = 0; i < 2; i++) {
		if (!cpl_may(ev->from, commands[i].permission))
			continue;
		item = cpl_add_named(ev->answer, ev->query, CPL_NONE, CPL_STR("item"));
		cpl_attr_set(ev->answer, item, "jid", ev->host->name);
		cpl_attr_set(ev->answer, item, "node", cpl_str_of(commands[i].node));
		cpl_attr_set(ev->answer, item, "name", cpl_str_of(commands[i].name));
	}
}

void adhoc_on_info(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	struct cpl_element *child;

	for (size_t i = 0; i < 2 && !ev->user; i++) {
		if (!cpl_str_is(ev->node, commands[i].node) || !cpl_may(ev->from, commands[i].permission))
			continue;
		ev->found = true;
		child = cpl_add_named(ev->answer, ev->query, CPL_NONE, CPL_STR("identity"));
		cpl_attr_set(ev->answer, child, "category", CPL_STR("automation"));
		cpl_attr_set(ev->answer, child, "type", CPL_STR("command-node"));
		cpl_attr_set(ev->answer, child, "name", cpl_str_of(commands[i].name));
		child = cpl_add_named(ev->answer, ev->query, CPL_NONE, CPL_STR("feature"));
		cpl_attr_set(ev->answer, child, "var", CPL_STR(NS_COMMANDS));
	}
}
