/* SPDX-License-Identifier: MIT */
/* The database file: opening, pragmas, closing, errors. */
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "Cplt": tells the file(1) command, and us, whose database it is. */
#define APPLICATION_ID 0x43706c74
/* The layout of the tables in layout[]. */
#define LAYOUT 1
/* A foreign lock is waited for this long. */
#define BUSY_MS 5000

enum { READER_SHARE = 16, READER_KIB_LEAST = 512 };

static const char layout[] =
	"CREATE TABLE account (\n"
	"\tid INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice\n"
	"\thost TEXT NOT NULL,\n"
	"\tusername TEXT NOT NULL, -- empty: the host itself\n"
	"\tcreated INTEGER NOT NULL, -- milliseconds since 1970\n"
	"\tdisabled INTEGER NOT NULL DEFAULT 0, -- 1: for good; else until then, milliseconds since 1970\n"
	"\tUNIQUE (host, username)\n"
	") STRICT;\n"
	"CREATE TABLE contact ( -- whom archived messages were exchanged with\n"
	"\tid INTEGER PRIMARY KEY,\n"
	"\tjid TEXT NOT NULL UNIQUE -- without resource\n"
	") STRICT;\n"
	"CREATE TABLE store_version ( -- the tables of the stores, as their modules declare them\n"
	"\tstore TEXT PRIMARY KEY,\n"
	"\tkind TEXT NOT NULL,\n"
	"\tversion INTEGER NOT NULL\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE store_clock ( -- from this id on, id - \"when\" * 1000 is within these bounds\n"
	"\tstore TEXT NOT NULL,\n"
	"\tid INTEGER NOT NULL,\n"
	"\tleast INTEGER NOT NULL,\n"
	"\tmost INTEGER NOT NULL,\n"
	"\tPRIMARY KEY (store, id)\n"
	") STRICT, WITHOUT ROWID;\n";

/* ---- errors ---- */

int db_code(int result)
{
	switch (result) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return CPL_E_NOT_FOUND;
	}
	switch (result & 0xff) {
	case SQLITE_FULL:
		return CPL_E_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return CPL_E_CORRUPT;
	case SQLITE_TOOBIG:
		return CPL_E_INVALID;
	default:
		return CPL_E_IO;
	}
}

/* The error of the system with which a write to the database's file or its log failed last;
 * sqlite3_system_errno() does not have it for commits. */
static int write_errno(sqlite3 *sql, int which)
{
	sqlite3_file *file = NULL;
	int system = 0;

	if (sqlite3_file_control(sql, "main", which, &file) == SQLITE_OK && file && file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &system);
	return system;
}

/* A quota and a limit on the size of files are no less full than a disk, for which SQLite has a code of its
 * own. */
static bool is_no_room(int system)
{
	return system == ENOSPC || system == EDQUOT || system == EFBIG;
}

static bool system_is_full(sqlite3 *sql)
{
	return is_no_room(write_errno(sql, SQLITE_FCNTL_FILE_POINTER)) ||
	       is_no_room(write_errno(sql, SQLITE_FCNTL_JOURNAL_POINTER));
}

static void log_once(int code, const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static time_t last[16];
	struct timespec now;
	bool due;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	due = !last[-code & 15] || now.tv_sec - last[-code & 15] >= 60;
	if (due)
		last[-code & 15] = now.tv_sec;
	pthread_mutex_unlock(&lock);
	if (due)
		cpl_log_error("%s", text);
}

int db_fail(const struct db_connection *connection, struct cpl_error *error, const char *doing)
{
	int result = sqlite3_extended_errcode(connection->sql);
	int code = db_code(result);
	struct cpl_error own;

	if (result == SQLITE_IOERR_WRITE && system_is_full(connection->sql))
		code = CPL_E_FULL;
	if (!code)
		code = CPL_E_IO;
	error = error ? error : &own;
	cpl_fail(error, code, "the database %s: %s failed: %s (SQLite %d)", connection->path, doing,
		 sqlite3_errmsg(connection->sql), result);
	/* A row for an account that has just gone is nothing to tell the administrator. */
	if (code != CPL_E_NOT_FOUND)
		log_once(code, error->text);
	return code;
}

