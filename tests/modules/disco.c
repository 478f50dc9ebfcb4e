/* SPDX-License-Identifier: MIT */
/* The module disco: XEP-0030, and XEP-0115 for the server. */
#include <couplet/test.h>

#define INFO "http://jabber.org/protocol/disco#info"

static void ask_host(struct cpl_test_session *session)
{
	cpl_test_send(session, "<iq type='get' id='d1' to='example.org'><query xmlns='" INFO "'/></iq>");
}

/* XEP-0030 3.1: an identity at least, and the feature disco#info; XEP-0030 registrar: server/im. */
static void host_tells_of_itself(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	ask_host(romeo);
	cpl_test_expect(romeo, "<iq type='result' id='d1' from='example.org'><query xmlns='" INFO "'>"
			       "<identity category='server' type='im' name='Couplet'/><feature var='" INFO "'/>"
			       "<feature var='http://jabber.org/protocol/disco#items'/></query></iq>");
	CPL_TEST_CHECK(cpl_test_configure("name: Verona"));
	ask_host(romeo);
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='" INFO "'><identity category='server' type='im' name='Verona'/></query></iq>");
}

/* XEP-0030 4.1: items of the host. */
static void host_lists_items(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='d1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
}

/* XEP-0030 3.1: a node that is not known is item-not-found. */
static void unknown_node(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='d1' to='example.org'><query xmlns='" INFO "' node='urn:example:none'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='d1'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

/* XEP-0030 8: who may not see an account's presence is told the same as of an account that does not exist. */
static void strangers_learn_nothing(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(romeo, "<iq type='get' id='d1'><query xmlns='" INFO "'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='" INFO "'><identity category='account' type='registered'/></query></iq>");
	cpl_test_send(juliet, "<iq type='get' id='d2' to='romeo@example.org'><query xmlns='" INFO "'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='d2'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_send(juliet, "<iq type='get' id='d3' to='nobody@example.org'><query xmlns='" INFO "'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='d3'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

/* XEP-0115 6.3: the server's capabilities stand in its stream features. */
static void features_carry_capabilities(void)
{
	struct cpl_test_session *romeo = cpl_test_authenticate("romeo@example.org/orchard");

	cpl_test_expect_text(romeo, "<stream:stream ");
	cpl_test_expect(romeo, "<stream:features><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='*' ver='*'/></stream:features>");
}

static const struct cpl_test_case cases[] = {
	{"the host tells of itself", host_tells_of_itself, 0},
	{"the host lists its items", host_lists_items, 0},
	{"an unknown node is not found", unknown_node, 0},
	{"strangers learn nothing of an account", strangers_learn_nothing, 0},
	{"stream features carry the server's capabilities", features_carry_capabilities, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(disco) = {.cases = cases};
