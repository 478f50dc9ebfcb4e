/* SPDX-License-Identifier: MIT */
/* The writer: group commit. */
#include "storage/sqlite/clock.h"
#include "storage/sqlite/execute.h"
#include "storage/sqlite/numbers.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/threads.h"
#include "storage/sqlite/traffic.h"
#include "storage/sqlite/usage.h"

#include <time.h>

/* A transaction ends at the latest after so many batches or so long, however full the queue is. */
#define BATCHES_MAX 4096
#define LONGEST_US  100000

/* The open transaction. */
struct group {
	struct database *db;
	struct db_queue done; /* batches that are in it, and to be finished with its commit */
	bool begun;
	struct timespec window_end, latest_end;
	int refused; /* the code with which it could not begin: the batches of this round fail with it, too */
	struct cpl_error error;
};

static void finish(struct database *db, struct cpl_store_request *request)
{
	pthread_mutex_lock(&db->lock);
	traffic_leave(db, request, false);
	pthread_mutex_unlock(&db->lock);
	cpl_store_finished(request);
}

static void fail(struct database *db, struct cpl_store_request *request, const struct cpl_error *error)
{
	request->status = error->code;
	request->error = *error;
	finish(db, request);
}

/* Whatever was in the transaction is not in the database. */
static void group_lost(struct group *group, const struct cpl_error *error)
{
	struct cpl_store_request *request;

	group->begun = false;
	numbers_forget(&group->db->writer);
	clocks_undo(group->db);
	clocks_end(group->db);
	while ((request = queue_take(&group->done)))
		fail(group->db, request, error);
}

static bool group_begin(struct group *group)
{
	if (group->begun)
		return true;
	if (!group->refused)
		group->refused = statement_run_common(&group->db->writer, DB_BEGIN, &group->error);
	if (group->refused)
		return false;
	group->begun = true;
	group->window_end = time_in(group->db->commit_window_us);
	group->latest_end = time_in(LONGEST_US);
	return true;
}

