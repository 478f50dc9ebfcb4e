/* SPDX-License-Identifier: MIT */
/* The loop: order of a turn, virtual clock, timers, watchers, posted work, hooks, idle functions, signals. */
#include "unit.h"

#include "core/base/account.h"
#include "core/loop/loop.h"

#include <couplet/time.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char trace[256];
static size_t trace_len;

static void trace_add(char c)
{
	assert_true(trace_len + 1 < sizeof(trace));
	trace[trace_len++] = c;
	trace[trace_len] = '\0';
}

static int setup_virtual(void **state)
{
	trace_len = 0;
	trace[0] = '\0';
	return loop_init(true);
}

static int setup_real(void **state)
{
	trace_len = 0;
	trace[0] = '\0';
	return loop_init(false);
}

static int teardown(void **state)
{
	loop_finish();
	return 0;
}

/* A timer with a name. */
struct named {
	struct loop_timer timer;
	char name;
};

static void named_expired(struct loop_timer *timer)
{
	trace_add(CPL_CONTAINER(timer, struct named, timer)->name);
}

static void timers_expire_in_order(void **state)
{
	struct named a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'}, d = {.name = 'd'};
	int64_t now = cpl_now(), monotonic = cpl_monotonic();

	loop_timer_start(&a.timer, 20, named_expired);
	loop_timer_start(&b.timer, 10, named_expired);
	loop_timer_start(&c.timer, 10, named_expired);
	loop_timer_start(&d.timer, 5, named_expired);
	loop_timer_stop(&d.timer);
	assert_false(loop_timer_active(&d.timer));
	loop_advance(9);
	assert_false(loop_turn(0));
	loop_advance(1);
	assert_true(loop_turn(0));
	assert_string_equal(trace, "bc");
	assert_false(loop_timer_active(&b.timer));
	loop_advance(1000);
	loop_turn(0);
	assert_string_equal(trace, "bca");
	assert_int_equal(cpl_now() - now, 1010);
	assert_int_equal(cpl_monotonic() - monotonic, 1010);
}

static void timer_restarts(void **state)
{
	struct named a = {.name = 'a'};

	loop_timer_start(&a.timer, 10, named_expired);
	loop_timer_start(&a.timer, 30, named_expired);
	loop_advance(29);
	assert_false(loop_turn(0));
	loop_timer_start(&a.timer, -5, named_expired);
	assert_true(loop_turn(0));
	assert_false(loop_turn(0));
	assert_string_equal(trace, "a");
}

static struct loop_timer again;

static void again_expired(struct loop_timer *timer)
{
	trace_add('x');
	loop_timer_start(timer, 0, again_expired);
}

/* A timer that is due again at once waits for the next turn: a turn ends. */
static void timer_started_in_expiry_waits(void **state)
{
	loop_timer_start(&again, 0, again_expired);
	loop_turn(0);
	assert_string_equal(trace, "x");
	loop_turn(0);
	assert_string_equal(trace, "xx");
	loop_timer_stop(&again);
}

#define MANY 2000
static int64_t last_due;
static unsigned expired_count;

static void many_expired(struct loop_timer *timer)
{
	assert_true(timer->due >= last_due);
	assert_true(timer->due <= cpl_monotonic());
	last_due = timer->due;
	expired_count++;
}

/* The heap against its order, with starts, restarts and stops in a pattern. */
static void many_timers(void **state)
{
	static struct loop_timer timers[MANY];
	unsigned active = 0;
	uint32_t mix = 1;

	memset(timers, 0, sizeof(timers));
	last_due = 0;
	expired_count = 0;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < MANY; i++) {
			mix = mix * 1664525 + 1013904223;
			if (mix >> 30 == 0)
				loop_timer_stop(&timers[i]);
			else
				loop_timer_start(&timers[i], (mix >> 8) % 1000, many_expired);
		}
	for (int i = 0; i < MANY; i++)
		active += loop_timer_active(&timers[i]);
	for (int ms = 0; ms <= 1000; ms += 10) {
		loop_turn(0);
		loop_advance(10);
	}
	assert_int_equal(expired_count, active);
	assert_true(active > MANY / 2 && active < MANY);
}

