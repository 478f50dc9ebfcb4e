/* SPDX-License-Identifier: MIT */
/* What is in memory is not read again. */
#include "tests/unit/xmpp/probe.h"

#include "core/base/count.h"

static const char config[] = "modules: [probe, tls, bind, roster, presence, message, iq, offline, ping]\n"
			     "hosts: {example.org: {}}\n";

static struct stage_peer romeo, juliet, third;

static int set_up(void **state)
{
	probe_reset();
	stage_open(config, probe_modules);
	stage_account("romeo@example.org");
	stage_account("juliet@example.org");
	return 0;
}

static int tear_down(void **state)
{
	stage_leave(&romeo);
	stage_leave(&juliet);
	stage_leave(&third);
	stage_close();
	return 0;
}

static void read_all_there_is(struct stage_peer *peer, const char *id)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "<iq type='get' id='%s-r'><query xmlns='jabber:iq:roster'/></iq><presence><status>%s</status></presence>"
		 "<message type='chat' to='romeo@example.org'><body>x</body></message><message type='chat' to='romeo@example.org/a'><body>x</body></message>"
		 "<presence type='probe' to='romeo@example.org'/>",
		 id, id);
	stage_send(peer, text);
	stage_settle();
}

/* Accounts and rosters of those who are online are read once: at the first login. */
static void test_online_accounts_are_not_read_again(void **state)
{
	uint64_t before, first;

	before = counts[COUNT_STORAGE_READS];
	stage_login(&romeo, "romeo@example.org/a");
	stage_send(&romeo, "<presence/>");
	stage_settle();
	first = counts[COUNT_STORAGE_READS] - before;
	assert_true(first > 0);
	stage_login(&juliet, "juliet@example.org/b");
	stage_send(&juliet, "<presence/>");
	stage_settle();
	stage_send(&romeo, "<presence type='subscribe' to='juliet@example.org'/>");
	stage_settle();
	stage_send(&juliet, "<presence type='subscribed' to='romeo@example.org'/><presence type='subscribe' to='romeo@example.org'/>");
	stage_settle();
	stage_send(&romeo, "<presence type='subscribed' to='juliet@example.org'/>");
	stage_settle();
	before = counts[COUNT_STORAGE_READS];
	for (int i = 0; i < 3; i++) {
		read_all_there_is(&romeo, "romeo");
		read_all_there_is(&juliet, "juliet");
	}
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 0);
	/* Another resource of an account that is there asks for its roster, too. */
	stage_login(&third, "romeo@example.org/c");
	before = counts[COUNT_STORAGE_READS];
	read_all_there_is(&third, "third");
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 0);
	assert_received(&third, "juliet@example.org");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_online_accounts_are_not_read_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
