/* SPDX-License-Identifier: MIT */
/* The module adhoc: forms that are out, and their bounds; what is said and shown is tests/scenario/adhoc.scenario. */
#include <couplet/test.h>

#include <stdio.h>

#define COMMAND(node, more) "<iq type='set' id='%s' to='example.org'><command xmlns='http://jabber.org/protocol/commands' node='" node "'" more
#define FORM "<x xmlns='jabber:x:data' type='submit'>%s</x></command></iq>"
#define ERROR(id, condition) "<iq type='error' id='" id "'><error><" condition " xmlns='http://jabber.org/protocol/commands'/></error></iq>"
#define STATUS(id, status) "<iq type='result' id='" id "'><command xmlns='http://jabber.org/protocol/commands' status='" status "'/></iq>"

/* Asks for the form of "user list", whose session is written to `id`. */
static void begin(struct cpl_test_session *session, char id[64])
{
	const char *answer, *at;

	cpl_test_sendf(session, COMMAND("user list", "/></iq>"), "begin");
	answer = cpl_test_take(session);
	at = answer ? strstr(answer, "sessionid=") : NULL;
	CPL_TEST_CHECK(at && sscanf(at + sizeof("sessionid=") - 1, "%*1[\"']%63[^\"']", id) == 1);
}

static void submit(struct cpl_test_session *session, const char *id)
{
	cpl_test_sendf(session, COMMAND("user list", " sessionid='%s'>") FORM, "submit", id, "<field var='host'><value>example.org</value></field>");
}

/* The oldest form of an account gives way, and nobody else's. */
static void forms_of_an_account_are_bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_available("juliet@example.org/balcony");
	char ids[3][64], hers[64];

	begin(juliet, hers);
	for (int i = 0; i < 3; i++)
		begin(romeo, ids[i]);
	submit(romeo, ids[0]);
	cpl_test_expect(romeo, ERROR("submit", "session-expired"));
	for (int i = 1; i < 3; i++) {
		submit(romeo, ids[i]);
		cpl_test_expect(romeo, STATUS("submit", "completed"));
	}
	submit(juliet, hers);
	cpl_test_expect(juliet, STATUS("submit", "completed"));
}

/* The oldest of all gives way. */
static void forms_of_a_host_are_bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard"), *juliet = cpl_test_available("juliet@example.org/balcony"),
				*nurse = cpl_test_available("nurse@example.org/house");
	char first[64], second[64], third[64], fourth[64];

	begin(romeo, first);
	begin(juliet, second);
	begin(nurse, third);
	begin(nurse, fourth);
	submit(romeo, first);
	cpl_test_expect(romeo, ERROR("submit", "session-expired"));
	submit(juliet, second);
	cpl_test_expect(juliet, STATUS("submit", "completed"));
}

/* Nobody comes back after ten minutes. */
static void a_form_expires(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	char early[64], late[64];

	begin(romeo, early);
	begin(romeo, late);
	cpl_test_advance(599000);
	submit(romeo, early);
	cpl_test_expect(romeo, STATUS("submit", "completed"));
	cpl_test_advance(2000);
	submit(romeo, late);
	cpl_test_expect(romeo, ERROR("submit", "session-expired"));
}

/* A form that has come back and is being carried out is not taken twice. */
static void a_form_runs_once(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	char id[64], twice[2048];
	int len;

	begin(romeo, id);
	len = snprintf(twice, sizeof(twice), COMMAND("user list", " sessionid='%s'>") FORM, "once", id, "<field var='host'><value>example.org</value></field>");
	snprintf(twice + len, sizeof(twice) - (size_t)len, COMMAND("user list", " sessionid='%s'>") FORM, "twice", id,
		 "<field var='host'><value>example.org</value></field>");
	cpl_test_send(romeo, twice);
	cpl_test_expect_any(romeo, ERROR("twice", "bad-action"));
	cpl_test_expect_any(romeo, STATUS("once", "completed"));
}

