/* SPDX-License-Identifier: MIT */
/* The order of stanzas on a stream that carries many senders (RFC 6120 10.1): kept for each pair of bare addresses, and no suspended stanza delays another pair's. */
#include "tests/unit/xmpp/probe.h"

#include "core/xmpp/order.h"

#include <openssl/evp.h>

static const char config[] = "modules: [probe, tls, bind, roster, presence, message, iq, offline, ping]\n"
			     "limits: {input_queue: 4}\n"
			     "hosts: {example.org: {}, rooms.example.org: {component: external, external: {secret: rose}}}\n";

static struct stage_peer rooms, romeo, juliet;

static void accept_component(void)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	char text[256], proof[2 * EVP_MAX_MD_SIZE + 1];
	unsigned size = 0;

	stage_connect_component(&rooms);
	stage_send(&rooms, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='rooms.example.org'>");
	stage_settle();
	snprintf(text, sizeof(text), "%.*srose", CPL_ARG(rooms.session->id));
	assert_int_equal(EVP_Digest(text, strlen(text), hash, &size, EVP_sha1(), NULL), 1);
	for (unsigned i = 0; i < size; i++)
		snprintf(proof + 2 * i, 3, "%02x", hash[i]);
	snprintf(text, sizeof(text), "<handshake>%s</handshake>", proof);
	stage_send(&rooms, text);
	stage_settle();
	assert_int_equal(rooms.session->type, CPL_SESSION_COMPONENT);
	cpl_free(stage_take(&rooms));
}

static int set_up(void **state)
{
	probe_reset();
	stage_open(config, probe_modules);
	stage_account("romeo@example.org");
	stage_account("juliet@example.org");
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	accept_component();
	return 0;
}

static int tear_down(void **state)
{
	probe = (struct probe){0};
	while (probe_suspended_count > 0)
		cpl_resume(&probe_suspended[--probe_suspended_count], CPL_DROP);
	stage_leave(&rooms);
	stage_leave(&romeo);
	stage_leave(&juliet);
	stage_close();
	return 0;
}

#define MESSAGE(from, to, body) "<message from='" from "@rooms.example.org/x' to='" to "@example.org/a'><body>" body "</body></message>"

/* Suspends what has this body, before it is delivered. */
static const char *marked;

static enum cpl_flow suspend_marked(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	return id == CPL_EVENT_message && cpl_str_is(probe_body(ev->stanza), marked) ? probe_suspend(&ev->event) : CPL_NEXT;
}

static void resume(enum cpl_flow flow)
{
	cpl_resume(&probe_suspended[--probe_suspended_count], flow);
	stage_settle();
}

/* The bodies that have arrived, in order. */
static void assert_bodies(struct stage_peer *peer, const char *expected)
{
	char *text = stage_take(peer), bodies[64] = "";
	size_t len = 0;

	for (char *at = text; (at = strstr(at, "<body>")) && len + 1 < sizeof(bodies); at++)
		bodies[len++] = at[strlen("<body>")];
	cpl_free(text);
	assert_string_equal(bodies, expected);
}

static void same_pair_waits_others_go_on(void **state)
{
	marked = "1";
	probe.stanza = suspend_marked;
	stage_send(&rooms, MESSAGE("hall", "romeo", "1") MESSAGE("hall", "romeo", "2") MESSAGE("hall", "juliet", "3"));
	stage_send(&rooms, MESSAGE("cell", "romeo", "4") MESSAGE("hall", "romeo", "5"));
	stage_settle();
	assert_int_equal(probe_suspended_count, 1);
	assert_bodies(&romeo, "4");
	assert_bodies(&juliet, "3");
	resume(CPL_NEXT);
	assert_bodies(&romeo, "125");
}

