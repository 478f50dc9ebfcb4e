/* SPDX-License-Identifier: MIT */
/*
 * The storage drivers when things go wrong: what was acknowledged is kept, what was not is reported, a batch
 * is there whole or not at all, and the driver goes on once it can.
 */
#include "tests/unit/unit.h"

#include "core/base/logger.h"
#include "core/loop/loop.h"
#include "core/xmpp/store.h"
#include "tests/fault/faulty_vfs.h"
#include "tests/unit/storage/driver.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct cpl_column columns[] = {
	{"body", CPL_COLUMN_TEXT, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store list = {"list", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store diary = {"diary", CPL_STORE_ARCHIVE, 1, columns, NULL};

#define ROMEO jid_of("romeo@example.org")

static void log_begin(void)
{
	static const struct logger_options options = {.level = CPL_LOG_WARN, .sink = LOGGER_MEMORY};
	struct cpl_error error;

	assert_int_equal(logger_start(&options, &error), 0);
}

static void open_all(void)
{
	struct cpl_error error = {0};

	if (driver_open(&error) || store_declare(&list, &error) || store_declare(&diary, &error))
		fail_msg("%s", error.text);
}

static int create_romeo(void)
{
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_account_create(batch, ROMEO);
	return commit(&batch);
}

/* Batch `number`: one row in each store, with `padding` bytes in each. */
static struct cpl_batch *pair(unsigned number, size_t padding)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_buf body = {0};
	struct cpl_value value;
	char key[16];

	snprintf(key, sizeof(key), "%u", number);
	cpl_buf_addf(&body, "%u", number);
	memset(cpl_buf_reserve(&body, padding), ' ', padding);
	body.len += padding;
	value = CPL_BYTES(cpl_buf_str(&body));
	cpl_batch_set(batch, &list, ROMEO, cpl_str_of(key), &value);
	cpl_batch_append(batch, &diary, ROMEO, cpl_now(), jid_of("juliet@example.com/balcony"), &value);
	cpl_buf_finish(&body);
	return batch;
}

enum { PAIRS_MAX = 20000 };
/* Which batches are there, from both stores; a batch that is in one only is a failure. */
static size_t pairs_read(bool there[PAIRS_MAX])
{
	struct answer answer = {.columns = 1};
	size_t listed, found = 0;
	int64_t after = 0;

	memset(there, 0, PAIRS_MAX * sizeof(*there));
	assert_int_equal(cpl_store_all(&answer.call, NULL, &list, ROMEO, PAIRS_MAX, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	listed = answer.count;
	for (size_t i = 0; i < answer.count; i++)
		there[strtoul(answer.rows[i].key.ptr, NULL, 10)] = true;
	answer_finish(&answer);
	for (bool complete = false; !complete;) {
		struct cpl_archive_query query = {.after = after, .limit = 1000};

		answer.columns = 1;
		assert_int_equal(cpl_archive_query(&answer.call, NULL, &diary, ROMEO, &query, answer_done),
				 0);
		assert_int_equal(answer_wait(&answer), 0);
		for (size_t i = 0; i < answer.count; i++)
			assert_true(there[strtoul(answer.rows[i].values[0].bytes.ptr, NULL, 10)]);
		if (answer.count)
			after = answer.rows[answer.count - 1].id;
		found += answer.count;
		complete = answer.complete;
		answer_finish(&answer);
	}
	assert_int_equal(found, listed);
	return found;
}

/* ---- the nth write, sync or read fails ---- */

enum { ROUNDS = 6, TOGETHER = 3 };
/* Bytes that each round's rows are longer than those of the round before. With the large step the writer's
 * cache overflows, so that faults strike in the middle of a batch and not only at the commit. */
static size_t step;

/* Some batches at a time, with a read between, and one after them; says which were acknowledged. */
static void work(int status[ROUNDS * TOGETHER], int code)
{
	unsigned acknowledged = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct answer answers[TOGETHER] = {0}, read = {.columns = 1};

		for (unsigned i = 0; i < TOGETHER; i++) {
			struct cpl_batch *batch = pair(round * TOGETHER + i, round * step);

			assert_int_equal(cpl_batch_commit(&answers[i].call, NULL, &batch, answer_done), 0);
		}
		assert_int_equal(cpl_store_all(&read.call, NULL, &list, ROMEO, 100, answer_done), 0);
		for (unsigned i = 0; i < TOGETHER; i++) {
			status[round * TOGETHER + i] = answer_wait(&answers[i]);
			acknowledged += status[round * TOGETHER + i] == 0;
			answer_finish(&answers[i]);
		}
		answer_wait(&read);
		answer_finish(&read);
		read.columns = 1;
		assert_int_equal(cpl_store_all(&read.call, NULL, &list, ROMEO, 100, answer_done), 0);
		if (answer_wait(&read) == 0)
			assert_int_equal(read.count, acknowledged);
		else
			assert_int_equal(read.status, code);
		answer_finish(&read);
	}
}

static bool fault_round(unsigned nth, unsigned kinds, int result, bool stays, int code)
{
	int status[ROUNDS * TOGETHER];
	bool there[PAIRS_MAX], hit;
	struct cpl_batch *batch;
	unsigned failures = 0;
	char *log;

	driver_begin(&sqlite_LTX_cpl_module, NULL);
	driver_option("commit_window", "1ms");
	driver_option("cache_size", "512K");
	/* No checkpoint of the other thread takes the fault away. */
	driver_option("checkpoint_interval", "1m");
	open_all();
	assert_int_equal(create_romeo(), 0);
	faulty_vfs_at(nth, kinds, result, stays);
	work(status, code);
	hit = faulty_vfs_hit();
	faulty_vfs_at(0, 0, 0, false);
	log = logger_take_memory();
	for (unsigned i = 0; i < ROUNDS * TOGETHER; i++) {
		assert_true(status[i] == 0 || status[i] == code);
		failures += status[i] != 0;
	}
	assert_true(hit || failures == 0);
	cpl_free(log);
	/* It goes on. */
	batch = pair(ROUNDS * TOGETHER, 0);
	assert_int_equal(commit(&batch), 0);
	for (unsigned look = 0; look < 2; look++) {
		assert_int_equal(pairs_read(there), ROUNDS * TOGETHER + 1 - failures);
		for (unsigned i = 0; i < ROUNDS * TOGETHER; i++)
			assert_int_equal(there[i], status[i] == 0);
		assert_true(there[ROUNDS * TOGETHER]);
		driver_close();
		open_all();
	}
	driver_end();
	return hit;
}

static void every_nth(unsigned kinds, int result, bool stays, int code, unsigned least)
{
	log_begin();
	for (step = 3000; step <= 60000; step += 57000) {
		unsigned nth = 2;

		while (fault_round(nth, kinds, result, stays, code))
			nth += step > 3000 ? 167 : nth < 40 ? 1 : 11;
		assert_true(nth > least);
	}
	logger_finish();
}

static void test_nth_write_fails(void **state)
{
	every_nth(FAULT_WRITE, SQLITE_IOERR_WRITE, false, CPL_E_IO, 20);
}

static void test_disk_is_full_from_the_nth_write(void **state)
{
	every_nth(FAULT_WRITE, SQLITE_FULL, true, CPL_E_FULL, 20);
}

static void test_nth_sync_fails(void **state)
{
	every_nth(FAULT_SYNC, SQLITE_IOERR_FSYNC, false, CPL_E_IO, 4);
}

static void test_nth_read_fails(void **state)
{
	every_nth(FAULT_READ, SQLITE_IOERR_READ, false, CPL_E_IO, 2);
}

/* ---- a bounded disk ---- */

static void file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static unsigned lines_with(const char *text, const char *word)
{
	unsigned count = 0;

	while ((text = strstr(text, word))) {
		count++;
		text += strlen(word);
	}
	return count;
}

/* Batches until one fails; those after it may fail, too. Then there is room again. */
static void fill(const struct cpl_descriptor *descriptor, void (*bound)(bool on))
{
	bool there[PAIRS_MAX];
	unsigned kept = 0, refused = 0;
	struct cpl_batch *batch;
	char *log;

	log_begin();
	driver_begin(descriptor, NULL);
	driver_option(descriptor == &memory_LTX_cpl_module ? "max_size" : "checkpoint_interval",
		      descriptor == &memory_LTX_cpl_module ? "512K" : "50ms");
	open_all();
	assert_int_equal(create_romeo(), 0);
	bound(true);
	for (unsigned i = 0; i < 2000 && refused < 20; i++) {
		int status;

		batch = pair(i, 1000);
		status = commit(&batch);
		if (status != 0 && status != CPL_E_FULL)
			fail_msg("status %d, %s", status, logger_take_memory());
		if (status)
			refused++;
		else
			kept++;
	}
	assert_true(kept > 10);
	assert_int_equal(refused, 20);
	/* What is there can be read, and room can be made. */
	assert_int_equal(pairs_read(there), kept);
	bound(false);
	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_NONE);
	cpl_batch_purge(batch, &diary, ROMEO, INT64_MIN, INT64_MAX);
	assert_int_equal(commit(&batch), 0);
	batch = pair(PAIRS_MAX - 1, 1000);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(pairs_read(there), 1);
	log = logger_take_memory();
	if (descriptor == &sqlite_LTX_cpl_module)
		assert_in_range(lines_with(log, "error"), 1, 2);
	else
		assert_string_equal(log, "");
	cpl_free(log);
	driver_end();
	logger_finish();
}

static void bound_files(bool on)
{
	signal(SIGXFSZ, SIG_IGN);
	file_limit(on ? 512 * 1024 : RLIM_INFINITY);
}

static void bound_nothing(bool on)
{
}

static void test_file_cannot_grow(void **state)
{
	fill(&sqlite_LTX_cpl_module, bound_files);
}

static void test_memory_cannot_grow(void **state)
{
	fill(&memory_LTX_cpl_module, bound_nothing);
}

/* ---- kill -9 ---- */

enum { WRITERS = 8 };
struct shared {
	_Atomic unsigned acknowledged; /* how many */
	_Atomic bool acked[PAIRS_MAX];
};

struct stream {
	struct cpl_store_call call;
	unsigned number;
};
static struct shared *shared;
static unsigned next_number;

static void stream_next(struct stream *stream);

static void stream_done(struct cpl_call *call)
{
	struct stream *stream =
		CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct stream, call);

	if (call->status == 0) {
		shared->acked[stream->number] = true;
		shared->acknowledged++;
	}
	stream_next(stream);
}

