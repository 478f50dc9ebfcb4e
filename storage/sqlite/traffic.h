/* SPDX-License-Identifier: MIT */
/*
 * Which accounts have requests under way, so that the requests of one account are done in order although two
 * threads serve them: a read of an account with unfinished writes goes to the writer, and a write of an
 * account with unfinished reads waits for them. All functions: with database.lock held.
 */
#ifndef STORAGE_SQLITE_TRAFFIC_H
#define STORAGE_SQLITE_TRAFFIC_H

#include "storage/sqlite/database.h"

/* Behind the run of steps of one account that begins here. */
const struct cpl_store_step *traffic_next_account(const struct cpl_store_step *step);
/* Counts a request in when it is submitted, and out when it is finished. `reader`: a read that is served by
 * the reader. */
void traffic_enter(struct database *db, const struct cpl_store_request *request, bool reader);
void traffic_leave(struct database *db, const struct cpl_store_request *request, bool reader);
/* True when a read must see writes that are not committed yet. */
bool traffic_has_writes(const struct database *db, const struct cpl_store_request *read);
/* True when the reader still has reads of an account that the batch writes. */
bool traffic_has_reads(const struct database *db, const struct cpl_store_request *batch);

void queue_add(struct db_queue *queue, struct cpl_store_request *request);
/* NULL when it is empty. */
struct cpl_store_request *queue_take(struct db_queue *queue);

#endif
