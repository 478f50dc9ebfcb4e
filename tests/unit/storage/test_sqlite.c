/* SPDX-License-Identifier: MIT */
/* What only the sqlite driver has: a file with a mode, a layout, other people's locks, and an administrator
 * who looks into it. */
#include "tests/unit/unit.h"

#include "core/base/logger.h"
#include "core/loop/loop.h"
#include "core/xmpp/store.h"
#include "storage/sqlite/database.h"
#include "tests/unit/storage/driver.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct cpl_column list_columns[] = {
	{"name", CPL_COLUMN_TEXT, true},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store list = {"list", CPL_STORE_MAP, 1, list_columns, NULL};
static const struct cpl_column diary_columns[] = {
	{"stanza", CPL_COLUMN_STANZA, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store diary = {"diary", CPL_STORE_ARCHIVE, 1, diary_columns, NULL};

#define ROMEO jid_of("romeo@example.org")
#define JULIET jid_of("juliet@example.org")

static int setup(void **state)
{
	static const struct logger_options options = {.level = CPL_LOG_DEBUG, .sink = LOGGER_MEMORY};
	struct cpl_error error;

	driver_begin(&sqlite_LTX_cpl_module, NULL);
	return logger_start(&options, &error);
}

static int teardown(void **state)
{
	driver_end();
	logger_finish();
	return 0;
}

static void path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", driver_directory(), name);
}

static void open_all(void)
{
	struct cpl_error error = {0};

	if (driver_open(&error) || store_declare(&list, &error) || store_declare(&diary, &error))
		fail_msg("%s", error.text);
}

/* Opening must fail with this code and a text that has these words. */
static void refuse(int code, const char *words)
{
	struct cpl_error error = {0};

	assert_int_equal(driver_open(&error), code);
	if (!strstr(error.text, words))
		fail_msg("\"%s\" has no \"%s\"", error.text, words);
}

/* The shell's view: everything that the query gives, columns apart by '|', rows by ';'. */
static void shell(const char *sql, const char *expected)
{
	struct cpl_buf found = {0};
	sqlite3_stmt *statement = NULL;
	sqlite3 *other = NULL;
	char path[128];

	path_of(path, "couplet.sqlite");
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	if (sqlite3_prepare_v2(other, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(other));
	while (sqlite3_step(statement) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(statement); i++)
			cpl_buf_addf(&found, "%s%s", i ? "|" : "",
				     (const char *)sqlite3_column_text(statement, i));
		cpl_buf_add_char(&found, ';');
	}
	sqlite3_finalize(statement);
	sqlite3_close(other);
	assert_str(cpl_buf_str(&found), expected);
	cpl_buf_finish(&found);
}

static int create(struct cpl_jid account)
{
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_account_create(batch, account);
	return commit(&batch);
}

static void test_file_mode(void **state)
{
	static const char *const names[] = {"couplet.sqlite", "couplet.sqlite-wal", "couplet.sqlite-shm"};
	struct stat status;
	char path[128];

	umask(0);
	open_all();
	assert_int_equal(create(ROMEO), 0);
	for (unsigned i = 0; i < 3; i++) {
		path_of(path, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	driver_close();
	/* The log has gone into the database. */
	path_of(path, "couplet.sqlite-wal");
	assert_int_equal(stat(path, &status), -1);
}

static void test_refuses_what_is_no_database_of_ours(void **state)
{
	char path[128];
	sqlite3 *other;
	int fd;

	path_of(path, "couplet.sqlite");
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(write(fd, "this is a letter, not a database", 32), 32);
	close(fd);
	refuse(CPL_E_CORRUPT, "couplet.sqlite");
	unlink(path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE music (title TEXT)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	refuse(CPL_E_CONFLICT, "another program");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refuse(CPL_E_IO, "cannot be opened for writing");
	rmdir(path);
	driver_option("file", "no/such/folder/couplet.sqlite");
	refuse(CPL_E_IO, "cannot be opened for writing: No such file");
}

static void test_refuses_a_newer_layout(void **state)
{
	char path[128];
	sqlite3 *other;

	open_all();
	driver_close();
	path_of(path, "couplet.sqlite");
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	refuse(CPL_E_UNSUPPORTED, "newer version of the server");
}

static void test_readable_with_the_shell(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("<message/>"));
	struct cpl_batch *batch = cpl_batch_create();

	open_all();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("juliet@example.com"), &value);
	cpl_batch_append(batch, &diary, ROMEO, 1000, jid_of("juliet@example.com/balcony"), &value);
	assert_int_equal(commit(&batch), 0);
	shell("SELECT username, host, disabled FROM account", "romeo|example.org|0;");
	shell("SELECT username, key, name FROM list JOIN account ON account = account.id",
	      "romeo|juliet@example.com|<message/>;");
	shell("SELECT jid, with_resource, \"when\", stanza FROM diary JOIN contact ON \"with\" = contact.id",
	      "juliet@example.com|balcony|1000|<message/>;");
	shell("SELECT store, kind, version FROM store_version ORDER BY store", "diary|archive|1;list|map|1;");
	shell("PRAGMA integrity_check", "ok;");
	shell("PRAGMA foreign_key_check", "");
}

/* Rows whose times do not go with their ids make few segments, and ordinary ones none. */
static void test_clock_segments_are_few(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_batch *batch;
	int64_t now = cpl_now();

	open_all();
	assert_int_equal(create(ROMEO), 0);
	for (unsigned i = 0; i < 100; i++) {
		batch = cpl_batch_create();
		cpl_batch_append(batch, &diary, ROMEO, cpl_now() - 20, ROMEO, &value);
		assert_int_equal(commit(&batch), 0);
	}
	shell("SELECT count(*) FROM store_clock", "0;");
	batch = cpl_batch_create();
	for (unsigned i = 0; i < 1000; i++) {
		cpl_batch_append(batch, &diary, ROMEO, now - (int64_t)i * 3600000, ROMEO, &value);
		cpl_batch_append(batch, &diary, ROMEO, now, ROMEO, &value);
	}
	assert_int_equal(commit(&batch), 0);
	shell("SELECT count(*) FROM store_clock", "1;");
}

/* A batch that is undone leaves no segment behind, in memory or on disk. */
static void test_clock_of_an_undone_batch(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {.columns = 1};

	open_all();
	assert_int_equal(create(ROMEO), 0);
	cpl_batch_append(batch, &diary, ROMEO, 1000, ROMEO, &value);
	cpl_batch_append(batch, &diary, jid_of("nobody@example.org"), 1000, ROMEO, &value);
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
	shell("SELECT count(*) FROM store_clock", "0;");
	batch = cpl_batch_create();
	cpl_batch_append(batch, &diary, ROMEO, 1000, ROMEO, &value);
	assert_int_equal(commit(&batch), 0);
	shell("SELECT count(*) FROM store_clock", "1;");
	driver_close();
	open_all();
	assert_int_equal(cpl_archive_query(&answer.call, NULL, &diary, ROMEO,
					   &(struct cpl_archive_query){.end = 2000, .limit = 10},
					   answer_done),
			 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	answer_finish(&answer);
}

static int64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Somebody else holds the database's lock: a commit waits for it five seconds, and fails then. */
static void test_foreign_lock(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct answer waiting = {0};
	char path[128], *log;
	sqlite3 *other;
	int64_t begun = seconds();

	open_all();
	assert_int_equal(create(ROMEO), 0);
	path_of(path, "couplet.sqlite");
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(create(JULIET), CPL_E_IO);
	assert_true(seconds() - begun >= 4);
	log = logger_take_memory();
	assert_non_null(strstr(log, "database is locked"));
	cpl_free(log);
	cpl_batch_account_create(batch, JULIET);
	assert_int_equal(cpl_batch_commit(&waiting.call, NULL, &batch, answer_done), 0);
	for (unsigned i = 0; i < 200; i++)
		loop_turn(1);
	assert_false(waiting.done);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(answer_wait(&waiting), 0);
	answer_finish(&waiting);
}

/* An administrator removes an account with the shell while the driver remembers its number. */
static void test_account_removed_behind_our_back(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_batch *batch = cpl_batch_create();

	open_all();
	assert_int_equal(create(ROMEO), 0);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), &value);
	assert_int_equal(commit(&batch), 0);
	shell("DELETE FROM account WHERE username = 'romeo' RETURNING username", "romeo;");
	batch = cpl_batch_create();
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("b"), &value);
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
	assert_int_equal(create(ROMEO), 0);
	batch = cpl_batch_create();
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("b"), &value);
	assert_int_equal(commit(&batch), 0);
}

