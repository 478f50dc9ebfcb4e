/* SPDX-License-Identifier: MIT */
/*
 * One client connection of the load generator: TCP, STARTTLS or direct TLS, SASL (SCRAM-SHA-1, SCRAM-SHA-256, PLAIN), bind, presence. All connections are driven by
 * one epoll loop in one thread, so that the program can be pinned. It knows just enough XML to follow servers that other people wrote.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum client_tls { CLIENT_PLAIN, CLIENT_STARTTLS, CLIENT_DIRECT };
enum client_state {
	CLIENT_IDLE,       /* not connected */
	CLIENT_CONNECTING,
	CLIENT_TLS_HANDSHAKE,
	CLIENT_FEATURES,   /* first features */
	CLIENT_PROCEED,
	CLIENT_CHALLENGE,
	CLIENT_SUCCESS,
	CLIENT_FEATURES_2, /* behind authentication */
	CLIENT_BIND,
	CLIENT_SESSION,
	CLIENT_READY,
	CLIENT_FAILED,
};

struct client_options {
	struct sockaddr_storage address;
	socklen_t address_len;
	uint32_t addresses; /* more than one: from 127.1.0.1 on, each client in turn, as people come from many */
	const char *domain;
	const char *password;
	const char *mechanism; /* "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN" */
	enum client_tls tls;
	bool presence; /* sends presence of 300 bytes once bound, as clients of one make do */
	bool personal; /* its status says whose it is, so that nobody's presence is like another's */
	SSL_CTX *ssl;
};

struct client {
	int fd;
	enum client_state state;
	const struct client_options *options;
	SSL *tls;
	bool secured, writing, dead;
	bool may_end, deaf;
	char user[64];
	char nonce[32];
	char *server_first;
	char *in; /* what has been read and not understood */
	size_t in_len, in_size;
	char *out;
	size_t out_len, out_size, out_sent;
	uint64_t started_ns, ready_ns;
	void (*received)(struct client *client); /* called with in/in_len once ready; takes what it understands with client_take() */
	/* The scenario's own. */
	uint32_t index, peer;
	uint64_t sent, got, expected;
	uint64_t stamps[64];
};

/* The loop: clients register themselves. */
int clients_init(void);
/* Waits at most `ms` and handles what there is. */
void clients_turn(int ms);
/* Begins to connect; false at once when the socket cannot be made. */
bool client_start(struct client *client, const struct client_options *options, const char *user);
/* Queues bytes; they leave at the end of the turn. */
void client_send(struct client *client, const char *bytes, size_t len);
void client_take(struct client *client, size_t bytes);
void client_close(struct client *client);
/* From here on the server's end of the connection is no failure. */
void client_may_end(struct client *client);
/* The client reads no more, and may be ended for it. */
void client_deafen(struct client *client);
/* It reads again. */
void client_listen(struct client *client);
uint64_t now_ns(void);
/* Clients in state READY, and those that failed; *why: the last reason. */
extern size_t clients_ready, clients_failed;
extern char clients_why[256];

#endif
