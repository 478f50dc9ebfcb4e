/* SPDX-License-Identifier: MIT */
/*
 * Many connections at once, whose peers and owners do anything at any time, from a fixed seed: each is closed
 * exactly once, no event breaks a promise of conn.h (the recorder looks), and nothing is left at the end.
 * Meant for the sanitizers.
 */
#include "peer.h"

#include "certificate.h"
#include "core/loop/worker.h"
#include "core/net/tls_context.h"
#include "core/net/wheel.h"
#include "core/xml/parser.h"
#include <openssl/ssl.h>
#include <signal.h>

enum { PEERS = 24, STEPS = 12000 };

struct storm_peer {
	struct peer *peer;
	SSL *ssl; /* NULL: the peer speaks in the clear */
	unsigned pauses;
};

static struct storm_peer peers[PEERS];
static SSL_CTX *client_context;
static uint32_t seed = 1;
static char path[] = "/tmp/couplet-test-XXXXXX";
static unsigned closed, created, handshakes_done;

static unsigned dice(unsigned sides)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % sides;
}

static const char *const said[] = {
	HEADER,
	"<message to='romeo@example.org'><body>hello</body></message>",
	"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
	"<presence/>",
	" ",
	"<iq type='get' id='1'><query xmlns='urn:x'/>",
	"</iq>",
	"</stream:stream>",
	"<presence></message>",
	"\x16\x03\x01\x00\x05hello",
};

static void act(struct recorder *recorder);

static void react(struct recorder *recorder, const char *event)
{
	if (strncmp(event, "closed", 6) == 0) {
		closed++;
		return;
	}
	if (strcmp(event, "secured") == 0)
		handshakes_done++;
	if (recorder->ended)
		return;
	if (strcmp(event, "element:starttls") == 0 && dice(2)) {
		OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<proceed/>")));
		OP(recorder, recorder->conn->ops->start_tls(recorder->conn));
	} else if (strncmp(event, "failed", 6) == 0) {
		recorder_end(recorder, dice(3000));
	} else if (dice(3) == 0) {
		act(recorder);
	}
}

/* One op of the owner, whichever. */
static void act(struct recorder *recorder)
{
	struct storm_peer *storm = NULL;
	struct cpl_conn *conn = recorder->conn;

	for (unsigned at = 0; at < PEERS; at++)
		if (peers[at].peer && &peers[at].peer->recorder == recorder)
			storm = &peers[at];
	if (!conn || recorder->ended || !storm)
		return;
	switch (dice(12)) {
	case 0:
	case 1:
	case 2:
		OP(recorder, conn->ops->write(conn, cpl_str_of(said[1])));
		break;
	case 3: {
		char *large = cpl_alloc(30000);

		OP(recorder, conn->ops->write(conn, (struct cpl_str){large, 30000}));
		cpl_free(large);
		break;
	}
	case 4:
		OP(recorder, conn->ops->pause(conn));
		storm->pauses++;
		break;
	case 5:
	case 6:
		if (!storm->pauses)
			break;
		OP(recorder, conn->ops->resume(conn));
		storm->pauses--;
		break;
	case 7:
		OP(recorder, conn->ops->restart(conn));
		break;
	case 8:
		if (dice(4) == 0)
			OP(recorder, conn->ops->close_stream(conn));
		break;
	case 9:
		if (dice(6) == 0)
			recorder_end(recorder, dice(2) ? 0 : dice(2000));
		break;
	case 10:
		if (dice(4) == 0)
			OP(recorder, conn->ops->start_tls(conn));
		break;
	case 11:
		OP(recorder, conn->ops->set_limits(conn, &roomy_limits));
		break;
	}
}

static void create(struct storm_peer *storm)
{
	struct conn_socket_options options = {.direct_tls = dice(2), .limits = roomy_limits};

	options.limits.output_bytes = 200000;
	options.limits.stanza_bytes = 2000;
	options.limits.keepalive_ms = 1000 + dice(5000);
	options.limits.write_ms = 5000;
	*storm = (struct storm_peer){.peer = peer_create_with(&options)};
	storm->peer->recorder.react = react;
	created++;
	if (options.direct_tls && dice(4)) {
		storm->ssl = SSL_new(client_context);
		SSL_set_fd(storm->ssl, storm->peer->fd);
		SSL_set_connect_state(storm->ssl);
	}
}

