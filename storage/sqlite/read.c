/* SPDX-License-Identifier: MIT */
/* What reads do. */
#include "storage/sqlite/clock.h"
#include "storage/sqlite/execute.h"
#include "storage/sqlite/numbers.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"

/* A read under way: the rows as they come. */
struct reading {
	struct db_connection *connection;
	struct cpl_store_request *request;
	struct db_table *table; /* NULL: accounts */
	size_t room;
};

static struct cpl_row *row_add(struct reading *reading)
{
	struct cpl_store_request *request = reading->request;

	if (request->count == reading->room) {
		struct cpl_row *rows;

		reading->room = reading->room ? reading->room * 2 : 8;
		rows = cpl_arena_alloc(request->arena, reading->room * sizeof(*rows));
		if (request->count)
			memcpy(rows, request->rows, request->count * sizeof(*rows));
		request->rows = rows;
	}
	return &request->rows[request->count++];
}

/* One row more than the limit is asked for, to know whether there are more. */
static sqlite3_int64 one_more(size_t limit)
{
	return limit < INT64_MAX ? (sqlite3_int64)limit + 1 : INT64_MAX;
}

static void row_fill(struct reading *reading, sqlite3_stmt *statement, struct cpl_row *row)
{
	struct cpl_arena *arena = reading->request->arena;
	const struct cpl_store_step *step = reading->request->steps;
	struct cpl_str jid, resource;
	sqlite3_int64 disabled;

	switch (step->op) {
	case CPL_OP_ACCOUNT_GET:
	case CPL_OP_ACCOUNT_LIST:
		row->account = statement_text(statement, 0, arena);
		row->when = sqlite3_column_int64(statement, 1);
		disabled = sqlite3_column_int64(statement, 2);
		row->disabled = disabled != 0;
		row->id = disabled > DISABLED_FOR_GOOD ? disabled : 0;
		row->values = statement_values(statement, 3, 2, 2, arena);
		return;
	case CPL_OP_LIST:
		row->account = statement_text(statement, 0, arena);
		row->values = statement_values(statement, 1, reading->table->columns, step->columns, arena);
		return;
	case CPL_OP_QUERY:
		row->id = sqlite3_column_int64(statement, 0);
		row->when = sqlite3_column_int64(statement, 1);
		jid = statement_text(statement, 2, arena);
		resource = statement_text(statement, 3, arena);
		row->with = resource.ptr
				    ? cpl_arena_printf(arena, "%.*s/%.*s", CPL_ARG(jid), CPL_ARG(resource))
				    : jid;
		row->values = statement_values(statement, 4, reading->table->columns, step->columns, arena);
		return;
	default:
		row->key = statement_text(statement, 0, arena);
		row->values = statement_values(statement, 1, reading->table->columns, step->columns, arena);
		return;
	}
}

/* Steps through a statement that is bound and resets it. */
static void rows_read(struct reading *reading, sqlite3_stmt *statement, size_t limit)
{
	struct cpl_store_request *request = reading->request;
	int result;

	request->complete = true;
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		if (request->count == limit) {
			request->complete = false;
			break;
		}
		row_fill(reading, statement, row_add(reading));
	}
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		request->status = db_fail(reading->connection, &request->error, "reading");
	sqlite3_reset(statement);
}

static void rows_reverse(struct cpl_row *rows, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct cpl_row row = rows[i];

		rows[i] = rows[count - 1 - i];
		rows[count - 1 - i] = row;
	}
}

static void accounts_list(struct reading *reading)
{
	struct cpl_store_request *request = reading->request;
	const struct cpl_store_step *step = request->steps;
	sqlite3_stmt *statement = statement_common(reading->connection, DB_ACCOUNT_LIST, &request->error);

	if (!statement) {
		request->status = request->error.code;
		return;
	}
	statement_bind_text(statement, 1, cpl_jid_domain(step->account));
	statement_bind_text(statement, 2, step->key);
	sqlite3_bind_int64(statement, 3, one_more(step->limit));
	rows_read(reading, statement, step->limit);
}

/* The row with the account's number; false: there is no number. */
static bool account_row_read(struct reading *reading)
{
	struct cpl_store_request *request = reading->request;
	sqlite3_stmt *statement;
	int64_t number;

	request->status = account_number(reading->connection, request->steps->account, &number, &request->error);
	if (request->status || !number)
		return false;
	statement = statement_common(reading->connection, DB_ACCOUNT_GET, &request->error);
	if (!statement) {
		request->status = request->error.code;
		return false;
	}
	sqlite3_bind_int64(statement, 1, number);
	rows_read(reading, statement, 1);
	return true;
}

static void account_get(struct reading *reading)
{
	struct cpl_store_request *request = reading->request;
	struct cpl_jid account = request->steps->account;

	/* What the writer remembers may have been removed, and made again, by somebody else. */
	if (account_row_read(reading) && !request->status && request->count == 0) {
		account_forget(reading->connection, account);
		account_row_read(reading);
	}
	if (!request->status && request->count == 0)
		request->status = cpl_fail(&request->error, CPL_E_NOT_FOUND, "there is no account %.*s", CPL_ARG(cpl_jid_str(account)));
}