/* A stanza that comes to nothing lets the next go, too; each of a row may wait in turn. */
static void every_end_is_an_end(void **state)
{
	marked = "1";
	probe.stanza = suspend_marked;
	stage_send(&rooms, MESSAGE("hall", "romeo", "1") MESSAGE("hall", "romeo", "1") MESSAGE("hall", "romeo", "2"));
	stage_settle();
	resume(CPL_DROP);
	assert_int_equal(probe_suspended_count, 1);
	assert_bodies(&romeo, "");
	stage_pass(31000); /* suspend_timeout */
	assert_bodies(&romeo, "2");
	probe_suspended_count = 0;
	assert_received(&rooms, "internal-server-error");
}

/* What waits for one pair is bounded; the others' stanzas are read on. */
static void what_waits_is_bounded(void **state)
{
	marked = "1";
	probe.stanza = suspend_marked;
	stage_send(&rooms, MESSAGE("hall", "romeo", "1") MESSAGE("hall", "romeo", "2") MESSAGE("hall", "romeo", "3"));
	stage_send(&rooms, MESSAGE("hall", "romeo", "4") MESSAGE("hall", "romeo", "5") MESSAGE("hall", "romeo", "6"));
	stage_send(&rooms, MESSAGE("hall", "juliet", "7"));
	stage_settle();
	assert_received(&rooms, "resource-constraint");
	assert_bodies(&juliet, "7");
	resume(CPL_NEXT);
	assert_bodies(&romeo, "12345");
}

/* The component goes while stanzas of its wait: each is handled all the same, in order, and nothing is left. */
static void handled_beyond_the_stream(void **state)
{
	marked = "1";
	probe.stanza = suspend_marked;
	stage_send(&rooms, MESSAGE("hall", "romeo", "1") MESSAGE("hall", "romeo", "2") MESSAGE("cell", "romeo", "1"));
	stage_settle();
	conn_script_lose(rooms.script, CPL_END_RESET);
	stage_settle();
	resume(CPL_NEXT);
	assert_bodies(&romeo, "1");
	resume(CPL_NEXT);
	assert_bodies(&romeo, "12");
	assert_true(stage_quiet());
}

/* The bare data structure: turns come back in the order of their ends, across pairs. */
static void turns_come_in_order(void **state)
{
	struct order *order = order_create();
	struct cpl_stanza *stanzas[4];
	struct cpl_arena *arena = cpl_arena_create();
	static const char *const to[] = {"romeo@example.org/a", "romeo@example.org/b", "juliet@example.org", "juliet@example.org/a"};

	for (unsigned i = 0; i < 4; i++) {
		stanzas[i] = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
		assert_int_equal(cpl_jid_parse(&stanzas[i]->from, CPL_STR("hall@rooms.example.org/x"), arena), 0);
		assert_int_equal(cpl_jid_parse(&stanzas[i]->to, cpl_str_of(to[i]), arena), 0);
		assert_int_equal(order_enter(order, stanzas[i], 1), i % 2 ? ORDER_LATER : ORDER_NOW);
	}
	assert_int_equal(order_enter(order, stanzas[1], 1), ORDER_FULL);
	assert_null(order_ready(order));
	order_leave(order, stanzas[2]);
	order_leave(order, stanzas[0]);
	order_leave(order, stanzas[0]); /* nothing more */
	assert_ptr_equal(order_ready(order), stanzas[3]);
	assert_ptr_equal(order_ready(order), stanzas[1]);
	assert_null(order_ready(order));
	order_leave(order, stanzas[1]);
	order_leave(order, stanzas[3]);
	order_destroy(&order);
	assert_null(order);
	order_destroy(&order);
	for (unsigned i = 0; i < 4; i++)
		cpl_stanza_unref(&stanzas[i]);
	cpl_arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(same_pair_waits_others_go_on),
		TEST(every_end_is_an_end),
		TEST(what_waits_is_bounded),
		TEST(handled_beyond_the_stream),
		TEST(turns_come_in_order),
	};

	cpl_log_threshold = CPL_LOG_ERROR + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
