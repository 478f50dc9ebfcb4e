/* SPDX-License-Identifier: MIT */
/*
 * Privileged entities (XEP-0356): components that the configuration allows to act for the accounts of a host. Rosters and presence are here, stanzas in
 * accounts' names in behalf.c, presence of contacts in contacts.c.
 */
#include "modules/privilege/privilege.h"

static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct privilege_config, roster_get, "", CPL_RELOADABLE, "Domains of components that may read the rosters of the host's accounts."),
	CPL_OPT_LIST(struct privilege_config, roster_set, "", CPL_RELOADABLE, "Domains of components that may change them."),
	CPL_OPT_BOOL(struct privilege_config, roster_push, "true", CPL_RELOADABLE, "Whether those that may read rosters are told of each change."),
	CPL_OPT_LIST(struct privilege_config, message, "", CPL_RELOADABLE,
		     "Domains of components that may send messages in the names of the host and its accounts."),
	CPL_OPT_LIST(struct privilege_config, presence, "", CPL_RELOADABLE, "Domains of components that are told when the host's accounts become available and unavailable."),
	CPL_OPT_LIST(struct privilege_config, presence_roster, "", CPL_RELOADABLE,
		     "Domains of components that are told of the presence of the accounts and of all their contacts; they must be in roster_get, too."),
	CPL_OPT_INT(struct privilege_config, presence_contacts, "10000", "1", "1000000", CPL_RELOADABLE,
		    "Resources of contacts that are remembered for each component, so that it is told once and not once for each account."),
	CPL_OPT_LIST(struct privilege_config, iq_get, "", CPL_RELOADABLE,
		     "What may be asked in the names of accounts: a component's domain, a blank, the namespace of the request."),
	CPL_OPT_LIST(struct privilege_config, iq_set, "", CPL_RELOADABLE, "The same for requests that change something."),
	CPL_OPT_END,
};

/* ---- who may do what ---- */

/* The domain of an entry, and the namespace behind it (CPL_NONE: none). */
static struct cpl_str entry_domain(struct cpl_str entry, struct cpl_str *ns)
{
	struct cpl_str domain;

	*ns = entry;
	cpl_str_split(ns, ' ', &domain);
	if (ns->ptr)
		*ns = cpl_str_trim(*ns);
	return domain;
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct privilege_config *config = values;
	const struct {
		const char *option;
		const struct cpl_str_list *list;
		bool wants_ns;
	} lists[] = {
		{"roster_get", &config->roster_get, false}, {"roster_set", &config->roster_set, false}, {"message", &config->message, false},
		{"presence", &config->presence, false},	    {"presence_roster", &config->presence_roster, false},
		{"iq_get", &config->iq_get, true},	    {"iq_set", &config->iq_set, true},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (size_t j = 0; j < lists[i].list->count; j++) {
			struct cpl_str ns, domain = entry_domain(lists[i].list->items[j], &ns);

			if (!cpl_is_domain(domain))
				fault(data, lists[i].option, "wants domains of components in small letters, such as pubsub.example.org");
			else if (lists[i].list == &config->presence_roster &&
				 !privilege_granted(&config->roster_get, (struct cpl_jid){domain.ptr, 0, (uint16_t)domain.len, 0, 0}))
				fault(data, lists[i].option, "wants domains that are in roster_get, too (XEP-0356 7.4)");
			else if (lists[i].wants_ns != (ns.len > 0))
				fault(data, lists[i].option, lists[i].wants_ns ? "wants a namespace behind the domain" : "wants domains alone");
		}
}

bool privilege_granted(const struct cpl_str_list *list, struct cpl_jid sender)
{
	for (size_t i = 0; i < list->count; i++)
		if (sender.local_len == 0 && cpl_str_equal(list->items[i], cpl_jid_domain(sender)))
			return true;
	return false;
}

bool privilege_granted_ns(const struct cpl_str_list *list, struct cpl_jid sender, struct cpl_str ns)
{
	for (size_t i = 0; i < list->count; i++) {
		struct cpl_str granted, domain = entry_domain(list->items[i], &granted);

		if (sender.local_len == 0 && cpl_str_equal(domain, cpl_jid_domain(sender)) && cpl_str_equal(granted, ns))
			return true;
	}
	return false;
}

#define NS_PRIVILEGE "urn:xmpp:privilege:2"
CPL_NAME(perm_name, NS_PRIVILEGE, "perm");
CPL_NAME(namespace_name, NS_PRIVILEGE, "namespace");
CPL_NAME(roster_query, "jabber:iq:roster", "query");
static struct cpl_name *const names[] = {&privilege_element, &privilege_iq, &privilege_forwarded, &privilege_delay, &perm_name, &namespace_name, &roster_query, NULL};

/* ---- telling a component what it may do, when it connects ---- */

static struct cpl_element *add_perm(struct cpl_stanza *message, struct cpl_element *privilege, const char *access, const char *type)
{
	struct cpl_element *perm = cpl_add(message, privilege, &perm_name);

