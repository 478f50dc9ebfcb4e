/* SPDX-License-Identifier: MIT */
/* The roster as clients see it: get, set, push, versions (RFC 6121 2). */
#include "modules/roster/roster.h"

#include <inttypes.h>
#include <stdio.h>

struct cpl_name roster_name_query = {"jabber:iq:roster", "query", 0, 0};
struct cpl_name roster_name_item = {"jabber:iq:roster", "item", 0, 0};
struct cpl_name roster_name_group = {"jabber:iq:roster", "group", 0, 0};
struct cpl_name roster_name_presence = {"jabber:client", "presence", 0, 0};
CPL_NAME(name_ver, "urn:xmpp:features:rosterver", "ver");
struct cpl_name *const roster_names[] = {&roster_name_query, &roster_name_item, &roster_name_group, &name_ver, &roster_name_presence, NULL};

void roster_on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	if (ev->session->type == CPL_SESSION_C2S_UNBOUND)
		cpl_add(ev->features, ev->features->root, &name_ver);
}

struct cpl_str roster_version(const struct cpl_roster *roster, const struct cpl_user *user, char text[ROSTER_VERSION_TEXT])
{
	/* UNSAFE: every cpl_roster of this module is the first member of its struct roster. */
	const struct roster_shares *shares = CPL_CONTAINER((struct cpl_roster *)roster, struct roster, pub)->shares;
	uint64_t given = shares ? shares->hash : 0;
	int len = snprintf(text, ROSTER_VERSION_TEXT, "%" PRIx64 ".%" PRIu64, (uint64_t)user->created, roster->version);

	if (given)
		len += snprintf(text + len, ROSTER_VERSION_TEXT - (size_t)len, ".%" PRIx64, given);
	return (struct cpl_str){text, (size_t)len};
}

void roster_add_item(struct cpl_stanza *stanza, struct cpl_element *query, const struct cpl_roster_item *item, bool removed)
{
	static const char *const subscriptions[] = {"none", "to", "from", "both"};
	struct cpl_element *e = cpl_add(stanza, query, &roster_name_item);

	cpl_attr_set(stanza, e, "jid", cpl_jid_str(item->jid));
	if (removed) {
		cpl_attr_set(stanza, e, "subscription", CPL_STR("remove"));
		return;
	}
	if (item->name.ptr)
		cpl_attr_set(stanza, e, "name", item->name);
	cpl_attr_set(stanza, e, "subscription", cpl_str_of(subscriptions[item->subscription]));
	if (item->ask)
		cpl_attr_set(stanza, e, "ask", CPL_STR("subscribe"));
	if (item->approved)
		cpl_attr_set(stanza, e, "approved", CPL_STR("true"));
	for (unsigned i = 0; i < item->group_count; i++)
		cpl_add_with_text(stanza, e, &roster_name_group, item->groups[i]);
}

static struct cpl_stanza *make_push(struct cpl_user *user, const struct cpl_roster_item *item, bool removed)
{
	struct cpl_stanza *push = cpl_stanza_create(CPL_IQ, CPL_TYPE_SET);
	struct cpl_element *query = cpl_add(push, push->root, &roster_name_query);
	char version[ROSTER_VERSION_TEXT], id[CPL_ID_TEXT];

	cpl_stanza_set_id(push, cpl_random_id(id));
	cpl_attr_set(push, query, "ver", roster_version(user->roster, user, version));
	roster_add_item(push, query, item, removed);
	return push;
}

void roster_push(struct cpl_user *user, const struct cpl_roster_item *item, bool removed)
{
	struct cpl_stanza *push = make_push(user, item, removed);

	CPL_SESSIONS(session, user)
	{
		if (session->interested)
			cpl_session_send_to(session, push, (struct cpl_jid){0}, session->jid, CPL_NONE);
	}
	cpl_stanza_unref(&push);
}

void roster_push_to(struct cpl_module *self, struct cpl_user *user, struct cpl_jid contact, struct cpl_jid to)
{
	const struct cpl_roster_item gone = {.jid = cpl_jid_bare(contact)}, *item = cpl_roster_find(user->roster, contact);
	bool removed = !item || !item->listed;
	struct cpl_stanza *push = make_push(user, removed ? &gone : item, removed);

	cpl_stanza_set_from(push, user->jid);
	cpl_stanza_set_to(push, to);
	cpl_send(&push);
}

/* ---- get ---- */

/* The answer to a get: empty where the asker knows the present version. */
static struct cpl_stanza *make_answer(const struct cpl_ev_stanza *ev)
{
	const struct cpl_element *query = cpl_child(ev->stanza->root, &roster_name_query);
	struct cpl_str asked = cpl_attr_get(query, "ver"), version;
	char text[ROSTER_VERSION_TEXT];
	const struct cpl_roster_item *item;
	struct cpl_stanza *result;
	struct cpl_element *answer;
	size_t at = 0;

	result = cpl_iq_result(ev);
	version = roster_version(ev->user->roster, ev->user, text);
	if (!asked.ptr || !cpl_str_equal(asked, version)) {
		answer = cpl_add(result, result->root, &roster_name_query);
		if (asked.ptr)
			cpl_attr_set(result, answer, "ver", version);
		while ((item = cpl_roster_next(ev->user->roster, &at)))
			if (item->listed)
				roster_add_item(result, answer, item, false);
	}
	return result;
}

