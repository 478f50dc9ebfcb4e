/* SPDX-License-Identifier: MIT */
/* core/base/watchdog: what is slow is named while it runs, what is not is not. */
#include "unit.h"

#include "core/base/account.h"
#include "core/base/clock.h"
#include "core/base/logger.h"
#include "core/base/memory.h"
#include "core/base/watchdog.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLOW_MS = 100 };

static struct account *romeo, *juliet;

static void sleep_ms(int64_t ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

/* What the log has of `part`, which must be there within a time that even a busy machine keeps. */
static size_t wait_for(const char *part)
{
	size_t count = 0;

	for (int i = 0; i < 600 && !count; i++) {
		char *log;

		sleep_ms(50);
		log = logger_take_memory();
		count = count_of(log, part);
		cpl_free(log);
	}
	return count;
}

static int set_up(void **state)
{
	const struct logger_options options = {.level = CPL_LOG_INFO, .sink = LOGGER_MEMORY};

	romeo = account_create("romeo");
	juliet = account_create("juliet");
	return logger_start(&options, NULL) != 0 || watchdog_start(SLOW_MS, NULL) != 0;
}

static int tear_down(void **state)
{
	watchdog_finish();
	cpl_free(logger_take_memory());
	logger_finish();
	account_release(&romeo);
	account_release(&juliet);
	return 0;
}

/* It is named before it has ended: nobody leaves here until the line is there. */
static void an_endless_visit_is_named(void **state)
{
	struct account_visit visit = account_enter(romeo, NULL, ACCOUNT_IN_EVENT_message);

	assert_true(wait_for("slow callback, still running module=romeo event=message ms=") > 0);
	assert_true(wait_for("module=romeo event=message") > 0);
	account_leave(&visit);
}

/* How long it has lasted is in the line, and the next line comes when that has doubled: an hour is no thousand lines. */
static void lines_become_rare(void **state)
{
	static const char mark[] = "module=romeo event=command ms=";
	struct account_visit visit;
	int64_t begin = clock_system_monotonic(), lasted, last = 0;
	size_t count = 0, most = 2;
	char *log;

	watchdog_set(20);
	visit = account_enter(romeo, NULL, ACCOUNT_IN_COMMAND);
	sleep_ms(600);
	account_leave(&visit);
	lasted = clock_system_monotonic() - begin;
	/* The writer is another thread. */
	sleep_ms(100);
	log = logger_take_memory();
	for (const char *at = log; (at = strstr(at, mark)); at++) {
		int64_t ms = strtoll(at + sizeof(mark) - 1, NULL, 10);

		assert_true(ms >= 10 && ms <= lasted && ms >= 2 * last);
		last = ms;
		count++;
	}
	for (int64_t ms = 20; ms < lasted; ms *= 2)
		most++;
	assert_in_range(count, 1, most);
	cpl_free(log);
}

static void the_inner_one_is_named(void **state)
{
	struct account_visit outer = account_enter(romeo, NULL, ACCOUNT_IN_CALL), inner = account_enter(juliet, NULL, ACCOUNT_IN_STORE);

	assert_true(wait_for("module=juliet event=store") > 0);
	account_leave(&inner);
	account_leave(&outer);
}

/* A loop of short visits inside of a long one: it is the long one that does not end. */
static void the_outer_one_is_named(void **state)
{
	struct account_visit outer = account_enter(romeo, NULL, ACCOUNT_IN_COMMAND);
	int64_t end = clock_system_monotonic() + 20000;
	size_t named = 0;

	while (!named && clock_system_monotonic() < end) {
		char *log;

		for (int i = 0; i < 20; i++) {
			struct account_visit inner = account_enter(juliet, NULL, ACCOUNT_IN_IQ);

			sleep_ms(2);
			account_leave(&inner);
		}
		log = logger_take_memory();
		named = count_of(log, "module=romeo event=command");
		cpl_free(log);
	}
	account_leave(&outer);
	assert_true(named > 0);
}

static void short_visits_are_not_named(void **state)
{
	char *log;

	watchdog_set(20000);
	for (int i = 0; i < 500; i++) {
		struct account_visit visit = account_enter(romeo, NULL, ACCOUNT_IN_EVENT_message);

		sleep_ms(1);
		account_leave(&visit);
	}
	log = logger_take_memory();
	assert_string_equal(log, "");
	cpl_free(log);
}

/* The time can be changed, and the change does not wait for the former time's end. */
static void the_time_can_be_changed(void **state)
{
	struct account_visit visit;

	watchdog_set(3600 * 1000);
	sleep_ms(20);
	visit = account_enter(romeo, NULL, ACCOUNT_IN_LOAD);
	watchdog_set(SLOW_MS);
	assert_true(wait_for("module=romeo event=load") > 0);
	account_leave(&visit);
}

/* A name that changes under the watchdog's eyes (what a thread sanitizer is to see). */
static void accounts_may_come_and_go(void **state)
{
	watchdog_set(1);
	for (int i = 0; i < 300; i++) {
		struct account *guest = account_create(i % 2 ? "mercutio" : "tybalt");
		struct account_visit visit = account_enter(guest, NULL, ACCOUNT_IN_UNLOAD);

		sleep_ms(i % 3);
		account_leave(&visit);
		account_release(&guest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_endless_visit_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lines_become_rare, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_inner_one_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_outer_one_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(short_visits_are_not_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_time_can_be_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(accounts_may_come_and_go, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
