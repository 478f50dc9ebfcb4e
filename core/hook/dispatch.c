/* SPDX-License-Identifier: MIT */
/* Dispatch tables: built from the modules' descriptors, looked at by event.c. */
#include "core/hook/table.h"

#include <couplet/memory.h>
#include <stdlib.h>

static const char *const event_names[CPL_EVENT_COUNT] = {
#define CPL_EVENT(name, payload, flow, suspend, since, sentence) #name,
#include <couplet/events.def>
#undef CPL_EVENT
};

void (*dispatch_hold)(struct cpl_module *module, int change);

static struct dispatch *global;

struct dispatch *dispatch_of(const struct cpl_host *host)
{
	return host ? host->dispatch : global;
}

const char *dispatch_event_name(uint16_t event)
{
	const char *own = event < CPL_EVENT_COUNT ? event_names[event] : own_name(event);

	return own ? own : "claim";
}

uint16_t dispatch_event_id(struct cpl_str name)
{
	uint16_t id = 0;

	while (id < CPL_EVENT_COUNT && !cpl_str_is(name, event_names[id]))
		id++;
	for (uint32_t own = 0; id == CPL_EVENT_COUNT && own < own_count(); own++)
		if (cpl_str_is(name, own_name((uint16_t)(EVENT_OWN_FIRST + own))))
			return (uint16_t)(EVENT_OWN_FIRST + own);
	return id;
}

size_t dispatch_event_names(const char **names, size_t max)
{
	size_t count = 0;

	for (; count < CPL_EVENT_COUNT && count < max; count++)
		names[count] = event_names[count];
	for (uint32_t own = 0; own < own_count() && count < max; own++)
		names[count++] = own_name((uint16_t)(EVENT_OWN_FIRST + own));
	return count;
}

/* ---- event handlers ---- */

static bool runs_in_reverse(uint16_t event)
{
	return event == CPL_EVENT_session_unbound || event == CPL_EVENT_session_destroyed ||
	       event == CPL_EVENT_user_unload || event == CPL_EVENT_host_stopping;
}

int table_order(const void *left, const void *right)
{
	const struct table_handler *a = left, *b = right;

	if (a->stage != b->stage)
		return a->stage < b->stage ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void reverse(struct table_handler *handlers, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct table_handler last = handlers[count - 1 - i];

		handlers[count - 1 - i] = handlers[i];
		handlers[i] = last;
	}
}

static void add_handlers(struct dispatch *d)
{
	uint32_t at[CPL_EVENT_COUNT] = {0};
	uint32_t total = 0;

	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_event_row *row = d->entries[e].descriptor->events; row && row->handler.any; row++)
			at[row->event]++;
	for (uint16_t event = 0; event < CPL_EVENT_COUNT; event++) {
		d->offsets[event] = total;
		total += at[event];
		at[event] = d->offsets[event];
	}
	d->offsets[CPL_EVENT_COUNT] = total;
	d->handlers = cpl_arena_alloc(d->arena, (total + own_handlers(d) + 1) * sizeof(*d->handlers));
	for (size_t e = 0; e < d->entry_count; e++) {
		const struct dispatch_entry *entry = &d->entries[e];

		for (const struct cpl_event_row *row = entry->descriptor->events; row && row->handler.any; row++)
			d->handlers[at[row->event]++] = (struct table_handler){
				.handler = row->handler,
				.module = entry->module,
				.account = account_of_module && entry->module ? account_of_module(entry->module) : NULL,
				.name = entry->descriptor->name,
				.number = row->number,
				.stage = row->stage,
			};
	}
	for (uint16_t event = 0; event < CPL_EVENT_COUNT; event++) {
		struct table_handler *first = d->handlers + d->offsets[event];
		size_t count = d->offsets[event + 1] - d->offsets[event];

		qsort(first, count, sizeof(*first), table_order);
		if (runs_in_reverse(event))
			reverse(first, count);
	}
}

/* ---- configurations and services ---- */

static void add_configs(struct dispatch *d)
{
	for (size_t e = 0; e < d->entry_count; e++)
		if (d->entries[e].index >= d->config_count)
			d->config_count = d->entries[e].index + 1;
	d->configs = cpl_arena_alloc(d->arena, (d->config_count + 1) * sizeof(*d->configs));
	for (size_t e = 0; e < d->entry_count; e++)
		d->configs[d->entries[e].index] = d->entries[e].config;
}

/* On host NULL the first provider counts: there, several hosts' modules are together. */
static int add_services(struct dispatch *d, struct cpl_error *error)
{
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_provide_row *row = d->entries[e].descriptor->provides; row && row->name; row++)
			service_id(row->name);
	d->service_count = service_id_count() + 1;
	d->services = cpl_arena_alloc(d->arena, d->service_count * sizeof(*d->services));
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_provide_row *row = d->entries[e].descriptor->provides; row && row->name; row++) {
			struct table_service *service = &d->services[service_id(row->name)];

			if (service->service && !d->host)
				continue;
			if (service->service)
				return cpl_fail(error, CPL_E_CONFLICT, "modules %s and %s both provide the service %s", service->name,
						d->entries[e].descriptor->name, row->name);
			*service = (struct table_service){row->service, d->entries[e].module, d->entries[e].descriptor->name, row->version};
		}
	return 0;
}

