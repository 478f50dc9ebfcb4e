/* SPDX-License-Identifier: MIT */
/* The cases for the module that is wrong on purpose. */
#include <couplet/test.h>

static void counts(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='q1' to='example.org'><query xmlns='urn:example:wrong'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='q1' count='1'/>");
	cpl_test_send(romeo, "<iq type='get' id='q2' to='example.org'><query xmlns='urn:example:wrong'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='q2' count='2'/>");
}

static void warns(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_expect_log(CPL_LOG_WARN, "as loud as it gets");
	cpl_test_send(romeo, "<iq type='get' id='q1' to='example.org'><query xmlns='urn:example:wrong' loud='very'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='q1'/>");
}

static const struct cpl_test_case cases[] = {
	{"it counts", counts, 0},
	{"it warns", warns, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(wrong) = {.options = "word: wherefore", .cases = cases};
