/* SPDX-License-Identifier: MIT */
/*
 * Permissions: who may do what.
 *
 * Every address has one role; a role may do what the ones below it may. What may be done or not is an action, a name that a module declares with the least role that may do
 * it; the configuration can set another one (permissions: {ACTION: ROLE}). A check compares two numbers.
 *
 *     CPL_PERMISSION(may_invite, "invite.create", CPL_ROLE_REGISTERED, "Invite a person who has no account.");
 *     static struct cpl_permission *const permissions[] = {&may_invite, NULL};      (.permissions of the descriptor)
 *     if (!cpl_may(ev->session, &may_invite)) ...
 *
 * An account's role is kept with it and is in effect from the moment it is changed (coupletctl user role, cpl_role_set()). Session thread only.
 */
#ifndef COUPLET_PERMISSION_H
#define COUPLET_PERMISSION_H

#include <couplet/session.h>

/* Append-only; the order is the rank. */
enum cpl_role {
	CPL_ROLE_GUEST,      /* no account here: addresses of other servers, components, anonymous sessions */
	CPL_ROLE_REGISTERED, /* every account */
	CPL_ROLE_MEMBER,
	CPL_ROLE_ADMIN,
	CPL_ROLE_OPERATOR,   /* the addresses that the option `admins` names; cannot be given to an account otherwise */
};

/* A module's own, listed in its descriptor. One that is not listed is for operators only. */
struct cpl_permission {
	const char *action;  /* words of [a-z0-9_-] joined by dots, beginning with the module's name: "invite.create" */
	enum cpl_role least; /* by default */
	const char *summary; /* one sentence */
	uint32_t index;      /* filled in at load */
};
#define CPL_PERMISSION(variable, action, least, summary) static struct cpl_permission variable = {action, least, summary, 0}

#pragma GCC visibility push(default)

/* The role of a session's account; CPL_ROLE_GUEST before a resource is bound and for sessions that are no client's. */
enum cpl_role cpl_role_of_session(const struct cpl_session *session);
/*
 * The role of an address, with or without a resource. Whoever has sent a stanza is in memory; any other account counts as a guest until it has been loaded
 * (cpl_user_load), so that nobody is taken for more than is known.
 */
enum cpl_role cpl_role_of_jid(struct cpl_jid jid);
/* True when the role may do it. `action` NULL: operators only. */
bool cpl_role_may(enum cpl_role role, const struct cpl_permission *action);
/* "guest" ... */
const char *cpl_role_name(enum cpl_role role);
/* False leaves *role alone. */
bool cpl_role_parse(struct cpl_str name, enum cpl_role *role);

/*
 * Gives an account the role registered, member or admin (others: CPL_E_INVALID), for good. Status 0 when it is on disk, CPL_E_NOT_FOUND when there is no such account.
 * Then it is in effect at once, account_changed has been fired, and the account's sessions but `keep` (may be NULL) are being closed with `reset`. Cancelling does
 * not undo it.
 */
struct cpl_role_call {
	struct cpl_call call;
	void *impl[2];
};
int cpl_role_set(struct cpl_role_call *request, struct cpl_scope *scope, struct cpl_jid account, enum cpl_role role, const struct cpl_session *keep,
		 void (*done)(struct cpl_call *call));

#pragma GCC visibility pop

/* What cpl_may() is for the one and the other. */
static inline bool cpl_may_session(const struct cpl_session *session, const struct cpl_permission *action)
{
	return cpl_role_may(cpl_role_of_session(session), action);
}
/* See cpl_may(). */
static inline bool cpl_may_jid(struct cpl_jid jid, const struct cpl_permission *action)
{
	return cpl_role_may(cpl_role_of_jid(jid), action);
}
/* May the session (a pointer), or the address (a struct cpl_jid), do it? */
#define cpl_may(who, action)                                                                                                     \
	_Generic((who), struct cpl_jid: cpl_may_jid, struct cpl_session *: cpl_may_session, const struct cpl_session *: cpl_may_session)((who), (action))

#endif
