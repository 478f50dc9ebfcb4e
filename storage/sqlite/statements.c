/* SPDX-License-Identifier: MIT */
/* The SQL of the driver, and the tables that it speaks of. */
#include "storage/sqlite/statements.h"
#include "storage/sqlite/numbers.h"
#include "storage/sqlite/open.h"

static const char *const common_sql[DB_COMMONS] = {
	[DB_BEGIN] = "BEGIN IMMEDIATE",
	[DB_BEGIN_READ] = "BEGIN",
	[DB_SNAPSHOT] = "PRAGMA data_version",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_SAVEPOINT] = "SAVEPOINT batch",
	[DB_RELEASE] = "RELEASE batch",
	[DB_ROLLBACK_TO] = "ROLLBACK TO batch",
	[DB_ACCOUNT_ID] = "SELECT id FROM account WHERE host = ?1 AND username = ?2",
	[DB_ACCOUNT_INSERT] = "INSERT INTO account (host, username, created) VALUES (?1, ?2, ?3)",
	[DB_ACCOUNT_DELETE] = "DELETE FROM account WHERE host = ?1 AND username = ?2",
	[DB_ACCOUNT_DISABLE] = "UPDATE account SET disabled = ?3 WHERE host = ?1 AND username = ?2",
	[DB_ACCOUNT_QUOTA] = "INSERT INTO account_usage (account, quota) SELECT id, ?3 FROM account WHERE host = ?1 AND username = ?2 "
			     "ON CONFLICT (account) DO UPDATE SET quota = excluded.quota",
	[DB_USAGE_GET] = "SELECT bytes, quota FROM account_usage WHERE account = ?1",
	[DB_ACCOUNT_GET] = "SELECT username, created, disabled, ifnull(bytes, 0), quota FROM account LEFT JOIN account_usage ON account = id "
			   "WHERE id = ?1",
	[DB_ACCOUNT_LIST] = "SELECT username, created, disabled, ifnull(bytes, 0), quota FROM account LEFT JOIN account_usage ON account = id "
			    "WHERE host = ?1 AND username > ifnull(?2, '') ORDER BY username LIMIT ?3",
	[DB_CONTACT_ID] = "SELECT id FROM contact WHERE jid = ?1",
	[DB_CONTACT_INSERT] = "INSERT INTO contact (jid) VALUES (?1)",
	[DB_CLOCK_SET] =
		"INSERT OR REPLACE INTO store_clock (store, id, least, most) VALUES (?1, ?2, ?3, ?4)",
	[DB_CLOCK_ALL] = "SELECT id, least, most FROM store_clock WHERE store = ?1 ORDER BY id",
};

/* Ranges of ids and times are always bound; what is open is bound to the ends of the numbers. */
#define RANGE "account = ?1 AND id BETWEEN ?2 AND ?3 AND \"when\" BETWEEN ?4 AND ?5"

static void columns_add(struct cpl_buf *sql, const struct db_table *table)
{
	for (unsigned i = 0; i < table->columns; i++)
		cpl_buf_addf(sql, ", \"%s\"", table->store.columns[i].name);
}

static void set_sql(struct cpl_buf *sql, const struct db_table *table, const char *otherwise)
{
	static const char *const own[] = {
		[CPL_STORE_KEYVAL] = "account",
		[CPL_STORE_MAP] = "account, key",
		[CPL_STORE_ARCHIVE] = "account, id, \"when\", \"with\", with_resource",
	};
	static const unsigned own_count[] = {
		[CPL_STORE_KEYVAL] = 1, [CPL_STORE_MAP] = 2, [CPL_STORE_ARCHIVE] = 5};

	cpl_buf_addf(sql, "INSERT %sINTO \"%s\" (%s", table->store.kind == CPL_STORE_ARCHIVE ? "" : otherwise, table->store.name,
		     own[table->store.kind]);
	columns_add(sql, table);
	cpl_buf_addf(sql, ") VALUES (?1");
	for (unsigned i = 2; i <= own_count[table->store.kind] + table->columns; i++)
		cpl_buf_addf(sql, ", ?%u", i);
	cpl_buf_add_char(sql, ')');
	/* Not OR REPLACE, which would remove the old row without its trigger. */
	if (*otherwise || table->store.kind == CPL_STORE_ARCHIVE)
		return;
	cpl_buf_addf(sql, " ON CONFLICT (%s) DO %s", own[table->store.kind], table->columns ? "UPDATE SET" : "NOTHING");
	for (unsigned i = 0; i < table->columns; i++)
		cpl_buf_addf(sql, "%s \"%s\" = excluded.\"%s\"", i ? "," : "", table->store.columns[i].name, table->store.columns[i].name);
}

