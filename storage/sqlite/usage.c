/* SPDX-License-Identifier: MIT */
/* What each account has stored, and whether it may store more. */
#include "storage/sqlite/usage.h"
#include "storage/sqlite/execute.h"
#include "storage/sqlite/numbers.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"

#define ARCHIVE_ROW 16

static const char layout[] = "CREATE TABLE IF NOT EXISTS account_usage ( -- kept by triggers\n"
			     "\taccount INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,\n"
			     "\tbytes INTEGER NOT NULL DEFAULT 0, -- of all its rows\n"
			     "\tquota INTEGER -- the most bytes; 0: any number; NULL: as the configuration says\n"
			     ") STRICT;\n"
			     /* A start looks whether there are any, and there may be a million accounts without. */
			     "CREATE INDEX IF NOT EXISTS \"account_usage.quota\" ON account_usage (quota) WHERE quota IS NOT NULL";

/* When in doubt there are some: then each write looks. */
void usage_read(struct database *db)
{
	sqlite3_stmt *statement = NULL;

	db->own_quotas = sqlite3_prepare_v2(db->writer.sql, "SELECT 1 FROM account_usage WHERE quota IS NOT NULL LIMIT 1", -1, &statement,
					    NULL) != SQLITE_OK ||
			 sqlite3_step(statement) != SQLITE_DONE;
	sqlite3_finalize(statement);
}

int usage_open(struct database *db, struct cpl_error *error)
{
	int code = db_exec(&db->writer, layout, error);

	if (!code)
		usage_read(db);
	return code;
}

/* The bytes of a row that is called `row` in the SQL: "NEW.", "OLD." or "". */
static void size_sql(struct cpl_buf *sql, const struct db_table *table, const char *row)
{
	cpl_buf_addf(sql, "%d", table->store.kind == CPL_STORE_ARCHIVE ? ARCHIVE_ROW : 0);
	if (table->store.kind == CPL_STORE_MAP)
		cpl_buf_addf(sql, " + length(CAST(%skey AS BLOB))", row);
	for (unsigned i = 0; i < table->columns; i++) {
		const char *name = table->store.columns[i].name;

		if (table->store.columns[i].type == CPL_COLUMN_INTEGER)
			cpl_buf_addf(sql, " + (%s\"%s\" IS NOT NULL) * 8", row, name);
		else
			cpl_buf_addf(sql, " + ifnull(length(CAST(%s\"%s\" AS BLOB)), 0)", row, name);
	}
}

static void added_sql(struct cpl_buf *sql, const struct db_table *table)
{
	cpl_buf_addf(sql,
		     "CREATE TRIGGER \"%s.added\" AFTER INSERT ON \"%s\" BEGIN INSERT INTO account_usage (account, bytes) VALUES (NEW.account, ",
		     table->store.name, table->store.name);
	size_sql(sql, table, "NEW.");
	cpl_buf_addf(sql, ") ON CONFLICT (account) DO UPDATE SET bytes = bytes + excluded.bytes; END");
}

static void others_sql(struct cpl_buf *sql, const struct db_table *table)
{
	const char *name = table->store.name;

	cpl_buf_addf(sql, "CREATE TRIGGER \"%s.changed\" AFTER UPDATE ON \"%s\" BEGIN UPDATE account_usage SET bytes = bytes + (", name, name);
	size_sql(sql, table, "NEW.");
	cpl_buf_addf(sql, ") - (");
	size_sql(sql, table, "OLD.");
	cpl_buf_addf(sql, ") WHERE account = NEW.account; END;");
	cpl_buf_addf(sql, "CREATE TRIGGER \"%s.removed\" AFTER DELETE ON \"%s\" BEGIN UPDATE account_usage SET bytes = bytes - (", name, name);
	size_sql(sql, table, "OLD.");
	cpl_buf_addf(sql, ") WHERE account = OLD.account; END;");
}

/* What is in the table already. */
static void count_sql(struct cpl_buf *sql, const struct db_table *table)
{
	cpl_buf_addf(sql, "INSERT INTO account_usage (account, bytes) SELECT account, sum(");
	size_sql(sql, table, "");
	cpl_buf_addf(sql, ") FROM \"%s\" WHERE true GROUP BY account ON CONFLICT (account) DO UPDATE SET bytes = bytes + excluded.bytes;",
		     table->store.name);
}

