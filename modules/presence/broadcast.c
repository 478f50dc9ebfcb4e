/* SPDX-License-Identifier: MIT */
/* Who hears of a resource: broadcast, probes and their answers, directed presence, the end (RFC 6121 4). */
#include "modules/presence/presence.h"

/*
 * A copy to another address, sent. Contacts of the same host that are not in memory have no resource that could hear of it; on another host somebody else may want to know (XEP-0356 7.4).
 */
static void send_copy(const struct cpl_stanza *stanza, struct cpl_jid to)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(to));
	struct cpl_stanza *copy;

	if (host && !host->component && to.local_len && cpl_str_equal(host->name, cpl_jid_domain(stanza->from)) && !cpl_user_find(host, cpl_jid_local(to)))
		return;
	copy = cpl_stanza_copy(stanza);
	cpl_stanza_set_to(copy, to);
	cpl_send(&copy);
}

void presence_send_type(struct cpl_jid from, struct cpl_jid to, enum cpl_type type)
{
	struct cpl_stanza *stanza = cpl_stanza_create(CPL_PRESENCE, type);

	cpl_stanza_set_from(stanza, from);
	cpl_stanza_set_to(stanza, to);
	cpl_send(&stanza);
}

void presence_broadcast(struct cpl_session *session, const struct cpl_stanza *stanza)
{
	const struct cpl_roster_item *item;
	struct cpl_jid bare = cpl_jid_bare(session->jid);
	size_t at = 0;

	CPL_SESSIONS(other, session->user)
	{
		if (other->presence) /* the sender, too, also when it ends its presence (4.5.2) */
			cpl_session_send_to(other, stanza, (struct cpl_jid){0}, bare, CPL_NONE);
	}
	while ((item = cpl_roster_next(session->roster, &at)))
		if (item->subscription & CPL_SUB_FROM && !cpl_user_blocks(session->user, item->jid))
			send_copy(stanza, item->jid);
}

/* ---- the first presence ---- */

static void add_age(struct cpl_buf *suffix, const struct cpl_session *session)
{
	char stamp[CPL_TIME_TEXT];

	cpl_buf_addf(suffix, "<delay xmlns='urn:xmpp:delay' from='");
	cpl_buf_add_xml(suffix, session->full_jid);
	cpl_buf_addf(suffix, "' stamp='%.*s'/>", CPL_ARG(cpl_time_format(session->presence_at, stamp)));
}

void presence_fetch(struct cpl_session *session)
{
	const struct cpl_roster_item *item;
	struct cpl_buf suffix = {0};
	size_t at = 0;

	CPL_SESSIONS(other, session->user)
	{
		if (other == session || !other->presence)
			continue;
		cpl_buf_clear(&suffix);
		add_age(&suffix, other);
		cpl_session_send_to(session, other->presence, other->jid, session->jid, cpl_buf_str(&suffix));
	}
	cpl_buf_finish(&suffix);
	while ((item = cpl_roster_next(session->roster, &at)))
		if (item->subscription & CPL_SUB_TO && !cpl_user_blocks(session->user, item->jid))
			presence_send_type(session->jid, item->jid, CPL_TYPE_PROBE);
	at = 0;
	while ((item = cpl_roster_next(session->roster, &at)))
		if (item->request && !cpl_user_blocks(session->user, item->jid))
			cpl_session_send(session, item->request);
}

/* ---- probes ---- */

static void send_aged(const struct cpl_session *session, struct cpl_jid to)
{
	struct cpl_stanza *copy = cpl_stanza_copy(session->presence);
	struct cpl_element *delay;
	char stamp[CPL_TIME_TEXT];

	cpl_stanza_set_from(copy, session->jid);
	cpl_stanza_set_to(copy, to);
	cpl_stanza_set_id(copy, CPL_NONE);
	delay = cpl_add(copy, copy->root, &presence_delay);
	cpl_attr_set(copy, delay, "from", session->full_jid);
	cpl_attr_set(copy, delay, "stamp", cpl_time_format(session->presence_at, stamp));
	cpl_send(&copy);
}

void presence_send_all(struct cpl_user *user, struct cpl_jid to, bool unavailable)
{
	CPL_SESSIONS(session, user)
	{
		if (!session->presence)
			break; /* available ones come first */
		if (unavailable)
			presence_send_type(session->jid, to, CPL_TYPE_UNAVAILABLE);
		else
			send_aged(session, to);
	}
}

enum cpl_flow presence_on_probe(struct cpl_ev_stanza *ev)
{
	struct cpl_jid from = ev->stanza->from;
	struct cpl_user *user = ev->user;
	const struct cpl_roster_item *item;
	bool own;

