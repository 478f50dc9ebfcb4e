/* SPDX-License-Identifier: MIT */
/*
 * The module admin: what its files share. admin.c is the table of XEP-0133, users.c the commands that count and find accounts, privileges.c the one that sets who
 * administers, shutdown.c the one that stops the server later.
 */
#ifndef MODULES_ADMIN_ADMIN_H
#define MODULES_ADMIN_ADMIN_H

#include <couplet/module.h>

struct admin_config {
	int64_t idle_after;
};

void users_run_count(struct cpl_module *self, struct cpl_invocation *in);
void users_run_find(struct cpl_module *self, struct cpl_invocation *in);
void users_run_stats(struct cpl_module *self, struct cpl_invocation *in);
void privileges_run_admins(struct cpl_module *self, struct cpl_invocation *in);
void shutdown_run(struct cpl_module *self, struct cpl_invocation *in);

#endif
