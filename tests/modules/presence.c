/* SPDX-License-Identifier: MIT */
/* The module presence: RFC 6121 3 and 4. */
#include <couplet/test.h>

#define ROSTER "<iq type='get' id='r0'><query xmlns='jabber:iq:roster'/></iq>"

static struct cpl_test_session *arrive(const char *jid)
{
	struct cpl_test_session *session = cpl_test_login(jid);

	cpl_test_send(session, ROSTER "<presence/>");
	cpl_test_drop(session);
	return session;
}

/* Both see each other; what that took is forgotten. */
static void befriend(struct cpl_test_session *romeo, struct cpl_test_session *juliet)
{
	cpl_test_send(romeo, "<presence type='subscribe' to='juliet@example.org'/>");
	cpl_test_send(juliet, "<presence type='subscribed' to='romeo@example.org'/><presence type='subscribe' to='romeo@example.org'/>");
	cpl_test_send(romeo, "<presence type='subscribed' to='juliet@example.org'/>");
	cpl_test_drop(romeo);
	cpl_test_drop(juliet);
}

/* RFC 6121 3.1: asked, pushed as pending, granted, and then the presence is sent. */
static void subscription(void)
{
	struct cpl_test_session *romeo = arrive("romeo@example.org/orchard"), *juliet = arrive("juliet@example.org/balcony");

	cpl_test_send(romeo, "<presence type='subscribe' to='juliet@example.org'/>");
	cpl_test_expect(romeo, "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='none' ask='subscribe'/></query></iq>");
	cpl_test_expect(juliet, "<presence type='subscribe' from='romeo@example.org' to='juliet@example.org'/>");
	cpl_test_send(juliet, "<presence type='subscribed' to='romeo@example.org'/>");
	cpl_test_expect_any(juliet, "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='romeo@example.org' subscription='from'/></query></iq>");
	cpl_test_expect_any(romeo, "<presence type='subscribed' from='juliet@example.org'/>");
	cpl_test_expect_any(romeo, "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='to'/></query></iq>");
	cpl_test_expect_any(romeo, "<presence from='juliet@example.org/balcony'/>");
}

/* RFC 6121 4.2.2, 4.4.2, 4.5.2: to those who may see it, and the probe's answer to the one who comes. */
static void broadcast(void)
{
	struct cpl_test_session *romeo = arrive("romeo@example.org/orchard"), *juliet = arrive("juliet@example.org/balcony");
	struct cpl_test_session *paris = arrive("paris@example.org/hall"), *garden;

	befriend(romeo, juliet);
	cpl_test_send(romeo, "<presence><show>away</show></presence>");
	cpl_test_expect(juliet, "<presence from='romeo@example.org/orchard' to='juliet@example.org'><show>away</show></presence>");
	garden = cpl_test_login("romeo@example.org/garden");
	cpl_test_send(garden, "<presence/>");
	cpl_test_expect_any(garden, "<presence from='juliet@example.org/balcony'/>");
	cpl_test_expect_any(garden, "<presence from='romeo@example.org/orchard'><show>away</show></presence>");
	cpl_test_expect(juliet, "<presence from='romeo@example.org/garden'/>");
	cpl_test_drop(romeo);
	cpl_test_lose(garden);
	cpl_test_expect(juliet, "<presence type='unavailable' from='romeo@example.org/garden'/>");
	cpl_test_expect(romeo, "<presence type='unavailable' from='romeo@example.org/garden'/>");
	cpl_test_expect_nothing(paris);
}

/* RFC 6121 4.6: whoever got directed presence is told of the end, too. */
static void directed(void)
{
	struct cpl_test_session *romeo = arrive("romeo@example.org/orchard"), *paris = arrive("paris@example.org/hall");

	cpl_test_send(romeo, "<presence to='paris@example.org/hall'><status>En garde</status></presence>");
	cpl_test_expect(paris, "<presence from='romeo@example.org/orchard' to='paris@example.org/hall'><status>En garde</status></presence>");
	cpl_test_send(romeo, "<presence type='unavailable'/>");
	cpl_test_expect(paris, "<presence type='unavailable' from='romeo@example.org/orchard'/>");
	cpl_test_expect_nothing(paris);
}

/* RFC 6121 3.1.3: a request to an account that is offline waits, and comes at each login until it is answered. */
static void request_waits(void)
{
	struct cpl_test_session *romeo = arrive("romeo@example.org/orchard"), *juliet;

	cpl_test_account("juliet@example.org");
	cpl_test_send(romeo, "<presence type='subscribe' to='juliet@example.org'><status>My name, dear saint</status></presence>");
	for (int i = 0; i < 2; i++) {
		juliet = cpl_test_login("juliet@example.org/balcony");
		cpl_test_send(juliet, ROSTER "<presence/>");
		cpl_test_expect_any(juliet, "<presence type='subscribe' from='romeo@example.org'><status>My name, dear saint</status></presence>");
		cpl_test_drop(juliet);
		if (i == 0)
			cpl_test_logout(juliet);
	}
	cpl_test_send(juliet, "<presence type='unsubscribed' to='romeo@example.org'/>");
	cpl_test_logout(juliet);
	juliet = cpl_test_login("juliet@example.org/balcony");
	cpl_test_send(juliet, ROSTER "<presence/>");
	cpl_test_expect_any(juliet, "<presence from='juliet@example.org/balcony'/>");
	cpl_test_drop(romeo);
	cpl_test_expect(juliet, "<iq type='result' id='r0'/>");
	cpl_test_expect_nothing(juliet);
}

/* RFC 6121 3.2: a subscription that is cancelled ends with unavailable. */
static void cancelled(void)
{
	struct cpl_test_session *romeo = arrive("romeo@example.org/orchard"), *juliet = arrive("juliet@example.org/balcony");

	befriend(romeo, juliet);
	cpl_test_send(juliet, "<presence type='unsubscribed' to='romeo@example.org'/>");
	cpl_test_expect_any(romeo, "<presence type='unavailable' from='juliet@example.org/balcony'/>");
	cpl_test_expect_any(romeo, "<presence type='unsubscribed' from='juliet@example.org'/>");
	cpl_test_expect_any(romeo, "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='from'/></query></iq>");
	cpl_test_send(juliet, "<presence><show>dnd</show></presence>");
	cpl_test_expect_nothing(romeo);
}

static const struct cpl_test_case cases[] = {
	{"a subscription is asked for and granted", subscription, 0},
	{"presence goes to those who may see it", broadcast, 0},
	{"directed presence ends with the session's", directed, 0},
	{"a request waits for its answer", request_waits, 0},
	{"a cancelled subscription shows nothing more", cancelled, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(presence) = {.cases = cases};
