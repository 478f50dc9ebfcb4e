/* SPDX-License-Identifier: MIT */
/*
 * TLS over sockets, against OpenSSL's client in the same thread: both versions, STARTTLS and direct, what hostile peers do in a handshake, and the
 * channel bindings as the client sees them.
 */
#include "peer.h"

#include "certificate.h"
#include "core/loop/worker.h"
#include "core/net/tls.h"
#include "core/xml/parser.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

static char folder[] = "/tmp/couplet-test-XXXXXX";
static char certificate_path[CERTIFICATE_PATH];
static X509 *certificate;

/* ---- the client ---- */

struct client {
	struct peer *peer;
	SSL_CTX *context;
	SSL *ssl;
	BIO *to_us;      /* what the client has to read */
	BIO *from_us;    /* what it wants to send */
	size_t at_a_time; /* bytes per send; 0: all there are */
	struct cpl_buf text;
	bool eof;
};

static struct client *client_create(struct peer *peer, int version)
{
	struct client *client = CPL_NEW(struct client);

	client->peer = peer;
	client->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(client->context, version);
	SSL_CTX_set_max_proto_version(client->context, version);
	client->ssl = SSL_new(client->context);
	client->to_us = BIO_new(BIO_s_mem());
	client->from_us = BIO_new(BIO_s_mem());
	SSL_set_bio(client->ssl, client->to_us, client->from_us);
	SSL_set_connect_state(client->ssl);
	return client;
}

static void client_destroy(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	cpl_buf_finish(&client->text);
	peer_destroy(client->peer);
	cpl_free(client);
}

/* Carries ciphertext both ways, one turn of the loop each time. */
static void client_carry(struct client *client)
{
	char *bytes;
	long waiting = BIO_get_mem_data(client->from_us, &bytes);
	size_t count = client->at_a_time && client->at_a_time < (size_t)waiting ? client->at_a_time : (size_t)waiting;
	char part[65536];

	if (count > sizeof(part))
		count = sizeof(part);
	if (count) {
		BIO_read(client->from_us, part, (int)count);
		if (send(client->peer->fd, part, count, MSG_NOSIGNAL) < 0)
			client->eof = true;
	}
	loop_turn(1);
	if (!peer_read(client->peer))
		client->eof = true;
	if (client->peer->received.len)
		BIO_write(client->to_us, client->peer->received.ptr, (int)client->peer->received.len);
	cpl_buf_clear(&client->peer->received);
}

/* Runs the handshake until it stands or has failed. */
static bool client_handshake(struct client *client)
{
	for (unsigned round = 0; round < 4000; round++) {
		int result;

		ERR_clear_error();
		result = SSL_do_handshake(client->ssl);
		if (result != 1 && SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_READ)
			return false;
		if (result == 1 && (client->peer->recorder.conn == NULL || client->peer->recorder.conn->secure))
			return true;
		if (client->eof)
			return false;
		client_carry(client);
	}
	return false;
}

static void client_write(struct client *client, const char *text)
{
	assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), strlen(text));
}

/* Carries on until the client has read `count` bytes, or nothing comes any more. */
static void client_read(struct client *client, size_t count)
{
	for (unsigned round = 0; round < 400 && client->text.len < count; round++) {
		int got;

		client_carry(client);
		while ((got = SSL_read(client->ssl, cpl_buf_reserve(&client->text, 16384), 16384)) > 0)
			client->text.len += (size_t)got;
	}
}

static void carry_on(struct client *client, unsigned rounds)
{
	while (rounds--)
		client_carry(client);
}

/* ---- set-up ---- */

static void no_complaint(void *data, size_t host, bool fatal, const char *text)
{
	print_error("%s\n", text);
	fail();
}

static void install(const struct tls_host *hosts, size_t count)
{
	struct tls_settings settings = {.min_version = "TLSv1.2", .unique_tls13 = true};
	struct tls_contexts *contexts = tls_contexts_create(hosts, count, &settings, no_complaint, NULL);

	assert_non_null(contexts);
	tls_contexts_install(contexts);
}

static int set_up(void **state)
{
	if (loop_init(false) || worker_init(2) || !mkdtemp(folder))
		return -1;
	conn_socket_init();
	snprintf(certificate_path, sizeof(certificate_path), "%s/example.org.pem", folder);
	certificate = certificate_write(certificate_path,
					&(struct certificate_options){.names = "DNS:example.org", .valid_until = 3600});
	install(&(struct tls_host){.name = CPL_STR("example.org"), .certificate = certificate_path}, 1);
	return 0;
}

static int tear_down(void **state)
{
	tls_contexts_install(NULL);
	X509_free(certificate);
	unlink(certificate_path);
	rmdir(folder);
	worker_finish();
	conn_socket_finish();
	xml_finish();
	loop_finish();
	return 0;
}