static void real_timer_takes_its_time(void **state)
{
	struct named a = {.name = 'a'};
	int64_t started = cpl_monotonic();
	int turns = 0;

	loop_timer_start(&a.timer, 30, named_expired);
	while (trace_len == 0 && turns++ < 100)
		loop_turn(-1);
	assert_string_equal(trace, "a");
	assert_true(cpl_monotonic() - started >= 30);
	assert_true(turns < 10);
}

static void turn_waits_no_longer_than_told(void **state)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_false(loop_turn(20));
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 19);
}

static void read_ready(struct loop_io *io, bool readable, bool writable)
{
	char c;

	assert_true(readable && !writable);
	assert_int_equal(read(io->fd, &c, 1), 1);
	trace_add(c);
}

static void write_ready(struct loop_io *io, bool readable, bool writable)
{
	assert_true(writable && !readable);
	trace_add('w');
	loop_io_set(io, 0);
}

static void watchers(void **state)
{
	struct loop_io in = {0}, out = {0};
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	loop_io_stop(&in); /* never started */
	loop_io_start(&in, fds[0], LOOP_READ, read_ready);
	loop_io_start(&out, fds[1], 0, write_ready);
	assert_false(loop_turn(0));
	assert_int_equal(write(fds[1], "12", 2), 2);
	loop_turn(0);
	assert_string_equal(trace, "1");
	loop_io_set(&in, 0);
	assert_false(loop_turn(0));
	loop_io_set(&in, LOOP_READ);
	loop_turn(0);
	assert_string_equal(trace, "12");
	loop_io_set(&out, LOOP_WRITE);
	assert_true(loop_turn(0));
	assert_string_equal(trace, "12w");
	assert_int_equal(out.events, 0);
	assert_false(loop_turn(0));
	loop_io_stop(&in);
	loop_io_stop(&out);
	loop_io_stop(&out);
	close(fds[0]);
	close(fds[1]);
}

/* Two readable watchers; each frees both. libev must not call the second one. */
struct doomed {
	struct loop_io io;
	struct doomed *twin;
};

static void doomed_ready(struct loop_io *io, bool readable, bool writable)
{
	struct doomed *doomed = CPL_CONTAINER(io, struct doomed, io);
	struct doomed *twin = doomed->twin;

	trace_add('d');
	loop_io_stop(&doomed->io);
	loop_io_stop(&twin->io);
	cpl_free(doomed);
	cpl_free(twin);
}

static void watcher_may_free_others(void **state)
{
	struct doomed *a = CPL_NEW(struct doomed), *b = CPL_NEW(struct doomed);
	int first[2], second[2];

	assert_int_equal(pipe2(first, O_CLOEXEC) | pipe2(second, O_CLOEXEC), 0);
	a->twin = b;
	b->twin = a;
	loop_io_start(&a->io, first[0], LOOP_READ, doomed_ready);
	loop_io_start(&b->io, second[0], LOOP_READ, doomed_ready);
	assert_int_equal(write(first[1], "x", 1) + write(second[1], "x", 1), 2);
	loop_turn(0);
	loop_turn(0);
	assert_string_equal(trace, "d");
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}

static int module_place;
static struct account *juliet;

static struct account *of_module(struct cpl_module *module)
{
	return juliet;
}

static void owned_ready(struct loop_io *io, bool readable, bool writable)
{
	assert_ptr_equal(account_now.account, juliet);
	assert_ptr_equal(account_now.module, &module_place);
	trace_add('o');
	loop_io_stop(io);
}