static void what_cannot_be_undone_is_confirmed(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	char id[64];
	const char *answer;

	cpl_test_account("nurse@example.org");
	cpl_test_sendf(romeo, COMMAND("deluser", "/></iq>"), "begin");
	answer = cpl_test_take(romeo);
	CPL_TEST_CHECK(answer && strstr(answer, "confirm") && sscanf(strstr(answer, "sessionid=") + sizeof("sessionid=") - 1, "%*1[\"']%63[^\"']", id) == 1);
	cpl_test_sendf(romeo, COMMAND("deluser", " sessionid='%s'>") FORM, "unsure", id, "<field var='account'><value>nurse@example.org</value></field>");
	cpl_test_expect(romeo, ERROR("unsure", "bad-payload"));
	cpl_test_sendf(romeo, COMMAND("deluser", " sessionid='%s'>") FORM, "no", id,
		       "<field var='account'><value>nurse@example.org</value></field><field var='confirm'><value>0</value></field>");
	cpl_test_expect(romeo, ERROR("no", "bad-payload"));
	CPL_TEST_CHECK(strstr(cpl_test_command("user list example.org"), "nurse@example.org"));
	cpl_test_sendf(romeo, COMMAND("deluser", " sessionid='%s'>") FORM, "yes", id,
		       "<field var='account'><value>nurse@example.org</value></field><field var='confirm'><value>1</value></field>");
	cpl_test_expect(romeo, STATUS("yes", "completed"));
	CPL_TEST_CHECK(!strstr(cpl_test_command("user list example.org"), "nurse@example.org"));
}

static void rows_are_bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	char id[64];
	const char *answer;

	for (int i = 0; i < 3; i++) {
		static const char *const others[] = {"juliet@example.org", "mercutio@example.org", "nurse@example.org"};

		cpl_test_account(others[i]);
	}
	begin(romeo, id);
	submit(romeo, id);
	answer = cpl_test_take(romeo);
	CPL_TEST_CHECK(answer && strstr(answer, "juliet@example.org") && strstr(answer, "There are more rows"));
	CPL_TEST_CHECK(!strstr(answer, "romeo@example.org</value>"));
	CPL_TEST_CHECK(cpl_test_configure("max_rows: 4"));
	begin(romeo, id);
	submit(romeo, id);
	answer = cpl_test_take(romeo);
	CPL_TEST_CHECK(answer && strstr(answer, "romeo@example.org</value>") && !strstr(answer, "There are more rows"));
}

#define ENDING "http://jabber.org/protocol/admin#end-user-session"

/* Each of them is a run of a command. */
static void values_are_bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_available("romeo@example.org/orchard");
	struct cpl_buf form = {0};
	const char *answer;
	char id[64];

	cpl_test_sendf(romeo, COMMAND(ENDING, "/></iq>"), "begin");
	answer = cpl_test_take(romeo);
	CPL_TEST_CHECK(answer && sscanf(strstr(answer, "sessionid=") + sizeof("sessionid=") - 1, "%*1[\"']%63[^\"']", id) == 1);
	cpl_buf_addf(&form, COMMAND(ENDING, " sessionid='%s'><x xmlns='jabber:x:data' type='submit'><field var='accountjids'>"), "many", id);
	for (int i = 0; i < 1001; i++)
		cpl_buf_addf(&form, "<value>a%d@example.org</value>", i);
	cpl_buf_addf(&form, "</field></x></command></iq>");
	cpl_test_send(romeo, form.ptr);
	cpl_buf_finish(&form);
	cpl_test_expect(romeo, ERROR("many", "bad-payload"));
}

static const struct cpl_test_case cases[] = {
	{"forms of an account are bounded", forms_of_an_account_are_bounded, CPL_TEST_NO_FAULTS},
	{"forms of a host are bounded", forms_of_a_host_are_bounded, CPL_TEST_NO_FAULTS},
	{"a form expires", a_form_expires, CPL_TEST_NO_FAULTS},
	{"a form runs once", a_form_runs_once, CPL_TEST_NO_FAULTS},
	{"what cannot be undone is confirmed", what_cannot_be_undone_is_confirmed, CPL_TEST_NO_FAULTS},
	{"rows are bounded", rows_are_bounded, CPL_TEST_NO_FAULTS},
	{"values are bounded", values_are_bounded, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(adhoc) = {
	.config = "modules: [tls, auth, bind, roster, presence, message, iq, disco, adhoc, admin]\nadmins: [romeo@example.org, juliet@example.org, nurse@example.org]\n"
		  "permissions: {command.deluser: admin}\n",
	.options = "sessions_per_account: 2\nsessions: 3\nmax_rows: 3\n",
	.cases = cases,
};
