/* SPDX-License-Identifier: MIT */
/* The module mam: XEP-0313, XEP-0441, XEP-0359; how what is archived is kept, and what becomes of what cannot be. */
#include <couplet/test.h>

#include <stdio.h>

#define MAM "xmlns='urn:xmpp:mam:2'"
#define FORWARDED(message) "<forwarded xmlns='urn:xmpp:forward:0'>" message "</forwarded>"
#define STANZA_ID "<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@example.org' id='*'/>"
#define INTERNAL "<error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
#define CONDITION(name) "<error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

static struct cpl_test_session *romeo, *juliet;

static void both_there(void)
{
	romeo = cpl_test_available("romeo@example.org/orchard");
	juliet = cpl_test_available("juliet@example.org/balcony");
}

static void count(const char *account, int messages)
{
	char command[64], row[64];

	snprintf(command, sizeof(command), "archive count %s", account);
	snprintf(row, sizeof(row), "[\"%s\",%d,", account, messages);
	CPL_TEST_CHECK(strncmp(cpl_test_command(command), row, strlen(row)) == 0);
}

/* XEP-0313 2.4, 4: kept for both, found again, in order. */
static void kept_and_found(void)
{
	both_there();
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message>");
	cpl_test_expect(juliet, "<message id='m1'><body>1</body>" STANZA_ID "</message>");
	cpl_test_advance(60000);
	cpl_test_send(juliet, "<message to='romeo@example.org/orchard' type='chat' id='m2'><body>2</body></message>");
	cpl_test_expect(romeo, "<message id='m2'/>");
	cpl_test_send(juliet, "<iq type='set' id='q'><query " MAM " queryid='f'/></iq>");
	cpl_test_expect(juliet, "<message from='juliet@example.org'><result " MAM " queryid='f' id='*'>"
			FORWARDED("<delay xmlns='urn:xmpp:delay' stamp='2026-01-31T12:00:00Z'/><message xmlns='jabber:client' id='m1'/>") "</result></message>"
			"<message><result " MAM ">" FORWARDED("<delay xmlns='urn:xmpp:delay' stamp='2026-01-31T12:01:00Z'/><message xmlns='jabber:client' id='m2'/>")
			"</result></message><iq type='result' id='q'><fin " MAM " complete='true'/></iq>");
	count("romeo@example.org", 2);
}

/* XEP-0313 4.1.2: the time of a message counts, both ends included. */
static void by_time(void)
{
	both_there();
	for (int i = 0; i < 3; i++) {
		cpl_test_sendf(romeo, "<message to='juliet@example.org' type='chat' id='m%d'><body>1</body></message>", i);
		cpl_test_advance(60000);
	}
	cpl_test_send(romeo, "<iq type='set' id='q'><query " MAM "><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
			     "<field var='start'><value>2026-01-31T12:01:00Z</value></field><field var='end'><value>2026-01-31T14:01:00+02:00</value></field></x></query></iq>");
	cpl_test_expect(romeo, "<message><result " MAM ">" FORWARDED("<message xmlns='jabber:client' id='m1'/>") "</result></message>"
			       "<iq type='result' id='q'><fin " MAM " complete='true'/></iq>");
}

/* XEP-0441 2: whom an account names, and what holds for the others. */
static void preferences(void)
{
	both_there();
	cpl_test_send(juliet, "<iq type='get' id='p1'><prefs " MAM "/></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='p1'><prefs " MAM " default='always'><always/><never/></prefs></iq>");
	cpl_test_send(juliet, "<iq type='set' id='p2'><prefs " MAM " default='roster'><always/><never><jid>Romeo@Example.org/orchard</jid></never></prefs></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='p2'><prefs " MAM " default='roster'><always/><never><jid>romeo@example.org/orchard</jid></never></prefs></iq>");
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message>");
	cpl_test_expect(juliet, "<message id='m1'><none:stanza-id/></message>");
	cpl_test_send(juliet, "<iq type='set' id='p3'><prefs " MAM " default='never'><always><jid>romeo@example.org</jid></always></prefs></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='p3'><prefs " MAM " default='never'><always><jid>romeo@example.org</jid></always><never/></prefs></iq>");
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m2'><body>2</body></message>");
	cpl_test_expect(juliet, "<message id='m2'>" STANZA_ID "</message>");
	cpl_test_send(juliet, "<message to='nurse@example.org' type='chat' id='m3'><body>3</body></message>");
	cpl_test_drop(juliet);
	count("juliet@example.org", 1);
	/* They are read with the account. */
	cpl_test_logout(juliet);
	cpl_test_advance(120000);
	juliet = cpl_test_login("juliet@example.org/chamber");
	cpl_test_send(juliet, "<iq type='get' id='p4'><prefs " MAM "/></iq>");
	cpl_test_expect(juliet, "<iq type='result' id='p4'><prefs " MAM " default='never'><always><jid>romeo@example.org</jid></always><never/></prefs></iq>");
}

