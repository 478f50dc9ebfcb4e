/* SPDX-License-Identifier: MIT */
/* IQ requests of ours: matched by id and peer, with a time-out (RFC 6120 8.2.3). */
#include "core/base/account.h"
#include "core/loop/loop.h"
#include "core/xmpp/router.h"

#include <couplet/map.h>
#include <couplet/time.h>

/* Outstanding requests in all; more are refused. */
enum { IQ_PENDING_MAX = 100000 };

struct iq_request {
	struct cpl_iq_call *call; /* NULL once it has completed otherwise */
	struct cpl_jid peer;
	struct loop_timer timer;
	char id[CPL_ID_TEXT];
};

static struct cpl_map requests;

size_t iq_pending(void)
{
	return requests.count;
}

static void iq_end(struct iq_request *request, int status)
{
	struct cpl_iq_call *call = request->call;

	loop_timer_stop(&request->timer);
	cpl_map_remove(&requests, cpl_str_of(request->id));
	if (requests.count == 0)
		cpl_map_finish(&requests);
	cpl_jid_free(&request->peer);
	cpl_free(request);
	if (!call)
		return;
	call->call.provider = NULL;
	call->id = CPL_NONE;
	call->peer = (struct cpl_jid){0};
	cpl_call_complete(&call->call, status);
}

static void iq_timed_out(struct loop_timer *timer)
{
	iq_end(CPL_CONTAINER(timer, struct iq_request, timer), CPL_E_TIMEOUT);
}

static void iq_cancel(struct cpl_call *call)
{
	struct iq_request *request = call->provider;

	call->provider = NULL;
	if (!request)
		return;
	request->call = NULL;
	iq_end(request, 0);
}

/* The callback of the module, then the answer's reference, which is ours. */

static void iq_fired(struct cpl_call *call)
{
	struct cpl_iq_call *request = CPL_CONTAINER(call, struct cpl_iq_call, call);
	struct cpl_stanza *answer = request->answer;
	void (*done)(struct cpl_call *) = ((union { void *object; void (*function)(struct cpl_call *); }){.object = request->impl[0]}).function;

	done(call); /* may free the request */
	cpl_stanza_unref(&answer);
}

int cpl_iq_send(struct cpl_iq_call *request, struct cpl_scope *scope, struct cpl_stanza **iq, int64_t timeout_ms,
		void (*done)(struct cpl_call *call))
{
	struct account *account;
	struct iq_request *pending;
	int status = requests.count >= IQ_PENDING_MAX ? CPL_E_FULL : cpl_call_begin(&request->call, scope, iq_fired, iq_cancel);

	if (status != 0) {
		cpl_stanza_unref(iq);
		return status;
	}
	account = account_as_core();
	pending = CPL_NEW(struct iq_request);
	pending->call = request;
	pending->peer = cpl_jid_dup((*iq)->to);
	cpl_random_id(pending->id);
	cpl_map_put(&requests, cpl_str_of(pending->id), pending);
	account_back(account);
	loop_timer_start(&pending->timer, timeout_ms > 0 ? timeout_ms : 1, iq_timed_out);
	request->call.provider = pending;
	request->answer = NULL;
	request->impl[0] = ((union { void *object; void (*function)(struct cpl_call *); }){.function = done}).object;
	request->id = cpl_str_of(pending->id);
	request->peer = pending->peer;
	cpl_stanza_set_id(*iq, request->id);
	cpl_send(iq);
	return 0;
}

bool iq_take_answer(struct cpl_stanza *stanza)
{
	struct iq_request *request;

	if (stanza->kind != CPL_IQ || !stanza->id.ptr || (stanza->type != CPL_TYPE_RESULT && stanza->type != CPL_TYPE_ERROR))
		return false;
	request = cpl_map_get(&requests, stanza->id);
	if (!request || !cpl_jid_equal(request->peer, stanza->from))
		return false;
	request->call->answer = cpl_stanza_ref(stanza);
	iq_end(request, stanza->type == CPL_TYPE_RESULT ? 0 : CPL_E_REFUSED);
	return true;
}
