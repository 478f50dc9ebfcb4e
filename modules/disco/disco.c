/* SPDX-License-Identifier: MIT */
/* Service Discovery (XEP-0030) of hosts and accounts, with the host's Entity Capabilities (XEP-0115) in its
 * stream features. */
#include "modules/disco/caps.h"
#include <couplet/module.h>

struct disco_config {
	struct cpl_str name;
};
static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct disco_config, name, "Couplet", CPL_RELOADABLE,
		       "Name of the server in its service discovery identity."),
	CPL_OPT_END,
};

#define NS_INFO	 "http://jabber.org/protocol/disco#info"
#define NS_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_CAPS	 "http://jabber.org/protocol/caps"
#define NS_DATA	 "jabber:x:data"
/* The node of our capabilities: who we are, as a URI (XEP-0115 section 4). */
#define CAPS_NODE "https://couplet.example/caps"

CPL_NAME(info_query, NS_INFO, "query");
CPL_NAME(info_identity, NS_INFO, "identity");
CPL_NAME(info_feature, NS_INFO, "feature");
CPL_NAME(items_query, NS_ITEMS, "query");
CPL_NAME(items_item, NS_ITEMS, "item");
CPL_NAME(caps_name, NS_CAPS, "c");
CPL_NAME(form_name, NS_DATA, "x");
CPL_NAME(field_name, NS_DATA, "field");
CPL_NAME(value_name, NS_DATA, "value");
static struct cpl_name *const names[] = {
	&info_query, &info_identity, &info_feature, &items_query, &items_item,
	&caps_name,  &form_name,     &field_name,   &value_name,  NULL};

/* ---- what there is to say ---- */

static void add_identity(struct cpl_ev_disco *ev, const char *category, const char *type, struct cpl_str name)
{
	struct cpl_element *identity = cpl_add(ev->answer, ev->query, &info_identity);

	cpl_attr_set(ev->answer, identity, "category", cpl_str_of(category));
	cpl_attr_set(ev->answer, identity, "type", cpl_str_of(type));
	if (name.len > 0)
		cpl_attr_set(ev->answer, identity, "name", name);
}

/* Identities and features that modules have declared, then what their handlers add. */
static void collect(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	unsigned of = ev->user ? CPL_OF_ACCOUNT : CPL_OF_HOST;
	const struct cpl_identity_row *rows;
	size_t count = cpl_host_identities(ev->host, of, &rows);
	struct cpl_str_list features = cpl_host_features(ev->host, of);

	if (ev->user)
		add_identity(ev, "account", "registered", CPL_NONE);
	else if (!ev->host->component)
		add_identity(ev, "server", "im", CPL_CONFIG(self, ev->host, struct disco_config)->name);
	for (size_t i = 0; i < count; i++)
		add_identity(ev, rows[i].category, rows[i].type, cpl_str_of(rows[i].name));
	for (size_t i = 0; i < features.count; i++) {
		struct cpl_element *feature = cpl_add(ev->answer, ev->query, &info_feature);

		cpl_attr_set(ev->answer, feature, "var", features.items[i]);
	}
	cpl_fire_disco_info(ev->host, ev);
}

/* ---- capabilities of the host ---- */

/* The hash, made at first need and forgotten when the features change. */
struct caps {
	struct cpl_str ver; /* heap */
};

static void caps_release(void *data)
{
	struct caps *caps = data;

	cpl_free((char *)caps->ver.ptr);
	cpl_free(caps);
}
CPL_SLOT(caps_slot, HOST, struct caps, 1, caps_release);
static struct cpl_slot *const slots[] = {&caps_slot, NULL};

static struct cpl_str lang_of(const struct cpl_element *e)
{
	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next)
		if (cpl_str_is(attr->name, "lang") &&
		    cpl_str_is(attr->ns, "http://www.w3.org/XML/1998/namespace"))
			return attr->value;
	return CPL_NONE;
}

static void take_field(struct caps_form *form, const struct cpl_element *element, struct cpl_arena *arena)
{
	struct caps_field field = {.var = cpl_attr_get(element, "var")};

	field.values = cpl_arena_alloc(arena, (cpl_child_count(element) + 1) * sizeof(field.values[0]));
	CPL_CHILDREN(child, element)
		if (cpl_is(child, &value_name))
			field.values[field.count++] = cpl_text_of(child, arena);
	if (!cpl_str_is(field.var, "FORM_TYPE"))
		form->fields[form->count++] = field;
	else if (field.count > 0)
		form->form_type = field.values[0];
}

