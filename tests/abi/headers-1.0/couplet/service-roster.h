/* SPDX-License-Identifier: MIT */
/*
 * The roster service, version 1 (RFC 6121 2 and 3). The bundled provider is the module roster; presence and others read and change rosters through it.
 *
 * user->roster (and session->roster) is the visible state. A change is computed against the staged state, queued per account; on commit
 * it becomes visible, is pushed to interested resources, then its callback comes: in that order and in the order of the changes. If a commit fails,
 * all staged changes of the account are dropped and each callback gets the code.
 */
#ifndef COUPLET_SERVICE_ROSTER_H
#define COUPLET_SERVICE_ROSTER_H

#include <couplet/event.h>
#include <couplet/service.h>
#include <couplet/session.h>

/* Subscription states: bits, from the user's point of view. */
enum cpl_subscription { CPL_SUB_NONE = 0, CPL_SUB_TO = 1, CPL_SUB_FROM = 2, CPL_SUB_BOTH = 3 };

struct cpl_roster_item {
	struct cpl_jid jid;          /* bare */
	struct cpl_str name;         /* CPL_NONE: no name */
	struct cpl_str *groups;
	uint16_t group_count;
	uint8_t subscription;        /* enum cpl_subscription */
	bool ask;                    /* our request is pending (RFC 6121 3.1.2) */
	bool approved;               /* pre-approved (3.4) */
	bool listed;                 /* a roster item that clients see; false: only `request` is kept */
	bool shared;                 /* given by roster_share: not stored, and no client can remove it; what the account has stored of the contact stands behind it */
	struct cpl_stanza *request;  /* the contact's pending request, the whole stanza (compacted); NULL */
};

struct cpl_roster {
	struct cpl_map items; /* bare JID -> struct cpl_roster_item *, including those not listed */
	uint64_t version;     /* of the visible state; rises with each change that clients see */
	size_t listed;        /* how many clients see */
	void *impl;
};

/* The item of a contact (its resourcepart does not matter), also one that is not listed; NULL when there is none, or no roster. */
static inline const struct cpl_roster_item *cpl_roster_find(const struct cpl_roster *roster, struct cpl_jid contact)
{
	return roster ? (const struct cpl_roster_item *)cpl_map_get(&roster->items, cpl_jid_str(cpl_jid_bare(contact))) : NULL;
}
/* Next item: *at = 0 at first; NULL at the end. */
static inline const struct cpl_roster_item *cpl_roster_next(const struct cpl_roster *roster, size_t *at)
{
	return roster ? (const struct cpl_roster_item *)cpl_map_next(&roster->items, at) : NULL;
}

struct cpl_roster_change {
	struct cpl_call call;
	struct cpl_user *user;   /* referenced until the callback has returned */
	struct cpl_jid contact;  /* bare; the change's own copy, as long */
	/*
	 * Computes the new state: `item` is a copy of the staged one (zeroed but for its jid if there is none) that may be changed freely, with memory of `arena`; a
	 * new `request` is given with a reference. Returns true to write it; false: no change, which completes with status 0 as well. An item that is neither listed nor
	 * has a request is removed. Runs once, before the callback, not necessarily inside the start; it starts nothing.
	 */
	bool (*compute)(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena);
	/* May be NULL. Called when a change is visible, right before its push: for what clients must hear of first (RFC 6121 3.1.6). `pushed` says whether a push follows. */
	void (*before_push)(struct cpl_roster_change *change);
	/* Results. */
	bool changed;            /* compute() said so */
	bool pushed;             /* what clients see has changed, so a push was sent */
	bool forced;             /* set by the caller: nobody has asked for the new subscription, so that presence goes both ways as if somebody had */
	struct cpl_roster_item before; /* subscription, ask, approved, listed and whether there was a request (pointer is only good for NULL or not); texts not set */
	struct cpl_roster_item after;
	void *impl[4];           /* the provider's */
};

/* For the provider: sets user->roster and the `roster` of its sessions. */
#pragma GCC visibility push(default)
void cpl_user_set_roster(struct cpl_user *user, struct cpl_roster *roster);
#pragma GCC visibility pop

struct cpl_roster_service {
	size_t size;
	/* CPL_E_FULL: the bound on items; CPL_E_DENIED: this roster is not the account's to change; CPL_E_NOT_FOUND: the account is gone. `change` stays the caller's until the callback. */
	int (*change)(struct cpl_module *provider, struct cpl_roster_change *change, struct cpl_scope *scope, struct cpl_user *user,
		      struct cpl_jid contact, void (*done)(struct cpl_call *call));
	/* The members from here on are in providers whose `size` says so. */
	/* Answers a jabber:iq:roster request to the account ev->user that somebody else was allowed to make (XEP-0356), as one of the account's own. */
	enum cpl_flow (*answer)(struct cpl_module *provider, struct cpl_ev_stanza *ev);
	/* Sends the push of one item as it is now, or of its removal, to an address that is none of the account's resources. */
	void (*push)(struct cpl_module *provider, struct cpl_user *user, struct cpl_jid contact, struct cpl_jid to);
};

#endif
