/* SPDX-License-Identifier: MIT */
/*
 * The inside of the socket connection, shared by its two files: conn_socket.c (life, ops, time-outs) and
 * conn_socket_io.c (bytes, in and out). Nothing else includes it.
 *
 * Ops never report events and never close the descriptor: they change the phase, queue output and ask for the
 * rest to be done by the flush at the end of the turn or in the next turn (`later`), where all events that an
 * op causes come from.
 */
#ifndef CORE_NET_CONN_SOCKET_IMPL_H
#define CORE_NET_CONN_SOCKET_IMPL_H

#include "core/loop/loop.h"
#include "core/net/conn_input.h"
#include "core/net/conn_socket.h"
#include "core/net/line.h"
#include "core/net/output.h"
#include "core/net/tls.h"
#include "core/net/wheel.h"

enum phase {
	PHASE_CLEAR,	 /* XML in the clear */
	PHASE_TURNING,	 /* start_tls(): what is queued in the clear has to leave first */
	PHASE_HANDSHAKE, /* TLS handshake */
	PHASE_SECURE,	 /* XML over TLS */
	PHASE_FLUSHING,	 /* ending: what is queued is being written */
	PHASE_DRAINING,	 /* ending: our side is shut down, input is discarded */
	PHASE_GONE,	 /* no descriptor any more */
};

enum {
	/* One read, which is all that a connection gets of a turn: two hundred small stanzas, about a millisecond. */
	READ_SIZE = 16 * 1024,
	/* What one read can decrypt to, or what was read ahead during the handshake. */
	PLAIN_SIZE = (int)TLS_HANDSHAKE_BYTES_MAX + (int)TLS_RECORD_ROOM,
	RECORD_SIZE = 16 * 1024, /* what fits one */
	RECORDS_AHEAD = 32 * 1024, /* ciphertext made before it is written */
	DISCARD_MAX = 64 * 1024,   /* input read and dropped while ending */
	QUIET_LINGER_MS = 2000, /* for connections that ended by themselves, to get the last bytes out */
	HALF_CLOSED_MS = 10000, /* after </stream:stream> and end of file, until the owner has ended it */
};

/* What most connections never need, or only when they end. */
struct conn_rare {
	int64_t paid_until_us; /* with a rate: when what was read so far is paid for (cpl_monotonic() * 1000) */
	int64_t stalled_at;    /* since when the socket takes nothing; 0: it does */
	int64_t end_by;	       /* ending: when it is closed at the latest; half-closed: when it ends; 0: not ending */
	char *detail;	       /* for `closed` */
	uint32_t discarded;
};

/* Thousands of these are idle: what an idle one does not need stands elsewhere, or comes and goes. */
struct conn_socket {
	struct cpl_conn conn;
	struct conn_input input;
	struct loop_io io;
	struct output plain; /* to be encrypted; also holds what is written before TLS stands */
	struct output raw;   /* for the socket as it is */
	struct tls *tls;     /* from PHASE_HANDSHAKE on */
	struct conn_rare *rare; /* NULL: all of it is zero */
	struct wheel_entry wheel;
	struct cpl_list all;
	int64_t heard_at;      /* cpl_monotonic() of the last input, or of the last `idle` */
	enum phase phase : 8;
	enum cpl_conn_end end : 8;
	bool dirty : 1;	     /* in the line of those to flush at the end of the turn */
	bool readable : 1;   /* in the line of those to be read */
	bool asked : 1;	     /* in the line of those that have something to report in the next turn */
	bool eof : 1;	     /* the peer has shut down its side */
	bool blocked : 1;    /* EAGAIN: waits until the socket is writable */
	bool broken : 1;     /* nothing can be sent or received */
	bool notified : 1;   /* close_notify is out or in raw */
	bool above_half : 1; /* the queue was above half its bound */
	bool drained : 1;    /* `drained` is to be reported */
	bool reported : 1;   /* `closed` has been reported */
	bool early : 1;	     /* the peer has sent something while the handshake could not take it */
};

static inline struct conn_socket *conn_socket_of(struct cpl_conn *conn)
{
	return CPL_CONTAINER(conn, struct conn_socket, conn);
}

/* ---- conn_socket.c ---- */

/* The rare part, made if it is not there. */
struct conn_rare *conn_socket_rare(struct conn_socket *s);
/* When it is to be closed, 0: not at any time. */
static inline int64_t conn_socket_end_by(const struct conn_socket *s)
{
	return s->rare ? s->rare->end_by : 0;
}

/*
 * Begins to end: stops input, and from the flush on writes what is queued, shuts down, drains and closes, all
 * within linger_ms. Ends that are not CPL_END_LOCAL are reported in the next turn, whatever lingers. detail
 * is copied. No effect when it is ending already.
 */
void conn_socket_begin_end(struct conn_socket *s, enum cpl_conn_end end, const char *detail,
			   int64_t linger_ms);
/* Closes the descriptor and releases all but the struct. Not from inside an event of its own input. */
void conn_socket_close(struct conn_socket *s);
/* Puts it on the list of those to flush at the end of the turn. */
void conn_socket_touch(struct conn_socket *s);
/* Ends it when more output waits than output_bytes, after a try to write it. Reports nothing; may be called
 * from an op. */
void conn_socket_check_bound(struct conn_socket *s);
/* Asks for what is to be reported or freed in the next turn. */
void conn_socket_ask(struct conn_socket *s);
/* Counts what was read against the rate, and stops reading when it is used up. */
void conn_socket_pay(struct conn_socket *s, size_t bytes);
/* Whether more of the peer's bytes are wanted now. */
bool conn_socket_reads(const struct conn_socket *s);
/* Sets the watcher and the wheel to what the phase needs. */
void conn_socket_watch(struct conn_socket *s);

/* ---- conn_socket_io.c ---- */

void conn_socket_io_init(void);
void conn_socket_io_finish(void);
/* The watcher's callback. */
void conn_socket_ready(struct loop_io *io, bool readable, bool writable);
/* Writes what the socket takes. Reports nothing and closes nothing; may be called from an op. */
void conn_socket_flush(struct conn_socket *s);
/* Goes on to what comes when output is out: the handshake, the steps of ending. Not from an op. */
void conn_socket_settle(struct conn_socket *s);
/* Begins to expect a ClientHello. alpn: see tls_create(). */
void conn_socket_start_handshake(struct conn_socket *s, const char *alpn);

#endif
