/* SPDX-License-Identifier: MIT */
/*
 * A module that is open: the inside of <couplet/module.h>, for the files of core/module only. Session thread.
 *
 *   descriptor.c  checks a descriptor and copies it      plan.c      order, needs
 *   loader.c      files, libltdl                         options.c   the options struct of one module
 *   module.c      making, loading, accessors             drain.c     stopping and closing
 *   tables.c      dispatch tables of all hosts           change.c, load.c, reload.c: one module, as commands ask for it
 *   apply.c       making what runs match a configuration bag.c, features.c
 *   manager.c     what is in memory, opening
 *
 * The life of a module, one function per edge:
 *
 *   OPENED  --module_load()-->  LOADED  --tables_start()-->  STARTED  --drain_begin()-->  DRAINING  --> closed
 *
 * OPENED: its descriptor is known, none of its code has run. LOADED: load() has returned 0. STARTED: in the tables of its hosts. DRAINING: in no table; closed
 * once nothing of it is in flight. At a reload the old generation goes from STARTED to DRAINING when the new one has taken its place.
 */
#ifndef CORE_MODULE_MODULE_H
#define CORE_MODULE_MODULE_H

#include "core/base/account.h"
#include "core/base/ledger.h"
#include "core/config/config.h"
#include "core/hook/dispatch.h"
#include "core/module/loader.h"
#include "core/module/manager.h"

enum module_state { MODULE_OPENED, MODULE_LOADED, MODULE_STARTED, MODULE_DRAINING };

/* A host that a module serves. */
struct module_host {
	struct cpl_host *host;
	const void *config;
	const struct config *source; /* what the options were judged from, which must live as long as they do */
	bool started; /* start() has been called and stop() has not */
};

struct cpl_module {
	struct cpl_list node;             /* in one of the lists of struct modules */
	struct cpl_descriptor descriptor; /* full-size, checked; tables and names in `arena`, strings in the module's own memory but for the name and version */
	struct cpl_arena *arena;
	struct loader_file file;
	struct account *account;
	struct cpl_scope scope;
	struct ledger ledger;
	struct cpl_list calls; /* in flight */
	void *data;
	enum module_state state;
	uint32_t index;        /* small, unique among the modules in memory */
	unsigned generation;   /* 1 at first; one more at each reload */
	unsigned tables;       /* dispatch tables that refer to it */
	size_t registered;     /* slots */
	bool loaded;           /* load() has returned 0 */
	bool stopping;         /* starts no more calls */
	bool unlisted;         /* loaded by command although no host lists it */
	bool by_command;       /* loaded or reloaded while the server ran: its options are always made for it alone */
	bool commands_added;

	/* Its options: for NULL, and per host it serves. In a configuration's memory, or in `own_config` when they were made for this module alone. */
	const void *config;
	const struct config *source;
	struct module_host *hosts;
	size_t host_count;
	struct cpl_arena *own_config;
	struct cpl_arena *former_config; /* the one before, as long as a host that comes to its end uses it */
	/* The same as a change under way plans it. */
	const void *next_config;
	const struct config *next_source;
	struct module_host *next_hosts;
	size_t next_count;
	struct cpl_arena *next_own; /* NULL: own_config stays */

	/* Draining. */
	bool replaced;         /* by a newer generation: nothing of it is cancelled */
	int64_t drain_since;
	size_t hidden;         /* so many bytes at `data` nobody may touch */
	struct manager_request *waiting; /* told when it is closed, or that it takes long */
};

/* All modules in memory, each in one list. */
struct modules {
	struct cpl_list running;  /* LOADED and STARTED, in start order */
	struct cpl_list opened;   /* OPENED: candidates */
	struct cpl_list coming;   /* OPENED or LOADED: on the way to run, while a worker gets its stores, or the driver that it is, ready */
	struct cpl_list draining;
	const struct config *config; /* in force */
	struct cpl_module *driver;   /* of storage */
};
extern struct modules modules;

static inline struct cpl_module *module_of(struct cpl_list *node)
{
	return CPL_CONTAINER(node, struct cpl_module, node);
}

/* ---- descriptor.c ---- */

/*
 * Checks what a file shows as its descriptor and copies it, with rows of older, shorter size filled up with zeros. `arena` keeps the copies; the module's
 * struct cpl_name, slots, stores and services stay where they are.
 */
int descriptor_read(const struct cpl_descriptor *raw, struct cpl_str name, struct cpl_arena *arena, struct cpl_descriptor *out,
		    struct cpl_error *error);
/* The service that a module provides under a name, at least of that version. */
const struct cpl_provide_row *descriptor_provides(const struct cpl_descriptor *descriptor, const char *service, unsigned version);

/* ---- module.c ---- */

/* Opens a file and makes an OPENED module of it, in modules.opened. */
struct cpl_module *module_open(struct cpl_str modules_path, struct cpl_str name, const char *file, struct cpl_error *error);
/*
 * Plans its options and hosts (next_...) from a judged configuration: the live hosts that list it. A live host that the configuration does not have any
 * more keeps the module, with the options that it has, until manager_host_stop(). CPL_E_INVALID: see options_make().
 */
