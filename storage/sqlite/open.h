/* SPDX-License-Identifier: MIT */
/* Opening and closing the database, and its errors. */
#ifndef STORAGE_SQLITE_OPEN_H
#define STORAGE_SQLITE_OPEN_H

#include "storage/sqlite/database.h"

/* A database that is not open yet; ends with db_close(). */
struct database *db_create(const char *path, const struct db_config *config);
/*
 * Opens (or makes, mode 0600) the file and its three connections and sees to the tables that every database
 * has. Blocking; any thread. A code with *error: the file cannot be opened, is no SQLite database, is not Couplet's, is
 * read-only, or was written by a newer version. db_close() is due all the same.
 */
int db_open(struct database *db, const struct db_config *config, struct cpl_error *error);
/* After the threads have ended, while another instance has the file open: closes the connections. db_close() is still due. Any thread. */
void db_leave(struct database *db);
/* After the threads have ended: a truncating checkpoint, then everything is closed. Nulls. */
void db_close(struct database **db);

/* The code of the API for a result code of SQLite. */
int db_code(int result);
/*
 * An error that SQLite has just reported on this connection, in words. Returns the code. It is logged, too,
 * but for each code only once a minute: a full disk is one line, not one per message.
 */
int db_fail(const struct db_connection *connection, struct cpl_error *error, const char *doing);
/* Runs SQL that is not prepared, for the schema. 0 or a code. */
int db_exec(const struct db_connection *connection, const char *sql, struct cpl_error *error);

#endif
