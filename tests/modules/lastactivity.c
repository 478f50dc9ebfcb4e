/* SPDX-License-Identifier: MIT */
/* The module lastactivity: XEP-0012. */
#include <couplet/test.h>

#define ASK "<iq type='get' id='1' to='juliet@example.org'><query xmlns='jabber:iq:last'/></iq>"

static struct cpl_test_session *romeo, *juliet;

/* Both see each other. */
static void befriend(void)
{
	romeo = cpl_test_available("romeo@example.org/orchard");
	juliet = cpl_test_available("juliet@example.org/balcony");
	cpl_test_send(romeo, "<presence type='subscribe' to='juliet@example.org'/>");
	cpl_test_send(juliet, "<presence type='subscribed' to='romeo@example.org'/>");
	cpl_test_drop(romeo);
	cpl_test_drop(juliet);
}

/* 3: the seconds grow, and the words are those of the last resource. */
static void seconds_since(void)
{
	befriend();
	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='1'><query xmlns='jabber:iq:last' seconds='0'/></iq>");
	cpl_test_send(juliet, "<presence type='unavailable'><status>Good night</status></presence>");
	cpl_test_logout(juliet);
	cpl_test_drop(romeo);
	cpl_test_advance(90 * 1000);
	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='1'><query xmlns='jabber:iq:last' seconds='90'>Good night</query></iq>");
}

static void refused(void)
{
	romeo = cpl_test_available("romeo@example.org/orchard");
	juliet = cpl_test_available("juliet@example.org/balcony");
	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='error' id='1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_logout(juliet);
	cpl_test_advance(60 * 1000);
	cpl_test_send(romeo, "<iq type='get' id='2' to='juliet@example.org/balcony'><query xmlns='jabber:iq:last'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='2'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

static void not_written(void)
{
	befriend();
	cpl_test_expect_log(CPL_LOG_ERROR, "last activity cannot be written");
	cpl_test_fail_write(1);
	cpl_test_logout(juliet);
}

static const struct cpl_test_case cases[] = {
	{"the seconds since somebody left", seconds_since, 0},
	{"who may not see somebody is refused", refused, 0},
	{"what cannot be written is logged", not_written, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(lastactivity) = {.cases = cases};
