/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions (RFC 6121 3 and appendix A). A stanza is held until the change it makes is durable; then the account's resources hear of it, the push
 * follows, and what must be routed is routed. Both tables of the appendix are written as functions of the four facts of an item: subscription,
 * ask (Pending Out), request (Pending In), approved.
 */
#include "modules/presence/presence.h"

struct subscription {
	struct cpl_roster_change change;
	struct cpl_stanza *stanza; /* held */
	struct cpl_user *user;     /* referenced */
	bool inbound;
	bool route;                /* out: goes on to the contact; in: is delivered to the account's resources */
	bool approve;              /* in: answered with `subscribed` by the server */
	bool refused;              /* in: the account has too many requests already */
	bool counted;              /* in the account's pending changes */
};

/* Changes under way that contacts have caused: their presence must not overtake them. */
struct subscription_count {
	uint32_t inbound;
};
CPL_SLOT_DEFINE(subscription_slot, 1, NULL, NULL);

/* ---- the tables ---- */

/* A.2, what a user's client sends. Returns whether the item changes; *route whether the contact hears of it. */
static bool table_out(enum cpl_type type, struct cpl_roster_item *item, bool *route)
{
	bool was_from = item->subscription & CPL_SUB_FROM;

	*route = true;
	switch (type) {
	case CPL_TYPE_SUBSCRIBE:
		if (item->listed && (item->ask || (item->subscription & CPL_SUB_TO)))
			return false;
		item->listed = true;
		item->ask = !(item->subscription & CPL_SUB_TO);
		return true;
	case CPL_TYPE_UNSUBSCRIBE:
		if (!item->ask && !(item->subscription & CPL_SUB_TO))
			return false;
		item->ask = false;
		item->subscription &= (uint8_t)~CPL_SUB_TO;
		return true;
	case CPL_TYPE_SUBSCRIBED:
		*route = item->request != NULL;
		if (was_from || (!item->request && item->approved))
			return false;
		item->listed = true;
		if (item->request) {
			item->subscription |= CPL_SUB_FROM;
			item->request = NULL;
		} else {
			item->approved = true; /* 3.4: before the contact asks */
		}
		return true;
	default: /* unsubscribed */
		*route = was_from || item->request;
		if (!*route && !item->approved)
			return false;
		item->subscription &= (uint8_t)~CPL_SUB_FROM;
		item->request = NULL;
		item->approved = false;
		return true;
	}
}

/* A.3, what reaches an account. *route: its resources hear of it; *approve: the server answers for it. */
static bool table_in(const struct cpl_stanza *stanza, struct cpl_roster_item *item, bool *route, bool *approve)
{
	*route = *approve = false;
	switch (stanza->type) {
	case CPL_TYPE_SUBSCRIBE:
		if (item->subscription & CPL_SUB_FROM) {
			*approve = true;
			return false;
		}
		if (item->approved) {
			*approve = true;
			item->subscription |= CPL_SUB_FROM;
			item->request = NULL;
			return true;
		}
		if (item->request)
			return false;
		*route = true;
		item->request = cpl_stanza_compact(stanza);
		return true;
	case CPL_TYPE_UNSUBSCRIBE:
		*route = item->request || (item->subscription & CPL_SUB_FROM);
		item->request = NULL;
		item->subscription &= (uint8_t)~CPL_SUB_FROM;
		return *route;
	case CPL_TYPE_SUBSCRIBED:
		*route = item->ask && !(item->subscription & CPL_SUB_TO);
		if (*route) {
			item->ask = false;
			item->subscription |= CPL_SUB_TO;
		}
		return *route;
	default: /* unsubscribed */
		*route = item->ask || (item->subscription & CPL_SUB_TO);
		item->ask = false;
		item->subscription &= (uint8_t)~CPL_SUB_TO;
		return *route;
	}
}

/* ---- a change under way ---- */

static struct subscription *subscription_of(struct cpl_roster_change *change)
{
	return CPL_CONTAINER(change, struct subscription, change);
}

static size_t count_requests(const struct cpl_roster *roster)
{
	const struct cpl_roster_item *item;
	size_t at = 0, count = 0;

	while ((item = cpl_roster_next(roster, &at)))
		count += item->request != NULL;
	return count;
}

