/* SPDX-License-Identifier: MIT */
/* The module admin: its commands; the forms of XEP-0133 are tests/scenario/admin.scenario. */
#include <couplet/test.h>

static void accounts_are_counted(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");

	cpl_test_available("juliet@example.org/balcony");
	cpl_test_account("nurse@example.org");
	cpl_test_command("user disable nurse@example.org");
	cpl_test_advance(700000);
	cpl_test_send(romeo, "<presence><show>away</show></presence>");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user count example.org")),
		      "[\"registered\",3]\n[\"disabled\",1]\n[\"online\",2]\n[\"active\",1]\n[\"idle\",1]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user find example.org active")), "[\"romeo@example.org\"]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user find example.org idle")), "[\"juliet@example.org\"]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user find example.org disabled")), "[\"nurse@example.org\"]");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user find example.org registered --limit 1")), "[\"juliet@example.org\"]");
	CPL_TEST_CHECK(cpl_test_configure("idle_after: 1h"));
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user find example.org idle")), "");
}

static void an_account_is_described(void)
{
	cpl_test_available("romeo@example.org/orchard");
	cpl_test_advance(10000);
	CPL_TEST_CHECK(strstr(cpl_test_command("user stats romeo@example.org"), "[\"resource\",\"orchard\"]"));
	CPL_TEST_CHECK(strstr(cpl_test_command("user stats romeo@example.org"), "[\"roster_size\",\"0\"]"));
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user stats nobody@example.org")), "refused: there is no account nobody@example.org");
}

/* XEP-0133 4.29: the list as a whole. */
static void admins_are_set(void)
{
	cpl_test_account("romeo@example.org");
	cpl_test_account("juliet@example.org");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user admins example.org romeo@example.org")), "romeo@example.org is admin now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user admins example.org romeo@example.org juliet@example.org romeo@example.org")), "juliet@example.org is admin now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user admins example.org juliet@example.org")), "romeo@example.org is registered now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user admins example.org")), "juliet@example.org is registered now");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user admins example.org juliet@example.com")),
		      "refused: \"juliet@example.com\" is not an account of example.org; nothing has been changed");
}

static void what_is_refused(void)
{
	CPL_TEST_CHECK(strstr(cpl_test_command("user find example.org drunk"), "refused: \"drunk\" is none of registered"));
	CPL_TEST_CHECK(strstr(cpl_test_command("user find example.org online --limit 0"), "refused: \"0\" is no number of accounts"));
	CPL_TEST_CHECK(strstr(cpl_test_command("server shutdown --delay -1"), "refused: \"-1\" is no delay"));
	CPL_TEST_CHECK(strstr(cpl_test_command("server shutdown --announce Farewell"), "refused: nothing can be announced"));
	CPL_TEST_CHECK(!cpl_test_configure("idle_after: 0s"));
}

/* What cannot be read is not counted as nothing. */
static void what_cannot_be_read_is_told(void)
{
	cpl_test_fail_query(1);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("user count example.org")), "refused: the accounts cannot be read: the test core refuses this query");
}

static const struct cpl_test_case cases[] = {
	{"accounts are counted", accounts_are_counted, 0},
	{"an account is described", an_account_is_described, 0},
	{"admins are set", admins_are_set, 0},
	{"what is refused", what_is_refused, 0},
	{"what cannot be read is told", what_cannot_be_read_is_told, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(admin) = {.cases = cases};
