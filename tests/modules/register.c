/* SPDX-License-Identifier: MIT */
/* The module register (XEP-0077). */
#include <couplet/test.h>
#include <stdio.h>

#define REGISTER "<query xmlns='jabber:iq:register'>"
#define STREAM "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
#define CONDITION(name) "<error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

static struct cpl_test_session *stranger(const char *name)
{
	struct cpl_test_session *session = cpl_test_connect(name);

	cpl_test_send(session, STREAM);
	cpl_test_expect_text(session, "<stream:stream");
	cpl_test_expect(session, "<stream:features><register xmlns='http://jabber.org/features/iq-register'/></stream:features>");
	return session;
}

static void makes_an_account(void)
{
	struct cpl_test_session *benvolio = stranger("benvolio");

	cpl_test_send(benvolio, "<iq type='get' id='1'>" REGISTER "</query></iq>");
	cpl_test_expect(benvolio, "<iq type='result' id='1'>" REGISTER "<username/><password/><x xmlns='jabber:x:data' type='form'/></query></iq>");
	cpl_test_send(benvolio, "<iq type='set' id='2'>" REGISTER "<username>benvolio</username><password>part fools</password></query></iq>");
	cpl_test_expect(benvolio, "<iq type='result' id='2'/>");
	cpl_test_send(benvolio, "<iq type='set' id='3'>" REGISTER "<username>abram</username><password>part fools</password></query></iq>");
	cpl_test_expect(benvolio, "<iq type='error' id='3'>" CONDITION("not-acceptable") "</iq>");
	benvolio = stranger("another");
	cpl_test_send(benvolio, "<iq type='set' id='4'>" REGISTER "<username>benvolio</username><password>part fools</password></query></iq>");
	cpl_test_expect(benvolio, "<iq type='error' id='4'>" CONDITION("conflict") "</iq>");
}

static void bounds(void)
{
	struct cpl_test_session *session;
	char name[32];

	for (int i = 0; i < 2; i++) {
		session = stranger("one of many");
		snprintf(name, sizeof(name), "servant%d", i);
		cpl_test_sendf(session, "<iq type='set' id='1'>" REGISTER "<username>%s</username><password>part fools</password></query></iq>", name);
		cpl_test_expect(session, "<iq type='result' id='1'/>");
		cpl_test_lose(session);
	}
	session = stranger("one too many");
	cpl_test_send(session, "<iq type='set' id='1'>" REGISTER "<username>servant2</username><password>part fools</password></query></iq>");
	cpl_test_expect(session, "<iq type='error' id='1'>" CONDITION("not-acceptable") "</iq>");
	cpl_test_lose(session);
	cpl_test_advance(3600000);
	session = stranger("later");
	cpl_test_send(session, "<iq type='set' id='1'>" REGISTER "<username>servant2</username><password>part fools</password></query></iq>");
	cpl_test_expect(session, "<iq type='result' id='1'/>");
}

static void changes_the_password(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard"), *other = cpl_test_login("romeo@example.org/other");

	cpl_test_send(romeo, "<iq type='set' id='1'>" REGISTER "<username>romeo</username><password>wherefore</password></query></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='1'/>");
	cpl_test_expect_end(other, "reset");
}

static void removes_itself(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='set' id='1'>" REGISTER "<remove/></query></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='1'/>");
	cpl_test_expect_end(romeo, "not-authorized");
}

static const struct cpl_test_case cases[] = {
	{"a stranger makes an account, one a stream", makes_an_account, 0},
	{"accounts are bounded per address and time", bounds, 0},
	{"a new password ends the other sessions", changes_the_password, 0},
	{"a removal is answered, then the stream ends", removes_itself, 0},
	CPL_TEST_CASES_END,
};
CPL_MODULE_TEST(register) = {
	.config = "modules: [auth, bind, roster, presence, message, iq, disco, offline, register]",
	.options = "open: true\nper_address: 2",
	.cases = cases,
};
