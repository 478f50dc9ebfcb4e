/* SPDX-License-Identifier: MIT */
/* The module tombstones. */
#include <couplet/test.h>

#define STREAM "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
#define REGISTER "<query xmlns='jabber:iq:register'><username>romeo</username><password>wherefore</password></query>"

static struct cpl_test_session *stranger(void)
{
	struct cpl_test_session *session = cpl_test_connect("stranger");

	cpl_test_send(session, STREAM);
	cpl_test_expect_text(session, "<stream:stream");
	cpl_test_expect(session, "<stream:features/>");
	return session;
}

static void kept(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard"), *other;

	cpl_test_send(romeo, "<iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='1'/>");
	cpl_test_expect_end(romeo, "not-authorized");
	other = stranger();
	cpl_test_send(other, "<iq type='set' id='2'>" REGISTER "</iq>");
	cpl_test_expect(other, "<iq type='error' id='2'><error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	CPL_TEST_CHECK(strstr(cpl_test_command("tombstone list example.org"), "romeo@example.org") != NULL);
	cpl_test_lose(other);
	cpl_test_advance(3601000);
	other = stranger();
	cpl_test_send(other, "<iq type='set' id='3'>" REGISTER "</iq>");
	cpl_test_expect(other, "<iq type='result' id='3'/>");
	CPL_TEST_CHECK(strstr(cpl_test_command("tombstone list example.org"), "romeo@example.org") == NULL);
}

static const struct cpl_test_case cases[] = {
	{"a name is kept for its time", kept, 0},
	CPL_TEST_CASES_END,
};
CPL_MODULE_TEST(tombstones) = {
	.config = "modules: [auth, bind, roster, presence, message, iq, disco, offline, register, tombstones]\nregister: {open: true}",
	.options = "keep: 1h",
	.cases = cases,
};
