/* SPDX-License-Identifier: MIT */
/* Batches and reads in memory. */
#include "storage/memory/execute.h"

#include <stdlib.h>

static struct memory_account *account_find(const struct memory_data *data, struct cpl_jid account)
{
	return cpl_map_get(&data->accounts, cpl_jid_str(account));
}

/* ---- writing ---- */

static struct cpl_row step_row(const struct cpl_store_step *step)
{
	return (struct cpl_row){.key = step->key,
				.id = step->id,
				.when = step->when,
				.with = step->with,
				.values = step->values};
}

/* Whether the account is there once the steps before this one are done: what they changed is in `changed`. */
static bool will_exist(const struct memory_data *data, const struct cpl_map *changed, struct cpl_jid account)
{
	const char *change = cpl_map_get(changed, cpl_jid_str(account));

	if (!account.local_len)
		return true; /* a host: its first row makes it */
	return change ? *change == '+' : account_find(data, account) != NULL;
}

/* Whether the row is there once the steps before this one are done. */
static bool row_will_exist(const struct memory_data *data, const struct cpl_store_step *first, const struct cpl_store_step *step)
{
	const struct memory_account *account = account_find(data, step->account);
	const struct memory_table *table = account ? memory_table_find(account, cpl_str_of(step->store->name)) : NULL;
	bool found = false;

	if (table)
		memory_table_seek(table, step->key, 0, &found);
	for (; first != step; first = first->next) {
		if (!cpl_jid_equal(first->account, step->account))
			continue;
		if (first->op == CPL_OP_ACCOUNT_REMOVE)
			found = false;
		else if (!first->store || strcmp(first->store->name, step->store->name) != 0)
			continue;
		else if (first->op == CPL_OP_REMOVE && (!first->key.ptr || cpl_str_equal(first->key, step->key)))
			found = false;
		else if ((first->op == CPL_OP_SET || first->op == CPL_OP_INSERT) && cpl_str_equal(first->key, step->key))
			found = true;
	}
	return found;
}

static bool same_value(const struct cpl_value *a, const struct cpl_value *b)
{
	if (a->type != b->type)
		return false;
	return a->type == CPL_VALUE_INTEGER ? a->integer == b->integer : a->type == CPL_VALUE_NULL || cpl_str_equal(a->bytes, b->bytes);
}

/* Steps that change something come later. */
static bool row_is_as_expected(const struct memory_data *data, const struct cpl_store_step *step)
{
	const struct memory_account *account = account_find(data, step->account);
	const struct memory_table *table = account ? memory_table_find(account, cpl_str_of(step->store->name)) : NULL;
	bool same = false;
	size_t at = table ? memory_table_seek(table, step->key, 0, &same) : 0;

	for (unsigned i = 0; same && i < step->columns; i++)
		same = same_value(&table->rows[at]->values[i], &step->values[i]);
	return same;
}

static int step_judge(const struct memory_data *data, struct cpl_map *changed, const struct cpl_store_step *first,
		      const struct cpl_store_step *step, struct cpl_error *error)
{
	bool exists = will_exist(data, changed, step->account);

	switch (step->op) {
	case CPL_OP_ACCOUNT_CREATE:
		if (exists)
			return cpl_fail(error, CPL_E_EXISTS, "there is an account %.*s",
					CPL_ARG(cpl_jid_str(step->account)));
		cpl_map_put(changed, cpl_jid_str(step->account), "+");
		return 0;
	case CPL_OP_SET:
	case CPL_OP_INSERT:
	case CPL_OP_APPEND:
	case CPL_OP_ACCOUNT_REMOVE:
	case CPL_OP_ACCOUNT_DISABLE:
	case CPL_OP_ACCOUNT_QUOTA:
		if (!exists)
			return cpl_fail(error, CPL_E_NOT_FOUND, "there is no account %.*s",
					CPL_ARG(cpl_jid_str(step->account)));
		if (step->op == CPL_OP_ACCOUNT_REMOVE)
			cpl_map_put(changed, cpl_jid_str(step->account), "-");
		if (step->op == CPL_OP_INSERT && row_will_exist(data, first, step))
			return cpl_fail(error, CPL_E_CONFLICT, "there is such a row in the store %s already", step->store->name);
		return 0;
	case CPL_OP_EXPECT:
		if (!row_is_as_expected(data, step))
			return cpl_fail(error, CPL_E_CONFLICT, "the row in the store %s is another now", step->store->name);
		return 0;
	default:
		return 0;
	}
}

