/* SPDX-License-Identifier: MIT */
/* The ledger of a module's resources. */
#include "core/base/ledger.h"

#include <assert.h>
#include <couplet/memory.h>

void ledger_init(struct ledger *ledger)
{
	*ledger = (struct ledger){0};
	cpl_list_init(&ledger->entries);
}

void ledger_add(struct ledger *ledger, struct ledger_entry *entry, enum ledger_kind kind,
		void (*release)(struct ledger_entry *entry))
{
	assert(!entry->ledger && kind < LEDGER_KINDS && release);
	entry->ledger = ledger;
	entry->kind = kind;
	entry->release = release;
	cpl_list_append(&ledger->entries, &entry->link);
	ledger->counts[kind]++;
}

void ledger_remove(struct ledger_entry *entry)
{
	if (!entry->ledger)
		return;
	entry->ledger->counts[entry->kind]--;
	entry->ledger = NULL;
	cpl_list_remove(&entry->link);
}

void ledger_release(struct ledger *ledger)
{
	while (!cpl_list_empty(&ledger->entries)) {
		struct ledger_entry *entry = CPL_CONTAINER(ledger->entries.prev, struct ledger_entry, link);

		ledger_remove(entry);
		entry->release(entry);
	}
}

unsigned ledger_count(const struct ledger *ledger)
{
	unsigned count = 0;

	for (int kind = 0; kind < LEDGER_KINDS; kind++)
		count += ledger->counts[kind];
	return count;
}

const char *ledger_kind_name(enum ledger_kind kind)
{
	static const char *const names[LEDGER_KINDS] = {
		[LEDGER_HANDLER] = "handler",	[LEDGER_IQ] = "iq",
		[LEDGER_FEATURE] = "feature",	[LEDGER_COMMAND] = "command",
		[LEDGER_STORE] = "store",	[LEDGER_SERVICE] = "service",
		[LEDGER_SLOT] = "slot",		[LEDGER_METRIC] = "metric",
		[LEDGER_TIMER] = "timer",	[LEDGER_WATCHER] = "watcher",
		[LEDGER_LISTENER] = "listener", [LEDGER_EVENT] = "event",
		[LEDGER_OTHER] = "other",
	};

	assert(kind < LEDGER_KINDS);
	return names[kind];
}
