/* SPDX-License-Identifier: MIT */
/* Data to bytes and back: numbers of eight bytes in the host's order, strings behind their length (-1: not
 * there). */
#include "storage/memory/keep.h"

static void number_write(struct cpl_buf *out, int64_t number)
{
	cpl_buf_add(out, (struct cpl_str){(const char *)&number, sizeof(number)});
}

static void string_write(struct cpl_buf *out, struct cpl_str s)
{
	number_write(out, s.ptr ? (int64_t)s.len : -1);
	cpl_buf_add(out, s);
}

static void row_write(const struct memory_row *row, struct cpl_buf *out)
{
	string_write(out, row->key);
	number_write(out, row->id);
	number_write(out, row->when);
	string_write(out, row->with);
	number_write(out, row->columns);
	for (unsigned i = 0; i < row->columns; i++) {
		number_write(out, row->values[i].type);
		number_write(out, row->values[i].integer);
		string_write(out, row->values[i].bytes);
	}
}

static void account_write(const struct memory_account *account, struct cpl_buf *out)
{
	const struct memory_table *table;
	size_t at = 0;

	string_write(out, account->text);
	number_write(out, account->created);
	number_write(out, account->disabled);
	number_write(out, account->quota);
	number_write(out, (int64_t)account->tables.count);
	while ((table = cpl_map_next(&account->tables, &at))) {
		string_write(out, table->store);
		number_write(out, (int64_t)table->count);
		for (size_t i = 0; i < table->count; i++)
			row_write(table->rows[i], out);
	}
}

void memory_data_write(const struct memory_data *data, struct cpl_buf *out)
{
	const struct memory_store *store;
	const struct memory_account *account;
	size_t at = 0;

	number_write(out, (int64_t)data->stores.count);
	while ((store = cpl_map_next(&data->stores, &at))) {
		string_write(out, store->name);
		number_write(out, store->kind);
		number_write(out, store->version);
		number_write(out, store->columns);
		number_write(out, store->last_id);
	}
	number_write(out, (int64_t)data->accounts.count);
	at = 0;
	while ((account = cpl_map_next(&data->accounts, &at)))
		account_write(account, out);
}

/* What is still to be read. The first thing that does not fit sets `bad`; everything after it reads as zero.
 */
struct reader {
	struct cpl_str rest;
	bool bad;
};

static int64_t number_read(struct reader *in, int64_t min, int64_t max)
{
	int64_t number;

	if (in->bad || in->rest.len < sizeof(number)) {
		in->bad = true;
		return 0;
	}
	memcpy(&number, in->rest.ptr, sizeof(number));
	in->rest.ptr += sizeof(number);
	in->rest.len -= sizeof(number);
	if (number < min || number > max)
		in->bad = true;
	return in->bad ? 0 : number;
}

static struct cpl_str string_read(struct reader *in)
{
	int64_t len = number_read(in, -1, INT64_MAX);
	struct cpl_str s = {in->rest.ptr, (size_t)len};

	if (in->bad || len < 0)
		return CPL_NONE;
	if (s.len > in->rest.len) {
		in->bad = true;
		return CPL_NONE;
	}
	in->rest.ptr += s.len;
	in->rest.len -= s.len;
	return s;
}

static void row_read(struct reader *in, struct memory_data *data, struct memory_table *table)
{
	struct cpl_value values[CPL_COLUMNS_MAX];
	struct cpl_row row = {.values = values};
	unsigned columns;

	row.key = string_read(in);
	row.id = number_read(in, INT64_MIN, INT64_MAX);
	row.when = number_read(in, INT64_MIN, INT64_MAX);
	row.with = string_read(in);
	columns = (unsigned)number_read(in, 0, CPL_COLUMNS_MAX);
	for (unsigned i = 0; i < columns; i++) {
		values[i].type = (enum cpl_value_type)number_read(in, CPL_VALUE_NULL, CPL_VALUE_BYTES);
		values[i].integer = number_read(in, INT64_MIN, INT64_MAX);
		values[i].bytes = string_read(in);
	}
	if (!in->bad)
		memory_table_put(data, table, memory_row_create(&row, columns));
}

static void account_read(struct reader *in, struct memory_data *data)
{
	struct cpl_str text = string_read(in);
	struct memory_account *account;
	int64_t tables;

	if (!text.len || cpl_map_get(&data->accounts, text)) {
		in->bad = true;
		return;
	}
	account = memory_account_add(data, text);
	account->created = number_read(in, INT64_MIN, INT64_MAX);
	account->disabled = number_read(in, 0, INT64_MAX);
	account->quota = number_read(in, -1, INT64_MAX);
	tables = number_read(in, 0, INT64_MAX);
	for (int64_t i = 0; i < tables && !in->bad; i++) {
		struct memory_store *store = cpl_map_get(&data->stores, string_read(in));
		int64_t rows = number_read(in, 0, INT64_MAX);
		struct memory_table *table;

		if (!store) {
			in->bad = true;
			break;
		}
		table = memory_table_make(account, store);
		for (int64_t n = 0; n < rows && !in->bad; n++)
			row_read(in, data, table);
	}
}

static void store_read(struct reader *in, struct memory_data *data)
{
	struct cpl_str name = string_read(in);
	struct memory_store *store;

	if (!name.len || cpl_map_get(&data->stores, name)) {
		in->bad = true;
		return;
	}
	store = memory_store_add(data, name);
	store->kind = (enum cpl_store_kind)number_read(in, 0, CPL_STORE_ARCHIVE);
	store->version = (unsigned)number_read(in, 1, UINT32_MAX);
	store->columns = (unsigned)number_read(in, 0, CPL_COLUMNS_MAX);
	store->last_id = number_read(in, 0, INT64_MAX);
}

int memory_data_read(struct memory_data *data, struct cpl_str bytes, struct cpl_error *error)
{
	struct reader in = {bytes, false};
	int64_t count = number_read(&in, 0, INT64_MAX);

	for (int64_t i = 0; i < count && !in.bad; i++)
		store_read(&in, data);
	count = number_read(&in, 0, INT64_MAX);
	for (int64_t i = 0; i < count && !in.bad; i++)
		account_read(&in, data);
	if (in.bad || in.rest.len)
		return cpl_fail(error, CPL_E_CORRUPT,
				"the rows that the module memory handed over cannot be read");
	return 0;
}