/* A form without FORM_TYPE does not count (XEP-0115 5.4, point 3.6). */
static void take_form(struct caps_info *info, const struct cpl_element *element, struct cpl_arena *arena)
{
	struct caps_form form = {0};

	form.fields = cpl_arena_alloc(arena, (cpl_child_count(element) + 1) * sizeof(form.fields[0]));
	CPL_CHILDREN(child, element)
		if (cpl_is(child, &field_name))
			take_field(&form, child, arena);
	if (form.form_type.ptr)
		info->forms[info->form_count++] = form;
}

static struct cpl_str ver_of(const struct cpl_element *query, struct cpl_arena *arena)
{
	unsigned count = cpl_child_count(query) + 1;
	struct caps_info info = {
		.identities = cpl_arena_alloc(arena, count * sizeof(struct caps_identity)),
		.features = cpl_arena_alloc(arena, count * sizeof(struct cpl_str)),
		.forms = cpl_arena_alloc(arena, count * sizeof(struct caps_form)),
	};

	CPL_CHILDREN(child, query) {
		if (cpl_is(child, &info_identity))
			info.identities[info.identity_count++] = (struct caps_identity){
				cpl_attr_get(child, "category"), cpl_attr_get(child, "type"), lang_of(child),
				cpl_attr_get(child, "name")};
		else if (cpl_is(child, &info_feature))
			info.features[info.feature_count++] = cpl_attr_get(child, "var");
		else if (cpl_is(child, &form_name))
			take_form(&info, child, arena);
	}
	return caps_ver(&info, arena);
}

static struct cpl_str host_ver(struct cpl_module *self, struct cpl_host *host)
{
	struct caps *caps = CPL_SLOT_MAKE(host, caps_slot);
	struct cpl_ev_disco ev = {.host = host};
	struct cpl_str ver;

	if (caps->ver.ptr)
		return caps->ver;
	ev.answer = cpl_stanza_create(CPL_IQ, CPL_TYPE_RESULT);
	ev.query = cpl_add(ev.answer, ev.answer->root, &info_query);
	collect(self, &ev);
	ver = ver_of(ev.query, ev.answer->arena);
	caps->ver = (struct cpl_str){cpl_strdup(ver), ver.len};
	cpl_stanza_unref(&ev.answer);
	return caps->ver;
}

static void on_features_changed(struct cpl_module *self, struct cpl_ev_host *ev)
{
	CPL_SLOT_CLEAR(ev->host, caps_slot);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	if (host)
		CPL_SLOT_CLEAR(host, caps_slot);
}

static void on_stream_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	struct cpl_element *c;

	if (!(1u << ev->session->type & (CPL_IN(C2S_UNBOUND) | CPL_IN(S2SIN))))
		return;
	c = cpl_add(ev->features, ev->features->root, &caps_name);
	cpl_attr_set(ev->features, c, "hash", CPL_STR("sha-1"));
	cpl_attr_set(ev->features, c, "node", CPL_STR(CAPS_NODE));
	cpl_attr_set(ev->features, c, "ver", host_ver(self, ev->session->served));
}

/* True for CAPS_NODE, "#" and the present hash. */
static bool is_caps_node(struct cpl_module *self, struct cpl_host *host, struct cpl_str node)
{
	struct cpl_str prefix = CPL_STR(CAPS_NODE "#");

	return cpl_str_starts(node, prefix) &&
	       cpl_str_equal((struct cpl_str){node.ptr + prefix.len, node.len - prefix.len},
			     host_ver(self, host));
}

/* ---- requests ---- */

/*
 * Accounts answer to themselves and to those who may see their presence (XEP-0030 section 8). Everybody else
 * gets, for info and items alike, what a request to an account that does not exist gets from the core (RFC
 * 6121 8.5.1), so that the two cannot be told apart.
 */
static bool may_ask(const struct cpl_ev_stanza *ev)
{
	struct cpl_ev_see see = {.user = ev->user, .from = ev->stanza->from};

	if (ev->target == CPL_TARGET_HOST)
		return true;
	if (!ev->user)
		return false;
	return ev->target == CPL_TARGET_SELF || cpl_jid_equal_bare(ev->stanza->from, ev->user->jid) ||
	       cpl_fire_may_see_account(ev->host, &see) == CPL_YES;
}

