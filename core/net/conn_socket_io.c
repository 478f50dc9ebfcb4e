/* SPDX-License-Identifier: MIT */
/* The socket connection's bytes: reading, the handshake, flushing, and the steps of ending. */
#include "core/base/count.h"
#include "core/net/conn_socket_impl.h"
#include <couplet/time.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

/* One read at a time is looked at, so that one buffer of each kind serves all connections, and one record is made at a time. */
static char *read_buffer;
static char *plain_buffer;
static char *record_buffer;
static struct line to_read;

void conn_socket_io_init(void)
{
	read_buffer = cpl_alloc(READ_SIZE);
	plain_buffer = cpl_alloc(PLAIN_SIZE);
	record_buffer = cpl_alloc(RECORD_SIZE);
}

void conn_socket_io_finish(void)
{
	CPL_FREE(read_buffer);
	CPL_FREE(plain_buffer);
	CPL_FREE(record_buffer);
	line_finish(&to_read);
}

/* The socket or the peer's TLS is beyond use. */
static void lose(struct conn_socket *s, const char *detail)
{
	s->broken = true;
	if (s->rare)
		s->rare->end_by = 0;
	conn_socket_begin_end(s, CPL_END_RESET, detail, 0);
	conn_socket_touch(s);
}

/* ---- in ---- */

static void reached_eof(struct conn_socket *s)
{
	s->eof = true;
	switch (s->phase) {
	case PHASE_CLEAR:
	case PHASE_SECURE:
		/* RFC 6120 4.4: who has closed its stream may still be owed answers; the owner ends the
		 * connection when they are written. */
		if (s->input.closing && !s->input.stopped)
			conn_socket_rare(s)->end_by = cpl_monotonic() + HALF_CLOSED_MS;
		else
			conn_socket_begin_end(s, CPL_END_EOF, NULL, QUIET_LINGER_MS);
		break;
	case PHASE_TURNING:
	case PHASE_HANDSHAKE:
		conn_socket_begin_end(s, CPL_END_EOF, "during the TLS handshake", QUIET_LINGER_MS);
		break;
	default:
		break;
	}
}

/* Decrypts and reports until OpenSSL wants more. */
static void take_records(struct conn_socket *s, struct cpl_str cipher)
{
	size_t len = 0, before = s->raw.len;
	enum tls_read result = tls_read(s->tls, cipher, plain_buffer, PLAIN_SIZE, &len, &s->raw);

	if (s->raw.len > before) {
		/* Alerts count too: a peer may provoke them and read none. */
		conn_socket_touch(s);
		conn_socket_check_bound(s);
	}
	if (len)
		conn_input_feed(&s->input, (struct cpl_str){plain_buffer, len});
	if (s->phase != PHASE_SECURE)
		return;
	if (result == TLS_READ_EOF)
		reached_eof(s);
	else if (result == TLS_READ_ERROR)
		conn_socket_begin_end(s, CPL_END_RESET, tls_error(s->tls), QUIET_LINGER_MS);
}

static void go_on_handshake(struct conn_socket *s)
{
	switch (tls_state(s->tls)) {
	case TLS_WANTS_INPUT:
	case TLS_WORKING:
		break;
	case TLS_FAILED:
		conn_socket_begin_end(s, CPL_END_TLS, tls_error(s->tls), QUIET_LINGER_MS);
		break;
	case TLS_STANDS:
		s->phase = PHASE_SECURE;
		s->conn.secure = true;
		s->conn.events->secured(&s->conn);
		/* A stream header may have come with the client's Finished; no readiness will tell of it. */
		if (s->phase == PHASE_SECURE)
			take_records(s, CPL_NONE);
		break;
	}
}

/* What is read while ending only keeps the kernel from resetting the connection. */
static void discard(struct conn_socket *s, size_t count)
{
	struct conn_rare *rare = conn_socket_rare(s);

	rare->discarded += (uint32_t)count;
	if (rare->discarded >= DISCARD_MAX)
		s->eof = true;
}

static void take(struct conn_socket *s, struct cpl_str bytes)
{
	switch (s->phase) {
	case PHASE_CLEAR:
		conn_input_feed(&s->input, bytes);
		break;
	case PHASE_SECURE:
		take_records(s, bytes);
		break;
	case PHASE_HANDSHAKE:
		tls_handshake(s->tls, bytes);
		go_on_handshake(s);
		break;
	default:
		discard(s, bytes.len);
		break;
	}
}

static void read_once(struct conn_socket *s)
{
	ssize_t count;

	do
		count = recv(s->io.fd, read_buffer, conn_input_appetite(&s->input, READ_SIZE), 0);
	while (count < 0 && errno == EINTR);
	if (count > 0) {
		s->heard_at = cpl_monotonic();
		s->conn.bytes_in += (uint64_t)count;
		count_add(COUNT_BYTES_IN, (uint64_t)count);
		conn_socket_pay(s, (size_t)count);
		take(s, (struct cpl_str){read_buffer, (size_t)count});
	} else if (count == 0) {
		reached_eof(s);
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		lose(s, strerror(errno));
	}
}

