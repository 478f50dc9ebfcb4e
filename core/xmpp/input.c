/* SPDX-License-Identifier: MIT */
/*
 * The input of a session: its stanzas in order, one after another. One gate checks the state of the stream before any element that is not
 * negotiation; addresses and the shape of IQs are checked here (RFC 6120 8), then the router takes over. One gate, whatever the kind of stream.
 */
#include "core/base/count.h"
#include "core/config/config.h"
#include "core/hook/dispatch.h"
#include "core/xml/stanza_done.h"
#include "core/xmpp/claims.h"
#include "core/xmpp/order.h"
#include "core/xmpp/router.h"
#include "core/xmpp/session.h"
#include "core/xmpp/trace.h"

#include <couplet/log.h>
#include <couplet/time.h>

/* ---- the queue ---- */

static struct cpl_stanza *stanza_of(struct cpl_list *node)
{
	return CPL_CONTAINER(node, struct cpl_stanza, in_flight);
}

/* How much has been received and not been handled, and how much may be before reading pauses: many ways fit into a component's stream. */
enum { ORDERED_WAYS = 16 };

static size_t input_backlog(const struct session *session)
{
	return session->order ? session->waiting + session->active : session->waiting;
}

static size_t input_bound(const struct session *session)
{
	return (size_t)session_options()->input_queue * (session->order ? ORDERED_WAYS : 1);
}

/*
 * Reading pauses while too much of the session is unfinished: stanzas that wait for their turn, or, in bytes, those and what somebody holds
 * (a disk that does not answer must not fill our memory).
 */
enum { STANZA_OVERHEAD = 512, UNFINISHED_STANZAS = 4 /* of the largest size */ };

static uint64_t input_cost(const struct cpl_stanza *stanza)
{
	return (uint64_t)stanza->wire_size + STANZA_OVERHEAD;
}

static void input_flow(struct session *session)
{
	uint64_t most = (uint64_t)session_options()->stanza_size * UNFINISHED_STANZAS;
	struct cpl_conn *conn = session->pub.conn;

	if (!session->paused && conn && (input_backlog(session) > input_bound(session) || session->unfinished > most)) {
		session->paused = true;
		conn->ops->pause(conn);
	} else if (session->paused && input_backlog(session) <= input_bound(session) / 2 && session->unfinished <= most / 2) {
		session->paused = false;
		if (conn)
			conn->ops->resume(conn);
	}
}

/* Takes from the front what is done: stream management counts in order. */
static void input_collect(struct session *session)
{
	struct cpl_session *s = cpl_session_ref(&session->pub); /* the stanzas may have the last references */

	while (session->pub.in_flight.next != &session->next) {
		struct cpl_stanza *stanza = stanza_of(session->pub.in_flight.next);

		if (!stanza->handled || stanza->holds)
			break;
		cpl_list_remove(&stanza->in_flight);
		session->unfinished -= input_cost(stanza);
		if (stanza->kind != CPL_NONZA)
			session->pub.handled++;
		cpl_stanza_unref(&stanza);
	}
	input_flow(session);
	cpl_session_unref(&s);
}

static void input_stanza_done(struct cpl_stanza *stanza)
{
	if (stanza->session && cpl_list_linked(&stanza->in_flight))
		input_collect(session_of(stanza->session));
}

void session_handled(struct session *session, struct cpl_stanza *stanza)
{
	struct cpl_session *s = cpl_session_ref(&session->pub);

	if (session->order)
		order_leave(session->order, stanza);
	stanza->handled = true;
	session->active--;
	input_collect(session);
	session_pump(session);
	cpl_session_unref(&s);
}

void session_drop_input(struct session *session)
{
	while (session->next.next != &session->pub.in_flight) {
		struct cpl_stanza *stanza = stanza_of(session->next.next);

		cpl_list_remove(&stanza->in_flight);
		session->waiting--;
		session->unfinished -= input_cost(stanza);
		cpl_stanza_unref(&stanza);
	}
}

static void input_begin(struct session *session, struct cpl_stanza *stanza);
static void routed(struct cpl_stanza *stanza);

/* What was put off until everything received had been handled. */
static void input_ended(struct session *session)
{
	const struct session_passage *passage = session->passage;
	struct cpl_session *s = &session->pub;

	if (passage && passage->failure != CPL_STREAM_OK && !s->closing)
		cpl_session_close(s, passage->failure, passage->failure_text);
	else if (session->peer_closed && !s->closing)
		cpl_session_close(s, CPL_STREAM_OK, NULL);
	if (session->ending)
		session_end(session);
}

/* Begins the next stanza; false when there is none, or the one at hand keeps it waiting. */
static bool input_next(struct session *session)
{
	struct cpl_stanza *ready = session->order ? order_ready(session->order) : NULL;
	struct cpl_list *node = session->next.next;

	if (ready) {
		router_from_component(&session->pub, ready, routed);
		return true;
	}
	if ((session->active && !session->order) || node == &session->pub.in_flight)
		return false;
	cpl_list_remove(&session->next);
	cpl_list_insert_before(node->next, &session->next);
	session->waiting--;
	session->active++;
	input_begin(session, stanza_of(node));
	return true;
}

