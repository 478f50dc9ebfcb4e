/* SPDX-License-Identifier: MIT */
/*
 * Namespace Delegation (XEP-0355), as the administrator grants it (its admin mode): requests with payloads of certain namespaces, to the host or its accounts, are answered by components.
 * Hooks iq_request, which comes before the modules that claim such requests; what is delegated is no module's any more.
 */
#include "modules/delegation/delegation.h"

static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct delegation_config, delegate, "", CPL_RELOADABLE,
		     "What components answer for the host and its accounts: a component's domain, a blank, the namespace of the requests, and the names of attributes "
		     "that their payload must have, each behind a blank."),
	CPL_OPT_TIME(struct delegation_config, timeout, "30s", "1s", "10m", CPL_RELOADABLE, "How long a component may take for an answer."),
	CPL_OPT_INT(struct delegation_config, pending, "10000", "1", "100000", CPL_RELOADABLE, "Requests to the host that may wait for components' answers; more are refused."),
	CPL_OPT_INT(struct delegation_config, pending_per_account, "50", "1", "10000", CPL_RELOADABLE, "The same for those that one account has made."),
	CPL_OPT_END,
};

CPL_NAME(query_name, NS_DELEGATION, "query");
CPL_NAME(delegate_name, NS_DELEGATION, "delegate");
CPL_NAME(items_query, NS_ITEMS, "query");
static struct cpl_name *const names[] = {
	&query_name,	&delegate_name, &items_query, &delegation_element, &delegation_forwarded, &delegation_info, &nested_delegated,
	&nested_attribute, &nested_identity, &nested_feature, &nested_form, &nested_field, &nested_value, NULL,
};

static const char special_info[] = NS_DELEGATION ":bare:disco#info:*";
static const char special_items[] = NS_DELEGATION ":bare:disco#items:*";

bool delegated_is_special(struct cpl_str ns)
{
	return cpl_str_is(ns, special_info) || cpl_str_is(ns, special_items);
}

/* ---- the option ---- */

bool delegated_read(struct cpl_str entry, struct delegated *out)
{
	struct cpl_str rest = cpl_str_trim(entry);

	*out = (struct delegated){CPL_NONE, CPL_NONE, CPL_NONE};
	cpl_str_split(&rest, ' ', &out->domain);
	rest = cpl_str_trim(rest);
	cpl_str_split(&rest, ' ', &out->ns);
	out->attributes = cpl_str_trim(rest);
	return out->ns.len > 0;
}

static const char *entry_fault(const struct cpl_str_list *list, size_t at)
{
	struct delegated one, other;

	if (!delegated_read(list->items[at], &one))
		return "wants a component's domain, a blank and a namespace";
	if (!cpl_is_domain(one.domain))
		return "wants domains of components in small letters, such as pubsub.example.org";
	if (cpl_str_is(one.ns, NS_DELEGATION))
		return "has " NS_DELEGATION ", which cannot be delegated";
	if (cpl_str_starts(one.ns, CPL_STR(NS_DELEGATION ":")) && !delegated_is_special(one.ns))
		return "has a name of " NS_DELEGATION " that means nothing; there are :bare:disco#info:* and :bare:disco#items:*";
	if (delegated_is_special(one.ns) && one.attributes.len)
		return "wants no attributes behind " NS_DELEGATION ":bare:disco#info:* and disco#items:*";
	for (size_t i = 0; i < at; i++)
		if (delegated_read(list->items[i], &other) && cpl_str_equal(one.ns, other.ns))
			return "delegates one namespace twice";
	return NULL;
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct delegation_config *config = values;

	for (size_t i = 0; i < config->delegate.count; i++) {
		const char *text = entry_fault(&config->delegate, i);

		if (text)
			fault(data, "delegate", text);
	}
}

/* ---- which requests are delegated (4.3) ---- */

static bool has_attributes(const struct cpl_element *payload, struct cpl_str attributes)
{
	struct cpl_str name;

	while (cpl_str_split(&attributes, ' ', &name)) {
		const struct cpl_attr *attr = payload->attrs;

		while (attr && !(cpl_str_equal(attr->name, name) && !attr->ns.ptr))
			attr = attr->next;
		if (name.len && !attr)
			return false;
	}
	return true;
}

