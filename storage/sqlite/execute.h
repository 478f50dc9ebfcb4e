/* SPDX-License-Identifier: MIT */
/* Steps of requests on a connection. What they need of the account is in numbers.h. */
#ifndef STORAGE_SQLITE_EXECUTE_H
#define STORAGE_SQLITE_EXECUTE_H

#include "storage/sqlite/database.h"

/* One step of a batch, inside a transaction of the writer. 0 or a code. */
int execute_write(struct database *db, const struct cpl_store_step *step, struct cpl_error *error);
/*
 * One snapshot for the reads that the reader serves together: it is taken after they were submitted, so it has all that was committed before. True: until
 * snapshot_close() they see the same, take the lock of the file once, and remember the numbers of accounts. False: there is none, and each read is for itself and
 * reports what is wrong.
 */
bool snapshot_open(struct db_connection *reader);
void snapshot_close(struct db_connection *reader);
/* A read, on the connection of the thread that runs; fills in the request's result. */
void execute_read(struct database *db, struct db_connection *connection, struct cpl_store_request *request);

#endif
