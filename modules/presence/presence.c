/* SPDX-License-Identifier: MIT */
/*
 * Presence (RFC 6121 3 and 4): availability of resources, subscriptions with pre-approval, probes, directed presence. Hooks pre_presence (what
 * clients send) and presence (what is sent to local accounts); changes rosters through the service "roster".
 */
#include "modules/presence/presence.h"

struct cpl_name presence_priority = {NULL, "priority", 0, 0};
struct cpl_name presence_sub = {"urn:xmpp:features:pre-approval", "sub", 0, 0};
struct cpl_name presence_delay = {"urn:xmpp:delay", "delay", 0, 0};
static struct cpl_name *const presence_names[] = {&presence_priority, &presence_sub, &presence_delay, NULL};

CPL_SLOT_DEFINE(presence_slot, 1, presence_release, NULL);
static struct cpl_slot *const presence_slots[] = {&presence_slot, &subscription_slot, NULL};

static void on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	if (ev->session->type == CPL_SESSION_C2S_UNBOUND)
		cpl_add(ev->features, ev->features->root, &presence_sub);
}

/* ---- what clients send ---- */

/* RFC 6121 4.7.2.3: an integer of one byte; what is out of range is clamped, what is no number is refused. */
static bool read_priority(struct cpl_stanza *stanza, int8_t *priority)
{
	struct cpl_str text = cpl_child_text(stanza->root, &presence_priority, stanza->arena);
	int64_t number = 0;

	if (text.ptr && !cpl_str_to_int(cpl_str_trim(text), INT64_MIN, INT64_MAX, &number))
		return false;
	*priority = (int8_t)(number < -128 ? -128 : number > 127 ? 127 : number);
	return true;
}

static enum cpl_flow own_available(struct cpl_ev_stanza *ev)
{
	struct cpl_session *session = ev->session;
	bool first = session->presence == NULL;
	int8_t priority;

	if (!read_priority(ev->stanza, &priority)) {
		cpl_bounce(ev->stanza, CPL_BAD_REQUEST, "The priority is not a number");
		return CPL_HANDLED;
	}
	cpl_session_set_presence(session, ev->stanza, priority);
	presence_broadcast(session, ev->stanza);
	if (first)
		presence_fetch(session);
	return CPL_HANDLED;
}

static enum cpl_flow own_unavailable(struct cpl_ev_stanza *ev)
{
	struct cpl_session *session = ev->session;
	struct presence_state *state = CPL_SLOT_MAKE(session, presence_slot);

	/* Its content goes along; the event that follows has nothing left to say. */
	state->gone = true;
	presence_leave(session, ev->stanza, session->presence != NULL);
	cpl_session_set_presence(session, NULL, 0);
	state->gone = false;
	return CPL_HANDLED;
}

static bool is_subscription(enum cpl_type type)
{
	return type >= CPL_TYPE_SUBSCRIBE && type <= CPL_TYPE_UNSUBSCRIBED;
}

static enum cpl_flow on_pre_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *stanza = ev->stanza;

	/* While this waited, another session took the resource: all has been said in its name. */
	if (!cpl_session_is_connected(ev->session))
		return CPL_HANDLED;
	if (!cpl_jid_is_set(stanza->to)) {
		if (stanza->type == CPL_TYPE_NONE)
			return own_available(ev);
		if (stanza->type == CPL_TYPE_UNAVAILABLE)
			return own_unavailable(ev);
		return CPL_HANDLED; /* a subscription to nobody, or to oneself, is ignored */
	}
	if (is_subscription(stanza->type)) {
		cpl_stanza_set_to(stanza, cpl_jid_bare(stanza->to));
		return ev->target == CPL_TARGET_SELF || cpl_jid_equal_bare(stanza->to, ev->user->jid) ? CPL_HANDLED
												      : presence_subscription_out(ev);
	}
	if (stanza->type == CPL_TYPE_PROBE)
		return CPL_HANDLED; /* servers probe, clients do not (RFC 6121 4.3) */
	if (stanza->type != CPL_TYPE_ERROR && !presence_direct(ev->session, stanza->to, stanza->type == CPL_TYPE_NONE)) {
		cpl_bounce(stanza, CPL_RESOURCE_CONSTRAINT, "Too many addresses have directed presence of this session");
		return CPL_HANDLED;
	}
	return CPL_NEXT;
}

