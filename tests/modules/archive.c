/* SPDX-License-Identifier: MIT */
/* The module archive, as the module mam uses it: what it keeps, for how long, and over reloads. */
#include <couplet/test.h>

#include <stdio.h>

#define MAM "xmlns='urn:xmpp:mam:2'"

enum { DAY = 86400000 };

static struct cpl_test_session *romeo;

static void say(int number)
{
	cpl_test_sendf(romeo, "<message to='juliet@example.org' type='chat' id='m%d'><body>%d</body></message>", number, number);
}

static void begin(void)
{
	cpl_test_account("juliet@example.org");
	cpl_test_account("nurse@example.org");
	romeo = cpl_test_login("romeo@example.org/orchard");
}

static void count(const char *account, int messages)
{
	char command[64], row[64];

	snprintf(command, sizeof(command), "archive count %s", account);
	snprintf(row, sizeof(row), "[\"%s\",%d,", account, messages);
	CPL_TEST_CHECK(strncmp(cpl_test_command(command), row, strlen(row)) == 0);
}

/* XEP-0313 2.2: what goes are the oldest; their ids are gone with them. */
static void old_ones_go(void)
{
	begin();
	CPL_TEST_CHECK(cpl_test_configure("expire: 3d"));
	for (int i = 0; i < 3; i++) {
		say(i);
		cpl_test_advance(DAY);
	}
	cpl_test_advance(DAY + DAY / 5);
	cpl_test_send(romeo, "<iq type='set' id='q'><query " MAM "/></iq>");
	cpl_test_expect(romeo, "<message><result " MAM "><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='m2'/></forwarded></result></message>"
			       "<iq type='result' id='q'><fin " MAM " complete='true'/></iq>");
	count("juliet@example.org", 1);
}

/* More than are read, or removed, at a time. */
static void surplus_goes(void)
{
	begin();
	for (int i = 0; i < 260; i++)
		say(i);
	CPL_TEST_CHECK(cpl_test_configure("expire: 0\nmax_messages: 10"));
	cpl_test_advance(DAY + DAY / 5);
	count("romeo@example.org", 10);
	count("juliet@example.org", 10);
	count("nurse@example.org", 0);
	cpl_test_send(romeo, "<iq type='set' id='q'><query " MAM "><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query></iq>");
	cpl_test_expect(romeo, "<message><result " MAM "><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='m250'/></forwarded></result></message>"
			       "<iq type='result' id='q'/>");
}

/* A page of more rows than are read at a time, from both ends. */
static void long_pages(void)
{
	begin();
	for (int i = 0; i < 120; i++)
		say(i);
	cpl_test_send(romeo, "<iq type='set' id='q1'><query " MAM "><set xmlns='http://jabber.org/protocol/rsm'><max>110</max></set></query></iq>");
	for (int i = 0; i < 110; i++) {
		char message[160];

		snprintf(message, sizeof(message), "<message><result " MAM "><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='m%d'/></forwarded></result></message>", i);
		cpl_test_expect(romeo, message);
	}
	cpl_test_expect(romeo, "<iq type='result' id='q1'><fin " MAM "><none:count/></fin></iq>");
	cpl_test_send(romeo, "<iq type='set' id='q2'><query " MAM "><set xmlns='http://jabber.org/protocol/rsm'><max>120</max><before/></set></query></iq>");
	for (int i = 0; i < 120; i++) {
		char message[160];

		snprintf(message, sizeof(message), "<message><result " MAM "><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='m%d'/></forwarded></result></message>", i);
		cpl_test_expect(romeo, message);
	}
	cpl_test_expect(romeo, "<iq type='result' id='q2'><fin " MAM " complete='true'/></iq>");
}

/* The account and its archive are one: a later one of the same name finds nothing. */
static void goes_with_the_account(void)
{
	begin();
	say(1);
	count("juliet@example.org", 1);
	CPL_TEST_CHECK(!strstr(cpl_test_command("deluser juliet@example.org"), "refused"));
	cpl_test_account("juliet@example.org");
	count("juliet@example.org", 0);
}

static struct cpl_call turn;
static int turns_left;

/* A message in each turn. */
static void goes_on(struct cpl_call *call)
{
	struct cpl_error error;
	struct cpl_stanza *stanza =
		cpl_stanza_read(CPL_STR("<message from='romeo@example.org/orchard' to='juliet@example.org' type='chat' id='new'><body>1</body></message>"), &error);

	cpl_send(&stanza);
	if (--turns_left > 0)
		cpl_timer_start(&turn, NULL, 0, goes_on);
}

/* What comes while an archive is emptied stays, or under steady traffic there were no end. */
static void what_comes_meanwhile_stays(void)
{
	const char *text;
	unsigned removed = 0;

	begin();
	for (int i = 0; i < 3; i++)
		say(i);
	turn = (struct cpl_call){0};
	turns_left = 200;
	cpl_timer_start(&turn, NULL, 0, goes_on);
	text = cpl_test_command("archive delete juliet@example.org");
	CPL_TEST_CHECK(sscanf(text, "%u archived messages of juliet@example.org removed", &removed) == 1);
	CPL_TEST_CHECK(removed >= 3 && removed < 10);
	count("juliet@example.org", 203 - (int)removed);
}

static const struct cpl_test_case cases[] = {
	{"what is too old is removed", old_ones_go, 0},
	{"what is too much is removed", surplus_goes, CPL_TEST_NO_FAULTS},
	{"pages are longer than a slice", long_pages, CPL_TEST_NO_FAULTS},
	{"an archive goes with its account", goes_with_the_account, 0},
	{"what comes while an archive is emptied stays", what_comes_meanwhile_stays, CPL_TEST_NO_FAULTS | CPL_TEST_NOT_RELOADED},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(archive) = {
	.config = "modules: [tls, auth, bind, roster, presence, message, iq, disco, offline, ping, archive, mam]\n",
	.cases = cases,
};