static void release(struct storm_peer *storm)
{
	SSL_free(storm->ssl);
	peer_close(storm->peer);
	assert_null(storm->peer->recorder.conn);
	cpl_buf_finish(&storm->peer->recorder.log);
	cpl_buf_finish(&storm->peer->received);
	CPL_FREE(storm->peer);
}

/* One thing that a peer does. */
static void disturb(struct storm_peer *storm)
{
	const char *text = said[dice(sizeof(said) / sizeof(said[0]) - (dice(8) ? 3 : 0))];
	size_t len = dice(5) ? strlen(text) : dice((unsigned)strlen(text) + 1);
	char buffer[4096];

	if (storm->peer->fd < 0)
		return;
	switch (dice(40)) {
	case 0:
		peer_close(storm->peer);
		return;
	case 1:
		shutdown(storm->peer->fd, SHUT_WR);
		return;
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		if (storm->ssl && SSL_is_init_finished(storm->ssl))
			SSL_read(storm->ssl, buffer, sizeof(buffer));
		else if (!storm->ssl)
			(void)!recv(storm->peer->fd, buffer, sizeof(buffer), 0);
		return;
	default:
		break;
	}
	if (storm->ssl) {
		if (!SSL_is_init_finished(storm->ssl))
			SSL_do_handshake(storm->ssl);
		else if (len)
			SSL_write(storm->ssl, text, (int)len);
		return;
	}
	(void)!send(storm->peer->fd, text, len, MSG_NOSIGNAL);
}

static void test_storm(void **state)
{
	/* Handshakes are done by workers, which have their own pace: on a busy machine it takes more steps until enough of them came to their end. */
	for (unsigned step = 0; step < STEPS || (step < 100 * STEPS && handshakes_done <= PEERS); step++) {
		struct storm_peer *storm = &peers[dice(PEERS)];

		if (storm->peer && !storm->peer->recorder.conn)
			release(storm);
		else if (!storm->peer)
			create(storm);
		else if (dice(4))
			disturb(storm);
		else
			act(&storm->peer->recorder);
		if (dice(3) == 0)
			loop_turn(step < STEPS ? 0 : 1);
	}
	conn_socket_finish();
	for (unsigned at = 0; at < PEERS; at++)
		if (peers[at].peer)
			release(&peers[at]);
	assert_int_equal(closed, created);
	assert_int_equal(conn_socket_count(), 0);
	assert_int_equal(conn_socket_handshakes(), 0);
	assert_int_equal(wheel_count(), 0);
	/* The storm reached what it was meant to reach. */
	assert_true(created > 3 * PEERS);
	assert_true(handshakes_done > PEERS);
}

static void no_complaint(void *data, size_t host, bool fatal, const char *text)
{
	print_error("%s\n", text);
	fail();
}

static int set_up(void **state)
{
	struct tls_settings settings = {.min_version = "TLSv1.2"};
	struct tls_host host = {.name = CPL_STR("example.org"), .certificate = path};
	int fd = mkstemp(path);

	if (fd < 0 || loop_init(false) || worker_init(2))
		return -1;
	close(fd);
	/* OpenSSL's client writes to closed sockets; ours must not need this. */
	signal(SIGPIPE, SIG_IGN);
	X509_free(certificate_write(
		path, &(struct certificate_options){.names = "DNS:example.org", .valid_until = 3600}));
	tls_contexts_install(tls_contexts_create(&host, 1, &settings, no_complaint, NULL));
	client_context = SSL_CTX_new(TLS_client_method());
	conn_socket_init();
	return 0;
}

static int tear_down(void **state)
{
	SSL_CTX_free(client_context);
	tls_contexts_install(NULL);
	worker_finish();
	xml_finish();
	loop_finish();
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
