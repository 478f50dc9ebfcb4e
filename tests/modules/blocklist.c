/* SPDX-License-Identifier: MIT */
/* The module blocklist: XEP-0191. */
#include <couplet/test.h>

#define BLOCK(id, items) "<iq type='set' id='" id "'><block xmlns='urn:xmpp:blocking'>" items "</block></iq>"
#define UNBLOCK(id, items) "<iq type='set' id='" id "'><unblock xmlns='urn:xmpp:blocking'>" items "</unblock></iq>"
#define ERROR(condition) "<error><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
#define MESSAGE(id, to) "<message type='chat' id='" id "' to='" to "'><body>Hello</body></message>"

/* 3.3: in both directions, and 3.4: not any more. */
static void both_directions(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_available("juliet@example.org/balcony");

	cpl_test_send(romeo, BLOCK("b", "<item jid='juliet@example.org'/>"));
	cpl_test_expect(romeo, "<iq type='result' id='b'/>");
	cpl_test_send(juliet, MESSAGE("1", "romeo@example.org"));
	cpl_test_expect(juliet, "<message type='error' id='1'>" ERROR("service-unavailable") "</message>");
	cpl_test_send(romeo, MESSAGE("2", "juliet@example.org"));
	cpl_test_expect(romeo, "<message type='error' id='2'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
			       "<blocked xmlns='urn:xmpp:blocking:errors'/></error></message>");
	cpl_test_expect_nothing(romeo);
	cpl_test_expect_nothing(juliet);
	cpl_test_send(romeo, UNBLOCK("u", "<item jid='juliet@example.org'/>"));
	cpl_test_expect(romeo, "<iq type='result' id='u'/>");
	cpl_test_send(juliet, MESSAGE("3", "romeo@example.org"));
	cpl_test_expect(romeo, "<message id='3' from='juliet@example.org/balcony'/>");
}

/* The list outlives the account's time in memory. */
static void kept(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, BLOCK("b", "<item jid='juliet@example.org/balcony'/><item jid='example.net'/>"));
	cpl_test_expect(romeo, "<iq type='result' id='b'/>");
	cpl_test_logout(romeo);
	cpl_test_advance(60 * 1000);
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<iq type='get' id='g'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='g'><blocklist xmlns='urn:xmpp:blocking'><item jid='juliet@example.org/balcony'/>"
			       "<item jid='example.net'/></blocklist></iq>");
	cpl_test_send(romeo, UNBLOCK("u", ""));
	cpl_test_expect_any(romeo, "<iq type='set'><unblock xmlns='urn:xmpp:blocking'><none:item/></unblock></iq>");
	cpl_test_expect_any(romeo, "<iq type='result' id='u'/>");
	cpl_test_send(romeo, "<iq type='get' id='g'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='g'><blocklist xmlns='urn:xmpp:blocking'><none:item/></blocklist></iq>");
}

/* What is not on disk is not in force; whose list cannot be read cannot log in. */
static void failures(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_available("juliet@example.org/balcony");

	cpl_test_expect_log(CPL_LOG_ERROR, "blocklist cannot be written");
	cpl_test_fail_write(1);
	cpl_test_send(romeo, BLOCK("b", "<item jid='juliet@example.org'/>"));
	cpl_test_expect(romeo, "<iq type='error' id='b'>" ERROR("internal-server-error") "</iq>");
	cpl_test_send(juliet, MESSAGE("1", "romeo@example.org"));
	cpl_test_expect(romeo, "<message id='1'/>");
}

static void bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	CPL_TEST_CHECK(cpl_test_configure("max_items: 2"));
	cpl_test_send(romeo, BLOCK("1", "<item jid='a'/><item jid='b'/>"));
	cpl_test_expect(romeo, "<iq type='result' id='1'/>");
	cpl_test_send(romeo, BLOCK("2", "<item jid='b'/>"));
	cpl_test_expect(romeo, "<iq type='result' id='2'/>");
	cpl_test_send(romeo, BLOCK("3", "<item jid='c'/>"));
	cpl_test_expect(romeo, "<iq type='error' id='3'>" ERROR("resource-constraint") "</iq>");
}

static void commands(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='g'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
	cpl_test_drop(romeo);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("blocklist add romeo@example.org juliet@example.org")), "romeo@example.org blocks juliet@example.org");
	cpl_test_expect(romeo, "<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='juliet@example.org'/></block></iq>");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("blocklist show romeo@example.org")),
		      "[\"juliet@example.org\",\"2026-01-31T12:00:00Z\",null,null,null]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("blocklist remove romeo@example.org")), "romeo@example.org blocks nobody any more");
	cpl_test_expect(romeo, "<iq type='set'><unblock xmlns='urn:xmpp:blocking'/></iq>");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("blocklist show nobody@example.org")), "refused: there is no account nobody@example.org");
}

static const struct cpl_test_case cases[] = {
	{"nothing passes in either direction", both_directions, 0},
	{"the list is kept", kept, 0},
	{"what is not on disk is not in force", failures, CPL_TEST_NO_FAULTS},
	{"the list is bounded", bounded, 0},
	{"commands change it", commands, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(blocklist) = {.cases = cases};