/* What the step adds to the account's bytes, as its rows are before the batch. */
static int64_t step_growth(const struct memory_account *account, const struct cpl_store_step *step)
{
	const struct memory_table *table = memory_table_find(account, cpl_str_of(step->store->name));
	bool one = step->op == CPL_OP_SET || (step->op == CPL_OP_REMOVE && step->key.ptr), found = false;
	size_t at = table ? memory_table_seek(table, one ? step->key : CPL_NONE, step->op == CPL_OP_PURGE ? step->id : 0, &found) : 0;
	int64_t growth = step->values ? memory_row_bytes(step->key, step->id, step->values, step->columns) : 0;

	for (; table && !step->values && !one && at < table->count && (step->op != CPL_OP_PURGE || table->rows[at]->id <= step->last); at++)
		growth -= memory_row_bytes(table->rows[at]->key, table->rows[at]->id, table->rows[at]->values, table->rows[at]->columns);
	if (one && found)
		growth -= memory_row_bytes(table->rows[at]->key, table->rows[at]->id, table->rows[at]->values, table->rows[at]->columns);
	return growth;
}

/* Of one account's steps in a run. */
static int quota_judge(const struct memory_data *data, const struct cpl_store_step *first, struct cpl_error *error)
{
	const struct memory_account *account = account_find(data, first->account);
	int64_t growth = 0, quota;

	if (!account || first->quota < 0)
		return 0;
	quota = account->quota >= 0 ? account->quota : first->quota;
	if (quota == 0)
		return 0;
	for (const struct cpl_store_step *step = first; step && cpl_jid_equal(step->account, first->account); step = step->next)
		growth += step->store && step->op != CPL_OP_EXPECT ? step_growth(account, step) : 0;
	if (growth <= 0 || account->bytes + growth <= quota)
		return 0;
	return cpl_fail(error, CPL_E_FULL, "%.*s would have %lld bytes, and its quota is %lld", CPL_ARG(cpl_jid_str(first->account)),
			(long long)(account->bytes + growth), (long long)quota);
}

static int batch_judge(const struct memory_data *data, struct cpl_store_request *request, size_t max_size)
{
	const struct cpl_store_step *before = NULL;
	struct cpl_map changed = {0};
	size_t size = data->used;
	int code = 0;

	for (const struct cpl_store_step *step = request->steps; step && !code; step = step->next) {
		struct cpl_row row = step_row(step);

		code = step_judge(data, &changed, request->steps, step, &request->error);
		if (!code && step->store && (!before || !cpl_jid_equal(before->account, step->account)))
			code = quota_judge(data, step, &request->error);
		before = step->store ? step : before;
		size += step->values && step->op != CPL_OP_EXPECT ? memory_row_size(&row, step->columns) : 0;
		if (!code && step->values && size > max_size)
			code = cpl_fail(&request->error, CPL_E_FULL,
					"the rows in memory have reached max_size");
	}
	cpl_map_finish(&changed);
	return code;
}

static void rows_remove(struct memory_data *data, const struct cpl_store_step *step)
{
	struct memory_account *account = account_find(data, step->account);
	struct memory_table *table =
		account ? memory_table_find(account, cpl_str_of(step->store->name)) : NULL;
	size_t first, end;
	bool found;

	if (!table)
		return;
	if (step->op == CPL_OP_PURGE) {
		first = memory_table_seek(table, CPL_NONE, step->id, &found);
		end = memory_table_seek(table, CPL_NONE, step->last, &found);
		end += found;
		memory_table_cut(data, table, first, end > first ? end - first : 0);
	} else if (step->store->kind == CPL_STORE_MAP && step->key.ptr) {
		first = memory_table_seek(table, step->key, 0, &found);
		memory_table_cut(data, table, first, found);
	} else {
		memory_table_cut(data, table, 0, table->count);
	}
}

static bool id_is_taken(void *data, int64_t id)
{
	bool found;

	memory_table_seek(data, CPL_NONE, id, &found);
	return found;
}

