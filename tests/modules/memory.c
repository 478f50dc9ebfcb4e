/* SPDX-License-Identifier: MIT */
/* The storage driver memory under modules that use it; what it keeps and how is tested in tests/unit/storage. */
#include <couplet/test.h>

#define GET "<iq type='get' id='r0'><query xmlns='jabber:iq:roster'/></iq>"

static void keeps(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' name='Juliet'/></query></iq>");
	cpl_test_expect_any(romeo, "<iq type='result' id='r1'/>");
	cpl_test_send(romeo, GET);
	cpl_test_expect(romeo, "<iq type='result' id='r0'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' name='Juliet'/></query></iq>");
}

static const struct cpl_test_case cases[] = {{"a roster is kept", keeps, 0}, CPL_TEST_CASES_END};

CPL_MODULE_TEST(memory) = {.cases = cases};
