/* SPDX-License-Identifier: MIT */
/* Many connections that are readable at once, with more to do than a turn of the loop has time for. */
#include "peer.h"

#include "core/base/clock.h"
#include "core/xml/parser.h"

static int set_up(void **state)
{
	int code = loop_init(false);

	conn_socket_init();
	return code;
}

static int tear_down(void **state)
{
	conn_socket_finish();
	xml_finish();
	loop_finish();
	return 0;
}

enum { PEERS_MANY = 12 };

static unsigned firsts, seconds;

static void take_long(struct recorder *recorder, const char *event)
{
	int64_t until = clock_system_monotonic() + 2;

	if (strcmp(event, "element:presence") == 0)
		firsts++;
	else if (strcmp(event, "element:message") == 0)
		seconds++;
	else
		return;
	/* Each has been read once before one is read twice. */
	assert_true(seconds == 0 || firsts == PEERS_MANY);
	while (clock_system_monotonic() < until)
		;
}

/* What all peers have sent takes longer than a turn should: it ends, and whom it did not come to is read first in the next. */
static void test_turn_ends(void **state)
{
	struct peer *peers[PEERS_MANY];
	unsigned in_first, unread = 0;

	firsts = seconds = 0;
	for (unsigned at = 0; at < PEERS_MANY; at++) {
		peers[at] = peer_create(&roomy_limits);
		peers[at]->recorder.react = take_long;
		peer_send(peers[at], CPL_STR(HEADER "<presence/>"));
	}
	assert_true(loop_turn(0));
	in_first = firsts;
	assert_true(in_first >= 1 && in_first < PEERS_MANY);
	/* Every other one of those that were not read ends, and is over before its turn comes. */
	for (unsigned at = 0; at < PEERS_MANY; at++) {
		if (peers[at]->recorder.elements) {
			peer_send(peers[at], CPL_STR("<message/>"));
		} else if (unread++ % 2) {
			recorder_end(&peers[at]->recorder, 0);
			firsts++;
		}
	}
	/* It does not wait while some are left: in each turn one is read at least. */
	for (unsigned at = 0; firsts < PEERS_MANY && at < PEERS_MANY; at++)
		loop_turn(-1);
	assert_int_equal(firsts, PEERS_MANY);
	for (unsigned at = 0; seconds < in_first && at < 100; at++)
		loop_turn(1);
	assert_int_equal(seconds, in_first);
	for (unsigned at = 0; at < PEERS_MANY; at++)
		assert_true(peers[at]->recorder.ended ? !peers[at]->recorder.conn && !peers[at]->recorder.elements : peers[at]->recorder.elements > 0);
	for (unsigned at = 0; at < PEERS_MANY; at++)
		if (!peers[at]->recorder.ended)
			recorder_end(&peers[at]->recorder, 0);
	for (unsigned at = 0; at < PEERS_MANY; at++)
		peer_destroy(peers[at]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turn_ends),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
