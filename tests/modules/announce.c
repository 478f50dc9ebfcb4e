/* SPDX-License-Identifier: MIT */
/* The module announce; XEP-0133 4.23 says to whom and from whom. */
#include <couplet/test.h>

/* Every account that is connected gets it once, as a headline to its resources of a priority that is not negative (RFC 6121 8.5.2.1.1). */
static void to_those_connected(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_test_session *juliet = cpl_test_available("juliet@example.org/balcony");

	cpl_test_account("nurse@example.org");
	cpl_test_drop(romeo);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("announce example.org The feast begins")), "announced to 2 accounts");
	cpl_test_expect(romeo, "<message type='headline' from='example.org' id='*'><body>The feast begins</body><none:subject/></message>");
	cpl_test_expect(juliet, "<message type='headline' from='example.org'><body>The feast begins</body></message>");
	cpl_test_expect_nothing(romeo);
}

/* More accounts than one slice of a turn has. */
static void to_many(void)
{
	struct cpl_test_session *last = NULL;

	for (int i = 0; i < 205; i++) {
		char jid[64];
		struct cpl_buf text = {0};

		cpl_buf_addf(&text, "guest%d@example.org/feast", i);
		memcpy(jid, text.ptr, text.len + 1);
		cpl_buf_finish(&text);
		last = cpl_test_available(jid);
	}
	cpl_test_drop(last);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("announce example.org Welcome")), "announced to 205 accounts");
	cpl_test_expect(last, "<message type='headline'><body>Welcome</body></message>");
}

/* Not a headline, so that it is kept for those who are not there. */
static void to_all(void)
{
	struct cpl_test_session *nurse = cpl_test_available("nurse@example.org/hall");

	cpl_test_account("romeo@example.org");
	cpl_test_drop(nurse);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("announce example.org Wake up --all --subject Morning")), "announced to 2 accounts");
	cpl_test_expect(nurse, "<message from='example.org' to='nurse@example.org'><subject>Morning</subject><body>Wake up</body></message>");
}

static void what_is_refused(void)
{
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("announce example.org x --all --online")), "refused: it is one of --online, --all and --admins");
	CPL_TEST_CHECK(strstr(cpl_test_command("announce example.org \x1b[0m"), "refused: the text is empty"));
	CPL_TEST_CHECK(strstr(cpl_test_command("announce example.com x"), "refused: example.com is not a host"));
}

static const struct cpl_test_case cases[] = {
	{"to those who are connected", to_those_connected, 0},
	{"to more than a slice has", to_many, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	{"to all", to_all, 0},
	{"what is refused", what_is_refused, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(announce) = {.cases = cases};