static void step_run(struct memory_data *data, const struct cpl_store_step *step, struct cpl_id_choice *choice)
{
	struct memory_account *account = account_find(data, step->account);
	struct memory_table *table;
	struct memory_store *store;
	struct cpl_row row;

	switch (step->op) {
	case CPL_OP_SET:
	case CPL_OP_INSERT:
	case CPL_OP_APPEND:
		if (!account)
			account = memory_account_add(data, cpl_jid_str(step->account));
		row = step_row(step);
		store = cpl_map_get(&data->stores, cpl_str_of(step->store->name));
		table = memory_table_make(account, store);
		/* An account's own ids do not meet: what is new is above all that came back. */
		if (step->op == CPL_OP_APPEND && step->flag)
			row.id = cpl_store_id_choose(choice, step, id_is_taken, table);
		if (step->op == CPL_OP_APPEND && row.id > store->last_id)
			store->last_id = row.id;
		memory_table_put(data, table, memory_row_create(&row, step->columns));
		break;
	case CPL_OP_REMOVE:
	case CPL_OP_PURGE:
		rows_remove(data, step);
		break;
	case CPL_OP_ACCOUNT_CREATE:
		memory_account_add(data, cpl_jid_str(step->account))->created = step->when;
		break;
	case CPL_OP_ACCOUNT_REMOVE:
		memory_account_remove(data, account);
		break;
	case CPL_OP_EXPECT:
		break;
	case CPL_OP_ACCOUNT_QUOTA:
		account->quota = step->quota;
		break;
	default:
		account->disabled = step->flag ? (step->when > 0 ? step->when : DISABLED_FOR_GOOD) : 0;
		break;
	}
}

void memory_write(struct memory_data *data, struct cpl_store_request *request, size_t max_size)
{
	struct cpl_id_choice choice = {0};

	request->status = batch_judge(data, request, max_size);
	if (request->status)
		return;
	for (const struct cpl_store_step *step = request->steps; step; step = step->next)
		step_run(data, step, &choice);
}

/* ---- reading ---- */

static struct cpl_str copied(struct cpl_arena *arena, struct cpl_str s)
{
	return s.ptr ? cpl_arena_copy(arena, s) : CPL_NONE;
}

static void row_copy(struct cpl_arena *arena, struct cpl_row *to, const struct memory_row *row,
		     unsigned columns)
{
	to->key = copied(arena, row->key);
	to->id = row->id;
	to->when = row->when;
	to->with = copied(arena, row->with);
	to->values = cpl_arena_alloc(arena, columns * sizeof(*to->values));
	for (unsigned i = 0; i < columns && i < row->columns; i++) {
		to->values[i] = row->values[i];
		if (row->values[i].type == CPL_VALUE_BYTES)
			to->values[i].bytes = cpl_arena_copy(arena, row->values[i].bytes);
	}
}

static void rows_copy(struct cpl_store_request *request, struct memory_row *const *rows, size_t count)
{
	request->rows = cpl_arena_alloc(request->arena, count * sizeof(*request->rows));
	request->count = count;
	for (size_t i = 0; i < count; i++)
		row_copy(request->arena, &request->rows[i], rows[i], request->steps->columns);
}

/* A bare JID matches its full JIDs, too. */
static bool with_matches(struct cpl_str with, struct cpl_jid wanted)
{
	struct cpl_str text = cpl_jid_str(wanted);

	if (cpl_jid_is_full(wanted) || with.len <= text.len)
		return cpl_str_equal(with, text);
	return cpl_str_starts(with, text) && with.ptr[text.len] == '/';
}

static bool row_matches(const struct memory_row *row, const struct cpl_archive_query *query)
{
	return (!query->start || row->when >= query->start) && (!query->end || row->when <= query->end) &&
	       (!query->after || row->id > query->after) && (!query->before || row->id < query->before) &&
	       (!cpl_jid_is_set(query->with) || with_matches(row->with, query->with));
}

static void archive_read(struct cpl_store_request *request, const struct memory_table *table)
{
	const struct cpl_store_step *step = request->steps;
	struct memory_row **found = cpl_alloc((table->count + 1) * sizeof(*found));
	size_t count = 0, first = 0;

	for (size_t i = 0; i < table->count; i++)
		if (row_matches(table->rows[i], &step->query))
			found[count++] = table->rows[i];
	if (step->op == CPL_OP_COUNT) {
		request->total = (int64_t)count;
	} else {
		request->complete = count <= step->limit;
		if (!request->complete && step->query.backwards)
			first = count - step->limit;
		rows_copy(request, found + first, request->complete ? count : step->limit);
	}
	cpl_free(found);
}

static int account_compare(const void *a, const void *b)
{
	return cpl_str_compare(((const struct cpl_row *)a)->account, ((const struct cpl_row *)b)->account);
}

/* Localpart and domainpart of a bare JID. */
static void account_split(struct cpl_str text, struct cpl_str *local, struct cpl_str *domain)
{
	ptrdiff_t at = cpl_str_find(text, '@');

	*local = at < 0 ? CPL_STR("") : (struct cpl_str){text.ptr, (size_t)at};
	*domain = (struct cpl_str){text.ptr + at + 1, text.len - (size_t)(at + 1)};
}

