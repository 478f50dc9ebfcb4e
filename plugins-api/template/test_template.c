/* SPDX-License-Identifier: MIT */
/*
 * The test of the module template, run by couplet-module-test(1): `make check`. <couplet/test.h> says what a case may do. Each case has a server of its own, and is
 * run again with the module reloaded between its steps and with memory and storage failing.
 */
#include <couplet/test.h>

#define GREET(id) "<iq type='get' id='" id "' to='example.org'><greet xmlns='urn:example:template'/></iq>"
#define GREETING(text, count) "<greeting xmlns='urn:example:template' count='" count "'>" text "</greeting>"

static void greets(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, GREET("g1"));
	cpl_test_expect(romeo, "<iq type='result' id='g1' from='example.org'>" GREETING("Hail", "1") "</iq>");
	/* To oneself is possible, too. */
	cpl_test_send(romeo, "<iq type='get' id='g2'><greet xmlns='urn:example:template'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='g2'>" GREETING("Hail", "2") "</iq>");
	cpl_test_expect_nothing(romeo);
}

static void counts(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_login("juliet@example.org/balcony");

	cpl_test_send(romeo, GREET("g1"));
	cpl_test_send(juliet, GREET("g1"));
	cpl_test_expect(juliet, "<iq type='result'>" GREETING("Hail", "1") "</iq>");
	CPL_TEST_CHECK(strcmp(cpl_test_command("template count"), "2") == 0);
}

/* A changed option holds from the next greeting on; one that makes no sense changes nothing. */
static void options_change(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	CPL_TEST_CHECK(cpl_test_configure("greeting: Farewell\nmax_greetings: 1"));
	CPL_TEST_CHECK(!cpl_test_configure("max_greetings: many"));
	cpl_test_send(romeo, GREET("g1"));
	cpl_test_expect(romeo, "<iq type='result' id='g1'>" GREETING("Farewell", "1") "</iq>");
	cpl_test_send(romeo, GREET("g2"));
	cpl_test_expect(romeo, "<iq type='error' id='g2'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

/* Without the module nobody answers; with it again the counting begins anew. */
static void comes_and_goes(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, GREET("g1"));
	cpl_test_drop(romeo);
	cpl_test_unload();
	cpl_test_send(romeo, GREET("g2"));
	cpl_test_expect(romeo, "<iq type='error' id='g2'><error type='cancel'/></iq>");
	cpl_test_load();
	cpl_test_send(romeo, GREET("g3"));
	cpl_test_expect(romeo, "<iq type='result' id='g3'>" GREETING("Hail", "1") "</iq>");
}

static const struct cpl_test_case cases[] = {
	{"a greeting is answered", greets, 0},
	{"greetings are counted, for each session and in all", counts, 0},
	{"options change while it runs", options_change, 0},
	{"it answers while it is loaded", comes_and_goes, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(template) = {.options = "greeting: Hail", .cases = cases};