/* The index has the ids within one account (and contact) in order; the planner must not walk the whole table
 * by id instead. */
static void archive_sql(struct cpl_buf *sql, const struct db_table *table, unsigned variant, const char *end)
{
	static const char *const with[] = {"", " AND \"with\" = ?6",
					   " AND \"with\" = ?6 AND with_resource = ?7"};

	cpl_buf_addf(sql, " FROM \"%s\" INDEXED BY \"%s.account%s\" WHERE " RANGE "%s%s", table->store.name,
		     table->store.name, variant ? ".with" : "", with[variant], end);
}

static void query_sql(struct cpl_buf *sql, const struct db_table *table, unsigned variant, bool back)
{
	cpl_buf_addf(
		sql,
		"SELECT id, \"when\", (SELECT jid FROM contact WHERE contact.id = \"with\"), with_resource");
	columns_add(sql, table);
	archive_sql(sql, table, variant, back ? " ORDER BY id DESC LIMIT ?8" : " ORDER BY id LIMIT ?8");
}

static void statement_sql(struct cpl_buf *sql, const struct db_table *table, enum db_statement which)
{
	const char *name = table->store.name;

	switch (which) {
	case DB_SET:
		set_sql(sql, table, "");
		break;
	case DB_INSERT:
		set_sql(sql, table, "OR IGNORE ");
		break;
	case DB_LIST:
		cpl_buf_addf(sql, "SELECT owner.username");
		columns_add(sql, table);
		cpl_buf_addf(sql,
			     " FROM account AS owner JOIN \"%s\" AS own ON own.account = owner.id WHERE owner.host = ?1 "
			     "AND owner.username > ifnull(?2, '') ORDER BY owner.username LIMIT ?3",
			     name);
		break;
	case DB_REMOVE:
		cpl_buf_addf(sql, "DELETE FROM \"%s\" WHERE account = ?1 AND key = ?2", name);
		break;
	case DB_REMOVE_ALL:
		cpl_buf_addf(sql, "DELETE FROM \"%s\" WHERE account = ?1", name);
		break;
	case DB_PURGE:
		cpl_buf_addf(sql,
			     "DELETE FROM \"%s\" INDEXED BY \"%s.account\" WHERE account = ?1 AND id BETWEEN "
			     "?2 AND ?3",
			     name, name);
		break;
	case DB_GET:
	case DB_ALL:
	case DB_PAGE:
		cpl_buf_addf(sql, "SELECT %s", table->store.kind == CPL_STORE_MAP ? "key" : "NULL");
		columns_add(sql, table);
		cpl_buf_addf(sql, " FROM \"%s\" WHERE account = ?1", name);
		if (which == DB_ALL)
			cpl_buf_addf(sql, " ORDER BY key LIMIT ?2");
		else if (which == DB_PAGE)
			cpl_buf_addf(sql, " AND key > ?3 ORDER BY key LIMIT ?2");
		else if (table->store.kind == CPL_STORE_MAP)
			cpl_buf_addf(sql, " AND key = ?2");
		break;
	case DB_ID:
		cpl_buf_addf(sql, "SELECT 1 FROM \"%s\" WHERE id = ?1", name);
		break;
	default:
		if (which >= DB_COUNT) {
			cpl_buf_addf(sql, "SELECT count(*)");
			archive_sql(sql, table, which - DB_COUNT, "");
		} else if (which >= DB_QUERY_BACK) {
			query_sql(sql, table, which - DB_QUERY_BACK, true);
		} else {
			query_sql(sql, table, which - DB_QUERY, false);
		}
		break;
	}
}

static int prepare(struct db_connection *connection, struct cpl_str sql, sqlite3_stmt **statement,
		   struct cpl_error *error)
{
	if (sqlite3_prepare_v3(connection->sql, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, statement,
			       NULL) != SQLITE_OK)
		return db_fail(connection, error, "preparing a statement");
	return 0;
}

sqlite3_stmt *statement_common(struct db_connection *connection, enum db_common which,
			       struct cpl_error *error)
{
	if (!connection->common[which])
		prepare(connection, cpl_str_of(common_sql[which]), &connection->common[which], error);
	return connection->common[which];
}

sqlite3_stmt *statement_of(struct db_connection *connection, struct db_table *table, enum db_statement which,
			   struct cpl_error *error)
{
	sqlite3_stmt **statement = &table->statements[connection->side][which];
	struct cpl_buf sql = {0};

	if (!*statement) {
		statement_sql(&sql, table, which);
		prepare(connection, cpl_buf_str(&sql), statement, error);
		cpl_buf_finish(&sql);
	}
	return *statement;
}

