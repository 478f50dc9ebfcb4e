/* SPDX-License-Identifier: MIT */
/* What the files of the module auth share: its options and its state. */
#ifndef MODULES_AUTH_AUTH_H
#define MODULES_AUTH_AUTH_H

#include "modules/auth/mechanism.h"
#include <couplet/module.h>

struct auth_config {
	struct cpl_enum_list mechanisms; /* enum mechanism */
	int64_t iterations;
	int64_t max_tries;
	bool downgrade_protection;
};

enum { AUTH_SECRET_SIZE = 32 };
struct auth {
	unsigned char secret[AUTH_SECRET_SIZE]; /* for the salts of accounts that do not exist */
};

/* Exchanges that ended with <failure/>; for coupletctl metrics. */
extern struct cpl_metric *auth_failures;

/* Tables that auth.c puts into the descriptor. */
extern struct cpl_name *const auth_names[];
extern struct cpl_slot *const auth_slots[];
extern const struct cpl_nonza_row auth_nonzas[];
extern const struct cpl_need_row auth_needs[];
extern const struct cpl_command auth_commands[];
extern const struct cpl_accounts_service auth_accounts;
extern const struct cpl_transfer_row auth_transfers[];

/* stream_features: says which mechanisms there are, and begins anew. */
void exchange_on_features(struct cpl_module *self, struct cpl_ev_features *ev);

#endif
