/* SPDX-License-Identifier: MIT */
/* The module iq: RFC 6121 8.5.3, requests between clients. */
#include <couplet/test.h>

#define UNAVAILABLE "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

/* RFC 6121 8.5.3.1: to a full address that matches a resource, it is delivered there. */
static void reaches_resource(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *garden = cpl_test_available("romeo@example.org/garden");
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_drop(romeo);
	cpl_test_send(juliet, "<iq type='get' id='q1' to='romeo@example.org/orchard'><query xmlns='urn:example:words'/></iq>");
	cpl_test_expect(romeo, "<iq type='get' id='q1' from='juliet@example.org/balcony' to='romeo@example.org/orchard'><query xmlns='urn:example:words'/></iq>");
	cpl_test_expect_nothing(garden);
	cpl_test_send(romeo, "<iq type='error' id='q1' to='juliet@example.org/balcony'><error type='cancel'><feature-not-implemented "
			     "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q1' from='romeo@example.org/orchard'/>");
}

/* RFC 6121 8.5.3.2.1: no resource of that name. */
static void no_such_resource(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<iq type='get' id='q1' to='romeo@example.org/tomb'><query xmlns='urn:example:words'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q1' from='romeo@example.org/tomb'>" UNAVAILABLE "</iq>");
	cpl_test_expect_nothing(romeo);
}

/* RFC 6121 8.5.2.1.3: to a bare address it is the server that answers; it is never handed to a client. */
static void bare_is_the_servers(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<iq type='get' id='q1' to='romeo@example.org'><query xmlns='urn:example:words'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q1' from='romeo@example.org'>" UNAVAILABLE "</iq>");
	cpl_test_expect_nothing(romeo);
}

/* RFC 6121 2.1.6: a roster push of anybody but one's own account must not get to a client that might believe it. */
static void pushes_are_not_forged(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<iq type='set' id='q1' to='romeo@example.org/orchard'><query xmlns='jabber:iq:roster'>"
			      "<item jid='paris@example.org' subscription='both'/></query></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q1'><error/></iq>");
	cpl_test_expect_nothing(romeo);
}

/* RFC 6120 8.2.3: results that nobody asked for are dropped where they have no target. */
static void stray_results(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<iq type='result' id='q1' to='romeo@example.org/tomb'/><iq type='result' id='q2' to='example.org'/>");
	cpl_test_expect_nothing(juliet);
}

static const struct cpl_test_case cases[] = {
	{"a request reaches the resource that it names", reaches_resource, 0},
	{"a resource that is not there is unavailable", no_such_resource, 0},
	{"a request to a bare address is never a client's", bare_is_the_servers, 0},
	{"nobody forges a roster push", pushes_are_not_forged, 0},
	{"a stray result is dropped", stray_results, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(iq) = {.cases = cases};
