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

/* A stanza with so many bytes of content, to one of many. */
static struct cpl_str element(struct cpl_buf *buf, int to, size_t content, char with)
{
	cpl_buf_clear(buf);
	cpl_buf_addf(buf, "<message to='juliet%d@example.org'>", to);
	for (size_t at = 0; at < content; at++)
		cpl_buf_add(buf, (struct cpl_str){&with, 1});
	return cpl_buf_str(buf);
}

/* Takes all there is, in pieces that no TLS record is too small for. */
static void take_all(struct output *output, struct cpl_buf *taken)
{
	cpl_buf_clear(taken);
	while (output->len) {
		struct cpl_str front = output_front(output);

		assert_true(front.len && front.len <= 16384);
		if (front.len > 1000)
			front.len -= 1000;
		cpl_buf_add(taken, front);
		output_consume(output, front.len);
	}
}

/* The content of a broadcast is there once, from the second copy on; each chain has it in its length, and gets what it would have got. */
static void test_shared(void **state)
{
	enum { CHAINS = 50, CONTENT = 100000 };
	struct output outputs[CHAINS] = {{0}};
	struct cpl_buf buf = {0}, expected = {0}, taken = {0};
	size_t memory = 0;

	for (int at = 0; at < CHAINS; at++) {
		output_add_element(&outputs[at], element(&buf, at, CONTENT, 'x'));
		assert_int_equal(outputs[at].len, buf.len);
		assert_int_equal(output_shared(), at ? CONTENT : 0);
	}
	for (int at = 0; at < CHAINS; at++)
		memory += output_memory(&outputs[at]);
	assert_true(memory < 4 * CONTENT);
	/* What follows stays behind it, and needs no large chunk. */
	output_add(&outputs[1], CPL_STR("<iq/>"));
	output_add_element(&outputs[1], element(&buf, 1, CONTENT, 'x'));
	assert_true(output_memory(&outputs[1]) < 4096 + CONTENT / 10);
	output_forget();
	assert_int_equal(output_shared(), CONTENT);
	for (int at = CHAINS; at-- > 0;) {
		cpl_buf_clear(&expected);
		cpl_buf_add(&expected, element(&buf, at, CONTENT, 'x'));
		if (at == 1) {
			cpl_buf_add(&expected, CPL_STR("<iq/>"));
			cpl_buf_add(&expected, element(&buf, at, CONTENT, 'x'));
		}
		take_all(&outputs[at], &taken);
		assert_true(cpl_str_equal(cpl_buf_str(&taken), cpl_buf_str(&expected)));
		assert_int_equal(output_memory(&outputs[at]), 0);
	}
	assert_int_equal(output_shared(), 0);
	cpl_buf_finish(&buf);
	cpl_buf_finish(&expected);
	cpl_buf_finish(&taken);
	output_pools_finish();
}

/* Content that differs in a byte, content that is short, and that of another turn is not shared, and a chain that is dropped lets go of its part. */
static void test_not_shared(void **state)
{
	enum { CONTENT = 5000 };
	struct output first = {0}, second = {0};
	struct cpl_buf buf = {0}, taken = {0};
	struct cpl_str bytes;

	for (int at = 0; at < 3; at++) {
		bytes = element(&buf, 1, CONTENT, 'x');
		buf.ptr[40 + at] = 'y';
		output_add_element(&first, bytes);
		take_all(&first, &taken);
		assert_true(cpl_str_equal(cpl_buf_str(&taken), bytes));
	}
	/* The same length and end, so that it was kept to be compared; no more. */
	assert_true(output_shared() <= CONTENT);
	output_forget();
	for (int at = 0; at < 3; at++)
		output_add_element(&first, element(&buf, at, OUTPUT_SHARED_LEAST - 1, 'x'));
	assert_int_equal(output_shared(), 0);
	output_finish(&first);
	for (int at = 0; at < 3; at++) {
		output_add_element(&first, element(&buf, at, CONTENT, 'x'));
		output_forget();
	}
	assert_int_equal(output_shared(), 0);
	output_finish(&first);
	for (int at = 0; at < 3; at++) {
		output_add_element(&first, element(&buf, at, CONTENT, 'x'));
		output_add_element(&second, element(&buf, at, CONTENT, 'x'));
	}
	output_forget();
	assert_int_equal(output_shared(), CONTENT);
	output_finish(&first);
	assert_int_equal(output_shared(), CONTENT);
	output_finish(&second);
	assert_int_equal(output_shared(), 0);
	/* No tag at all: the parser of a test, not the writer, might make that. */
	for (int at = 0; at < 3; at++) {
		bytes = element(&buf, 1, CONTENT, 'x');
		*strchr(buf.ptr, '>') = 'x';
		output_add_element(&first, bytes);
	}
	assert_int_equal(output_shared(), 0);
	output_finish(&first);
	cpl_buf_finish(&buf);
	cpl_buf_finish(&taken);
	output_pools_finish();
}

/* A tag and what it shares make one record, full ones as long as there is enough. */
static void test_gather(void **state)
{
	enum { CONTENT = 40000 };
	static char room[16384];
	struct output output = {0};
	struct cpl_buf buf = {0}, expected = {0}, taken = {0};
	unsigned pieces = 0;

	for (int at = 0; at < 3; at++) {
		output_add_element(&output, element(&buf, at, CONTENT, 'x'));
		cpl_buf_add(&expected, cpl_buf_str(&buf));
	}
	while (output.len) {
		struct cpl_str front = output_gather(&output, room, sizeof(room));

		assert_true(front.len >= 1024 || front.len == output.len);
		cpl_buf_add(&taken, front);
		output_consume(&output, front.len);
		pieces++;
	}
	assert_true(cpl_str_equal(cpl_buf_str(&taken), cpl_buf_str(&expected)));
	assert_in_range(pieces, 8, 12);
	assert_int_equal(output_gather(&output, room, sizeof(room)).len, 0);
	cpl_buf_finish(&buf);
	cpl_buf_finish(&expected);
	cpl_buf_finish(&taken);
	output_pools_finish();
}

/* A socket gets tags and contents in one call. */
static void test_send_shared(void **state)
{
	struct output output = {0};
	struct cpl_buf buf = {0}, expected = {0};
	char got[40000];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	for (int at = 0; at < 5; at++) {
		output_add_element(&output, element(&buf, at, 2000 + OUTPUT_SHARED_LEAST, 'x'));
		cpl_buf_add(&expected, cpl_buf_str(&buf));
	}
	assert_int_equal(output_send(&output, pair[0]), expected.len);
	assert_int_equal(output.len, 0);
	assert_int_equal(read(pair[1], got, sizeof(got)), expected.len);
	assert_memory_equal(got, expected.ptr, expected.len);
	close(pair[0]);
	close(pair[1]);
	cpl_buf_finish(&buf);
	cpl_buf_finish(&expected);
	output_pools_finish();
}

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
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_not_shared),
		cmocka_unit_test(test_gather),
		cmocka_unit_test(test_send_shared),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_wheel),
		cmocka_unit_test(test_wheel_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