static void stepped(struct tls *tls, void *owner)
{
	struct conn_socket *s = owner;

	s->early = false;
	if (s->phase == PHASE_HANDSHAKE) {
		tls_take_output(tls, &s->raw);
		/* Nobody waits for tickets: they leave with what is said first. */
		if (s->plain.len || !tls_output_can_wait(tls))
			conn_socket_touch(s);
		go_on_handshake(s);
	}
	conn_socket_settle(s);
}

void conn_socket_start_handshake(struct conn_socket *s, const char *alpn)
{
	struct tls_contexts *contexts = tls_contexts_current();

	if (!contexts || !tls_contexts_default(contexts)) {
		conn_socket_begin_end(s, CPL_END_TLS, "no certificate is configured", 0);
		return;
	}
	s->phase = PHASE_HANDSHAKE;
	s->early = false;
	s->tls = tls_create(contexts, alpn, stepped, s);
}

static bool handshake_busy(const struct conn_socket *s)
{
	return s->phase == PHASE_TURNING || (s->phase == PHASE_HANDSHAKE && tls_state(s->tls) != TLS_WANTS_INPUT);
}

static void read_next(struct conn_socket *s)
{
	s->readable = false;
	if (s->phase == PHASE_GONE)
		return;
	if (handshake_busy(s))
		s->early = true;
	/* What came before it in this turn may have stopped its input. */
	else if (conn_socket_reads(s))
		read_once(s);
	conn_socket_settle(s);
}

/* One read each, in the order in which they became readable; for whom this turn has no time is read first in the next. */
static void read_line(struct loop_task *task)
{
	struct conn_socket *s;

	while ((s = line_take(&to_read))) {
		read_next(s);
		if (to_read.count && loop_turn_over()) {
			loop_post(task);
			return;
		}
	}
}

void conn_socket_ready(struct loop_io *io, bool readable, bool writable)
{
	static struct loop_task task = {.run = read_line};
	struct conn_socket *s = CPL_CONTAINER(io, struct conn_socket, io);

	if (writable) {
		if (s->blocked) {
			s->blocked = false;
			conn_socket_flush(s);
		}
		conn_socket_settle(s);
	}
	if (!readable || s->readable || s->phase == PHASE_GONE)
		return;
	s->readable = true;
	line_add(&to_read, s);
	if (to_read.count == 1)
		loop_settle(&task);
}

/* ---- out ---- */

/* Encrypts some of what waits; whole chunks become whole records. */
static bool make_records(struct conn_socket *s)
{
	while (s->plain.len && s->raw.len < RECORDS_AHEAD) {
		struct cpl_str front = output_gather(&s->plain, record_buffer, RECORD_SIZE);

		if (!tls_write(s->tls, front, &s->raw))
			return false;
		output_consume(&s->plain, front.len);
	}
	return true;
}

void conn_socket_flush(struct conn_socket *s)
{
	while (!s->blocked && !s->broken) {
		ssize_t sent;

		if (s->conn.secure && !make_records(s)) {
			lose(s, "TLS can send no more");
			return;
		}
		if (!s->raw.len)
			break;
		sent = output_send(&s->raw, s->io.fd);
		if (sent < 0) {
			lose(s, strerror((int)-sent));
			return;
		}
		if (sent == 0) {
			s->blocked = true;
			if (!conn_socket_rare(s)->stalled_at)
				s->rare->stalled_at = cpl_monotonic();
			break;
		}
		s->conn.bytes_out += (uint64_t)sent;
		count_add(COUNT_BYTES_OUT, (uint64_t)sent);
		if (s->rare)
			s->rare->stalled_at = 0;
	}
	if (s->above_half && !s->raw.len && !s->plain.len) {
		s->above_half = false;
		s->drained = true;
		conn_socket_ask(s);
	}
}

/* One step further on the way out: flush, close_notify, shutdown, drain, close. */
static void go_on_ending(struct conn_socket *s)
{
	/* A step of the handshake that runs on a worker owns the TLS object; its return comes here again. */
	if (s->tls && tls_abandon(s->tls) == TLS_WORKING)
		return;
	if (s->phase == PHASE_FLUSHING && !s->plain.len && !s->raw.len && !s->broken) {
		if (s->conn.secure && !s->notified) {
			s->notified = true;
			tls_close_notify(s->tls, &s->raw);
			conn_socket_flush(s);
		}
		if (!s->raw.len && !s->broken) {
			s->phase = PHASE_DRAINING;
			shutdown(s->io.fd, SHUT_WR);
		}
	}
	if (s->broken || cpl_monotonic() >= conn_socket_end_by(s) || (s->phase == PHASE_DRAINING && s->eof))
		conn_socket_close(s);
}

void conn_socket_settle(struct conn_socket *s)
{
	if (s->phase == PHASE_TURNING && !s->raw.len)
		conn_socket_start_handshake(s, NULL);
	if (s->phase == PHASE_FLUSHING || s->phase == PHASE_DRAINING)
		go_on_ending(s);
	conn_socket_watch(s);
}
