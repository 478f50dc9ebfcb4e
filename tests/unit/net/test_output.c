/* SPDX-License-Identifier: MIT */
/* Chains of output chunks, lines of those who wait, and the wheel of time-outs. */
#include "unit.h"

#include "core/loop/loop.h"
#include "core/net/line.h"
#include "core/net/output.h"
#include "core/net/wheel.h"
#include <couplet/memory.h>
#include <couplet/time.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* What goes in in odd pieces comes out in the same order, whatever is taken at a time; memory grows and
 * shrinks with it. */
static void test_chain(void **state)
{
	struct output output = {0};
	unsigned char next_in = 0, next_out = 0;
	size_t total = 0;

	for (size_t size = 1; size < 400; size++) {
		char piece[400];

		for (size_t at = 0; at < size; at++)
			piece[at] = (char)next_in++;
		output_add(&output, (struct cpl_str){piece, size});
		total += size;
	}
	assert_int_equal(output.len, total);
	assert_true(output_memory(&output) >= total && output_memory(&output) < total + 2 * 16384);
	for (size_t take = 1; output.len; take = take % 997 + 1) {
		struct cpl_str front = output_front(&output);

		if (take > front.len)
			take = front.len;
		for (size_t at = 0; at < take; at++)
			assert_int_equal((unsigned char)front.ptr[at], next_out++);
		output_consume(&output, take);
		total -= take;
		assert_int_equal(output.len, total);
	}
	assert_int_equal(output_memory(&output), 0);
	assert_int_equal(output_front(&output).len, 0);
	output_pools_finish();
}

static void test_send(void **state)
{
	struct output output = {0};
	char *bytes = cpl_alloc(1000000);
	size_t sent = 0;
	ssize_t part;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	output_add(&output, (struct cpl_str){bytes, 1000000});
	while ((part = output_send(&output, pair[0])) > 0)
		sent += (size_t)part;
	assert_int_equal(part, 0);
	assert_true(sent > 0);
	assert_int_equal(output.len, 1000000 - sent);
	close(pair[1]);
	assert_int_equal(output_send(&output, pair[0]), -EPIPE);
	output_finish(&output);
	assert_int_equal(output.len, 0);
	close(pair[0]);
	cpl_free(bytes);
	output_pools_finish();
}

enum { ENTRIES = 3000 };

static struct line line;
static int came_in_line[4 * LINE_KEPT], came_count;

/* The first of each three comes again, once. */
static void in_line(void *object)
{
	int *number = object;

	came_in_line[came_count++] = *number;
	if (*number % 3 == 0) {
		*number = -1;
		line_add(&line, number);
	}
}

/* In order; what is added meanwhile comes behind the others, at once or the next time. A long line leaves no memory behind. */
static void test_line(void **state)
{
	static int numbers[2 * LINE_KEPT];
	const int count = 2 * LINE_KEPT, again = (count + 2) / 3;

	for (int all = 0; all < 2; all++) {
		came_count = 0;
		for (int at = 0; at < count; at++) {
			numbers[at] = at;
			line_add(&line, &numbers[at]);
		}
		assert_int_equal(line.count, count);
		line_run(&line, all, in_line);
		assert_int_equal(came_count, all ? count + again : count);
		for (int at = 0; at < came_count; at++)
			assert_int_equal(came_in_line[at], at < count ? at : -1);
		assert_int_equal(line.count, all ? 0 : again);
		line_run(&line, false, in_line);
		assert_int_equal(came_count, count + again);
		assert_int_equal(line.count, 0);
		assert_true(line.size <= LINE_KEPT);
	}
	line_run(&line, true, in_line);
	assert_int_equal(came_count, count + again);
	line_finish(&line);
	assert_null(line.objects);
}

struct waiter {
	struct wheel_entry entry;
	int64_t wanted;
	int64_t came;
};

static void came(struct wheel_entry *entry)
{
	CPL_CONTAINER(entry, struct waiter, entry)->came = cpl_monotonic();
}

static void came_again(struct wheel_entry *entry)
{
	struct waiter *waiter = CPL_CONTAINER(entry, struct waiter, entry);

	waiter->came = cpl_monotonic();
	wheel_set(entry, waiter->came + 5000, came_again);
}

/* Never early, at most a second (and the step of this test's clock) late, also beyond one round of the wheel
 * and after a long sleep. */
static void test_wheel(void **state)
{
	struct waiter *waiters = cpl_alloc(ENTRIES * sizeof(*waiters));
	int64_t start;

	assert_int_equal(loop_init(true), 0);
	start = cpl_monotonic();
	for (int at = 0; at < ENTRIES; at++) {
		waiters[at].wanted = start + at * 397;
		wheel_set(&waiters[at].entry, waiters[at].wanted, came);
	}
	for (int at = 0; at < ENTRIES; at += 10)
		wheel_cancel(&waiters[at].entry);
	for (int step = 0; step < 1400; step++) {
		loop_advance(step == 700 ? 30000 : 970);
		loop_turn(0);
	}
	assert_int_equal(wheel_count(), 0);
	for (int at = 0; at < ENTRIES; at++) {
		if (at % 10 == 0) {
			assert_int_equal(waiters[at].came, 0);
			continue;
		}
		assert_true(waiters[at].came >= waiters[at].wanted);
		assert_true(waiters[at].came <= waiters[at].wanted + 1000 + 30000);
		if (waiters[at].wanted > start + 720000 || waiters[at].wanted < start + 670000)
			assert_true(waiters[at].came <= waiters[at].wanted + 1000 + 970);
	}
	cpl_free(waiters);
	wheel_finish();
	loop_finish();
}

/* An entry may set itself again when it comes; moving one leaves one. */
static void test_wheel_again(void **state)
{
	struct waiter waiter = {0};

	assert_int_equal(loop_init(true), 0);
	wheel_set(&waiter.entry, cpl_monotonic() + 1000, came);
	wheel_set(&waiter.entry, cpl_monotonic() + 5000, came_again);
	assert_int_equal(wheel_count(), 1);
	for (unsigned round = 0; round < 4; round++) {
		waiter.came = 0;
		for (unsigned at = 0; at < 7; at++) {
			loop_advance(1000);
			loop_turn(0);
		}
		assert_true(waiter.came > 0);
		assert_int_equal(wheel_count(), 1);
	}
	wheel_cancel(&waiter.entry);
	assert_int_equal(wheel_count(), 0);
	wheel_finish();
	loop_finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_wheel),
		cmocka_unit_test(test_wheel_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
