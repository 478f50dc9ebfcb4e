/* SPDX-License-Identifier: MIT */
/* From declarations to tables. */
#include "storage/sqlite/schema.h"
#include "storage/sqlite/clock.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/usage.h"

#include <stdio.h>

static const char *const kinds[] = {
	[CPL_STORE_KEYVAL] = "keyval", [CPL_STORE_MAP] = "map", [CPL_STORE_ARCHIVE] = "archive"};
static const char *const types[] = {
	[CPL_COLUMN_TEXT] = "TEXT",
	[CPL_COLUMN_INTEGER] = "INTEGER",
	[CPL_COLUMN_BLOB] = "BLOB",
	[CPL_COLUMN_STANZA] = "TEXT",
};

#define TO_ACCOUNT "REFERENCES account (id) ON DELETE CASCADE"

void schema_table_sql(struct cpl_buf *sql, const struct db_table *table, const char *name)
{
	cpl_buf_addf(sql, "CREATE TABLE \"%s\" (\n", name);
	switch (table->store.kind) {
	case CPL_STORE_KEYVAL:
		cpl_buf_addf(sql, "\taccount INTEGER PRIMARY KEY " TO_ACCOUNT);
		break;
	case CPL_STORE_MAP:
		cpl_buf_addf(sql, "\taccount INTEGER NOT NULL " TO_ACCOUNT ",\n\tkey TEXT NOT NULL");
		break;
	case CPL_STORE_ARCHIVE:
		cpl_buf_addf(sql, "\tid INTEGER PRIMARY KEY, -- rises; microseconds since 1970, mostly\n"
				  "\taccount INTEGER NOT NULL " TO_ACCOUNT ",\n"
				  "\t\"when\" INTEGER NOT NULL, -- milliseconds since 1970\n"
				  "\t\"with\" INTEGER REFERENCES contact (id),\n"
				  "\twith_resource TEXT");
		break;
	}
	for (unsigned i = 0; i < table->columns; i++)
		cpl_buf_addf(sql, ",\n\t\"%s\" %s", table->store.columns[i].name,
			     types[table->store.columns[i].type]);
	if (table->store.kind == CPL_STORE_MAP)
		cpl_buf_addf(sql, ",\n\tPRIMARY KEY (account, key)\n) STRICT, WITHOUT ROWID;");
	else
		cpl_buf_addf(sql, "\n) STRICT;");
}

void schema_index_sql(struct cpl_buf *sql, const struct db_table *table)
{
	const char *name = table->store.name;

	if (table->store.kind == CPL_STORE_ARCHIVE)
		cpl_buf_addf(sql,
			     "CREATE INDEX IF NOT EXISTS \"%s.account\" ON \"%s\" (account);"
			     "CREATE INDEX IF NOT EXISTS \"%s.account.with\" ON \"%s\" (account, \"with\");",
			     name, name, name, name);
	for (unsigned i = 0; i < table->columns; i++)
		if (table->store.columns[i].indexed)
			cpl_buf_addf(
				sql,
				"CREATE INDEX IF NOT EXISTS \"%s.column.%s\" ON \"%s\" (account, \"%s\");",
				name, table->store.columns[i].name, name, table->store.columns[i].name);
}

static int run_sql(struct database *db, struct cpl_buf *sql, struct cpl_error *error)
{
	int code = sql->len ? db_exec(&db->writer, sql->ptr, error) : 0;

	cpl_buf_finish(sql);
	return code;
}

/* ---- what is there ---- */

/* *version 0: there is no such store. */
static int known_read(struct database *db, const char *name, int64_t *version, char kind[16],
		      struct cpl_error *error)
{
	sqlite3_stmt *statement = NULL;
	int result, code = 0;

	*version = 0;
	if (sqlite3_prepare_v2(db->writer.sql, "SELECT version, kind FROM store_version WHERE store = ?1", -1,
			       &statement, NULL) != SQLITE_OK)
		return db_fail(&db->writer, error, "reading the versions of the stores");
	statement_bind_text(statement, 1, cpl_str_of(name));
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		*version = sqlite3_column_int64(statement, 0);
		snprintf(kind, 16, "%s", (const char *)sqlite3_column_text(statement, 1));
	} else if (result != SQLITE_DONE) {
		code = db_fail(&db->writer, error, "reading the versions of the stores");
	}
	sqlite3_finalize(statement);
	return code;
}

