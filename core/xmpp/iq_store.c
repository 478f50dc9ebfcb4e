/* SPDX-License-Identifier: MIT */
/* IQ requests whose answers wait for a store. */
#include "core/xmpp/router.h"

#include <couplet/module.h>

struct iq_store {
	struct cpl_store_call store;
	struct cpl_stanza *request; /* held */
	struct cpl_user *user;      /* referenced; NULL for a request to the host */
	void (*answer)(const struct cpl_stanza *request, const struct cpl_row *row);
};

static struct iq_store *iq_store_begin(const struct cpl_ev_stanza *ev)
{
	struct iq_store *wait = CPL_NEW(struct iq_store);

	wait->request = ev->stanza;
	cpl_stanza_hold(ev->stanza);
	wait->user = ev->user ? cpl_user_ref(ev->user) : NULL;
	return wait;
}

static struct cpl_scope *scope_of(const struct cpl_ev_stanza *ev)
{
	return ev->user ? &ev->user->scope : &ev->host->scope;
}

static void iq_store_end(struct iq_store *wait)
{
	cpl_stanza_release(&wait->request);
	cpl_user_unref(&wait->user);
	cpl_free(wait);
}

static void iq_store_failed(struct iq_store *wait, int status, const char *what)
{
	if (status != CPL_E_CANCELLED && status != CPL_E_STOPPING)
		cpl_log(cpl_commit_log_level(status), "%s jid=%.*s reason=%s", what, CPL_ARG(wait->user ? cpl_jid_str(wait->user->jid) : CPL_NONE),
			      wait->store.error ? wait->store.error : cpl_code_text(status));
	cpl_bounce(wait->request, status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR, NULL);
	iq_store_end(wait);
}

static struct iq_store *iq_store_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct iq_store, store);
}

static void commit_done(struct cpl_call *call)
{
	struct iq_store *wait = iq_store_of(call);
	struct cpl_stanza *result;

	if (call->status != 0) {
		iq_store_failed(wait, call->status, "what a request asks to keep cannot be written");
		return;
	}
	result = cpl_stanza_result(wait->request);
	cpl_send(&result);
	iq_store_end(wait);
}

enum cpl_flow cpl_iq_commit(const struct cpl_ev_stanza *ev, struct cpl_batch **batch)
{
	struct iq_store *wait = iq_store_begin(ev);
	int status = cpl_batch_commit(&wait->store, scope_of(ev), batch, commit_done);

	if (status != 0)
		iq_store_failed(wait, status, "what a request asks to keep cannot be written");
	return CPL_HANDLED;
}

static void lookup_done(struct cpl_call *call)
{
	struct iq_store *wait = iq_store_of(call);

	if (call->status != 0) {
		iq_store_failed(wait, call->status, "what a request asks for cannot be read");
		return;
	}
	wait->answer(wait->request, wait->store.count ? &wait->store.rows[0] : NULL);
	iq_store_end(wait);
}

enum cpl_flow cpl_iq_lookup(const struct cpl_ev_stanza *ev, const struct cpl_store *store, struct cpl_str key,
			    void (*answer)(const struct cpl_stanza *request, const struct cpl_row *row))
{
	struct iq_store *wait = iq_store_begin(ev);
	int status;

	wait->answer = answer;
	status = cpl_store_get(&wait->store, scope_of(ev), store, ev->user->jid, key, lookup_done);
	if (status != 0)
		iq_store_failed(wait, status, "what a request asks for cannot be read");
	return CPL_HANDLED;
}
