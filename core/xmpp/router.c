/* SPDX-License-Identifier: MIT */
/* The router: targets, events, default answers. */
#include "core/xmpp/router.h"

#include "core/base/account.h"
#include "core/hook/dispatch.h"
#include "core/xmpp/session.h"
#include "core/xmpp/user.h"

#include <couplet/event.h>
#include <couplet/log.h>

struct routing {
	struct cpl_ev_stanza ev;
	struct user_wait wait;
	void (*finished)(struct cpl_stanza *stanza); /* NULL: the routing has a reference of its own */
	struct cpl_host *sender;                     /* host of the sender, for route_remote; may be NULL */
	/* References to the sessions that the payload names: they may end while a handler has the event suspended. */
	struct cpl_session *source, *recipient;
};

static size_t pending;

static struct routing *routing_of(struct cpl_event *event)
{
	return CPL_CONTAINER(event, struct routing, ev.event);
}

static bool is_request(const struct cpl_stanza *stanza)
{
	return stanza->kind == CPL_IQ && (stanza->type == CPL_TYPE_GET || stanza->type == CPL_TYPE_SET);
}

static struct routing *routing_begin(struct cpl_stanza *stanza, struct cpl_session *session, void (*finished)(struct cpl_stanza *stanza))
{
	struct routing *routing = cpl_arena_alloc(stanza->arena, sizeof *routing);

	pending++;
	routing->ev.event.stanza = stanza;
	routing->ev.stanza = stanza;
	routing->ev.session = session;
	routing->source = session ? cpl_session_ref(session) : NULL;
	routing->finished = finished;
	return routing;
}

static void routing_end(struct routing *routing)
{
	struct cpl_stanza *stanza = routing->ev.stanza;
	struct cpl_session *session;

	pending--;
	if (routing->ev.user)
		cpl_user_unref(&routing->ev.user);
	cpl_session_unref(&routing->recipient);
	session = routing->source;
	if (routing->finished)
		routing->finished(stanza);
	else
		cpl_stanza_unref(&stanza);
	cpl_session_unref(&session);
}

size_t router_pending(void)
{
	return pending;
}

/* ---- what nobody handled ---- */

static void answer_unhandled(const struct cpl_stanza *stanza)
{
	if (stanza->kind == CPL_PRESENCE || stanza->type == CPL_TYPE_ERROR || stanza->type == CPL_TYPE_RESULT ||
	    stanza->type == CPL_TYPE_HEADLINE)
		return;
	cpl_bounce(stanza, CPL_SERVICE_UNAVAILABLE, NULL);
}

