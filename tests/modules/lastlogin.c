/* SPDX-License-Identifier: MIT */
/* The module lastlogin: when accounts were logged in and connected. */
#include <couplet/test.h>

#include <stdio.h>

static void expect_info(const char *part)
{
	const char *text = cpl_test_command("user info romeo@example.org");

	if (!strstr(text, part))
		cpl_test_fail(__FILE__, __LINE__, "%s is not in %s", part, text);
}

static void login_is_kept(void)
{
	struct cpl_test_session *romeo;

	cpl_test_account("romeo@example.org");
	expect_info("[\"last_login\",null]");
	romeo = cpl_test_login("romeo@example.org/orchard");
	expect_info("[\"last_login\",\"2026-01-31T12:00:00Z\"]");
	cpl_test_advance(3600 * 1000);
	cpl_test_logout(romeo);
	expect_info("[\"last_login\",\"2026-01-31T12:00:00Z\"]");
	expect_info("[\"last_seen\",\"2026-01-31T13:00:00Z\"]");
}

/* precision: 1m */
static void not_more_often_than_asked_for(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_advance(59000);
	cpl_test_logout(romeo);
	expect_info("[\"last_seen\",\"2026-01-31T12:00:00Z\"]");
	romeo = cpl_test_login("romeo@example.org/orchard");
	expect_info("[\"last_login\",\"2026-01-31T12:00:00Z\"]");
	cpl_test_advance(1000);
	cpl_test_logout(romeo);
	expect_info("[\"last_login\",\"2026-01-31T12:00:59Z\"]");
	expect_info("[\"last_seen\",\"2026-01-31T12:01:00Z\"]");
}

static void expect_inactive(const char *time, const char *rows)
{
	char words[64];

	snprintf(words, sizeof(words), "user inactive example.org %s", time);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command(words)), rows);
}

static void accounts_that_nobody_uses(void)
{
	struct cpl_test_session *romeo;

	cpl_test_account("juliet@example.org");
	romeo = cpl_test_login("romeo@example.org/orchard");
	expect_inactive("1h", "");
	cpl_test_advance(7200 * 1000);
	/* Romeo is connected, however long ago he came. */
	expect_inactive("1h", "[\"juliet@example.org\",\"2026-01-31T12:00:00Z\",null,null]");
	cpl_test_logout(romeo);
	expect_inactive("1h", "[\"juliet@example.org\",\"2026-01-31T12:00:00Z\",null,null]");
	cpl_test_advance(3601 * 1000);
	expect_inactive("1h", "[\"juliet@example.org\",\"2026-01-31T12:00:00Z\",null,null]\n"
			      "[\"romeo@example.org\",\"2026-01-31T12:00:00Z\",\"2026-01-31T12:00:00Z\",\"2026-01-31T14:00:00Z\"]");
	expect_inactive("soon", "refused: \"soon\" is not a time such as 12h or 90d");
}

/* What cannot be written or read is logged, and nobody is kept from logging in. */
static void storage_that_fails(void)
{
	struct cpl_test_session *romeo;

	cpl_test_account("romeo@example.org");
	cpl_test_expect_log(CPL_LOG_ERROR, "the time of a login cannot be written");
	cpl_test_fail_write(1);
	romeo = cpl_test_login("romeo@example.org/orchard");
	expect_info("[\"last_login\",null]");
	cpl_test_logout(romeo);
}

static const struct cpl_test_case cases[] = {
	{"the time of a login is kept", login_is_kept, 0},
	{"times are written no more often than asked for", not_more_often_than_asked_for, 0},
	{"accounts that nobody uses are listed", accounts_that_nobody_uses, 0},
	{"storage that fails keeps nobody out", storage_that_fails, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(lastlogin) = {.cases = cases, .options = "precision: 1m\n"};
