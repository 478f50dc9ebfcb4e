/* SPDX-License-Identifier: MIT */
/* The module motd; XEP-0133 4.24: once to everybody, at once to those who are there. */
#include <couplet/test.h>

static void once_at_login(void)
{
	struct cpl_test_session *romeo;

	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("motd set example.org Feast tonight")), "");
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_expect_nothing(romeo);
	cpl_test_send(romeo, "<presence/>");
	cpl_test_expect_any(romeo, "<message from='example.org' to='romeo@example.org/orchard'><body>Feast tonight</body></message>");
	cpl_test_logout(romeo);
	cpl_test_advance(120000);
	romeo = cpl_test_login("romeo@example.org/garden");
	cpl_test_send(romeo, "<presence/>");
	cpl_test_expect(romeo, "<presence from='romeo@example.org/garden'/>");
	cpl_test_expect_nothing(romeo);
}

static void at_once_to_those_who_are_there(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *other = cpl_test_available("romeo@example.org/garden");

	cpl_test_drop(romeo);
	cpl_test_drop(other);
	cpl_test_command("motd set example.org Feast tonight");
	cpl_test_expect(romeo, "<message><body>Feast tonight</body></message>");
	cpl_test_expect_nothing(other);
	cpl_test_command("motd set example.org No feast");
	cpl_test_expect(romeo, "<message><body>No feast</body></message>");
	cpl_test_command("motd set example.org No feast");
	cpl_test_expect_nothing(romeo);
	cpl_test_command("motd clear example.org");
	cpl_test_expect_nothing(romeo);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("motd show example.org")), "");
}

/* The option holds where no command has set one. */
static void by_option(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");

	cpl_test_drop(romeo);
	CPL_TEST_CHECK(cpl_test_configure("text: Masks are worn"));
	cpl_test_expect(romeo, "<message><body>Masks are worn</body></message>");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("motd show example.org")), "[\"Masks are worn\",\"option\",null]");
	cpl_test_command("motd set example.org No masks");
	cpl_test_expect(romeo, "<message><body>No masks</body></message>");
	CPL_TEST_CHECK(strstr(cpl_test_command("motd show example.org"), "[\"No masks\",\"command\",\"2026-"));
	cpl_test_command("motd clear example.org");
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("motd show example.org")), "[\"Masks are worn\",\"option\",null]");
}

static void survives_a_reload(void)
{
	struct cpl_test_session *romeo;

	cpl_test_command("motd set example.org Feast tonight");
	cpl_test_unload();
	cpl_test_load();
	CPL_TEST_CHECK(strstr(cpl_test_command("motd show example.org"), "Feast tonight"));
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<presence/>");
	cpl_test_expect_any(romeo, "<message><body>Feast tonight</body></message>");
}

static void what_is_refused(void)
{
	CPL_TEST_CHECK(strstr(cpl_test_command("motd set example.org \x1b[0m"), "refused: the text is empty"));
	CPL_TEST_CHECK(strstr(cpl_test_command("motd set example.com x"), "refused: example.com is not a host"));
	CPL_TEST_CHECK(!cpl_test_configure("text: \"\\e[0m\""));
}

/* Nobody is told that something is set that is not on disk. */
static void what_cannot_be_kept_is_refused(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");

	cpl_test_drop(romeo);
	cpl_test_fail_write(1);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("motd set example.org Feast tonight")),
		      "refused: the message of the day cannot be kept: the test core refuses this write");
	cpl_test_expect_nothing(romeo);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("motd show example.org")), "");
}

static const struct cpl_test_case cases[] = {
	{"once, at the login", once_at_login, 0},
	{"at once to those who are there", at_once_to_those_who_are_there, 0},
	{"by option", by_option, 0},
	{"it survives a reload", survives_a_reload, 0},
	{"what is refused", what_is_refused, 0},
	{"what cannot be kept is refused", what_cannot_be_kept_is_refused, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(motd) = {.cases = cases};
