/* SPDX-License-Identifier: MIT */
/* The SASL mechanisms that we speak, the types of channel binding, and the downgrade hash over what was
 * offered (XEP-0474). Pure. */
#ifndef MODULES_AUTH_MECHANISM_H
#define MODULES_AUTH_MECHANISM_H

#include "modules/auth/scram.h"

/* In the order of mechanism_names. */
enum mechanism {
	MECHANISM_SHA_256_PLUS,
	MECHANISM_SHA_256,
	MECHANISM_SHA_1_PLUS,
	MECHANISM_SHA_1,
	MECHANISM_PLAIN,
	MECHANISMS
};

/* NULL-terminated; static. */
extern const char *const mechanism_names[];
/* The index of a name, or -1. Names are case-sensitive (RFC 4422 3.1). */
int mechanism_find(struct cpl_str name);
bool mechanism_is_plus(enum mechanism mechanism);
/* Not for PLAIN. */
enum scram_hash mechanism_hash(enum mechanism mechanism);

/* Types of channel binding, numbered as enum cpl_binding; -1 for a name that we do not know. */
extern const char *const binding_names[];
int binding_find(struct cpl_str name);

/* Masks of what was offered. */
#define OFFER(number) (1u << (number))
enum { OFFER_PLUS = OFFER(MECHANISM_SHA_256_PLUS) | OFFER(MECHANISM_SHA_1_PLUS) };

/* The base64 text for the attribute h, in the arena (XEP-0474, "Server Sends Downgrade Protection Hash").
 * bindings: mask of the types that were told, 0 when the element was not sent. */
struct cpl_str downgrade_hash(enum scram_hash hash, unsigned mechanisms, unsigned bindings,
			      struct cpl_arena *arena);

#endif
