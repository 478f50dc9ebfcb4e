/* SPDX-License-Identifier: MIT */
/*
 * The state of accounts: disabled or not, until when and why; and what there is to know of one. Making and removing accounts and their passwords is the service "accounts" of
 * <couplet/service.h>; roles are in <couplet/permission.h>. Session thread only.
 *
 * A disabled account exists: its data stay, its contacts keep their subscriptions, and stanzas to it are handled as for an account none of whose resources is connected (RFC
 * 6121 8.5.2). Nobody can log in to it; who has proven its password is told account-disabled (RFC 6120 6.5.1), anybody else not-authorized, as if it were not there.
 */
#ifndef COUPLET_ACCOUNT_H
#define COUPLET_ACCOUNT_H

#include <couplet/event.h>
#include <couplet/session.h>

/* The most bytes of a reason. */
enum { CPL_REASON_MAX = 1023 };

struct cpl_disabling {
	int64_t until;         /* ms since 1970, in the future; 0: for good */
	struct cpl_str reason; /* is told to who proves the password; CPL_NONE: none */
	struct cpl_jid actor;  /* who does it; not set: nobody over XMPP */
	void *reserved[2];
};

struct cpl_account_state {
	bool disabled;
	int64_t created, until, since; /* ms; 0: unknown, or not disabled, or for good */
	struct cpl_str reason, actor;  /* followed by a NUL; CPL_NONE: none, or not disabled */
	int64_t bytes;                 /* of all its rows */
	int64_t quota;                 /* its own: 0 any number of bytes; -1: as the configuration says */
	void *reserved[2];
};

/* The size is frozen per API major. */
struct cpl_account_call {
	struct cpl_call call;
	struct cpl_account_state state; /* of cpl_account_state(): valid until the callback returns */
	void *impl[2];
};

#pragma GCC visibility push(default)

/*
 * Disables an account, or with `disabling` NULL enables it, for good: status 0 when it is on disk, CPL_E_NOT_FOUND when there is no such account. Then it is in effect at once,
 * account_changed has been fired, and the account's sessions are being closed with not-authorized. What an account is already is set anew: another reason, another time.
 * Cancelling does not undo it. CPL_E_INVALID: `until` is not in the future, or the reason is too long.
 */
int cpl_account_set_disabled(struct cpl_account_call *request, struct cpl_scope *scope, struct cpl_jid account, const struct cpl_disabling *disabling,
			     void (*done)(struct cpl_call *call));
/* The state of an account, read past what is in memory. CPL_E_NOT_FOUND: there is no such account. */
int cpl_account_state(struct cpl_account_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call));

/*
 * For handlers of the event account_info, which gathers what `coupletctl user info` shows: one more field. `name` is static text of [a-z_]+ and says what it is: "last_login".
 * The value is copied; times are text as cpl_time_format() makes it.
 */
void cpl_account_info_text(struct cpl_ev_account_info *ev, const char *name, struct cpl_str value);
void cpl_account_info_int(struct cpl_ev_account_info *ev, const char *name, int64_t value);

#pragma GCC visibility pop

#endif