/* Before a migration there is a backup that is a whole database. */
static int migrate(unsigned from, struct cpl_row *row, struct cpl_arena *arena)
{
	row->values[0] = CPL_BYTES(CPL_STR("changed"));
	return 0;
}

static void test_backup_before_a_migration(void **state)
{
	static const struct cpl_store second = {"list", CPL_STORE_MAP, 2, list_columns, migrate};
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_error error = {0};
	struct stat status;
	char path[128], backup[128];

	open_all();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), &value);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(store_declare(&second, &error), 0);
	shell("SELECT name FROM list", "changed;");
	shell("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%new%'", "0;");
	shell("SELECT count(*) FROM sqlite_schema WHERE name = 'list.column.name'", "1;");
	driver_close();
	path_of(path, "couplet.sqlite");
	path_of(backup, "couplet.sqlite.before-list-1");
	assert_int_equal(stat(backup, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(rename(backup, path), 0);
	shell("SELECT name FROM list", "x;");
	shell("PRAGMA integrity_check", "ok;");
	open_all();
}

/* What the former instance writes while the next one has the file open already: another step of the clock, the first quota of an account's own. */
static void test_catches_up_with_the_former_instance(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_archive_query query = {.start = 1000, .end = 2000, .limit = 10};
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_error error = {0};
	struct answer answer = {.columns = 1};

	open_all();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_append(batch, &diary, ROMEO, cpl_now(), (struct cpl_jid){0}, &value);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(driver_prepare(&error), 0);
	batch = cpl_batch_create();
	cpl_batch_append(batch, &diary, ROMEO, 1500, (struct cpl_jid){0}, &value);
	cpl_batch_account_quota(batch, ROMEO, 40);
	assert_int_equal(commit(&batch), 0);
	driver_take();
	assert_int_equal(cpl_archive_query(&answer.call, NULL, &diary, ROMEO, &query, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.rows[0].when, 1500);
	answer_finish(&answer);
	batch = cpl_batch_create();
	cpl_batch_append(batch, &diary, ROMEO, cpl_now(), (struct cpl_jid){0}, &value);
	assert_int_equal(commit(&batch), CPL_E_FULL);
}

/* ---- what reads cost, however many accounts there are ---- */

static void read_expect(struct cpl_jid account, const char *key, const char *expected)
{
	struct answer answer = {.columns = 1};

	assert_int_equal(cpl_store_get(&answer.call, NULL, &list, account, cpl_str_of(key), answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, expected != NULL);
	if (expected)
		assert_str(answer.rows[0].values[0].bytes, expected);
	answer_finish(&answer);
}

static void account_expect(struct cpl_jid account, int status)
{
	struct answer answer = {.columns = 2};

	assert_int_equal(cpl_account_get(&answer.call, NULL, account, answer_done), 0);
	assert_int_equal(answer_wait(&answer), status);
	answer_finish(&answer);
}

/* How often the reader has run a statement since this was asked last. */
static int runs_of(enum db_common which)
{
	const struct database *db = driver_data();

	return sqlite3_stmt_status(db->reader.common[which], SQLITE_STMTSTATUS_RUN, 1);
}

/* The first run of a statement may be two: the tables were made after the reader had looked at the schema. */
static void warm_up(void)
{
	assert_int_equal(create(JULIET), 0);
	read_expect(JULIET, "a", NULL);
	runs_of(DB_ACCOUNT_ID);
	runs_of(DB_SNAPSHOT);
}

/* The reads that follow each other at a login look the name of the account up once. */
static void test_reads_remember_the_number(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {.columns = 1};

	open_all();
	warm_up();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), &value);
	assert_int_equal(commit(&batch), 0);
	read_expect(ROMEO, "a", "x");
	account_expect(ROMEO, 0);
	read_expect(ROMEO, "b", NULL);
	assert_int_equal(cpl_archive_query(&answer.call, NULL, &diary, ROMEO, &(struct cpl_archive_query){.limit = 1}, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	answer_finish(&answer);
	assert_int_equal(runs_of(DB_ACCOUNT_ID), 1);
	assert_int_equal(runs_of(DB_SNAPSHOT), 4);
}

/* Accounts that are not there are not remembered as such. */
static void test_reads_remember_no_absence(void **state)
{
	open_all();
	account_expect(ROMEO, CPL_E_NOT_FOUND);
	read_expect(ROMEO, "a", NULL);
	assert_int_equal(create(ROMEO), 0);
	account_expect(ROMEO, 0);
}

/* An administrator removes an account with the shell, and makes it anew, while the reader remembers its number. */
static void test_account_made_anew_behind_our_back(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("x"));
	struct cpl_batch *batch = cpl_batch_create();

	open_all();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), &value);
	assert_int_equal(commit(&batch), 0);
	read_expect(ROMEO, "a", "x");
	shell("DELETE FROM account WHERE username = 'romeo' RETURNING username", "romeo;");
	account_expect(ROMEO, CPL_E_NOT_FOUND);
	shell("INSERT INTO account (host, username, created) VALUES ('example.org', 'romeo', 1) RETURNING id", "2;");
	shell("INSERT INTO list (account, key, name) VALUES (2, 'a', 'y') RETURNING name", "y;");
	account_expect(ROMEO, 0);
	read_expect(ROMEO, "a", "y");
}

