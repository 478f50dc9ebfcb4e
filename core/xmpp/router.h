/* SPDX-License-Identifier: MIT */
/*
 * The router: resolves the target of each stanza, fires its events, and answers what nobody handled with the RFC's error (RFC 6120 10,
 * RFC 6121 8). Three ways in: from a session (pre_* events, then the target's), cpl_send() (the target's only), cpl_session_send() (past the router). The state of
 * one routing lives in the stanza's arena; a suspended event carries on where it stopped. Session thread.
 */
#ifndef CORE_XMPP_ROUTER_H
#define CORE_XMPP_ROUTER_H

#include <couplet/session.h>

/* A stanza of a bound session, checked and stamped. `finished` is called once, when its events have run; the caller keeps the stanza until then. */
void router_from_session(struct cpl_session *session, struct cpl_stanza *stanza, void (*finished)(struct cpl_stanza *stanza));
/* The same for a stanza of a component, whose addresses have been checked: no pre_* events, which are for clients and their accounts. */
void router_from_component(struct cpl_session *session, struct cpl_stanza *stanza, void (*finished)(struct cpl_stanza *stanza));
/* An IQ of a session without resource: false (and `finished` not called) when no handler claims it for such sessions. */
bool router_unbound_iq(struct cpl_session *session, struct cpl_stanza *stanza, void (*finished)(struct cpl_stanza *stanza));
/* Routings that wait for an account or a suspended handler. */
size_t router_pending(void);

/* ---- iq.c ---- */

/* True when the stanza, an IQ result or error, answers a request of cpl_iq_send(), whose call it completes. */
bool iq_take_answer(struct cpl_stanza *stanza);
size_t iq_pending(void);

#endif
