/* SPDX-License-Identifier: MIT */
/*
 * Dispatch: per host one packed, immutable, counted table of everything its modules have registered: event handlers in order, IQ and nonza claims, features, services and
 * configurations. Load, unload and reload build a new table; it is swapped at the loop's idle point. A running event holds a reference of its table. One more
 * table, for host NULL, has the handlers of all started modules.
 *
 * Every entry into a module goes through account_enter(). A depth counter (32) turns endless recursion into a logged drop. The inlines cpl_fire_NAME() of <couplet/event.h> end here.
 */
#ifndef CORE_HOOK_DISPATCH_H
#define CORE_HOOK_DISPATCH_H

#include <couplet/module.h>

struct dispatch;

/* One module's part in a host's table; rows are borrowed for the life of the table. */
struct dispatch_entry {
	struct cpl_module *module;
	const struct cpl_descriptor *descriptor;
	const void *config; /* the module's options struct on this host */
	uint32_t index;     /* of the module: unique among those open, small; for dispatch_config() */
};

/* Builds a table with one reference. Two claims to one IQ or nonza: NULL and an error that names both modules. `host` may be NULL. */
struct dispatch *dispatch_create(struct cpl_host *host, const struct dispatch_entry *entries, size_t count, struct cpl_error *error);
struct dispatch *dispatch_ref(struct dispatch *dispatch);
void dispatch_unref(struct dispatch **dispatch);
/* The table for host NULL; takes over the reference and drops the one to the table before. NULL at the end. */
void dispatch_set_global(struct dispatch *dispatch);
/* The parts it was made of. They live as long as the table. */
const struct dispatch_entry *dispatch_entries(const struct dispatch *dispatch, size_t *count);
/* The configuration of the module with that index on a host; NULL when it is not in the host's table. */
const void *dispatch_config(const struct cpl_host *host, uint32_t index);
/*
 * Called with +1 and -1 as tables begin and end to refer to a module, whose code must stay in memory meanwhile. Set by core/module; NULL: nobody counts.
 */
extern void (*dispatch_hold)(struct cpl_module *module, int change);

/* True when a handler claims requests of this payload for any of `targets` (CPL_TO_...). */
bool dispatch_iq_claimed(struct cpl_host *host, enum cpl_type type, unsigned target, const struct cpl_element *payload);
/* Runs the claimed handler, if there is one and the session's type is allowed: as cpl_event_start(). False: nobody claims it, `done` is not called. */
bool dispatch_iq_start(struct cpl_host *host, struct cpl_ev_stanza *ev, unsigned target, const struct cpl_element *payload,
		       void (*done)(struct cpl_event *event, enum cpl_flow result));
/* The same for a child of the stream that is not a stanza. */
bool dispatch_nonza_start(struct cpl_host *host, struct cpl_ev_nonza *ev, void (*done)(struct cpl_event *event, enum cpl_flow result));
/* True when any is claimed on sessions of these types (CPL_IN() mask): somebody negotiates with them. */
bool dispatch_nonza_taken(struct cpl_host *host, unsigned sessions);

/* The handlers of an event in the order in which they run: "STAGE NUMBER MODULE" rows for `coupletctl events`. */
struct dispatch_listing { const char *module; uint8_t stage; int16_t number; };
size_t dispatch_list(struct cpl_host *host, uint16_t event, struct dispatch_listing *rows, size_t max);
const char *dispatch_event_name(uint16_t event);
/* The core's event or a module's ("MODULE.EVENT"); CPL_EVENT_COUNT when there is no event of that name. */
uint16_t dispatch_event_id(struct cpl_str name);
/* All names, at most `max`; returns how many. */
size_t dispatch_event_names(const char **names, size_t max);
/* The id of a module's event, made when the name is new, and then good for the life of the process; 0 when there are too many. */
uint16_t dispatch_own_id(const char *name);

/*
 * Suspensions. The time-out is set by the server at start and at a reload of the configuration; it holds for later suspensions. An event that was resumed
 * goes on from the queue of calls, so in a later turn, with no module code on the stack.
 */
void suspension_set_timeout(int64_t ms);
/* Events that wait now: for their module, or resumed and for their turn. */
size_t suspension_count(void);
/* The same for one module, and those that it has fired itself. Its code must stay in memory while this is not zero. */
size_t suspension_count_of(const struct cpl_module *module);
/* Ends all of a module (its unload) or of a host (before it is destroyed) as CPL_FAILED. */
void suspension_end_module(struct cpl_module *module);
void suspension_end_host(const struct cpl_host *host);
/* Frees what a module that is being closed still keeps of suspensions that have ended. */
void suspension_forget_module(struct cpl_module *module);

#endif
