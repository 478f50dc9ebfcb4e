/* SPDX-License-Identifier: MIT */
/*
 * Delivery of messages to local accounts (RFC 6121 8.5). Hooks message; a chat or normal message that no resource can take becomes the
 * event message_undelivered.
 */
#include <couplet/module.h>

/* ---- nobody can take it ---- */

/* The other event, fired from within this one: it may end at once or later. */
struct undelivered {
	struct cpl_ev_stanza ev;
	struct cpl_suspension *suspension;
	struct cpl_user *user; /* referenced: the outer event may be lost before this one */
	enum cpl_flow result;
	bool done;
};

static void undelivered_done(struct cpl_event *event, enum cpl_flow result)
{
	struct undelivered *undelivered = CPL_CONTAINER(CPL_CONTAINER(event, struct cpl_ev_stanza, event), struct undelivered, ev);

	if (result == CPL_FAILED) {
		cpl_bounce(undelivered->ev.stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
		result = CPL_HANDLED;
	}
	undelivered->result = result;
	undelivered->done = true;
	cpl_user_unref(&undelivered->user);
	if (undelivered->suspension)
		cpl_resume(&undelivered->suspension, result);
}

static enum cpl_flow deliver_nowhere(struct cpl_ev_stanza *ev)
{
	struct undelivered *undelivered = cpl_arena_alloc(ev->stanza->arena, sizeof *undelivered);

	undelivered->ev = (struct cpl_ev_stanza){
		.event = {.stanza = ev->stanza},
		.stanza = ev->stanza,
		.session = ev->session,
		.host = ev->host,
		.target = ev->target,
		.user = ev->user,
	};
	undelivered->user = cpl_user_ref(ev->user);
	cpl_fire_message_undelivered(ev->host, &undelivered->ev, undelivered_done);
	if (undelivered->done)
		return undelivered->result;
	undelivered->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- delivery ---- */

static enum cpl_flow deliver_best(struct cpl_ev_stanza *ev)
{
	struct cpl_session *session;
	unsigned count = cpl_user_best(ev->user, &session);

	if (count == 0)
		return deliver_nowhere(ev);
	while (session && count > 0) {
		struct cpl_session *next = cpl_user_session(ev->user, session);

		if (cpl_session_can_receive(session)) {
			cpl_session_send(session, ev->stanza);
			count--;
		}
		session = next;
	}
	return CPL_HANDLED;
}

static enum cpl_flow deliver_headline(struct cpl_ev_stanza *ev)
{
	CPL_SESSIONS(session, ev->user)
	{
		if (session->presence && session->priority >= 0)
			cpl_session_send(session, ev->stanza);
	}
	return CPL_HANDLED;
}

static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	enum cpl_type type = ev->stanza->type;

	/* It may be on its way out, or have gone while the event was suspended. */
	if (ev->recipient && cpl_session_can_receive(ev->recipient)) {
		cpl_session_send(ev->recipient, ev->stanza);
		return CPL_HANDLED;
	}
	if (type == CPL_TYPE_ERROR)
		return CPL_HANDLED;
	if (ev->target == CPL_TARGET_HOST || type == CPL_TYPE_GROUPCHAT)
		return CPL_NEXT;
	if (ev->target == CPL_TARGET_FULL && type != CPL_TYPE_CHAT)
		return type == CPL_TYPE_HEADLINE ? CPL_HANDLED : CPL_NEXT;
	if (type == CPL_TYPE_HEADLINE)
		return ev->user ? deliver_headline(ev) : CPL_HANDLED;
	return ev->user ? deliver_best(ev) : CPL_NEXT;
}

static const struct cpl_event_row message_events[] = {
	CPL_ON(message, on_message, DELIVER, 0),
	CPL_ON_END,
};

CPL_MODULE(message) = {
	CPL_MODULE_HEAD("message", "1.0", "Delivery of messages (RFC 6121 8.5)"),
	.events = message_events,
};
