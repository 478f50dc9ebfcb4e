/* SPDX-License-Identifier: MIT */
/* The module privilege, XEP-0356, as far as the outside of its components goes. */
#include <couplet/test.h>

/* XEP-0356 6.3: who has no privilege may not ask in others' names, whoever is asked; 3.3: nor read rosters, of which nothing is told. */
static void strangers_have_none(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_account("romeo@example.org");
	cpl_test_send(juliet, "<iq type='get' id='q1' to='romeo@example.org'><privileged_iq xmlns='urn:xmpp:privilege:2'>"
			      "<iq xmlns='jabber:client' type='get' id='i' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq></privileged_iq></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q1' from='romeo@example.org'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_send(juliet, "<iq type='get' id='q2' to='nobody@example.org'><privileged_iq xmlns='urn:xmpp:privilege:2'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q2' from='nobody@example.org'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_send(juliet, "<iq type='get' id='q3' to='romeo@example.org'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_expect(juliet, "<iq type='error' id='q3' from='romeo@example.org'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_expect_nothing(juliet);
}

/* XEP-0356 7.1: what is meant for a component that is away is lost, and the account hears nothing of it. */
static void presence_goes_nowhere(void)
{
	struct cpl_test_session *juliet = cpl_test_available("juliet@example.org/balcony");

	cpl_test_send(juliet, "<presence><show>away</show></presence>");
	cpl_test_expect(juliet, "<presence from='juliet@example.org/balcony'><show>away</show></presence>");
	cpl_test_send(juliet, "<presence type='unavailable'/>");
	cpl_test_expect(juliet, "<presence type='unavailable' from='juliet@example.org/balcony'/>");
	cpl_test_expect_nothing(juliet);
}

static const struct cpl_test_case cases[] = {
	{"strangers have no privilege", strangers_have_none, 0},
	{"presence is for components that are there", presence_goes_nowhere, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(privilege) = {
	.config = "modules: [bind, roster, presence, message, iq, disco, ping, privilege]\nexternal: {secret: it-is-the-east}\n"
		  "hosts: {example.org: , words.example.org: {component: external}}",
	.options = "roster_get: words.example.org\npresence_roster: words.example.org\npresence: words.example.org",
	.cases = cases,
};
