/* SPDX-License-Identifier: MIT */
/* The socket connection in the clear: reading, flushing once a turn, slow and silent peers, every way to end.
 */
#include "peer.h"

#include "core/net/tls_context.h"
#include "core/net/wheel.h"
#include "core/xml/parser.h"
#include <couplet/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int set_up(void **state)
{
	int code = loop_init(true);

	conn_socket_init();
	return code;
}

static int tear_down(void **state)
{
	conn_socket_finish();
	xml_finish();
	loop_finish();
	return 0;
}

/* Virtual seconds, each with the turns that what it causes needs. */
static void pass(int64_t seconds)
{
	while (seconds--) {
		loop_advance(1000);
		turns(3);
	}
}

static void test_reads_and_writes(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	struct cpl_conn *conn = peer->recorder.conn;
	char buffer[64];

	assert_string_equal(conn->address, "local");
	assert_str(conn->ops->describe(conn, buffer, sizeof(buffer)), "plain");
	peer_send(peer, CPL_STR(HEADER "<presence/><mess"));
	turns(1);
	assert_events(&peer->recorder, "opened:example.org element:presence");
	peer_send(peer, CPL_STR("age/>"));
	turns(1);
	assert_events(&peer->recorder, "element:message");
	/* Nothing leaves before the end of the turn, then all of it at once. */
	OP(&peer->recorder, conn->ops->write(conn, CPL_STR("<a/>")));
	OP(&peer->recorder, conn->ops->write(conn, CPL_STR("<b/>")));
	peer_read(peer);
	assert_received(peer, "");
	turns(1);
	peer_read(peer);
	assert_received(peer, "<a/><b/>");
	assert_int_equal(conn->bytes_out, 8);
	assert_int_equal(conn->elements_out, 2);
	assert_int_equal(conn->elements_in, 2);
	peer_destroy(peer);
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = HEADER "<message><body>x</body></message></stream:stream>";
	struct peer *peer = peer_create(&roomy_limits);

	for (size_t at = 0; at + 1 < sizeof(text); at++) {
		peer_send(peer, (struct cpl_str){text + at, 1});
		turns(1);
	}
	assert_events(&peer->recorder, "opened:example.org element:message closing");
	peer_destroy(peer);
}

/* A paused connection is not read: the peer's bytes stay in the kernel, which tells the peer. */
static void test_pause_stops_reading(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	struct cpl_conn *conn = peer->recorder.conn;
	char *blank = cpl_alloc(65536);
	size_t held;

	memset(blank, ' ', 65536);
	peer_send(peer, CPL_STR(HEADER));
	turns(1);
	OP(&peer->recorder, conn->ops->pause(conn));
	peer_send(peer, CPL_STR("<presence/>"));
	for (unsigned at = 0; at < 100; at++)
		(void)!send(peer->fd, blank, 65536, MSG_NOSIGNAL);
	turns(5);
	held = conn->ops->memory(conn);
	assert_true(held < 2048);
	assert_events(&peer->recorder, "opened:example.org");
	OP(&peer->recorder, conn->ops->resume(conn));
	turns(2);
	assert_events(&peer->recorder, "element:presence");
	cpl_free(blank);
	peer_destroy(peer);
}

static void pause_at_presence(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:presence") == 0)
		OP(recorder, recorder->conn->ops->pause(recorder->conn));
}

/* What one read brought behind the pause is kept, in order, before anything that is read later. */
static void test_pause_inside(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	peer->recorder.react = pause_at_presence;
	peer_send(peer, CPL_STR(HEADER
				"<presence/><message/><presence/><iq type='get' id='1'><q xmlns='u'/></iq>"));
	turns(2);
	peer_send(peer, CPL_STR("<presence/>"));
	turns(2);
	assert_events(&peer->recorder, "opened:example.org element:presence");
	OP(&peer->recorder, peer->recorder.conn->ops->resume(peer->recorder.conn));
	turns(3);
	assert_events(&peer->recorder, "element:message element:presence");
	OP(&peer->recorder, peer->recorder.conn->ops->resume(peer->recorder.conn));
	turns(3);
	assert_events(&peer->recorder, "element:iq element:presence");
	peer_destroy(peer);
}

static struct cpl_str filler(void)
{
	static char bytes[10000];

	memset(bytes, 'x', sizeof(bytes));
	return (struct cpl_str){bytes, sizeof(bytes)};
}

