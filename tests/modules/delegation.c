/* SPDX-License-Identifier: MIT */
/* The module delegation, XEP-0355, as far as the outside of its components goes. */
#include <couplet/test.h>

/* XEP-0355 4.3, N.B. 1: what is delegated to a component that is away is refused; everything else is answered as ever. */
static void component_is_away(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<iq type='get' id='q1'><query xmlns='urn:example:words'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q1'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_send(juliet, "<iq type='get' id='q2' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='q2' from='example.org'><query xmlns='http://jabber.org/protocol/disco#info'>"
				"<feature var='urn:xmpp:delegation:2'/></query></iq>");
	cpl_test_expect_nothing(juliet);
}

static const struct cpl_test_case cases[] = {
	{"what is delegated is not answered while the component is away", component_is_away, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(delegation) = {
	.config = "modules: [bind, roster, presence, message, iq, disco, delegation]\nexternal: {secret: it-is-the-east}\n"
		  "hosts: {example.org: , words.example.org: {component: external}}",
	.options = "delegate: words.example.org urn:example:words",
	.cases = cases,
};