static bool compute(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	struct subscription *s = subscription_of(change);

	if (s->inbound && s->stanza->type == CPL_TYPE_SUBSCRIBE && !item->request && !item->approved &&
	    !(item->subscription & CPL_SUB_FROM) && count_requests(s->user->roster) >= (size_t)cpl_core_option("pending_requests")) {
		s->refused = true;
		return false;
	}
	return s->inbound ? table_in(s->stanza, item, &s->route, &s->approve) : table_out(s->stanza->type, item, &s->route);
}

/* A request goes to available resources (3.1.3), its later answers to interested ones (3.1.6, 3.2.3, 3.3.3), both before the push. */
static void deliver(struct subscription *s)
{
	bool request = s->stanza->type == CPL_TYPE_SUBSCRIBE;

	if (!s->inbound || !s->route)
		return;
	CPL_SESSIONS(session, s->user)
	{
		if (request ? session->presence != NULL : session->interested)
			cpl_session_send(session, s->stanza);
	}
}

static void before_push(struct cpl_roster_change *change)
{
	deliver(subscription_of(change));
}

static void subscription_end(struct subscription *s)
{
	struct subscription_count *count = CPL_SLOT_GET(s->user, subscription_slot);

	if (s->counted && count)
		count->inbound--;
	cpl_stanza_release(&s->stanza);
	cpl_user_unref(&s->user);
	cpl_free(s);
}

static void done_out(struct subscription *s)
{
	struct cpl_jid contact = s->stanza->to;
	bool was_from = s->change.before.subscription & CPL_SUB_FROM;
	bool is_from = s->change.after.subscription & CPL_SUB_FROM;

	if (s->route) {
		struct cpl_stanza *stanza = cpl_stanza_copy(s->stanza);

		cpl_send(&stanza);
	}
	if (s->change.changed && is_from && !was_from)
		presence_send_all(s->user, contact, false);
	else if (s->change.changed && was_from && !is_from)
		presence_send_all(s->user, contact, true);
}

static void done_in(struct subscription *s)
{
	struct cpl_jid contact = cpl_jid_bare(s->stanza->from);
	bool was_from = s->change.before.subscription & CPL_SUB_FROM;
	bool is_from = s->change.after.subscription & CPL_SUB_FROM;

	if (s->approve)
		presence_send_type(s->user->jid, contact, CPL_TYPE_SUBSCRIBED);
	if (s->change.changed && is_from && !was_from)
		presence_send_all(s->user, contact, false);
	else if (s->change.changed && was_from && !is_from)
		presence_send_all(s->user, contact, true);
}

static void done(struct cpl_call *call)
{
	struct subscription *s = subscription_of(CPL_CONTAINER(call, struct cpl_roster_change, call));

	if (call->status == 0 && s->refused)
		cpl_bounce(s->stanza, CPL_RESOURCE_CONSTRAINT, "Too many requests wait for an answer");
	else if (call->status == 0 && s->inbound)
		done_in(s);
	else if (call->status == 0)
		done_out(s);
	else if (call->status == CPL_E_DENIED)
		cpl_bounce(s->stanza, CPL_NOT_ALLOWED, NULL);
	else if (call->status == CPL_E_FULL)
		cpl_bounce(s->stanza, CPL_RESOURCE_CONSTRAINT, "The roster is full or the server is out of space");
	else
		cpl_bounce(s->stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
	subscription_end(s);
}

static enum cpl_flow start(struct cpl_ev_stanza *ev, struct cpl_user *user, struct cpl_jid contact, bool inbound)
{
	struct cpl_module *provider;
	const struct cpl_roster_service *rosters = cpl_service_find(user->host, &presence_roster, &provider);
	struct subscription *s = CPL_NEW(struct subscription);
	int status;

	s->stanza = ev->stanza;
	cpl_stanza_hold(ev->stanza);
	s->user = cpl_user_ref(user);
	s->inbound = inbound;
	if (inbound) {
		CPL_SLOT_MAKE(user, subscription_slot)->inbound++;
		s->counted = true;
	}
	s->change.compute = compute;
	s->change.before_push = before_push;
	status = rosters ? rosters->change(provider, &s->change, &user->scope, user, contact, done) : CPL_E_UNSUPPORTED;
	if (status != 0) {
		if (status != CPL_E_NOT_FOUND)
			cpl_bounce(ev->stanza, CPL_INTERNAL_SERVER_ERROR, NULL);
		subscription_end(s);
	}
	return CPL_HANDLED;
}

/* ---- presence behind a change ---- */

struct overtaking {
	struct cpl_roster_change change;
	struct cpl_stanza *stanza; /* held */
	struct cpl_user *user;     /* referenced */
	bool full;
};

static bool compute_nothing(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	return false;
}

static void overtaking_done(struct cpl_call *call)
{
	struct overtaking *o = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_roster_change, call), struct overtaking, change);

	presence_deliver(o->user, o->full ? cpl_session_find(o->stanza->to) : NULL, o->full, o->stanza, NULL);
	cpl_stanza_release(&o->stanza);
	cpl_user_unref(&o->user);
	cpl_free(o);
}