/* Output that waits leaves when the peer reads again; `drained` comes once. */
static void test_slow_reader(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	struct cpl_conn *conn = peer->recorder.conn;
	size_t written = 0;

	while (conn->ops->memory(conn) < 700 * 1024) {
		OP(&peer->recorder, conn->ops->write(conn, filler()));
		written += filler().len;
		turns(1);
	}
	assert_events(&peer->recorder, "");
	for (unsigned at = 0; at < 1000 && peer->received.len < written; at++) {
		peer_read(peer);
		turns(1);
	}
	assert_int_equal(peer->received.len, written);
	turns(1);
	assert_events(&peer->recorder, "drained");
	assert_true(conn->ops->memory(conn) < 2048);
	peer_destroy(peer);
}

/* Over the bound the owner is told at once; a peer that reads again within the linger finds
 * resource-constraint. */
static void test_overflow(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	struct cpl_conn *conn = peer->recorder.conn;
	struct cpl_str tail =
		CPL_STR("<resource-constraint "
			"xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
	bool open = true;

	for (unsigned at = 0; at < 300 && peer->recorder.conn; at++) {
		OP(&peer->recorder, conn->ops->write(conn, filler()));
		turns(1);
	}
	turns(1);
	assert_events(&peer->recorder, "closed:overflow");
	assert_int_equal(conn_socket_count(), 1);
	for (unsigned at = 0; at < 1000 && open; at++) {
		open = peer_read(peer);
		turns(1);
	}
	assert_false(open);
	assert_true(peer->received.len > tail.len);
	assert_memory_equal(peer->received.ptr + peer->received.len - tail.len, tail.ptr, tail.len);
	peer_destroy(peer);
}

/* One write that the kernel takes is no overflow, however large. */
static void test_bound_counts_what_waits(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct peer *peer;

	limits.output_bytes = 5000;
	peer = peer_create(&limits);
	OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, filler()));
	turns(2);
	peer_read(peer);
	assert_int_equal(peer->received.len, filler().len);
	assert_events(&peer->recorder, "");
	peer_destroy(peer);
}

static void test_write_timeout(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct peer *peer;

	limits.output_bytes = 0;
	limits.write_ms = 10000;
	peer = peer_create(&limits);
	for (unsigned at = 0; at < 100; at++)
		OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, filler()));
	turns(1);
	pass(9);
	assert_events(&peer->recorder, "");
	/* Progress starts the time anew. */
	peer_read(peer);
	turns(2);
	OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, filler()));
	for (unsigned at = 0; at < 100; at++)
		OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, filler()));
	turns(1);
	pass(9);
	assert_events(&peer->recorder, "");
	pass(3);
	assert_events(&peer->recorder, "closed:timeout");
	peer_destroy(peer);
}

static void test_keepalive(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct peer *peer;

	limits.keepalive_ms = 10000;
	peer = peer_create(&limits);
	peer_send(peer, CPL_STR(HEADER));
	turns(1);
	assert_events(&peer->recorder, "opened:example.org");
	pass(9);
	/* White space is a sign of life (RFC 6120 4.6.1). */
	peer_send(peer, CPL_STR(" "));
	turns(1);
	pass(9);
	assert_events(&peer->recorder, "");
	pass(3);
	assert_events(&peer->recorder, "idle");
	pass(11);
	assert_events(&peer->recorder, "idle");
	assert_true(wheel_count() == 1);
	peer_destroy(peer);
	assert_int_equal(wheel_count(), 0);
}

/* A burst is read at once; beyond it nothing is until the average is right again, and new limits begin anew. */
static void test_rate(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct peer *peer;
	struct cpl_conn *conn;

	limits.rate = 1000;
	limits.burst = 12000;
	limits.keepalive_ms = 3000;
	peer = peer_create(&limits);
	conn = peer->recorder.conn;
	peer_send(peer, CPL_STR(HEADER "<message><body>"));
	peer_send(peer, filler());
	turns(1);
	assert_int_equal(conn->holds, 0);
	peer_send(peer, filler());
	turns(1);
	assert_int_equal(conn->holds, 1);
	assert_true(conn->held_until > cpl_monotonic() + 7000 && conn->held_until < cpl_monotonic() + 9000);
	peer_send(peer, CPL_STR("</body></message>"));
	turns(2);
	/* It is not the peer who is silent. */
	pass(7);
	assert_events(&peer->recorder, "opened:example.org");
	pass(3);
	assert_events(&peer->recorder, "element:message");
	assert_int_equal(conn->held_until, 0);
	peer_send(peer, CPL_STR("<message><body>"));
	peer_send(peer, filler());
	peer_send(peer, CPL_STR("</body></message>"));
	turns(2);
	assert_events(&peer->recorder, "element:message");
	assert_true(conn->held_until > 0);
	peer_send(peer, CPL_STR("<presence/>"));
	turns(1);
	assert_events(&peer->recorder, "");
	OP(&peer->recorder, conn->ops->set_limits(conn, &roomy_limits));
	turns(2);
	assert_events(&peer->recorder, "element:presence");
	peer_destroy(peer);
}

