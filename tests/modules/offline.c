/* SPDX-License-Identifier: MIT */
/* The module offline: XEP-0160, with the stamps of XEP-0203 and the hints of XEP-0334. */
#include <couplet/test.h>

#define UNAVAILABLE "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
#define INTERNAL "<internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"

/* XEP-0160 2: kept while nobody is there, handed over in order with a stamp of when it came, once. */
static void kept_and_delivered(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony"), *romeo;

	cpl_test_account("romeo@example.org");
	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'><body>Wherefore</body></message>");
	cpl_test_advance(60000);
	cpl_test_send(juliet, "<message id='m2' to='romeo@example.org'><body>art thou</body></message>");
	cpl_test_advance(60000);
	cpl_test_expect_nothing(juliet);
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_expect_nothing(romeo);
	cpl_test_send(romeo, "<presence/>");
	cpl_test_expect_any(romeo, "<message type='chat' id='m1' from='juliet@example.org/balcony'><body>Wherefore</body>"
				   "<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2026-01-31T12:00:00Z'/></message>");
	cpl_test_expect_any(romeo, "<message id='m2'><body>art thou</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-31T12:01:00Z'/></message>");
	cpl_test_drop(romeo);
	cpl_test_logout(romeo);
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<presence/>");
	cpl_test_expect(romeo, "<presence/>");
	cpl_test_expect_nothing(romeo);
}

/* Who becomes available while a message is on its way to the disk gets it all the same, and what follows comes behind it. */
static void available_meanwhile(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<message type='chat' id='m1' to='romeo@example.org'><body>1</body></message>"
			     "<message type='chat' id='m2' to='romeo@example.org'><body>2</body></message><presence/>"
			     "<message type='chat' id='m3' to='romeo@example.org'><body>3</body></message>");
	cpl_test_expect_any(romeo, "<message id='m1'><delay xmlns='urn:xmpp:delay'/></message>");
	cpl_test_expect_any(romeo, "<message id='m2'><delay xmlns='urn:xmpp:delay'/></message>");
	cpl_test_expect_any(romeo, "<message id='m3'/>");
}

/* RFC 6121 8.5.2.1.1, XEP-0160 3: a resource of negative priority takes none. */
static void negative_priority(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<presence><priority>-1</priority></presence>");
	cpl_test_drop(romeo);
	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'><body>Wherefore</body></message>");
	cpl_test_expect_nothing(romeo);
	cpl_test_send(romeo, "<presence><priority>0</priority></presence>");
	cpl_test_expect_any(romeo, "<message id='m1'><delay xmlns='urn:xmpp:delay'/></message>");
}

/* XEP-0160 3, XEP-0334 4: what is not worth keeping, or must not be kept. */
static void not_kept(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony"), *romeo;

	cpl_test_account("romeo@example.org");
	cpl_test_send(juliet, "<message type='headline' to='romeo@example.org'><body>News</body></message>"
			      "<message type='chat' to='romeo@example.org'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
	cpl_test_expect_nothing(juliet);
	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'><body>Burn</body><no-store xmlns='urn:xmpp:hints'/></message>");
	cpl_test_expect(juliet, "<message type='error' id='m1'>" UNAVAILABLE "</message>");
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<presence/>");
	cpl_test_expect(romeo, "<presence/>");
	cpl_test_expect_nothing(romeo);
}

/* XEP-0160 2: a full store is service-unavailable to the sender. */
static void bound_is_kept(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	CPL_TEST_CHECK(cpl_test_configure("max_messages: 2"));
	cpl_test_account("romeo@example.org");
	cpl_test_send(juliet, "<message id='m1' to='romeo@example.org'><body>1</body></message><message id='m2' to='romeo@example.org'><body>2</body></message>");
	cpl_test_expect_nothing(juliet);
	cpl_test_send(juliet, "<message id='m3' to='romeo@example.org'><body>3</body></message>");
	cpl_test_expect(juliet, "<message type='error' id='m3'>" UNAVAILABLE "</message>");
}

/* What cannot be kept is refused and not lost in silence; it is counted as handled (XEP-0198) only after the answer. */
static void failure_is_told(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_account("romeo@example.org");
	cpl_test_expect_log(CPL_LOG_ERROR, "offline message cannot be kept jid=romeo@example.org reason=the test core refuses this write");
	cpl_test_fail_write(1);
	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'><body>Wherefore</body></message>");
	cpl_test_expect(juliet, "<message type='error' id='m1'><error>" INTERNAL "</error></message>");
	cpl_test_send(juliet, "<message type='chat' id='m2' to='romeo@example.org'><body>Wherefore</body></message>");
	cpl_test_expect_nothing(juliet);
}

static const struct cpl_test_case cases[] = {
	{"messages are kept and handed over in order", kept_and_delivered, 0},
	{"who comes meanwhile gets them", available_meanwhile, 0},
	{"a negative priority takes none", negative_priority, 0},
	{"not everything is kept", not_kept, 0},
	{"a full store refuses", bound_is_kept, 0},
	{"what cannot be kept is refused", failure_is_told, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(offline) = {.cases = cases};
