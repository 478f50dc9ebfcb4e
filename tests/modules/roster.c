/* SPDX-License-Identifier: MIT */
/* The module roster: RFC 6121 2. */
#include <couplet/test.h>

#define GET "<iq type='get' id='r0'><query xmlns='jabber:iq:roster'/></iq>"
#define SET(id, item) "<iq type='set' id='" id "'><query xmlns='jabber:iq:roster'>" item "</query></iq>"
#define ITEMS(items) "<query xmlns='jabber:iq:roster'>" items "</query>"
#define ERROR(type, condition) "<error type='" type "'><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

static struct cpl_test_session *log_in_and_ask(const char *jid)
{
	struct cpl_test_session *session = cpl_test_login(jid);

	cpl_test_send(session, GET);
	cpl_test_drop(session);
	return session;
}

/* RFC 6121 2.1.4: an empty roster is an empty query. 2.1.5, 2.3: a set is answered, and pushed to every resource that has asked for the roster. */
static void items_are_pushed(void)
{
	struct cpl_test_session *romeo = log_in_and_ask("romeo@example.org/orchard"), *garden = log_in_and_ask("romeo@example.org/garden");
	struct cpl_test_session *silent = cpl_test_login("romeo@example.org/tomb");

	cpl_test_send(silent, GET);
	cpl_test_expect(silent, "<iq type='result' id='r0'>" ITEMS("<none:item/>") "</iq>");
	cpl_test_logout(silent);
	silent = cpl_test_login("romeo@example.org/tomb");
	cpl_test_send(romeo, SET("r1", "<item jid='juliet@example.org' name='Juliet'><group>Capulets</group></item>"));
	cpl_test_expect_any(romeo, "<iq type='set' id='*' to='romeo@example.org/orchard'>"
			    ITEMS("<item jid='juliet@example.org' name='Juliet' subscription='none'><group>Capulets</group></item>") "</iq>");
	cpl_test_expect_any(romeo, "<iq type='result' id='r1'/>");
	cpl_test_expect(garden, "<iq type='set' to='romeo@example.org/garden'>" ITEMS("<item jid='juliet@example.org'/>") "</iq>");
	cpl_test_expect_nothing(silent);
	cpl_test_send(silent, GET);
	cpl_test_expect(silent, "<iq type='result' id='r0'>" ITEMS("<item jid='juliet@example.org' name='Juliet' subscription='none'/>") "</iq>");
}

/* RFC 6121 2.5: removed for all; removing what is not there is item-not-found. */
static void items_are_removed(void)
{
	struct cpl_test_session *romeo = log_in_and_ask("romeo@example.org/orchard");

	cpl_test_send(romeo, SET("r1", "<item jid='juliet@example.org'/>"));
	cpl_test_drop(romeo);
	cpl_test_send(romeo, SET("r2", "<item jid='juliet@example.org' subscription='remove'/>"));
	cpl_test_expect_any(romeo, "<iq type='set'>" ITEMS("<item jid='juliet@example.org' subscription='remove'/>") "</iq>");
	cpl_test_expect_any(romeo, "<iq type='result' id='r2'/>");
	cpl_test_send(romeo, SET("r3", "<item jid='juliet@example.org' subscription='remove'/>"));
	cpl_test_expect(romeo, "<iq type='error' id='r3'>" ERROR("cancel", "item-not-found") "</iq>");
}

/* RFC 6121 2.3.3: two items, a group twice, no address; 2.1.6: another's roster. */
static void faults_are_refused(void)
{
	struct cpl_test_session *romeo = log_in_and_ask("romeo@example.org/orchard");

	cpl_test_account("juliet@example.org");
	cpl_test_send(romeo, SET("r1", "<item jid='juliet@example.org'/><item jid='nurse@example.org'/>"));
	cpl_test_expect(romeo, "<iq type='error' id='r1'>" ERROR("modify", "bad-request") "</iq>");
	cpl_test_send(romeo, SET("r2", "<item jid='juliet@example.org'><group>A</group><group>A</group></item>"));
	cpl_test_expect(romeo, "<iq type='error' id='r2'>" ERROR("modify", "bad-request") "</iq>");
	cpl_test_send(romeo, SET("r3", "<item name='Nobody'/>"));
	cpl_test_expect(romeo, "<iq type='error' id='r3'>" ERROR("modify", "bad-request") "</iq>");
	cpl_test_send(romeo, "<iq type='get' id='r4' to='juliet@example.org'><query xmlns='jabber:iq:roster'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='r4'><error/></iq>");
}

