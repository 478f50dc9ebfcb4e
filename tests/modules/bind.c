/* SPDX-License-Identifier: MIT */
/* The module bind: RFC 6120 7. */
#include <couplet/test.h>

#define NS "urn:ietf:params:xml:ns:xmpp-bind"
#define BIND(id, child) "<iq type='set' id='" id "'><bind xmlns='" NS "'>" child "</bind></iq>"
#define BOUND(id, jid) "<iq type='result' id='" id "'><bind xmlns='" NS "'><jid>" jid "</jid></bind></iq>"
#define ERROR(id, condition) "<iq type='error' id='" id "'><error><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"

/* RFC 6120 7.4: told in the features of the second stream. 7.6: the server makes a resource. */
static void server_chooses(void)
{
	struct cpl_test_session *romeo = cpl_test_authenticate("romeo@example.org/any");

	cpl_test_expect_text(romeo, "<stream:stream");
	cpl_test_expect(romeo, "<stream:features><bind xmlns='" NS "'/></stream:features>");
	cpl_test_send(romeo, BIND("b1", ""));
	cpl_test_expect(romeo, BOUND("b1", "*"));
	CPL_TEST_CHECK(cpl_test_session(romeo)->resource.len >= 8);
}

/* 7.7: the client asks for one; 7.7.2.1: for one that is none; 7.3.2: a stanza before that. */
static void client_chooses(void)
{
	struct cpl_test_session *romeo = cpl_test_authenticate("romeo@example.org/any");

	cpl_test_drop(romeo);
	cpl_test_send(romeo, BIND("b1", "<resource>&#xE000;</resource>"));
	cpl_test_expect(romeo, ERROR("b1", "bad-request"));
	cpl_test_send(romeo, BIND("b2", "<resource>orchard</resource>"));
	cpl_test_expect(romeo, BOUND("b2", "romeo@example.org/orchard"));
	cpl_test_send(romeo, BIND("b3", "<resource>garden</resource>"));
	cpl_test_expect(romeo, ERROR("b3", "not-allowed"));
	cpl_test_send(romeo, "<iq type='set' id='s1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='s1'/>");
}

/* 7.7.2.2: the resource is in use; what happens then is an option. */
static void conflicts(void)
{
	struct cpl_test_session *first = cpl_test_login("romeo@example.org/orchard"), *second;

	second = cpl_test_authenticate("romeo@example.org/orchard");
	cpl_test_drop(second);
	cpl_test_send(second, BIND("b1", "<resource>orchard</resource>"));
	cpl_test_expect_end(first, "conflict");
	cpl_test_expect(second, BOUND("b1", "romeo@example.org/orchard"));
	CPL_TEST_CHECK(cpl_test_configure("conflict: refuse"));
	first = cpl_test_authenticate("romeo@example.org/orchard");
	cpl_test_drop(first);
	cpl_test_send(first, BIND("b2", "<resource>orchard</resource>"));
	cpl_test_expect(first, ERROR("b2", "conflict"));
	CPL_TEST_CHECK(cpl_test_configure("conflict: rename"));
	cpl_test_send(first, BIND("b3", "<resource>orchard</resource>"));
	cpl_test_expect(first, BOUND("b3", "*"));
	cpl_test_expect_nothing(second);
}

static const struct cpl_test_case cases[] = {
	{"the server makes a resource", server_chooses, 0},
	{"the client asks for one", client_chooses, 0},
	{"two want the same", conflicts, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(bind) = {.cases = cases};
