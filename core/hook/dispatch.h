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
};

/* Builds a table with one reference. Two claims to one IQ or nonza: NULL and an error that names both modules. `host` may be NULL. */
struct dispatch *dispatch_create(struct cpl_host *host, const struct dispatch_entry *entries, size_t count, struct cpl_error *error);
struct dispatch *dispatch_ref(struct dispatch *dispatch);
void dispatch_unref(struct dispatch **dispatch);
/* The table for host NULL. */
void dispatch_set_global(struct dispatch *dispatch);

/* True when a handler claims requests of this payload for any of `targets` (CPL_TO_...). */
bool dispatch_iq_claimed(struct cpl_host *host, enum cpl_type type, unsigned target, const struct cpl_element *payload);
/* Runs the claimed handler, if there is one and the session's type is allowed: as cpl_event_start(). False: nobody claims it, `done` is not called. */
bool dispatch_iq_start(struct cpl_host *host, struct cpl_ev_stanza *ev, unsigned target, const struct cpl_element *payload,
		       void (*done)(struct cpl_event *event, enum cpl_flow result));
/* The same for a child of the stream that is not a stanza. */
bool dispatch_nonza_start(struct cpl_host *host, struct cpl_ev_nonza *ev, void (*done)(struct cpl_event *event, enum cpl_flow result));

/* The handlers of an event in the order in which they run: "STAGE NUMBER MODULE" rows for `coupletctl events`. */
struct dispatch_listing { const char *module; uint8_t stage; int16_t number; };
size_t dispatch_list(struct cpl_host *host, uint16_t event, struct dispatch_listing *rows, size_t max);
const char *dispatch_event_name(uint16_t event);
/* CPL_EVENT_COUNT when there is no event of that name. */
uint16_t dispatch_event_id(struct cpl_str name);

/* Suspensions: set by the server at start; how many are under way; ends all of a module as CPL_FAILED (unload). */
void suspension_set_timeout(int64_t ms);
size_t suspension_count(void);
void suspension_end_module(struct cpl_module *module);

#endif
