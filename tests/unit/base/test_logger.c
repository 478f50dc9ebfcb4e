/* SPDX-License-Identifier: MIT */
/* The log: form of a line, escaping, levels, change of sink, reopening, and a sink that stalls. */
#include "unit.h"

#include "core/base/account.h"
#include "core/base/clock.h"
#include "core/base/logger.h"
#include <couplet/memory.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/couplet-logger-XXXXXX";
static char path[64], moved[64], fifo[64];

static int setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(moved, sizeof(moved), "%s/log.1", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	return mkfifo(fifo, 0600);
}

static int teardown(void **state)
{
	unlink(path);
	unlink(moved);
	unlink(fifo);
	return rmdir(folder);
}

static void start(enum logger_sink sink, enum cpl_log_level level, const char *file)
{
	struct logger_options options = {.sink = sink, .level = level, .path = file};
	struct cpl_error error = {0};

	assert_int_equal(logger_start(&options, &error), 0);
}

/* What a file holds, up to `size` - 1 bytes. */
static size_t file_read(const char *file, char *to, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert_true(fd >= 0);
	got = read(fd, to, size - 1);
	assert_true(got >= 0);
	to[got] = '\0';
	close(fd);
	return (size_t)got;
}

/* The message of the one line in memory: behind time, level and module. */
static char *take_message(const char *head)
{
	char *lines = logger_take_memory(), *message;
	struct cpl_str line = cpl_str_of(lines), time = {lines, 24};
	int64_t ms;

	assert_true(line.len > 31);
	assert_true(cpl_time_parse(time, &ms));
	assert_true(ms <= clock_system_now() && ms > clock_system_now() - 60000);
	assert_true(cpl_str_starts((struct cpl_str){lines + 24, line.len - 24}, cpl_str_of(head)));
	message = cpl_strdup((struct cpl_str){lines + 24 + strlen(head), line.len - 24 - strlen(head)});
	cpl_free(lines);
	return message;
}

static void form_of_a_line(void **state)
{
	struct account *account = account_create("offline");
	struct account_visit visit;
	char *message;

	start(LOGGER_MEMORY, CPL_LOG_INFO, NULL);
	cpl_log_warn("message stored account=%s count=%d", "romeo@example.org", 3);
	message = take_message(" warn  core: ");
	assert_string_equal(message, "message stored account=romeo@example.org count=3\n");
	cpl_free(message);
	visit = account_enter(account, NULL, ACCOUNT_IN_CORE);
	cpl_log_error("x");
	account_leave(&visit);
	message = take_message(" error offline: ");
	assert_string_equal(message, "x\n");
	cpl_free(message);
	logger_finish();
	account_release(&account);
}

static void control_characters_are_escaped(void **state)
{
	char *message;

	start(LOGGER_MEMORY, CPL_LOG_INFO, NULL);
	cpl_log_info("%s", "a\nb\r\t\x1b[0m \x7f \xc3\xa9 \xc2\x85 \xff\xc3 \\ \xe2\x82\xac");
	message = take_message(" info  core: ");
	assert_string_equal(
		message, "a\\x0ab\\x0d\\x09\\x1b[0m \\x7f \xc3\xa9 \\xc2\\x85 \\xff\\xc3 \\ \xe2\x82\xac\n");
	cpl_free(message);
	logger_finish();
}

