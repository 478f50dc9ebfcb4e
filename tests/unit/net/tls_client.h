/* SPDX-License-Identifier: MIT */
/* OpenSSL's client at the other end of a socket connection, in the same thread; and the set-up that tests of
 * TLS share. */
#ifndef TESTS_UNIT_NET_TLS_CLIENT_H
#define TESTS_UNIT_NET_TLS_CLIENT_H

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
	BIO *to_us;	  /* what the client has to read */
	BIO *from_us;	  /* what it wants to send */
	size_t at_a_time; /* bytes per send; 0: all there are */
	struct cpl_buf text;
	bool eof;
};

static inline struct client *client_create(struct peer *peer, int version)
{
	struct client *client = CPL_NEW(struct client);

	client->peer = peer;
	/* Its keys are derived by OpenSSL, the server's by tls_kdf.c. */
	client->context = SSL_CTX_new_ex(NULL, "provider=default", TLS_client_method());
	SSL_CTX_set_min_proto_version(client->context, version);
	SSL_CTX_set_max_proto_version(client->context, version);
	client->ssl = SSL_new(client->context);
	client->to_us = BIO_new(BIO_s_mem());
	client->from_us = BIO_new(BIO_s_mem());
	SSL_set_bio(client->ssl, client->to_us, client->from_us);
	SSL_set_connect_state(client->ssl);
	return client;
}

static inline void client_destroy(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	cpl_buf_finish(&client->text);
	peer_destroy(client->peer);
	cpl_free(client);
}

/* Carries ciphertext both ways, one turn of the loop each time. */
static inline void client_carry(struct client *client)
{
	char *bytes;
	long waiting = BIO_get_mem_data(client->from_us, &bytes);
	size_t count = client->at_a_time && client->at_a_time < (size_t)waiting ? client->at_a_time
										: (size_t)waiting;
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
static inline bool client_handshake(struct client *client)
{
	for (unsigned round = 0; round < 4000; round++) {
		int result;

		ERR_clear_error();
		result = SSL_do_handshake(client->ssl);
		if (result != 1 && SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_READ)
			return false;
		if (result == 1 &&
		    (client->peer->recorder.conn == NULL || client->peer->recorder.conn->secure))
			return true;
		if (client->eof)
			return false;
		client_carry(client);
	}
	return false;
}

static inline void client_write(struct client *client, const char *text)
{
	assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), strlen(text));
}

/* Carries on until the client has read `count` bytes, or nothing comes any more. */
static inline void client_read(struct client *client, size_t count)
{
	for (unsigned round = 0; round < 400 && client->text.len < count; round++) {
		int got;

		client_carry(client);
		while ((got = SSL_read(client->ssl, cpl_buf_reserve(&client->text, 16384), 16384)) > 0)
			client->text.len += (size_t)got;
	}
}

static inline void carry_on(struct client *client, unsigned rounds)
{
	while (rounds--)
		client_carry(client);
}

/* ---- set-up ---- */

static inline void no_complaint(void *data, size_t host, bool fatal, const char *text)
{
	print_error("%s\n", text);
	fail();
}

static inline void install(const struct tls_host *hosts, size_t count)
{
	struct tls_settings settings = {.min_version = "TLSv1.2", .unique_tls13 = true};
	struct tls_contexts *contexts = tls_contexts_create(hosts, count, &settings, no_complaint, NULL);

	assert_non_null(contexts);
	tls_contexts_install(contexts);
}

static inline int set_up(void **state)
{
	if (loop_init(false) || worker_init(2) || !mkdtemp(folder))
		return -1;
	conn_socket_init();
	snprintf(certificate_path, sizeof(certificate_path), "%s/example.org.pem", folder);
	certificate =
		certificate_write(certificate_path, &(struct certificate_options){.names = "DNS:example.org",
										  .valid_until = 3600});
	install(&(struct tls_host){.name = CPL_STR("example.org"), .certificate = certificate_path}, 1);
	return 0;
}

static inline int tear_down(void **state)
{
	tls_contexts_install(NULL);
	X509_free(certificate);
	unlink(certificate_path);
	rmdir(folder);
	conn_socket_finish();
	worker_finish();
	xml_finish();
	loop_finish();
	return 0;
}

static inline struct client *direct(int version)
{
	return client_create(
		peer_create_with(&(struct conn_socket_options){.direct_tls = true, .limits = roomy_limits}),
		version);
}

static inline void wait_closed(struct peer *peer)
{
	for (unsigned round = 0; round < 2000 && peer->recorder.conn; round++)
		loop_turn(1);
}

#endif
