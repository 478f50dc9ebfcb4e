/* SPDX-License-Identifier: MIT */
/* A turn that takes long: what is left to the next. */
#include "unit.h"

#include "core/base/clock.h"
#include "core/loop/loop.h"

static int setup_virtual(void **state)
{
	return loop_init(true);
}

static int setup_real(void **state)
{
	return loop_init(false);
}

static int teardown(void **state)
{
	loop_finish();
	return 0;
}

enum { MANY_CALLS = 40 };

static struct ordered {
	struct cpl_call call;
	unsigned number;
} ordered[MANY_CALLS + 1];
static unsigned next_ordered;

static void ordered_done(struct cpl_call *call)
{
	int64_t until = clock_system_monotonic() + 3;

	assert_int_equal(CPL_CONTAINER(call, struct ordered, call)->number, next_ordered);
	next_ordered++;
	while (clock_system_monotonic() < until)
		;
}

/* More than a millisecond and a half of completed calls: some in this turn, the others in the next ones, in their order, and before what completes later. */
static void calls_of_a_long_turn_wait(void **state)
{
	struct cpl_scope scope;
	unsigned turns;

	next_ordered = 0;
	cpl_scope_init(&scope, NULL);
	for (unsigned at = 0; at < MANY_CALLS; at++) {
		ordered[at] = (struct ordered){.number = at};
		assert_int_equal(cpl_timer_start(&ordered[at].call, &scope, 1000, ordered_done), 0);
		cpl_call_cancel(&ordered[at].call);
	}
	assert_true(loop_turn(0));
	assert_int_equal(next_ordered, 1);
	ordered[MANY_CALLS] = (struct ordered){.number = MANY_CALLS};
	assert_int_equal(cpl_timer_start(&ordered[MANY_CALLS].call, &scope, 1000, ordered_done), 0);
	cpl_call_cancel(&ordered[MANY_CALLS].call);
	/* The loop does not wait while some are left. */
	for (turns = 1; next_ordered <= MANY_CALLS && turns < 100; turns++)
		assert_true(loop_turn(-1));
	assert_int_equal(next_ordered, MANY_CALLS + 1);
	assert_int_equal(turns, MANY_CALLS + 1);
}

static struct numbered {
	struct loop_task task;
	unsigned number;
} numbered[MANY_CALLS + 1];
static unsigned next_numbered;

static void numbered_run(struct loop_task *task)
{
	int64_t until = clock_system_monotonic() + 3;

	assert_int_equal(CPL_CONTAINER(task, struct numbered, task)->number, next_numbered);
	next_numbered++;
	while (clock_system_monotonic() < until)
		;
}

/* The same for posted tasks. */
static void tasks_of_a_long_turn_wait(void **state)
{
	unsigned turns;

	next_numbered = 0;
	for (unsigned at = 0; at <= MANY_CALLS; at++)
		numbered[at] = (struct numbered){.task = {.run = numbered_run}, .number = at};
	for (unsigned at = 0; at < MANY_CALLS; at++)
		loop_post(&numbered[at].task);
	assert_true(loop_turn(-1));
	assert_true(next_numbered >= 1 && next_numbered <= 8);
	loop_post(&numbered[MANY_CALLS].task);
	for (turns = 1; next_numbered <= MANY_CALLS && turns < 100; turns++)
		assert_true(loop_turn(-1));
	assert_int_equal(next_numbered, MANY_CALLS + 1);
	assert_true(turns >= 6);
}

static char trace[16];

static void trace_add(char what)
{
	size_t len = strlen(trace);

	assert_true(len + 1 < sizeof(trace));
	trace[len] = what;
	trace[len + 1] = '\0';
}

static int setup_traced(void **state)
{
	trace[0] = '\0';
	return loop_init(false);
}

static void long_task(struct loop_task *task)
{
	int64_t until = clock_system_monotonic() + 3;

	trace_add(loop_turn_over() ? 'T' : 't');
	while (clock_system_monotonic() < until)
		;
}

static void long_idle(void *data)
{
	int64_t until = clock_system_monotonic() + 3;

	trace_add('i');
	while (clock_system_monotonic() < until)
		;
	if (data)
		loop_at_idle(long_idle, NULL);
}

/* What a busy turn leaves to the next is done at the end of that, which is over as soon as it begins: nothing long comes together with it. */
static void idle_function_waits_for_a_brief_turn(void **state)
{
	struct loop_task task = {.run = long_task};

	loop_at_idle(long_idle, NULL);
	loop_post(&task);
	assert_true(loop_turn(-1));
	assert_string_equal(trace, "t");
	loop_post(&task);
	assert_true(loop_turn(-1));
	assert_string_equal(trace, "tTi");
	/* Turns are as long as others again: none of ten would be, were they brief. (Another process may make some of them long.) */
	for (unsigned turns = 0; turns == 0 || (turns < 10 && trace[0] != 't'); turns++) {
		trace[0] = '\0';
		loop_post(&task);
		assert_true(loop_turn(-1));
	}
	assert_string_equal(trace, "t");
}

/* Each has a turn of its own, a later one at the most; what they ask for comes after those that are there. */
static void long_idle_functions_have_a_turn_each(void **state)
{
	loop_at_idle(long_idle, trace);
	loop_at_idle(long_idle, NULL);
	for (unsigned turns = 0; strlen(trace) < 3 && turns < 6; turns++) {
		size_t before = strlen(trace);

		loop_turn(0);
		assert_true(strlen(trace) <= before + 1);
	}
	assert_string_equal(trace, "iii");
	assert_false(loop_turn(0));
}

static void stop_long_task(struct loop_task *task)
{
	long_task(task);
	loop_stop();
}

/* The last turn of loop_run() leaves none. */
static void idle_function_of_the_last_turn_is_run(void **state)
{
	struct loop_task task = {.run = stop_long_task};

	loop_at_idle(long_idle, NULL);
	loop_post(&task);
	loop_run();
	assert_string_equal(trace, "ti");
}

static bool over;

static void over_in_time(struct loop_task *task)
{
	int64_t until = clock_system_monotonic() + 3;

	over |= loop_turn_over();
	while (clock_system_monotonic() < until)
		;
	over |= loop_turn_over();
}

static void virtual_turn_is_never_over(void **state)
{
	struct loop_task task = {.run = over_in_time};

	over = false;
	loop_post(&task);
	assert_true(loop_turn(0));
	assert_false(over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_of_a_long_turn_wait, setup_real, teardown),
		cmocka_unit_test_setup_teardown(tasks_of_a_long_turn_wait, setup_real, teardown),
		cmocka_unit_test_setup_teardown(idle_function_waits_for_a_brief_turn, setup_traced, teardown),
		cmocka_unit_test_setup_teardown(long_idle_functions_have_a_turn_each, setup_traced, teardown),
		cmocka_unit_test_setup_teardown(idle_function_of_the_last_turn_is_run, setup_traced, teardown),
		cmocka_unit_test_setup_teardown(virtual_turn_is_never_over, setup_virtual, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
