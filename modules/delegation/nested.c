/* SPDX-License-Identifier: MIT */
/*
 * What entities hear of their delegations (XEP-0355 4.2), and what they say of their features, which take the place of the server's own in what disco says of the host and its
 * accounts (7.2). Features are asked for when an entity connects or is given something else, and forgotten when it goes.
 */
#include "modules/delegation/delegation.h"

struct cpl_name delegation_info = {NS_INFO, "query", 0, 0};
struct cpl_name nested_delegated = {NS_DELEGATION, "delegated", 0, 0};
struct cpl_name nested_attribute = {NS_DELEGATION, "attribute", 0, 0};
struct cpl_name nested_identity = {NS_INFO, "identity", 0, 0};
struct cpl_name nested_feature = {NS_INFO, "feature", 0, 0};
struct cpl_name nested_form = {"jabber:x:data", "x", 0, 0};
struct cpl_name nested_field = {"jabber:x:data", "field", 0, 0};
struct cpl_name nested_value = {"jabber:x:data", "value", 0, 0};

enum { ANSWER_MS = 60000, INFO_MAX_BYTES = 65536 };

/* An entity that has been told of its delegations. */
struct entity {
	struct cpl_list node;
	char *domain;
	char *told;	 /* its entries of the option as it knows them, one a line; empty: nothing */
	char *session;	 /* id of its session; NULL: it was there before this module, or is not connected */
	unsigned round;	 /* of asking it for its features; an answer of another round is dropped */
};

/* What an entity says of one namespace. */
struct nested {
	struct cpl_list node;
	char *ns;
	char *domain;
	bool bare; /* of accounts; else of the host */
	struct cpl_stanza *info;
};

static struct cpl_jid domain_jid(const char *domain)
{
	return (struct cpl_jid){domain, 0, (uint16_t)strlen(domain), 0, 0};
}

/* ---- what is kept ---- */

static void nested_drop(struct nested *nested)
{
	cpl_list_remove(&nested->node);
	cpl_stanza_unref(&nested->info);
	cpl_free(nested->ns);
	cpl_free(nested->domain);
	cpl_free(nested);
}

static void entity_drop(struct entity *entity)
{
	cpl_list_remove(&entity->node);
	cpl_free(entity->domain);
	cpl_free(entity->told);
	cpl_free(entity->session);
	cpl_free(entity);
}

void nested_release(struct delegation_host *of)
{
	while (!cpl_list_empty(&of->nested))
		nested_drop(CPL_CONTAINER(of->nested.next, struct nested, node));
	while (!cpl_list_empty(&of->entities))
		entity_drop(CPL_CONTAINER(of->entities.next, struct entity, node));
}

static struct entity *entity_find(struct delegation_host *of, struct cpl_str domain)
{
	CPL_LIST_EACH(node, &of->entities) {
		struct entity *entity = CPL_CONTAINER(node, struct entity, node);

		if (cpl_str_is(domain, entity->domain))
			return entity;
	}
	return NULL;
}

static struct entity *entity_make(struct delegation_host *of, struct cpl_str domain)
{
	struct entity *entity = entity_find(of, domain);

	if (!entity) {
		entity = CPL_NEW(struct entity);
		entity->domain = cpl_strdup(domain);
		entity->told = cpl_strdup(CPL_STR(""));
		cpl_list_append(&of->entities, &entity->node);
	}
	return entity;
}

static void tell_of_change(struct cpl_host *host)
{
	struct cpl_ev_host changed = {.host = host};

	cpl_fire_features_changed(host, &changed);
}

static void forget_features(struct cpl_host *host, struct delegation_host *of, struct entity *entity)
{
	bool changed = false;

	entity->round++;
	CPL_LIST_EACH(node, &of->nested) {
		struct nested *nested = CPL_CONTAINER(node, struct nested, node);

		if (strcmp(nested->domain, entity->domain) != 0)
			continue;
		nested_drop(nested);
		changed = true;
	}
	if (changed)
		tell_of_change(host);
}

/* ---- asking for features (7.2.1, 7.2.2) ---- */

struct question {
	struct cpl_iq_call call;
	struct cpl_host *host;
	struct nested *nested; /* the answer, not yet in a list */
	unsigned round;
};