static struct client *direct(int version)
{
	return client_create(peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits}),
			     version);
}

/* ---- tests ---- */

static void write_at_message(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:message") == 0)
		OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<answer/>")));
}

static void talk(int version)
{
	struct client *client = direct(version);
	struct recorder *recorder = &client->peer->recorder;
	char buffer[64];

	recorder->react = write_at_message;
	assert_true(client_handshake(client));
	assert_events(recorder, "secured");
	client_write(client, HEADER "<message/>");
	client_read(client, 9);
	assert_events(recorder, "opened:example.org element:message");
	assert_str(cpl_buf_str(&client->text), "<answer/>");
	assert_true(strncmp(recorder->conn->ops->describe(recorder->conn, buffer, sizeof(buffer)).ptr,
			    version == TLS1_3_VERSION ? "TLSv1.3 TLS_" : "TLSv1.2 ECDHE-", 12) == 0);
	recorder_end(recorder, 2000);
	carry_on(client, 5);
	/* close_notify, then the end of file. */
	assert_int_equal(SSL_read(client->ssl, buffer, sizeof(buffer)), 0);
	assert_int_equal(SSL_get_error(client->ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_true(client->eof);
	client_destroy(client);
}

static void test_tls13(void **state)
{
	talk(TLS1_3_VERSION);
}

static void test_tls12(void **state)
{
	talk(TLS1_2_VERSION);
}

static void start_tls(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:starttls") != 0)
		return;
	OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<proceed/>")));
	OP(recorder, recorder->conn->ops->start_tls(recorder->conn));
	/* What is written from here on may not leave in the clear. */
	OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<secret/>")));
}

/* RFC 6120 5.4.3: proceed in the clear, then the handshake; what was injected behind <starttls/> is gone. */
static void test_starttls(void **state)
{
	struct peer *peer = peer_create(&roomy_limits);
	struct client *client;

	peer->recorder.react = start_tls;
	peer_send(peer, CPL_STR(HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message>injected"));
	for (unsigned at = 0; at < 5; at++)
		loop_turn(1);
	peer_read(peer);
	assert_received(peer, "<proceed/>");
	assert_events(&peer->recorder, "opened:example.org element:starttls");
	client = client_create(peer, TLS1_3_VERSION);
	assert_true(client_handshake(client));
	client_write(client, HEADER "<presence/>");
	client_read(client, 9);
	assert_str(cpl_buf_str(&client->text), "<secret/>");
	assert_events(&peer->recorder, "secured opened:example.org element:presence");
	client_destroy(client);
}

/* The client's Finished, its stream header and part of a stanza in one segment: no readiness tells of what rode along. */
static void test_data_with_finished(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);
	struct recorder *recorder = &client->peer->recorder;

	for (unsigned round = 0; round < 1000 && SSL_do_handshake(client->ssl) != 1; round++)
		client_carry(client);
	assert_false(recorder->conn->secure);
	client_write(client, HEADER "<presence/><mess");
	client_carry(client);
	for (unsigned round = 0; round < 100 && !recorder->conn->secure; round++)
		loop_turn(5);
	assert_events(recorder, "secured opened:example.org element:presence");
	client_write(client, "age/>");
	carry_on(client, 2);
	assert_events(recorder, "element:message");
	client_destroy(client);
}

/* Every byte of the handshake and of the records in a segment of its own. */
static void test_byte_by_byte(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);

	client->at_a_time = 1;
	assert_true(client_handshake(client));
	client_write(client, HEADER "<presence/>");
	carry_on(client, 300);
	assert_events(&client->peer->recorder, "secured opened:example.org element:presence");
	client_destroy(client);
}

/* Much in both directions: many records a read, many records a write, a peer that reads slowly. */
static void test_bulk(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);
	struct recorder *recorder = &client->peer->recorder;
	struct cpl_buf stanza = {0};
	size_t total = 0;

	assert_true(client_handshake(client));
	client_write(client, HEADER);
	cpl_buf_add(&stanza, CPL_STR("<message><body>"));
	for (unsigned at = 0; at < 100000; at++)
		cpl_buf_add_char(&stanza, 'x');
	cpl_buf_add(&stanza, CPL_STR("</body></message>"));
	for (unsigned at = 0; at < 5; at++)
		client_write(client, stanza.ptr);
	carry_on(client, 40);
	assert_int_equal(recorder->elements, 5);
	for (unsigned at = 0; at < 8; at++) {
		OP(recorder, recorder->conn->ops->write(recorder->conn, cpl_buf_str(&stanza)));
		total += stanza.len;
	}
	client_read(client, total);
	assert_int_equal(client->text.len, total);
	assert_memory_equal(client->text.ptr + stanza.len, stanza.ptr, stanza.len);
	cpl_buf_finish(&stanza);
	client_destroy(client);
}

/* ---- hostile ---- */

static void wait_closed(struct peer *peer)
{
	for (unsigned round = 0; round < 2000 && peer->recorder.conn; round++)
		loop_turn(1);
}

static void test_garbage(void **state)
{
	struct peer *peer = peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});

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
	struct peer *peer = peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits});
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