void session_pump(struct session *session)
{
	struct cpl_session *s = &session->pub;

	if (session->pumping)
		return;
	session->pumping = true;
	cpl_session_ref(s);
	while (input_next(session))
		;
	session->pumping = false;
	input_flow(session);
	if (!session->active)
		input_ended(session);
	cpl_session_unref(&s);
}

void session_input(struct session *session, struct cpl_stanza *stanza)
{
	struct cpl_session *s = &session->pub;

	if (session->input_ended) {
		cpl_stanza_unref(&stanza);
		return;
	}
	count_add(COUNT_MESSAGES_IN + stanza->kind, 1);
	if (trace_wanted())
		trace_in(s, stanza);
	stanza_done = input_stanza_done;
	s->active_at = cpl_now();
	stanza->session = cpl_session_ref(s);
	cpl_list_append(&s->in_flight, &stanza->in_flight);
	session->waiting++;
	session->unfinished += input_cost(stanza);
	session_pump(session);
}

/* ---- elements that are no stanzas ---- */

/* Out of place: before login nothing but negotiation is talked about, after it only stanzas (RFC 6120 4.9.3.12, 4.9.3.24). */
static void input_out_of_place(struct cpl_session *s)
{
	bool member = session_of(s)->kind->members & 1u << s->type;

	cpl_session_close(s, member ? CPL_STREAM_UNSUPPORTED_STANZA_TYPE : CPL_STREAM_NOT_AUTHORIZED, NULL);
}

static void nonza_done(struct cpl_event *event, enum cpl_flow result)
{
	struct cpl_ev_nonza *ev = CPL_CONTAINER(event, struct cpl_ev_nonza, event);

	if (result == CPL_NEXT)
		input_out_of_place(ev->session);
	else if (result == CPL_FAILED)
		cpl_session_close(ev->session, CPL_STREAM_INTERNAL_SERVER_ERROR, NULL);
	session_handled(session_of(ev->session), ev->nonza);
}

/* The peer's own stream error: it has given up, and closes next (RFC 6120 4.9.1.1). */
static void input_peer_error(struct cpl_session *s, const struct cpl_stanza *nonza)
{
	const struct cpl_element *condition = cpl_first_child(nonza->root);

	cpl_log_info("the %s reports a stream error session=%.*s jid=%.*s condition=%.*s", session_of(s)->kind->peer, CPL_ARG(s->id),
		     CPL_ARG(cpl_jid_str(s->jid)), CPL_ARG(condition ? condition->name : CPL_STR("-")));
}

static void input_nonza(struct session *session, struct cpl_stanza *nonza)
{
	struct cpl_session *s = &session->pub;
	struct cpl_ev_nonza *ev;

	if (nonza->root->ns_id == CPL_NS_STREAM && cpl_str_is(nonza->root->name, "error")) {
		input_peer_error(s, nonza);
		session_handled(session, nonza);
		return;
	}
	ev = cpl_arena_alloc(nonza->arena, sizeof *ev);
	ev->event.stanza = nonza;
	ev->session = s;
	ev->nonza = nonza;
	if (!dispatch_nonza_start(s->served, ev, nonza_done))
		nonza_done(&ev->event, CPL_NEXT);
}

/* ---- stanzas ---- */

static void routed(struct cpl_stanza *stanza)
{
	session_handled(session_of(stanza->session), stanza);
}

/* Before a resource is bound only negotiation by IQ is possible (RFC 6120 7.1), by what claims such IQs: before authentication that is registration (XEP-0077). */
static void input_unbound(struct session *session, struct cpl_stanza *stanza)
{
	if (stanza->kind == CPL_IQ && router_unbound_iq(&session->pub, stanza, routed))
		return;
	input_out_of_place(&session->pub);
	session_handled(session, stanza);
}

/* Overwrites `from` where it may be absent or own; false for a foreign one (RFC 6120 8.1.2.1). */
static bool input_stamp(struct cpl_session *s, struct cpl_stanza *stanza)
{
	struct cpl_jid claimed;

	if (stanza->from_text.ptr) {
		if (cpl_jid_parse(&claimed, stanza->from_text, stanza->arena) != 0 || !cpl_jid_equal_bare(claimed, s->jid))
			return false;
		if (claimed.resource_len && !cpl_jid_equal(claimed, s->jid))
			return false;
	}
	stanza->from_text = CPL_NONE;
	stanza->from = s->jid;
	if (stanza->kind == CPL_PRESENCE && stanza->type >= CPL_TYPE_SUBSCRIBE && stanza->type <= CPL_TYPE_UNSUBSCRIBED)
		stanza->from = cpl_jid_bare(s->jid);
	if (!stanza->lang.ptr)
		stanza->lang = s->lang;
	return true;
}

