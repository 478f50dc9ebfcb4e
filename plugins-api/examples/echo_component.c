/* SPDX-License-Identifier: MIT */
/*
 * echo_component: a module that serves a whole domain. It sends each message back from the address that it came to, and knows every address.
 *
 *     hosts:
 *       echo.example.org:
 *         component: echo_component
 *         modules+: [disco]
 *
 * On such a host there are no accounts: every stanza to the domain, and to any address of it, reaches the handlers here, and cpl_send() may send from all of them.
 */
#include <couplet/module.h>

CPL_NAME(version_query, "jabber:iq:version", "query");
CPL_NAME(version_name, "jabber:iq:version", "name");
CPL_NAME(version_version, "jabber:iq:version", "version");
static struct cpl_name *const names[] = {&version_query, &version_name, &version_version, NULL};

/* An error is never answered. */
static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *echo;

	if (ev->stanza->type == CPL_TYPE_ERROR)
		return CPL_HANDLED;
	echo = cpl_stanza_copy(ev->stanza);
	cpl_stanza_set_from(echo, ev->stanza->to);
	cpl_stanza_set_to(echo, ev->stanza->from);
	cpl_send(&echo);
	return CPL_HANDLED;
}

/* A contact that accepts everybody and is always there. */
static enum cpl_flow on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	enum cpl_type type = ev->stanza->type;
	struct cpl_stanza *answer;

	if (type != CPL_TYPE_SUBSCRIBE && type != CPL_TYPE_PROBE)
		return CPL_HANDLED;
	if (type == CPL_TYPE_SUBSCRIBE) {
		answer = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_SUBSCRIBED);
		cpl_stanza_set_from(answer, cpl_jid_bare(ev->stanza->to));
		cpl_stanza_set_to(answer, cpl_jid_bare(ev->stanza->from));
		cpl_send(&answer);
	}
	answer = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_NONE);
	cpl_stanza_set_from(answer, cpl_jid_bare(ev->stanza->to));
	cpl_stanza_set_to(answer, ev->stanza->from);
	cpl_send(&answer);
	return CPL_HANDLED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(message, on_message, DELIVER, 0),
	CPL_ON(presence, on_presence, DELIVER, 0),
	CPL_ON_END,
};

/* The domain, user@domain and user@domain/resource alike; other requests the core answers with service-unavailable. */
static enum cpl_flow on_version(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *answer = cpl_iq_result(ev);
	struct cpl_element *query = cpl_add(answer, answer->root, &version_query);

	cpl_add_with_text(answer, query, &version_name, CPL_STR("echo"));
	cpl_add_with_text(answer, query, &version_version, CPL_STR("1.0"));
	cpl_send(&answer);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST | CPL_TO_BARE | CPL_TO_FULL, &version_query, on_version, 0},
	{0, 0, NULL, NULL, 0},
};

/* What the module disco, if the host lists it, says of the domain. */
static const struct cpl_identity_row identities[] = {
	{"automation", "bot", "Echo", CPL_OF_HOST},
	{NULL, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"jabber:iq:version", CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(echo_component) = {
	CPL_MODULE_HEAD("echo_component", "1.0", "Sends messages back"),
	.names = names,
	.events = events,
	.iqs = iqs,
	.identities = identities,
	.features = features,
};
