/* SPDX-License-Identifier: MIT */
/* What hostile, broken and hasty peers do to TLS: in the handshake, while a worker has it, and afterwards. */
#include "tls_client.h"

static void test_garbage(void **state)
{
	struct peer *peer =
		peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});

	peer_send(peer, CPL_STR(HEADER));
	wait_closed(peer);
	assert_events(&peer->recorder, "closed:tls");
	assert_string_equal(peer->recorder.detail, "not a TLS handshake");
	peer_destroy(peer);

	/* Framed as a record, but no ClientHello: OpenSSL answers with an alert. */
	peer = peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});
	peer_send(peer, CPL_STR("\x16\x03\x01\x00\x05hello"));
	wait_closed(peer);
	assert_events(&peer->recorder, "closed:tls");
	peer_read(peer);
	assert_int_equal(peer->received.ptr[0], 21);
	peer_destroy(peer);

	/* A record longer than any may be. */
	peer = peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});
	peer_send(peer, CPL_STR("\x16\x03\x01\xff\xff"));
	wait_closed(peer);
	assert_events(&peer->recorder, "closed:tls");
	peer_destroy(peer);
}

/* One handshake message in many tiny records would cost a step each. */
static void test_tiny_records(void **state)
{
	struct peer *peer =
		peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});
	unsigned sent = 0;

	/* The head of a ClientHello that announces 8,192 bytes. */
	peer_send(peer, CPL_STR("\x16\x03\x01\x00\x04\x01\x00\x20\x00"));
	while (peer->recorder.conn && sent < 200) {
		if (send(peer->fd, "\x16\x03\x01\x00\x01\x03", 6, MSG_NOSIGNAL) < 0)
			break;
		sent++;
		for (unsigned at = 0; at < 20 && conn_socket_handshakes(); at++)
			loop_turn(1);
		loop_turn(1);
		for (unsigned at = 0; at < 20 && conn_socket_handshakes(); at++)
			loop_turn(1);
	}
	wait_closed(peer);
	assert_events(&peer->recorder, "closed:tls");
	assert_in_range(sent, TLS_STEPS_MAX - 2, TLS_STEPS_MAX + 2);
	peer_destroy(peer);
}

/* The end of file at every point of the handshake is reported once and leaves nothing behind. */
static void test_eof_in_handshake(void **state)
{
	for (size_t bytes = 0; bytes < 200; bytes += 19) {
		struct client *client = direct(TLS1_3_VERSION);
		char part[1000];

		SSL_do_handshake(client->ssl);
		assert_true(BIO_read(client->from_us, part, sizeof(part)) > 200);
		peer_send(client->peer, (struct cpl_str){part, bytes});
		peer_close(client->peer);
		wait_closed(client->peer);
		assert_events(&client->peer->recorder, "closed:eof");
		client_destroy(client);
	}
	/* After the server's flight. */
	struct client *client = direct(TLS1_3_VERSION);

	SSL_do_handshake(client->ssl);
	carry_on(client, 20);
	peer_close(client->peer);
	wait_closed(client->peer);
	/* Closing with the server's flight unread resets a local socket. */
	assert_true(client->peer->recorder.end == CPL_END_EOF || client->peer->recorder.end == CPL_END_RESET);
	client_destroy(client);
}

/* end() while a worker computes: the connection waits for it, then closes; the owner hears of it once. */
static void test_end_in_handshake(void **state)
{
	for (unsigned turns_before = 0; turns_before < 6; turns_before++) {
		struct client *client = direct(TLS1_3_VERSION);

		SSL_do_handshake(client->ssl);
		for (unsigned at = 0; at < turns_before; at++) {
			char part[4096];
			int count = BIO_read(client->from_us, part, sizeof(part));

			if (count > 0)
				peer_send(client->peer, (struct cpl_str){part, (size_t)count});
			loop_turn(0);
		}
		recorder_end(&client->peer->recorder, turns_before % 2 ? 0 : 100);
		wait_closed(client->peer);
		assert_events(&client->peer->recorder, "closed:local");
		client_destroy(client);
	}
}

/* The owner's deadline: a peer that says nothing, or stops in the middle, is ended by it and hears nothing in
 * the clear. */
static void test_deadline(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);
	struct recorder *recorder = &client->peer->recorder;
	char part[10];

	SSL_do_handshake(client->ssl);
	BIO_read(client->from_us, part, sizeof(part));
	peer_send(client->peer, (struct cpl_str){part, sizeof(part)});
	for (unsigned at = 0; at < 5; at++)
		loop_turn(1);
	OP(recorder,
	   recorder->conn->ops->open(recorder->conn, &(struct cpl_stream_header){.content = CPL_NS_CLIENT}));
	OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<stream:error/>")));
	recorder_end(recorder, 0);
	wait_closed(client->peer);
	assert_events(recorder, "closed:local");
	assert_false(peer_read(client->peer));
	assert_received(client->peer, "");
	client_destroy(client);
}