static void watcher_of_a_module_enters_it(void **state)
{
	struct loop_io io = {.owner = (struct cpl_module *)&module_place};
	int fds[2];

	juliet = account_create("juliet");
	account_of_module = of_module;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_io_start(&io, fds[0], LOOP_READ, owned_ready);
	loop_turn(0);
	assert_string_equal(trace, "o");
	assert_int_equal(account_sum(juliet).calls, 1);
	assert_ptr_equal(account_now.account, account_core());
	close(fds[0]);
	close(fds[1]);
	account_of_module = NULL;
	account_release(&juliet);
}

/* A turn: watchers, timers, posted work, calls, what is settled, hooks, idle functions. */
static void order_settled(struct loop_task *task)
{
	trace_add('s');
}

static struct loop_task settled_by_watcher = {.run = order_settled}, settled_by_hook = {.run = order_settled};

static void order_ready(struct loop_io *io, bool readable, bool writable)
{
	trace_add('1');
	loop_settle(&settled_by_watcher);
	loop_io_stop(io);
}

static void order_expired(struct loop_timer *timer)
{
	trace_add('2');
}

static void order_task(struct loop_task *task)
{
	trace_add('3');
}

static void order_done(struct cpl_call *call)
{
	assert_int_equal(call->status, 0);
	trace_add('4');
}

static void order_hook(struct loop_hook *hook)
{
	trace_add('5');
	loop_settle(&settled_by_hook);
	loop_hook_remove(hook);
}

static void order_hook_later(struct loop_hook *hook)
{
	trace_add('6');
	loop_hook_remove(hook);
}

static void order_idle(void *data)
{
	assert_ptr_equal(data, trace);
	trace_add('7');
}

static void turn_has_an_order(void **state)
{
	struct loop_io io = {0};
	struct loop_timer timer = {0};
	struct loop_task task = {.run = order_task};
	struct loop_hook first = {0}, second = {0};
	struct cpl_call call = {0};
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_at_idle(order_idle, trace);
	loop_hook_add(&first, order_hook);
	loop_hook_add(&second, order_hook_later);
	assert_int_equal(cpl_timer_start(&call, NULL, 0, order_done), 0);
	loop_post(&task);
	loop_timer_start(&timer, 0, order_expired);
	loop_io_start(&io, fds[0], LOOP_READ, order_ready);
	assert_true(loop_turn(-1));
	assert_string_equal(trace, "1234s567");
	/* The turn of the hook had nothing to settle any more: it comes in the next. */
	assert_true(loop_turn(0));
	assert_string_equal(trace, "1234s567s");
	assert_false(loop_turn(0));
	close(fds[0]);
	close(fds[1]);
}

static void call_done(struct cpl_call *call)
{
	trace_add(call->status == CPL_E_CANCELLED ? 'c' : 'd');
}

static void timer_calls(void **state)
{
	struct cpl_scope scope;
	struct cpl_call a = {0}, b = {0}, c = {0};

	cpl_scope_init(&scope, NULL);
	assert_int_equal(cpl_timer_start(&a, &scope, 10, call_done), 0);
	assert_int_equal(cpl_timer_start(&b, &scope, 20, call_done), 0);
	assert_int_equal(cpl_timer_start(&c, &scope, 30, call_done), 0);
	assert_int_equal(scope.refs, 3);
	loop_advance(10);
	loop_turn(0);
	assert_string_equal(trace, "d");
	cpl_call_cancel(&b);
	cpl_call_cancel(&b);
	assert_true(cpl_call_pending(&b));
	loop_turn(0);
	assert_string_equal(trace, "dc");
	cpl_scope_end(&scope);
	assert_int_equal(scope.refs, 1);
	loop_turn(0);
	assert_string_equal(trace, "dcc");
	assert_int_equal(scope.refs, 0);
	loop_advance(100);
	assert_false(loop_turn(0));
	assert_int_equal(cpl_timer_start(&a, &scope, 0, call_done), CPL_E_CANCELLED);
}

#define POSTERS 4
#define POSTS	2000
static struct loop_task posts[POSTERS][POSTS];
static unsigned posts_run;

static void post_run(struct loop_task *task)
{
	posts_run++;
}