/* The shape that each kind must have; CPL_UNDEFINED_CONDITION when it is right. */
static enum cpl_condition input_check(struct cpl_stanza *stanza)
{
	if (stanza->to_text.ptr) {
		if (cpl_jid_parse(&stanza->to, stanza->to_text, stanza->arena) != 0)
			return CPL_JID_MALFORMED;
		stanza->to_text = CPL_NONE;
	}
	if (stanza->kind == CPL_MESSAGE && stanza->type == CPL_TYPE_UNKNOWN)
		stanza->type = CPL_TYPE_NORMAL;
	if (stanza->type == CPL_TYPE_UNKNOWN)
		return CPL_BAD_REQUEST;
	if (stanza->kind == CPL_IQ) {
		if (stanza->type == CPL_TYPE_NONE || !stanza->id.ptr)
			return CPL_BAD_REQUEST;
		if ((stanza->type == CPL_TYPE_GET || stanza->type == CPL_TYPE_SET) && cpl_child_count(stanza->root) != 1)
			return CPL_BAD_REQUEST;
	}
	return CPL_UNDEFINED_CONDITION;
}

static void input_refuse(struct session *session, struct cpl_stanza *stanza, enum cpl_condition fault)
{
	struct cpl_stanza *answer = cpl_stanza_error(stanza, fault, NULL);

	if (answer)
		cpl_session_send(&session->pub, answer);
	cpl_stanza_unref(&answer);
	session_handled(session, stanza);
}

static void input_stanza(struct session *session, struct cpl_stanza *stanza)
{
	struct cpl_session *s = &session->pub;
	enum cpl_condition fault;

	s->stanzas_in++;
	if (!input_stamp(s, stanza)) {
		cpl_session_close(s, CPL_STREAM_INVALID_FROM, NULL);
		session_drop_input(session);
		session_handled(session, stanza);
		return;
	}
	fault = input_check(stanza);
	if (fault != CPL_UNDEFINED_CONDITION) {
		input_refuse(session, stanza, fault);
		return;
	}
	if (stanza->kind != CPL_IQ)
		claims_strip(stanza, NULL);
	router_from_session(s, stanza, routed);
}

/* A component speaks for every address of its domain, and for no other (XEP-0114 3). */
static enum cpl_stream_error input_verify(const struct cpl_session *s, struct cpl_stanza *stanza)
{
	if (!stanza->from_text.ptr || !stanza->to_text.ptr)
		return CPL_STREAM_IMPROPER_ADDRESSING;
	if (cpl_jid_parse(&stanza->from, stanza->from_text, stanza->arena) != 0 || !cpl_str_equal(cpl_jid_domain(stanza->from), s->host))
		return CPL_STREAM_INVALID_FROM;
	stanza->from_text = CPL_NONE;
	return CPL_STREAM_OK;
}

static void input_from_component(struct session *session, struct cpl_stanza *stanza)
{
	struct cpl_session *s = &session->pub;
	enum cpl_stream_error error = input_verify(s, stanza);
	enum cpl_condition fault;

	s->stanzas_in++;
	if (error != CPL_STREAM_OK) {
		cpl_session_close(s, error, NULL);
		session_drop_input(session);
		session_handled(session, stanza);
		return;
	}
	fault = input_check(stanza);
	if (fault != CPL_UNDEFINED_CONDITION) {
		input_refuse(session, stanza, fault);
		return;
	}
	if (!stanza->lang.ptr)
		stanza->lang = s->lang;
	if (stanza->kind != CPL_IQ)
		claims_strip(stanza, s->served);
	switch (order_enter(session->order, stanza, (size_t)session_options()->input_queue)) {
	case ORDER_NOW:
		router_from_component(s, stanza, routed);
		break;
	case ORDER_LATER:
		break;
	case ORDER_FULL:
		input_refuse(session, stanza, CPL_RESOURCE_CONSTRAINT);
		break;
	}
}

static void input_begin(struct session *session, struct cpl_stanza *stanza)
{
	struct cpl_session *s = &session->pub;

	if (stanza->kind == CPL_NONZA)
		input_nonza(session, stanza);
	else if (s->type == CPL_SESSION_C2S && s->full_jid.ptr)
		input_stanza(session, stanza);
	else if (s->type == CPL_SESSION_C2S)
		session_handled(session, stanza); /* its resource was taken over: nobody it could speak for */
	else if (s->type == CPL_SESSION_COMPONENT)
		input_from_component(session, stanza);
	else if (s->type == CPL_SESSION_C2S_UNBOUND || s->type == CPL_SESSION_C2S_UNAUTHED)
		input_unbound(session, stanza);
	else {
		input_out_of_place(s);
		session_handled(session, stanza);
	}
}
