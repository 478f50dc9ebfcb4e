/* SPDX-License-Identifier: MIT */
/*
 * TLS over sockets, against OpenSSL's client: both versions, STARTTLS and direct, ALPN, and the channel
 * bindings as the client sees them.
 */
#include "tls_client.h"

#include "core/net/tls_tickets.h"

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
	peer_send(peer,
		  CPL_STR(HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message>injected"));
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

/* The client's Finished, its stream header and part of a stanza in one segment: no readiness tells of what
 * rode along. */
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
	/* What a turn takes; more would be refused by the socket in the end. */
	client->at_a_time = 16384;
	carry_on(client, 60);
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
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
				 SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
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
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_EXPORTER, NULL), 32);
	assert_memory_equal(ours, theirs, 32);
	len = SSL_get_finished(client->ssl, theirs, sizeof(theirs));
	assert_int_equal(len, version == TLS1_2_VERSION ? 12 : 32);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, ours), len);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, NULL), len);
	assert_memory_equal(ours, theirs, len);
	X509_digest(certificate, EVP_sha256(), hash, &hash_len);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_SERVER_END_POINT, ours), hash_len);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_SERVER_END_POINT, NULL), hash_len);
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
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_EXPORTER, NULL), 0);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, data), 0);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, NULL), 0);
	assert_int_equal(conn->ops->binding(conn, CPL_BINDING_SERVER_END_POINT, data), 32);
	client_destroy(client);
}

/* What a client sends while a worker has the handshake (a change_cipher_spec of RFC 8446 D.4, here) waits in the kernel, and is read afterwards. */
static void test_early_input(void **state)
{
	static const char change_cipher_spec[] = {0x14, 3, 3, 0, 1, 1};
	struct client *client = direct(TLS1_3_VERSION);

	assert_int_equal(SSL_do_handshake(client->ssl), -1);
	client_carry(client);
	while (!tls_steps_pending())
		loop_turn(1);
	assert_int_equal(send(client->peer->fd, change_cipher_spec, sizeof(change_cipher_spec), MSG_NOSIGNAL), sizeof(change_cipher_spec));
	assert_true(client_handshake(client));
	assert_events(&client->peer->recorder, "secured");
	client_destroy(client);
}

/* ---- cipher suites ---- */

static bool agrees_on(const char *suites, const char *name)
{
	const struct tls_host host = {.name = CPL_STR("example.org"), .certificate = certificate_path};
	const struct tls_settings settings = {.min_version = "TLSv1.2", .suites = suites, .unique_tls13 = true};
	struct client *client;
	bool agreed;

	tls_contexts_install(tls_contexts_create(&host, 1, &settings, no_complaint, NULL));
	client = direct(TLS1_3_VERSION);
	agreed = client_handshake(client) && strcmp(SSL_get_cipher_name(client->ssl), name) == 0;
	client_destroy(client);
	return agreed;
}

/* The client offers AES-256 first (OpenSSL's order); the server's order decides, and the mandatory suite of RFC 8446 9.1 is its first. */
static void test_suites(void **state)
{
	assert_true(agrees_on("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"));
	assert_true(agrees_on("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"));
	assert_true(agrees_on(NULL, "TLS_AES_128_GCM_SHA256"));
}

/* ---- session tickets (RFC 8446 4.6.1) ---- */

static void install_with(int64_t tickets_ms, const char *path)
{
	const struct tls_host host = {.name = CPL_STR("example.org"), .certificate = path};
	const struct tls_settings settings = {.min_version = "TLSv1.2", .unique_tls13 = true, .tickets_ms = tickets_ms};

	tls_tickets_start(tickets_ms);
	tls_contexts_install(tls_contexts_create(&host, 1, &settings, no_complaint, NULL));
}

static unsigned tickets;
static SSL_SESSION *ticket;

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	tickets++;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

/* A connection with the ticket at hand, if there is one; the tickets it gets are kept. */
static struct client *resuming(int version)
{
	struct client *client = direct(version);

	tickets = 0;
	SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client->context, keep_ticket);
	if (ticket)
		SSL_set_session(client->ssl, ticket);
	SSL_set_tlsext_host_name(client->ssl, "example.org");
	client->peer->recorder.react = write_at_message;
	assert_true(client_handshake(client));
	client_write(client, HEADER "<message/>");
	client_read(client, 9);
	assert_str(cpl_buf_str(&client->text), "<answer/>");
	/* OpenSSL's client forgets the session of a connection that it thinks broken. */
	SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN);
	return client;
}

static bool resumes(int version)
{
	struct client *client = resuming(version);
	bool resumed = SSL_session_reused(client->ssl);

	client_destroy(client);
	return resumed;
}

static void forget_ticket(void)
{
	SSL_SESSION_free(ticket);
	ticket = NULL;
}

static void test_tickets(void **state)
{
	install_with(3600000, certificate_path);
	forget_ticket();
	assert_false(resumes(TLS1_3_VERSION));
	assert_int_equal(tickets, 1);
	assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(ticket), 3600);
	assert_int_equal(SSL_SESSION_get_max_early_data(ticket), 0);
	assert_true(resumes(TLS1_3_VERSION));
	assert_int_equal(tickets, 1);
	assert_true(resumes(TLS1_3_VERSION));
	forget_ticket();
	/* Under TLS 1.2 there are none. */
	assert_false(resumes(TLS1_2_VERSION));
	assert_false(resumes(TLS1_2_VERSION));
	install_with(0, certificate_path);
	forget_ticket();
	assert_false(resumes(TLS1_3_VERSION));
	assert_int_equal(tickets, 0);
}