/* *there: a trigger of the table; *right: and it is this one. */
static int trigger_look(struct database *db, const struct db_table *table, struct cpl_str wanted, bool *there, bool *right,
			struct cpl_error *error)
{
	sqlite3_stmt *statement = NULL;
	char *name = cpl_asprintf("%s.added", table->store.name);
	int result = SQLITE_ERROR, code = 0;

	*there = *right = false;
	if (sqlite3_prepare_v2(db->writer.sql, "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1", -1, &statement, NULL) ==
	    SQLITE_OK) {
		statement_bind_text(statement, 1, cpl_str_of(name));
		result = sqlite3_step(statement);
	}
	if (result == SQLITE_ROW) {
		*there = true;
		*right = cpl_str_is(wanted, (const char *)sqlite3_column_text(statement, 0));
	} else if (result != SQLITE_DONE) {
		code = db_fail(&db->writer, error, "looking for a trigger");
	}
	sqlite3_finalize(statement);
	cpl_free(name);
	return code;
}

int usage_declare(struct database *db, const struct db_table *table, struct cpl_error *error)
{
	struct cpl_buf added = {0}, sql = {0};
	const char *name = table->store.name;
	bool there, right;
	int code;

	added_sql(&added, table);
	code = trigger_look(db, table, cpl_buf_str(&added), &there, &right, error);
	if (!code && !right) {
		/* Of a table that has got new columns. */
		if (there)
			cpl_buf_addf(&sql, "DROP TRIGGER \"%s.added\"; DROP TRIGGER \"%s.changed\"; DROP TRIGGER \"%s.removed\";", name, name, name);
		else
			count_sql(&sql, table);
		cpl_buf_addf(&sql, "%s;", added.ptr);
		others_sql(&sql, table);
		code = db_exec(&db->writer, sql.ptr, error);
	}
	cpl_buf_finish(&added);
	cpl_buf_finish(&sql);
	return code;
}

/* ---- quotas ---- */

struct usage {
	int64_t bytes, quota; /* quota 0: no bound */
};

static int usage_get(struct database *db, const struct cpl_store_step *step, struct usage *usage, struct cpl_error *error)
{
	sqlite3_stmt *statement;
	int64_t account;
	int result, code = account_number(&db->writer, step->account, &account, error);

	*usage = (struct usage){.quota = step->quota};
	if (code || !account)
		return code;
	statement = statement_common(&db->writer, DB_USAGE_GET, error);
	if (!statement)
		return error->code;
	sqlite3_bind_int64(statement, 1, account);
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		usage->bytes = sqlite3_column_int64(statement, 0);
		if (sqlite3_column_type(statement, 1) != SQLITE_NULL)
			usage->quota = sqlite3_column_int64(statement, 1);
	} else if (result != SQLITE_DONE) {
		code = db_fail(&db->writer, error, "reading what an account has stored");
	}
	sqlite3_reset(statement);
	return code;
}

int usage_execute(struct database *db, const struct cpl_store_step *first, const struct cpl_store_step *end, struct cpl_error *error)
{
	const struct cpl_store_step *row = first;
	struct usage before = {0}, after = {0};
	bool bounded;
	int code;

	while (row != end && !row->store)
		row = row->next;
	bounded = row != end && (row->quota > 0 || (row->quota == 0 && db->own_quotas));
	code = bounded ? usage_get(db, row, &before, error) : 0;

	for (const struct cpl_store_step *step = first; step != end && !code; step = step->next)
		code = execute_write(db, step, error);
	if (code || !bounded)
		return code;
	code = usage_get(db, row, &after, error);
	if (!code && after.quota > 0 && after.bytes > after.quota && after.bytes > before.bytes)
		code = cpl_fail(error, CPL_E_FULL, "%.*s would have %lld bytes, and its quota is %lld", CPL_ARG(cpl_jid_str(first->account)),
				(long long)after.bytes, (long long)after.quota);
	return code;
}