/* Is the account one of the list's domain, behind where it shall begin? */
static bool in_list(const struct cpl_store_step *step, const struct memory_account *account, struct cpl_str *local)
{
	struct cpl_str domain;

	account_split(account->text, local, &domain);
	return local->len > 0 && cpl_str_equal(domain, cpl_jid_str(step->account)) &&
	       (!step->key.ptr || cpl_str_compare(*local, step->key) > 0);
}

/* Puts them into order and keeps as many as were asked for. */
static void list_end(struct cpl_store_request *request, struct cpl_row *rows, size_t count)
{
	const struct cpl_store_step *step = request->steps;

	qsort(rows, count, sizeof(*rows), account_compare);
	request->complete = count <= step->limit;
	request->count = request->complete ? count : step->limit;
	request->rows = rows;
	for (size_t i = 0; i < request->count; i++)
		rows[i].account = cpl_arena_copy(request->arena, rows[i].account);
}

static void account_state(struct cpl_arena *arena, struct cpl_row *row, const struct memory_account *account)
{
	row->values = cpl_arena_alloc(arena, 2 * sizeof(*row->values));
	row->values[0] = CPL_INTEGER(account->bytes);
	row->values[1] = account->quota < 0 ? CPL_NULL : CPL_INTEGER(account->quota);
	row->when = account->created;
	row->disabled = account->disabled != 0;
	row->id = account->disabled > DISABLED_FOR_GOOD ? account->disabled : 0;
}

static void accounts_list(const struct memory_data *data, struct cpl_store_request *request)
{
	const struct cpl_store_step *step = request->steps;
	const struct memory_account *account;
	struct cpl_row *rows = cpl_arena_alloc(request->arena, (data->accounts.count + 1) * sizeof(*rows));
	struct cpl_str local;
	size_t at = 0, count = 0;

	while ((account = cpl_map_next(&data->accounts, &at))) {
		if (!in_list(step, account, &local))
			continue;
		rows[count] = (struct cpl_row){.account = local};
		account_state(request->arena, &rows[count++], account);
	}
	list_end(request, rows, count);
}

/* Of a keyval store: the one row of each account that has one. */
static void rows_list(const struct memory_data *data, struct cpl_store_request *request)
{
	const struct cpl_store_step *step = request->steps;
	const struct memory_account *account;
	const struct memory_table *table;
	struct cpl_row *rows = cpl_arena_alloc(request->arena, (data->accounts.count + 1) * sizeof(*rows));
	struct cpl_str local;
	size_t at = 0, count = 0;

	while ((account = cpl_map_next(&data->accounts, &at))) {
		table = memory_table_find(account, cpl_str_of(step->store->name));
		if (!table || table->count == 0 || !in_list(step, account, &local))
			continue;
		row_copy(request->arena, &rows[count], table->rows[0], step->columns);
		rows[count++].account = local;
	}
	list_end(request, rows, count);
}

static void account_read(struct cpl_store_request *request, const struct memory_account *account)
{
	if (!account) {
		request->status = cpl_fail(&request->error, CPL_E_NOT_FOUND, "there is no account %.*s",
					   CPL_ARG(cpl_jid_str(request->steps->account)));
		return;
	}
	request->rows = cpl_arena_alloc(request->arena, sizeof(*request->rows));
	request->count = 1;
	request->rows->account = cpl_jid_local(request->steps->account);
	account_state(request->arena, request->rows, account);
}

void memory_read(const struct memory_data *data, struct cpl_store_request *request)
{
	static const struct memory_table nothing;
	const struct cpl_store_step *step = request->steps;
	const struct memory_account *account = account_find(data, step->account);
	const struct memory_table *table =
		account && step->store ? memory_table_find(account, cpl_str_of(step->store->name)) : NULL;
	bool found = false;
	size_t at;

	request->complete = true;
	if (!table)
		table = &nothing;
	switch (step->op) {
	case CPL_OP_GET:
		at = memory_table_seek(table, step->key, 0, &found);
		if (found)
			rows_copy(request, table->rows + at, 1);
		break;
	case CPL_OP_ALL:
		at = step->key.ptr ? memory_table_seek(table, step->key, 0, &found) : 0;
		at += found;
		request->complete = table->count - at <= step->limit;
		if (at < table->count)
			rows_copy(request, table->rows + at, request->complete ? table->count - at : step->limit);
		break;
	case CPL_OP_ACCOUNT_GET:
		account_read(request, account);
		break;
	case CPL_OP_ACCOUNT_LIST:
		accounts_list(data, request);
		break;
	case CPL_OP_LIST:
		rows_list(data, request);
		break;
	default:
		archive_read(request, table);
		break;
	}
}