static void long_messages_are_cut(void **state)
{
	char longer[20000], *message;

	memset(longer, '\n', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	start(LOGGER_MEMORY, CPL_LOG_INFO, NULL);
	cpl_log_info("%s", longer);
	message = take_message(" info  core: ");
	assert_int_equal(strlen(message), 4096 + 1);
	assert_int_equal(strspn(message, "\\x0a"), 4096);
	cpl_free(message);
	logger_finish();
}

static int evaluated;

static int evaluate(void)
{
	return ++evaluated;
}

static void levels(void **state)
{
	struct logger_options options = {.sink = LOGGER_MEMORY, .level = CPL_LOG_DEBUG};
	enum cpl_log_level level = CPL_LOG_ERROR;
	char *lines;

	start(LOGGER_MEMORY, CPL_LOG_WARN, NULL);
	cpl_log_info("hidden %d", evaluate());
	lines = logger_take_memory();
	assert_string_equal(lines, "");
	assert_int_equal(evaluated, 0);
	cpl_free(lines);
	assert_int_equal(logger_change(&options, NULL), 0);
	cpl_log_debug("shown %d", evaluate());
	lines = logger_take_memory();
	assert_non_null(strstr(lines, " debug core: shown 1\n"));
	cpl_free(lines);
	logger_finish();
	assert_true(logger_level_of(CPL_STR("debug"), &level));
	assert_int_equal(level, CPL_LOG_DEBUG);
	assert_true(logger_level_of(CPL_STR("warn"), &level));
	assert_int_equal(level, CPL_LOG_WARN);
	assert_false(logger_level_of(CPL_STR("warning"), &level));
	assert_false(logger_level_of(CPL_STR(""), &level));
}

/* A module has its own level, whatever that of the others is; what a watcher wants is not written. */
static void levels_of_modules(void **state)
{
	const struct cpl_str own[] = {CPL_STR("offline=debug"), CPL_STR("core=error"), CPL_STR("nonsense"), CPL_STR("x=loud")};
	struct logger_options options = {.sink = LOGGER_MEMORY, .level = CPL_LOG_WARN, .levels = own, .level_count = 4};
	struct account *account = account_create("offline");
	struct logger_level level;
	struct account_visit visit;
	char *lines;

	assert_int_equal(logger_start(&options, NULL), 0);
	cpl_log_warn("hidden");
	cpl_log_error("of the core");
	visit = account_enter(account, NULL, ACCOUNT_IN_CORE);
	cpl_log_debug("of the module");
	account_leave(&visit);
	lines = logger_take_memory();
	assert_null(strstr(lines, "hidden"));
	assert_non_null(strstr(lines, "error core: of the core"));
	assert_non_null(strstr(lines, "debug offline: of the module"));
	cpl_free(lines);
	assert_true(logger_level_at(0, &level));
	assert_string_equal(level.module, "offline");
	assert_true(logger_level_at(1, &level));
	assert_false(logger_level_at(2, &level));
	logger_level_clear(CPL_STR("offline"));
	assert_int_equal(cpl_log_threshold, CPL_LOG_WARN);
	assert_true(logger_level_set(CPL_NONE, CPL_LOG_ERROR));
	assert_int_equal(cpl_log_threshold, CPL_LOG_ERROR);
	logger_watch_debug(true);
	assert_int_equal(cpl_log_threshold, CPL_LOG_DEBUG);
	cpl_log_debug("for nobody");
	logger_watch_debug(false);
	assert_int_equal(cpl_log_threshold, CPL_LOG_ERROR);
	lines = logger_take_memory();
	assert_string_equal(lines, "");
	cpl_free(lines);
	for (int i = 0; i < LOGGER_LEVELS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "m%d", i);
		assert_int_equal(logger_level_set(cpl_str_of(name), CPL_LOG_INFO), i < LOGGER_LEVELS - 1); /* core has one */
	}
	logger_finish();
	logger_levels_reset(CPL_LOG_INFO);
	account_release(&account);
}

static char tapped[200];

static void tap(enum cpl_log_level level, const char *module, struct cpl_str message)
{
	snprintf(tapped, sizeof(tapped), "%s %s %.*s", logger_level_name(level), module, CPL_ARG(message));
}

static void tap_sees_what_is_not_written(void **state)
{
	char *lines;

	start(LOGGER_MEMORY, CPL_LOG_ERROR, NULL);
	logger_tap_set(tap, CPL_LOG_INFO);
	cpl_log_info("a\nb number=%d", 1);
	assert_string_equal(tapped, "info core a\\x0ab number=1");
	cpl_log_debug("c");
	assert_string_equal(tapped, "info core a\\x0ab number=1");
	logger_tap_set(NULL, CPL_LOG_ERROR);
	assert_int_equal(cpl_log_threshold, CPL_LOG_ERROR);
	lines = logger_take_memory();
	assert_string_equal(lines, "");
	cpl_free(lines);
	logger_finish();
	logger_levels_reset(CPL_LOG_INFO);
}