/* RFC 6121 2.6: with the version that the server has given, nothing needs to be sent again. */
static void versions_save_sending(void)
{
	struct cpl_test_session *romeo = log_in_and_ask("romeo@example.org/orchard");
	const char *push, *version;

	cpl_test_send(romeo, SET("r1", "<item jid='juliet@example.org'/>"));
	push = cpl_test_take(romeo);
	CPL_TEST_CHECK(push && (version = strstr(push, "ver='")));
	version += strlen("ver='");
	cpl_test_drop(romeo);
	cpl_test_sendf(romeo, "<iq type='get' id='r2'><query xmlns='jabber:iq:roster' ver='%.*s'/></iq>", (int)strcspn(version, "'"), version);
	cpl_test_expect(romeo, "<iq type='result' id='r2'><none:query/></iq>");
	cpl_test_send(romeo, "<iq type='get' id='r3'><query xmlns='jabber:iq:roster' ver=''/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='r3'>" ITEMS("<item jid='juliet@example.org'/>") "</iq>");
}

/* What is acknowledged is kept; what cannot be kept is neither acknowledged nor pushed. */
static void failure_changes_nothing(void)
{
	struct cpl_test_session *romeo = log_in_and_ask("romeo@example.org/orchard");

	cpl_test_expect_log(CPL_LOG_WARN, "the test core refuses this write");
	cpl_test_fail_write(1);
	cpl_test_send(romeo, SET("r1", "<item jid='juliet@example.org'/>"));
	cpl_test_expect(romeo, "<iq type='error' id='r1'><error/></iq>");
	cpl_test_send(romeo, GET);
	cpl_test_expect(romeo, "<iq type='result' id='r0'>" ITEMS("<none:item/>") "</iq>");
}

/* The accounts in use get their rosters when the module comes to them; who had asked for it gets pushes again. */
static void sessions_outlive_the_module(void)
{
	struct cpl_test_session *romeo = log_in_and_ask("romeo@example.org/orchard"), *juliet = log_in_and_ask("juliet@example.org/balcony");

	cpl_test_send(romeo, SET("r1", "<item jid='juliet@example.org' name='Juliet'/>"));
	cpl_test_drop(romeo);
	cpl_test_command("module unload presence");
	cpl_test_unload();
	cpl_test_send(romeo, GET);
	cpl_test_expect(romeo, "<iq type='error' id='r0'>" ERROR("cancel", "service-unavailable") "</iq>");
	cpl_test_load();
	cpl_test_send(romeo, GET);
	cpl_test_expect(romeo, "<iq type='result' id='r0'>" ITEMS("<item jid='juliet@example.org' name='Juliet'/>") "</iq>");
	cpl_test_send(juliet, SET("r2", "<item jid='romeo@example.org'/>"));
	cpl_test_expect_any(juliet, "<iq type='set'>" ITEMS("<item jid='romeo@example.org'/>") "</iq>");
	cpl_test_expect_any(juliet, "<iq type='result' id='r2'/>");
	cpl_test_expect_nothing(romeo);
}

/* An account whose roster cannot be read is of no use to its sessions. */
static void unreadable_roster_ends_sessions(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_command("module unload presence");
	cpl_test_unload();
	cpl_test_expect_log(CPL_LOG_ERROR, "roster cannot be read jid=");
	cpl_test_fail_query(1);
	cpl_test_load();
	cpl_test_expect_end(romeo, "reset");
}

static const struct cpl_test_case cases[] = {
	{"items are kept and pushed", items_are_pushed, 0},
	{"items are removed", items_are_removed, 0},
	{"faulty requests are refused", faults_are_refused, 0},
	{"versions save sending", versions_save_sending, 0},
	{"what cannot be kept changes nothing", failure_changes_nothing, CPL_TEST_NO_FAULTS},
	{"sessions outlive the module", sessions_outlive_the_module, CPL_TEST_NOT_RELOADED},
	{"a roster that cannot be read at a load ends sessions", unreadable_roster_ends_sessions, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(roster) = {.cases = cases};