static bool column_is_own(const char *name)
{
	static const char *const ours[] = {"account", "key", "id", "when", "with", "with_resource"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return false;
	return true;
}

static int columns_read(struct database *db, const char *name, struct schema_columns *columns,
			struct cpl_error *error)
{
	sqlite3_stmt *statement = NULL;
	int result, code = 0;

	columns->count = 0;
	if (sqlite3_prepare_v2(db->writer.sql, "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid",
			       -1, &statement, NULL) != SQLITE_OK)
		return db_fail(&db->writer, error, "reading the columns of a table");
	statement_bind_text(statement, 1, cpl_str_of(name));
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *column = (const char *)sqlite3_column_text(statement, 0);

		if (!column_is_own(column))
			continue;
		if (columns->count == CPL_COLUMNS_MAX) {
			code = cpl_fail(error, CPL_E_CONFLICT,
					"the table %s in %s has columns that are not the server's", name,
					db->path);
			break;
		}
		snprintf(columns->names[columns->count], sizeof(columns->names[0]), "%s", column);
		snprintf(columns->types[columns->count], sizeof(columns->types[0]), "%s",
			 (const char *)sqlite3_column_text(statement, 1));
		columns->count++;
	}
	if (!code && result != SQLITE_DONE)
		code = db_fail(&db->writer, error, "reading the columns of a table");
	sqlite3_finalize(statement);
	return code;
}

/* ---- making it fit ---- */

static int version_write(struct database *db, const struct cpl_store *store, struct cpl_error *error)
{
	struct cpl_buf sql = {0};

	/* Names were checked by the core: [a-z_]+. */
	cpl_buf_addf(&sql,
		     "INSERT OR REPLACE INTO store_version (store, kind, version) VALUES ('%s', '%s', %u)",
		     store->name, kinds[store->kind], store->version);
	return run_sql(db, &sql, error);
}

static int table_make(struct database *db, const struct db_table *table, struct cpl_error *error)
{
	struct cpl_buf sql = {0};

	schema_table_sql(&sql, table, table->store.name);
	return run_sql(db, &sql, error);
}

/* The table's columns must be the first of the declared ones; the others are added. */
static int columns_fit(struct database *db, const struct db_table *table, const struct schema_columns *there,
		       struct cpl_error *error)
{
	const struct cpl_column *column = table->store.columns;
	struct cpl_buf sql = {0};

	if (there->count > table->columns)
		return cpl_fail(error, CPL_E_UNSUPPORTED,
				"the table %s in %s has more columns than this version of its module knows: "
				"it was written by a newer one",
				table->store.name, db->path);
	for (unsigned i = 0; i < there->count; i++)
		if (strcmp(there->names[i], column[i].name) != 0 ||
		    strcmp(there->types[i], types[column[i].type]) != 0)
			return cpl_fail(error, CPL_E_CONFLICT,
					"the table %s in %s has a column \"%s %s\" where \"%s %s\" is "
					"declared, and the version is the same",
					table->store.name, db->path, there->names[i], there->types[i],
					column[i].name, types[column[i].type]);
	for (unsigned i = there->count; i < table->columns; i++)
		cpl_buf_addf(&sql, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s;", table->store.name,
			     column[i].name, types[column[i].type]);
	return run_sql(db, &sql, error);
}

static int table_fit(struct database *db, const struct cpl_store *store, const struct db_table *table,
		     int64_t version, struct cpl_error *error)
{
	struct schema_columns there = {0};
	struct cpl_buf sql = {0};
	int code;

	if (version == 0) {
		code = table_make(db, table, error);
	} else {
		code = columns_read(db, store->name, &there, error);
		if (!code && version < store->version)
			code = migrate_rows(db, store, table, version, &there, error);
		else if (!code)
			code = columns_fit(db, table, &there, error);
	}
	schema_index_sql(&sql, table);
	if (!code)
		code = run_sql(db, &sql, error);
	if (!code)
		code = usage_declare(db, table, error);
	cpl_buf_finish(&sql);
	/* A start that changes nothing writes nothing. */
	return code || version == store->version ? code : version_write(db, store, error);
}

