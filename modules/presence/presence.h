/* SPDX-License-Identifier: MIT */
/* What the files of the module presence share. */
#ifndef MODULES_PRESENCE_PRESENCE_H
#define MODULES_PRESENCE_PRESENCE_H

#include <couplet/module.h>

/* A session's directed presence: full or bare addresses that got presence from it and would not hear of its end by a subscription. */
struct presence_state {
	struct cpl_map directed; /* text -> the same text on the heap */
	bool gone;               /* unavailable has been sent by its owner's own stanza */
};
CPL_SLOT_DECLARE(presence_slot, SESSION, struct presence_state);
extern struct cpl_service_ref presence_roster;
extern struct cpl_name presence_priority, presence_sub, presence_delay;

void presence_release(void *data);
/* To one resource (`full`; NULL: it is gone) or to all available ones but `but`. */
void presence_deliver(struct cpl_user *user, struct cpl_session *recipient, bool full, const struct cpl_stanza *stanza,
		      const struct cpl_session *but);

/* ---- broadcast.c ---- */

/* Own resources, contacts with from or both. `stanza` is what they get, with `from` set. */
void presence_broadcast(struct cpl_session *session, const struct cpl_stanza *stanza);
/* What a first presence asks for: probes, own other resources, pending requests. */
void presence_fetch(struct cpl_session *session);
/* Unavailable to directed targets and, if the session was available, to all that its presence was broadcast to; `stanza` NULL: one without content. */
void presence_leave(struct cpl_session *session, const struct cpl_stanza *stanza, bool was_available);
/* Each available resource's presence (with its age), or unavailable, to one address. */
void presence_send_all(struct cpl_user *user, struct cpl_jid to, bool unavailable);
/* Remembers or forgets; false when there are too many. */
bool presence_direct(struct cpl_session *session, struct cpl_jid to, bool available);
void presence_forget(struct cpl_session *session, struct cpl_jid to);
/* Unavailable to the directed targets that a blocked address stands for, which are forgotten. */
void presence_leave_directed(struct cpl_session *session, struct cpl_jid blocked);
/* A subscription or probe stanza without content. */
void presence_send_type(struct cpl_jid from, struct cpl_jid to, enum cpl_type type);
enum cpl_flow presence_on_probe(struct cpl_ev_stanza *ev);

/* ---- blocking.c ---- */

/* XEP-0191 3.3 and 3.4: who is blocked sees the account leave, who is unblocked sees it again, each as far as it may see it at all. */
void presence_on_block_changed(struct cpl_module *self, struct cpl_ev_block *ev);

/* ---- subscription.c ---- */

/* RFC 6121 appendix A.2: a subscription stanza from a client, `to` bare already. */
enum cpl_flow presence_subscription_out(struct cpl_ev_stanza *ev);
/* Appendix A.3: one to a local account. */
enum cpl_flow presence_subscription_in(struct cpl_ev_stanza *ev);
CPL_SLOT_DECLARE(subscription_slot, USER, struct subscription_count);
/* Presence of a contact whose subscription is just being changed waits for the change; false: there is none. */
bool presence_behind_change(struct cpl_ev_stanza *ev);
/* A subscription that is there, or gone, without stanzas that would have said so. */
void presence_forced(const struct cpl_ev_roster *ev);
/* What a removed item or account means for the contact (RFC 6121 2.5.2). */
void presence_cut(struct cpl_user *user, struct cpl_jid contact, const struct cpl_roster_item *item);

#endif
