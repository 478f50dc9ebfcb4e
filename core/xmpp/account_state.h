/* SPDX-License-Identifier: MIT */
/*
 * The state of accounts: the core's side of <couplet/account.h>. That an account is disabled stands in its own row, until when, too; since when, why and by whom in a store. Session
 * thread.
 */
#ifndef CORE_XMPP_ACCOUNT_STATE_H
#define CORE_XMPP_ACCOUNT_STATE_H

#include <couplet/account.h>
#include <couplet/store.h>

/* To be declared once there is a driver. */
extern const struct cpl_store disabled_store;

/* What the handlers of account_info have gathered, in their order. */
struct account_field {
	const char *name;
	struct cpl_str text;
	int64_t number;
	bool is_number;
	struct account_field *next;
};
struct account_fields {
	struct account_field *first, *last;
};

#endif
