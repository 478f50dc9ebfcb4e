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

/* Nor are they read for what is changed, or for a resource that goes while another stays. */
static void test_changes_read_nothing(void **state)
{
	uint64_t before;

	stage_login(&juliet, "juliet@example.org/b");
	stage_send(&juliet, "<presence/>");
	stage_login(&romeo, "romeo@example.org/a");
	stage_send(&romeo, "<presence/>");
	stage_settle();
	before = counts[COUNT_STORAGE_READS];
	stage_send(&romeo, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' name='Juliet'/></query></iq>"
			   "<iq type='set' id='2'><query xmlns='jabber:iq:roster'><item jid='nurse@example.net'><group>Capulet</group></item></query></iq>"
			   "<presence type='subscribe' to='juliet@example.org'/>");
	stage_settle();
	stage_send(&juliet, "<presence type='subscribed' to='romeo@example.org'/><presence type='unsubscribed' to='romeo@example.org'/>");
	stage_settle();
	stage_send(&romeo, "<iq type='set' id='3'><query xmlns='jabber:iq:roster'><item jid='nurse@example.net' subscription='remove'/></query></iq>"
			   "<presence><priority>5</priority></presence><presence><show>away</show></presence>");
	stage_settle();
	assert_received(&romeo, "id='3'");
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 0);
	stage_login(&third, "romeo@example.org/c");
	before = counts[COUNT_STORAGE_READS];
	stage_leave(&third);
	stage_settle();
	stage_send(&romeo, "<iq type='get' id='4'><query xmlns='jabber:iq:roster'/></iq>");
	stage_send(&juliet, "<message type='chat' to='romeo@example.org/c'><body>x</body></message><presence type='probe' to='romeo@example.org'/>");
	stage_settle();
	assert_received(&romeo, "id='4'");
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 0);
}

/* The account and its role, the three parts of the roster, and what was kept while nobody was there: nothing else, and nothing twice, from the bind on. */
static void test_first_session_reads_each_store_once(void **state)
{
	uint64_t before = counts[COUNT_STORAGE_READS];

	stage_login(&romeo, "romeo@example.org/a");
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 5);
	stage_send(&romeo, "<presence/>");
	stage_settle();
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 6);
	stage_login(&third, "romeo@example.org/c");
	assert_int_equal(counts[COUNT_STORAGE_READS] - before, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_online_accounts_are_not_read_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes_read_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_session_reads_each_store_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
