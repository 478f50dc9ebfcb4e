/* SPDX-License-Identifier: MIT */
/* Prepared statements: made at first use, kept to the end. Values are bound, never part of the text. */
#ifndef STORAGE_SQLITE_STATEMENTS_H
#define STORAGE_SQLITE_STATEMENTS_H

#include "storage/sqlite/database.h"

/* The statement, ready to be bound; NULL with *error. Of the thread that has the connection. It is to be
 * reset after its last step. */
sqlite3_stmt *statement_common(struct db_connection *connection, enum db_common which,
			       struct cpl_error *error);
sqlite3_stmt *statement_of(struct db_connection *connection, struct db_table *table, enum db_statement which,
			   struct cpl_error *error);
/* Steps a statement that gives no rows and resets it. 0 or a code. */
int statement_run(struct db_connection *connection, sqlite3_stmt *statement, const char *doing,
		  struct cpl_error *error);
/* One of the statements that have no values. */
int statement_run_common(struct db_connection *connection, enum db_common which, struct cpl_error *error);

/* Bytes of a view as text; CPL_NONE is NULL. Borrowed until the statement is reset. Positions count from 1.
 */
void statement_bind_text(sqlite3_stmt *statement, int position, struct cpl_str text);
/* `columns` values of a store from a position on; what the request does not have is NULL. */
void statement_bind_values(sqlite3_stmt *statement, int position, const struct db_table *table,
			   const struct cpl_value *values, unsigned columns);
/* Copies of what the row has. */
struct cpl_str statement_text(sqlite3_stmt *statement, int column, struct cpl_arena *arena);
struct cpl_value *statement_values(sqlite3_stmt *statement, int column, unsigned known, unsigned wanted,
				   struct cpl_arena *arena);

/* NULL when the store was not declared. Any thread. */
struct db_table *table_find(struct database *db, const char *store);
/* Writer thread, or before there are threads. Takes over the table. */
void table_add(struct database *db, struct db_table *table);
struct db_table *table_create(const struct cpl_store *store, unsigned columns);
/* Of one that was not added. */
void table_destroy(struct db_table *table);
/* After the threads have ended. */
void tables_finish(struct database *db);
void statements_finish(struct db_connection *connection);

#endif