static void target_done(struct cpl_event *event, enum cpl_flow result)
{
	struct routing *routing = routing_of(event);
	struct cpl_stanza *stanza = routing->ev.stanza;

	if (result == CPL_NEXT || (result == CPL_DROP && is_request(stanza)))
		answer_unhandled(stanza);
	else if (result == CPL_FAILED)
		cpl_bounce(stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
	routing_end(routing);
}

/* A claimed handler that left the request to others. */
static void claimed_done(struct cpl_event *event, enum cpl_flow result)
{
	struct routing *routing = routing_of(event);

	if (result == CPL_NEXT)
		cpl_fire_iq(routing->ev.host, &routing->ev, target_done);
	else
		target_done(event, result);
}

/* ---- the target's events ---- */

/* Who may claim requests to this target; 0: nobody, they go to the session of that address. */
static unsigned target_bit(const struct cpl_ev_stanza *ev)
{
	static const unsigned bits[] = {
		[CPL_TARGET_SELF] = CPL_TO_SELF,
		[CPL_TARGET_BARE] = CPL_TO_BARE,
		[CPL_TARGET_HOST] = CPL_TO_HOST,
	};

	return ev->target == CPL_TARGET_FULL ? (ev->host->component ? CPL_TO_FULL : 0) : bits[ev->target];
}

static void start_request(struct routing *routing)
{
	struct cpl_ev_stanza *ev = &routing->ev;
	unsigned bit = target_bit(ev);

	if (bit && (ev->user || bit == CPL_TO_HOST || ev->host->component) &&
	    dispatch_iq_start(ev->host, ev, bit, cpl_first_child(ev->stanza->root), claimed_done))
		return;
	cpl_fire_iq(ev->host, ev, target_done);
}

static void request_done(struct cpl_event *event, enum cpl_flow result)
{
	if (result == CPL_NEXT)
		start_request(routing_of(event));
	else
		target_done(event, result);
}

static void fire_target(struct routing *routing)
{
	struct cpl_ev_stanza *ev = &routing->ev;
	struct cpl_stanza *stanza = ev->stanza;

	if (ev->user)
		cpl_user_ref(ev->user);
	if (stanza->kind == CPL_MESSAGE) {
		cpl_fire_message(ev->host, ev, target_done);
		return;
	}
	if (stanza->kind == CPL_PRESENCE) {
		cpl_fire_presence(ev->host, ev, target_done);
		return;
	}
	if (is_request(stanza)) {
		if (cpl_event_wanted(ev->host, CPL_EVENT_iq_request))
			cpl_fire_iq_request(ev->host, ev, request_done);
		else
			start_request(routing);
	} else if (target_bit(ev) && iq_take_answer(stanza)) {
		target_done(&ev->event, CPL_HANDLED);
	} else {
		cpl_fire_iq(ev->host, ev, target_done);
	}
}

static void user_ready(struct user_wait *wait, struct cpl_user *user, int status)
{
	struct routing *routing = CPL_CONTAINER(wait, struct routing, wait);

	if (status != 0 && status != CPL_E_NOT_FOUND) {
		/* To a probe nothing is said that is not known: not even an error, which would look like the contact's (RFC 6121 4.3.2). */
		target_done(&routing->ev.event, routing->ev.stanza->type == CPL_TYPE_PROBE ? CPL_HANDLED : CPL_FAILED);
		return;
	}
	routing->ev.user = user && !user->removed ? user : NULL;
	fire_target(routing);
}

/* True when the answer depends on an account that is not in memory. */
static bool needs_account(const struct routing *routing)
{
	const struct cpl_stanza *stanza = routing->ev.stanza;

	switch (stanza->kind) {
	case CPL_MESSAGE:
		return stanza->type == CPL_TYPE_NONE || stanza->type == CPL_TYPE_NORMAL || stanza->type == CPL_TYPE_CHAT;
	case CPL_PRESENCE:
		return stanza->type != CPL_TYPE_NONE && stanza->type != CPL_TYPE_UNAVAILABLE && stanza->type != CPL_TYPE_ERROR;
	default:
		return is_request(stanza) && (routing->ev.target == CPL_TARGET_BARE || routing->ev.target == CPL_TARGET_SELF) &&
		       (cpl_event_wanted(routing->ev.host, CPL_EVENT_iq_request) ||
			dispatch_iq_claimed(routing->ev.host, stanza->type, CPL_TO_BARE | CPL_TO_SELF, cpl_first_child(stanza->root)));
	}
}

static void remote_done(struct cpl_event *event, enum cpl_flow result)
{
	struct routing *routing = routing_of(event);
	const struct cpl_stanza *stanza = routing->ev.stanza;

	/* A subscription to a domain that cannot be reached is answered, other presence is not (RFC 6121 3.1.3, 4). */
	if (result == CPL_NEXT && (stanza->kind != CPL_PRESENCE || stanza->type == CPL_TYPE_SUBSCRIBE))
		cpl_bounce(stanza, CPL_REMOTE_SERVER_NOT_FOUND, NULL);
	else if (result == CPL_FAILED)
		cpl_bounce(stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
	routing_end(routing);
}

/* True for the sender's own account; a request that was made here in an account's name (XEP-0356) is the account's, too. */
static bool is_own(const struct cpl_ev_stanza *ev, struct cpl_jid to)
{
	if (ev->session)
		return ev->session->user && cpl_jid_equal(to, ev->session->user->jid);
	return is_request(ev->stanza) && cpl_jid_equal_bare(to, ev->stanza->from);
}

static void route_to_target(struct routing *routing)
{
	struct cpl_ev_stanza *ev = &routing->ev;
	struct cpl_stanza *stanza = ev->stanza;
	struct cpl_jid to = stanza->to;

	ev->user = NULL;
	ev->recipient = NULL;
	if (!cpl_jid_is_set(to)) {
		ev->target = CPL_TARGET_SELF;
		ev->host = ev->session ? ev->session->served : cpl_host_find(cpl_jid_domain(stanza->from));
		ev->user = ev->session ? ev->session->user : NULL;
		if (!ev->host || (ev->session && !ev->user)) {
			routing_end(routing);
			return;
		}
		if (stanza->kind == CPL_MESSAGE && ev->user)
			cpl_stanza_set_to(stanza, ev->user->jid);
		fire_target(routing);
		return;
	}
	ev->host = cpl_host_find(cpl_jid_domain(to));
	if (!ev->host) {
		ev->host = routing->sender;
		if (ev->host)
			cpl_fire_route_remote(ev->host, ev, remote_done);
		else
			remote_done(&ev->event, CPL_NEXT);
		return;
	}
	if (to.local_len == 0 || ev->host->component) {
		ev->target = to.local_len == 0 ? CPL_TARGET_HOST : to.resource_len ? CPL_TARGET_FULL : CPL_TARGET_BARE;
		fire_target(routing);
		return;
	}
	if (to.resource_len) {
		ev->target = CPL_TARGET_FULL;
		ev->recipient = cpl_map_get(&ev->host->sessions, cpl_jid_str(to));
		routing->recipient = ev->recipient ? cpl_session_ref(ev->recipient) : NULL;
	} else {
		ev->target = is_own(ev, to) ? CPL_TARGET_SELF : CPL_TARGET_BARE;
	}
	ev->user = ev->recipient ? ev->recipient->user : cpl_user_find(ev->host, cpl_jid_local(to));
	if (ev->user && ev->user->removed)
		ev->user = NULL;
	if (ev->user || !needs_account(routing)) {
		fire_target(routing);
		return;
	}
	routing->wait.ready = user_ready;
	user_wait(ev->host, cpl_jid_local(to), &routing->wait);
}

/* ---- the ways in ---- */

static void pre_done(struct cpl_event *event, enum cpl_flow result)
{
	struct routing *routing = routing_of(event);
	struct cpl_stanza *stanza = routing->ev.stanza;

	cpl_user_unref(&routing->ev.user);
	if (result == CPL_NEXT) {
		route_to_target(routing);
		return;
	}
	if (result == CPL_FAILED)
		cpl_bounce(stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
	else if (result == CPL_DROP && is_request(stanza))
		cpl_bounce(stanza, CPL_SERVICE_UNAVAILABLE, NULL);
	routing_end(routing);
}

/* Which kind of address it is, seen from the sender. */
static enum cpl_target target_from_sender(const struct cpl_session *session, struct cpl_jid to)
{
	if (!cpl_jid_is_set(to) || cpl_jid_equal(to, cpl_jid_bare(session->jid)))
		return CPL_TARGET_SELF;
	if (to.local_len == 0)
		return CPL_TARGET_HOST;
	return to.resource_len ? CPL_TARGET_FULL : CPL_TARGET_BARE;
}

void router_from_session(struct cpl_session *session, struct cpl_stanza *stanza, void (*finished)(struct cpl_stanza *stanza))
{
	struct routing *routing = routing_begin(stanza, session, finished);
	struct cpl_ev_stanza *ev = &routing->ev;

	routing->sender = ev->host = session->served;
	ev->user = cpl_user_ref(session->user);
	ev->target = target_from_sender(session, stanza->to);
	if (stanza->kind == CPL_MESSAGE)
		cpl_fire_pre_message(ev->host, ev, pre_done);
	else if (stanza->kind == CPL_PRESENCE)
		cpl_fire_pre_presence(ev->host, ev, pre_done);
	else
		cpl_fire_pre_iq(ev->host, ev, pre_done);
}

void router_from_component(struct cpl_session *session, struct cpl_stanza *stanza, void (*finished)(struct cpl_stanza *stanza))
{
	struct routing *routing = routing_begin(stanza, session, finished);

	routing->sender = session->served;
	route_to_target(routing);
}

static void unbound_done(struct cpl_event *event, enum cpl_flow result)
{
	struct routing *routing = routing_of(event);
	struct cpl_session *session = routing->ev.session;

	if (result == CPL_NEXT || result == CPL_DROP)
		cpl_session_close(session, CPL_STREAM_NOT_AUTHORIZED, NULL);
	else if (result == CPL_FAILED)
		cpl_session_close(session, CPL_STREAM_INTERNAL_SERVER_ERROR, NULL);
	routing_end(routing);
}

bool router_unbound_iq(struct cpl_session *session, struct cpl_stanza *stanza, void (*finished)(struct cpl_stanza *stanza))
{
	const struct cpl_element *payload = cpl_first_child(stanza->root);
	struct routing *routing;

	if (!is_request(stanza) || !payload || !stanza->id.ptr || cpl_child_count(stanza->root) != 1 ||
	    !dispatch_iq_claimed(session->served, stanza->type, CPL_TO_SELF, payload))
		return false;
	routing = routing_begin(stanza, session, finished);
	routing->ev.host = session->served;
	routing->ev.target = CPL_TARGET_SELF;
	if (dispatch_iq_start(session->served, &routing->ev, CPL_TO_SELF, payload, unbound_done))
		return true;
	pending--;
	cpl_session_unref(&routing->source);
	return false;
}

void cpl_route(struct cpl_session *session, struct cpl_stanza **stanza)
{
	struct cpl_module *caller = account_core_begin();

	if (session->full_jid.ptr)
		router_from_session(session, *stanza, NULL);
	else
		router_from_component(session, *stanza, NULL);
	*stanza = NULL;
	account_core_end(caller);
}

void cpl_send(struct cpl_stanza **pointer)
{
	struct cpl_stanza *stanza = *pointer;
	struct cpl_module *caller;
	struct routing *routing;

	*pointer = NULL;
	if (!stanza)
		return;
	caller = account_core_begin();
	if (!stanza->arena) {
		struct cpl_stanza *copy = cpl_stanza_copy(stanza);

		cpl_stanza_unref(&stanza);
		stanza = copy;
	}
	routing = routing_begin(stanza, NULL, NULL);
	if (cpl_jid_is_set(stanza->from))
		routing->sender = cpl_host_find(cpl_jid_domain(stanza->from));
	if (cpl_jid_is_set(stanza->to)) {
		route_to_target(routing);
	} else {
		cpl_log_error("a stanza was sent to nobody kind=%d type=%d", stanza->kind, stanza->type);
		routing_end(routing);
	}
	account_core_end(caller);
}

void cpl_bounce(const struct cpl_stanza *stanza, enum cpl_condition condition, const char *text)
{
	struct cpl_stanza *error = cpl_stanza_error(stanza, condition, text);

	/* A client's own session hears of it straight away, in the order of its requests, and also before it has an address. A component may have another by now. */
	if (error && stanza->session && session_of(stanza->session)->kind->content == CPL_NS_CLIENT) {
		cpl_session_send(stanza->session, error);
		cpl_stanza_unref(&error);
		return;
	}
	if (error && cpl_jid_is_set(error->to))
		cpl_send(&error);
	else
		cpl_stanza_unref(&error);
}
