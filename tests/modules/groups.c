/* SPDX-License-Identifier: MIT */
/* The module groups: contacts that are given by shared groups. */
#include <couplet/test.h>

#include <stdio.h>

#define PUSH(item) "<iq type='set'><query xmlns='jabber:iq:roster'>" item "</query></iq>"

static struct cpl_test_session *romeo, *juliet;

static struct cpl_test_session *log_in(const char *jid)
{
	struct cpl_test_session *session = cpl_test_available(jid);

	cpl_test_send(session, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_drop(session);
	return session;
}

static void log_both_in(void)
{
	romeo = log_in("romeo@example.org/orchard");
	juliet = log_in("juliet@example.org/balcony");
}

static void command(const char *words, const char *answer)
{
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command(words)), answer);
}

static void by_command(void)
{
	log_both_in();
	command("group add Lovers romeo@example.org", "romeo@example.org is in Lovers");
	command("group add Lovers juliet@example.org --name Juliet", "juliet@example.org is in Lovers");
	cpl_test_expect_any(romeo, PUSH("<item jid='juliet@example.org' name='Juliet' subscription='both'><group>Lovers</group></item>"));
	cpl_test_expect_any(romeo, "<presence from='juliet@example.org/balcony'/>");
	cpl_test_expect_any(juliet, PUSH("<item jid='romeo@example.org' subscription='both'><group>Lovers</group></item>"));
	cpl_test_expect_any(juliet, "<presence from='romeo@example.org/orchard'/>");
	cpl_test_send(romeo, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='remove'/></query></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='1'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	command("group remove Lovers juliet@example.org", "juliet@example.org is not any more in Lovers");
	cpl_test_expect_any(romeo, PUSH("<item jid='juliet@example.org' subscription='remove'/>"));
	cpl_test_expect_any(romeo, "<presence type='unavailable' from='juliet@example.org/balcony'/>");
	command("group remove Lovers juliet@example.org", "refused: juliet@example.org is not in Lovers");
}

/* The contact is in the roster of whoever logs in later, when the account has been out of memory, too. */
static void at_login(void)
{
	cpl_test_account("juliet@example.org");
	cpl_test_account("romeo@example.org");
	command("group add Lovers romeo@example.org", "romeo@example.org is in Lovers");
	command("group add Lovers juliet@example.org", "juliet@example.org is in Lovers");
	cpl_test_advance(60 * 1000);
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='r'><query xmlns='jabber:iq:roster'><item jid='juliet@example.org' subscription='both'/></query></iq>");
}

/* The members are contacts as long as the module is there. */
static void unloaded(void)
{
	log_both_in();
	command("group add Lovers romeo@example.org", "romeo@example.org is in Lovers");
	command("group add Lovers juliet@example.org", "juliet@example.org is in Lovers");
	cpl_test_drop(romeo);
	cpl_test_unload();
	cpl_test_expect_any(romeo, PUSH("<item jid='juliet@example.org' subscription='remove'/>"));
	cpl_test_drop(romeo);
	cpl_test_load();
	cpl_test_expect_any(romeo, PUSH("<item jid='juliet@example.org' subscription='both'/>"));
}

static void write_file(const char *text)
{
	FILE *file = fopen("groups.conf", "we");

	CPL_TEST_CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void by_file(void)
{
	log_both_in();
	write_file("[Lovers]\nromeo@example.org\njuliet@example.org Juliet\n");
	CPL_TEST_CHECK(cpl_test_configure("file: groups.conf"));
	cpl_test_expect_any(romeo, PUSH("<item jid='juliet@example.org' name='Juliet' subscription='both'><group>Lovers</group></item>"));
	cpl_test_drop(romeo);
	write_file("[Lovers]\nromeo@example.org\nromeo@example.org\n");
	CPL_TEST_CHECK(!cpl_test_configure("file: groups.conf"));
	write_file("[Lovers]\n[Lovers]\n");
	CPL_TEST_CHECK(!cpl_test_configure("file: groups.conf"));
	CPL_TEST_CHECK(!cpl_test_configure("file: nothing.conf"));
	cpl_test_expect_nothing(romeo);
	CPL_TEST_CHECK(remove("groups.conf") == 0);
}

static const struct cpl_test_case cases[] = {
	{"commands make and end a group", by_command, 0},
	{"a group is there at login", at_login, 0},
	{"without the module there is none", unloaded, CPL_TEST_NOT_RELOADED},
	{"a file makes groups, and a wrong one is refused", by_file, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(groups) = {.cases = cases};
