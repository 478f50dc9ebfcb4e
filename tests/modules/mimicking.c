/* SPDX-License-Identifier: MIT */
/* The module mimicking (UTS #39). */
#include <couplet/test.h>

#define STREAM "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

static void ask(const char *name, const char *answer)
{
	struct cpl_test_session *session = cpl_test_connect("stranger");

	cpl_test_send(session, STREAM);
	cpl_test_expect_text(session, "<stream:stream");
	cpl_test_expect(session, "<stream:features/>");
	cpl_test_sendf(session, "<iq type='set' id='1'><query xmlns='jabber:iq:register'><username>%s</username><password>wherefore</password></query></iq>", name);
	cpl_test_expect(session, answer);
	cpl_test_lose(session);
}

#define MADE "<iq type='result' id='1'/>"
#define REFUSED "<iq type='error' id='1'><error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"

static void alike(void)
{
	struct cpl_test_session *romeo;

	ask("romeo", MADE);
	ask("r\xd0\xbemeo", REFUSED); /* U+043E */
	ask("rorneo", REFUSED);
	ask("rome", MADE);
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<iq type='set' id='2'><query xmlns='jabber:iq:register'><remove/></query></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='2'/>");
	cpl_test_expect_end(romeo, "not-authorized");
	ask("rorneo", MADE);
	ask("romeo", REFUSED);
}

static const struct cpl_test_case cases[] = {
	{"look-alikes are refused while the other is there", alike, 0},
	CPL_TEST_CASES_END,
};
CPL_MODULE_TEST(mimicking) = {
	.config = "modules: [auth, bind, roster, presence, message, iq, disco, offline, register, mimicking]\nregister: {open: true, per_address: 100, require_tls: false}",
	.cases = cases,
};