static void stream_next(struct stream *stream)
{
	struct cpl_batch *batch;

	if (next_number >= PAIRS_MAX)
		return;
	stream->number = next_number++;
	batch = pair(stream->number, 200);
	if (cpl_batch_commit(&stream->call, NULL, &batch, stream_done))
		abort();
}

/* Writes as fast as it can until it is killed. */
static _Noreturn void child_run(const char *directory, unsigned first)
{
	static struct stream streams[WRITERS];

	driver_begin(&sqlite_LTX_cpl_module, directory);
	driver_option("checkpoint_interval", "50ms");
	driver_option("commit_window", "1ms");
	open_all();
	next_number = first;
	for (unsigned i = 0; i < WRITERS; i++)
		stream_next(&streams[i]);
	for (;;)
		loop_turn(1000);
}

static void test_killed_while_writing(void **state)
{
	static bool there[PAIRS_MAX];
	char directory[] = "/tmp/couplet-kill-XXXXXX", command[64];
	unsigned first = 0;

	assert_non_null(mkdtemp(directory));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	driver_begin(&sqlite_LTX_cpl_module, directory);
	open_all();
	assert_int_equal(create_romeo(), 0);
	driver_end();
	for (unsigned round = 0; round < 10; round++) {
		struct timespec pause = {0, 1000000 + 13000000 * (long)round};
		unsigned before = shared->acknowledged;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			child_run(directory, first);
		for (unsigned waits = 0; shared->acknowledged < before + 20 && waits < 10000; waits++)
			usleep(1000);
		nanosleep(&pause, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_true(shared->acknowledged >= before + 20);

		driver_begin(&sqlite_LTX_cpl_module, directory);
		open_all();
		pairs_read(there);
		for (unsigned i = 0; i < PAIRS_MAX; i++) {
			if (shared->acked[i] && !there[i])
				fail_msg("batch %u was acknowledged and is lost", i);
			if (there[i] && i >= first)
				first = i + 1;
		}
		driver_end();
		first += WRITERS;
	}
	munmap(shared, sizeof(*shared));
	snprintf(command, sizeof(command), "%s/couplet.sqlite", directory);
	unlink(command);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_while_writing),
		cmocka_unit_test(test_file_cannot_grow),
		cmocka_unit_test(test_memory_cannot_grow),
	};
	static const struct CMUnitTest faults[] = {
		cmocka_unit_test(test_nth_write_fails),
		cmocka_unit_test(test_disk_is_full_from_the_nth_write),
		cmocka_unit_test(test_nth_sync_fails),
		cmocka_unit_test(test_nth_read_fails),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	faulty_vfs_register();
	return failed + cmocka_run_group_tests(faults, NULL, NULL);
}