static void group_commit(struct group *group)
{
	struct database *db = group->db;
	struct cpl_store_request *request;
	struct cpl_error error, ignored;

	if (!group->begun)
		return;
	if (statement_run_common(&db->writer, DB_COMMIT, &error)) {
		if (!sqlite3_get_autocommit(db->writer.sql))
			statement_run_common(&db->writer, DB_ROLLBACK, &ignored);
		group_lost(group, &error);
		return;
	}
	group->begun = false;
	clocks_end(db);
	db->writer.numbers_are_new = false;
	pthread_mutex_lock(&db->lock);
	for (request = group->done.first; request; request = request->next)
		traffic_leave(db, request, false);
	if (!db->checkpoint_due) {
		db->checkpoint_due = true;
		pthread_cond_signal(&db->checkpointer_wake);
	}
	pthread_mutex_unlock(&db->lock);
	if (group->done.first)
		cpl_store_finished_all(group->done.first);
	group->done = (struct db_queue){0};
	if (atomic_exchange(&db->log_is_long, false))
		sqlite3_wal_checkpoint_v2(db->writer.sql, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void reads_wait(struct database *db, const struct cpl_store_request *batch)
{
	pthread_mutex_lock(&db->lock);
	db->writer_waits_for_reads = true;
	while (traffic_has_reads(db, batch))
		pthread_cond_wait(&db->reads_done, &db->lock);
	db->writer_waits_for_reads = false;
	pthread_mutex_unlock(&db->lock);
}

/* SQLite undoes a whole transaction by itself on some errors (a full disk, for one): then every batch in it
 * has failed. */
static bool group_is_lost(struct group *group, const struct cpl_error *error)
{
	if (!group->begun || !sqlite3_get_autocommit(group->db->writer.sql))
		return false;
	group_lost(group, error);
	return true;
}

static void batch_undo(struct group *group, struct cpl_store_request *request, const struct cpl_error *why)
{
	struct db_connection *writer = &group->db->writer;
	struct cpl_error error;

	if (!group_is_lost(group, why)) {
		if (statement_run_common(writer, DB_ROLLBACK_TO, &error) ||
		    statement_run_common(writer, DB_RELEASE, &error)) {
			/* Without its savepoint the batch cannot be told from the others. */
			if (!sqlite3_get_autocommit(writer->sql))
				statement_run_common(writer, DB_ROLLBACK, &error);
			group_lost(group, why);
		} else {
			if (writer->numbers_are_new)
				numbers_forget(writer);
			clocks_undo(group->db);
		}
	}
	fail(group->db, request, why);
}

static void batch_run(struct group *group, struct cpl_store_request *request)
{
	struct db_connection *writer = &group->db->writer;
	const struct cpl_store_step *step = request->steps;
	struct cpl_error error;
	int code;

	group->db->choice = (struct cpl_id_choice){0};
	reads_wait(group->db, request);
	if (!group_begin(group)) {
		fail(group->db, request, &group->error);
		return;
	}
	code = statement_run_common(writer, DB_SAVEPOINT, &error);
	if (code) {
		group_is_lost(group, &error);
		fail(group->db, request, &error);
		return;
	}
	while (step && !code) {
		const struct cpl_store_step *end = traffic_next_account(step);

		code = usage_execute(group->db, step, end, &error);
		step = end;
	}
	if (!code)
		code = statement_run_common(writer, DB_RELEASE, &error);
	if (code)
		batch_undo(group, request, &error);
	else
		queue_add(&group->done, request);
}

static void request_run(struct group *group, struct cpl_store_request *request)
{
	if (request->write) {
		batch_run(group, request);
		return;
	}
	execute_read(group->db, &group->db->writer, request);
	if (request->status)
		group_is_lost(group, &request->error);
	finish(group->db, request);
}

/* Serves what is queued and what comes within the window. Called and returns with the lock held. */
static void group_serve(struct group *group)
{
	struct database *db = group->db;

	for (;;) {
		struct db_queue queue = db->writes;
		struct cpl_store_request *request;

		db->writes = (struct db_queue){0};
		db->urgent = false;
		pthread_mutex_unlock(&db->lock);
		while ((request = queue_take(&queue))) {
			request_run(group, request);
			if (group->begun &&
			    (group->done.count >= BATCHES_MAX || time_is_over(&group->latest_end)))
				group_commit(group);
		}
		group->refused = 0;
		pthread_mutex_lock(&db->lock);
		if (!group->begun || db->stopping || db->tasks || time_is_over(&group->window_end))
			break;
		while (!db->urgent && !db->stopping && !db->tasks && !time_is_over(&group->window_end))
			pthread_cond_timedwait(&db->writer_wake, &db->lock, &group->window_end);
	}
	pthread_mutex_unlock(&db->lock);
	group_commit(group);
	pthread_mutex_lock(&db->lock);
}

/*
 * Before the first request. At a reload the file was opened, and the stores were declared, while the former instance went on writing. Called and returns with the
 * lock held.
 */
static void catch_up(struct database *db)
{
	pthread_mutex_unlock(&db->lock);
	clocks_read(db);
	usage_read(db);
	pthread_mutex_lock(&db->lock);
	db->caught_up = true;
}

void *writer_run(void *data)
{
	struct database *db = data;
	struct group group = {.db = db};
	struct db_task *task;

	pthread_mutex_lock(&db->lock);
	while (db->writes.first || db->tasks || !db->stopping) {
		task = db->tasks;
		if (db->writes.first) {
			if (!db->caught_up)
				catch_up(db);
			group_serve(&group);
		} else if (task) {
			db->tasks = task->next;
			pthread_mutex_unlock(&db->lock);
			task->run(task);
			pthread_mutex_lock(&db->lock);
			task->done = true;
			pthread_cond_broadcast(&db->task_done);
		} else {
			db->writer_is_idle = true;
			pthread_cond_wait(&db->writer_wake, &db->lock);
			db->writer_is_idle = false;
		}
	}
	pthread_mutex_unlock(&db->lock);
	return NULL;
}
