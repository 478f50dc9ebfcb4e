/* SPDX-License-Identifier: MIT */
/*
 * The storage driver `memory`: rows that live as long as the process, for tests and for trying things out. It
 * proves that the driver's interface asks for nothing that only a database has. A reload of the module keeps
 * the rows; a stop of the server loses them.
 */
#include "storage/memory/execute.h"

struct memory_config {
	int64_t max_size;
};

static const struct cpl_option memory_options[] = {
	CPL_OPT_SIZE(struct memory_config, max_size, "256M", "64K", "1024G", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "Bytes of rows from which on writes are refused."),
	CPL_OPT_END,
};

/* Rows of one account that a migration has changed; put in place once all have been. */
struct migrated {
	struct migrated *next;
	struct memory_table *table;
	size_t index;
	struct memory_row *row;
};

static int row_migrate(struct memory_table *table, size_t index, unsigned from, const struct cpl_store *store,
		       unsigned columns, struct migrated **list, struct cpl_arena *arena)
{
	const struct memory_row *old = table->rows[index];
	struct cpl_value values[CPL_COLUMNS_MAX] = {0};
	struct cpl_row row = {
		.key = old->key, .id = old->id, .when = old->when, .with = old->with, .values = values};
	struct migrated *entry;

	memcpy(values, old->values, old->columns * sizeof(*values));
	for (unsigned version = from; version < store->version; version++) {
		int code = store->migrate(version, &row, arena);

		if (code)
			return code;
	}
	entry = cpl_arena_alloc(arena, sizeof(*entry));
	*entry = (struct migrated){*list, table, index, memory_row_create(&row, columns)};
	*list = entry;
	return 0;
}

/* The account whose row fails ends the migration, and nothing has changed. */
static int store_migrate(struct memory_data *data, struct memory_store *known, const struct cpl_store *store,
			 unsigned columns, struct cpl_error *error)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct migrated *list = NULL;
	struct memory_account *account;
	size_t at = 0;
	int code = 0;

	while (!code && (account = cpl_map_next(&data->accounts, &at))) {
		struct memory_table *table = memory_table_find(account, known->name);

		for (size_t i = 0; table && i < table->count && !code; i++)
			code = row_migrate(table, i, known->version, store, columns, &list, arena);
		if (code)
			cpl_fail(error, code,
				 "the store %s cannot be brought from version %u to %u: a row of %.*s fails "
				 "(%s)",
				 store->name, known->version, store->version, CPL_ARG(account->text),
				 cpl_code_text(code));
	}
	for (; list; list = list->next) {
		if (code) {
			cpl_free(list->row);
			continue;
		}
		data->used += list->row->size - list->table->rows[list->index]->size;
		cpl_free(list->table->rows[list->index]);
		list->table->rows[list->index] = list->row;
	}
	cpl_arena_destroy(&arena);
	return code;
}

static int memory_declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
	struct memory_data *data = cpl_module_data(driver);
	struct memory_store *known = cpl_map_get(&data->stores, cpl_str_of(store->name));
	unsigned columns = 0;
	int code;

	while (store->columns && store->columns[columns].name)
		columns++;
	if (!known) {
		known = memory_store_add(data, cpl_str_of(store->name));
		known->kind = store->kind;
	} else if (known->kind != store->kind) {
		return cpl_fail(error, CPL_E_CONFLICT, "the store %s has rows of another kind", store->name);
	} else if (known->version > store->version ||
		   (known->version == store->version && known->columns > columns)) {
		return cpl_fail(error, CPL_E_UNSUPPORTED,
				"the store %s was written by a newer version of its module", store->name);
	} else if (known->version < store->version) {
		if (!store->migrate)
			return cpl_fail(error, CPL_E_INVALID, "the store %s needs a migration and has none",
					store->name);
		code = store_migrate(data, known, store, columns, error);
		if (code)
			return code;
	}
	known->version = store->version;
	known->columns = columns;
	return 0;
}

static void memory_submit(struct cpl_module *driver, struct cpl_store_request *request)
{
	struct memory_data *data = cpl_module_data(driver);

	if (request->write)
		memory_write(data, request, (size_t)CPL_CONFIG(driver, NULL, struct memory_config)->max_size);
	else
		memory_read(data, request);
	cpl_store_finished(request);
}

static int64_t memory_last_id(struct cpl_module *driver, const struct cpl_store *store)
{
	struct memory_data *data = cpl_module_data(driver);
	const struct memory_store *known = cpl_map_get(&data->stores, cpl_str_of(store->name));

	return known ? known->last_id : 0;
}

static const struct cpl_storage_service memory_service = {
	.size = sizeof(memory_service),
	.declare = memory_declare,
	.submit = memory_submit,
	.last_id = memory_last_id,
	.keeps_ids = true,
};

static const struct cpl_provide_row memory_provides[] = {
	{"storage", 1, &memory_service},
	{NULL, 0, NULL},
};

static int memory_load(struct cpl_module *self, struct cpl_error *error)
{
	cpl_module_set_data(self, memory_data_create());
	return 0;
}

/* UNSAFE: an address, good as long as this generation is, and then as long as the one that takes it. */
static void memory_save(struct cpl_module *self, struct cpl_bag *bag)
{
	cpl_bag_put_int(bag, "data", (int64_t)(intptr_t)cpl_module_data(self));
}

static int memory_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema,
			  struct cpl_error *error)
{
	struct memory_data *data = cpl_module_data(self);
	int64_t address;

	if (schema != MEMORY_SCHEMA)
		return cpl_fail(error, CPL_E_UNSUPPORTED,
				"rows of schema %u cannot be taken over, only of %d", schema, MEMORY_SCHEMA);
	if (!cpl_bag_get_int(bag, "data", &address))
		return cpl_fail(error, CPL_E_CORRUPT, "no rows were handed over");
	memory_data_unref(&data);
	data = (struct memory_data *)(intptr_t)address;
	data->holders++;
	cpl_module_set_data(self, data);
	return 0;
}

static void memory_unload(struct cpl_module *self)
{
	struct memory_data *data = cpl_module_data(self);

	memory_data_unref(&data);
	cpl_module_set_data(self, NULL);
}

CPL_MODULE(memory) = {
	CPL_MODULE_HEAD("memory", "1.0", "Storage in memory, lost at the end of the process"),
	.options = memory_options,
	.config_size = sizeof(struct memory_config),
	.provides = memory_provides,
	.load = memory_load,
	.save = memory_save,
	.restore = memory_restore,
	.unload = memory_unload,
	.schema = MEMORY_SCHEMA,
};