/* The node of a disco request to an account that no module knows; the answer that is made here is thrown away. */
static bool is_unknown_node(const struct cpl_ev_stanza *ev, const struct cpl_name *query, struct cpl_str node)
{
	struct cpl_ev_disco disco = {.host = ev->host, .user = ev->user, .from = ev->stanza->from, .node = node, .answer = cpl_iq_result(ev)};

	disco.query = cpl_add(disco.answer, disco.answer->root, query);
	if (query == &delegation_info)
		cpl_fire_disco_info(ev->host, &disco);
	else
		cpl_fire_disco_items(ev->host, &disco);
	cpl_stanza_unref(&disco.answer);
	return !disco.found;
}

/* 7.2.4: info on nodes of accounts; 7.2.5: items of accounts, without a node or on a node; each where no module of the server knows the node. */
static bool is_special(const struct cpl_ev_stanza *ev, const struct cpl_element *payload, struct cpl_str ns)
{
	bool info = cpl_str_is(ns, special_info), items = cpl_str_is(ns, special_items);
	struct cpl_str node = cpl_attr_get(payload, "node");

	if (ev->target == CPL_TARGET_HOST || ev->stanza->type != CPL_TYPE_GET)
		return false;
	if (info && cpl_is(payload, &delegation_info))
		return node.len && is_unknown_node(ev, &delegation_info, node);
	return items && cpl_is(payload, &items_query) && (!node.len || is_unknown_node(ev, &items_query, node));
}

/* To the host itself, or to the bare address of an account that exists; of others the core says what it says of all. */
static bool is_for_server(const struct cpl_ev_stanza *ev)
{
	if (ev->target == CPL_TARGET_HOST)
		return ev->stanza->to.resource_len == 0;
	return ev->target != CPL_TARGET_FULL && ev->user;
}

/* 4.3.1: what the entity itself asks is the server's to answer. */
static bool is_from(const struct cpl_ev_stanza *ev, struct cpl_str domain)
{
	return ev->stanza->from.local_len == 0 && cpl_str_equal(cpl_jid_domain(ev->stanza->from), domain);
}

static enum cpl_flow on_iq_request(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct delegation_config *config = CPL_CONFIG(self, ev->host, struct delegation_config);
	const struct cpl_element *payload = cpl_first_child(ev->stanza->root);
	struct delegated one;

	for (size_t i = 0; i < config->delegate.count && is_for_server(ev); i++) {
		delegated_read(config->delegate.items[i], &one);
		if (delegated_is_special(one.ns) ? is_special(ev, payload, one.ns)
						 : cpl_str_equal(one.ns, payload->ns) && has_attributes(payload, one.attributes))
			return is_from(ev, one.domain) ? CPL_NEXT : forward_start(self, ev, one.domain);
	}
	return CPL_NEXT;
}

/* Entities that want an account's consent (5): here the configuration alone delegates. One thing nobody may ever have (8, rule 5). */
static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	CPL_CHILDREN(child, cpl_child(ev->stanza->root, &query_name))
	{
		if (cpl_is(child, &delegate_name) && cpl_str_is(cpl_attr_get(child, "namespace"), NS_DELEGATION))
			return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	}
	return cpl_iq_error(ev, CPL_FEATURE_NOT_IMPLEMENTED, "Delegation is granted in the server's configuration");
}

/* ---- the module ---- */

struct delegation_host *delegation_of(struct cpl_host *host)
{
	struct delegation_host *of = CPL_SLOT_MAKE(host, delegation_slot);

	if (!of->entities.next) {
		cpl_list_init(&of->entities);
		cpl_list_init(&of->nested);
	}
	return of;
}

static void release(void *data)
{
	nested_release(data);
	cpl_free(data);
}
CPL_SLOT_DEFINE(delegation_slot, 1, release, NULL);
static struct cpl_slot *const slots[] = {&delegation_slot, &forward_slot, NULL};

static void start(struct cpl_module *self, struct cpl_host *host)
{
	nested_update(self, host);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	if (host)
		nested_update(self, host);
}

static const struct cpl_event_row events[] = {
	CPL_ON(iq_request, on_iq_request, FEATURE, 0),
	CPL_ON(component_ready, nested_on_component_ready, FEATURE, 0),
	CPL_ON(component_gone, nested_on_component_gone, FEATURE, 0),
	CPL_ON(disco_info, nested_on_disco_info, OBSERVE, 0), /* behind all that add features */
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &query_name, on_query, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{NS_DELEGATION, CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(delegation) = {
	CPL_MODULE_HEAD("delegation", "1.0", "Components that answer for the host and its accounts (XEP-0355)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct delegation_config),
	.check = check,
	.events = events,
	.iqs = iqs,
	.features = features,
	.slots = slots,
	.start = start,
	.reconfigure = reconfigure,
};
