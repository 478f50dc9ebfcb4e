/* SPDX-License-Identifier: MIT */
/*
 * A change of an account: the account is loaded, a batch is committed, and then what is in memory follows. It goes on when its requester has gone, so it is the core's
 * and the host's.
 */
#ifndef CORE_XMPP_ACCOUNT_CHANGE_H
#define CORE_XMPP_ACCOUNT_CHANGE_H

#include <couplet/session.h>
#include <couplet/store.h>

/* First in the struct of a kind of change. The kind sets the functions, the rest is account_change's. */
struct account_change {
	/* What is to be written. */
	struct cpl_batch *(*batch)(struct account_change *change);
	/* It is on disk; `user` is loaded. */
	void (*committed)(struct account_change *change, struct cpl_user *user);
	/* Releases what the kind has added; the block itself is freed behind it. May be NULL. */
	void (*release)(struct account_change *change);
	const char *what; /* for the log, when it cannot be written: "role" */
	struct cpl_user_call user;
	struct cpl_store_call store;
	struct cpl_call *request; /* NULL once cancelled */
	struct cpl_jid account;   /* bare */
};

/*
 * Begins the requester's call and makes the struct, zeroed, in the core's account; `size` is that of the kind. NULL and *status, what the start function returns: CPL_E_NOT_FOUND
 * when the domain is none of our hosts'. Then the kind fills it in and calls account_change_start().
 */
void *account_change_create(size_t size, struct cpl_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call),
			    int *status);
void account_change_start(struct account_change *change);

#endif