	/* An account that is not there looks like one that does not know the prober (RFC 6121 4.3.2, 8.5.1). */
	if (!user) {
		presence_send_type(cpl_jid_bare(ev->stanza->to), cpl_jid_bare(from), CPL_TYPE_UNSUBSCRIBED);
		return CPL_HANDLED;
	}
	own = cpl_jid_equal_bare(from, user->jid);
	item = cpl_roster_find(user->roster, from);
	if (!own && !(item && (item->subscription & CPL_SUB_FROM))) {
		presence_send_type(user->jid, cpl_jid_bare(from), CPL_TYPE_UNSUBSCRIBED);
		return CPL_HANDLED;
	}
	if (ev->target == CPL_TARGET_FULL) {
		if (ev->recipient && ev->recipient->presence)
			send_aged(ev->recipient, from);
		else
			presence_send_type(ev->stanza->to, from, CPL_TYPE_UNAVAILABLE);
	} else if (user->available_count) {
		presence_send_all(user, from, false);
	} else {
		presence_send_type(user->jid, from, CPL_TYPE_UNAVAILABLE);
	}
	return CPL_HANDLED;
}

/* ---- directed presence ---- */

void presence_release(void *data)
{
	struct presence_state *state = data;
	char *text;
	size_t at = 0;

	while ((text = cpl_map_next(&state->directed, &at)))
		cpl_free(text);
	cpl_map_finish(&state->directed);
	cpl_free(state);
}

bool presence_direct(struct cpl_session *session, struct cpl_jid to, bool available)
{
	const struct cpl_roster_item *item = cpl_roster_find(session->roster, to);
	struct presence_state *state;
	struct cpl_str key = cpl_jid_str(to);
	char *text;

	if (!available) {
		presence_forget(session, to);
		return true;
	}
	/* A subscriber hears of the end anyway, as long as the session is available. */
	if (session->presence && item && (item->subscription & CPL_SUB_FROM))
		return true;
	state = CPL_SLOT_MAKE(session, presence_slot);
	if (cpl_map_get(&state->directed, key))
		return true;
	if (state->directed.count >= (size_t)cpl_core_option("directed_presence"))
		return false;
	text = cpl_strdup(key);
	cpl_map_put(&state->directed, (struct cpl_str){text, key.len}, text);
	return true;
}

void presence_forget(struct cpl_session *session, struct cpl_jid to)
{
	struct presence_state *state = CPL_SLOT_GET(session, presence_slot);

	if (state)
		cpl_free(cpl_map_remove(&state->directed, cpl_jid_str(to)));
}

void presence_leave_directed(struct cpl_session *session, struct cpl_jid blocked)
{
	struct presence_state *state = CPL_SLOT_GET(session, presence_slot);
	char *text;
	size_t at = 0;

	while (state && (text = cpl_map_next(&state->directed, &at))) {
		struct cpl_stanza *stanza = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_UNAVAILABLE);
		struct cpl_jid to;

		if (cpl_jid_parse(&to, cpl_str_of(text), stanza->arena) != 0 || !cpl_block_matches(blocked, to)) {
			cpl_stanza_unref(&stanza);
			continue;
		}
		cpl_map_remove_at(&state->directed, &at);
		cpl_stanza_set_from(stanza, session->jid);
		cpl_stanza_set_to(stanza, to);
		cpl_free(text);
		cpl_send(&stanza);
		at = 0; /* an answer may have come at once, and with it presence_forget() */
	}
}

/* Those who are subscribed have heard the broadcast, if there was one (4.6.3). */
static bool has_heard(const struct cpl_session *session, struct cpl_jid to, bool was_available)
{
	const struct cpl_roster_item *item = was_available ? cpl_roster_find(session->roster, to) : NULL;

	return item && (item->subscription & CPL_SUB_FROM);
}

static void leave_directed(struct cpl_session *session, const struct cpl_stanza *stanza, bool was_available)
{
	struct presence_state *state = CPL_SLOT_GET(session, presence_slot);
	struct cpl_map directed;
	char *text;
	size_t at = 0;

	if (!state)
		return;
	/* Taken out first: an answer may come at once, and with it presence_forget(). */
	directed = state->directed;
	state->directed = (struct cpl_map){0};
	while ((text = cpl_map_next(&directed, &at))) {
		struct cpl_stanza *copy = cpl_stanza_copy(stanza);
		struct cpl_jid to;

		/* It was an address when it was remembered. */
		if (cpl_jid_parse(&to, cpl_str_of(text), copy->arena) == 0 && !has_heard(session, to, was_available)) {
			cpl_stanza_set_to(copy, to);
			cpl_send(&copy);
		}
		cpl_stanza_unref(&copy);
		cpl_free(text);
	}
	cpl_map_finish(&directed);
}

void presence_leave(struct cpl_session *session, const struct cpl_stanza *given, bool was_available)
{
	struct cpl_stanza *own = NULL;
	const struct cpl_stanza *stanza = given;

	if (!stanza) {
		own = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_UNAVAILABLE);
		cpl_stanza_set_from(own, session->jid);
		stanza = own;
	}
	if (was_available)
		presence_broadcast(session, stanza);
	leave_directed(session, stanza, was_available);
	cpl_stanza_unref(&own);
}
