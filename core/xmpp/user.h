/* SPDX-License-Identifier: MIT */
/*
 * Accounts in use: one object per account while a session, a call or a suspended event needs it, and a little longer (USER_LINGER_MS), so that
 * a burst of stanzas to an offline account reads the database once. Concurrent loads are joined. Session thread.
 */
#ifndef CORE_XMPP_USER_H
#define CORE_XMPP_USER_H

#include <couplet/permission.h>
#include <couplet/session.h>

enum { USER_LINGER_MS = 30000, USER_LINGERING_MAX = 1000 };

/*
 * The core's own way to wait for an account: `ready` runs at once when the account is in memory, else when the load has ended, in the order in which the
 * waits began and before anybody else can find the account. user is NULL and status says why (CPL_E_NOT_FOUND ...) when there is none; else it is borrowed: take a
 * reference to keep it.
 */
struct user_wait {
	void (*ready)(struct user_wait *wait, struct cpl_user *user, int status);
	struct cpl_list node;
};
void user_wait(struct cpl_host *host, struct cpl_str username, struct user_wait *wait);

/* Puts a newly bound session into its account and host; user_remove_session() is its opposite. The session holds a reference to the user. */
void user_add_session(struct cpl_user *user, struct cpl_session *session);
void user_remove_session(struct cpl_session *session);
/* Puts the session where its priority and presence say. */
void user_sort_session(struct cpl_session *session);
/* Frees accounts that linger; with for_good none lingers any more: at stop. */
void user_drop_lingering(bool for_good);
/*
 * Lets go of an account in memory whose data on disk are about to change beside it: its sessions are closed with the stream error reset, and who asks for the account next
 * reads it anew. 0: nobody finds it any more, in this turn of the loop. CPL_E_BUSY: a session has not ended yet, or the account is being loaded: call again every
 * USER_FORGET_MS. With `force` sessions that have not ended keep the old object for themselves.
 */
int user_forget(struct cpl_host *host, struct cpl_str username, bool force);
enum { USER_FORGET_MS = 5, USER_FORGET_STEPS = 400 };
/* Accounts in memory. */
size_t user_count(void);
/* The account's role in effect; and what the store of roles says now. */
enum cpl_role user_role(const struct cpl_user *user);
void user_set_role(struct cpl_user *user, enum cpl_role role);
/* What its row says now; until 0: for good. user->disabled follows by itself when the time is up. */
void user_set_disabled(struct cpl_user *user, bool disabled, int64_t until);

#endif
