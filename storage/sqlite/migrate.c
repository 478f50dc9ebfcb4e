/* SPDX-License-Identifier: MIT */
/* Bringing a table to a new version of its store: a backup, then a new table that is filled row by row
 * through the module's function. */
#include "storage/sqlite/open.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/statements.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* No store can have this name. */
#define NEW_TABLE "store/new"

static int backup_fail(const char *path, sqlite3 *copy, struct cpl_error *error)
{
	return cpl_fail(error, db_code(sqlite3_errcode(copy)) ? db_code(sqlite3_errcode(copy)) : CPL_E_IO,
			"the backup %s cannot be written, so nothing was migrated: %s", path,
			sqlite3_errmsg(copy));
}

static int backup_write(struct database *db, const char *path, struct cpl_error *error)
{
	sqlite3 *copy = NULL;
	sqlite3_backup *backup = NULL;
	int result = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	int code = 0;

	if (result == SQLITE_OK)
		backup = sqlite3_backup_init(copy, "main", db->writer.sql, "main");
	if (backup) {
		sqlite3_backup_step(backup, -1);
		result = sqlite3_backup_finish(backup);
	} else {
		result = SQLITE_ERROR;
	}
	if (result != SQLITE_OK)
		code = backup_fail(path, copy, error);
	if (sqlite3_close(copy) != SQLITE_OK && !code)
		code = cpl_fail(error, CPL_E_IO, "the backup %s cannot be closed, so nothing was migrated",
				path);
	return code;
}

int migrate_backup(struct database *db, const char *store, int64_t version, struct cpl_error *error)
{
	char *path = cpl_asprintf("%s.before-%s-%lld", db->path, store, (long long)version);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int code;

	if (fd < 0) {
		code = cpl_fail(error, CPL_E_IO,
				"the backup %s cannot be written, so nothing was migrated: %s", path,
				strerror(errno));
	} else {
		close(fd);
		code = backup_write(db, path, error);
		if (code)
			unlink(path);
		else
			cpl_log_info("store about to be migrated, the database as it was is kept store=%s file=%s", store, path);
	}
	cpl_free(path);
	return code;
}

static void select_sql(struct cpl_buf *sql, const char *store, enum cpl_store_kind kind,
		       const struct schema_columns *old)
{
	static const char *const own[] = {
		[CPL_STORE_KEYVAL] = "account",
		[CPL_STORE_MAP] = "account, key",
		[CPL_STORE_ARCHIVE] = "account, id, \"when\", \"with\", with_resource",
	};

	cpl_buf_addf(sql, "SELECT %s", own[kind]);
	for (unsigned i = 0; i < old->count; i++)
		cpl_buf_addf(sql, ", \"%s\"", old->names[i]);
	cpl_buf_addf(sql, " FROM \"%s\"", store);
}

static void insert_sql(struct cpl_buf *sql, unsigned count)
{
	cpl_buf_addf(sql, "INSERT INTO \"" NEW_TABLE "\" VALUES (?1");
	for (unsigned i = 2; i <= count; i++)
		cpl_buf_addf(sql, ", ?%u", i);
	cpl_buf_add_char(sql, ')');
}

struct migration {
	struct database *db;
	const struct cpl_store *store;
	const struct db_table *table;
	int64_t from;
	unsigned old_columns;
	int own; /* columns before the store's */
	sqlite3_stmt *select, *insert;
};

/* An archive's own columns come first in the order account, id in the SELECT, but id, account in the table.
 */
static void own_bind(const struct migration *m)
{
	bool archive = m->store->kind == CPL_STORE_ARCHIVE;

	for (int i = 0; i < m->own; i++) {
		int to = archive && i < 2 ? 1 - i : i;

		sqlite3_bind_value(m->insert, to + 1, sqlite3_column_value(m->select, i));
	}
}

static int row_migrate(const struct migration *m, struct cpl_arena *arena, struct cpl_error *error)
{
	struct cpl_value *values = cpl_arena_alloc(arena, CPL_COLUMNS_MAX * sizeof(*values));
	struct cpl_row row = {.values = values};
	int code;

	memcpy(values, statement_values(m->select, m->own, m->old_columns, m->old_columns, arena),
	       m->old_columns * sizeof(*values));
	if (m->store->kind == CPL_STORE_MAP)
		row.key = statement_text(m->select, 1, arena);
	if (m->store->kind == CPL_STORE_ARCHIVE) {
		row.id = sqlite3_column_int64(m->select, 1);
		row.when = sqlite3_column_int64(m->select, 2);
	}
	for (int64_t version = m->from; version < m->store->version; version++) {
		code = m->store->migrate((unsigned)version, &row, arena);
		if (code)
			return cpl_fail(error, code,
					"the store %s in %s cannot be brought from version %lld to %lld: the "
					"module fails on a row (%s)",
					m->store->name, m->db->path, (long long)version,
					(long long)version + 1, cpl_code_text(code));
	}
	own_bind(m);
	statement_bind_values(m->insert, m->own + 1, m->table, row.values, m->table->columns);
	return statement_run(&m->db->writer, m->insert, "writing a migrated row", error);
}

static int rows_copy(const struct migration *m, struct cpl_error *error)
{
	int result, code = 0;

	while (!code && (result = sqlite3_step(m->select)) != SQLITE_DONE) {
		struct cpl_arena *arena = cpl_arena_create();

		code = result == SQLITE_ROW ? row_migrate(m, arena, error)
					    : db_fail(&m->db->writer, error, "reading a row to migrate");
		cpl_arena_destroy(&arena);
	}
	return code;
}

int migrate_rows(struct database *db, const struct cpl_store *store, const struct db_table *table,
		 int64_t from, const struct schema_columns *old, struct cpl_error *error)
{
	static const int own[] = {[CPL_STORE_KEYVAL] = 1, [CPL_STORE_MAP] = 2, [CPL_STORE_ARCHIVE] = 5};
	struct migration m = {.db = db,
			      .store = store,
			      .table = table,
			      .from = from,
			      .old_columns = old->count,
			      .own = own[store->kind]};
	struct cpl_buf create = {0}, select = {0}, insert = {0}, finish = {0};
	int code;

	schema_table_sql(&create, table, NEW_TABLE);
	select_sql(&select, store->name, store->kind, old);
	insert_sql(&insert, (unsigned)m.own + table->columns);
	/* Row by row, so that what was counted of them is taken back. */
	cpl_buf_addf(&finish, "DELETE FROM \"%s\" WHERE true; DROP TABLE \"%s\"; ALTER TABLE \"" NEW_TABLE "\" RENAME TO \"%s\"",
		     store->name, store->name, store->name);
	code = db_exec(&db->writer, create.ptr, error);
	if (!code && (sqlite3_prepare_v2(db->writer.sql, select.ptr, -1, &m.select, NULL) != SQLITE_OK ||
		      sqlite3_prepare_v2(db->writer.sql, insert.ptr, -1, &m.insert, NULL) != SQLITE_OK))
		code = db_fail(&db->writer, error, "preparing a migration");
	if (!code)
		code = rows_copy(&m, error);
	sqlite3_finalize(m.select);
	sqlite3_finalize(m.insert);
	if (!code)
		code = db_exec(&db->writer, finish.ptr, error);
	cpl_buf_finish(&create);
	cpl_buf_finish(&select);
	cpl_buf_finish(&insert);
	cpl_buf_finish(&finish);
	return code;
}