/* The memory of the reader is bounded: with more accounts than it holds, it is emptied and filled anew. */
static void test_reads_of_many_accounts(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	const struct database *db;
	char text[32];

	open_all();
	warm_up();
	db = driver_data();
	for (unsigned i = 0; i < 600; i++) {
		snprintf(text, sizeof(text), "user%u@example.org", i);
		cpl_batch_account_create(batch, jid_of(text));
	}
	assert_int_equal(commit(&batch), 0);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(text, sizeof(text), "user%u@example.org", i);
		account_expect(jid_of(text), 0);
	}
	assert_int_equal(runs_of(DB_ACCOUNT_ID), 600);
	assert_int_equal(db->reader.accounts.count, 100);
	account_expect(jid_of("user0@example.org"), 0);
	account_expect(jid_of("user599@example.org"), 0);
	assert_int_equal(runs_of(DB_ACCOUNT_ID), 1);
}

static void pragma_expect(sqlite3 *sql, const char *pragma, int expected)
{
	sqlite3_stmt *statement = NULL;

	assert_int_equal(sqlite3_prepare_v2(sql, pragma, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(statement, 0), expected);
	sqlite3_finalize(statement);
}

/* In KiB, below zero: the option's for the writer; a sixteenth of it for the reader, and 512 at least. */
static void test_cache_is_bounded(void **state)
{
	const struct database *db;

	open_all();
	db = driver_data();
	pragma_expect(db->writer.sql, "PRAGMA cache_size", -8192);
	pragma_expect(db->reader.sql, "PRAGMA cache_size", -512);
	driver_close();
	driver_option("cache_size", "32M");
	open_all();
	db = driver_data();
	pragma_expect(db->writer.sql, "PRAGMA cache_size", -32768);
	pragma_expect(db->reader.sql, "PRAGMA cache_size", -2048);
}

/* Opening does not read the rows of accounts: 50,000 of them have some 150 pages in account_usage alone. */
static void test_opening_reads_few_pages(void **state)
{
	const struct database *db;
	int pages = 0, highest = 0;

	open_all();
	shell("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
	      "INSERT INTO account (host, username, created) SELECT 'example.org', 'user' || i, 1 FROM n",
	      "");
	shell("INSERT INTO account_usage (account, bytes) SELECT id, 1 FROM account", "");
	driver_close();
	open_all();
	db = driver_data();
	assert_int_equal(sqlite3_db_status(db->writer.sql, SQLITE_DBSTATUS_CACHE_MISS, &pages, &highest, 0), SQLITE_OK);
	assert_in_range(pages, 1, 40);
	assert_false(db->own_quotas);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(file_mode),
		CASE(refuses_what_is_no_database_of_ours),
		CASE(refuses_a_newer_layout),
		CASE(readable_with_the_shell),
		CASE(clock_segments_are_few),
		CASE(clock_of_an_undone_batch),
		CASE(foreign_lock),
		CASE(account_removed_behind_our_back),
		CASE(backup_before_a_migration),
		CASE(catches_up_with_the_former_instance),
		CASE(reads_remember_the_number),
		CASE(reads_remember_no_absence),
		CASE(account_made_anew_behind_our_back),
		CASE(reads_of_many_accounts),
		CASE(cache_is_bounded),
		CASE(opening_reads_few_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
