/* SPDX-License-Identifier: MIT */
/*
 * The manager: which modules are open, in which state, on which hosts. States (models: found, checked, configured, loaded, started per host, stopping,
 * draining, gone) and edges are logged with the module's name; a failure on an edge goes back to the last good state and names the edge. Start order follows needs and
 * provides, then names; stop order is the reverse. Session thread.
 */
#ifndef CORE_MODULE_MANAGER_H
#define CORE_MODULE_MANAGER_H

#include "core/config/config.h"
#include <couplet/module.h>

struct cpl_host;

/* Once. Interns the core's names, sets the hooks of core/base/account.h. */
void manager_init(void);
/* Stops and unloads everything; waits (turning the loop, bounded) until nothing of any module is in flight. */
void manager_finish(void);

/*
 * Opens (not yet loads) every module that the configuration names and that is not open, checks its descriptor, and gives schemas for config_judge().
 * Faults (no such module with the nearest name, wrong API version, undefined symbol with its name, needs that nobody provides) go to the report at the line that lists
 * the module. The array is the manager's and lives until the next call.
 */
size_t manager_open(struct config *config, struct config_report *report, const struct config_schema **schemas);
/* Drops what manager_open() opened and nobody loaded (a refused configuration). */
void manager_discard(void);
/*
 * Makes what runs match a judged configuration: loads, starts on hosts, reconfigures, stops, unloads. hosts: all live hosts (their config pointers already
 * point into `config`). Returns 0, or a code with *error, in which case what was changed by this call has been undone.
 */
int manager_apply(const struct config *config, struct cpl_error *error);

/* The commands' verbs; each in its own transaction. `done` comes later, once, with 0 or a code and a line of text. */
struct manager_request {
	void (*done)(struct manager_request *request, int status, const char *text);
};
/* load: opens a module that the configuration lists but that was unloaded (or, given as not listed, starts it on all hosts with defaults). */
int manager_load(struct cpl_str name, struct manager_request *request, struct cpl_error *error);
int manager_reload(struct cpl_str name, struct manager_request *request, struct cpl_error *error);
int manager_unload(struct cpl_str name, struct manager_request *request, struct cpl_error *error);

/* NULL when not open. */
struct cpl_module *manager_find(struct cpl_str name);
/* All, in start order; *at = 0 at first; NULL at the end. */
struct cpl_module *manager_next(size_t *at);
/* For lists: "started", "draining" ... */
const char *manager_state(const struct cpl_module *module);

#endif
