/* SPDX-License-Identifier: MIT */
/*
 * The inside of a dispatch table, for the files of core/hook and for core/module/features.c. All arrays are in the table's arena. Nothing changes
 * after dispatch_create() but `refs`.
 */
#ifndef CORE_HOOK_TABLE_H
#define CORE_HOOK_TABLE_H

#include "core/base/account.h"
#include "core/hook/dispatch.h"

/* One handler of an event, ready to be called. */
struct table_handler {
	union cpl_handler handler;
	struct cpl_module *module;
	struct account *account;
	const char *name; /* the module's */
	int16_t number;
	uint8_t stage;
};

enum { CLAIM_TARGETS = 4 };
/* A claimed payload: at [0] for get, at [1] for set, then by target (SELF, BARE, HOST, FULL). */
struct table_iq {
	uint32_t key; /* ns_id << 16 | local_id; 0: a free place, as no interned name has id 0 */
	struct {
		const struct cpl_iq_row *row;
		const struct dispatch_entry *entry;
	} claim[2][CLAIM_TARGETS];
};

/* Handlers of one event of a module: [first, end) of the table's. */
struct table_own {
	uint32_t first, end;
};

struct table_nonza {
	uint32_t key;
	const struct cpl_nonza_row *row;
	const struct dispatch_entry *entry;
};

struct table_service {
	const void *service; /* NULL: nobody provides it */
	struct cpl_module *provider;
	const char *name; /* the provider's */
	unsigned version;
};

/* Ids of modules' events are from the first on; the others are those of events that are a claimed handler on its own. */
enum { EVENT_OWN_FIRST = 1024, EVENT_CLAIM_ELEMENT = 0xfffe, EVENT_CLAIM_IQ = 0xffff };

struct dispatch {
	unsigned refs;
	struct cpl_host *host; /* NULL: the global table */
	struct cpl_arena *arena;
	struct dispatch_entry *entries;
	size_t entry_count;
	uint32_t offsets[CPL_EVENT_COUNT + 1]; /* handlers of event e: offsets[e] to offsets[e + 1] - 1 */
	struct table_handler *handlers;
	struct table_own *owns; /* by id - EVENT_OWN_FIRST */
	uint32_t own_count;
	struct table_iq *iqs; /* open addressing; a power of two of places, never full */
	uint32_t iq_mask;
	struct table_nonza *nonzas;
	size_t nonza_count;
	const void **configs; /* by the module's index */
	uint32_t config_count;
	struct table_service *services; /* by service id */
	uint32_t service_count;
	struct cpl_str_list features[4]; /* by CPL_OF_... mask */
	const struct cpl_identity_row *identities[4];
	size_t identity_count[4];
};

/* The table in force for a host (NULL: the global one), or NULL when there is none. */
struct dispatch *dispatch_of(const struct cpl_host *host);

/* The handlers of an event, as indexes [*at, *end); false when there are none. */
static inline bool table_range(const struct dispatch *d, uint16_t id, uint32_t *at, uint32_t *end)
{
	if (__builtin_expect(id < CPL_EVENT_COUNT, 1)) {
		*at = d->offsets[id];
		*end = d->offsets[id + 1];
	} else if (id >= EVENT_OWN_FIRST && (uint32_t)id - EVENT_OWN_FIRST < d->own_count) {
		*at = d->owns[id - EVENT_OWN_FIRST].first;
		*end = d->owns[id - EVENT_OWN_FIRST].end;
	} else {
		return false;
	}
	return *at != *end;
}
/* The order of handlers, for qsort(). */
int table_order(const void *left, const void *right);

/* ---- own.c: events of modules ---- */

/* The name of such an event, which lives as long as the process; NULL when there is none. */
const char *own_name(uint16_t id);
/* How many there have been: their ids follow one another. */
uint32_t own_count(void);
/* Handlers that the entries have for them, and filling these in at d->handlers[at]. CPL_E_CONFLICT with *error naming both modules. */
size_t own_handlers(const struct dispatch *d);
int own_build(struct dispatch *d, uint32_t at, struct cpl_error *error);

/* The id of a service's name, made when it is new; from 1 on, for the life of the process. */
uint32_t service_id(const char *name);
uint32_t service_id_count(void);

/* Fills in what the entries claim. CPL_E_CONFLICT with *error naming both modules. */
int claim_build(struct dispatch *dispatch, struct cpl_error *error);

/* ---- between event.c, claim.c and suspend.c ---- */

/* Every run of handlers is between these two; false (logged) when they are nested too deep: then nothing runs. */
bool event_enter(uint16_t id);
void event_leave(void);

/* Goes on behind (stage, number, module) of the table that is current now. */
void event_continue(struct cpl_event *event);
/* Counts an error of a module at this event. */
void event_error(const struct cpl_event *event, struct cpl_module *module);
/* Tells the event's end to whoever fired it. */
void event_finish(struct cpl_event *event, enum cpl_flow result);
/* What to call the event in logs. */
const char *event_name(const struct cpl_event *event);
/*
 * After a handler has returned: settles what it did with the event. True when the event waits now; false when it goes on with *flow,
 * which is CPL_DROP if the handler said SUSPENDED and had not suspended.
 */
bool suspension_settle(struct cpl_event *event, struct cpl_module *module, const char *name, enum cpl_flow *flow);

#endif