/* The journal's own protocol: a datagram of NAME=value lines. */
static void journal_gets_fields(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct logger_options options = {.sink = LOGGER_JOURNAL, .level = CPL_LOG_INFO, .path = path};
	struct cpl_error error = {0};
	char text[4096];
	ssize_t got;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(logger_start(&options, &error), CPL_E_IO);
	assert_non_null(strstr(error.text, path));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(logger_start(&options, &error), 0);
	cpl_log_warn("session refused session=%s reason=\"too many\" A=b jid=%s", "s1", "romeo@example.org");
	got = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(got > 0);
	text[got] = 0;
	assert_string_equal(text, "MESSAGE=core: session refused session=s1 reason=\"too many\" A=b jid=romeo@example.org\nPRIORITY=4\n"
				  "SYSLOG_IDENTIFIER=couplet\nCOUPLET_LOGGER=core\nCOUPLET_SESSION=s1\nCOUPLET_REASON=too many\n"
				  "COUPLET_JID=romeo@example.org\n");
	logger_finish();
	close(fd);
	unlink(path);
}

static void file_is_reopened(void **state)
{
	char text[1000];

	start(LOGGER_FILE, CPL_LOG_INFO, path);
	cpl_log_info("first");
	assert_int_equal(rename(path, moved), 0); /* the open file goes along */
	cpl_log_info("second");
	logger_reopen();
	cpl_log_info("third");
	logger_finish();
	file_read(moved, text, sizeof(text));
	assert_non_null(strstr(text, "first"));
	assert_non_null(strstr(text, "second"));
	assert_null(strstr(text, "third"));
	file_read(path, text, sizeof(text));
	assert_non_null(strstr(text, "third"));
	assert_null(strstr(text, "second"));
	unlink(path);
	unlink(moved);
}

static void failing_change_changes_nothing(void **state)
{
	struct logger_options options = {
		.sink = LOGGER_FILE, .level = CPL_LOG_ERROR, .path = "/nowhere/at/all"};
	struct cpl_error error = {0};
	char *lines;

	start(LOGGER_MEMORY, CPL_LOG_INFO, NULL);
	assert_int_equal(logger_change(&options, &error), CPL_E_IO);
	assert_non_null(strstr(error.text, "/nowhere/at/all"));
	cpl_log_info("still here");
	lines = logger_take_memory();
	assert_non_null(strstr(lines, "still here"));
	cpl_free(lines);
	logger_finish();
	assert_int_equal(logger_start(&options, &error), CPL_E_IO);
	options.path = NULL;
	assert_int_equal(logger_start(&options, &error), CPL_E_INVALID);
}

/* Lines queued before a change go to the old sink, later ones to the new. */
static void change_of_sink_keeps_the_order(void **state)
{
	struct logger_options options = {.sink = LOGGER_MEMORY, .level = CPL_LOG_INFO};
	char text[1000], *lines;

	start(LOGGER_FILE, CPL_LOG_INFO, path);
	cpl_log_info("to the file");
	assert_int_equal(logger_change(&options, NULL), 0);
	cpl_log_info("to memory");
	lines = logger_take_memory();
	assert_non_null(strstr(lines, "to memory"));
	assert_null(strstr(lines, "to the file"));
	cpl_free(lines);
	logger_finish();
	file_read(path, text, sizeof(text));
	assert_non_null(strstr(text, "to the file"));
	assert_null(strstr(text, "to memory"));
	unlink(path);
}

#define WRITERS 4
#define LINES	1000

static void *log_many(void *data)
{
	for (int i = 0; i < LINES; i++)
		cpl_log_info("thread=%d line=%d", (int)(intptr_t)data, i);
	return NULL;
}