	cpl_attr_set(message, perm, "access", cpl_str_of(access));
	if (type)
		cpl_attr_set(message, perm, "type", cpl_str_of(type));
	return perm;
}

static const char *get_set(bool get, bool set)
{
	return get && set ? "both" : get ? "get" : set ? "set" : "none";
}

/* Each namespace once: those of iq_set only where iq_get does not have them. */
static void add_namespaces(struct cpl_stanza *message, struct cpl_element *privilege, const struct privilege_config *config, struct cpl_jid to)
{
	const struct cpl_str_list *lists[] = {&config->iq_get, &config->iq_set};
	struct cpl_element *perm = NULL;

	for (unsigned i = 0; i < 2; i++)
		for (size_t j = 0; j < lists[i]->count; j++) {
			struct cpl_str ns, domain = entry_domain(lists[i]->items[j], &ns);
			struct cpl_element *e;

			if (!cpl_str_equal(domain, cpl_jid_domain(to)) || (i && privilege_granted_ns(lists[0], to, ns)))
				continue;
			if (!perm)
				perm = add_perm(message, privilege, "iq", NULL);
			e = cpl_add(message, perm, &namespace_name);
			cpl_attr_set(message, e, "ns", ns);
			cpl_attr_set(message, e, "type", cpl_str_of(get_set(i == 0, privilege_granted_ns(lists[1], to, ns))));
		}
}

static void advertise(const struct privilege_config *config, struct cpl_host *host, struct cpl_jid to)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
	struct cpl_element *privilege = cpl_add(message, message->root, &privilege_element);
	bool get = privilege_granted(&config->roster_get, to), set = privilege_granted(&config->roster_set, to);
	char id[CPL_ID_TEXT];

	cpl_stanza_set_from(message, host->jid);
	cpl_stanza_set_to(message, to);
	cpl_stanza_set_id(message, cpl_random_id(id));
	if (get || set) {
		struct cpl_element *perm = add_perm(message, privilege, "roster", get_set(get, set));

		cpl_attr_set(message, perm, "push", get && config->roster_push ? CPL_STR("true") : CPL_STR("false"));
	}
	if (privilege_granted(&config->message, to))
		add_perm(message, privilege, "message", "outgoing");
	if (privilege_granted(&config->presence_roster, to))
		add_perm(message, privilege, "presence", "roster");
	else if (privilege_granted(&config->presence, to))
		add_perm(message, privilege, "presence", "managed_entity");
	add_namespaces(message, privilege, config, to);
	if (cpl_child_count(privilege) > 0)
		cpl_send(&message);
	cpl_stanza_unref(&message);
}

/* ---- presence (XEP-0356 7) ---- */

static void tell_presence(const struct cpl_session *session, struct cpl_str domain)
{
	struct cpl_jid to = {domain.ptr, 0, (uint16_t)domain.len, 0, 0};
	struct cpl_stanza *stanza;

	if (session->presence)
		stanza = cpl_stanza_copy(session->presence);
	else
		stanza = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_UNAVAILABLE);
	cpl_stanza_set_from(stanza, session->jid);
	cpl_stanza_set_to(stanza, to);
	cpl_send(&stanza);
}

static void tell_all(const struct cpl_session *session, const struct cpl_str_list *domains, const struct cpl_str_list *but)
{
	for (size_t i = 0; i < domains->count; i++) {
		struct cpl_jid domain = {domains->items[i].ptr, 0, (uint16_t)domains->items[i].len, 0, 0};

		if (!but || !privilege_granted(but, domain))
			tell_presence(session, domains->items[i]);
	}
}

/* 7.1: initial presence and the end; changes in between are for those who hear of contacts, as every account may be one. */
static void on_available(struct cpl_module *self, struct cpl_ev_session *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->session->served, struct privilege_config);

	tell_all(ev->session, &config->presence, &config->presence_roster);
}

