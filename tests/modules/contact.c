/* SPDX-License-Identifier: MIT */
/* The module contact: XEP-0157. */
#include <couplet/test.h>

#define ASK "<iq type='get' id='d1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
#define FORM "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>http://jabber.org/network/serverinfo</value></field>"

/* XEP-0157 3: what is configured is told, and nothing else. */
static void addresses_are_told(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'>" FORM
			       "<field var='abuse-addresses'><value>mailto:abuse@example.org</value></field></x></query></iq>");
	CPL_TEST_CHECK(cpl_test_configure("abuse: [\"mailto:a@example.org\", \"xmpp:a@example.org\"]\nsupport: \"https://example.org/\""));
	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'>" FORM
			       "<field var='abuse-addresses'><value>mailto:a@example.org</value><value>xmpp:a@example.org</value></field>"
			       "<field var='support-addresses'><value>https://example.org/</value></field></x></query></iq>");
}

/* Without an address there is no form. */
static void no_address_no_form(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	CPL_TEST_CHECK(cpl_test_configure("abuse: []"));
	cpl_test_send(romeo, ASK);
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><none:x/></query></iq>");
}

static void what_is_no_uri_is_refused(void)
{
	CPL_TEST_CHECK(!cpl_test_configure("status: status.example.org"));
	CPL_TEST_CHECK(!cpl_test_configure("admin: admin@example.org"));
}

static const struct cpl_test_case cases[] = {
	{"addresses are told", addresses_are_told, 0},
	{"no address, no form", no_address_no_form, 0},
	{"what is no URI is refused", what_is_no_uri_is_refused, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(contact) = {.cases = cases, .options = "abuse: \"mailto:abuse@example.org\""};