/* behaviours: after an error the end of the stream is written, our side shut down, input discarded, then
 * closed. */
static void test_end_lingers(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	peer_send(peer, CPL_STR(HEADER));
	turns(1);
	OP(&peer->recorder, peer->recorder.conn->ops->close_stream(peer->recorder.conn));
	recorder_end(&peer->recorder, 2000);
	assert_events(&peer->recorder, "opened:example.org");
	turns(3);
	assert_false(peer_read(peer));
	assert_received(peer, "</stream:stream>");
	/* Still open, so that what the peer had under way cannot reset the connection. */
	assert_events(&peer->recorder, "");
	peer_send(peer, CPL_STR("<message/></stream:stream>"));
	turns(3);
	assert_events(&peer->recorder, "");
	peer_close(peer);
	turns(3);
	assert_events(&peer->recorder, "closed:local");
	peer_destroy(peer);
}

static void test_end_times_out(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	recorder_end(&peer->recorder, 2000);
	pass(1);
	assert_events(&peer->recorder, "");
	pass(2);
	assert_events(&peer->recorder, "closed:local");
	peer_destroy(peer);
}

/* A peer that goes on sending is cut off after 64 KiB. */
static void test_end_discards_so_much(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	unsigned sent = 0;

	recorder_end(&peer->recorder, 60000);
	while (peer->recorder.conn && sent < 100) {
		if (send(peer->fd, filler().ptr, filler().len, MSG_NOSIGNAL) < 0)
			break;
		sent++;
		turns(2);
	}
	turns(2);
	assert_in_range(sent, 6, 9);
	assert_events(&peer->recorder, "closed:local");
	peer_destroy(peer);
}

static void test_end_at_once(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, CPL_STR("<bye/>")));
	recorder_end(&peer->recorder, 0);
	assert_events(&peer->recorder, "");
	turns(2);
	assert_events(&peer->recorder, "closed:local");
	assert_false(peer_read(peer));
	assert_received(peer, "<bye/>");
	peer_destroy(peer);
}

static void end_at_presence(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:presence") != 0)
		return;
	recorder_end(recorder, 0);
	OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<late/>")));
	OP(recorder, recorder->conn->ops->restart(recorder->conn));
	OP(recorder, recorder->conn->ops->start_tls(recorder->conn));
	OP(recorder, recorder->conn->ops->close_stream(recorder->conn));
	OP(recorder, recorder->conn->ops->end(recorder->conn, 1000));
}

static void test_end_inside(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	peer->recorder.react = end_at_presence;
	peer_send(peer, CPL_STR(HEADER "<presence/><message/>"));
	turns(1);
	assert_events(&peer->recorder, "opened:example.org element:presence");
	turns(2);
	assert_events(&peer->recorder, "closed:local");
	assert_false(peer_read(peer));
	assert_received(peer, "");
	peer_destroy(peer);
}

static void answer_message(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:message") == 0)
		OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<answer/>")));
}

/* The peer sends, shuts down its side and reads on: with </stream:stream> the owner decides when it ends,
 * without it the answers still leave. */
static void test_half_close(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	peer_send(peer, CPL_STR(HEADER "</stream:stream>"));
	shutdown(peer->fd, SHUT_WR);
	turns(5);
	assert_events(&peer->recorder, "opened:example.org closing");
	OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, CPL_STR("<late/>")));
	OP(&peer->recorder, peer->recorder.conn->ops->close_stream(peer->recorder.conn));
	recorder_end(&peer->recorder, 5000);
	turns(3);
	assert_events(&peer->recorder, "closed:local");
	assert_false(peer_read(peer));
	assert_received(peer, "<late/></stream:stream>");
	peer_destroy(peer);

	peer = peer_create(&roomy_limits);
	peer->recorder.react = answer_message;
	peer_send(peer, CPL_STR(HEADER "<message/>"));
	shutdown(peer->fd, SHUT_WR);
	turns(5);
	assert_events(&peer->recorder, "opened:example.org element:message closed:eof");
	assert_false(peer_read(peer));
	assert_received(peer, "<answer/>");
	peer_destroy(peer);
}

