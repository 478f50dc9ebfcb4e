/* SPDX-License-Identifier: MIT */
/*
 * A request on its way to the entity that answers it (XEP-0355 4.3). The stream that it came in on goes on meanwhile (9.3). Whatever is wrong with the answer, or with the entity,
 * is one and the same error for who has asked.
 */
#include "modules/delegation/delegation.h"

struct cpl_name delegation_element = {NS_DELEGATION, "delegation", 0, 0};
struct cpl_name delegation_forwarded = {"urn:xmpp:forward:0", "forwarded", 0, 0};

struct forward_count {
	uint32_t pending;
};
CPL_SLOT_DEFINE(forward_slot, 1, NULL, NULL);

struct forward {
	struct cpl_iq_call call;
	struct cpl_stanza *request;
	struct cpl_host *host;
	struct cpl_user *user; /* the account here that has asked, referenced; NULL: it is another's */
};

static void forward_end(struct forward *forward)
{
	struct delegation_host *of = CPL_SLOT_GET(forward->host, delegation_slot);
	struct forward_count *count = forward->user ? CPL_SLOT_GET(forward->user, forward_slot) : NULL;

	if (of && of->pending)
		of->pending--;
	if (count && count->pending)
		count->pending--;
	cpl_user_unref(&forward->user);
	cpl_stanza_unref(&forward->request);
	cpl_free(forward);
}

/* ---- the answer ---- */

/* A `from` that is left out means the address that was asked, as it does on a client's stream. */
static bool is_answer(const struct cpl_stanza *inner, const struct cpl_stanza *request)
{
	struct cpl_jid asked = cpl_jid_is_set(request->to) ? request->to : cpl_jid_bare(request->from);

	return inner->kind == CPL_IQ && inner->type == CPL_TYPE_RESULT && cpl_jid_equal(inner->to, request->from) &&
	       cpl_str_equal(inner->id, request->id) && (!cpl_jid_is_set(inner->from) || cpl_jid_equal(inner->from, asked));
}

static struct cpl_stanza *unwrap(const struct cpl_stanza *answer)
{
	const struct cpl_element *delegation = cpl_child(answer->root, &delegation_element);
	const struct cpl_element *forwarded = delegation ? cpl_child(delegation, &delegation_forwarded) : NULL;
	struct cpl_element *first = forwarded && cpl_child_count(forwarded) == 1 ? cpl_first_child(forwarded) : NULL;

	return first ? cpl_stanza_unwrap(first) : NULL;
}

static void on_answer(struct cpl_call *call)
{
	struct forward *forward = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_iq_call, call), struct forward, call);
	struct cpl_stanza *inner = call->status == 0 ? unwrap(forward->call.answer) : NULL;
	struct cpl_stanza *result = NULL;

	if (inner && is_answer(inner, forward->request)) {
		result = cpl_stanza_result(forward->request);
		CPL_CHILDREN(child, inner->root)
			cpl_add_copy(result, result->root, child);
		cpl_send(&result);
	} else {
		if (call->status == 0)
			cpl_log_info("answer of a component does not fit what was delegated to it jid=%.*s host=%.*s",
				     CPL_ARG(cpl_jid_str(forward->call.answer->from)), CPL_ARG(forward->host->name));
		cpl_bounce(forward->request, CPL_SERVICE_UNAVAILABLE, NULL);
	}
	cpl_stanza_unref(&inner);
	forward_end(forward);
}

/* ---- the request ---- */

static struct cpl_stanza *wrap(const struct cpl_ev_stanza *ev, struct cpl_str domain)
{
	struct cpl_stanza *iq = cpl_stanza_create(CPL_IQ, CPL_TYPE_SET);
	struct cpl_element *delegation = cpl_add(iq, iq->root, &delegation_element);

	cpl_stanza_set_from(iq, ev->host->jid);
	cpl_stanza_set_to(iq, (struct cpl_jid){domain.ptr, 0, (uint16_t)domain.len, 0, 0});
	cpl_add_stanza(iq, cpl_add(iq, delegation, &delegation_forwarded), ev->stanza);
	return iq;
}

enum cpl_flow forward_start(struct cpl_module *self, struct cpl_ev_stanza *ev, struct cpl_str domain)
{
	const struct delegation_config *config = CPL_CONFIG(self, ev->host, struct delegation_config);
	struct cpl_user *user = ev->session ? ev->session->user : NULL;
	struct delegation_host *of = delegation_of(ev->host);
	struct forward_count *count = user ? CPL_SLOT_MAKE(user, forward_slot) : NULL;
	struct forward *forward;
	struct cpl_stanza *iq;

	if (of->pending >= config->pending || (count && count->pending >= config->pending_per_account))
		return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, "Too many requests wait for an answer");
	forward = CPL_NEW(struct forward);
	forward->request = cpl_stanza_ref(ev->stanza);
	forward->host = ev->host;
	forward->user = user ? cpl_user_ref(user) : NULL;
	of->pending++;
	if (count)
		count->pending++;
	iq = wrap(ev, domain);
	if (cpl_iq_send(&forward->call, &ev->host->scope, &iq, config->timeout, on_answer) == 0)
		return CPL_HANDLED;
	forward_end(forward);
	return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
}
