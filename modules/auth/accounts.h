/* SPDX-License-Identifier: MIT */
/*
 * The service "accounts" (<couplet/service.h>) on the store `credentials`. The functions are those of the
 * service table, for the other files of the module; all take prepared addresses and raw passwords, which are
 * copied and wiped.
 */
#ifndef MODULES_AUTH_ACCOUNTS_H
#define MODULES_AUTH_ACCOUNTS_H

#include "modules/auth/auth.h"

int accounts_make(struct cpl_module *self, struct cpl_account_request *request, struct cpl_scope *scope, struct cpl_jid account,
		  struct cpl_str password, void (*done)(struct cpl_call *call));
int accounts_set_password(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
			  struct cpl_jid account, struct cpl_str password, const struct cpl_session *keep,
			  void (*done)(struct cpl_call *call));
int accounts_check(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope,
		   struct cpl_jid account, struct cpl_str password, void (*done)(struct cpl_call *call));

/* ---- transfer.c ---- */

int accounts_import_password(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			     struct cpl_str password, struct cpl_stanza *user, void (*done)(struct cpl_call *call));

/* True for an address that may become an account: a bare JID with a localpart of assigned code points, on one
 * of our hosts. */
bool accounts_name_acceptable(struct cpl_jid account);
/* Prepares a password for storing (RFC 4013), in the arena or the text itself; false when it is empty, too
 * long or has characters that none may have. */
bool accounts_prepare_password(struct cpl_str *out, struct cpl_str password, bool query,
			       struct cpl_arena *arena);
/* Tells the modules of an account that is on disk. */
void accounts_announce_created(struct cpl_jid account, enum cpl_account_origin origin);

#endif