/* Every line of every thread arrives whole, and each thread's in order. */
static void threads_log(void **state)
{
	pthread_t threads[WRITERS];
	int next[WRITERS] = {0};
	char *lines, *line, *rest;

	start(LOGGER_MEMORY, CPL_LOG_INFO, NULL);
	for (intptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	lines = logger_take_memory();
	for (line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		int thread = -1, number = -1;

		assert_int_equal(sscanf(line + 24, " info core: thread=%d line=%d", &thread, &number), 2);
		assert_true(thread >= 0 && thread < WRITERS);
		assert_int_equal(number, next[thread]);
		next[thread]++;
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(next[i], LINES);
	cpl_free(lines);
	logger_finish();
}

/* Lines of all lengths, also those that are longer than what is written at once, arrive in a file whole and in order, with a change of file among them. */
static void lines_are_joined(void **state)
{
	enum { COUNT = 200, LONGEST = 4090 };
	static char text[COUNT * (LONGEST + 100)];
	char filler[LONGEST + 1], *line, *rest;
	size_t len;
	int number = 0;

	memset(filler, 'x', sizeof(filler));
	start(LOGGER_FILE, CPL_LOG_INFO, path);
	for (int i = 0; i < COUNT; i++) {
		if (i == COUNT / 2) {
			assert_int_equal(rename(path, moved), 0);
			logger_reopen();
		}
		cpl_log_info("line=%03d %.*s", i, i * 613 % (LONGEST - 8), filler);
	}
	logger_finish();
	len = file_read(moved, text, sizeof(text));
	file_read(path, text + len, sizeof(text) - len);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), number++) {
		int found = -1;

		assert_int_equal(sscanf(line + 24, " info core: line=%d", &found), 1);
		assert_int_equal(found, number);
		assert_int_equal(strlen(strrchr(line, ' ') + 1), number * 613 % (LONGEST - 8));
	}
	assert_int_equal(number, COUNT);
	unlink(path);
	unlink(moved);
}

/* Adds what is there to the buffer and returns how many lines it holds. */
static size_t drain(int fd, struct cpl_buf *buf)
{
	size_t lines = 0;
	ssize_t got;

	while ((got = read(fd, cpl_buf_reserve(buf, 65536), 65536)) > 0)
		buf->len += (size_t)got;
	for (size_t at = 0; at < buf->len; at++)
		lines += buf->ptr[at] == '\n';
	return lines;
}

/*
 * Nobody waits for a sink that takes nothing: lines are dropped, counted and, when it takes lines again,
 * reported.
 */
static void stalled_sink_drops(void **state)
{
	int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t before = logger_dropped(), dropped, told = 0, reports = 0, lines = 0;
	int64_t started = clock_system_monotonic();
	struct cpl_buf buf = {0};

	assert_true(fd >= 0);
	start(LOGGER_FILE, CPL_LOG_INFO, fifo);
	for (int i = 0; i < 20000; i++)
		cpl_log_info("a line of some length, so that the pipe is full soon number=%d", i);
	dropped = logger_dropped() - before;
	assert_true(dropped > 5000 && dropped < 20000);
	assert_true(clock_system_monotonic() - started < 5000);
	for (int waited = 0; lines <= 20000 - dropped && waited < 500; waited++) {
		lines = drain(fd, &buf);
		usleep(10000);
	}
	cpl_log_info("the last line");
	logger_finish();
	lines = drain(fd, &buf);
	for (char *at = buf.ptr; (at = strstr(at, "log lines dropped")); at++) {
		size_t count = 0;

		assert_int_equal(sscanf(at, "log lines dropped, the log could not keep up count=%zu", &count),
				 1);
		told += count;
		reports++;
	}
	assert_int_equal(logger_dropped() - before, dropped);
	assert_int_equal(told, dropped);
	assert_int_equal(lines, 20000 - dropped + reports + 1);
	cpl_buf_finish(&buf);
	close(fd);
}

/* The end does not wait for it either. */
static void finish_gives_up(void **state)
{
	int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int64_t started = clock_system_monotonic();
	size_t before = logger_dropped();

	start(LOGGER_FILE, CPL_LOG_INFO, fifo);
	for (int i = 0; i < 3000; i++)
		cpl_log_info("a line of some length, so that the pipe is full soon number=%d", i);
	logger_finish();
	assert_true(clock_system_monotonic() - started < 8000);
	assert_true(logger_dropped() > before);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(form_of_a_line),
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(levels),
		cmocka_unit_test(levels_of_modules),
		cmocka_unit_test(tap_sees_what_is_not_written),
		cmocka_unit_test(journal_gets_fields),
		cmocka_unit_test(file_is_reopened),
		cmocka_unit_test(failing_change_changes_nothing),
		cmocka_unit_test(change_of_sink_keeps_the_order),
		cmocka_unit_test(threads_log),
		cmocka_unit_test(lines_are_joined),
		cmocka_unit_test(stalled_sink_drops),
		cmocka_unit_test(finish_gives_up),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
