/* SPDX-License-Identifier: MIT */
/* The module limits: tokens against guessing, connections per address, what is told of limits. */
#include <couplet/test.h>

static struct cpl_test_session *stranger(const char *name)
{
	struct cpl_test_session *session = cpl_test_connect(name);

	cpl_test_send(session, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>");
	cpl_test_expect_text(session, "stream");
	return session;
}

/* XEP-0478 3 */
static void limits_are_told(void)
{
	struct cpl_test_session *one = stranger("one"), *two;

	cpl_test_expect(one, "<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>8192</max-bytes><idle-seconds>120</idle-seconds></limits></stream:features>");
	two = cpl_test_authenticate("juliet@example.org/balcony");
	cpl_test_expect_any(two, "<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes></limits></stream:features>");
}

/* As a module that authenticates does it: may it be tried, and what came of it. */
static bool try_login(struct cpl_test_session *from, const char *condition)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_ev_attempt ev = {.session = cpl_test_session(from), .mechanism = "PLAIN"};
	bool tried;

	CPL_TEST_CHECK(cpl_jid_parse(&ev.account, CPL_STR("romeo@example.org"), arena) == 0);
	tried = cpl_fire_authentication_attempt(ev.session->served, &ev) != CPL_NO;
	ev.condition = condition;
	if (tried)
		cpl_fire_authentication_result(ev.session->served, &ev);
	cpl_arena_destroy(&arena);
	return tried;
}

/* account_tries: 2, account_recovery: 1m */
static void guesses_are_counted(void)
{
	struct cpl_test_session *one = stranger("one");

	CPL_TEST_CHECK(try_login(one, "not-authorized"));
	CPL_TEST_CHECK(try_login(one, "not-authorized"));
	CPL_TEST_CHECK(!try_login(one, "not-authorized"));
	CPL_TEST_CHECK(strstr(cpl_test_command("limits list"), "\"romeo@example.org\",2,60"));
	/* One comes back, and what is no guess takes none. */
	cpl_test_advance(60 * 1000);
	one = stranger("later");
	CPL_TEST_CHECK(try_login(one, "aborted"));
	CPL_TEST_CHECK(try_login(one, "not-authorized"));
	CPL_TEST_CHECK(!try_login(one, "not-authorized"));
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("limits clear romeo@example.org")), "cleared: 1");
	/* From where a login has succeeded, tokens of its own. */
	CPL_TEST_CHECK(try_login(one, NULL));
	CPL_TEST_CHECK(try_login(one, "not-authorized"));
	CPL_TEST_CHECK(strstr(cpl_test_command("limits list --all"), "\"romeo@example.org 192.0.2.1\",1,"));
	CPL_TEST_CHECK(cpl_str_starts(cpl_str_of(cpl_test_command("limits clear all")), CPL_STR("cleared: ")));
	CPL_TEST_TEXT(cpl_str_of(cpl_test_command("limits list --all")), "[\"connections\",\"192.0.2.1\",1,0]");
}

/* Bytes per second, and the burst before that, by what the connection is. */
static void rates_go_by_type(void)
{
	static const struct {
		enum cpl_session_type type;
		uint32_t rate, burst;
	} types[] = {{CPL_SESSION_C2S_UNAUTHED, 1000, 2000}, {CPL_SESSION_C2S_UNBOUND, 3000, 4000}, {CPL_SESSION_C2S, 3000, 4000},
		     {CPL_SESSION_S2SIN_UNAUTHED, 1000, 2000}, {CPL_SESSION_S2SIN, 5000, 6000}, {CPL_SESSION_S2SOUT_UNAUTHED, 1000, 2000},
		     {CPL_SESSION_S2SOUT, 5000, 6000}, {CPL_SESSION_COMPONENT_UNAUTHED, 1000, 2000}, {CPL_SESSION_COMPONENT, 7000, 8000}};
	struct cpl_session *session = cpl_test_session(stranger("one"));
	enum cpl_session_type before = session->type;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct cpl_conn_limits limits = {0};
		struct cpl_ev_limits ev = {.session = session, .limits = &limits};

		session->type = types[i].type;
		cpl_fire_session_limits(session->served, &ev);
		session->type = before;
		CPL_TEST_CHECK(limits.rate == types[i].rate && limits.burst == types[i].burst);
	}
}

/* connections_per_address: 3; scripted connections have one address. */
static void connections_are_counted(void)
{
	struct cpl_test_session *one = stranger("one"), *two = stranger("two"), *three = stranger("three"), *four;

	four = cpl_test_connect("four");
	CPL_TEST_CHECK(!cpl_test_session(four) || !cpl_test_session(four)->conn);
	cpl_test_lose(one);
	cpl_test_lose(two);
	cpl_test_lose(three);
	stranger("five");
}

static const struct cpl_test_case cases[] = {
	{"limits are told before and after authentication", limits_are_told, 0},
	{"guesses are counted and come back with time", guesses_are_counted, 0},
	{"bytes per second go by the type of the session", rates_go_by_type, 0},
	{"connections of an address are counted", connections_are_counted, CPL_TEST_NO_FAULTS},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(limits) = {.cases = cases, .options = "account_tries: 2\naccount_recovery: 1m\nconnections_per_address: 3\n"
	"unauthenticated_rate: 1000\nunauthenticated_burst: 2000\nclient_rate: 3000\nclient_burst: 4000\nserver_rate: 5000\nserver_burst: 6000\n"
	"component_rate: 7000\ncomponent_burst: 8000\n"};
