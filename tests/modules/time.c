/* SPDX-License-Identifier: MIT */
/* The module time: XEP-0202. */
#include <couplet/test.h>

#include <stdlib.h>
#include <time.h>

static const char request[] = "<iq type='get' id='t1' to='example.org'><time xmlns='urn:xmpp:time'/></iq>";

static void set_zone(const char *zone)
{
	CPL_TEST_CHECK(setenv("TZ", zone, 1) == 0);
	tzset();
}

/* XEP-0202 3: UTC in the form of XEP-0082, and the offset of the place. */
static void tells_time(void)
{
	struct cpl_test_session *romeo;

	set_zone("UTC");
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='t1' from='example.org'><time xmlns='urn:xmpp:time'>"
			       "<tzo>Z</tzo><utc>2026-01-31T12:00:00Z</utc></time></iq>");
	cpl_test_advance(3600 * 1000);
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='t1'><time xmlns='urn:xmpp:time'><utc>2026-01-31T13:00:00Z</utc></time></iq>");
}

/* XEP-0082 3.2: [+-]hh:mm, east of Greenwich is plus; a POSIX TZ counts the other way round. */
static void tells_offset(void)
{
	struct cpl_test_session *romeo;

	set_zone("VRN-2");
	romeo = cpl_test_login("romeo@example.org/orchard");
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='t1'><time xmlns='urn:xmpp:time'><tzo>+02:00</tzo><utc>2026-01-31T12:00:00Z</utc></time></iq>");
	set_zone("NWF+3:30");
	cpl_test_send(romeo, request);
	cpl_test_expect(romeo, "<iq type='result' id='t1'><time xmlns='urn:xmpp:time'><tzo>-03:30</tzo></time></iq>");
}

/* XEP-0202 4: support is announced. */
static void feature_is_announced(void)
{
	struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");

	cpl_test_send(romeo, "<iq type='get' id='d1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	cpl_test_expect(romeo, "<iq type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:time'/></query></iq>");
}

static const struct cpl_test_case cases[] = {
	{"the server tells the time", tells_time, 0},
	{"it tells its offset from UTC", tells_offset, 0},
	{"support is announced", feature_is_announced, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(time) = {.cases = cases};
