/* SPDX-License-Identifier: MIT */
/*
 * What each account has stored: the table account_usage, kept up to date by triggers on the tables of the stores, so that it is right whoever writes, and costs a write of one row
 * more and no scan. Counted are the bytes of texts and blobs and of keys, 8 for a number, and 16 for each row of an archive.
 */
#ifndef STORAGE_SQLITE_USAGE_H
#define STORAGE_SQLITE_USAGE_H

#include "storage/sqlite/database.h"

/* Of a file that was made before there was such a table, too. In the open transaction or without one. */
int usage_open(struct database *db, struct cpl_error *error);
/* Reads again whether any account has a quota of its own. Writer. */
void usage_read(struct database *db);
/* Has a store's table counted from now on, with what is in it already. In the transaction of its declaration; writes nothing when all is as it should be. */
int usage_declare(struct database *db, const struct db_table *table, struct cpl_error *error);
/* The run of steps [first, end) of one account is executed: refused with CPL_E_FULL when the account has more than its quota afterwards, and more than before. */
int usage_execute(struct database *db, const struct cpl_store_step *first, const struct cpl_store_step *end, struct cpl_error *error);

#endif