static int judge(struct database *db, const struct cpl_store *store, int64_t version, const char *kind,
		 struct cpl_error *error)
{
	static const char *const taken[] = {"account", "account_usage", "contact", "store_version", "store_clock"};

	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (strcmp(store->name, taken[i]) == 0 || strncmp(store->name, "sqlite_", 7) == 0)
			return cpl_fail(error, CPL_E_CONFLICT,
					"a store cannot be named %s: the table is the driver's own",
					store->name);
	if (version == 0)
		return 0;
	if (strcmp(kind, kinds[store->kind]) != 0)
		return cpl_fail(error, CPL_E_CONFLICT,
				"the store %s in %s is of the kind %s and declared as %s", store->name,
				db->path, kind, kinds[store->kind]);
	if (version > store->version)
		return cpl_fail(error, CPL_E_UNSUPPORTED,
				"the store %s in %s has version %lld, and its module knows only version %u: "
				"it was written by a newer one",
				store->name, db->path, (long long)version, store->version);
	if (version < store->version && !store->migrate)
		return cpl_fail(
			error, CPL_E_INVALID,
			"the store %s in %s has version %lld and must be migrated to %u by its module",
			store->name, db->path, (long long)version, store->version);
	return 0;
}

/* Declared before in the very same shape (a reload of its module): what is prepared for it goes on to serve.
 */
static bool table_is_known(struct database *db, const struct db_table *table)
{
	const struct db_table *known = table_find(db, table->store.name);

	if (!known || known->columns != table->columns || known->store.version != table->store.version)
		return false;
	for (unsigned i = 0; i < table->columns; i++)
		if (known->store.columns[i].type != table->store.columns[i].type ||
		    strcmp(known->store.columns[i].name, table->store.columns[i].name) != 0)
			return false;
	return true;
}

/* table_fit() in a transaction that begins like that. */
static int fit_within(struct database *db, enum db_common begin, const struct cpl_store *store, const struct db_table *table,
		      int64_t version, struct cpl_error *error)
{
	struct cpl_error ignored;
	int code = statement_run_common(&db->writer, begin, error);

	if (code)
		return code;
	code = table_fit(db, store, table, version, error);
	if (!code)
		code = statement_run_common(&db->writer, DB_COMMIT, error);
	if (code && !sqlite3_get_autocommit(db->writer.sql))
		statement_run_common(&db->writer, DB_ROLLBACK, &ignored);
	return code;
}

int schema_declare(struct database *db, const struct cpl_store *store, struct cpl_error *error)
{
	struct db_table *table;
	unsigned columns = 0;
	char kind[16] = "";
	int64_t version;
	int code = known_read(db, store->name, &version, kind, error);

	if (!code)
		code = judge(db, store, version, kind, error);
	if (!code && version && version < store->version)
		code = migrate_backup(db, store->name, version, error);
	if (code)
		return code;
	while (store->columns && store->columns[columns].name)
		columns++;
	table = table_create(store, columns);
	/* Mostly there is nothing to write: then it does not wait for another instance that writes (a reload). */
	code = version == store->version ? fit_within(db, DB_BEGIN_READ, store, table, version, error) : CPL_E_BUSY;
	if (code)
		code = fit_within(db, DB_BEGIN, store, table, version, error);
	if (!code && store->kind == CPL_STORE_ARCHIVE)
		code = clock_read(db, table, error);
	if (code || table_is_known(db, table))
		table_destroy(table);
	else
		table_add(db, table);
	return code;
}

int64_t schema_last_id(struct database *db, const struct cpl_store *store)
{
	sqlite3_stmt *statement = NULL;
	struct cpl_buf sql = {0};
	int64_t last = 0;
	int result = SQLITE_ERROR;

	cpl_buf_addf(&sql, "SELECT max(id) FROM \"%s\"", store->name);
	if (sqlite3_prepare_v2(db->writer.sql, sql.ptr, -1, &statement, NULL) == SQLITE_OK &&
	    (result = sqlite3_step(statement)) == SQLITE_ROW)
		last = sqlite3_column_int64(statement, 0);
	if (result != SQLITE_ROW)
		db_fail(&db->writer, NULL, "reading the last id");
	sqlite3_finalize(statement);
	cpl_buf_finish(&sql);
	return last;
}