int module_plan(struct cpl_module *module, const struct config *config, struct cpl_error *error);
/* Plans to stay as it is. */
void module_plan_same(struct cpl_module *module);
/* Plans one more host. */
void module_plan_host(struct cpl_module *module, struct cpl_host *host, const void *config, const struct config *source);
/* The plan becomes what is. Former options stay in memory until module_drop_former(). */
void module_adopt_plan(struct cpl_module *module);
void module_drop_former(struct cpl_module *module);
/* OPENED to LOADED: names, services, slots, stores, load(). After a failure it can only be drained. Its plan is adopted, so that load() sees its options. */
int module_load(struct cpl_module *module, struct cpl_error *error);
/* Adds its commands to coupletctl's, takes them away. */
int module_commands_add(struct cpl_module *module, struct cpl_error *error);
void module_commands_remove(struct cpl_module *module);
/* Takes back what module_load() has registered: slots with their data, the ledger. */
void module_release(struct cpl_module *module);
/* Closes the file and frees the module, which is in no list's way any more. Nulls. */
void module_close(struct cpl_module **module);
/* The place of a host among a module's, or NULL. */
struct module_host *module_host_of(const struct cpl_module *module, const struct cpl_host *host);
/* start() and stop() on every host where that has not been done. */
void module_start(struct cpl_module *module);
void module_stop(struct cpl_module *module);
void module_stop_on(struct cpl_module *module, struct module_host *place);
/* By name in one list; NULL. */
struct cpl_module *module_in(const struct cpl_list *list, struct cpl_str name);

/* ---- plan.c ---- */

/* Sorts by needs and provides, then by name; the module `first` (the storage driver, may be NULL) before all. CPL_E_INVALID for a circle. */
int plan_order(struct cpl_module **list, size_t count, const struct cpl_module *first, struct cpl_error *error);
/* The first required need of a module that nobody in `list` (a host's modules) meets, or NULL. */
const struct cpl_need_row *plan_unmet(const struct cpl_module *module, struct cpl_module *const *list, size_t count);
/* The name of a running module that needs something which on one of its hosts only `module` provides, and `instead` (may be NULL) does not; NULL when there is none. */
const char *plan_dependent(const struct cpl_module *module, const struct cpl_module *instead);

/* ---- options.c ---- */

/* The options of one module on a host (NULL: global), judged on their own against a configuration that is in force. CPL_E_INVALID: the first fault as text. */
int options_make(const struct config *config, const struct cpl_descriptor *descriptor, const struct config_host *host,
		 struct cpl_arena *arena, const void **values, struct cpl_error *error);
bool options_equal(const struct cpl_option *options, const void *a, const void *b);
/* Options that differ but wait for a restart keep the former value in `now`. Each one's name is added to `names` (may be NULL) as "MODULE.OPTION" and a newline. */
void options_carry(const struct cpl_descriptor *descriptor, const void *before, const void *now, struct cpl_arena *arena, struct cpl_buf *names);

/* ---- tables.c ---- */

/* New tables for all hosts and for NULL, made but not in force. */
struct tables;
/* From the plans of modules in start order. NULL and *error when two of them claim the same thing on a host. */
struct tables *tables_create(struct cpl_module *const *list, size_t count, struct cpl_error *error);
/* Puts them in force. Nothing fails from here on. */
void tables_swap(struct tables *tables);
/* After the swap: fires features_changed where disco's answer is another now. Without a swap: drops them. Nulls. */
void tables_finish(struct tables **tables);

/* ---- drain.c ---- */

/* A module that is in no table, whatever its state: ends its suspensions and calls and commands; closes it when nothing is in flight. */
void drain_begin(struct cpl_module *module);
/* The same for a generation that another has replaced: nothing is cancelled, module-scoped calls are not started any more. */
void drain_begin_replaced(struct cpl_module *module);
/* Turns the loop until a module (NULL: every one) has been closed, at most `ms` milliseconds; false when it still drains. */
bool drain_wait(const struct cpl_module *module, int64_t ms);

/* ---- change.c ---- */

/* Turns the loop until the change of a module that is under way, if there is one, has been made or given up. */
void change_wait(void);

/* ---- bag.c ---- */

struct cpl_bag *bag_create(void);
void bag_destroy(struct cpl_bag **bag);

/* ---- apply.c ---- */

/* Stops a running module, takes it out of all tables, begins to drain it. `request` (may be NULL) is told when it is closed. */
void module_remove(struct cpl_module *module, struct manager_request *request);
/* Stops, unloads and waits for the last module in start order: those that need others go before those they need, so that each has all it needs while it drains. */
void module_finish(struct cpl_module *module);

/* ---- manager.c ---- */

/* Running or opened; NULL. */
struct cpl_module *manager_known(struct cpl_str name);

/* modules.running as an array in start order, with room for one more (cpl_free). */
struct cpl_module **manager_running(size_t *count);
/* Puts modules.running in the order of the array. */
void manager_reorder(struct cpl_module *const *list, size_t count);
/* Destroys the configurations given to manager_retire() that no module uses any more. */
void manager_sweep(void);

#endif