/* A ticket is no packet of its own: it leaves with what is said first, and before it. */
static void test_ticket_rides_along(void **state)
{
	struct client *client;
	char unread;

	install_with(3600000, certificate_path);
	forget_ticket();
	tickets = 0;
	client = direct(TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client->context, keep_ticket);
	client->peer->recorder.react = write_at_message;
	assert_true(client_handshake(client));
	client_write(client, HEADER);
	carry_on(client, 5);
	assert_int_equal(SSL_read(client->ssl, &unread, 1), -1);
	assert_int_equal(tickets, 0);
	client_write(client, "<message/>");
	client_read(client, 9);
	assert_str(cpl_buf_str(&client->text), "<answer/>");
	assert_int_equal(tickets, 1);
	client_destroy(client);
	install_with(0, certificate_path);
	forget_ticket();
}

/* The keys of the last lifetime are good for one more, older ones are not. */
static void test_tickets_rotate(void **state)
{
	SSL_SESSION *first;

	install_with(3600000, certificate_path);
	forget_ticket();
	assert_false(resumes(TLS1_3_VERSION));
	first = SSL_SESSION_dup(ticket);
	tls_tickets_rotate();
	assert_true(resumes(TLS1_3_VERSION));
	tls_tickets_rotate();
	/* What the resumed session got is of the former keys now. */
	assert_true(resumes(TLS1_3_VERSION));
	forget_ticket();
	ticket = first;
	assert_false(resumes(TLS1_3_VERSION));
	install_with(0, certificate_path);
	forget_ticket();
}

/* A reload that ends tickets fails no handshake that it finds under way: its ticket opens nothing. */
static void test_tickets_end(void **state)
{
	struct client *client;

	install_with(3600000, certificate_path);
	forget_ticket();
	client = direct(TLS1_3_VERSION);
	install_with(0, certificate_path);
	assert_true(client_handshake(client));
	client->peer->recorder.react = write_at_message;
	client_write(client, HEADER "<message/>");
	client_read(client, 9);
	assert_str(cpl_buf_str(&client->text), "<answer/>");
	client_destroy(client);
}

/* A client that resumes sees no certificate: after a new one it has to. */
static void test_tickets_and_certificates(void **state)
{
	char path[sizeof(certificate_path) + 8];
	X509 *other;

	snprintf(path, sizeof(path), "%s.other", certificate_path);
	other = certificate_write(path, &(struct certificate_options){.names = "DNS:example.org", .valid_until = 3600});
	install_with(3600000, certificate_path);
	forget_ticket();
	assert_false(resumes(TLS1_3_VERSION));
	install_with(3600000, certificate_path);
	assert_true(resumes(TLS1_3_VERSION));
	install_with(3600000, path);
	assert_false(resumes(TLS1_3_VERSION));
	install_with(0, certificate_path);
	forget_ticket();
	X509_free(other);
	unlink(path);
}

/* RFC 9266: the exporter is of this connection. RFC 5929 3: the first Finished of a resumed one is the server's. */
static void test_tickets_and_bindings(void **state)
{
	unsigned char ours[64], theirs[64], before[64];
	struct client *client;
	size_t len;

	install_with(3600000, certificate_path);
	forget_ticket();
	for (unsigned resumed = 0; resumed < 2; resumed++) {
		struct cpl_conn *conn;

		client = resuming(TLS1_3_VERSION);
		conn = client->peer->recorder.conn;
		assert_int_equal(SSL_session_reused(client->ssl), resumed);
		assert_int_equal(SSL_export_keying_material(client->ssl, theirs, 32, "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1), 1);
		assert_int_equal(conn->ops->binding(conn, CPL_BINDING_EXPORTER, ours), 32);
		assert_memory_equal(ours, theirs, 32);
		assert_true(!resumed || memcmp(ours, before, 32) != 0);
		memcpy(before, ours, 32);
		len = resumed ? SSL_get_peer_finished(client->ssl, theirs, sizeof(theirs)) : SSL_get_finished(client->ssl, theirs, sizeof(theirs));
		assert_int_equal(conn->ops->binding(conn, CPL_BINDING_TLS_UNIQUE, ours), len);
		assert_memory_equal(ours, theirs, len);
		assert_int_equal(conn->ops->binding(conn, CPL_BINDING_SERVER_END_POINT, ours), 32);
		client_destroy(client);
	}
	install_with(0, certificate_path);
	forget_ticket();
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
		cmocka_unit_test(test_key_update),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_early_input),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_bindings_without_extended_master_secret),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_ticket_rides_along),
		cmocka_unit_test(test_tickets_rotate),
		cmocka_unit_test(test_tickets_end),
		cmocka_unit_test(test_tickets_and_certificates),
		cmocka_unit_test(test_tickets_and_bindings),
		cmocka_unit_test(test_replaced_snapshot),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
