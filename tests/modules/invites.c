/* SPDX-License-Identifier: MIT */
/* The module invites (XEP-0401, XEP-0379, XEP-0445). */
#include <couplet/test.h>

#define COMMAND "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite'/>"
#define STREAM "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
#define CONDITION(name) "<error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

/* The token in the next element that the session receives. */
static void token_of(struct cpl_test_session *session, char token[41])
{
	const char *text = cpl_test_take(session), *at = text ? strstr(text, "preauth=") : NULL;

	CPL_TEST_CHECK(at != NULL && strlen(at) >= 48);
	memcpy(token, at + 8, 40);
	token[40] = '\0';
}

static struct cpl_test_session *stranger_with(const char *token)
{
	struct cpl_test_session *session = cpl_test_connect("stranger");

	cpl_test_send(session, STREAM);
	cpl_test_expect_text(session, "<stream:stream");
	cpl_test_expect(session, "<stream:features><register xmlns='urn:xmpp:ibr-token:0'/></stream:features>");
	cpl_test_sendf(session, "<iq type='set' id='pa'><preauth xmlns='urn:xmpp:pars:0' token='%s'/></iq>", token);
	return session;
}

static void invited(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard"), *juliet;
	char token[41];

	cpl_test_send(romeo, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_drop(romeo);
	cpl_test_send(romeo, "<iq type='set' id='1' to='example.org'>" COMMAND "</iq>");
	token_of(romeo, token);
	juliet = stranger_with(token);
	cpl_test_expect(juliet, "<iq type='result' id='pa'/>");
	cpl_test_send(juliet, "<iq type='set' id='2'><query xmlns='jabber:iq:register'><username>juliet</username><password>wherefore</password></query></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='2'/>");
	cpl_test_expect(romeo, "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='both'/></query></iq>");
	juliet = cpl_test_login("juliet@example.org/balcony");
	cpl_test_send(juliet, "<iq type='get' id='3'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='3'><query xmlns='jabber:iq:roster'><item jid='romeo@example.org' subscription='both'/></query></iq>");
	juliet = stranger_with(token);
	cpl_test_expect(juliet, "<iq type='error' id='pa'>" CONDITION("item-not-found") "</iq>");
}

/* XEP-0445 4: expiry counts when the token is shown, not later. */
static void expiry(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard"), *early, *late;
	char token[41];

	cpl_test_send(romeo, "<iq type='set' id='1' to='example.org'>" COMMAND "</iq>");
	token_of(romeo, token);
	cpl_test_advance(100000);
	early = stranger_with(token);
	cpl_test_expect(early, "<iq type='result' id='pa'/>");
	cpl_test_advance(21000);
	late = stranger_with(token);
	cpl_test_expect(late, "<iq type='error' id='pa'>" CONDITION("item-not-found") "</iq>");
	cpl_test_send(early, "<iq type='set' id='2'><query xmlns='jabber:iq:register'><username>juliet</username><password>wherefore</password></query></iq>");
	cpl_test_expect(early, "<iq type='result' id='2'/>");
}

static void subscribed(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard"), *juliet = cpl_test_login("juliet@example.org/balcony");
	char token[41];

	cpl_test_send(romeo, "<iq type='set' id='1' to='example.org'>" COMMAND "</iq>");
	token_of(romeo, token);
	cpl_test_sendf(juliet, "<presence to='romeo@example.org' type='subscribe'><preauth xmlns='urn:xmpp:pars:0' token='%s'/></presence>", token);
	cpl_test_send(romeo, "<iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_expect_any(romeo, "<iq type='result' id='2'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='from' ask='subscribe'/></query></iq>");
}

static void commands(void)
{
	const char *made = cpl_test_command("invite create example.org --account juliet");

	CPL_TEST_CHECK(strstr(made, "xmpp:juliet@example.org?register;preauth=") != NULL);
	CPL_TEST_CHECK(strstr(cpl_test_command("invite list example.org"), "juliet") != NULL);
	CPL_TEST_CHECK(strstr(cpl_test_command("invite create example.org --account juliet"), "refused: ") != NULL);
	CPL_TEST_CHECK(strstr(cpl_test_command("user reset nobody@example.org"), "refused: ") != NULL);
}

static const struct cpl_test_case cases[] = {
	{"the invited registers once and is the inviter's contact", invited, 0},
	{"a token expires until it is shown", expiry, 0},
	{"a request with a token is approved", subscribed, 0},
	{"tokens are made and listed by command", commands, 0},
	CPL_TEST_CASES_END,
};
CPL_MODULE_TEST(invites) = {
	.config = "modules: [auth, bind, roster, presence, message, iq, disco, offline, register, invites]\npermissions: {invites.register: registered}",
	.options = "expires: 2m",
	.cases = cases,
};