/* The owner's deadline: a peer that says nothing, or stops in the middle, is ended by it and hears nothing in the clear. */
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
	OP(recorder, recorder->conn->ops->open(recorder->conn, &(struct cpl_stream_header){.content = CPL_NS_CLIENT}));
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

/* A record that was changed on its way ends the connection with an alert; what was whole before it is reported. */
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

/* A key update (RFC 8446 4.6.3) is answered and both directions go on. */
static void test_key_update(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);
	struct recorder *recorder = &client->peer->recorder;

	recorder->react = write_at_message;
	assert_true(client_handshake(client));
	client_write(client, HEADER);
	assert_int_equal(SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	client_write(client, "<message/>");
	client_read(client, 9);
	client_write(client, "<message/>");
	client_read(client, 18);
	assert_str(cpl_buf_str(&client->text), "<answer/><answer/>");
	client_destroy(client);
}

/* ---- ALPN (XEP-0368) ---- */

static bool handshake_with_alpn(const char *protocols, size_t len)
{
	struct client *client = direct(TLS1_3_VERSION);
	const unsigned char *chosen;
	unsigned chosen_len;
	bool stands;

	SSL_set_alpn_protos(client->ssl, (const unsigned char *)protocols, (unsigned)len);
	stands = client_handshake(client);
	if (stands) {
		SSL_get0_alpn_selected(client->ssl, &chosen, &chosen_len);
		assert_str(((struct cpl_str){(const char *)chosen, chosen_len}), "xmpp-client");
	} else {
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
		wait_closed(client->peer);
		assert_events(&client->peer->recorder, "closed:tls");
	}
	ERR_clear_error();
	client_destroy(client);
	return stands;
}

static void test_alpn(void **state)
{
	assert_true(handshake_with_alpn("\x02h2\x0bxmpp-client", 15));
	assert_false(handshake_with_alpn("\x02h2", 3));
	assert_false(handshake_with_alpn("\x0bxmpp-server", 12));
}

/* ---- channel bindings ---- */

static void bindings(int version)
{
	struct client *client = direct(version);
	struct cpl_conn *conn = client->peer->recorder.conn;
	unsigned char ours[64], theirs[64], hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;
	size_t len;

	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_EXPORTER, ours), 0);
	assert_true(client_handshake(client));
	assert_int_equal(SSL_export_keying_material(client->ssl, theirs, 32, "EXPORTER-Channel-Binding", 24,
						    (const unsigned char *)"", 0, 1),
			 1);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_EXPORTER, ours), 32);
	assert_memory_equal(ours, theirs, 32);
	len = SSL_get_finished(client->ssl, theirs, sizeof(theirs));
	assert_int_equal(len, version == TLS1_2_VERSION ? 12 : 48);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, ours), len);
	assert_memory_equal(ours, theirs, len);
	X509_digest(certificate, EVP_sha256(), hash, &hash_len);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_SERVER_END_POINT, ours), hash_len);
	assert_memory_equal(ours, hash, hash_len);
	client_destroy(client);
}

static void test_bindings(void **state)
{
	bindings(TLS1_3_VERSION);
	bindings(TLS1_2_VERSION);
}

/* Without extended master secret (RFC 7627) TLS 1.2 has neither tls-unique nor tls-exporter. */
static void test_bindings_without_extended_master_secret(void **state)
{
	struct client *client = direct(TLS1_2_VERSION);
	struct cpl_conn *conn = client->peer->recorder.conn;
	unsigned char data[64];

	SSL_set_options(client->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	assert_true(client_handshake(client));
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_EXPORTER, data), 0);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, data), 0);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_SERVER_END_POINT, data), 32);
	client_destroy(client);
}

/* A snapshot that is replaced lives on for the connections that began with it. */
static void test_replaced_snapshot(void **state)
{
	struct client *client = direct(TLS1_3_VERSION);

	SSL_do_handshake(client->ssl);
	client_carry(client);
	install(&(struct tls_host){.name = CPL_STR("example.org"), .certificate = certificate_path}, 1);
	assert_true(client_handshake(client));
	client_destroy(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls13),
		cmocka_unit_test(test_tls12),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_data_with_finished),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_tiny_records),
		cmocka_unit_test(test_eof_in_handshake),
		cmocka_unit_test(test_end_in_handshake),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_bad_record),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_key_update),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_bindings_without_extended_master_secret),
		cmocka_unit_test(test_replaced_snapshot),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
