/* SPDX-License-Identifier: MIT */
/* Jobs at times, on a virtual clock: when they run, over restarts and reloads, and what of them is on disk. */
#include "unit.h"

#include "core/base/account.h"
#include "core/base/logger.h"
#include "core/loop/loop.h"
#include "core/loop/worker.h"
#include "core/module/schedule.h"

#include <couplet/memory.h>
#include <couplet/time.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct cpl_module {
	struct cpl_list calls;
	bool stopping;
};
static struct cpl_module module, newer;
static struct account *account;
static char folder[64], path[80];

static unsigned ran, hourly_ran;
static int status_of_runs;
static struct cpl_run *kept;
static int64_t seen_last;

#define HOUR	3600000
#define MINUTE	60000

static void run_now(struct cpl_module *self, struct cpl_run *run)
{
	ran++;
	seen_last = cpl_run_last(run);
	cpl_run_end(run, status_of_runs);
}

static void run_hourly(struct cpl_module *self, struct cpl_run *run)
{
	hourly_ran++;
	cpl_run_end(run, 0);
}

static void run_long(struct cpl_module *self, struct cpl_run *run)
{
	ran++;
	assert_null(kept);
	kept = run;
}

/* At the full hour. */
static int64_t next_hour(struct cpl_module *self, int64_t last)
{
	return (cpl_now() / HOUR + 1) * HOUR;
}

static const struct cpl_schedule_row exact[] = {
	{.name = "sweep", .period_ms = HOUR, .jitter_ms = -1, .run = run_now, .summary = "Sweeps."},
	CPL_SCHEDULE_END,
};
static const struct cpl_schedule_row spread[] = {
	{.name = "sweep", .period_ms = HOUR, .run = run_now, .summary = "Sweeps."},
	CPL_SCHEDULE_END,
};
static const struct cpl_schedule_row others[] = {
	{.name = "once", .run = run_now, .summary = "Once."},
	{.name = "hourly", .next = next_hour, .run = run_hourly, .summary = "By the clock."},
	CPL_SCHEDULE_END,
};
static const struct cpl_schedule_row lengthy[] = {
	{.name = "sweep", .period_ms = HOUR, .jitter_ms = -1, .run = run_long, .summary = "Takes long."},
	CPL_SCHEDULE_END,
};

static struct account *account_of(struct cpl_module *self)
{
	return account;
}

static bool is_stopping(struct cpl_module *self)
{
	return self->stopping;
}

static struct cpl_list *calls_of(struct cpl_module *self)
{
	return &self->calls;
}

static void open_schedule(void)
{
	struct cpl_error error;

	if (schedule_open(folder, true, &error) < 0)
		fail_msg("%s", error.text);
}

static int set_up(void **state)
{
	struct logger_options options = {.level = CPL_LOG_WARN, .sink = LOGGER_MEMORY};

	account_of_module = account_of;
	account_module_stopping = is_stopping;
	account_module_calls = calls_of;
	account = account_create("weather");
	cpl_list_init(&module.calls);
	cpl_list_init(&newer.calls);
	module.stopping = newer.stopping = false;
	ran = hourly_ran = 0;
	status_of_runs = 0;
	kept = NULL;
	snprintf(folder, sizeof(folder), "/tmp/couplet-schedule-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/jobs", folder);
	assert_int_equal(logger_start(&options, NULL), 0);
	assert_int_equal(loop_init(true), 0);
	assert_int_equal(worker_init(0), 0);
	open_schedule();
	return 0;
}

