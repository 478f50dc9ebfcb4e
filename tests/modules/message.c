/* SPDX-License-Identifier: MIT */
/* The module message: RFC 6121 8.5, delivery to local accounts. */
#include <couplet/test.h>

#define UNAVAILABLE "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

/* RFC 6121 8.5.2.1.1: to a bare address, chat and normal go to the most available resource; headline to all of priority 0 or more. */
static void bare_goes_to_the_best(void)
{
	struct cpl_test_session *high = cpl_test_login("romeo@example.org/orchard"), *low = cpl_test_login("romeo@example.org/garden");
	struct cpl_test_session *negative = cpl_test_login("romeo@example.org/tomb"), *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(high, "<presence><priority>5</priority></presence>");
	cpl_test_send(low, "<presence/>");
	cpl_test_send(negative, "<presence><priority>-1</priority></presence>");
	cpl_test_drop(high);
	cpl_test_drop(low);
	cpl_test_drop(negative);
	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'><body>Art thou not Romeo?</body></message>");
	cpl_test_expect(high, "<message type='chat' id='m1' from='juliet@example.org/balcony' to='romeo@example.org'><body>Art thou not Romeo?</body></message>");
	cpl_test_expect_nothing(low);
	cpl_test_send(juliet, "<message type='headline' id='m2' to='romeo@example.org'><body>News</body></message>");
	cpl_test_expect(high, "<message type='headline' id='m2'/>");
	cpl_test_expect(low, "<message type='headline' id='m2'/>");
	cpl_test_expect_nothing(negative);
}

/* RFC 6121 8.5.3.1: to a full address that matches, whatever the priority; 8.5.3.2.1: else a chat message is treated as if to the bare address. */
static void full_address(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(romeo, "<presence><priority>-1</priority></presence>");
	cpl_test_drop(romeo);
	cpl_test_send(juliet, "<message type='normal' id='m1' to='romeo@example.org/orchard'><body>Here</body></message>");
	cpl_test_expect(romeo, "<message id='m1' to='romeo@example.org/orchard'><body>Here</body></message>");
	cpl_test_send(romeo, "<presence/>");
	cpl_test_drop(romeo);
	cpl_test_send(juliet, "<message type='chat' id='m2' to='romeo@example.org/tomb'><body>There</body></message>");
	cpl_test_expect(romeo, "<message type='chat' id='m2'><body>There</body></message>");
}

/* RFC 6121 8.5.2.1.1: groupchat to a bare address is an error; 8.5.3.2.1: so is normal to a resource that is not there. */
static void refused_kinds(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<message type='groupchat' id='m1' to='romeo@example.org'><body>All</body></message>");
	cpl_test_expect(juliet, "<message type='error' id='m1' from='romeo@example.org'>" UNAVAILABLE "</message>");
	cpl_test_send(juliet, "<message id='m2' to='romeo@example.org/tomb'><body>There</body></message>");
	cpl_test_expect(juliet, "<message type='error' id='m2' from='romeo@example.org/tomb'>" UNAVAILABLE "</message>");
	cpl_test_expect_nothing(romeo);
}

/* RFC 6121 8.5.1, 8.5.2.2.1: an account that is not there, and one without a resource (nothing keeps messages here), look the same. */
static void nobody_takes_it(void)
{
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_account("romeo@example.org");
	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'><body>Where?</body></message>");
	cpl_test_expect(juliet, "<message type='error' id='m1' from='romeo@example.org'>" UNAVAILABLE "</message>");
	cpl_test_send(juliet, "<message type='chat' id='m2' to='nobody@example.org'><body>Where?</body></message>");
	cpl_test_expect(juliet, "<message type='error' id='m2' from='nobody@example.org'>" UNAVAILABLE "</message>");
	cpl_test_send(juliet, "<message type='error' id='m3' to='romeo@example.org'><error type='cancel'/></message>");
	cpl_test_expect_nothing(juliet);
}

/* RFC 6120 10.1: what one sends to another comes in order. */
static void order_is_kept(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(juliet, "<message type='chat' id='m1' to='romeo@example.org'/><message type='chat' id='m2' to='romeo@example.org/orchard'/>"
			      "<message id='m3' to='romeo@example.org'/>");
	cpl_test_expect(romeo, "<message id='m1'/><message id='m2'/><message id='m3'/>");
}

static const struct cpl_test_case cases[] = {
	{"a message to the account goes to its best resource", bare_goes_to_the_best, 0},
	{"a full address is a resource's, or the account's", full_address, 0},
	{"some kinds are refused", refused_kinds, 0},
	{"what nobody takes comes back", nobody_takes_it, 0},
	{"the order is kept", order_is_kept, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(message) = {.cases = cases};
