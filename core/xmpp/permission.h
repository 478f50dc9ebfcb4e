/* SPDX-License-Identifier: MIT */
/*
 * Roles and permissions: the core's side of <couplet/permission.h>. Actions are numbered by name for the life of the process; what the configuration says of one is found
 * by its number, what its module says is in the module's own struct. Session thread.
 */
#ifndef CORE_XMPP_PERMISSION_H
#define CORE_XMPP_PERMISSION_H

#include "core/config/config.h"
#include <couplet/permission.h>
#include <couplet/store.h>

/* Fills in permission->index. */
void permission_register(struct cpl_permission *permission);
/* The least role for an action now, the configuration's or the module's. */
enum cpl_role permission_least(const struct cpl_permission *permission);
/* The action of a command that can be reached over XMPP: "command.session.list" for the form "session list [--host <host>]". */
void permission_of_command(const char *form, struct cpl_buf *action);
/* The least role that a command's flags ask for. */
enum cpl_role permission_of_flags(unsigned flags);
/* What a configuration says, the administrators' addresses too, from now on. Borrowed until the next call; NULL: nothing. */
void permission_configure(const struct config *config);
/* Releases what is kept of names. */
void permission_finish(void);

/* ---- roles ---- */

/* The store of roles: of each account that has another one than registered. To be declared once there is a driver. */
extern const struct cpl_store role_store;
/* The role in a row of it (NULL: there is none). */
enum cpl_role role_of_row(const struct cpl_row *row);
/* What an account was found to be under the configuration `epoch`. */
struct role_cache {
	uint32_t epoch; /* 0: not looked at yet */
	bool operator_;
};
/* The role in effect of an account whose stored one is `stored`. */
enum cpl_role role_effective(struct cpl_jid account, enum cpl_role stored, struct role_cache *cache);

#endif