/* An owner that forgets a half-closed connection loses it. */
static void test_half_closed_too_long(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	peer_send(peer, CPL_STR(HEADER "</stream:stream>"));
	shutdown(peer->fd, SHUT_WR);
	turns(3);
	pass(12);
	assert_events(&peer->recorder, "opened:example.org closing closed:eof");
	peer_destroy(peer);
}

static void test_reset(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);

	peer_send(peer, CPL_STR(HEADER));
	turns(1);
	/* Closing with unread input resets. */
	OP(&peer->recorder, peer->recorder.conn->ops->write(peer->recorder.conn, CPL_STR("<a/>")));
	turns(1);
	peer_close(peer);
	turns(3);
	assert_events(&peer->recorder, "opened:example.org closed:reset");
	assert_string_equal(peer->recorder.detail, "Connection reset by peer");
	peer_destroy(peer);
}

static void test_failed(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct peer *peer;

	limits.total_bytes = 8192;
	peer = peer_create(&limits);
	peer_send(peer, CPL_STR(HEADER "<message><body>"));
	peer_send(peer, filler());
	turns(5);
	assert_events(&peer->recorder, "opened:example.org failed:policy-violation");
	recorder_end(&peer->recorder, 2000);
	turns(2);
	assert_false(peer_read(peer));
	peer_close(peer);
	turns(3);
	assert_events(&peer->recorder, "closed:local");
	peer_destroy(peer);
}

/* Over TCP: the address, no delay, and that input under way does not cost the peer our last words. */
static void test_tcp(void **state)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	struct peer *peer = CPL_NEW(struct peer);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int nodelay = 0;
	char address[64];

	assert_int_equal(bind(listening, (struct sockaddr *)&name, size), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&name, &size), 0);
	peer->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&name, size), 0);
	assert_int_equal(fcntl(peer->fd, F_SETFL, O_NONBLOCK), 0);
	getsockname(peer->fd, (struct sockaddr *)&name, &size);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(name.sin_port));
	struct conn_socket_options options = {
		.fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC),
		.service = "c2s",
		.events = &recorder_events,
		.owner = &peer->recorder,
		.limits = roomy_limits,
	};

	close(listening);
	peer->recorder.conn = conn_socket_create(&options);
	assert_string_equal(peer->recorder.conn->address, address);
	size = sizeof(nodelay);
	assert_int_equal(getsockopt(options.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size), 0);
	assert_true(nodelay);
	peer_send(peer, filler());
	OP(&peer->recorder,
	   peer->recorder.conn->ops->write(peer->recorder.conn, CPL_STR("<stream:error/></stream:stream>")));
	recorder_end(&peer->recorder, 2000);
	turns(2);
	peer_send(peer, filler());
	turns(2);
	peer_send(peer, filler());
	assert_false(peer_read(peer));
	assert_received(peer, "<stream:error/></stream:stream>");
	peer_close(peer);
	turns(3);
	assert_events(&peer->recorder, "closed:local");
	peer_destroy(peer);
}

static unsigned calls_back;

static void timer_done(struct cpl_call *call)
{
	assert_int_equal(call->status, CPL_E_CANCELLED);
	calls_back++;
}

/* A call in the connection's scope is cancelled by its end and keeps its memory until it has called back. */
static void test_scope(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	struct cpl_call call = {0};

	calls_back = 0;
	assert_int_equal(cpl_timer_start(&call, &peer->recorder.conn->scope, 100000, timer_done), 0);
	recorder_end(&peer->recorder, 0);
	turns(4);
	assert_int_equal(calls_back, 1);
	assert_events(&peer->recorder, "closed:local");
	peer_destroy(peer);
}

/* No certificate is configured: direct TLS ends, without a word in the clear. */
static void test_direct_tls_without_certificate(void **state)
{
	struct peer *peer;

	assert_null(tls_contexts_current());
	peer = peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});
	assert_events(&peer->recorder, "");
	turns(2);
	assert_events(&peer->recorder, "closed:tls");
	peer_destroy(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_and_writes),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_pause_stops_reading),
		cmocka_unit_test(test_pause_inside),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_bound_counts_what_waits),
		cmocka_unit_test(test_write_timeout),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_end_lingers),
		cmocka_unit_test(test_end_times_out),
		cmocka_unit_test(test_end_discards_so_much),
		cmocka_unit_test(test_end_at_once),
		cmocka_unit_test(test_end_inside),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_half_closed_too_long),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_direct_tls_without_certificate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