bool presence_behind_change(struct cpl_ev_stanza *ev)
{
	struct subscription_count *count = ev->user ? CPL_SLOT_GET(ev->user, subscription_slot) : NULL;
	const struct cpl_roster_service *rosters;
	struct cpl_module *provider;
	struct overtaking *o;

	if (!count || count->inbound == 0)
		return false;
	rosters = cpl_service_find(ev->user->host, &presence_roster, &provider);
	if (!rosters)
		return false;
	o = CPL_NEW(struct overtaking);
	o->change.compute = compute_nothing;
	o->stanza = ev->stanza;
	o->user = ev->user;
	o->full = ev->target == CPL_TARGET_FULL;
	if (rosters->change(provider, &o->change, &ev->user->scope, ev->user, cpl_jid_bare(ev->stanza->from), overtaking_done) != 0) {
		cpl_free(o);
		return false;
	}
	cpl_stanza_hold(ev->stanza);
	cpl_user_ref(ev->user);
	return true;
}

enum cpl_flow presence_subscription_out(struct cpl_ev_stanza *ev)
{
	return start(ev, ev->user, ev->stanza->to, false);
}

enum cpl_flow presence_subscription_in(struct cpl_ev_stanza *ev)
{
	if (!ev->user || cpl_jid_equal_bare(ev->stanza->from, ev->user->jid))
		return CPL_HANDLED; /* no such account: silence, as RFC 6121 8.5.1 has it */
	/* Subscriptions are between accounts: a component's resources are left out as a client's are (3.1.2). */
	cpl_stanza_set_from(ev->stanza, cpl_jid_bare(ev->stanza->from));
	cpl_stanza_set_to(ev->stanza, cpl_jid_bare(ev->stanza->to));
	return start(ev, ev->user, cpl_jid_bare(ev->stanza->from), true);
}

void presence_cut(struct cpl_user *user, struct cpl_jid contact, const struct cpl_roster_item *item)
{
	if (item->ask || (item->subscription & CPL_SUB_TO))
		presence_send_type(user->jid, contact, CPL_TYPE_UNSUBSCRIBE);
	if (item->subscription & CPL_SUB_FROM)
		presence_send_all(user, contact, true);
	if (item->request || (item->subscription & CPL_SUB_FROM))
		presence_send_type(user->jid, contact, CPL_TYPE_UNSUBSCRIBED);
}

/* A contact of ours that does not let the account see it yet would answer a probe with unsubscribed, and so end what has just begun. */
static bool may_probe(struct cpl_jid account, struct cpl_jid contact)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(contact));
	struct cpl_user *user = host && contact.local_len ? cpl_user_find(host, cpl_jid_local(contact)) : NULL;
	const struct cpl_roster_item *item = user ? cpl_roster_find(user->roster, account) : NULL;

	return !host || host->component || (item && item->subscription & CPL_SUB_FROM);
}

void presence_forced(const struct cpl_ev_roster *ev)
{
	unsigned before = ev->before->subscription, after = ev->after->subscription;

	if ((before ^ after) & CPL_SUB_FROM && !cpl_user_blocks(ev->user, ev->contact))
		presence_send_all(ev->user, ev->contact, before & CPL_SUB_FROM);
	/* With a shared contact both sides are told, and each sends its own. */
	if (!(after & ~before & CPL_SUB_TO) || ev->after->shared || cpl_user_blocks(ev->user, ev->contact) ||
	    !may_probe(ev->user->jid, ev->contact))
		return;
	CPL_SESSIONS(session, ev->user)
	{
		if (session->presence)
			presence_send_type(session->jid, ev->contact, CPL_TYPE_PROBE);
	}
}