/* More handshakes at once than workers may have: all of them come through, in turn. */
static void test_many_at_once(void **state)
{
	enum { MANY = TLS_STEPS_IN_FLIGHT + 20 };
	static struct client *clients[MANY];
	unsigned done = 0;

	for (unsigned at = 0; at < MANY; at++) {
		char part[4096];
		int count;

		clients[at] = direct(TLS1_3_VERSION);
		SSL_do_handshake(clients[at]->ssl);
		count = BIO_read(clients[at]->from_us, part, sizeof(part));
		peer_send(clients[at]->peer, (struct cpl_str){part, (size_t)count});
	}
	loop_turn(1);
	assert_true(conn_socket_handshakes() > 0);
	for (unsigned at = 0; at < MANY; at += 2)
		assert_true(client_handshake(clients[at]));
	/* Those that were ended while they waited are gone too. */
	for (unsigned at = 1; at < MANY; at += 2)
		recorder_end(&clients[at]->peer->recorder, 0);
	for (unsigned at = 1; at < MANY; at += 2)
		wait_closed(clients[at]->peer);
	for (unsigned at = 0; at < MANY; at += 2)
		if (clients[at]->peer->recorder.conn->secure) {
			done++;
			recorder_end(&clients[at]->peer->recorder, 0);
		}
	assert_int_equal(done, MANY / 2);
	for (unsigned at = 0; at < MANY; at++)
		wait_closed(clients[at]->peer);
	for (unsigned at = 0; at < MANY; at++)
		client_destroy(clients[at]);
}

/* A record that was changed on its way ends the connection with an alert; what was whole before it is
 * reported. */
static void test_bad_record(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);
	char part[65536];
	int count;

	assert_true(client_handshake(client));
	client_write(client, HEADER "<presence/>");
	carry_on(client, 2);
	client_write(client, "<message/>");
	count = BIO_read(client->from_us, part, sizeof(part));
	part[count - 1] ^= 1;
	peer_send(client->peer, (struct cpl_str){part, (size_t)count});
	wait_closed(client->peer);
	assert_events(&client->peer->recorder, "secured opened:example.org element:presence closed:reset");
	client_destroy(client);
}

/* RFC 5746 and RFC 8446 4.1.2: a second handshake on an established connection is refused. */
static void test_no_renegotiation(void **state)
{
	struct client *client = direct(TLS1_2_VERSION);

	assert_true(client_handshake(client));
	SSL_renegotiate(client->ssl);
	SSL_do_handshake(client->ssl);
	carry_on(client, 5);
	assert_int_not_equal(SSL_do_handshake(client->ssl), 1);
	assert_null(strstr(client->peer->recorder.log.ptr, "secured secured"));
	client_destroy(client);
}

/* What is open when the server stops, in whatever state, is closed and reported. */
static void test_finish_with_connections(void **state)
{
	static struct peer *peers[5];
	struct client *half = direct(TLS1_3_VERSION), *whole = direct(TLS1_3_VERSION);
	char part[4096];
	int count;

	assert_true(client_handshake(whole));
	SSL_do_handshake(half->ssl);
	count = BIO_read(half->from_us, part, sizeof(part));
	peer_send(half->peer, (struct cpl_str){part, (size_t)count});
	for (unsigned at = 0; at < 5; at++)
		peers[at] = peer_create(&roomy_limits);
	recorder_end(&peers[1]->recorder, 100000);
	loop_turn(0);
	conn_socket_finish();
	assert_int_equal(conn_socket_count(), 0);
	assert_events(&half->peer->recorder, "closed:local");
	assert_events(&whole->peer->recorder, "secured closed:local");
	for (unsigned at = 0; at < 5; at++) {
		assert_events(&peers[at]->recorder, "closed:local");
		peer_destroy(peers[at]);
	}
	client_destroy(half);
	client_destroy(whole);
	conn_socket_init();
}

/* However much a peer sends at once, a turn of the loop takes 16 KiB of it; the rest comes in the turns that follow, and none is lost. */
static void test_share_of_a_turn(void **state)
{
	enum { SHARE = 16 * 1024, COUNT = 4000 };
	struct peer *peer = peer_create(&roomy_limits);
	struct cpl_buf flood = {0};

	peer_send(peer, CPL_STR(HEADER));
	turns(1);
	for (unsigned i = 0; i < COUNT; i++)
		cpl_buf_add(&flood, CPL_STR("<presence/>"));
	peer_send(peer, cpl_buf_str(&flood));
	turns(1);
	assert_in_range(peer->recorder.conn->elements_in, 1, SHARE / 11);
	turns(COUNT * 11 / SHARE + 1);
	assert_int_equal(peer->recorder.conn->elements_in, COUNT);
	cpl_buf_finish(&flood);
	peer_destroy(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_of_a_turn),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_tiny_records),
		cmocka_unit_test(test_eof_in_handshake),
		cmocka_unit_test(test_end_in_handshake),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_bad_record),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_finish_with_connections),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
