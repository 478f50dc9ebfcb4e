/* SPDX-License-Identifier: MIT */
/* Declarations of stores: their tables are made, get new last columns, or are migrated to a new version. */
#ifndef STORAGE_SQLITE_SCHEMA_H
#define STORAGE_SQLITE_SCHEMA_H

#include "storage/sqlite/database.h"

/*
 * Makes the table fit the declaration, in one transaction. Writer thread, between transactions.
 * CPL_E_UNSUPPORTED: the table is newer than the declaration. CPL_E_CONFLICT: another kind, other columns.
 * The code of a migrate function that failed. After any failure the file is as before.
 */
int schema_declare(struct database *db, const struct cpl_store *store, struct cpl_error *error);
/* The last id in an archive, 0 when it is empty. Writer thread. */
int64_t schema_last_id(struct database *db, const struct cpl_store *store);

/* What a table in the file looks like; columns are the store's own, without account and so on. */
struct schema_columns {
	unsigned count;
	char names[CPL_COLUMNS_MAX][64];
	char types[CPL_COLUMNS_MAX][16];
};

/* The SQL that makes the table under a name, and its indexes. */
void schema_table_sql(struct cpl_buf *sql, const struct db_table *table, const char *name);
void schema_index_sql(struct cpl_buf *sql, const struct db_table *table);

/* migrate.c: a copy of the database, FILE.before-STORE-VERSION. Outside of transactions. */
int migrate_backup(struct database *db, const char *store, int64_t version, struct cpl_error *error);
/* Rebuilds the table through store->migrate, inside a transaction. */
int migrate_rows(struct database *db, const struct cpl_store *store, const struct db_table *table,
		 int64_t from, const struct schema_columns *old, struct cpl_error *error);

#endif
