/* SPDX-License-Identifier: MIT */
/* The module private: XEP-0049. */
#include <couplet/test.h>

static void get(struct cpl_test_session *session, const char *name, const char *ns)
{
	cpl_test_sendf(session, "<iq type='get' id='g'><query xmlns='jabber:iq:private'><%s xmlns='%s'/></query></iq>", name, ns);
}

/* 2.3, example 1 and 2. */
static void keeps(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs' a='1 &lt; 2'>"
			     "<nick>Montague &amp; son</nick></exodus></query></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='s'/>");
	get(romeo, "exodus", "exodus:prefs");
	cpl_test_expect(romeo, "<iq type='result' id='g'><query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs' a='1 &lt; 2'>"
			       "<nick>Montague &amp; son</nick></exodus></query></iq>");
	get(romeo, "exodus", "other:prefs");
	cpl_test_expect(romeo, "<iq type='result' id='g'><query xmlns='jabber:iq:private'><exodus xmlns='other:prefs'><none:nick/></exodus></query></iq>");
}

/* 2.3: a set may have several elements, of one name or of several. */
static void several(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:private'><a xmlns='n'>1</a><b xmlns='n'/><a xmlns='n'>2</a></query></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='s'/>");
	get(romeo, "a", "n");
	cpl_test_expect(romeo, "<iq type='result' id='g'><query xmlns='jabber:iq:private'><a xmlns='n'>1</a><a xmlns='n'>2</a></query></iq>");
}

static void keep(struct cpl_test_session *session, char name, int number)
{
	cpl_test_sendf(session, "<iq type='set' id='s'><query xmlns='jabber:iq:private'><%c xmlns='n'>%0400d</%c></query></iq>", name, number, name);
}

static void bounded(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");
	CPL_TEST_CHECK(cpl_test_configure("max_size: 1K"));
	keep(romeo, 'a', 1);
	cpl_test_expect(romeo, "<iq type='result' id='s'/>");
	keep(romeo, 'a', 2);
	cpl_test_expect(romeo, "<iq type='result' id='s'/>");
	keep(romeo, 'b', 1);
	cpl_test_expect(romeo, "<iq type='error' id='s'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

/* An error of the disk is an error to the client, and nothing is half kept. */
static void not_written(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_expect_log(CPL_LOG_ERROR, "cannot be written");
	cpl_test_expect_log(CPL_LOG_ERROR, "cannot be read");
	cpl_test_fail_write(1);
	cpl_test_send(romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:private'><a xmlns='n'/><b xmlns='n'/></query></iq>");
	cpl_test_expect(romeo, "<iq type='error' id='s'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	cpl_test_fail_query(1);
	get(romeo, "a", "n");
	cpl_test_expect(romeo, "<iq type='error' id='g'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

static const struct cpl_test_case cases[] = {
	{"an element is kept and given back", keeps, 0},
	{"several elements are kept at once", several, 0},
	{"what an account keeps is bounded in all", bounded, 0},
	{"what cannot be written or read is refused", not_written, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(private) = {.cases = cases};
