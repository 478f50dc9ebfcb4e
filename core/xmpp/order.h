/* SPDX-License-Identifier: MIT */
/*
 * The order of stanzas on a stream that carries many senders (RFC 6120 10.1): kept per pair of (sender, recipient), both bare, so that a suspended stanza
 * delays nobody but those behind it on the same way. What is under way or waits belongs to the session's in_flight list; this only says whose turn it is. The
 * addresses must have been parsed. Session thread.
 */
#ifndef CORE_XMPP_ORDER_H
#define CORE_XMPP_ORDER_H

#include <couplet/stanza.h>

struct order;

struct order *order_create(void);
/* Nothing is under way any more. Accepts a pointer to NULL; nulls it. */
void order_destroy(struct order **order);

enum order_turn { ORDER_NOW, ORDER_LATER, ORDER_FULL };
/*
 * NOW: the stanza may be handled. LATER: another of its pair is under way; order_ready() gives it back when its turn comes. FULL: `bound` stanzas of the pair wait
 * already; it is not remembered.
 */
enum order_turn order_enter(struct order *order, struct cpl_stanza *stanza, size_t bound);
/* The stanza has been handled. Nothing for one that never entered. */
void order_leave(struct order *order, struct cpl_stanza *stanza);
/* A stanza whose turn has come, or NULL. */
struct cpl_stanza *order_ready(struct order *order);

#endif