static void contacts_only(void)
{
	CPL_TEST_CHECK(cpl_test_configure("policy: roster"));
	both_there();
	cpl_test_send(juliet, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='romeo@example.org'/></query></iq>");
	cpl_test_drop(juliet);
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message>");
	cpl_test_expect(juliet, "<message id='m1'>" STANZA_ID "</message>");
	count("juliet@example.org", 1);
	count("romeo@example.org", 0);
}

static void wrong_preferences(void)
{
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, "<iq type='set' id='p1'><prefs " MAM " default='sometimes'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p1'>" CONDITION("bad-request") "</iq>");
	cpl_test_send(romeo, "<iq type='set' id='p2'><prefs " MAM " default='never'><always><jid>@</jid></always></prefs></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p2'>" CONDITION("jid-malformed") "</iq>");
	CPL_TEST_CHECK(cpl_test_configure("max_preferences: 1"));
	cpl_test_send(romeo, "<iq type='set' id='p3'><prefs " MAM " default='never'><always><jid>a@b</jid></always><never><jid>c@d</jid></never></prefs></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p3'>" CONDITION("policy-violation") "</iq>");
	CPL_TEST_CHECK(cpl_test_configure("preferences: false"));
	cpl_test_send(romeo, "<iq type='set' id='p4'><prefs " MAM " default='never'/></iq><iq type='get' id='p5'><prefs " MAM "/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p4'>" CONDITION("not-allowed") "</iq><iq type='error' id='p5'>" CONDITION("feature-not-implemented") "</iq>");
}

/* Promise 2: whose archive it is that cannot be written, the sender is told, once. */
static void failure_is_told(void)
{
	both_there();
	cpl_test_expect_log(CPL_LOG_ERROR, "message cannot be archived jid=romeo@example.org reason=the test core refuses this write");
	cpl_test_fail_write(1);
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message>");
	cpl_test_expect(romeo, "<message type='error' id='m1'>" INTERNAL "</message>");
	cpl_test_expect_nothing(romeo);
	cpl_test_expect_log(CPL_LOG_ERROR, "message cannot be archived jid=juliet@example.org reason=the test core refuses this write");
	cpl_test_fail_write(2);
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m2'><body>2</body></message>");
	cpl_test_expect(romeo, "<message type='error' id='m2'>" INTERNAL "</message>");
	count("romeo@example.org", 1);
	count("juliet@example.org", 1);
	cpl_test_fail_write(1);
	cpl_test_expect_log(CPL_LOG_ERROR, "archive preferences cannot be read or written jid=romeo@example.org reason=the test core refuses this write");
	cpl_test_send(romeo, "<iq type='set' id='p'><prefs " MAM " default='never'/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p'>" INTERNAL "</iq>");
	cpl_test_expect_log(CPL_LOG_ERROR, "archive cannot be read jid=romeo@example.org");
	cpl_test_fail_query(1);
	cpl_test_send(romeo, "<iq type='set' id='q'><query " MAM "/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='q'>" INTERNAL "</iq>");
}

/* A module that comes while an account is there reads its preferences; where it has not, or could not, who asks for them waits until it has. */
static void preferences_of_those_there(void)
{
	romeo = cpl_test_available("romeo@example.org/orchard");
	cpl_test_account("nurse@example.org");
	cpl_test_send(romeo, "<iq type='set' id='p1'><prefs " MAM " default='never'><always><jid>juliet@example.org</jid></always></prefs></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='p1'/>");
	cpl_test_unload();
	cpl_test_expect_log(CPL_LOG_ERROR, "archive preferences cannot be read or written jid=romeo@example.org");
	cpl_test_fail_query(1);
	cpl_test_load();
	cpl_test_settle();
	cpl_test_fail_query(1);
	cpl_test_send(romeo, "<iq type='get' id='p2'><prefs " MAM "/></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='p2'>" INTERNAL "</iq>");
	cpl_test_send(romeo, "<iq type='get' id='p3'><prefs " MAM "/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='p3'><prefs " MAM " default='never'><always><jid>juliet@example.org</jid></always><never/></prefs></iq>");
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m1'><body>1</body></message>");
	count("romeo@example.org", 0);
}

static void preferences_fail_once(void)
{
	cpl_test_expect_log(CPL_LOG_ERROR, "archive preferences cannot be read or written jid=romeo@example.org");
	cpl_test_fail_query(1);
}

/* The module comes while Romeo is there, and cannot read his preferences. */
static void comes_and_fails(void)
{
	romeo = cpl_test_available("romeo@example.org/orchard");
	cpl_test_account("nurse@example.org");
	cpl_test_unload();
	preferences_fail_once();
	cpl_test_load();
	cpl_test_settle();
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m1'><body>1</body></message>");
	count("romeo@example.org", 0);
}

