/* SPDX-License-Identifier: MIT */
/*
 * The connection over a TCP (or local stream) socket, plain or TLS: reads go to one buffer per thread, one
 * read per wake-up; frames are parsed and reported; output is chained per connection from pooled chunks and
 * flushed once per turn of the loop, with one write or one SSL_write; a write watcher only after EAGAIN. An
 * idle connection holds no parser and no buffers. Time-outs by a coarse wheel. TLS handshakes run on workers.
 */
#ifndef CORE_NET_CONN_SOCKET_H
#define CORE_NET_CONN_SOCKET_H

#include <couplet/conn.h>

struct tls_contexts;

struct conn_socket_options {
	int fd;		     /* non-blocking, close-on-exec; taken over */
	bool direct_tls;     /* the first bytes are a TLS handshake (XEP-0368) */
	const char *service; /* static life */
	const struct cpl_conn_events *events;
	void *owner;
	struct cpl_conn_limits limits;
	const char *alpn; /* with direct_tls: the protocol that a client offering any must offer (RFC 7301);
			     static life; NULL: "xmpp-client" */
	const char *address; /* the peer's, as text (copied); NULL: the socket is asked */
};

/* Reports nothing before the next turn. */
struct cpl_conn *conn_socket_create(const struct conn_socket_options *options);
/* Bytes of the heap that a connection holds, by what for. False: it is no socket's. */
struct conn_parts {
	size_t connection, rare, input, output, tls;
};
bool conn_socket_parts(const struct cpl_conn *conn, struct conn_parts *parts);
/* Sockets open, and handshakes under way. */
size_t conn_socket_count(void);
size_t conn_socket_handshakes(void);
/*
 * Once, before the first connection and after every other user of end-of-turn hooks, so that what those write
 * leaves in the same turn; finish closes without further ceremony what is left, which is reported as usual
 * (it turns the loop for that, for a second at most), and releases the pools. The workers must still run.
 */
void conn_socket_init(void);
void conn_socket_finish(void);

#endif
