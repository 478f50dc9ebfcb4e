/* SPDX-License-Identifier: MIT */
/*
 * Presence of contacts that are accounts of other hosts and servers (XEP-0356 7.4): an entity is told what the accounts hear, or would hear if they were available. What arrives for them is passed on
 * as it comes, once for all accounts (9, rule 2). What was there before the entity (rule 1) is asked for by probes in the accounts' names, one account after the other; the answers go to a
 * resource that nobody has, so that no client sees them. Contacts of the host itself are told of as its accounts, in privilege.c.
 */
#include "modules/privilege/privilege.h"

#include <stdio.h>

struct cpl_name privilege_delay = {"urn:xmpp:delay", "delay", 0, 0};

enum { PAGE = 100, LOADS_MAX = 1000 };

struct contacts {
	struct cpl_list listeners; /* struct listener */
	uint32_t loads;
};

/* A contact's resource as an entity knows it. */
struct told {
	uint64_t hash; /* of its presence */
	char name[];
};

/* An entity that is connected. */
struct listener {
	struct cpl_list node;
	char *domain;
	char *session; /* id */
	char resource[CPL_ID_TEXT + 16]; /* where answers to its probes go */
	struct cpl_map told;   /* full JID -> struct told */
	struct cpl_map probed; /* bare JID -> the same text, while accounts are walked through */
};

static void forget(struct cpl_map *map)
{
	void *value;

	for (size_t at = 0; (value = cpl_map_next(map, &at));)
		cpl_free(value);
	cpl_map_finish(map);
}

static void listener_drop(struct listener *listener)
{
	cpl_list_remove(&listener->node);
	forget(&listener->told);
	forget(&listener->probed);
	cpl_free(listener->domain);
	cpl_free(listener->session);
	cpl_free(listener);
}

static void release(void *data)
{
	struct contacts *contacts = data;

	while (!cpl_list_empty(&contacts->listeners))
		listener_drop(CPL_CONTAINER(contacts->listeners.next, struct listener, node));
	cpl_free(contacts);
}
CPL_SLOT_DEFINE(contacts_slot, 1, release, NULL);

/* The entity of that domain, or (CPL_NONE) the one whose probes answer to that resource. */
static struct listener *listener_find(struct cpl_host *host, struct cpl_str domain, struct cpl_str resource)
{
	struct contacts *contacts = CPL_SLOT_GET(host, contacts_slot);

	if (!contacts)
		return NULL;
	CPL_LIST_EACH(node, &contacts->listeners) {
		struct listener *listener = CPL_CONTAINER(node, struct listener, node);

		if (domain.ptr ? cpl_str_is(domain, listener->domain) : cpl_str_is(resource, listener->resource))
			return listener;
	}
	return NULL;
}

/* ---- telling ---- */

static uint64_t hash_of(const struct cpl_stanza *stanza)
{
	struct cpl_stanza *copy = cpl_stanza_copy(stanza);
	struct cpl_element *delay;
	struct cpl_buf text = {0};
	uint64_t hash;

	cpl_stanza_set_to(copy, (struct cpl_jid){0});
	cpl_stanza_set_id(copy, CPL_NONE);
	while ((delay = cpl_child(copy->root, &privilege_delay))) /* of one that was asked for */
		cpl_remove(delay);
	cpl_stanza_write(copy, CPL_NS_CLIENT, &text);
	hash = cpl_hash(cpl_buf_str(&text));
	cpl_buf_finish(&text);
	cpl_stanza_unref(&copy);
	return hash;
}

/* False: the entity knows. Where there is no room to remember, it is told again. */
static bool is_news(struct listener *listener, const struct cpl_stanza *stanza, size_t most)
{
	struct cpl_str name = cpl_jid_str(stanza->from);
	struct told *told = cpl_map_get(&listener->told, name);
	uint64_t hash;

	if (stanza->type == CPL_TYPE_UNAVAILABLE) {
		if (!told)
			return listener->told.count >= most;
		cpl_free(cpl_map_remove(&listener->told, name));
		return true;
	}
	hash = hash_of(stanza);
	if (told && told->hash == hash)
		return false;
	if (!told && listener->told.count < most) {
		told = cpl_alloc(sizeof(*told) + name.len);
		memcpy(told->name, name.ptr, name.len);
		cpl_map_put(&listener->told, (struct cpl_str){told->name, name.len}, told);
	}
	if (told)
		told->hash = hash;
	return true;
}