/* Binds ?1 to ?5 and, for a contact, ?6 and ?7. False: no row can match. */
static bool archive_bind(struct database *db, struct reading *reading, sqlite3_stmt *statement,
			 int64_t account, int64_t contact)
{
	const struct cpl_archive_query *query = &reading->request->steps->query;
	int64_t first, last;

	clock_range(db, reading->table, query->start, query->end, &first, &last);
	if (query->after && query->after >= first) {
		if (query->after == INT64_MAX)
			return false;
		first = query->after + 1;
	}
	if (query->before && query->before <= last) {
		if (query->before == INT64_MIN)
			return false;
		last = query->before - 1;
	}
	sqlite3_bind_int64(statement, 1, account);
	sqlite3_bind_int64(statement, 2, first);
	sqlite3_bind_int64(statement, 3, last);
	sqlite3_bind_int64(statement, 4, query->start ? query->start : INT64_MIN);
	sqlite3_bind_int64(statement, 5, query->end ? query->end : INT64_MAX);
	if (contact)
		sqlite3_bind_int64(statement, 6, contact);
	if (cpl_jid_is_full(query->with))
		statement_bind_text(statement, 7, cpl_jid_resource(query->with));
	return first <= last;
}

static void archive_read(struct database *db, struct reading *reading, int64_t account)
{
	struct cpl_store_request *request = reading->request;
	const struct cpl_store_step *step = request->steps;
	const struct cpl_archive_query *query = &step->query;
	unsigned variant = !cpl_jid_is_set(query->with) ? 0 : cpl_jid_is_full(query->with) ? 2 : 1;
	unsigned base = step->op == CPL_OP_COUNT ? DB_COUNT : query->backwards ? DB_QUERY_BACK : DB_QUERY;
	sqlite3_stmt *statement;
	int64_t contact = 0;

	if (variant) {
		request->status = contact_number(reading->connection, cpl_jid_str(cpl_jid_bare(query->with)),
						 false, &contact, &request->error);
		if (request->status || !contact)
			return;
	}
	statement = statement_of(reading->connection, reading->table, (enum db_statement)(base + variant),
				 &request->error);
	if (!statement) {
		request->status = request->error.code;
		return;
	}
	if (!archive_bind(db, reading, statement, account, contact))
		return;
	if (step->op == CPL_OP_COUNT) {
		if (sqlite3_step(statement) == SQLITE_ROW)
			request->total = sqlite3_column_int64(statement, 0);
		else
			request->status = db_fail(reading->connection, &request->error, "counting");
		sqlite3_reset(statement);
		return;
	}
	sqlite3_bind_int64(statement, 8, one_more(step->limit));
	rows_read(reading, statement, step->limit);
	if (query->backwards)
		rows_reverse(request->rows, request->count);
}

static void map_read(struct reading *reading, int64_t account)
{
	struct cpl_store_request *request = reading->request;
	const struct cpl_store_step *step = request->steps;
	bool all = step->op == CPL_OP_ALL;
	enum db_statement which = !all ? DB_GET : step->key.ptr ? DB_PAGE : DB_ALL;
	sqlite3_stmt *statement = statement_of(reading->connection, reading->table, which, &request->error);

	if (!statement) {
		request->status = request->error.code;
		return;
	}
	sqlite3_bind_int64(statement, 1, account);
	if (all)
		sqlite3_bind_int64(statement, 2, one_more(step->limit));
	if (which == DB_PAGE)
		statement_bind_text(statement, 3, step->key);
	else if (!all && reading->table->store.kind == CPL_STORE_MAP)
		statement_bind_text(statement, 2, step->key);
	rows_read(reading, statement, all ? step->limit : 1);
}

/* One row per account of a domain. */
static void keyval_list(struct reading *reading)
{
	struct cpl_store_request *request = reading->request;
	const struct cpl_store_step *step = request->steps;
	sqlite3_stmt *statement = statement_of(reading->connection, reading->table, DB_LIST, &request->error);

	if (!statement) {
		request->status = request->error.code;
		return;
	}
	statement_bind_text(statement, 1, cpl_jid_domain(step->account));
	statement_bind_text(statement, 2, step->key);
	sqlite3_bind_int64(statement, 3, one_more(step->limit));
	rows_read(reading, statement, step->limit);
}

/* A statement that is not reset keeps its snapshot, and this one says whether the database is the one of the last snapshot. */
bool snapshot_open(struct db_connection *reader)
{
	struct cpl_error error;
	sqlite3_stmt *statement = statement_common(reader, DB_SNAPSHOT, &error);
	int64_t version;

	reader->snapshot = statement && sqlite3_step(statement) == SQLITE_ROW;
	version = reader->snapshot ? sqlite3_column_int64(statement, 0) : 0;
	if (!reader->snapshot || version != reader->version)
		numbers_forget(reader);
	reader->version = version;
	if (!reader->snapshot)
		sqlite3_reset(statement);
	return reader->snapshot;
}

void snapshot_close(struct db_connection *reader)
{
	sqlite3_reset(reader->common[DB_SNAPSHOT]);
	reader->snapshot = false;
}

void execute_read(struct database *db, struct db_connection *connection, struct cpl_store_request *request)
{
	const struct cpl_store_step *step = request->steps;
	struct reading reading = {.connection = connection, .request = request};
	int64_t account;

	if (step->op == CPL_OP_ACCOUNT_GET) {
		account_get(&reading);
		return;
	}
	if (step->op == CPL_OP_ACCOUNT_LIST) {
		accounts_list(&reading);
		return;
	}
	request->complete = true;
	reading.table = table_find(db, step->store->name);
	if (!reading.table) {
		request->status = cpl_fail(&request->error, CPL_E_UNSUPPORTED,
					   "the store %s was not declared", step->store->name);
		return;
	}
	if (step->op == CPL_OP_LIST) {
		keyval_list(&reading);
		return;
	}
	request->status = account_number(connection, step->account, &account, &request->error);
	if (request->status || !account)
		return;
	if (step->op == CPL_OP_QUERY || step->op == CPL_OP_COUNT)
		archive_read(db, &reading, account);
	else
		map_read(&reading, account);
}