/* The answer to a request, with the node mirrored (XEP-0030 3.2). */
static struct cpl_ev_disco begin(const struct cpl_ev_stanza *ev, const struct cpl_name *query)
{
	struct cpl_str node = cpl_attr_get(cpl_child(ev->stanza->root, query), "node");
	struct cpl_ev_disco disco = {
		.host = ev->host,
		.user = ev->target == CPL_TARGET_HOST ? NULL : ev->user,
		.from = ev->stanza->from,
		.node = node.len > 0 ? node : CPL_NONE,
		.answer = cpl_iq_result(ev),
	};

	disco.query = cpl_add(disco.answer, disco.answer->root, query);
	if (node.ptr)
		cpl_attr_set(disco.answer, disco.query, "node", node);
	return disco;
}

static enum cpl_flow finish(struct cpl_ev_stanza *ev, struct cpl_ev_disco *disco)
{
	if (disco->node.ptr && !disco->found) {
		cpl_stanza_unref(&disco->answer);
		return cpl_iq_error(ev, CPL_ITEM_NOT_FOUND, NULL);
	}
	cpl_send(&disco->answer);
	return CPL_HANDLED;
}

static enum cpl_flow on_info(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_ev_disco disco;

	if (!may_ask(ev))
		return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
	disco = begin(ev, &info_query);
	if (!disco.node.ptr) {
		collect(self, &disco);
	} else if (!disco.user && is_caps_node(self, ev->host, disco.node)) {
		disco.found = true;
		disco.node = CPL_NONE; /* the same answer as without a node */
		collect(self, &disco);
	} else {
		cpl_fire_disco_info(ev->host, &disco);
	}
	return finish(ev, &disco);
}

/* Connected resources for the account itself, available ones for its contacts, who know them anyway. */
static void add_resources(struct cpl_ev_disco *disco)
{
	bool own = cpl_jid_equal_bare(disco->from, disco->user->jid);

	CPL_SESSIONS(session, disco->user)
	{
		struct cpl_element *item;

		if (!own && !cpl_session_is_available(session))
			continue;
		item = cpl_add(disco->answer, disco->query, &items_item);
		cpl_attr_set(disco->answer, item, "jid", session->full_jid);
	}
}

/* The services of a host: the domains below it that modules or external components serve (XEP-0030 4). */
static void add_components(struct cpl_ev_disco *disco)
{
	struct cpl_str name = disco->host->name;
	struct cpl_host *host;
	size_t at = 0;

	while ((host = cpl_host_next(&at))) {
		size_t more = host->name.len > name.len ? host->name.len - name.len : 0;
		struct cpl_str tail = {host->name.ptr + more, host->name.len - more};

		if (!host->component || host->stopping || more < 2 || host->name.ptr[more - 1] != '.' || !cpl_str_equal(tail, name))
			continue;
		cpl_attr_set(disco->answer, cpl_add(disco->answer, disco->query, &items_item), "jid", host->name);
	}
}

static enum cpl_flow on_items(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_ev_disco disco;

	if (!may_ask(ev))
		return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
	disco = begin(ev, &items_query);
	if (disco.user && !disco.node.ptr)
		add_resources(&disco);
	if (!disco.user && !disco.node.ptr && !ev->host->component)
		add_components(&disco);
	cpl_fire_disco_items(ev->host, &disco);
	return finish(ev, &disco);
}

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, on_stream_features, OBSERVE, 0),
	CPL_ON(features_changed, on_features_changed, OBSERVE, 0),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST | CPL_TO_SELF | CPL_TO_BARE, &info_query, on_info, 0},
	{CPL_IQ_GET, CPL_TO_HOST | CPL_TO_SELF | CPL_TO_BARE, &items_query, on_items, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{NS_INFO, CPL_OF_HOST | CPL_OF_ACCOUNT},
	{NS_ITEMS, CPL_OF_HOST | CPL_OF_ACCOUNT},
	{NS_CAPS, CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(disco) = {
	CPL_MODULE_HEAD("disco", "1.0",
			"Service Discovery and the server's Entity Capabilities (XEP-0030, XEP-0115)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct disco_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.slots = slots,
	.reconfigure = reconfigure,
};
