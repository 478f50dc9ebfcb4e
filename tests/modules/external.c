/* SPDX-License-Identifier: MIT */
/* The module external, XEP-0114, as far as the outside of its components goes. */
#include <couplet/test.h>

/* XEP-0114 4: as long as the component is away nobody answers for its addresses, and the sender is told (RFC 6120 8.3.3). */
static void component_is_away(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<message id='m1' to='hall@rooms.example.org'><body>Hail</body></message>");
	cpl_test_expect(romeo, "<message type='error' id='m1' from='hall@rooms.example.org'><error/></message>");
	cpl_test_send(romeo, "<iq type='get' id='q1' to='rooms.example.org'><query xmlns='urn:example:words'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='q1' from='rooms.example.org'><error/></iq>");
	cpl_test_expect_nothing(romeo);
}

/* XEP-0114 3: the component proves itself; then stanzas go both ways, its own with addresses of its domain. 3: a wrong proof ends the stream. */
static void component_is_there(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *liar = cpl_test_component("rooms.example.org", "it-is-the-west"), *rooms;

	CPL_TEST_CHECK(cpl_test_session(liar)->type != CPL_SESSION_COMPONENT);
	rooms = cpl_test_component("rooms.example.org", "it-is-the-east");
	cpl_test_send(romeo, "<message id='m1' to='hall@rooms.example.org'><body>Hail</body></message>");
	cpl_test_expect_any(rooms, "<message id='m1' from='romeo@example.org/orchard' to='hall@rooms.example.org'><body>Hail</body></message>");
	cpl_test_send(rooms, "<message id='m2' from='hall@rooms.example.org' to='romeo@example.org/orchard'><body>Well met</body></message>");
	cpl_test_expect(romeo, "<message id='m2' from='hall@rooms.example.org'><body>Well met</body></message>");
	cpl_test_send(rooms, "<message id='m3' from='romeo@example.org' to='romeo@example.org/orchard'/>");
	cpl_test_expect_nothing(romeo);
	cpl_test_expect_end(rooms, "invalid-from");
}

static const struct cpl_test_case cases[] = {
	{"a component that is away is told of", component_is_away, 0},
	{"a component that is there is served", component_is_there, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(external) = {
	.config = "modules: [bind, roster, presence, message, iq, disco]\nhosts: {example.org: , rooms.example.org: {component: external}}",
	.options = "secret: it-is-the-east",
	.cases = cases,
};
