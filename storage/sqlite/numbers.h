/* SPDX-License-Identifier: MIT */
/*
 * Accounts and contacts as integers, remembered by each of the two connections that look them up. The writer remembers thousands, and a rollback makes it forget them.
 * The reader remembers a few hundred, for the reads that follow each other at a login, and forgets them all as soon as anybody has committed anything
 * (snapshot_open()): so it is never wrong, whoever writes.
 */
#ifndef STORAGE_SQLITE_NUMBERS_H
#define STORAGE_SQLITE_NUMBERS_H

#include "storage/sqlite/database.h"

/* 0 and *number (0: there is no such account), or a code. */
int account_number(struct db_connection *connection, struct cpl_jid account, int64_t *number,
		   struct cpl_error *error);
/* Of a bare JID. With `make` (writer only) a new contact gets a number; else *number is 0. */
int contact_number(struct db_connection *connection, struct cpl_str jid, bool make, int64_t *number,
		   struct cpl_error *error);
/* The account is gone, or has another number. */
void account_forget(struct db_connection *connection, struct cpl_jid account);
void numbers_forget(struct db_connection *connection);

#endif
