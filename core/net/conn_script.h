/* SPDX-License-Identifier: MIT */
/*
 * The scripted connection: struct cpl_conn without a socket, for tests. Text goes in as if a peer had sent
 * it, what the server writes can be read. Framing, parsing, limits and pauses are the very ones of the
 * socket; TLS is pretended: start_tls() is followed by `secured` in the next turn. It keeps the promises of
 * conn.h: no event comes from inside an op, `closed` comes once, in a later turn.
 *
 * The test owns the script and destroys it after `closed`. Session thread; needs the loop.
 */
#ifndef CORE_NET_CONN_SCRIPT_H
#define CORE_NET_CONN_SCRIPT_H

#include <couplet/conn.h>

struct conn_script;

struct conn_script_options {
	const struct cpl_conn_events *events;
	void *owner;
	const char *service; /* static life */
	const char *address; /* NULL: "192.0.2.1:40001" */
	struct cpl_conn_limits limits;
	bool secure;		/* TLS stands from the start */
	struct cpl_str binding; /* what binding() answers for every kind once secure; static life, at most 64
				   bytes */
};

struct conn_script *conn_script_create(const struct conn_script_options *options);
/* `closed` must have been reported, and its calls must have called back. Nulls the pointer, accepts NULL. */
void conn_script_destroy(struct conn_script **script);
struct cpl_conn *conn_script_conn(struct conn_script *script);

/* The peer sends: what becomes complete is reported before this returns. Not between start_tls() and
 * `secured`. */
void conn_script_feed(struct conn_script *script, struct cpl_str bytes);
/* The connection ends by itself (CPL_END_EOF, RESET ...), reported in the next turn. An end of file after
 * </stream:stream> waits for the owner, as on a socket. */
void conn_script_lose(struct conn_script *script, enum cpl_conn_end end);
/* The peer stops or goes on reading; while it does not, output waits and counts against output_bytes. */
void conn_script_block(struct conn_script *script, bool blocked);
/* The peer was silent for keepalive_ms: reports `idle`. */
void conn_script_idle(struct conn_script *script);

/* Takes out what the peer has received, NUL-terminated; to be released with cpl_free. */
char *conn_script_take(struct conn_script *script);
/* True once `closed` has been reported. */
bool conn_script_closed(const struct conn_script *script);

#endif