static void *poster(void *data)
{
	struct loop_task *tasks = data;

	for (int i = 0; i < POSTS; i++) {
		tasks[i].run = post_run;
		loop_post(&tasks[i]);
	}
	return NULL;
}

/* Every task of every thread runs, and a waiting loop wakes for the first one. */
static void tasks_from_threads(void **state)
{
	pthread_t threads[POSTERS];

	posts_run = 0;
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, poster, posts[i]), 0);
	for (int turns = 0; posts_run < POSTERS * POSTS && turns < 10 * POSTERS * POSTS; turns++)
		loop_turn(5000);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(posts_run, POSTERS * POSTS);
}

static struct loop_task second_task;

static void task_second(struct loop_task *task)
{
	trace_add('s');
	loop_stop();
}

static void task_first(struct loop_task *task)
{
	trace_add('f');
	loop_post(&second_task);
}

static void hook_bar(struct loop_hook *hook)
{
	trace_add('|');
}

/* What a task posts comes in a later turn. */
static void task_posts_task(void **state)
{
	struct loop_task first = {.run = task_first};
	struct loop_hook hook = {0};

	second_task.run = task_second;
	loop_hook_add(&hook, hook_bar);
	loop_post(&first);
	loop_run();
	assert_string_equal(trace, "f|s|");
	loop_hook_remove(&hook);
}

static void caught(int signum)
{
	trace_add(signum == SIGUSR1 ? 'u' : '?');
	loop_stop();
}

static void signals_arrive_in_the_loop(void **state)
{
	loop_signal(SIGUSR1, caught);
	raise(SIGUSR1);
	assert_string_equal(trace, "");
	loop_run();
	assert_string_equal(trace, "u");
	loop_signal(SIGUSR1, NULL);
}

static void idle_again(void *data)
{
	trace_add('i');
	if (data)
		loop_at_idle(idle_again, NULL);
}

static void idle_functions_wait_for_their_turn(void **state)
{
	loop_at_idle(idle_again, trace);
	loop_turn(-1);
	assert_string_equal(trace, "i");
	loop_turn(-1);
	assert_string_equal(trace, "ii");
	assert_false(loop_turn(0));
}

/* Takes so many milliseconds of CPU time. */
static void work(void *data)
{
	const int64_t ms = *(int *)data;
	struct timespec began, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - began.tv_sec) * 1000000000LL + now.tv_nsec - began.tv_nsec < ms * 1000000);
}

static void longest_turn_is_known(void **state)
{
	int times[] = {2, 9, 5, 40};
	int64_t before;

	loop_measure(true);
	for (int i = 0; i < 3; i++) {
		loop_at_idle(work, &times[i]);
		loop_turn(-1);
	}
	loop_measure(false);
	loop_turn(0);
	before = loop_longest_turn();
	assert_true(before >= 9000000);
	/* While it is off nothing is. */
	loop_at_idle(work, &times[3]);
	loop_turn(-1);
	assert_int_equal(loop_longest_turn(), before);
}

#define VIRTUAL(test) cmocka_unit_test_setup_teardown(test, setup_virtual, teardown)
#define REAL(test)    cmocka_unit_test_setup_teardown(test, setup_real, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIRTUAL(timers_expire_in_order),
		VIRTUAL(timer_restarts),
		VIRTUAL(timer_started_in_expiry_waits),
		VIRTUAL(many_timers),
		REAL(real_timer_takes_its_time),
		REAL(turn_waits_no_longer_than_told),
		VIRTUAL(watchers),
		VIRTUAL(watcher_may_free_others),
		VIRTUAL(watcher_of_a_module_enters_it),
		VIRTUAL(turn_has_an_order),
		VIRTUAL(timer_calls),
		REAL(tasks_from_threads),
		REAL(task_posts_task),
		REAL(signals_arrive_in_the_loop),
		VIRTUAL(idle_functions_wait_for_their_turn),
		VIRTUAL(longest_turn_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
