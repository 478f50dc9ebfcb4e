/* SPDX-License-Identifier: MIT */
/* The module outage: XEP-0455. */
#include <couplet/test.h>

#define ASK "<iq type='get' id='d1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"

/* XEP-0455 3.1 */
static void addresses_are_told(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><none:x/></query></iq>");
	CPL_TEST_CHECK(cpl_test_configure("addresses: [\"https://status.example.net/xmpp.json\"]"));
	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data' type='result'>"
			       "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:sos:0</value></field>"
			       "<field var='external-status-addresses'><value>https://status.example.net/xmpp.json</value></field></x></query></iq>");
}

/* XEP-0455 3.1: HTTP or HTTPS. */
static void what_is_no_web_address_is_refused(void)
{
	CPL_TEST_CHECK(!cpl_test_configure("addresses: [\"status.example.net\"]"));
	CPL_TEST_CHECK(!cpl_test_configure("addresses: [\"xmpp:status@example.net\"]"));
}

static const struct cpl_test_case cases[] = {
	{"addresses are told", addresses_are_told, 0},
	{"what is no web address is refused", what_is_no_web_address_is_refused, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(outage) = {.cases = cases};
