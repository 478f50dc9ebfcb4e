/* SPDX-License-Identifier: MIT */
/* The module external_services: XEP-0215. */
#include <couplet/test.h>

/*
 * Computed apart from the module for the secret "rosemary", the account romeo@example.org and the clock of the test core, 2026-01-31T12:00:00Z: the user name is the time
 * of expiry and the first 8 bytes of HMAC-SHA1(secret, account), the password base64(HMAC-SHA1(secret, user name)).
 */
#define ROMEOS "username='1769904000:efd18953d13eae6f' password='2CKA3gl02TSB++c/G2WfW3kOjoA=' expires='2026-02-01T00:00:00Z'"

/* XEP-0215 3.1 */
static void services_are_told(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='s1' to='example.org'><services xmlns='urn:xmpp:extdisco:2'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='s1'><services xmlns='urn:xmpp:extdisco:2'><service type='stun' host='192.0.2.1'/>"
			       "<service type='turn' host='turn.example.org' port='3478' transport='udp' " ROMEOS "/></services></iq>");
}

/* XEP-0215 3.3 */
static void credentials_are_made(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='c1' to='example.org'><credentials xmlns='urn:xmpp:extdisco:2'><service host='turn.example.org' type='turn'/>"
			     "</credentials></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='c1'><credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='turn.example.org' " ROMEOS
			       "/></credentials></iq>");
	cpl_test_send(romeo, "<iq type='get' id='c2' to='example.org'><credentials xmlns='urn:xmpp:extdisco:2'><service host='192.0.2.1' type='stun'/>"
			     "</credentials></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='c2'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

/* XEP-0215 3.2: also to those who asked before the module was reloaded. */
static void changes_are_pushed(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='s1' to='example.org'><services xmlns='urn:xmpp:extdisco:2' type='stun'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='s1'/>");
	cpl_test_reload();
	CPL_TEST_CHECK(cpl_test_configure("services: [\"stun 192.0.2.2\"]"));
	cpl_test_expect(romeo, "<iq type='set' from='example.org'><services xmlns='urn:xmpp:extdisco:2' type='stun'>"
			       "<service action='add' type='stun' host='192.0.2.2'/><service action='delete' type='stun' host='192.0.2.1'/></services></iq>");
	cpl_test_logout(romeo);
}

static const struct cpl_test_case cases[] = {
	{"services are told", services_are_told, 0},
	{"credentials are made", credentials_are_made, 0},
	{"changes are pushed", changes_are_pushed, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(external_services) = {
	.cases = cases,
	.options = "secret: rosemary\nservices: [\"stun 192.0.2.1\", \"turn turn.example.org:3478 udp credentials\"]",
};
