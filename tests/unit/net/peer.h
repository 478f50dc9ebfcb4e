/* SPDX-License-Identifier: MIT */
/* The other end of a socket connection in the same thread, and the connection under test with its recorder.
 */
#ifndef TESTS_UNIT_NET_PEER_H
#define TESTS_UNIT_NET_PEER_H

#include "recorder.h"

#include "core/net/conn_socket.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	struct recorder recorder;
	int fd; /* the peer's end, -1 once closed */
	struct cpl_buf received;
};

static inline struct peer *peer_create_with(const struct conn_socket_options *wanted)
{
	struct peer *peer = CPL_NEW(struct peer);
	struct conn_socket_options options = *wanted;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	peer->fd = pair[0];
	options.fd = pair[1];
	options.service = "c2s";
	options.events = &recorder_events;
	options.owner = &peer->recorder;
	peer->recorder.conn = conn_socket_create(&options);
	return peer;
}

static inline struct peer *peer_create(const struct cpl_conn_limits *limits)
{
	return peer_create_with(&(struct conn_socket_options){.limits = *limits});
}

static inline void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

/* Ends it if the test has not, lets it go and releases everything. */
static inline void peer_destroy(struct peer *peer)
{
	peer_close(peer);
	if (peer->recorder.conn && !peer->recorder.ended)
		recorder_end(&peer->recorder, 0);
	for (unsigned at = 0; at < 2000 && (peer->recorder.conn || conn_socket_count()); at++)
		loop_turn(1);
	turns(2);
	assert_null(peer->recorder.conn);
	assert_int_equal(conn_socket_count(), 0);
	cpl_buf_finish(&peer->recorder.log);
	cpl_buf_finish(&peer->received);
	cpl_free(peer);
}

static inline void peer_send(struct peer *peer, struct cpl_str bytes)
{
	assert_int_equal(send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* Reads what there is; false at the end of file. */
static inline bool peer_read(struct peer *peer)
{
	for (;;) {
		char *to = cpl_buf_reserve(&peer->received, 65536);
		ssize_t count = recv(peer->fd, to, 65536, 0);

		if (count < 0) {
			assert_int_equal(errno, EAGAIN);
			return true;
		}
		if (count == 0)
			return false;
		peer->received.len += (size_t)count;
	}
}

#define assert_received(peer, expected)                                                                      \
	do {                                                                                                 \
		assert_str(cpl_buf_str(&(peer)->received), (expected));                                      \
		cpl_buf_clear(&(peer)->received);                                                            \
	} while (0)

#endif