static int tear_down(void **state)
{
	schedule_finish();
	worker_finish();
	while (worker_pending())
		loop_turn(0);
	loop_finish();
	cpl_free(logger_take_memory());
	logger_finish();
	assert_int_equal(account->memory->blocks, 0);
	account_release(&account);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static void turns(void)
{
	for (int i = 0; i < 8; i++)
		loop_turn(0);
}

static void advance(int64_t ms)
{
	while (ms > 0) {
		int64_t step = ms < MINUTE ? ms : MINUTE;

		loop_advance(step);
		turns();
		ms -= step;
	}
}

/* What the next start of the server finds. */
static void restart(const struct cpl_schedule_row *rows, int64_t later)
{
	schedule_remove(&module);
	schedule_forget(&module);
	schedule_finish();
	loop_advance(later);
	open_schedule();
	schedule_add(&module, "weather", rows);
	turns();
}

static struct schedule_view view_of(const char *name)
{
	struct schedule_view view;

	for (size_t at = 0; schedule_next(&at, &view);)
		if (strcmp(view.name, name) == 0)
			return view;
	fail_msg("no job %s", name);
	return view;
}

static void test_period(void **state)
{
	schedule_add(&module, "weather", exact);
	assert_int_equal(ran, 0);
	turns();
	assert_int_equal(ran, 1);
	assert_int_equal(seen_last, 0);
	advance(HOUR - 1);
	assert_int_equal(ran, 1);
	advance(1);
	assert_int_equal(ran, 2);
	assert_true(seen_last > 0 && seen_last == cpl_now() - HOUR);
	assert_string_equal(view_of("weather.sweep").state, "waiting");
	assert_int_equal(view_of("weather.sweep").next, cpl_now() + HOUR);
}

static void test_restart_waits_for_the_rest(void **state)
{
	schedule_add(&module, "weather", exact);
	turns();
	advance(HOUR / 4);
	restart(exact, HOUR / 4);
	assert_int_equal(ran, 1);
	advance(HOUR / 2 - 1);
	assert_int_equal(ran, 1);
	advance(1);
	assert_int_equal(ran, 2);
}

/* Once, however many times it has been missed. */
static void test_missed_runs_after_a_restart(void **state)
{
	schedule_add(&module, "weather", exact);
	turns();
	restart(exact, (int64_t)5 * HOUR);
	assert_int_equal(ran, 2);
	advance(HOUR);
	assert_int_equal(ran, 3);
}

static void test_spread(void **state)
{
	int64_t first, least = INT64_MAX, most = 0;

	for (int i = 0; i < 40; i++) {
		schedule_add(&module, "weather", spread);
		first = view_of("weather.sweep").next - cpl_now();
		assert_true(first >= 0 && first <= HOUR / 10);
		least = first < least ? first : least;
		most = first > most ? first : most;
		schedule_remove(&module);
	}
	assert_true(most - least > HOUR / 40);
}

static void test_failure_is_repeated(void **state)
{
	status_of_runs = CPL_E_IO;
	schedule_add(&module, "weather", exact);
	turns();
	assert_int_equal(ran, 1);
	assert_string_equal(view_of("weather.sweep").state, "failed");
	advance(MINUTE - 1);
	assert_int_equal(ran, 1);
	advance(1);
	assert_int_equal(ran, 2);
	advance(MINUTE);
	assert_int_equal(ran, 2);
	advance(MINUTE);
	assert_int_equal(ran, 3);
	assert_int_equal(view_of("weather.sweep").failures, 3);
	/* Never less often than it would run anyway. */
	advance((int64_t)10 * HOUR);
	assert_true(ran >= 12);
	status_of_runs = 0;
	advance(HOUR);
	assert_int_equal(view_of("weather.sweep").failures, 0);
	assert_true(view_of("weather.sweep").last > 0);
}

static void test_rule_of_its_own(void **state)
{
	schedule_add(&module, "weather", others);
	turns();
	assert_int_equal(hourly_ran, 0);
	assert_int_equal(view_of("weather.hourly").next % HOUR, 0);
	advance(HOUR);
	assert_int_equal(hourly_ran, 1);
	advance((int64_t)3 * HOUR);
	assert_int_equal(hourly_ran, 4);
	assert_string_equal(view_of("weather.once").state, "idle");
}

/* ---- wishes ---- */

static unsigned wishes_done;
static int wish_status;

static void on_wish(struct cpl_call *call)
{
	wishes_done++;
	wish_status = call->status;
}

static int wish(struct cpl_call *call, int64_t when)
{
	struct account_visit visit = account_enter(account, &module, ACCOUNT_IN_COMMAND);
	int code = cpl_schedule_at(call, NULL, &module, "once", when, on_wish);

	account_leave(&visit);
	return code;
}

static void test_once(void **state)
{
	struct cpl_call call = {0};

	wishes_done = 0;
	schedule_add(&module, "weather", others);
	assert_int_equal(cpl_schedule_at(&call, NULL, &module, "twice", 1, on_wish), CPL_E_NOT_FOUND);
	assert_int_equal(cpl_schedule_at(&call, NULL, &newer, "once", 1, on_wish), CPL_E_NOT_FOUND);
	assert_int_equal(wish(&call, cpl_now() + 2 * HOUR), 0);
	assert_int_equal(wishes_done, 0);
	turns();
	assert_int_equal(wishes_done, 1);
	assert_int_equal(wish_status, 0);
	advance(2 * HOUR - 1);
	assert_int_equal(ran, 0);
	advance(1);
	assert_int_equal(ran, 1);
	advance((int64_t)24 * HOUR);
	assert_int_equal(ran, 1);
}

static void test_wish_outlives_a_restart(void **state)
{
	struct cpl_call call = {0};

	schedule_add(&module, "weather", others);
	wish(&call, cpl_now() + 2 * HOUR);
	turns();
	restart(others, HOUR);
	assert_int_equal(ran, 0);
	advance(HOUR);
	assert_int_equal(ran, 1);
	restart(others, HOUR);
	advance(HOUR);
	assert_int_equal(ran, 1);
	wish(&call, cpl_now() + HOUR);
	turns();
	/* Missed while the server was stopped. */
	restart(others, (int64_t)9 * HOUR);
	assert_int_equal(ran, 2);
}

static void test_wish_taken_back(void **state)
{
	struct cpl_call call = {0};

	schedule_add(&module, "weather", others);
	wish(&call, cpl_now() + HOUR);
	turns();
	wish(&call, 0);
	turns();
	advance(2 * HOUR);
	assert_int_equal(ran, 0);
}

static void test_wish_that_cannot_be_kept(void **state)
{
	struct cpl_call call = {0};
	char *lines;

	schedule_add(&module, "weather", others);
	turns();
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	wish(&call, cpl_now() + HOUR);
	turns();
	assert_int_equal(wish_status, CPL_E_IO);
	assert_string_equal(view_of("weather.once").state, "idle");
	lines = logger_take_memory();
	assert_non_null(strstr(lines, "not kept"));
	cpl_free(lines);
	assert_int_equal(rmdir(path), 0);
	/* Tried again by and by. */
	advance(2 * MINUTE);
	assert_int_equal(access(path, F_OK), 0);
	wish(&call, cpl_now() + HOUR);
	turns();
	assert_int_equal(wish_status, 0);
}

/* ---- modules come and go ---- */

static void test_one_run_at_a_time_over_a_reload(void **state)
{
	struct cpl_run *first;

	schedule_add(&module, "weather", lengthy);
	turns();
	assert_int_equal(ran, 1);
	assert_string_equal(view_of("weather.sweep").state, "running");
	schedule_remove(&module);
	schedule_add(&newer, "weather", lengthy);
	advance(2 * HOUR);
	assert_int_equal(ran, 1);
	first = kept;
	kept = NULL;
	cpl_run_end(first, 0);
	assert_int_equal(view_of("weather.sweep").last, cpl_now());
	advance(HOUR);
	assert_int_equal(ran, 2);
	schedule_remove(&newer);
	schedule_forget(&newer);
}

/* A run whose module is closed counts as never done. */
static void test_run_cut_off(void **state)
{
	schedule_add(&module, "weather", lengthy);
	turns();
	schedule_remove(&module);
	schedule_forget(&module);
	assert_string_equal(view_of("weather.sweep").state, "absent");
	assert_int_equal(view_of("weather.sweep").last, 0);
	kept = NULL;
	schedule_add(&newer, "weather", lengthy);
	turns();
	assert_int_equal(ran, 2);
	schedule_remove(&newer);
	schedule_forget(&newer);
}

static void test_wish_of_a_module_that_goes(void **state)
{
	struct cpl_call call = {0};

	wishes_done = 0;
	schedule_add(&module, "weather", others);
	wish(&call, cpl_now() + HOUR);
	cpl_call_cancel(&call);
	schedule_remove(&module);
	turns();
	assert_int_equal(wishes_done, 1);
	assert_int_equal(wish_status, CPL_E_CANCELLED);
	assert_true(cpl_list_empty(&module.calls));
}

/* ---- the file ---- */

static void put_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_lines_that_make_no_sense(void **state)
{
	char text[512], *lines;

	schedule_finish();
	snprintf(text, sizeof(text), "couplet jobs 1\nweather.sweep %lld 0\nrubbish\nweather.x -3 0\nweather.y 1 2 3\n", (long long)cpl_now() - HOUR / 2);
	put_file(text);
	open_schedule();
	lines = logger_take_memory();
	assert_non_null(strstr(lines, "rubbish"));
	assert_non_null(strstr(lines, "weather.x -3 0"));
	assert_non_null(strstr(lines, "weather.y 1 2 3"));
	cpl_free(lines);
	schedule_add(&module, "weather", exact);
	turns();
	assert_int_equal(ran, 0);
	advance(HOUR / 2);
	assert_int_equal(ran, 1);
}

static void test_not_our_file(void **state)
{
	struct cpl_error error;

	schedule_finish();
	put_file("something else\n");
	assert_int_equal(schedule_open(folder, true, &error), CPL_E_CORRUPT);
	assert_non_null(strstr(error.text, path));
}

/* The wall clock was wrong when the job ran last, or has been set back. */
static void test_last_run_in_the_future(void **state)
{
	char text[128];

	schedule_finish();
	snprintf(text, sizeof(text), "couplet jobs 1\nweather.sweep %lld 0\n", (long long)cpl_now() + 1000 * (int64_t)HOUR);
	put_file(text);
	open_schedule();
	schedule_add(&module, "weather", exact);
	turns();
	assert_int_equal(ran, 1);
}

static void test_not_run_when_the_server_is_stopped(void **state)
{
	struct cpl_error error;

	schedule_finish();
	assert_int_equal(schedule_open(folder, false, &error), 0);
	schedule_add(&module, "weather", exact);
	advance(2 * HOUR);
	assert_int_equal(ran, 0);
	assert_string_equal(view_of("weather.sweep").state, "waiting");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_period, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restart_waits_for_the_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_missed_runs_after_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_spread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure_is_repeated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rule_of_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wish_outlives_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wish_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wish_that_cannot_be_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_run_at_a_time_over_a_reload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_run_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wish_of_a_module_that_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines_that_make_no_sense, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_our_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_last_run_in_the_future, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_run_when_the_server_is_stopped, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
