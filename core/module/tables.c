/* SPDX-License-Identifier: MIT */
/* The tables of all hosts, made together and put in force together. */
#include "core/hook/table.h"
#include "core/module/module.h"

struct tables {
	struct {
		struct cpl_host *host; /* NULL: the global table */
		struct dispatch *dispatch;
		bool changed; /* what disco answers */
	} *rows;
	size_t count;
	bool swapped;
};

static bool serves(const struct cpl_module *module, const struct cpl_host *host, const void **config)
{
	if (!host) {
		*config = module->next_config;
		return true;
	}
	for (size_t i = 0; i < module->next_count; i++)
		if (module->next_hosts[i].host == host) {
			*config = module->next_hosts[i].config;
			return true;
		}
	return false;
}

static struct dispatch *create_one(struct cpl_host *host, struct cpl_module *const *list, size_t count, struct cpl_error *error)
{
	struct dispatch_entry *entries = cpl_alloc((count + 1) * sizeof(*entries));
	struct dispatch *dispatch;
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const void *config;

		if (serves(list[i], host, &config))
			entries[used++] = (struct dispatch_entry){list[i], &list[i]->descriptor, config, list[i]->index};
	}
	dispatch = dispatch_create(host, entries, used, error);
	cpl_free(entries);
	return dispatch;
}

static bool add(struct tables *tables, struct cpl_host *host, struct cpl_module *const *list, size_t count, struct cpl_error *error)
{
	struct cpl_error own;
	struct dispatch *dispatch = create_one(host, list, count, &own);

	if (!dispatch) {
		cpl_fail(error, own.code, "%s (on %.*s)", own.text, CPL_ARG(host ? host->name : CPL_STR("all hosts")));
		return false;
	}
	tables->rows = cpl_realloc(tables->rows, (tables->count + 1) * sizeof(*tables->rows));
	tables->rows[tables->count].host = host;
	tables->rows[tables->count].dispatch = dispatch;
	tables->count++;
	return true;
}

struct tables *tables_create(struct cpl_module *const *list, size_t count, struct cpl_error *error)
{
	struct tables *tables = CPL_NEW(struct tables);
	bool good = add(tables, NULL, list, count, error);
	struct cpl_host *host;
	size_t at = 0;

	while (good && (host = cpl_host_next(&at)))
		good = add(tables, host, list, count, error);
	if (!good)
		tables_finish(&tables);
	return tables;
}

static bool same_answers(const struct dispatch *a, const struct dispatch *b)
{
	for (unsigned of = CPL_OF_HOST; of <= CPL_OF_ACCOUNT; of++) {
		const struct cpl_str_list *x = &a->features[of], *y = &b->features[of];

		if (x->count != y->count || a->identity_count[of] != b->identity_count[of])
			return false;
		for (size_t i = 0; i < x->count; i++)
			if (!cpl_str_equal(x->items[i], y->items[i]))
				return false;
		for (size_t i = 0; i < a->identity_count[of]; i++) {
			const struct cpl_identity_row *p = &a->identities[of][i], *q = &b->identities[of][i];

			if (strcmp(p->category, q->category) != 0 || strcmp(p->type, q->type) != 0 ||
			    strcmp(p->name ? p->name : "", q->name ? q->name : "") != 0)
				return false;
		}
	}
	return true;
}

void tables_swap(struct tables *tables)
{
	tables->swapped = true;
	for (size_t i = 0; i < tables->count; i++) {
		struct cpl_host *host = tables->rows[i].host;
		struct dispatch *before = host ? host->dispatch : NULL;

		if (!host) {
			dispatch_set_global(tables->rows[i].dispatch);
			tables->rows[i].dispatch = NULL;
			continue;
		}
		/* Compared now, as the texts are in memory of modules that may go. */
		tables->rows[i].changed = before && !same_answers(before, tables->rows[i].dispatch);
		host->dispatch = tables->rows[i].dispatch;
		tables->rows[i].dispatch = NULL;
		dispatch_unref(&before);
	}
}

void tables_finish(struct tables **pointer)
{
	struct tables *tables = *pointer;

	*pointer = NULL;
	if (!tables)
		return;
	for (size_t i = 0; i < tables->count; i++) {
		struct cpl_ev_host ev = {tables->rows[i].host};

		dispatch_unref(&tables->rows[i].dispatch);
		if (tables->swapped && tables->rows[i].changed)
			cpl_fire_features_changed(ev.host, &ev);
	}
	cpl_free(tables->rows);
	cpl_free(tables);
}
