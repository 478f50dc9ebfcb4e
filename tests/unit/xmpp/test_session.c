/* SPDX-License-Identifier: MIT */
/* The life of a session without a socket: states, events and fields, bounds and deadlines, the end in all its forms. */
#include "tests/unit/xmpp/probe.h"

#include "core/loop/loop.h"
#include "core/xml/names.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/user.h"

static const char config[] = "modules: [probe, tls, bind, roster, presence, message, iq, disco, offline, ping]\n"
			     "limits: {input_queue: 4, sessions_per_account: 3, output_size: 64K}\n"
			     "hosts:\n"
			     "  example.org:\n"
			     "  refuse.example: {bind: {conflict: refuse}}\n"
			     "  rename.example: {bind: {conflict: rename}}\n";

static struct stage_peer romeo, juliet, third, fourth;
static struct stage_peer *const all[] = {&romeo, &juliet, &third, &fourth};

static int set_up(void **state)
{
	probe_reset();
	stage_open(config, probe_modules);
	stage_account("romeo@example.org");
	stage_account("juliet@example.org");
	stage_account("romeo@refuse.example");
	stage_account("romeo@rename.example");
	return 0;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		stage_leave(all[i]);
	probe = (struct probe){0};
	stage_close();
	return 0;
}

/* ---- from the connection to the end ---- */

#define BIND(resource)                                                                                                           \
	"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" resource "</resource></bind></iq>"

static void authenticated(struct cpl_call *call)
{
	assert_int_equal(call->status, 0);
}

static void authenticate(struct stage_peer *peer, const char *username)
{
	static struct cpl_authenticate request;
	static struct cpl_name name = {"urn:ietf:params:xml:ns:xmpp-sasl", "success", 0, 0};
	struct cpl_stanza *success;

	names_add(&name);
	success = cpl_nonza_create(&name);
	request = (struct cpl_authenticate){0};
	assert_int_equal(cpl_session_authenticate(&request, peer->session, cpl_str_of(username), "TEST", success, authenticated), 0);
	cpl_stanza_unref(&success);
}

