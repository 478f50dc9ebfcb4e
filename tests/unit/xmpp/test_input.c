/* SPDX-License-Identifier: MIT */
/* The stanzas of a stream in order: suspended, held, waiting, counted; what becomes of them when the session or what they point to ends meanwhile. */
#include "tests/unit/xmpp/probe.h"

#include "core/base/account.h"
#include "core/hook/dispatch.h"
#include "core/module/manager.h"
#include "core/xmpp/user.h"

static const char config[] = "modules: [probe, tls, bind, roster, presence, message, iq, offline, ping]\n"
			     "limits: {input_queue: 4}\n"
			     "hosts: {example.org: {}}\n";

static struct stage_peer romeo, juliet, third;

static int set_up(void **state)
{
	probe_reset();
	stage_open(config, probe_modules);
	stage_account("romeo@example.org");
	stage_account("juliet@example.org");
	stage_account("nurse@example.org");
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	probe_forget_trace();
	return 0;
}

static int tear_down(void **state)
{
	probe = (struct probe){0};
	/* What a test that failed has left. */
	while (probe_held_count > 0)
		cpl_stanza_release(&probe_held[--probe_held_count]);
	while (probe_suspended_count > 0)
		cpl_resume(&probe_suspended[--probe_suspended_count], CPL_DROP);
	stage_leave(&romeo);
	stage_leave(&juliet);
	stage_leave(&third);
	stage_close();
	return 0;
}

#define MESSAGE(body) "<message id='" body "' to='juliet@example.org/a'><body>" body "</body></message>"

/* Suspends or holds what has this body, at this event. */
static struct cpl_ev_stanza *inner;
static enum cpl_event_id at;
static const char *marked;

static bool is_marked(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	return id == at && cpl_str_is(probe_body(ev->stanza), marked);
}

static enum cpl_flow suspend_marked(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	return is_marked(id, ev) ? probe_suspend(&ev->event) : CPL_NEXT;
}

static enum cpl_flow hold_marked(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	if (is_marked(id, ev))
		probe_hold(ev->stanza);
	return CPL_NEXT;
}

static void suspend_at(enum cpl_event_id id, const char *body)
{
	at = id;
	marked = body;
	probe.stanza = suspend_marked;
}

static void resume(enum cpl_flow flow)
{
	cpl_resume(&probe_suspended[--probe_suspended_count], flow);
	stage_settle();
}

/* ---- suspension ---- */