static void on_presence_changed(struct cpl_module *self, struct cpl_ev_session *ev)
{
	tell_all(ev->session, &CPL_CONFIG(self, ev->session->served, struct privilege_config)->presence_roster, NULL);
}

static void on_unavailable(struct cpl_module *self, struct cpl_ev_session *ev)
{
	on_available(self, ev);
	on_presence_changed(self, ev);
}

static void on_component_ready(struct cpl_module *self, struct cpl_ev_component *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->host, struct privilege_config);
	struct cpl_jid component = cpl_jid_host(ev->session->jid);
	struct cpl_user *user;
	size_t at = 0;

	advertise(config, ev->host, component);
	if (privilege_granted(&config->presence_roster, component))
		contacts_begin(self, ev->host, ev->session);
	else if (!privilege_granted(&config->presence, component))
		return;
	/* What it would have got if it had been here (9, rule 1). */
	while ((user = cpl_map_next(&ev->host->users, &at)))
		CPL_SESSIONS(session, user)
		{
			if (session->presence)
				tell_presence(session, cpl_jid_domain(component));
		}
}

static void on_component_gone(struct cpl_module *self, struct cpl_ev_component *ev)
{
	contacts_end(ev->host, ev->session);
}

/* ---- rosters (XEP-0356 3) ---- */

CPL_SERVICE_REF(roster_ref, "roster", 1);
static const struct cpl_need_row needs[] = {{&roster_ref, false}, {NULL, false}};

/* The service, if its provider is new enough. */
static const struct cpl_roster_service *rosters(struct cpl_host *host, struct cpl_module **provider)
{
	const struct cpl_roster_service *service = cpl_service_find(host, &roster_ref, provider);

	return service && service->size >= sizeof(*service) ? service : NULL;
}

static enum cpl_flow on_roster(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->host, struct privilege_config);
	struct cpl_jid from = ev->stanza->from;
	bool get = privilege_granted(&config->roster_get, from), set = privilege_granted(&config->roster_set, from);
	const struct cpl_roster_service *service;
	struct cpl_module *provider;

	if (ev->stanza->type == CPL_TYPE_GET ? get : set) {
		service = rosters(ev->host, &provider);
		return service ? service->answer(provider, ev) : CPL_NEXT;
	}
	/* An entity with some privilege hears which one it lacks; everybody else what anybody hears. */
	return get || set || privilege_granted(&config->message, from) || privilege_granted(&config->presence, from)
		       ? cpl_iq_error(ev, CPL_FORBIDDEN, NULL)
		       : CPL_NEXT;
}

static void on_roster_changed(struct cpl_module *self, struct cpl_ev_roster *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->user->host, struct privilege_config);
	struct cpl_module *provider;
	const struct cpl_roster_service *service = rosters(ev->user->host, &provider);

	if (!service || !config->roster_push || !(ev->before->listed || ev->after->listed))
		return;
	for (size_t i = 0; i < config->roster_get.count; i++) {
		struct cpl_str domain = config->roster_get.items[i];

		service->push(provider, ev->user, ev->contact, (struct cpl_jid){domain.ptr, 0, (uint16_t)domain.len, 0, 0});
	}
}

static struct cpl_slot *const slots[] = {&contacts_slot, NULL};

static const struct cpl_event_row events[] = {
	CPL_ON(component_ready, on_component_ready, FEATURE, 0),
	CPL_ON(component_gone, on_component_gone, FEATURE, 0),
	CPL_ON(session_available, on_available, FEATURE, 10),
	CPL_ON(session_presence, on_presence_changed, FEATURE, 10),
	CPL_ON(session_unavailable, on_unavailable, FEATURE, 10),
	CPL_ON(presence, contacts_on_presence, FEATURE, 0),
	CPL_ON(roster_changed, on_roster_changed, FEATURE, 10),
	CPL_ON(message, privilege_on_message, FEATURE, 0),
	CPL_ON(iq_request, privilege_on_iq_request, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET | CPL_IQ_SET, CPL_TO_BARE, &roster_query, on_roster, 0},
	{0, 0, NULL, NULL, 0},
};

CPL_MODULE(privilege) = {
	CPL_MODULE_HEAD("privilege", "1.0", "Components that act for accounts (XEP-0356)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct privilege_config),
	.check = check,
	.events = events,
	.iqs = iqs,
	.slots = slots,
	.needs = needs,
};
