/* SPDX-License-Identifier: MIT */
/*
 * The invites service, version 1: what tokens let strangers do that have shown them with <preauth/> (XEP-0445). The bundled provider is the module invites, the user is the module
 * register.
 */
#ifndef COUPLET_SERVICE_INVITES_H
#define COUPLET_SERVICE_INVITES_H

#include <couplet/service.h>
#include <couplet/session.h>
#include <couplet/store.h>

/* What the token of a session is good for. The view lives as long as the session has the token. */
struct cpl_invite_shown {
	struct cpl_str localpart; /* the one account it is for; CPL_NONE: the stranger chooses */
	bool reset;               /* that account exists, and gets a new password */
	void *reserved[2];
};

/* The size is frozen per API major. */
struct cpl_invite_redeem {
	struct cpl_call call;
	/*
	 * With status 0: the rows that count the use, to be committed together with the account or password that it is for, or destroyed. If that commit fails with
	 * CPL_E_CONFLICT, somebody else was using the same token, and it may be redeemed again.
	 */
	struct cpl_batch *batch;
	void *impl[4];
};

struct cpl_invites_service {
	size_t size;
	/* What the session has shown; false: no token that was good. */
	bool (*shown)(struct cpl_module *provider, struct cpl_session *session, struct cpl_invite_shown *shown);
	/*
	 * Begins to use the session's token for an account. CPL_E_NOT_FOUND: it has been used up or taken back meanwhile, or there is none; CPL_E_DENIED: it is not for this account, or the
	 * name is kept for somebody else.
	 */
	int (*redeem)(struct cpl_module *provider, struct cpl_invite_redeem *request, struct cpl_scope *scope, struct cpl_session *session,
		      struct cpl_jid account, void (*done)(struct cpl_call *call));
};

#endif