int db_exec(const struct db_connection *connection, const char *sql, struct cpl_error *error)
{
	return sqlite3_exec(connection->sql, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : db_fail(connection, error, "preparing it");
}

/* ---- opening ---- */

/* SQLite would make the file with the umask's mode; its log files take over that of the file. */
static int file_create(const char *path, struct cpl_error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return cpl_fail(error, CPL_E_IO, "the database %s cannot be opened for writing: %s", path,
				strerror(errno));
	close(fd);
	return 0;
}

/* The first column of the first row as a number. */
static int number_of(const struct db_connection *connection, const char *sql, int64_t *number,
		     struct cpl_error *error)
{
	sqlite3_stmt *statement = NULL;
	int code = 0;

	if (sqlite3_prepare_v2(connection->sql, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	else
		code = db_fail(connection, error, "opening it");
	sqlite3_finalize(statement);
	return code;
}

static int connection_open(struct db_connection *connection, enum db_side side, const char *path,
			   struct cpl_error *error)
{
	connection->side = side;
	connection->path = path;
	if (sqlite3_open_v2(path, &connection->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return db_fail(connection, error, "opening it");
	sqlite3_extended_result_codes(connection->sql, 1);
	sqlite3_busy_timeout(connection->sql, BUSY_MS);
	return 0;
}

/*
 * The reading connection has a sixteenth of the pages: what it reads of an account is in memory as long as the account is online, and would lie there twice. What it needs again and
 * again are the upper pages of the trees; a page that has gone is in the system's cache, a microsecond away.
 */
static long long cache_kib(const struct db_connection *connection, const struct db_config *config)
{
	long long kib = config->cache_size / 1024;

	if (connection->side != DB_READER)
		return kib;
	return kib / READER_SHARE > READER_KIB_LEAST ? kib / READER_SHARE : READER_KIB_LEAST;
}

static int connection_configure(const struct db_connection *connection, const struct db_config *config,
				struct cpl_error *error)
{
	char *pragmas = cpl_asprintf("PRAGMA journal_mode = WAL;"
				     "PRAGMA synchronous = %s;"
				     "PRAGMA foreign_keys = ON;"
				     "PRAGMA wal_autocheckpoint = 0;"
				     "PRAGMA journal_size_limit = 67108864;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA cache_size = %lld",
				     config->synchronous == DB_SYNCHRONOUS_FULL ? "FULL" : "NORMAL",
				     -cache_kib(connection, config));
	int code = db_exec(connection, pragmas, error);

	cpl_free(pragmas);
	return code;
}

/* Looks at the file before anything in it is changed. *fresh: it is empty. */
static int layout_judge(const struct db_connection *connection, bool *fresh, struct cpl_error *error)
{
	int64_t application = 0, version = 0, tables = 0;

	if (number_of(connection, "PRAGMA application_id", &application, error) ||
	    number_of(connection, "PRAGMA user_version", &version, error) ||
	    number_of(connection, "SELECT count(*) FROM sqlite_schema", &tables, error))
		return error->code;
	if (sqlite3_db_readonly(connection->sql, "main") != 0)
		return cpl_fail(error, CPL_E_IO, "the database %s can be read, but not written",
				connection->path);
	*fresh = application == 0 && tables == 0;
	if (*fresh || (application == APPLICATION_ID && version == LAYOUT))
		return 0;
	if (application == APPLICATION_ID)
		return cpl_fail(error, CPL_E_UNSUPPORTED,
				"the database %s was written by a newer version of the server (layout %lld, "
				"known is %d)",
				connection->path, (long long)version, LAYOUT);
	return cpl_fail(error, CPL_E_CONFLICT, "%s is a database of another program", connection->path);
}

static int layout_make(const struct db_connection *connection, struct cpl_error *error)
{
	char *sql = cpl_asprintf(
		"BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; %s COMMIT",
		APPLICATION_ID, LAYOUT, layout);
	int code = db_exec(connection, sql, error);

	cpl_free(sql);
	return code;
}

/* PRAGMA journal_mode says what the mode is now, and is silent about why it is not what was asked for. */
static int log_check(const struct db_connection *connection, struct cpl_error *error)
{
	sqlite3_stmt *mode = NULL;
	bool wal = sqlite3_prepare_v2(connection->sql, "PRAGMA journal_mode", -1, &mode, NULL) == SQLITE_OK &&
		   sqlite3_step(mode) == SQLITE_ROW &&
		   strcmp((const char *)sqlite3_column_text(mode, 0), "wal") == 0;

	sqlite3_finalize(mode);
	if (wal)
		return 0;
	return cpl_fail(
		error, CPL_E_UNSUPPORTED,
		"the database %s is on a file system without the shared memory that SQLite's log needs",
		connection->path);
}

int db_open(struct database *db, const struct db_config *config, struct cpl_error *error)
{
	bool fresh = false;
	int code = file_create(db->path, error);

	if (!code)
		code = connection_open(&db->writer, DB_WRITER, db->path, error);
	if (!code)
		code = layout_judge(&db->writer, &fresh, error);
	if (!code)
		code = connection_configure(&db->writer, config, error);
	if (!code)
		code = log_check(&db->writer, error);
	if (!code && fresh)
		code = layout_make(&db->writer, error);
	if (!code)
		code = usage_open(db, error);
	if (!code)
		code = connection_open(&db->reader, DB_READER, db->path, error);
	if (!code)
		code = connection_configure(&db->reader, config, error);
	if (!code)
		code = connection_open(&db->checkpointer, DB_SIDES, db->path, error);
	return code ? code : connection_configure(&db->checkpointer, config, error);
}

struct database *db_create(const char *path, const struct db_config *config)
{
	struct database *db = CPL_NEW(struct database);
	pthread_condattr_t monotonic;

	db->path = cpl_strdup(cpl_str_of(path));
	db->commit_window_us = config->commit_window * 1000;
	db->checkpoint_interval_ms = config->checkpoint_interval;
	pthread_mutex_init(&db->tables_lock, NULL);
	pthread_mutex_init(&db->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&db->writer_wake, &monotonic);
	pthread_cond_init(&db->reader_wake, NULL);
	pthread_cond_init(&db->checkpointer_wake, &monotonic);
	pthread_cond_init(&db->task_done, NULL);
	pthread_cond_init(&db->reads_done, NULL);
	pthread_condattr_destroy(&monotonic);
	return db;
}

static void connection_close(struct db_connection *connection)
{
	if (!connection->sql)
		return;
	statements_finish(connection);
	if (sqlite3_close(connection->sql) != SQLITE_OK)
		cpl_log_error("database not closed file=%s reason=\"%s\"", connection->path,
			      sqlite3_errmsg(connection->sql));
	connection->sql = NULL;
}

static void close_all_but_writer(struct database *db)
{
	tables_finish(db);
	connection_close(&db->checkpointer);
	connection_close(&db->reader);
}

void db_leave(struct database *db)
{
	close_all_but_writer(db);
	connection_close(&db->writer);
}

void db_close(struct database **db)
{
	struct database *gone = *db;

	*db = NULL;
	close_all_but_writer(gone);
	if (gone->writer.sql)
		sqlite3_wal_checkpoint_v2(gone->writer.sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	connection_close(&gone->writer);
	cpl_map_finish(&gone->traffic);
	pthread_mutex_destroy(&gone->tables_lock);
	pthread_mutex_destroy(&gone->lock);
	pthread_cond_destroy(&gone->writer_wake);
	pthread_cond_destroy(&gone->reader_wake);
	pthread_cond_destroy(&gone->checkpointer_wake);
	pthread_cond_destroy(&gone->task_done);
	pthread_cond_destroy(&gone->reads_done);
	cpl_free(gone->path);
	cpl_free(gone);
}
