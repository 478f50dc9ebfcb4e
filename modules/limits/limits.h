/* SPDX-License-Identifier: MIT */
/* What the files of the module limits share: its options and its state. */
#ifndef MODULES_LIMITS_LIMITS_H
#define MODULES_LIMITS_LIMITS_H

#include "modules/limits/table.h"

struct limits_config {
	int64_t unauthenticated_rate, unauthenticated_burst;
	int64_t client_rate, client_burst;
	int64_t server_rate, server_burst;
	int64_t component_rate, component_burst;
	int64_t connections_per_address;
	int64_t connects, connect_recovery;
	int64_t account_tries, account_recovery;
	int64_t address_tries, address_recovery;
	int64_t table_size;
	struct cpl_str_list exempt;
	bool advertise;
};

struct limits {
	struct table open;      /* address: connections; as many as there are connections */
	struct table connects;  /* address: bucket */
	struct table addresses; /* address: bucket of tries */
	struct table accounts;  /* account, or account and address for those that are known: bucket of tries */
	struct table known;     /* account and address: until when a login from there is remembered */
};
struct limits *limits_of(struct cpl_module *self);
/* Is the address one that nothing of this is for? */
bool limits_is_exempt(const struct limits_config *config, struct cpl_str address);
/* The global options. */
const struct limits_config *limits_config_of(struct cpl_module *self);

extern struct cpl_metric *limits_turned_away;

/* ---- guess.c: tokens against guessing ---- */

/* The kinds of buckets for tries. */
struct bucket limits_account_bucket(const struct limits_config *config);
struct bucket limits_address_bucket(const struct limits_config *config);
enum cpl_answer guess_on_attempt(struct cpl_module *self, struct cpl_ev_attempt *ev);
void guess_on_result(struct cpl_module *self, struct cpl_ev_attempt *ev);

/* ---- connections.c: connections per address, and bytes per second ---- */

extern struct cpl_slot *const limits_slots[];
struct bucket limits_connect_bucket(const struct limits_config *config);
void connections_on_created(struct cpl_module *self, struct cpl_ev_session *ev);
void connections_on_destroyed(struct cpl_module *self, struct cpl_ev_session *ev);
void connections_on_limits(struct cpl_module *self, struct cpl_ev_limits *ev);

/* ---- commands.c ---- */

extern const struct cpl_command limits_commands[];

#endif
