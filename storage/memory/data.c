/* SPDX-License-Identifier: MIT */
/* Accounts, tables and rows in memory. */
#include "storage/memory/data.h"

static void table_destroy(struct memory_data *data, struct memory_table *table)
{
	memory_table_cut(data, table, 0, table->count);
	cpl_free(table->rows);
	cpl_free(table);
}

static void account_destroy(struct memory_data *data, struct memory_account *account)
{
	struct memory_table *table;
	size_t at = 0;

	while ((table = cpl_map_next(&account->tables, &at)))
		table_destroy(data, table);
	cpl_map_finish(&account->tables);
	cpl_free(account);
}

struct memory_data *memory_data_create(void)
{
	struct memory_data *data = CPL_NEW(struct memory_data);

	data->holders = 1;
	return data;
}

void memory_data_unref(struct memory_data **pointer)
{
	struct memory_data *data = *pointer;
	struct memory_account *account;
	struct memory_store *store;
	size_t at = 0;

	*pointer = NULL;
	if (!data || --data->holders > 0)
		return;
	while ((account = cpl_map_next(&data->accounts, &at)))
		account_destroy(data, account);
	at = 0;
	while ((store = cpl_map_next(&data->stores, &at)))
		cpl_free(store);
	cpl_map_finish(&data->accounts);
	cpl_map_finish(&data->stores);
	cpl_free(data);
}

/* Copies the bytes behind the struct. */
static struct cpl_str text_behind(void *behind, struct cpl_str text)
{
	memcpy(behind, text.ptr, text.len);
	return (struct cpl_str){behind, text.len};
}

struct memory_store *memory_store_add(struct memory_data *data, struct cpl_str name)
{
	struct memory_store *store = cpl_alloc(sizeof(*store) + name.len);

	store->name = text_behind(store + 1, name);
	cpl_map_put(&data->stores, store->name, store);
	return store;
}

struct memory_account *memory_account_add(struct memory_data *data, struct cpl_str text)
{
	struct memory_account *account = cpl_alloc(sizeof(*account) + text.len);

	account->text = text_behind(account + 1, text);
	account->quota = -1;
	cpl_map_put(&data->accounts, account->text, account);
	return account;
}

void memory_account_remove(struct memory_data *data, struct memory_account *account)
{
	cpl_map_remove(&data->accounts, account->text);
	account_destroy(data, account);
}

struct memory_table *memory_table_find(const struct memory_account *account, struct cpl_str store)
{
	return cpl_map_get(&account->tables, store);
}

struct memory_table *memory_table_make(struct memory_account *account, const struct memory_store *store)
{
	struct memory_table *table = memory_table_find(account, store->name);

	if (table)
		return table;
	table = CPL_NEW(struct memory_table);
	table->store = store->name;
	table->account = account;
	cpl_map_put(&account->tables, table->store, table);
	return table;
}

size_t memory_row_size(const struct cpl_row *row, unsigned columns)
{
	size_t size =
		sizeof(struct memory_row) + columns * sizeof(struct cpl_value) + row->key.len + row->with.len;

	for (unsigned i = 0; i < columns; i++)
		size += row->values[i].type == CPL_VALUE_BYTES ? row->values[i].bytes.len : 0;
	return size;
}

int64_t memory_row_bytes(struct cpl_str key, int64_t id, const struct cpl_value *values, unsigned columns)
{
	int64_t bytes = (int64_t)key.len + (id ? 16 : 0);

	for (unsigned i = 0; i < columns; i++)
		bytes += values[i].type == CPL_VALUE_BYTES ? (int64_t)values[i].bytes.len : values[i].type == CPL_VALUE_INTEGER ? 8 : 0;
	return bytes;
}

static int64_t bytes_of(const struct memory_row *row)
{
	return memory_row_bytes(row->key, row->id, row->values, row->columns);
}

/* UNSAFE: hands out the bytes behind the values, of which memory_row_size() has made enough. */
static struct cpl_str bytes_take(char **at, struct cpl_str bytes)
{
	struct cpl_str copy = {*at, bytes.len};

	if (!bytes.ptr)
		return CPL_NONE;
	if (bytes.len)
		memcpy(*at, bytes.ptr, bytes.len);
	*at += bytes.len;
	return copy;
}

struct memory_row *memory_row_create(const struct cpl_row *row, unsigned columns)
{
	size_t size = memory_row_size(row, columns);
	struct memory_row *made = cpl_alloc(size);
	char *at = (char *)&made->values[columns];

	made->id = row->id;
	made->when = row->when;
	made->size = size;
	made->columns = columns;
	made->key = bytes_take(&at, row->key);
	made->with = bytes_take(&at, row->with);
	for (unsigned i = 0; i < columns; i++) {
		made->values[i] = row->values[i];
		if (row->values[i].type == CPL_VALUE_BYTES)
			made->values[i].bytes = bytes_take(&at, row->values[i].bytes);
	}
	return made;
}

size_t memory_table_seek(const struct memory_table *table, struct cpl_str key, int64_t id, bool *found)
{
	size_t low = 0, high = table->count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct memory_row *row = table->rows[middle];
		int order = row->id != id ? (row->id < id ? -1 : 1) : cpl_str_compare(row->key, key);

		if (order == 0)
			*found = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void memory_table_put(struct memory_data *data, struct memory_table *table, struct memory_row *row)
{
	bool found;
	size_t at = memory_table_seek(table, row->key, row->id, &found);

	data->used += row->size;
	table->account->bytes += bytes_of(row);
	if (found) {
		table->account->bytes -= bytes_of(table->rows[at]);
		data->used -= table->rows[at]->size;
		cpl_free(table->rows[at]);
		table->rows[at] = row;
		return;
	}
	if (table->count == table->room) {
		table->room = table->room ? table->room * 2 : 4;
		table->rows = cpl_realloc(table->rows, table->room * sizeof(*table->rows));
	}
	memmove(&table->rows[at + 1], &table->rows[at], (table->count - at) * sizeof(*table->rows));
	table->rows[at] = row;
	table->count++;
}

void memory_table_cut(struct memory_data *data, struct memory_table *table, size_t first, size_t count)
{
	if (count == 0)
		return;
	for (size_t i = first; i < first + count; i++) {
		data->used -= table->rows[i]->size;
		table->account->bytes -= bytes_of(table->rows[i]);
		cpl_free(table->rows[i]);
	}
	table->count -= count;
	memmove(&table->rows[first], &table->rows[first + count],
		(table->count - first) * sizeof(*table->rows));
}
