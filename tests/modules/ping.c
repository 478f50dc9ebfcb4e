/* SPDX-License-Identifier: MIT */
/* The module ping: XEP-0199. */
#include <couplet/test.h>

/* XEP-0199 4.2: the server answers with an empty result. */
static void host_answers(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='p1' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='p1' from='example.org' to='romeo@example.org/orchard'><none:ping/></iq>");
	cpl_test_expect_nothing(romeo);
}

/* RFC 6120 10.3.1, 10.3.3: without `to`, or to one's own bare address, it is the account that is asked, and the server answers for it. */
static void account_answers(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='p1' to='romeo@example.org/orchard'/>");
	cpl_test_send(romeo, "<iq type='get' id='p2' to='romeo@example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='p2' from='romeo@example.org'/>");
}

/* XEP-0199 4.3: client to client; the server only hands it on. */
static void client_is_asked(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_available("juliet@example.org/balcony");

	cpl_test_send(juliet, "<iq type='get' id='p1' to='romeo@example.org/orchard'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_expect(romeo, "<iq type='get' id='p1' from='juliet@example.org/balcony'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_send(romeo, "<iq type='result' id='p1' to='juliet@example.org/balcony'/>");
	cpl_test_expect(juliet, "<iq type='result' id='p1' from='romeo@example.org/orchard'/>");
}

/* XEP-0199 defines no set; RFC 6120 8.2.3: what is not understood is answered with an error. */
static void set_is_refused(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='set' id='p1' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p1'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

/* XEP-0199 6: support is announced. */
static void feature_is_announced(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='d1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:ping'/></query></iq>");
}

static const struct cpl_test_case cases[] = {
	{"the host answers a ping", host_answers, 0},
	{"the account answers for itself", account_answers, 0},
	{"a ping to a client is the client's to answer", client_is_asked, 0},
	{"a ping that sets is refused", set_is_refused, 0},
	{"support is announced", feature_is_announced, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(ping) = {.cases = cases};