static void on_features(struct cpl_call *call)
{
	struct question *question = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_iq_call, call), struct question, call);
	struct nested *nested = question->nested;
	struct delegation_host *of = CPL_SLOT_GET(question->host, delegation_slot);
	struct entity *entity = of ? entity_find(of, cpl_str_of(nested->domain)) : NULL;
	const struct cpl_stanza *answer = call->status == 0 ? question->call.answer : NULL;

	if (entity && entity->round == question->round && answer && cpl_child(answer->root, &delegation_info)) {
		nested->info = cpl_stanza_compact(answer);
		if (cpl_stanza_size(nested->info) > INFO_MAX_BYTES) {
			cpl_log_info("a component has too many features jid=%s namespace=%s", nested->domain, nested->ns);
		} else {
			cpl_list_append(&of->nested, &nested->node);
			tell_of_change(question->host);
			nested = NULL;
		}
	}
	if (nested)
		nested_drop(nested);
	cpl_free(question);
}

static void ask(struct cpl_host *host, const struct entity *entity, struct cpl_str ns, bool bare)
{
	struct cpl_stanza *iq = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);
	struct cpl_element *query = cpl_add(iq, iq->root, &delegation_info);
	struct question *question = CPL_NEW(struct question);

	cpl_stanza_set_from(iq, host->jid);
	cpl_stanza_set_to(iq, domain_jid(entity->domain));
	cpl_attr_set(iq, query, "node", cpl_arena_printf(iq->arena, NS_DELEGATION "%s%.*s", bare ? ":bare:" : "::", CPL_ARG(ns)));
	question->host = host;
	question->round = entity->round;
	question->nested = CPL_NEW(struct nested);
	question->nested->ns = cpl_strdup(ns);
	question->nested->domain = cpl_strdup(cpl_str_of(entity->domain));
	question->nested->bare = bare;
	if (cpl_iq_send(&question->call, &host->scope, &iq, ANSWER_MS, on_features) == 0)
		return;
	nested_drop(question->nested);
	cpl_free(question);
}

/* ---- telling what is delegated (4.2) ---- */

/* The entries of one entity, one a line; heap. */
static char *entries_of(const struct delegation_config *config, struct cpl_str domain)
{
	struct cpl_buf text = {0};
	struct delegated one;

	cpl_buf_add(&text, CPL_STR(""));
	for (size_t i = 0; i < config->delegate.count; i++)
		if (delegated_read(config->delegate.items[i], &one) && cpl_str_equal(one.domain, domain))
			cpl_buf_addf(&text, "%.*s %.*s\n", CPL_ARG(one.ns), CPL_ARG(one.attributes));
	return text.ptr ? cpl_buf_take(&text) : cpl_strdup(CPL_STR(""));
}

static void add_delegated(struct cpl_stanza *message, struct cpl_element *delegation, const struct delegated *one)
{
	struct cpl_element *delegated = cpl_add(message, delegation, &nested_delegated);
	struct cpl_str rest = one->attributes, name;

	cpl_attr_set(message, delegated, "namespace", one->ns);
	while (cpl_str_split(&rest, ' ', &name))
		if (name.len)
			cpl_attr_set(message, cpl_add(message, delegated, &nested_attribute), "name", name);
}

static void tell(const struct delegation_config *config, struct cpl_host *host, const struct entity *entity)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
	struct cpl_element *delegation = cpl_add(message, message->root, &delegation_element);
	struct delegated one;
	char id[CPL_ID_TEXT];

	cpl_stanza_set_from(message, host->jid);
	cpl_stanza_set_to(message, domain_jid(entity->domain));
	cpl_stanza_set_id(message, cpl_random_id(id));
	for (size_t i = 0; i < config->delegate.count; i++)
		if (delegated_read(config->delegate.items[i], &one) && cpl_str_is(one.domain, entity->domain))
			add_delegated(message, delegation, &one);
	cpl_send(&message);
}

/* One entity hears of what it does not know, and is asked again. 8, rule 3: also when that changes, and also when nothing is left. */
static void entity_update(const struct delegation_config *config, struct cpl_host *host, struct entity *entity)
{
	char *entries = entries_of(config, cpl_str_of(entity->domain));
	struct delegated one;

	if (strcmp(entries, entity->told) == 0) {
		cpl_free(entries);
		return;
	}
	cpl_free(entity->told);
	entity->told = entries;
	tell(config, host, entity);
	forget_features(host, delegation_of(host), entity);
	for (size_t i = 0; i < config->delegate.count; i++) {
		if (!delegated_read(config->delegate.items[i], &one) || !cpl_str_is(one.domain, entity->domain) || delegated_is_special(one.ns))
			continue;
		ask(host, entity, one.ns, false);
		ask(host, entity, one.ns, true);
	}
}

