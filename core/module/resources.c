/* SPDX-License-Identifier: MIT */
/* What a module holds, counted by kind: rows of its descriptor that are in force, and what is on its ledger and in flight. */
#include "core/loop/call.h"
#include "core/module/module.h"

/* Rows up to the zeroed one that ends a table. */
#define ROWS(table, member)                                                                                                      \
	({                                                                                                                       \
		size_t rows_ = 0;                                                                                                \
		while ((table) && (table)[rows_].member)                                                                         \
			rows_++;                                                                                                 \
		rows_;                                                                                                           \
	})
#define POINTERS(table)                                                                                                          \
	({                                                                                                                       \
		size_t rows_ = 0;                                                                                                \
		while ((table) && (table)[rows_])                                                                                \
			rows_++;                                                                                                 \
		rows_;                                                                                                           \
	})

static size_t handlers(const struct cpl_descriptor *d)
{
	size_t count = 0;

	while (d->events && d->events[count].handler.any)
		count++;
	return count;
}

size_t manager_resources(const struct cpl_module *module, struct manager_resource *rows)
{
	const struct cpl_descriptor *d = &module->descriptor;
	struct call_counts calls = call_count_owned(&module->calls);
	size_t count = 0;

	rows[count++] = (struct manager_resource){"handlers", handlers(d)};
	rows[count++] = (struct manager_resource){"claimed_iqs", ROWS(d->iqs, handler)};
	rows[count++] = (struct manager_resource){"claimed_elements", ROWS(d->nonzas, handler)};
	rows[count++] = (struct manager_resource){"features", ROWS(d->features, var)};
	rows[count++] = (struct manager_resource){"identities", ROWS(d->identities, category)};
	rows[count++] = (struct manager_resource){"commands", module->commands_added ? ROWS(d->commands, form) : 0};
	rows[count++] = (struct manager_resource){"stores", POINTERS(d->stores)};
	rows[count++] = (struct manager_resource){"slots", module->registered};
	rows[count++] = (struct manager_resource){"names", POINTERS(d->names)};
	rows[count++] = (struct manager_resource){"services", ROWS(d->provides, name)};
	rows[count++] = (struct manager_resource){"needs", ROWS(d->needs, ref)};
	rows[count++] = (struct manager_resource){"listeners", ROWS(d->listens, name)};
	for (unsigned kind = 0; kind < LEDGER_KINDS; kind++)
		if (kind == LEDGER_METRIC || module->ledger.counts[kind] > 0)
			rows[count++] = (struct manager_resource){kind == LEDGER_METRIC ? "metrics" : ledger_kind_name(kind),
								  module->ledger.counts[kind]};
	rows[count++] = (struct manager_resource){"timers", calls.timers};
	rows[count++] = (struct manager_resource){"calls", calls.others};
	rows[count++] = (struct manager_resource){"jobs", module->account ? module->account->jobs : 0};
	rows[count++] = (struct manager_resource){"suspended", suspension_count_of(module)};
	return count;
}