int statement_run(struct db_connection *connection, sqlite3_stmt *statement, const char *doing,
		  struct cpl_error *error)
{
	int code = 0;

	if (!statement)
		return error->code;
	if (sqlite3_step(statement) != SQLITE_DONE)
		code = db_fail(connection, error, doing);
	sqlite3_reset(statement);
	return code;
}

int statement_run_common(struct db_connection *connection, enum db_common which, struct cpl_error *error)
{
	return statement_run(connection, statement_common(connection, which, error),
			     which == DB_COMMIT ? "the commit" : common_sql[which], error);
}

/* ---- values ---- */

void statement_bind_text(sqlite3_stmt *statement, int position, struct cpl_str text)
{
	if (text.ptr)
		sqlite3_bind_text64(statement, position, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(statement, position);
}

void statement_bind_values(sqlite3_stmt *statement, int position, const struct db_table *table,
			   const struct cpl_value *values, unsigned columns)
{
	for (unsigned i = 0; i < table->columns; i++, position++) {
		if (i >= columns || values[i].type == CPL_VALUE_NULL)
			sqlite3_bind_null(statement, position);
		else if (values[i].type == CPL_VALUE_INTEGER)
			sqlite3_bind_int64(statement, position, values[i].integer);
		else if (table->store.columns[i].type == CPL_COLUMN_BLOB)
			sqlite3_bind_blob64(statement, position, values[i].bytes.ptr, values[i].bytes.len,
					    SQLITE_STATIC);
		else
			statement_bind_text(statement, position, values[i].bytes);
	}
}

struct cpl_str statement_text(sqlite3_stmt *statement, int column, struct cpl_arena *arena)
{
	const char *bytes;

	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return CPL_NONE;
	/* In this order, as SQLite's manual asks. An empty value has no address. */
	bytes = sqlite3_column_blob(statement, column);
	return cpl_arena_copy(
		arena, (struct cpl_str){bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement, column)});
}

struct cpl_value *statement_values(sqlite3_stmt *statement, int column, unsigned known, unsigned wanted,
				   struct cpl_arena *arena)
{
	struct cpl_value *values = cpl_arena_alloc(arena, (wanted ? wanted : 1) * sizeof(*values));

	for (unsigned i = 0; i < wanted && i < known; i++, column++) {
		if (sqlite3_column_type(statement, column) == SQLITE_INTEGER)
			values[i] = CPL_INTEGER(sqlite3_column_int64(statement, column));
		else
			values[i] = CPL_BYTES(statement_text(statement, column, arena));
	}
	return values;
}

/* ---- tables ---- */

struct db_table *table_find(struct database *db, const char *store)
{
	struct db_table *table;

	pthread_mutex_lock(&db->tables_lock);
	table = cpl_map_get(&db->tables, cpl_str_of(store));
	pthread_mutex_unlock(&db->tables_lock);
	return table;
}

struct db_table *table_create(const struct cpl_store *store, unsigned columns)
{
	struct db_table *table = CPL_NEW(struct db_table);
	struct cpl_column *copy = cpl_alloc((columns + 1) * sizeof(*copy));

	table->columns = columns;
	table->store = (struct cpl_store){cpl_strdup(cpl_str_of(store->name)), store->kind, store->version,
					  copy, NULL};
	for (unsigned i = 0; i < columns; i++) {
		copy[i] = store->columns[i];
		copy[i].name = cpl_strdup(cpl_str_of(store->columns[i].name));
	}
	return table;
}

void table_add(struct database *db, struct db_table *table)
{
	pthread_mutex_lock(&db->tables_lock);
	cpl_map_put(&db->tables, cpl_str_of(table->store.name), table);
	table->next = db->all_tables;
	db->all_tables = table;
	pthread_mutex_unlock(&db->tables_lock);
}

void table_destroy(struct db_table *table)
{
	for (unsigned side = 0; side < DB_SIDES; side++)
		for (unsigned which = 0; which < DB_STATEMENTS; which++)
			sqlite3_finalize(table->statements[side][which]);
	for (const struct cpl_column *column = table->store.columns; column->name; column++)
		cpl_free((void *)column->name);
	cpl_free((void *)table->store.columns);
	cpl_free((void *)table->store.name);
	cpl_free(table->segments);
	cpl_free(table);
}

void tables_finish(struct database *db)
{
	struct db_table *table;

	while ((table = db->all_tables)) {
		db->all_tables = table->next;
		table_destroy(table);
	}
	cpl_map_finish(&db->tables);
}

void statements_finish(struct db_connection *connection)
{
	for (unsigned which = 0; which < DB_COMMONS; which++) {
		sqlite3_finalize(connection->common[which]);
		connection->common[which] = NULL;
	}
	numbers_forget(connection);
}