const void *dispatch_config(const struct cpl_host *host, uint32_t index)
{
	const struct dispatch *d = dispatch_of(host);

	return d && index < d->config_count ? d->configs[index] : NULL;
}

/* ---- what disco says ---- */

static int compare_strs(const void *left, const void *right)
{
	return cpl_str_compare(*(const struct cpl_str *)left, *(const struct cpl_str *)right);
}

static void add_features(struct dispatch *d, unsigned of)
{
	struct cpl_str_list *list = &d->features[of];
	size_t count = 0, kept = 0;

	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_feature_row *row = d->entries[e].descriptor->features; row && row->var; row++)
			count += (row->of & of) != 0;
	list->items = cpl_arena_alloc(d->arena, (count + 1) * sizeof(*list->items));
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_feature_row *row = d->entries[e].descriptor->features; row && row->var; row++)
			if (row->of & of)
				list->items[list->count++] = cpl_str_of(row->var);
	qsort(list->items, list->count, sizeof(*list->items), compare_strs);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || !cpl_str_equal(list->items[kept - 1], list->items[i]))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static int compare_identities(const void *left, const void *right)
{
	const struct cpl_identity_row *a = left, *b = right;
	int order = strcmp(a->category, b->category);

	if (order == 0)
		order = strcmp(a->type, b->type);
	return order ? order : strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

static void add_identities(struct dispatch *d, unsigned of)
{
	struct cpl_identity_row *rows;
	size_t count = 0, kept = 0;

	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_identity_row *row = d->entries[e].descriptor->identities; row && row->category; row++)
			count += (row->of & of) != 0;
	rows = cpl_arena_alloc(d->arena, (count + 1) * sizeof(*rows));
	count = 0;
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_identity_row *row = d->entries[e].descriptor->identities; row && row->category; row++)
			if (row->of & of)
				rows[count++] = *row;
	qsort(rows, count, sizeof(*rows), compare_identities);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare_identities(&rows[kept - 1], &rows[i]) != 0)
			rows[kept++] = rows[i];
	d->identities[of] = rows;
	d->identity_count[of] = kept;
}

/* ---- the life of a table ---- */

static void hold_modules(const struct dispatch *d, int change)
{
	for (size_t e = 0; dispatch_hold && e < d->entry_count; e++)
		dispatch_hold(d->entries[e].module, change);
}

struct dispatch *dispatch_create(struct cpl_host *host, const struct dispatch_entry *entries, size_t count, struct cpl_error *error)
{
	struct dispatch *d = CPL_NEW(struct dispatch);

	d->refs = 1;
	d->host = host;
	d->arena = cpl_arena_create();
	d->entries = cpl_arena_alloc(d->arena, (count + 1) * sizeof(*d->entries));
	d->entry_count = count;
	if (count)
		memcpy(d->entries, entries, count * sizeof(*entries));
	hold_modules(d, 1);
	add_handlers(d);
	add_configs(d);
	for (unsigned of = 1; of < 4; of++) {
		add_features(d, of);
		add_identities(d, of);
	}
	if (own_build(d, d->offsets[CPL_EVENT_COUNT], error) < 0 || claim_build(d, error) < 0 || add_services(d, error) < 0)
		dispatch_unref(&d);
	return d;
}

struct dispatch *dispatch_ref(struct dispatch *d)
{
	d->refs++;
	return d;
}

void dispatch_unref(struct dispatch **pointer)
{
	struct dispatch *d = *pointer;

	*pointer = NULL;
	if (!d || --d->refs > 0)
		return;
	hold_modules(d, -1);
	cpl_arena_destroy(&d->arena);
	cpl_free(d);
}

void dispatch_set_global(struct dispatch *d)
{
	struct dispatch *before = global;

	global = d;
	dispatch_unref(&before);
}

const struct dispatch_entry *dispatch_entries(const struct dispatch *d, size_t *count)
{
	*count = d->entry_count;
	return d->entries;
}

size_t dispatch_list(struct cpl_host *host, uint16_t event, struct dispatch_listing *rows, size_t max)
{
	const struct dispatch *d = dispatch_of(host);
	uint32_t i, end;
	size_t count = 0;

	if (!d || !table_range(d, event, &i, &end))
		return 0;
	for (; i < end && count < max; i++)
		rows[count++] = (struct dispatch_listing){d->handlers[i].name, d->handlers[i].stage, d->handlers[i].number};
	return count;
}
