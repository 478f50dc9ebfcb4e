/* SPDX-License-Identifier: MIT */
/* The module server_info: XEP-0128. */
#include <couplet/test.h>

/* XEP-0128 4.1; several values of a field stand in one field. */
static void fields_are_told(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='d1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data' type='result'>"
			       "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/network/serverinfo</value></field>"
			       "<field var='ip_version'><value>ipv4</value><value>ipv6</value></field>"
			       "<field var='http_access'><value>https://example.org/?a=b</value></field></x></query></iq>");
	cpl_test_send(romeo, "<iq type='get' id='d2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d2'><query xmlns='http://jabber.org/protocol/disco#info'><none:x/></query></iq>");
}

static void what_is_no_field_is_refused(void)
{
	CPL_TEST_CHECK(!cpl_test_configure("fields: [\"c2s_port\"]"));
	CPL_TEST_CHECK(!cpl_test_configure("fields: [\"c2s_port=\"]"));
	CPL_TEST_CHECK(!cpl_test_configure("fields: [\"=5222\"]"));
	CPL_TEST_CHECK(!cpl_test_configure("fields: [\"FORM_TYPE=urn:example\"]"));
	CPL_TEST_CHECK(!cpl_test_configure("fields: [\"sales-addresses=xmpp:bard@example.org\"]"));
}

static const struct cpl_test_case cases[] = {
	{"fields are told", fields_are_told, 0},
	{"what is no field is refused", what_is_no_field_is_refused, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(server_info) = {
	.cases = cases,
	.options = "fields: [\"ip_version=ipv4\", \"http_access=https://example.org/?a=b\", \"ip_version=ipv6\"]",
};
