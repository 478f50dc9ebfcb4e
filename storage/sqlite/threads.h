/* SPDX-License-Identifier: MIT */
/*
 * The three threads. They block all signals. Storage drivers are the one kind of module that has threads of its own: whatever
 * else keeps the pool of workers busy must not delay a commit.
 */
#ifndef STORAGE_SQLITE_THREADS_H
#define STORAGE_SQLITE_THREADS_H

#include "storage/sqlite/database.h"

int threads_start(struct database *db, struct cpl_error *error);
/* Finishes what is queued, commits, joins. */
void threads_stop(struct database *db);

/* Session thread: hands a request to the thread that serves it. */
void threads_submit(struct database *db, struct cpl_store_request *request);
/* Wakes the threads that have got something. */
void threads_submitted(struct database *db);
/* Session thread: runs a task on the writer's thread and waits for it. */
void threads_run_task(struct database *db, struct db_task *task);

/* The bodies. */
void *writer_run(void *db);
void *reader_run(void *db);
void *checkpointer_run(void *db);

/* A point of CLOCK_MONOTONIC this many microseconds from now, and whether it is over. */
struct timespec time_in(int64_t us);
bool time_is_over(const struct timespec *when);

#endif