static void tell(struct listener *listener, const struct cpl_stanza *stanza, size_t most)
{
	struct cpl_stanza *copy;

	if (!is_news(listener, stanza, most))
		return;
	copy = cpl_stanza_copy(stanza);
	cpl_stanza_set_to(copy, (struct cpl_jid){listener->domain, 0, (uint16_t)strlen(listener->domain), 0, 0});
	cpl_send(&copy);
}

/* The account may hear of the sender: then so may the entities that are granted it. */
static void consider(const struct privilege_config *config, const struct cpl_user *user, const struct cpl_stanza *stanza)
{
	const struct cpl_roster_item *item = cpl_roster_find(user->roster, stanza->from);
	struct contacts *contacts = CPL_SLOT_GET(user->host, contacts_slot);

	if (!contacts || !item || !(item->subscription & CPL_SUB_TO))
		return;
	CPL_LIST_EACH(node, &contacts->listeners) {
		struct listener *listener = CPL_CONTAINER(node, struct listener, node);

		if (privilege_granted(&config->presence_roster, (struct cpl_jid){listener->domain, 0, (uint16_t)strlen(listener->domain), 0, 0}))
			tell(listener, stanza, (size_t)config->presence_contacts);
	}
}

/* ---- what arrives ---- */

/* For an account that is not in memory: whether it may hear of the sender is in its roster. */
struct loading {
	struct cpl_user_call load;
	struct cpl_module *self;
	struct cpl_host *host;
	struct cpl_stanza *stanza;
};

static void on_loaded(struct cpl_call *call)
{
	struct loading *loading = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct loading, load);
	struct contacts *contacts = CPL_SLOT_GET(loading->host, contacts_slot);

	if (contacts && contacts->loads)
		contacts->loads--;
	if (call->status == 0) {
		consider(CPL_CONFIG(loading->self, loading->host, struct privilege_config), loading->load.user, loading->stanza);
		cpl_user_unref(&loading->load.user);
	}
	cpl_stanza_unref(&loading->stanza);
	cpl_free(loading);
}

static void load(struct cpl_module *self, struct cpl_host *host, struct contacts *contacts, struct cpl_stanza *stanza)
{
	struct loading *loading;

	if (contacts->loads >= LOADS_MAX) {
		cpl_log_info("presence of a contact is not passed on, too much at a time jid=%.*s", CPL_ARG(cpl_jid_str(stanza->from)));
		return;
	}
	loading = CPL_NEW(struct loading);
	loading->self = self;
	loading->host = host;
	loading->stanza = cpl_stanza_copy(stanza);
	if (cpl_user_load(&loading->load, &host->scope, cpl_jid_bare(stanza->to), on_loaded) == 0) {
		contacts->loads++;
		return;
	}
	cpl_stanza_unref(&loading->stanza);
	cpl_free(loading);
}

enum cpl_flow contacts_on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->host, struct privilege_config);
	struct contacts *contacts = CPL_SLOT_GET(ev->host, contacts_slot);
	struct cpl_stanza *stanza = ev->stanza;
	struct listener *asked;

	if (!contacts || cpl_list_empty(&contacts->listeners) || ev->target == CPL_TARGET_HOST || !cpl_jid_is_full(stanza->from) ||
	    (stanza->type != CPL_TYPE_NONE && stanza->type != CPL_TYPE_UNAVAILABLE) || cpl_str_equal(cpl_jid_domain(stanza->from), ev->host->name))
		return CPL_NEXT;
	asked = ev->target == CPL_TARGET_FULL && !ev->recipient ? listener_find(ev->host, CPL_NONE, cpl_jid_resource(stanza->to)) : NULL;
	if (asked) {
		tell(asked, stanza, (size_t)config->presence_contacts);
		return CPL_HANDLED;
	}
	if (ev->user)
		consider(config, ev->user, stanza);
	else
		load(self, ev->host, contacts, stanza);
	return CPL_NEXT;
}

/* ---- what was there before the entity ---- */

/* Goes through the accounts of the host, a page after the other, one account at a time. */
struct walk {
	struct cpl_store_call page;
	struct cpl_user_call load;
	struct cpl_host *host;
	struct cpl_arena *arena; /* of the page, and of what is more */
	char *domain;
	char resource[CPL_ID_TEXT + 16]; /* the listener's; another one: that has gone, and a new walk goes on */
	struct cpl_str names[PAGE];
	size_t count, at;
	bool complete;
	size_t most;
};

static void walk_on(struct walk *walk);

static void walk_end(struct walk *walk)
{
	struct listener *listener = listener_find(walk->host, CPL_NONE, cpl_str_of(walk->resource));

	if (listener)
		forget(&listener->probed);
	cpl_arena_destroy(&walk->arena);
	cpl_free(walk->domain);
	cpl_free(walk);
}