static void test_later_stanzas_wait(void **state)
{
	suspend_at(CPL_EVENT_pre_message, "1");
	stage_send(&romeo, MESSAGE("1") MESSAGE("2") "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	stage_settle();
	assert_received(&juliet, NULL);
	assert_received(&romeo, NULL);
	/* Every other session goes on. */
	stage_send(&juliet, "<message to='romeo@example.org/a'><body>other</body></message>");
	assert_received(&romeo, "other");
	resume(CPL_NEXT);
	assert_received(&romeo, "id='p'");
	{
		char *text = stage_take(&juliet);

		assert_non_null(strstr(text, "<body>1</body>"));
		assert_true(strstr(text, "<body>1</body>") < strstr(text, "<body>2</body>"));
		cpl_free(text);
	}
}

static void test_drop_and_handled(void **state)
{
	suspend_at(CPL_EVENT_message, "1");
	stage_send(&romeo, MESSAGE("1"));
	resume(CPL_HANDLED);
	assert_received(&juliet, NULL);
	assert_received(&romeo, NULL);
	stage_send(&romeo, MESSAGE("1"));
	resume(CPL_DROP);
	assert_received(&juliet, NULL);
	assert_received(&romeo, NULL);
	assert_int_equal(romeo.session->handled, 3); /* with the binding */
}

static void test_reading_pauses(void **state)
{
	suspend_at(CPL_EVENT_pre_message, "0");
	stage_send(&romeo, MESSAGE("0") MESSAGE("1") MESSAGE("2") MESSAGE("3") MESSAGE("4"));
	assert_false(romeo.session->conn->paused);
	stage_send(&romeo, MESSAGE("5"));
	assert_true(romeo.session->conn->paused);
	stage_send(&romeo, MESSAGE("6") MESSAGE("7"));
	resume(CPL_NEXT);
	assert_false(romeo.session->conn->paused);
	assert_received(&juliet, "<body>7</body>");
}

static void test_suspend_timeout(void **state)
{
	suspend_at(CPL_EVENT_pre_message, "1");
	stage_send(&romeo, MESSAGE("1") MESSAGE("2"));
	stage_pass(31000);
	assert_received(&romeo, "<internal-server-error");
	assert_received(&juliet, "<body>2</body>");
	assert_false(cpl_suspension_alive(probe_suspended[0]));
	resume(CPL_NEXT);
	assert_received(&juliet, NULL);
}

/* The end queues behind what was received, however the connection went. */
static void test_end_queues_behind(void **state)
{
	suspend_at(CPL_EVENT_pre_message, "1");
	stage_send(&romeo, "<presence/>" MESSAGE("1") MESSAGE("2"));
	probe_forget_trace();
	conn_script_lose(romeo.script, CPL_END_RESET);
	stage_settle();
	assert_true(conn_script_closed(romeo.script));
	probe_assert_trace("");
	assert_int_equal(romeo.session->type, CPL_SESSION_C2S);
	resume(CPL_NEXT);
	assert_received(&juliet, "<body>2</body>");
	probe_assert_trace("session_unavailable(c2s romeo@example.org/a) session_unbound(c2s romeo@example.org/a) "
			   "session_destroyed(c2s romeo@example.org/a)");
}

/* The same when the peer closes cleanly and the answer takes longer than we wait for peers. */
static void test_close_queues_behind(void **state)
{
	suspend_at(CPL_EVENT_pre_message, "1");
	stage_send(&romeo, MESSAGE("1") MESSAGE("2") "</stream:stream>");
	stage_pass(10000);
	resume(CPL_NEXT);
	assert_received(&juliet, "<body>2</body>");
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
}

/* What the server closes itself: the bound session's stanzas that were read are handled. */
static void test_our_close_queues_behind(void **state)
{
	suspend_at(CPL_EVENT_pre_message, "1");
	stage_send(&romeo, MESSAGE("1") MESSAGE("2"));
	cpl_session_close(romeo.session, CPL_STREAM_OK, NULL);
	stage_pass(10000);
	resume(CPL_NEXT);
	assert_received(&juliet, "<body>2</body>");
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
}

/* ---- holds ---- */

static void test_handled_in_order(void **state)
{
	uint32_t before = romeo.session->handled;

	at = CPL_EVENT_message;
	marked = "1";
	probe.stanza = hold_marked;
	stage_send(&romeo, MESSAGE("0") MESSAGE("1") MESSAGE("2"));
	/* Those behind a held one go on, but are not counted before it. */
	assert_received(&juliet, "<body>2</body>");
	assert_int_equal(romeo.session->handled, before + 1);
	cpl_stanza_release(&probe_held[--probe_held_count]);
	assert_int_equal(romeo.session->handled, before + 3);
}

static void test_held_beyond_the_session(void **state)
{
	at = CPL_EVENT_message;
	marked = "1";
	probe.stanza = hold_marked;
	stage_send(&romeo, MESSAGE("1"));
	conn_script_lose(romeo.script, CPL_END_RESET);
	stage_settle();
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	stage_leave(&romeo);
	assert_int_equal(session_alive(), 2);
	cpl_stanza_release(&probe_held[--probe_held_count]);
	assert_int_equal(session_alive(), 1);
}

/* Nobody gets memory for free: a client whose stanzas wait for a disk that does not answer is not read for ever. */
static enum cpl_flow hold_all(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	if (id == CPL_EVENT_message && probe_held_count < PROBE_SUSPENSIONS_MAX)
		probe_hold(ev->stanza);
	return CPL_NEXT;
}

static void test_held_is_bounded(void **state)
{
	char *big = cpl_alloc(100200);
	int64_t before = stage_bytes("core");
	unsigned fed = 0;

	snprintf(big, 100200, "<message to='romeo@example.org/a'><body>%0100000d</body></message>", 1);
	probe.stanza = hold_all;
	while (!juliet.session->conn->paused && fed < 60) {
		stage_send(&juliet, big);
		stage_settle();
		cpl_free(stage_take(&romeo));
		fed++;
	}
	assert_true(juliet.session->conn->paused);
	assert_true(stage_bytes("core") - before < 8 * 1024 * 1024);
	/* A session that is closed now ends all the same; one that is not goes on. */
	while (probe_held_count > 0)
		cpl_stanza_release(&probe_held[--probe_held_count]);
	assert_false(juliet.session->conn->paused);
	probe.stanza = NULL;
	stage_send(&juliet, "<message to='romeo@example.org/a'><body>more</body></message>");
	assert_received(&romeo, "more");
	cpl_free(big);
}

/* ---- what a suspended event points to ends meanwhile ---- */

static void test_message_recipient_gone(void **state)
{
	suspend_at(CPL_EVENT_message, "1");
	stage_send(&romeo, "<message type='chat' to='juliet@example.org/a'><body>1</body></message>");
	stage_leave(&juliet);
	resume(CPL_NEXT);
	assert_int_equal(session_alive(), 1);
	/* It goes where a chat message to a resource that is not there goes (RFC 6121 8.5.3.2.1): it is kept. */
	stage_login(&juliet, "juliet@example.org/a");
	stage_send(&juliet, "<presence/>");
	stage_settle();
	assert_received(&juliet, "<body>1</body>");
}

static void test_presence_recipient_gone(void **state)
{
	suspend_at(CPL_EVENT_presence, "1");
	stage_send(&romeo, "<presence to='juliet@example.org/a'><body>1</body></presence>");
	assert_int_equal(probe_suspended_count, 1);
	stage_leave(&juliet);
	resume(CPL_NEXT);
	assert_int_equal(session_alive(), 1);
}

static enum cpl_flow suspend_iq(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	return id == CPL_EVENT_iq ? probe_suspend(&ev->event) : CPL_NEXT;
}

static void test_iq_recipient_gone(void **state)
{
	probe.stanza = suspend_iq;
	stage_send(&romeo, "<iq type='get' id='1' to='juliet@example.org/a'><q xmlns='x'/></iq>");
	assert_int_equal(probe_suspended_count, 1);
	stage_leave(&juliet);
	resume(CPL_NEXT);
	/* The asker is not left without an answer (RFC 6121 8.5.3.2.3). */
	assert_received(&romeo, "<service-unavailable");
}

/* Another session takes the resource while a stanza of the first is suspended: it has no account to speak for when it goes on. */
static void replace_while_suspended(enum cpl_event_id id, const char *text)
{
	suspend_at(id, "1");
	stage_send(&romeo, text);
	assert_int_equal(probe_suspended_count, 1);
	stage_login(&third, "romeo@example.org/a");
	resume(CPL_NEXT);
	stage_settle();
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	stage_leave(&romeo);
	stage_leave(&third);
	stage_login(&romeo, "romeo@example.org/a");
}

static void test_replaced_while_suspended(void **state)
{
	static const char *const texts[] = {
		"<presence><body>1</body></presence>",
		"<presence type='unavailable'><body>1</body></presence>",
		"<presence to='juliet@example.org/a'><body>1</body></presence>",
		"<presence type='subscribe' to='juliet@example.org'><body>1</body></presence>",
	};
	static const char *const messages[] = {
		"<message><body>1</body></message>",
		"<message to='romeo@example.org'><body>1</body></message>",
		MESSAGE("1"),
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		replace_while_suspended(CPL_EVENT_pre_presence, texts[i]);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		replace_while_suspended(CPL_EVENT_pre_message, messages[i]);
	assert_int_equal(session_alive(), 2);
}

/* An event that a module fires and another suspends: the first one's code is needed until it ends. */
static void unloaded(struct manager_request *request, int status, const char *text)
{
	request->done = NULL;
}

static void test_starter_stays(void **state)
{
	struct manager_request request = {unloaded};
	struct cpl_error error;

	suspend_at(CPL_EVENT_message_undelivered, "1");
	stage_send(&romeo, "<message type='chat' to='nurse@example.org'><body>1</body></message>");
	stage_settle();
	assert_int_equal(probe_suspended_count, 1);
	assert_int_equal(manager_unload(CPL_STR("message"), &request, &error), 0);
	stage_settle();
	assert_non_null(request.done);
	resume(CPL_NEXT);
	assert_null(request.done);
}

/*
 * The outer event's suspension is lost first when the inner one was resumed and suspended anew; the account must be there for the inner one
 * all the same.
 */
static enum cpl_flow suspend_undelivered(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	if (id != CPL_EVENT_message_undelivered)
		return CPL_NEXT;
	inner = ev;
	return probe_suspend(&ev->event);
}

static void test_account_of_inner_event(void **state)
{
	struct manager_request request = {unloaded};
	struct cpl_error error;

	probe.stanza = suspend_undelivered;
	stage_send(&romeo, "<message type='chat' to='nurse@example.org'><body>1</body></message>");
	stage_settle();
	assert_int_equal(probe_suspended_count, 1);
	/* The outer event is suspended by the module message. */
	assert_int_equal(manager_unload(CPL_STR("message"), &request, &error), 0);
	stage_settle();
	user_drop_lingering(false);
	assert_str(inner->user->username, "nurse");
	resume(CPL_NEXT);
}

/* ---- sending from within session_out ---- */

static bool nested;

/* What a module that has kept stanzas back does: it sends them before this one. */
static enum cpl_flow flush_before(struct cpl_ev_out *ev)
{
	struct cpl_stanza *kept;

	if (nested)
		return CPL_NEXT;
	nested = true;
	cpl_buf_add(ev->suffix, CPL_STR("<outer/>"));
	kept = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_HEADLINE);
	cpl_session_send_to(ev->session, kept, (struct cpl_jid){0}, (struct cpl_jid){0}, CPL_STR("<inner/>"));
	cpl_stanza_unref(&kept);
	nested = false;
	return CPL_NEXT;
}

static void test_nested_send(void **state)
{
	char *text;

	probe.out = flush_before;
	stage_send(&romeo, MESSAGE("1"));
	text = stage_take(&juliet);
	assert_non_null(strstr(text, "<message type='headline'><inner/></message><message"));
	assert_non_null(strstr(text, "<body>1</body><outer/></message>"));
	cpl_free(text);
}

static enum cpl_flow close_recipient(struct cpl_ev_out *ev)
{
	if (ev->session == juliet.session)
		cpl_session_close(ev->session, CPL_STREAM_OK, NULL);
	return CPL_NEXT;
}

/* Nothing follows the end tag (RFC 6120 4.4). */
static void test_closed_in_session_out(void **state)
{
	probe.out = close_recipient;
	stage_send(&romeo, MESSAGE("1"));
	stage_settle();
	assert_not_received(&juliet, "<body>1</body>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_later_stanzas_wait),
		TEST(test_drop_and_handled),
		TEST(test_reading_pauses),
		TEST(test_suspend_timeout),
		TEST(test_end_queues_behind),
		TEST(test_close_queues_behind),
		TEST(test_our_close_queues_behind),
		TEST(test_handled_in_order),
		TEST(test_held_beyond_the_session),
		TEST(test_held_is_bounded),
		TEST(test_message_recipient_gone),
		TEST(test_presence_recipient_gone),
		TEST(test_iq_recipient_gone),
		TEST(test_replaced_while_suspended),
		TEST(test_starter_stays),
		TEST(test_account_of_inner_event),
		TEST(test_nested_send),
		TEST(test_closed_in_session_out),
	};

	cpl_log_threshold = CPL_LOG_ERROR + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
