/* SPDX-License-Identifier: MIT */
/* The module version: XEP-0092. */
#include <couplet/test.h>

static const char request[] = "<iq type='get' id='v1' to='example.org'><query xmlns='jabber:iq:version'/></iq>";

/* XEP-0092 4: name and version; the operating system is optional, and 5 has reasons to keep it to oneself. */
static void names_itself(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='v1' from='example.org'><query xmlns='jabber:iq:version'>"
			       "<name>Couplet</name><version>*</version><none:os/></query></iq>");
}

static void names_system(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	CPL_TEST_CHECK(cpl_test_configure("show_os: true"));
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='v1'><query xmlns='jabber:iq:version'><os>*</os></query></iq>");
	CPL_TEST_CHECK(cpl_test_configure(NULL));
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='v1'><query xmlns='jabber:iq:version'><none:os/></query></iq>");
}

/* RFC 6120 8.2.3: a request that nobody understands is answered with an error; XEP-0092 has no set. */
static void set_is_refused(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='set' id='v1' to='example.org'><query xmlns='jabber:iq:version'><name>Mine</name></query></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='v1'><error type='cancel'/></iq>");
}

/* Without the module nobody answers, and with it again it does. */
static void comes_and_goes(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_unload();
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='error' id='v1'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_load();
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='v1'/>");
}

static const struct cpl_test_case cases[] = {
	{"the server names itself, and not its system", names_itself, 0},
	{"it names its system when it is told to", names_system, 0},
	{"a request that sets is refused", set_is_refused, 0},
	{"it answers while it is loaded", comes_and_goes, CPL_TEST_NOT_RELOADED},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(version) = {.cases = cases};