static void probe(struct listener *listener, const struct cpl_user *user, struct cpl_jid contact, size_t most)
{
	struct cpl_stanza *stanza;
	struct cpl_str name = cpl_jid_str(contact);
	char *text;

	if (cpl_map_get(&listener->probed, name))
		return;
	if (listener->probed.count < most) {
		text = cpl_strdup(name);
		cpl_map_put(&listener->probed, (struct cpl_str){text, name.len}, text);
	}
	stanza = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_PROBE);
	cpl_stanza_set_from(stanza, cpl_jid_with_resource(user->jid, cpl_str_of(listener->resource), stanza->arena));
	cpl_stanza_set_to(stanza, contact);
	cpl_send(&stanza);
}

static void on_account(struct cpl_call *call)
{
	struct walk *walk = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct walk, load);
	struct listener *listener = listener_find(walk->host, CPL_NONE, cpl_str_of(walk->resource));
	const struct cpl_roster_item *item;

	if (call->status == 0) {
		for (size_t at = 0; listener && (item = cpl_roster_next(walk->load.user->roster, &at));)
			if (item->subscription & CPL_SUB_TO && !cpl_str_equal(cpl_jid_domain(item->jid), walk->host->name))
				probe(listener, walk->load.user, item->jid, walk->most);
		cpl_user_unref(&walk->load.user);
	}
	if (call->status == CPL_E_CANCELLED)
		walk_end(walk);
	else
		walk_on(walk);
}

static void on_page(struct cpl_call *call)
{
	struct walk *walk = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct walk, page);

	if (call->status != 0) {
		if (call->status != CPL_E_CANCELLED)
			cpl_log_warn("contacts are not probed for jid=%s reason=\"%s\"", walk->domain, cpl_code_text(call->status));
		walk_end(walk);
		return;
	}
	cpl_arena_destroy(&walk->arena);
	walk->arena = cpl_arena_create();
	walk->count = walk->at = 0;
	while (walk->count < walk->page.count) {
		walk->names[walk->count] = cpl_arena_copy(walk->arena, walk->page.rows[walk->count].account);
		walk->count++;
	}
	walk->complete = walk->page.complete;
	walk_on(walk);
}

static void walk_on(struct walk *walk)
{
	struct cpl_str after = walk->count ? walk->names[walk->count - 1] : CPL_NONE;
	struct cpl_jid account;
	int status = CPL_E_STOPPING;

	if (!listener_find(walk->host, CPL_NONE, cpl_str_of(walk->resource)) || (walk->at == walk->count && walk->complete)) {
		walk_end(walk);
		return;
	}
	if (walk->at == walk->count)
		status = cpl_account_list(&walk->page, &walk->host->scope, walk->host->name, after, PAGE, on_page);
	else if (cpl_jid_make(&account, walk->names[walk->at++], walk->host->name, CPL_NONE, walk->arena) == 0)
		status = cpl_user_load(&walk->load, &walk->host->scope, account, on_account);
	if (status != 0)
		walk_end(walk);
}

void contacts_begin(struct cpl_module *self, struct cpl_host *host, const struct cpl_session *session)
{
	struct contacts *contacts = CPL_SLOT_MAKE(host, contacts_slot);
	struct listener *listener;
	struct walk *walk;
	char id[CPL_ID_TEXT];

	if (!contacts->listeners.next)
		cpl_list_init(&contacts->listeners);
	listener = listener_find(host, session->host, CPL_NONE);
	if (listener)
		listener_drop(listener);
	listener = CPL_NEW(struct listener);
	listener->domain = cpl_strdup(session->host);
	listener->session = cpl_strdup(session->id);
	snprintf(listener->resource, sizeof(listener->resource), "privilege-%.*s", CPL_ARG(cpl_random_id(id)));
	cpl_list_append(&contacts->listeners, &listener->node);
	walk = CPL_NEW(struct walk);
	walk->host = host;
	walk->domain = cpl_strdup(session->host);
	walk->arena = cpl_arena_create();
	walk->most = (size_t)CPL_CONFIG(self, host, struct privilege_config)->presence_contacts;
	memcpy(walk->resource, listener->resource, sizeof(walk->resource));
	walk_on(walk);
}

void contacts_end(struct cpl_host *host, const struct cpl_session *session)
{
	struct listener *listener = listener_find(host, session->host, CPL_NONE);

	/* Perhaps another session has taken its place before. */
	if (listener && cpl_str_is(session->id, listener->session))
		listener_drop(listener);
}