void nested_update(struct cpl_module *self, struct cpl_host *host)
{
	const struct delegation_config *config = CPL_CONFIG(self, host, struct delegation_config);
	struct delegation_host *of = delegation_of(host);
	struct delegated one;

	for (size_t i = 0; i < config->delegate.count; i++)
		if (delegated_read(config->delegate.items[i], &one))
			entity_make(of, one.domain);
	CPL_LIST_EACH(node, &of->entities)
		entity_update(config, host, CPL_CONTAINER(node, struct entity, node));
	tell_of_change(host); /* what is delegated hides the server's own features */
}

void nested_on_component_ready(struct cpl_module *self, struct cpl_ev_component *ev)
{
	struct delegation_host *of = delegation_of(ev->host);
	struct entity *entity = entity_find(of, ev->session->host);

	if (!entity)
		return;
	cpl_free(entity->session);
	entity->session = cpl_strdup(ev->session->id);
	cpl_free(entity->told);
	entity->told = cpl_strdup(CPL_STR(""));
	entity_update(CPL_CONFIG(self, ev->host, struct delegation_config), ev->host, entity);
}

void nested_on_component_gone(struct cpl_module *self, struct cpl_ev_component *ev)
{
	struct delegation_host *of = delegation_of(ev->host);
	struct entity *entity = entity_find(of, ev->session->host);

	/* Perhaps another session has taken its place before. */
	if (!entity || (entity->session && !cpl_str_is(ev->session->id, entity->session)))
		return;
	CPL_FREE(entity->session);
	forget_features(ev->host, of, entity);
}

/* ---- what disco says (7.2) ---- */

/* The namespace itself, and what stands behind a '#' in it. */
static bool is_of(struct cpl_str var, struct cpl_str ns)
{
	return cpl_str_starts(var, ns) && (var.len == ns.len || var.ptr[ns.len] == '#');
}

static struct cpl_str form_type(const struct cpl_element *form, struct cpl_arena *arena)
{
	CPL_CHILDREN(field, form)
	{
		struct cpl_str type = CPL_NONE;

		if (cpl_is(field, &nested_field) && cpl_str_is(cpl_attr_get(field, "var"), "FORM_TYPE"))
			type = cpl_child_text(field, &nested_value, arena);
		if (type.ptr)
			return type;
	}
	return CPL_NONE;
}

/* The server's own features and extensions (7.2.3) for a namespace that is not its any more. */
static void hide(struct cpl_ev_disco *ev, struct cpl_str ns)
{
	struct cpl_element *next;

	for (struct cpl_element *child = cpl_first_child(ev->query); child; child = next) {
		next = cpl_next_child(child);
		if (cpl_is(child, &nested_feature) ? is_of(cpl_attr_get(child, "var"), ns)
						   : cpl_is(child, &nested_form) && is_of(form_type(child, ev->answer->arena), ns))
			cpl_remove(child);
	}
}

static bool has_same(const struct cpl_element *query, const struct cpl_element *other)
{
	CPL_CHILDREN(child, query)
	{
		if (child->ns_id != other->ns_id || child->name_id != other->name_id)
			continue;
		if (cpl_is(child, &nested_feature) && cpl_str_equal(cpl_attr_get(child, "var"), cpl_attr_get(other, "var")))
			return true;
		if (cpl_is(child, &nested_identity) && cpl_str_equal(cpl_attr_get(child, "category"), cpl_attr_get(other, "category")) &&
		    cpl_str_equal(cpl_attr_get(child, "type"), cpl_attr_get(other, "type")))
			return true;
	}
	return false;
}

static void nest(struct cpl_ev_disco *ev, const struct nested *nested)
{
	CPL_CHILDREN(child, cpl_child(nested->info->root, &delegation_info))
	{
		bool known = cpl_is(child, &nested_feature) || cpl_is(child, &nested_identity) || cpl_is(child, &nested_form);

		if (known && !has_same(ev->query, child))
			cpl_add_copy(ev->answer, ev->query, child);
	}
}

void nested_on_disco_info(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	const struct delegation_config *config = CPL_CONFIG(self, ev->host, struct delegation_config);
	struct delegated one;

	if (ev->node.ptr)
		return;
	for (size_t i = 0; i < config->delegate.count; i++)
		if (delegated_read(config->delegate.items[i], &one) && !delegated_is_special(one.ns))
			hide(ev, one.ns);
	CPL_LIST_EACH(node, &delegation_of(ev->host)->nested) {
		const struct nested *nested = CPL_CONTAINER(node, struct nested, node);

		if (nested->bare == (ev->user != NULL))
			nest(ev, nested);
	}
}
