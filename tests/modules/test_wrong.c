/* SPDX-License-Identifier: MIT */
/* One case for the module that is wrong on purpose. */
#include <couplet/test.h>

static void counts(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='q1' to='example.org'><query xmlns='urn:example:wrong'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='q1' count='1'/>");
	cpl_test_send(romeo, "<iq type='get' id='q2' to='example.org'><query xmlns='urn:example:wrong'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='q2' count='2'/>");
}

static const struct cpl_test_case cases[] = {{"it counts", counts, 0}, CPL_TEST_CASES_END};

CPL_MODULE_TEST(wrong) = {.cases = cases};
