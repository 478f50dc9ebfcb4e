/* SPDX-License-Identifier: MIT */
/* The module quota: what an account may store. */
#include <couplet/test.h>

/* size: 700 */
static void messages_beyond_it_are_refused(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");
	char body[301];

	memset(body, 'a', sizeof(body) - 1);
	body[sizeof(body) - 1] = 0;
	cpl_test_account("juliet@example.org");
	cpl_test_sendf(romeo, "<message to='juliet@example.org' type='chat' id='1'><body>%s</body></message>", body);
	cpl_test_expect_nothing(romeo);
	cpl_test_sendf(romeo, "<message to='juliet@example.org' type='chat' id='2'><body>%s</body></message>", body);
	cpl_test_expect(romeo, "<message type='error' id='2'><error type='wait'>"
			       "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
}

static void an_account_has_its_own(void)
{
	cpl_test_account("juliet@example.org");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota show juliet@example.org")), "[\"juliet@example.org\",0,700,\"default\"]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota set juliet@example.org 2K")), "the quota of juliet@example.org is 2K now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota show juliet@example.org")), "[\"juliet@example.org\",0,2048,\"own\"]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota set juliet@example.org none")), "the quota of juliet@example.org is none now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota show juliet@example.org")), "[\"juliet@example.org\",0,null,\"own\"]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota set juliet@example.org default")), "the quota of juliet@example.org is default now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota set juliet@example.org much")),
		      "refused: \"much\" is neither a size such as 50M, nor none, nor default");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("quota set tybalt@example.org 5M")), "refused: there is no account tybalt@example.org");
}

static const struct cpl_test_case cases[] = {
	{"messages beyond the quota are refused", messages_beyond_it_are_refused, 0},
	{"an account may have a quota of its own", an_account_has_its_own, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(quota) = {.cases = cases, .options = "size: 700\n", .config = "modules: [tls, bind, roster, presence, message, iq, offline, quota]\n"};