/* ---- what is sent to accounts ---- */

void presence_deliver(struct cpl_user *user, struct cpl_session *recipient, bool full, const struct cpl_stanza *stanza,
		      const struct cpl_session *but)
{
	if (full) {
		if (recipient)
			cpl_session_send(recipient, stanza);
		return;
	}
	CPL_SESSIONS(session, user)
	{
		if (!session->presence)
			break; /* available ones come first */
		if (session != but)
			cpl_session_send(session, stanza);
	}
}

static enum cpl_flow on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (ev->target == CPL_TARGET_HOST)
		return CPL_HANDLED; /* the server itself has no presence */
	if (is_subscription(ev->stanza->type))
		return presence_subscription_in(ev);
	if (ev->stanza->type == CPL_TYPE_PROBE)
		return presence_on_probe(ev);
	if (ev->stanza->type == CPL_TYPE_ERROR && ev->target != CPL_TARGET_FULL)
		return CPL_HANDLED;
	if (ev->stanza->type == CPL_TYPE_ERROR && ev->recipient)
		presence_forget(ev->recipient, ev->stanza->from);
	if (ev->user && !presence_behind_change(ev))
		presence_deliver(ev->user, ev->recipient, ev->target == CPL_TARGET_FULL, ev->stanza, ev->session);
	return CPL_HANDLED;
}

/* ---- transitions ---- */

static void on_unavailable(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct presence_state *state = CPL_SLOT_GET(ev->session, presence_slot);

	if (!state || !state->gone)
		presence_leave(ev->session, NULL, true);
}

/* A session that was never available may have sent presence to someone all the same. */
static void on_unbound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct presence_state *state = CPL_SLOT_GET(ev->session, presence_slot);

	if (state && state->directed.count)
		presence_leave(ev->session, NULL, false);
}

static void on_roster_changed(struct cpl_module *self, struct cpl_ev_roster *ev)
{
	if (ev->forced)
		presence_forced(ev);
	else if (ev->before->listed && !ev->after->listed)
		presence_cut(ev->user, ev->contact, ev->before);
}

static enum cpl_flow on_account_removing(struct cpl_module *self, struct cpl_ev_user *ev)
{
	const struct cpl_roster_item *item;
	size_t at = 0;

	while ((item = cpl_roster_next(ev->user->roster, &at)))
		presence_cut(ev->user, item->jid, item);
	return CPL_NEXT;
}

static enum cpl_answer on_may_see_account(struct cpl_module *self, struct cpl_ev_see *ev)
{
	const struct cpl_roster_item *item = cpl_roster_find(ev->user->roster, ev->from);

	if (cpl_jid_equal_bare(ev->from, ev->user->jid) || (item && (item->subscription & CPL_SUB_FROM)))
		return CPL_YES;
	return CPL_NO_OPINION;
}

static const struct cpl_event_row presence_events[] = {
	CPL_ON(stream_features, on_features, FEATURE, 30),
	CPL_ON(pre_presence, on_pre_presence, DELIVER, 0),
	CPL_ON(presence, on_presence, DELIVER, 0),
	CPL_ON(session_unavailable, on_unavailable, DELIVER, 0),
	CPL_ON(session_unbound, on_unbound, DELIVER, 0),
	CPL_ON(roster_changed, on_roster_changed, FEATURE, 0),
	CPL_ON(block_changed, presence_on_block_changed, FEATURE, 0),
	CPL_ON(account_removing, on_account_removing, FEATURE, 0),
	CPL_ON(may_see_account, on_may_see_account, POLICY, 0),
	CPL_ON_END,
};

struct cpl_service_ref presence_roster = {"roster", 1, 0};
static const struct cpl_need_row presence_needs[] = {{&presence_roster, false}, {NULL, false}};

CPL_MODULE(presence) = {
	CPL_MODULE_HEAD("presence", "1.0", "Presence and subscriptions (RFC 6121)"),
	.names = presence_names,
	.events = presence_events,
	.slots = presence_slots,
	.needs = presence_needs,
};