/* What could not be read is read again after 5 s, without anybody asking for it. */
static void preferences_are_read_again(void)
{
	comes_and_fails();
	cpl_test_advance(4900);
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m2'><body>1</body></message>");
	count("romeo@example.org", 0);
	cpl_test_advance(200);
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m3'><body>1</body></message>");
	count("romeo@example.org", 1);
}

/* After 10, 20 and 40 s more; and no further. */
static void preferences_are_given_up(void)
{
	comes_and_fails();
	for (int ms = 5000; ms <= 40000; ms *= 2) {
		cpl_test_advance(ms - 100);
		preferences_fail_once();
		if (ms == 40000)
			cpl_test_expect_log(CPL_LOG_ERROR, "archive preferences cannot be read, nothing is archived for these accounts until they are loaded anew, or mam is host=example.org accounts=1");
		cpl_test_advance(100);
		cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m'><body>1</body></message>");
		count("romeo@example.org", 0);
	}
	cpl_test_advance(3600000);
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m'><body>1</body></message>");
	count("romeo@example.org", 0);
	/* Until somebody asks. */
	cpl_test_send(romeo, "<iq type='get' id='p'><prefs " MAM "/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='p'/>");
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m'><body>1</body></message>");
	count("romeo@example.org", 1);
}

/* A module that goes while it waits leaves nothing behind; nor does it wait for who is no longer there. */
static void preferences_of_those_gone(void)
{
	comes_and_fails();
	cpl_test_unload();
	cpl_test_advance(60000);
	preferences_fail_once();
	cpl_test_load();
	cpl_test_settle();
	cpl_test_send(romeo, "</stream:stream>");
	cpl_test_advance(60000);
	romeo = cpl_test_available("romeo@example.org/orchard");
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m2'><body>1</body></message>");
	count("romeo@example.org", 1);
}

/* Requests are answered in their order, a page at a time, behind what was said before. */
static void in_order(void)
{
	both_there();
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message><iq type='set' id='q1'><query " MAM "/></iq>"
			     "<iq type='get' id='q2'><metadata " MAM "/></iq><iq type='get' id='q3' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
	cpl_test_expect(romeo, "<message><result " MAM "/></message><iq id='q1'/><iq id='q2'><metadata " MAM "><start/><end/></metadata></iq><iq id='q3'/>");
}

/* What is archived and kept for nobody is no error to its sender. */
static void without_offline(void)
{
	romeo = cpl_test_available("romeo@example.org/orchard");
	cpl_test_account("juliet@example.org");
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message>"
			     "<message to='juliet@example.org' type='chat' id='m2'><body>2</body><no-store xmlns='urn:xmpp:hints'/></message>");
	cpl_test_expect(romeo, "<message type='error' id='m2'>" CONDITION("service-unavailable") "</message>");
	cpl_test_expect_nothing(romeo);
}

static void commands(void)
{
	both_there();
	cpl_test_send(romeo, "<message to='juliet@example.org' type='chat' id='m1'><body>1</body></message>");
	cpl_test_advance(60000);
	cpl_test_send(romeo, "<message to='nurse@example.org' type='chat' id='m2'><body>2</body></message>");
	count("romeo@example.org", 2);
	CPL_TEST_CHECK(strstr(cpl_test_command("archive list romeo@example.org"), "\"nurse@example.org\""));
	CPL_TEST_CHECK(!strstr(cpl_test_command("archive list romeo@example.org --with juliet@example.org"), "\"nurse@example.org\""));
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("archive delete romeo@example.org --before 2026-01-31T12:00:30Z")), "1 archived messages of romeo@example.org removed");
	count("romeo@example.org", 1);
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("archive delete romeo@example.org")), "1 archived messages of romeo@example.org removed");
	count("romeo@example.org", 0);
	count("juliet@example.org", 1);
	CPL_TEST_CHECK(strstr(cpl_test_command("archive count nobody@example.org"), "refused: there is no account nobody@example.org"));
}

static const struct cpl_test_case cases[] = {
	{"messages are kept for both and found again", kept_and_found, 0},
	{"they are found by time", by_time, 0},
	{"an account's preferences are heeded", preferences, 0},
	{"messages of contacts only", contacts_only, 0},
	{"wrong preferences are refused", wrong_preferences, 0},
	{"what cannot be archived is told", failure_is_told, CPL_TEST_NO_FAULTS},
	{"preferences of those who are there already", preferences_of_those_there, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	{"preferences that could not be read are read again", preferences_are_read_again, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	{"preferences that cannot be read are given up", preferences_are_given_up, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	{"a wait for preferences ends with the module", preferences_of_those_gone, CPL_TEST_NOT_RELOADED | CPL_TEST_NO_FAULTS},
	{"answers come in order", in_order, 0},
	{"an archived message counts as delivered", without_offline, 0},
	{"commands", commands, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(mam) = {
	.config = "modules: [tls, auth, bind, roster, presence, message, iq, disco, ping, archive, mam]\n",
	.cases = cases,
};
