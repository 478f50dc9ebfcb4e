/* SPDX-License-Identifier: MIT */
/* Events of modules: their numbers, and their handlers in a table. */
#include "core/base/account.h"
#include "core/hook/table.h"

#include <couplet/memory.h>
#include <stdlib.h>

_Static_assert((int)CPL_EVENT_COUNT < (int)EVENT_OWN_FIRST, "the core's events come first");

static char **names; /* names[id - EVENT_OWN_FIRST]; they stay for the life of the process */
static uint32_t name_count;

uint16_t dispatch_own_id(const char *name)
{
	struct account *before;

	for (uint32_t i = 0; i < name_count; i++)
		if (strcmp(names[i], name) == 0)
			return (uint16_t)(EVENT_OWN_FIRST + i);
	if (EVENT_OWN_FIRST + name_count == EVENT_CLAIM_ELEMENT)
		return 0;
	before = account_as_core();
	names = cpl_realloc(names, (name_count + 1) * sizeof(*names));
	names[name_count] = cpl_strdup(cpl_str_of(name));
	account_back(before);
	return (uint16_t)(EVENT_OWN_FIRST + name_count++);
}

const char *own_name(uint16_t id)
{
	return id >= EVENT_OWN_FIRST && (uint32_t)id - EVENT_OWN_FIRST < name_count ? names[id - EVENT_OWN_FIRST] : NULL;
}

uint32_t own_count(void)
{
	return name_count;
}

size_t own_handlers(const struct dispatch *d)
{
	size_t count = 0;

	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_hear_row *row = d->entries[e].descriptor->hears; row && row->event; row++)
			count++;
	return count;
}

/* The module in the table that publishes what `heard` means. */
static const struct cpl_event_ref *publisher(const struct dispatch *d, const struct cpl_event_ref *heard, const char **module)
{
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_publish_row *row = d->entries[e].descriptor->publishes; row && row->event; row++)
			if (strcmp(row->event->name, heard->name) == 0) {
				*module = d->entries[e].descriptor->name;
				return row->event;
			}
	return NULL;
}

static int check(const struct dispatch *d, const char *hearer, const struct cpl_event_ref *heard, struct cpl_error *error)
{
	const char *module;
	const struct cpl_event_ref *published = publisher(d, heard, &module);

	if (!published)
		return 0;
	if (published->flow != heard->flow)
		return cpl_fail(error, CPL_E_CONFLICT, "module %s was built for another flow of the event %s than module %s gives it: build it anew",
				hearer, heard->name, module);
	if (published->size < heard->size)
		return cpl_fail(error, CPL_E_CONFLICT, "module %s was built for a newer module %s: its event %s has %u bytes, and %u are wanted", hearer,
				module, heard->name, published->size, heard->size);
	return 0;
}

int own_build(struct dispatch *d, uint32_t at, struct cpl_error *error)
{
	d->own_count = name_count;
	d->owns = cpl_arena_alloc(d->arena, (d->own_count + 1) * sizeof(*d->owns));
	for (uint32_t own = 0; own < d->own_count; own++) {
		uint32_t first = at;

		for (size_t e = 0; e < d->entry_count; e++) {
			const struct dispatch_entry *entry = &d->entries[e];

			for (const struct cpl_hear_row *row = entry->descriptor->hears; row && row->event; row++) {
				if (row->event->id != EVENT_OWN_FIRST + own)
					continue;
				if (check(d, entry->descriptor->name, row->event, error) < 0)
					return CPL_E_CONFLICT;
				d->handlers[at++] = (struct table_handler){
					.handler.any = row->handler,
					.module = entry->module,
					.account = account_of_module && entry->module ? account_of_module(entry->module) : NULL,
					.name = entry->descriptor->name,
					.number = row->number,
					.stage = row->stage,
				};
			}
		}
		if (at > first)
			qsort(d->handlers + first, at - first, sizeof(*d->handlers), table_order);
		d->owns[own] = (struct table_own){first, at};
	}
	return 0;
}
