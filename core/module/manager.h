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

/*
 * What layers above do for modules. The server sets the members before manager_init(); NULL: nobody does it (tests).
 * commands_add: a module's table, all or none of it. commands_remove: all of a module. commands_replace: at a reload, from the old generation to the new one, whose
 * table may be NULL, all or nothing; running invocations of the old one go on, and those that its code has not ended when it is closed are ended by commands_remove, too. Where it
 * is NULL, remove and add do.
 */
struct manager_hooks {
	int (*commands_add)(struct cpl_module *owner, const struct cpl_command *table, struct cpl_error *error);
	void (*commands_remove)(struct cpl_module *owner);
	/* The tables of the core's own commands, ended by NULL: their actions may be named in the configuration, too. May be NULL. */
	const struct cpl_command *const *commands;
	const struct cpl_command *server_commands; /* one table more; may be NULL */
	int (*commands_replace)(struct cpl_module *before, struct cpl_module *now, const struct cpl_command *table, struct cpl_error *error);
};
extern struct manager_hooks manager_hooks;

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
/* The names that may stand under listen:, from all modules that are open; for config_judge(). The array lives until the next call. */
size_t manager_services(const struct config_service **services);
/* Adds the stores of what manager_open() opened and nobody has loaded yet, but for modules of which a former generation is in memory: their file is opened from a copy that goes with them. */
struct store_declaring;
void manager_declare(struct store_declaring *declaring);
/* Drops what manager_open() opened and nobody loaded (a refused configuration). */
void manager_discard(void);
/*
 * Makes what runs match a judged configuration: loads, starts on hosts, reconfigures, stops, unloads. hosts: all live hosts (their config pointers already
 * point into `config`). Returns 0, or a code with *error, in which case what was changed by this call has been undone.
 */
int manager_apply(const struct config *config, struct cpl_error *error);
/*
 * After manager_apply() with another: takes over the configuration that was in force before and destroys it when no module uses anything of it any more (a
 * module that drains may). Nulls. One that is in force all the same, as the one before could not be put back, is used by the modules that run.
 */
void manager_retire(struct config **config);
/* Options of modules that differ between two judged configurations but wait for a restart: "MODULE.OPTION", one a line. Call before manager_apply(), which gives them
 * their former values. */
void manager_waiting(const struct config *now, struct cpl_buf *names);
/* stop() on a host for all its modules, in reverse order, and an empty table: before host_destroy(). Suspended events of the host end as CPL_FAILED. */
void manager_host_stop(struct cpl_host *host);

/* The commands' verbs; each in its own transaction. `done` comes later, once, with 0 or a code and a line of text. */
struct manager_request {
	void (*done)(struct manager_request *request, int status, const char *text);
};
/* load: opens a module that the configuration lists but that was unloaded (or, given as not listed, starts it on all hosts with defaults). */
int manager_load(struct cpl_str name, struct manager_request *request, struct cpl_error *error);
int manager_reload(struct cpl_str name, struct manager_request *request, struct cpl_error *error);
int manager_unload(struct cpl_str name, struct manager_request *request, struct cpl_error *error);

/* A running module; NULL when there is none of that name. */
struct cpl_module *manager_find(struct cpl_str name);
/* All, in start order; *at = 0 at first; NULL at the end. */
struct cpl_module *manager_next(size_t *at);
/* For lists: "started", "draining" ...; its generation, from 1; on how many hosts it runs; what of it is in flight; its ledger's and slots' resources. */
const char *manager_state(const struct cpl_module *module);
unsigned manager_generation(const struct cpl_module *module);
size_t manager_hosts(const struct cpl_module *module);
size_t manager_in_flight(const struct cpl_module *module);
struct account *manager_account(const struct cpl_module *module);
const struct cpl_descriptor *manager_descriptor(const struct cpl_module *module);
/* What it holds, by kind, timers and other calls in flight among it; at most MANAGER_RESOURCES rows. */
#define MANAGER_RESOURCES 32
struct manager_resource {
	const char *name; /* "handlers", "timers" ...; static */
	size_t count;
};
size_t manager_resources(const struct cpl_module *module, struct manager_resource *rows);
/* True when a host has the module. */
bool manager_on_host(const struct cpl_module *module, const struct cpl_host *host);

#endif
