/* SPDX-License-Identifier: MIT */
/* The module vcard: XEP-0054. */
#include <couplet/test.h>

static void kept_for_all(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard"), *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(romeo, "<iq type='get' id='a'><vCard xmlns='vcard-temp'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='a'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_send(romeo, "<iq type='set' id='b'><vCard xmlns='vcard-temp'><FN>Romeo</FN><N><GIVEN>Romeo</GIVEN></N></vCard></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='b'/>");
	cpl_test_send(juliet, "<iq type='get' id='c' to='romeo@example.org'><vCard xmlns='vcard-temp'/></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='c' from='romeo@example.org'><vCard xmlns='vcard-temp'><FN>Romeo</FN>"
				"<N><GIVEN>Romeo</GIVEN></N></vCard></iq>");
	cpl_test_send(romeo, "<iq type='set' id='d'><vCard xmlns='vcard-temp'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d'/>");
	cpl_test_send(juliet, "<iq type='get' id='e' to='romeo@example.org'><vCard xmlns='vcard-temp'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='e'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

static void bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	CPL_TEST_CHECK(cpl_test_configure("max_size: 1K"));
	cpl_test_sendf(romeo, "<iq type='set' id='b'><vCard xmlns='vcard-temp'><FN>%01000d</FN></vCard></iq>", 0);
	cpl_test_expect(romeo, "<iq type='error' id='b'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

static void not_written(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_expect_log(CPL_LOG_ERROR, "cannot be written");
	cpl_test_fail_write(1);
	cpl_test_send(romeo, "<iq type='set' id='b'><vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='b'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

static const struct cpl_test_case cases[] = {
	{"a vCard is kept and shown to all", kept_for_all, 0},
	{"one that is too large is refused", bounded, 0},
	{"one that cannot be written is refused", not_written, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(vcard) = {.cases = cases};
