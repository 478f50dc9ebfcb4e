/* SPDX-License-Identifier: MIT */
/*
 * The SQLite driver: one database file, three connections, three threads.
 *
 *   writer        owns the only connection that writes. Collects the batches of one window in a transaction,
 * each in a savepoint, and commits them with one fsync. Also serves reads of accounts that have writes queued
 * or uncommitted. reader        serves all other reads. checkpointer  copies the write-ahead log into the
 * database from time to time, so that no commit has to.
 *
 * The tables: `account_usage` is explained in usage.h; `account` and `contact` give integers to addresses; `store_version` says what each store looks
 * like; `store_clock` is explained in clock.h; then one table per store, named after it, with the columns
 * that it declares. Rows refer to account(id) and go with it.
 *
 * A connection and its prepared statements are used by one thread at a time. What threads share is guarded by
 * the mutexes named below.
 */
#ifndef STORAGE_SQLITE_DATABASE_H
#define STORAGE_SQLITE_DATABASE_H

#include <couplet/module.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* What account.disabled says besides 0 and a time. */
#define DISABLED_FOR_GOOD 1

enum db_synchronous { DB_SYNCHRONOUS_FULL, DB_SYNCHRONOUS_NORMAL };

struct db_config {
	struct cpl_str file;
	int64_t commit_window;
	int64_t cache_size;
	int synchronous;
	int64_t checkpoint_interval;
};

/* Statements that no particular store has. */
enum db_common {
	DB_BEGIN,
	DB_BEGIN_READ,
	DB_SNAPSHOT,
	DB_COMMIT,
	DB_ROLLBACK,
	DB_SAVEPOINT,
	DB_RELEASE,
	DB_ROLLBACK_TO,
	DB_ACCOUNT_ID,
	DB_ACCOUNT_INSERT,
	DB_ACCOUNT_DELETE,
	DB_ACCOUNT_DISABLE,
	DB_ACCOUNT_QUOTA,
	DB_USAGE_GET,
	DB_ACCOUNT_GET,
	DB_ACCOUNT_LIST,
	DB_CONTACT_ID,
	DB_CONTACT_INSERT,
	DB_CLOCK_SET,
	DB_CLOCK_ALL,
	DB_COMMONS
};

/* Statements of one store. The variants of QUERY and COUNT: any contact, one bare JID with its full ones, one
 * full JID. */
enum db_statement {
	DB_SET, /* also appends */
	DB_INSERT,
	DB_LIST,
	DB_REMOVE,
	DB_REMOVE_ALL,
	DB_PURGE,
	DB_GET,
	DB_ALL,
	DB_PAGE,
	DB_ID,
	DB_QUERY,
	DB_QUERY_BACK = DB_QUERY + 3,
	DB_COUNT = DB_QUERY_BACK + 3,
	DB_STATEMENTS = DB_COUNT + 3
};

enum db_side { DB_WRITER, DB_READER, DB_SIDES };

struct db_connection {
	sqlite3 *sql;
	enum db_side side;
	const char *path; /* for messages; the database's */
	sqlite3_stmt *common[DB_COMMONS];
	/* Numbers of accounts and contacts seen lately; see numbers.h. */
	struct cpl_map accounts, contacts;
	bool numbers_are_new; /* writer: some were made in the open transaction */
	bool snapshot;	      /* reader: one is open */
	int64_t version;      /* reader: of the database, in the last snapshot */
};

/* Bounds that hold for id - when * 1000 in the rows from `id` to the next segment; see clock.h. */
struct db_segment {
	int64_t id, least, most;
};

/* One shape of one store. Made by a declaration, freed at the end. */
struct db_table {
	struct cpl_store store; /* own copy, without migrate */
	unsigned columns;
	sqlite3_stmt *statements[DB_SIDES][DB_STATEMENTS];
	struct db_table *next; /* all tables */
	/* Archives; guarded by database.tables_lock, changed by the writer. */
	struct db_segment *segments;
	size_t segment_count;
	int64_t odd_id;	    /* the last row that a normal segment would not hold */
	bool clock_changed; /* writer only: in the open transaction */
};

/* What the writer does between transactions for a thread that waits. */
struct db_task {
	void (*run)(struct db_task *task);
	bool done;
	struct db_task *next;
};

struct db_queue {
	struct cpl_store_request *first, *last;
	size_t count;
};

struct database {
	char *path;
	struct db_connection writer, reader, checkpointer;
	bool own_quotas; /* writer only: some account has, or has had, a quota of its own */
	struct cpl_id_choice choice; /* writer only: of the batch that is executed */
	atomic_int_fast64_t commit_window_us, checkpoint_interval_ms;

	pthread_mutex_t tables_lock;
	struct cpl_map tables; /* by name, the newest shape */
	struct db_table *all_tables;

	pthread_mutex_t lock; /* everything below */
	pthread_cond_t writer_wake, reader_wake, checkpointer_wake;
	pthread_cond_t task_done, reads_done;
	struct db_queue writes, reads;
	bool urgent; /* the writer should not wait for the end of its window */
	struct db_task *tasks;
	struct cpl_map traffic; /* bare JID -> struct db_traffic */
	size_t writes_unfinished;
	bool writer_waits_for_reads, writer_is_idle;
	bool caught_up; /* the writer has read what a former instance may have changed since the file was opened */
	bool wake_reader, wake_writer; /* at the end of the turn; session thread */
	bool stopping, checkpointer_stopping;
	bool checkpoint_due; /* something was committed */
	atomic_bool log_is_long;
	pthread_t writer_thread, reader_thread, checkpointer_thread;
	bool threads;
};

#endif
