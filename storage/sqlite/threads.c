/* SPDX-License-Identifier: MIT */
/* Start, stop and feeding of the threads; the reader and the checkpointer. */
#include "storage/sqlite/threads.h"
#include "storage/sqlite/execute.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/traffic.h"

#include <signal.h>
#include <time.h>

/* So many batches in the queue are worth waking the writer before its window ends. */
#define WAKE_AT 64
/* Pages in the log from which on the writer helps to empty it: 64 MiB. */
#define LOG_LONG 16384

struct timespec time_in(int64_t us)
{
	struct timespec when;

	clock_gettime(CLOCK_MONOTONIC, &when);
	when.tv_sec += us / 1000000;
	when.tv_nsec += us % 1000000 * 1000;
	if (when.tv_nsec >= 1000000000) {
		when.tv_sec++;
		when.tv_nsec -= 1000000000;
	}
	return when;
}

bool time_is_over(const struct timespec *when)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > when->tv_sec || (now.tv_sec == when->tv_sec && now.tv_nsec >= when->tv_nsec);
}

/* ---- the reader ---- */

/* The session thread is woken once for so many reads, or rows. */
enum { READS_TOGETHER = 16 };

static void reads_finish(struct database *db, struct db_queue *done)
{
	if (!done->first)
		return;
	pthread_mutex_lock(&db->lock);
	for (const struct cpl_store_request *request = done->first; request; request = request->next)
		traffic_leave(db, request, true);
	if (db->writer_waits_for_reads)
		pthread_cond_signal(&db->reads_done);
	pthread_mutex_unlock(&db->lock);
	cpl_store_finished_all(done->first);
	*done = (struct db_queue){0};
}

/* No answer waits behind a read that may take long. */
static bool is_short(const struct cpl_store_request *read)
{
	return read->steps->op == CPL_OP_GET || read->steps->op == CPL_OP_ACCOUNT_GET || read->steps->op == CPL_OP_ALL;
}

static void reads_serve(struct database *db, struct db_queue *queue)
{
	struct cpl_store_request *request;
	struct db_queue done = {0};
	bool snapshot = snapshot_open(&db->reader);

	while ((request = queue_take(queue))) {
		if (!is_short(request))
			reads_finish(db, &done);
		execute_read(db, &db->reader, request);
		queue_add(&done, request);
		if (!is_short(request) || request->count > READS_TOGETHER || done.count == READS_TOGETHER)
			reads_finish(db, &done);
	}
	reads_finish(db, &done);
	if (snapshot)
		snapshot_close(&db->reader);
}

void *reader_run(void *data)
{
	struct database *db = data;
	struct db_queue queue;

	pthread_mutex_lock(&db->lock);
	while (db->reads.first || !db->stopping) {
		if (!db->reads.first) {
			pthread_cond_wait(&db->reader_wake, &db->lock);
			continue;
		}
		queue = db->reads;
		db->reads = (struct db_queue){0};
		pthread_mutex_unlock(&db->lock);
		reads_serve(db, &queue);
		pthread_mutex_lock(&db->lock);
	}
	pthread_mutex_unlock(&db->lock);
	return NULL;
}

/* ---- the checkpointer ---- */

static void checkpoint(struct database *db)
{
	int in_log = 0, copied = 0;
	int result = sqlite3_wal_checkpoint_v2(db->checkpointer.sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log,
					       &copied);

	if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY)
		db_fail(&db->checkpointer, NULL, "a checkpoint");
	/* The log starts anew only when all of it was copied while nobody wrote; under steady load the writer
	 * must see to that. */
	if (in_log > LOG_LONG)
		db->log_is_long = true;
}

void *checkpointer_run(void *data)
{
	struct database *db = data;
	struct timespec next;

	pthread_mutex_lock(&db->lock);
	while (!db->checkpointer_stopping) {
		if (!db->checkpoint_due) {
			pthread_cond_wait(&db->checkpointer_wake, &db->lock);
			continue;
		}
		next = time_in(db->checkpoint_interval_ms * 1000);
		while (!db->checkpointer_stopping && !time_is_over(&next))
			pthread_cond_timedwait(&db->checkpointer_wake, &db->lock, &next);
		if (db->checkpointer_stopping)
			break;
		db->checkpoint_due = false;
		pthread_mutex_unlock(&db->lock);
		checkpoint(db);
		pthread_mutex_lock(&db->lock);
	}
	pthread_mutex_unlock(&db->lock);
	return NULL;
}

/* ---- from the session thread ---- */

void threads_submit(struct database *db, struct cpl_store_request *request)
{
	bool reader;

	pthread_mutex_lock(&db->lock);
	reader = !request->write && db->caught_up && !traffic_has_writes(db, request);
	traffic_enter(db, request, reader);
	if (reader) {
		queue_add(&db->reads, request);
		db->wake_reader = true;
	} else {
		queue_add(&db->writes, request);
		/* In its window the writer is left to sleep, but for somebody who waits to read. */
		if (!request->write || db->writes.count >= WAKE_AT)
			db->urgent = true;
		db->wake_writer = db->wake_writer || db->urgent || db->writer_is_idle;
	}
	pthread_mutex_unlock(&db->lock);
}

void threads_submitted(struct database *db)
{
	if (db->wake_reader)
		pthread_cond_signal(&db->reader_wake);
	if (db->wake_writer)
		pthread_cond_signal(&db->writer_wake);
	db->wake_reader = db->wake_writer = false;
}

void threads_run_task(struct database *db, struct db_task *task)
{
	task->done = false;
	pthread_mutex_lock(&db->lock);
	task->next = db->tasks;
	db->tasks = task;
	pthread_cond_signal(&db->writer_wake);
	while (!task->done)
		pthread_cond_wait(&db->task_done, &db->lock);
	pthread_mutex_unlock(&db->lock);
}

static void wake_all(struct database *db)
{
	pthread_cond_broadcast(&db->writer_wake);
	pthread_cond_broadcast(&db->reader_wake);
	pthread_cond_broadcast(&db->checkpointer_wake);
}

static void join_begun(struct database *db, unsigned begun)
{
	pthread_t *const threads[] = {&db->writer_thread, &db->reader_thread, &db->checkpointer_thread};

	pthread_mutex_lock(&db->lock);
	db->stopping = true;
	wake_all(db);
	pthread_mutex_unlock(&db->lock);
	for (unsigned i = 0; i < begun && i < 2; i++)
		pthread_join(*threads[i], NULL);
	pthread_mutex_lock(&db->lock);
	db->checkpointer_stopping = true;
	wake_all(db);
	pthread_mutex_unlock(&db->lock);
	if (begun == 3)
		pthread_join(*threads[2], NULL);
}

int threads_start(struct database *db, struct cpl_error *error)
{
	pthread_t *const threads[] = {&db->writer_thread, &db->reader_thread, &db->checkpointer_thread};
	static void *(*const bodies[])(void *) = {writer_run, reader_run, checkpointer_run};
	sigset_t all, before;
	unsigned begun = 0;
	int result = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (begun < 3 && (result = pthread_create(threads[begun], NULL, bodies[begun], db)) == 0)
		begun++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (begun == 3) {
		db->threads = true;
		return 0;
	}
	join_begun(db, begun);
	return cpl_fail(error, CPL_E_IO, "no thread for the database can be made: %s", strerror(result));
}

void threads_stop(struct database *db)
{
	if (db->threads)
		join_begun(db, 3);
	db->threads = false;
}