enum cpl_flow roster_on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result;

	if (!ev->session)
		return roster_answer(self, ev);
	if (!ev->user || !ev->user->roster)
		return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
	cpl_session_set_interested(ev->session);
	result = make_answer(ev);
	cpl_session_send(ev->session, result);
	cpl_stanza_unref(&result);
	return CPL_HANDLED;
}

/* ---- set ---- */

struct roster_set {
	struct cpl_roster_change change;
	struct cpl_stanza *request; /* held until the commit */
	struct cpl_element *item;
	bool remove, absent;
};

/* Groups that are given anyway are not the account's own. */
static bool is_given(const struct cpl_roster_item *given, struct cpl_str group)
{
	for (unsigned i = 0; given && i < given->group_count; i++)
		if (cpl_str_equal(given->groups[i], group))
			return true;
	return false;
}

static bool compute_set(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	struct roster_set *set = CPL_CONTAINER(change, struct roster_set, change);
	const struct cpl_roster_item *given = roster_given(CPL_SLOT_GET(change->user, roster_slot), change->contact);
	struct cpl_str name = cpl_attr_get(set->item, "name");

	if (set->remove) {
		set->absent = !item->listed;
		item->listed = item->ask = item->approved = false;
		item->subscription = CPL_SUB_NONE;
		item->name = CPL_NONE;
		item->group_count = 0;
		item->request = NULL;
		return !set->absent;
	}
	item->listed = true;
	item->name = name.len ? name : CPL_NONE;
	item->group_count = 0;
	item->groups = cpl_arena_alloc(arena, ROSTER_GROUPS_MAX * sizeof(struct cpl_str));
	CPL_CHILDREN(child, set->item)
	{
		if (cpl_is(child, &roster_name_group) && !is_given(given, cpl_text_of(child, arena)))
			item->groups[item->group_count++] = cpl_text_of(child, arena);
	}
	return true;
}

static void set_done(struct cpl_call *call)
{
	struct roster_set *set = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_roster_change, call), struct roster_set, change);
	struct cpl_stanza *result;

	if (call->status == 0 && set->absent) {
		cpl_bounce(set->request, CPL_ITEM_NOT_FOUND, NULL);
	} else if (call->status == 0) {
		result = cpl_stanza_result(set->request);
		cpl_send(&result);
	} else if (call->status == CPL_E_FULL && !set->change.changed) {
		cpl_bounce(set->request, CPL_RESOURCE_CONSTRAINT, "The roster is full or the server is out of space");
	} else {
		cpl_bounce(set->request, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	cpl_stanza_release(&set->request);
	cpl_free(set);
}

/* What an item may look like; CPL_UNDEFINED_CONDITION when it is right. */
static enum cpl_condition check_item(const struct cpl_element *item, struct cpl_arena *arena)
{
	struct cpl_str seen[ROSTER_GROUPS_MAX];
	unsigned groups = 0;

	if (cpl_attr_get(item, "name").len > ROSTER_NAME_MAX)
		return CPL_NOT_ACCEPTABLE;
	CPL_CHILDREN(child, item)
	{
		struct cpl_str text;

		if (!cpl_is(child, &roster_name_group))
			continue;
		text = cpl_text_of(child, arena);
		if (text.len == 0 || text.len > ROSTER_GROUP_MAX || groups == ROSTER_GROUPS_MAX)
			return CPL_NOT_ACCEPTABLE;
		for (unsigned i = 0; i < groups; i++)
			if (cpl_str_equal(text, seen[i]))
				return CPL_BAD_REQUEST;
		seen[groups++] = text;
	}
	return CPL_UNDEFINED_CONDITION;
}

static enum cpl_flow set_item(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *query = cpl_child(ev->stanza->root, &roster_name_query);
	struct cpl_element *item = cpl_child(query, &roster_name_item);
	enum cpl_condition fault;
	struct roster_set *set;
	struct cpl_jid contact;
	int status;

	if (!item || cpl_child_count(query) != 1)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "One item at a time");
	if (cpl_jid_parse(&contact, cpl_attr_get(item, "jid"), ev->stanza->arena) != 0)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "The item's jid is not an address");
	if (cpl_jid_equal_bare(contact, ev->user->jid))
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, "One is not a contact of oneself");
	fault = check_item(item, ev->stanza->arena);
	if (fault != CPL_UNDEFINED_CONDITION)
		return cpl_iq_error(ev, fault, NULL);
	if (cpl_str_is(cpl_attr_get(item, "subscription"), "remove") && roster_given(CPL_SLOT_GET(ev->user, roster_slot), contact))
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, "The contact is in a shared group, which only its administrator changes");
	set = CPL_NEW(struct roster_set);
	set->item = item;
	set->remove = cpl_str_is(cpl_attr_get(item, "subscription"), "remove");
	set->change.compute = compute_set;
	set->request = ev->stanza;
	cpl_stanza_hold(ev->stanza);
	status = roster_change(self, &set->change, &ev->user->scope, ev->user, contact, set_done);
	if (status == 0)
		return CPL_HANDLED;
	cpl_stanza_release(&set->request);
	cpl_free(set);
	return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
}

enum cpl_flow roster_on_set(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (!ev->user || !ev->user->roster)
		return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
	return set_item(self, ev);
}

/* ---- for others ---- */

enum cpl_flow roster_answer(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result;

	if (!ev->user || !ev->user->roster)
		return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
	if (ev->stanza->type == CPL_TYPE_SET)
		return set_item(self, ev);
	result = make_answer(ev);
	cpl_send(&result);
	return CPL_HANDLED;
}
