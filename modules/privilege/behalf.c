/* SPDX-License-Identifier: MIT */
/* Stanzas of privileged entities in the names of accounts: messages, and requests whose answers go back (XEP-0356 5, 6). */
#include "modules/privilege/privilege.h"

#define NS_PRIVILEGE "urn:xmpp:privilege:2"
struct cpl_name privilege_element = {NS_PRIVILEGE, "privilege", 0, 0};
struct cpl_name privilege_iq = {NS_PRIVILEGE, "privileged_iq", 0, 0};
struct cpl_name privilege_forwarded = {"urn:xmpp:forward:0", "forwarded", 0, 0};

enum { ANSWER_MS = 60000 };

/* ---- messages ---- */

enum cpl_flow privilege_on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->host, struct privilege_config);
	const struct cpl_element *privilege = ev->target == CPL_TARGET_HOST ? cpl_child(ev->stanza->root, &privilege_element) : NULL;
	const struct cpl_element *forwarded = privilege ? cpl_child(privilege, &privilege_forwarded) : NULL;
	struct cpl_element *first = forwarded ? cpl_first_child(forwarded) : NULL;
	struct cpl_stanza *inner;

	if (!privilege || ev->stanza->type == CPL_TYPE_ERROR)
		return CPL_NEXT;
	if (!privilege_granted(&config->message, ev->stanza->from)) {
		cpl_bounce(ev->stanza, CPL_FORBIDDEN, NULL);
		return CPL_HANDLED;
	}
	inner = first && cpl_child_count(forwarded) == 1 ? cpl_stanza_unwrap(first) : NULL;
	if (!inner || inner->kind != CPL_MESSAGE || !cpl_jid_is_set(inner->to)) {
		cpl_bounce(ev->stanza, CPL_BAD_REQUEST, "One message with a recipient is forwarded");
	} else if (!cpl_jid_is_set(inner->from) || cpl_jid_is_full(inner->from) || !cpl_str_equal(cpl_jid_domain(inner->from), ev->host->name)) {
		cpl_bounce(ev->stanza, CPL_FORBIDDEN, "The sender is no bare address of this host");
	} else {
		cpl_send(&inner);
	}
	cpl_stanza_unref(&inner);
	return CPL_HANDLED;
}

/* ---- requests ---- */

struct behalf {
	struct cpl_iq_call call;
	struct cpl_stanza *request; /* the entity's */
	struct cpl_stanza *inner;   /* as it was given, for its id */
};

static void give_back(struct behalf *behalf)
{
	struct cpl_stanza *result = cpl_stanza_result(behalf->request);
	struct cpl_element *privilege = cpl_add(result, result->root, &privilege_element);
	struct cpl_element *forwarded = cpl_add(result, privilege, &privilege_forwarded);
	struct cpl_stanza *answer = cpl_stanza_copy(behalf->call.answer);

	cpl_stanza_set_id(answer, behalf->inner->id);
	cpl_add_stanza(result, forwarded, answer);
	cpl_stanza_unref(&answer);
	cpl_send(&result);
}

static void answered(struct cpl_call *call)
{
	struct behalf *behalf = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_iq_call, call), struct behalf, call);

	if (behalf->call.answer)
		give_back(behalf);
	else
		cpl_bounce(behalf->request, call->status == CPL_E_TIMEOUT ? CPL_REMOTE_SERVER_TIMEOUT : CPL_INTERNAL_SERVER_ERROR, NULL);
	cpl_stanza_unref(&behalf->request);
	cpl_stanza_unref(&behalf->inner);
	cpl_free(behalf);
}

/* The checks of XEP-0356 6.3, in its order; all of them end in the same error. */
static bool may_ask(const struct privilege_config *config, const struct cpl_ev_stanza *ev, const struct cpl_stanza *inner)
{
	const struct cpl_element *payload = cpl_first_child(inner->root);
	const struct cpl_str_list *list = inner->type == CPL_TYPE_GET ? &config->iq_get : &config->iq_set;

	return inner->kind == CPL_IQ && payload && cpl_child_count(inner->root) == 1 && inner->id.ptr &&
	       privilege_granted_ns(list, ev->stanza->from, payload->ns) && inner->type == ev->stanza->type &&
	       (!cpl_jid_is_set(inner->from) || cpl_jid_equal(inner->from, ev->stanza->to));
}

enum cpl_flow privilege_on_iq_request(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct privilege_config *config = CPL_CONFIG(self, ev->host, struct privilege_config);
	const struct cpl_element *outer = cpl_first_child(ev->stanza->root);
	struct cpl_element *first = cpl_first_child(outer);
	struct cpl_stanza *inner, *sent;
	struct behalf *behalf;

	if (!cpl_is(outer, &privilege_iq))
		return CPL_NEXT;
	inner = ev->target == CPL_TARGET_BARE && ev->user && first && cpl_child_count(outer) == 1 ? cpl_stanza_unwrap(first) : NULL;
	if (!inner || !may_ask(config, ev, inner)) {
		cpl_stanza_unref(&inner);
		return cpl_iq_error(ev, CPL_FORBIDDEN, NULL);
	}
	behalf = CPL_NEW(struct behalf);
	behalf->request = cpl_stanza_ref(ev->stanza);
	behalf->inner = inner;
	sent = cpl_stanza_copy(inner);
	cpl_stanza_set_from(sent, ev->stanza->to);
	if (!cpl_jid_is_set(sent->to))
		cpl_stanza_set_to(sent, ev->stanza->to);
	if (cpl_iq_send(&behalf->call, &ev->host->scope, &sent, ANSWER_MS, answered) == 0)
		return CPL_HANDLED;
	cpl_stanza_unref(&behalf->request);
	cpl_stanza_unref(&behalf->inner);
	cpl_free(behalf);
	return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, NULL);
}