static void test_life(void **state)
{
	struct cpl_session *s;

	stage_connect(&romeo, true);
	s = romeo.session;
	probe_assert_trace("session_created(c2s_unauthed)");
	assert_true(s->notopen);
	assert_non_null(s->conn);
	assert_null(s->host.ptr);
	assert_null(s->username.ptr);
	assert_null(s->full_jid.ptr);
	assert_int_equal(admission_count(), 1);

	stage_send(&romeo, STAGE_HEADER("example.org"));
	probe_assert_trace("stream_opened(c2s_unauthed example.org)");
	assert_false(s->notopen);
	assert_str(s->host, "example.org");
	assert_null(s->username.ptr);
	assert_received(&romeo, "<stream:features");

	authenticate(&romeo, "romeo");
	probe_assert_trace("pre_authenticate(romeo) session_authenticated(c2s_unbound romeo@example.org)");
	assert_int_equal(s->type, CPL_SESSION_C2S_UNBOUND);
	assert_str(s->username, "romeo");
	assert_null(s->resource.ptr);
	assert_true(s->notopen);
	assert_int_equal(admission_count(), 0);
	stage_settle();
	assert_received(&romeo, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");

	stage_send(&romeo, STAGE_HEADER("example.org"));
	probe_assert_trace("stream_opened(c2s_unbound romeo@example.org)");
	stage_send(&romeo, BIND("balcony"));
	assert_null(s->full_jid.ptr); /* the account is being loaded */
	stage_settle();
	probe_assert_trace("user_load(romeo) pre_bind(balcony) session_bound(c2s romeo@example.org/balcony)");
	assert_int_equal(s->type, CPL_SESSION_C2S);
	assert_str(s->full_jid, "romeo@example.org/balcony");
	assert_str(s->resource, "balcony");
	assert_non_null(s->roster);
	assert_false(s->interested);
	assert_true(cpl_session_is_connected(s));
	assert_false(cpl_session_is_available(s));
	assert_ptr_equal(cpl_session_find(s->jid), s);
	assert_received(&romeo, "<jid>romeo@example.org/balcony</jid>");

	stage_send(&romeo, "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>");
	assert_true(s->interested);
	stage_send(&romeo, "<presence><priority>5</priority></presence>");
	probe_assert_trace("session_available(c2s romeo@example.org/balcony) session_presence(c2s romeo@example.org/balcony)");
	assert_true(cpl_session_is_available(s));
	assert_int_equal(s->priority, 5);
	stage_send(&romeo, "<presence><priority>-1</priority></presence>");
	probe_assert_trace("session_presence(c2s romeo@example.org/balcony)");
	assert_int_equal(s->priority, -1);
	stage_send(&romeo, "<presence type='unavailable'/>");
	probe_assert_trace("session_unavailable(c2s romeo@example.org/balcony)");
	assert_null(s->presence);
	assert_int_equal(s->priority, 0);
	assert_int_equal(s->handled, 5);

	stage_send(&romeo, "<presence/></stream:stream>");
	probe_assert_trace("session_available(c2s romeo@example.org/balcony) session_presence(c2s romeo@example.org/balcony)");
	stage_settle();
	probe_assert_trace("session_unavailable(c2s romeo@example.org/balcony) session_unbound(c2s romeo@example.org/balcony) "
			   "session_destroyed(c2s romeo@example.org/balcony)");
	assert_int_equal(s->type, CPL_SESSION_DESTROYED);
	assert_null(s->conn);
	assert_null(s->roster);
	assert_null(s->user);
	assert_int_equal(session_count(), 0);
	assert_int_equal(session_alive(), 1); /* ours */
	assert_received(&romeo, "</stream:stream>");
}

/* A connection that ends without a word goes the same way (RFC 6121 4.5.2). */
static void test_lost_connection(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	stage_send(&romeo, "<presence/>");
	probe_forget_trace();
	conn_script_lose(romeo.script, CPL_END_RESET);
	stage_settle();
	probe_assert_trace("session_unavailable(c2s romeo@example.org/a) session_unbound(c2s romeo@example.org/a) "
			   "session_destroyed(c2s romeo@example.org/a)");
}

/* What is asked first can be refused; nothing has changed then. */
static enum cpl_flow refuse_bind(struct cpl_ev_bind *ev)
{
	ev->condition = CPL_POLICY_VIOLATION;
	return CPL_DROP;
}

static void test_refused_bind(void **state)
{
	stage_authenticate(&romeo, "romeo@example.org/a");
	probe.bind = refuse_bind;
	stage_send(&romeo, BIND("a"));
	stage_settle();
	assert_received(&romeo, "<policy-violation");
	assert_int_equal(romeo.session->type, CPL_SESSION_C2S_UNBOUND);
	assert_null(romeo.session->user);
	probe.bind = NULL;
	stage_send(&romeo, BIND("b"));
	stage_settle();
	assert_str(romeo.session->full_jid, "romeo@example.org/b");
}

/* ---- conflicts (RFC 6120 7.7.2.2) ---- */

static void test_conflict_replace(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&third, "romeo@example.org/a");
	stage_settle();
	assert_received(&romeo, "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	assert_ptr_equal(cpl_session_find(third.session->jid), third.session);
	assert_int_equal(third.session->user->session_count, 1);
}

static void test_conflict_refuse(void **state)
{
	stage_login(&romeo, "romeo@refuse.example/a");
	stage_authenticate(&third, "romeo@refuse.example/a");
	stage_send(&third, BIND("a"));
	stage_settle();
	assert_received(&third, "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
	assert_int_equal(third.session->type, CPL_SESSION_C2S_UNBOUND);
	assert_ptr_equal(cpl_session_find(romeo.session->jid), romeo.session);
}

static void test_conflict_rename(void **state)
{
	stage_login(&romeo, "romeo@rename.example/a");
	stage_authenticate(&third, "romeo@rename.example/a");
	stage_send(&third, BIND("a"));
	stage_settle();
	assert_int_equal(third.session->type, CPL_SESSION_C2S);
	assert_string_not_equal(third.session->resource.ptr, "a");
	assert_int_equal(third.session->user->session_count, 2);
}

static void test_sessions_bound(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "romeo@example.org/b");
	stage_login(&third, "romeo@example.org/c");
	stage_authenticate(&fourth, "romeo@example.org/d");
	stage_send(&fourth, BIND("d"));
	stage_settle();
	assert_received(&fourth, "<resource-constraint");
	/* Taking an own place is no further session. */
	stage_send(&fourth, BIND("c"));
	stage_settle();
	assert_str(fourth.session->full_jid, "romeo@example.org/c");
}

/* ---- bounds and deadlines ---- */

static void test_unauthenticated_elements(void **state)
{
	stage_connect(&romeo, true);
	stage_send(&romeo, STAGE_HEADER("example.org"));
	for (int i = 0; i < 40 && !romeo.session->closing; i++)
		stage_send(&romeo, "<a xmlns='x'><b/><b/></a>");
	stage_settle();
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	assert_int_equal(admission_count(), 0);
}

static void test_unauthenticated_bytes(void **state)
{
	char block[1025];

	memset(block, 'x', sizeof(block) - 1);
	block[sizeof(block) - 1] = '\0';
	stage_connect(&romeo, true);
	stage_send(&romeo, STAGE_HEADER("example.org") "<a xmlns='x'>");
	for (int i = 0; i < 8; i++)
		stage_send(&romeo, block);
	stage_settle();
	assert_received(&romeo, "<policy-violation");
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
}

static void test_authentication_deadline(void **state)
{
	stage_connect(&romeo, true);
	stage_authenticate(&third, "romeo@example.org/a");
	stage_pass(29000);
	assert_false(romeo.session->closing);
	/* Being authenticated is not enough: it counts until the resource is bound. */
	stage_pass(2000);
	assert_received(&romeo, "<connection-timeout");
	assert_received(&third, "<connection-timeout");
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	assert_int_equal(third.session->type, CPL_SESSION_DESTROYED);
	stage_login(&fourth, "romeo@example.org/b");
	stage_pass(600000);
	assert_int_equal(fourth.session->type, CPL_SESSION_C2S);
}

static void test_output_overflow(void **state)
{
	char text[4096];

	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	stage_send(&romeo, "<presence/>");
	conn_script_block(romeo.script, true);
	snprintf(text, sizeof(text), "<message to='romeo@example.org/a'><body>%03500d</body></message>", 1);
	for (int i = 0; i < 20; i++) {
		stage_send(&juliet, text);
		stage_settle();
	}
	assert_true(conn_script_closed(romeo.script));
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	assert_null(cpl_session_find(romeo.session->jid));
	assert_int_equal(juliet.session->type, CPL_SESSION_C2S);
}

/* ---- closing (RFC 6120 4.4) ---- */

static void test_close_handshake(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	cpl_session_close(romeo.session, CPL_STREAM_OK, NULL);
	stage_settle();
	assert_received(&romeo, "</stream:stream>");
	/* What the peer sends before its own end tag is still handled. */
	stage_send(&romeo, "<message to='juliet@example.org/a'><body>last</body></message>");
	assert_received(&juliet, "last");
	assert_int_equal(romeo.session->type, CPL_SESSION_C2S);
	stage_send(&romeo, "</stream:stream>");
	stage_settle();
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	assert_received(&romeo, NULL);
}

/*
 * What the peer sees of the end leaves with the end of a turn, and by then the session is gone: who has seen its stream closed and binds again on
 * another connection is not told that the old one is still there.
 */
static void close_in_turn(struct loop_timer *timer)
{
	stage_send(&romeo, "</stream:stream>");
	assert_true(romeo.session->closing);
	assert_int_equal(romeo.session->type, CPL_SESSION_C2S);
}

static void test_gone_when_its_end_is_seen(void **state)
{
	struct loop_timer timer = {0};

	stage_login(&romeo, "romeo@example.org/a");
	loop_timer_start(&timer, 0, close_in_turn);
	loop_turn(0);
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	stage_settle();
	assert_received(&romeo, "</stream:stream>");
}

/* Nothing more can be sent to it; what comes for it goes where it goes when the resource has gone (RFC 6121 8.5.3.2). */
static void test_closing_does_not_receive(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	stage_login(&third, "juliet@example.org/b");
	stage_send(&juliet, "<presence><priority>5</priority></presence>");
	stage_send(&third, "<presence><priority>1</priority></presence>");
	stage_pass(100); /* nothing is kept for them */
	cpl_session_close(juliet.session, CPL_STREAM_OK, NULL);
	stage_send(&romeo, "<message to='juliet@example.org' type='chat'><body>best</body></message>");
	stage_settle();
	assert_received(&third, "<body>best</body>");
	stage_send(&romeo, "<message to='juliet@example.org/a' type='chat'><body>full</body></message>");
	stage_settle();
	assert_received(&third, "<body>full</body>");
	stage_send(&romeo, "<message to='juliet@example.org/a' id='n'><body>normal</body></message>");
	stage_settle();
	assert_received(&romeo, "<service-unavailable");
	stage_send(&romeo, "<iq type='get' id='q' to='juliet@example.org/a'><query xmlns='jabber:iq:version'/></iq>");
	stage_settle();
	assert_received(&romeo, "<service-unavailable");
	/* With nobody else there it is kept. */
	stage_leave(&third);
	stage_send(&romeo, "<message to='juliet@example.org' type='chat'><body>later</body></message>");
	stage_pass(100);
	stage_login(&fourth, "juliet@example.org/c");
	stage_send(&fourth, "<presence/>");
	stage_pass(100);
	assert_received(&fourth, "<body>later</body>");
}

static void test_close_unanswered(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	cpl_session_close(romeo.session, CPL_STREAM_OK, NULL);
	stage_pass(4000);
	assert_false(conn_script_closed(romeo.script));
	stage_pass(2000);
	assert_true(conn_script_closed(romeo.script));
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
}

/* An error before the peer's header needs a header of ours (RFC 6120 4.9.1.1). */
static void test_error_before_header(void **state)
{
	stage_connect(&romeo, true);
	stage_send(&romeo, "<?xml version='1.0'?><oops>");
	stage_settle();
	assert_received(&romeo, "<stream:stream");
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
}

/* ---- sessions that end inside their own events ---- */

static enum cpl_event_id close_in;

static void close_itself(enum cpl_event_id id, struct cpl_session *session)
{
	if (id == close_in)
		cpl_session_close(session, CPL_STREAM_POLICY_VIOLATION, NULL);
}

static void test_closed_in_event(void **state)
{
	static const enum cpl_event_id ids[] = {
		CPL_EVENT_session_created,   CPL_EVENT_stream_opened,	     CPL_EVENT_session_authenticated, CPL_EVENT_session_bound,
		CPL_EVENT_session_available, CPL_EVENT_session_presence,     CPL_EVENT_session_unavailable,   CPL_EVENT_session_unbound,
		CPL_EVENT_session_destroyed,
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		stage_login(&juliet, "juliet@example.org/a");
		close_in = ids[i];
		probe.session = close_itself;
		stage_connect(&romeo, true);
		stage_send(&romeo, STAGE_HEADER("example.org"));
		if (!romeo.session->closing)
			authenticate(&romeo, "romeo");
		stage_settle();
		if (!conn_script_closed(romeo.script))
			stage_send(&romeo, STAGE_HEADER("example.org") BIND("a"));
		stage_settle();
		if (!conn_script_closed(romeo.script))
			stage_send(&romeo, "<presence/><presence to='juliet@example.org/a'/><presence type='unavailable'/>");
		stage_settle();
		stage_leave(&romeo);
		probe.session = NULL;
		assert_int_equal(session_alive(), 1); /* Juliet's */
		stage_leave(&juliet);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_life),
		TEST(test_lost_connection),
		TEST(test_refused_bind),
		TEST(test_conflict_replace),
		TEST(test_conflict_refuse),
		TEST(test_conflict_rename),
		TEST(test_sessions_bound),
		TEST(test_unauthenticated_elements),
		TEST(test_unauthenticated_bytes),
		TEST(test_authentication_deadline),
		TEST(test_output_overflow),
		TEST(test_close_handshake),
		TEST(test_gone_when_its_end_is_seen),
		TEST(test_closing_does_not_receive),
		TEST(test_close_unanswered),
		TEST(test_error_before_header),
		TEST(test_closed_in_event),
	};

	cpl_log_threshold = CPL_LOG_WARN;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
