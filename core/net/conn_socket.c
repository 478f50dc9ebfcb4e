/* SPDX-License-Identifier: MIT */
/* The socket connection: its life, its ops and its time-outs. */
#include "core/net/conn_socket.h"
#include "core/base/account.h"
#include "core/base/memory.h"
#include "core/net/address.h"
#include "core/net/conn_socket_impl.h"
#include "core/net/stream_text.h"
#include <assert.h>
#include <couplet/log.h>
#include <couplet/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

_Static_assert(ADDRESS_TEXT == sizeof(((struct cpl_conn *)NULL)->address), "an address fits a connection");

static struct cpl_list all; /* those that are closed but not yet freed included */
static struct line to_flush, to_report;
static struct loop_hook hook;
static size_t open_count;

/* ---- life ---- */

static bool ending(const struct conn_socket *s)
{
	return s->phase >= PHASE_FLUSHING;
}

struct conn_rare *conn_socket_rare(struct conn_socket *s)
{
	if (!s->rare) {
		struct account *before = account_as_core();

		s->rare = CPL_NEW(struct conn_rare);
		account_back(before);
	}
	return s->rare;
}

static void destroy(struct conn_socket *s)
{
	cpl_list_remove(&s->all);
	if (s->rare)
		cpl_free(s->rare->detail);
	cpl_free(s->rare);
	cpl_free(s);
}

/* Reports what ops and the flush left to report, and frees what is over. The only place that frees. */
static void do_later(void *object)
{
	struct conn_socket *s = object;

	s->asked = false;
	if (ending(s) && !s->reported && (s->phase == PHASE_GONE || s->end != CPL_END_LOCAL)) {
		s->reported = true;
		cpl_scope_end(&s->conn.scope);
		s->conn.events->closed(&s->conn, s->end, s->rare ? s->rare->detail : NULL);
	}
	if (s->phase == PHASE_GONE) {
		/* The lines of those to read and to flush let go of it in this turn or the next. */
		if (s->dirty || s->readable)
			conn_socket_ask(s);
		else if (!s->conn.scope.refs)
			destroy(s);
		return;
	}
	if (!ending(s) && s->drained) {
		s->drained = false;
		s->conn.events->drained(&s->conn);
	}
	if (!ending(s))
		conn_input_continue(&s->input);
	conn_socket_watch(s);
}

static void run_asked(struct loop_task *task)
{
	line_run(&to_report, false, do_later);
}

void conn_socket_ask(struct conn_socket *s)
{
	static struct loop_task task = {.run = run_asked};

	if (s->asked)
		return;
	s->asked = true;
	line_add(&to_report, s);
	/* One task for all of them. */
	if (to_report.count == 1)
		loop_post(&task);
}

/* A call that kept the memory is over. */
static void scope_unref(struct cpl_scope *scope)
{
	struct conn_socket *s = CPL_CONTAINER(scope, struct conn_socket, conn.scope);

	if (!scope->refs && s->phase == PHASE_GONE)
		conn_socket_ask(s);
}

void conn_socket_touch(struct conn_socket *s)
{
	if (s->phase == PHASE_GONE || s->dirty)
		return;
	s->dirty = true;
	line_add(&to_flush, s);
}

static void flush(void *object)
{
	struct conn_socket *s = object;

	s->dirty = false;
	/* It may have been closed since; it is freed in a later turn. */
	if (s->phase == PHASE_GONE)
		return;
	conn_socket_flush(s);
	conn_socket_settle(s);
}

static void flush_dirty(struct loop_hook *end_of_turn)
{
	line_run(&to_flush, true, flush);
	output_forget();
}

void conn_socket_begin_end(struct conn_socket *s, enum cpl_conn_end end, const char *detail,
			   int64_t linger_ms)
{
	if (ending(s))
		return;
	conn_input_stop(&s->input);
	/* What was written for a TLS that never came must not leave in the clear. */
	if (s->phase != PHASE_SECURE)
		output_finish(&s->plain);
	s->phase = PHASE_FLUSHING;
	s->end = end;
	conn_socket_rare(s)->end_by = cpl_monotonic() + linger_ms;
	if (detail)
		s->rare->detail = cpl_strdup(cpl_str_of(detail));
	conn_socket_touch(s);
	if (end != CPL_END_LOCAL)
		conn_socket_ask(s);
}

void conn_socket_close(struct conn_socket *s)
{
	int fd = s->io.fd;

	assert(s->phase != PHASE_GONE);
	s->phase = PHASE_GONE;
	loop_io_stop(&s->io);
	close(fd);
	open_count--;
	wheel_cancel(&s->wheel);
	tls_destroy(&s->tls);
	output_finish(&s->plain);
	output_finish(&s->raw);
	conn_input_finish(&s->input);
	conn_socket_ask(s);
}

/* ---- watcher and time-outs ---- */

static void time_passed(struct wheel_entry *entry);

static int64_t next_deadline(const struct conn_socket *s)
{
	const struct cpl_conn_limits *limits = s->input.limits;
	const struct conn_rare *rare = s->rare;
	int64_t due = INT64_MAX;

	if (rare && rare->end_by)
		due = rare->end_by;
	if (ending(s))
		return due;
	if (s->conn.held_until && s->conn.held_until < due)
		due = s->conn.held_until;
	if (limits->keepalive_ms && s->heard_at + limits->keepalive_ms < due)
		due = s->heard_at + limits->keepalive_ms;
	if (limits->write_ms && rare && rare->stalled_at && rare->stalled_at + limits->write_ms < due)
		due = rare->stalled_at + limits->write_ms;
	return due;
}

/* A bucket of `burst` bytes that `rate` bytes a second flow into, kept as the time at which what was taken will have come back. */
void conn_socket_pay(struct conn_socket *s, size_t bytes)
{
	int64_t rate = s->input.limits->rate, now = cpl_monotonic() * 1000, ahead;
	struct conn_rare *rare;

	if (!rate || (s->phase != PHASE_CLEAR && s->phase != PHASE_SECURE))
		return;
	rare = conn_socket_rare(s);
	if (rare->paid_until_us < now)
		rare->paid_until_us = now;
	rare->paid_until_us += (int64_t)bytes * 1000000 / rate;
	ahead = rare->paid_until_us - now - (int64_t)s->input.limits->burst * 1000000 / rate;
	if (ahead <= 0)
		return;
	s->conn.held_until = cpl_monotonic() + ahead / 1000 + 1;
	s->conn.holds++;
}

static int wanted_events(const struct conn_socket *s)
{
	int events = s->blocked && !s->broken ? LOOP_WRITE : 0;
	bool reads = !s->eof && !s->broken;

	switch (s->phase) {
	case PHASE_CLEAR:
	case PHASE_SECURE:
		reads = reads && !s->input.pauses && !s->input.stopped && !conn_input_waiting(&s->input) && !s->conn.held_until;
		break;
	case PHASE_TURNING:
	case PHASE_HANDSHAKE:
		/* While it is not its turn the peer is silent: only one that is not costs the watcher a stop and a start. */
		reads = reads && !s->early;
		break;
	case PHASE_FLUSHING:
	case PHASE_DRAINING:
		break;
	default:
		reads = false;
		break;
	}
	return events | (reads ? LOOP_READ : 0);
}

bool conn_socket_reads(const struct conn_socket *s)
{
	return wanted_events(s) & LOOP_READ;
}

void conn_socket_watch(struct conn_socket *s)
{
	int events = wanted_events(s);
	int64_t due;

	if (s->phase == PHASE_GONE)
		return;
	if (events != s->io.events)
		loop_io_set(&s->io, events);
	/* The wheel only ever moves to an earlier time here; when it comes too early, time_passed() looks
	 * again. */
	due = next_deadline(s);
	if (due != INT64_MAX && (!wheel_waiting(&s->wheel) || due < s->wheel.due))
		wheel_set(&s->wheel, due, time_passed);
}

static void time_passed(struct wheel_entry *entry)
{
	struct conn_socket *s = CPL_CONTAINER(entry, struct conn_socket, wheel);
	const struct cpl_conn_limits *limits = s->input.limits;
	int64_t now = cpl_monotonic(), end_by = conn_socket_end_by(s), stalled_at = s->rare ? s->rare->stalled_at : 0;

	if (!ending(s)) {
		if (s->conn.held_until && now >= s->conn.held_until) {
			s->conn.held_until = 0;
			s->heard_at = now;
		}
		if (end_by && now >= end_by) {
			conn_socket_begin_end(s, CPL_END_EOF, "half-closed for too long", 0);
		} else if (limits->write_ms && stalled_at && now - stalled_at >= limits->write_ms) {
			conn_socket_begin_end(s, CPL_END_TIMEOUT, "the peer takes no output", 0);
		} else if (limits->keepalive_ms && now - s->heard_at >= limits->keepalive_ms) {
			/* While paused it is not the peer who is silent, and during a handshake nothing could
			 * be said to it. */
			s->heard_at = now;
			if (!s->input.pauses && !s->input.stopped && !s->conn.held_until &&
			    (s->phase == PHASE_CLEAR || s->phase == PHASE_SECURE))
				s->conn.events->idle(&s->conn);
		}
	}
	conn_socket_settle(s);
}

/* ---- ops ---- */

/* The bound on waiting output. What the kernel takes at once does not wait. */
void conn_socket_check_bound(struct conn_socket *s)
{
	size_t bound = s->input.limits->output_bytes;

	if (!bound)
		return;
	if (s->plain.len + s->raw.len > bound)
		conn_socket_flush(s);
	if (ending(s))
		return;
	if (s->plain.len + s->raw.len > bound / 2)
		s->above_half = true;
	if (s->plain.len + s->raw.len <= bound)
		return;
	output_add(s->phase == PHASE_CLEAR ? &s->raw : &s->plain,
		   CPL_STR("<stream:error><resource-constraint "
			   "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
			   "</stream:stream>"));
	conn_socket_begin_end(s, CPL_END_OVERFLOW, NULL, QUIET_LINGER_MS);
}

static void queue(struct conn_socket *s, struct cpl_str bytes, void (*add)(struct output *output, struct cpl_str bytes))
{
	add(s->phase == PHASE_CLEAR ? &s->raw : &s->plain, bytes);
	conn_socket_touch(s);
	conn_socket_check_bound(s);
}

static void op_open(struct cpl_conn *conn, const struct cpl_stream_header *header)
{
	struct conn_socket *s = conn_socket_of(conn);
	struct cpl_buf text = {0};

	if (ending(s))
		return;
	stream_text_header(&text, header);
	queue(s, cpl_buf_str(&text), output_add);
	cpl_buf_finish(&text);
}

static void op_write(struct cpl_conn *conn, struct cpl_str bytes)
{
	struct conn_socket *s = conn_socket_of(conn);

	if (ending(s) || !bytes.len)
		return;
	conn->elements_out++;
	queue(s, bytes, bytes.len > OUTPUT_SHARED_LEAST ? output_add_element : output_add);
}

static void op_start_tls(struct cpl_conn *conn)
{
	struct conn_socket *s = conn_socket_of(conn);

	if (s->phase != PHASE_CLEAR)
		return;
	conn_input_restart(&s->input, true);
	s->phase = PHASE_TURNING;
	conn_socket_touch(s);
	conn_socket_watch(s);
}

static void op_restart(struct cpl_conn *conn)
{
	struct conn_socket *s = conn_socket_of(conn);

	if (ending(s))
		return;
	/* What followed in the clear could be anybody's; over TLS it is the peer's new header, sent early. */
	conn_input_restart(&s->input, !conn->secure);
	if (conn_input_waiting(&s->input))
		conn_socket_ask(s);
	conn_socket_watch(s);
}

static void op_pause(struct cpl_conn *conn)
{
	struct conn_socket *s = conn_socket_of(conn);

	conn_input_pause(&s->input);
	conn_socket_watch(s);
}

static void op_resume(struct cpl_conn *conn)
{
	struct conn_socket *s = conn_socket_of(conn);

	if (!conn_input_resume(&s->input) || ending(s))
		return;
	s->heard_at = cpl_monotonic();
	if (conn_input_waiting(&s->input))
		conn_socket_ask(s);
	else
		conn_socket_watch(s);
}

static void op_set_limits(struct cpl_conn *conn, const struct cpl_conn_limits *limits)
{
	struct conn_socket *s = conn_socket_of(conn);

	conn_input_set_limits(&s->input, limits);
	conn->held_until = 0;
	if (s->rare)
		s->rare->paid_until_us = 0;
	if (ending(s))
		return;
	conn_socket_check_bound(s);
	conn_socket_watch(s);
}

static void op_close_stream(struct cpl_conn *conn)
{
	struct conn_socket *s = conn_socket_of(conn);

	if (!ending(s))
		queue(s, STREAM_TEXT_END, output_add);
}

static void op_end(struct cpl_conn *conn, int64_t linger_ms)
{
	conn_socket_begin_end(conn_socket_of(conn), CPL_END_LOCAL, NULL, linger_ms);
}

static size_t op_binding(struct cpl_conn *conn, enum cpl_binding kind, unsigned char *out)
{
	struct conn_socket *s = conn_socket_of(conn);

	return conn->secure && s->tls ? tls_binding(s->tls, kind, out) : 0;
}

static struct cpl_str op_describe(struct cpl_conn *conn, char *buffer, size_t size)
{
	struct conn_socket *s = conn_socket_of(conn);

	return conn->secure && s->tls ? tls_describe(s->tls, buffer, size) : CPL_STR("plain");
}

static size_t op_memory(const struct cpl_conn *conn)
{
	const struct conn_socket *s = CPL_CONTAINER(conn, const struct conn_socket, conn);

	return sizeof(*s) + (s->rare ? sizeof(*s->rare) : 0) + conn_input_memory(&s->input) + output_memory(&s->plain) + output_memory(&s->raw) +
	       (s->tls ? tls_held(s->tls) : 0);
}

static const struct cpl_conn_ops ops = {
	.open = op_open,
	.write = op_write,
	.start_tls = op_start_tls,
	.restart = op_restart,
	.pause = op_pause,
	.resume = op_resume,
	.set_limits = op_set_limits,
	.close_stream = op_close_stream,
	.end = op_end,
	.binding = op_binding,
	.describe = op_describe,
	.memory = op_memory,
};

bool cpl_conn_peer_left(const struct cpl_conn *conn)
{
	const struct conn_socket *s = CPL_CONTAINER(conn, const struct conn_socket, conn);
	struct pollfd asked;

	if (conn->ops != &ops)
		return false;
	asked = (struct pollfd){.fd = s->io.fd, .events = POLLRDHUP};
	return s->eof || s->broken || ending(s) || (poll(&asked, 1, 0) > 0 && asked.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool conn_socket_parts(const struct cpl_conn *conn, struct conn_parts *parts)
{
	const struct conn_socket *s = CPL_CONTAINER(conn, const struct conn_socket, conn);

	if (conn->ops != &ops)
		return false;
	*parts = (struct conn_parts){
		.connection = memory_held(s),
		.rare = memory_held(s->rare) + (s->rare ? memory_held(s->rare->detail) : 0),
		.input = conn_input_memory(&s->input),
		.output = output_memory(&s->plain) + output_memory(&s->raw),
		.tls = s->tls ? tls_held(s->tls) : 0,
	};
	return true;
}

struct cpl_conn *conn_socket_create(const struct conn_socket_options *options)
{
	struct conn_socket *s = CPL_NEW(struct conn_socket);
	int on = 1;

	s->conn = (struct cpl_conn){
		.ops = &ops,
		.events = options->events,
		.owner = options->owner,
		.service = options->service,
		.opened_at = cpl_now(),
	};
	cpl_scope_init(&s->conn.scope, scope_unref);
	if (options->address)
		snprintf(s->conn.address, sizeof(s->conn.address), "%s", options->address);
	else
		address_of_peer(options->fd, s->conn.address);
	s->input.conn = &s->conn;
	conn_input_set_limits(&s->input, &options->limits);
	s->heard_at = cpl_monotonic();
	/* Fails on a local socket, which has no such delay. */
	setsockopt(options->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	open_count++;
	cpl_list_append(&all, &s->all);
	loop_io_start(&s->io, options->fd, LOOP_READ, conn_socket_ready);
	if (options->direct_tls)
		conn_socket_start_handshake(s, options->alpn ? options->alpn : "xmpp-client");
	conn_socket_watch(s);
	return &s->conn;
}

size_t conn_socket_count(void)
{
	return open_count;
}

size_t conn_socket_handshakes(void)
{
	return tls_steps_pending();
}

void conn_socket_init(void)
{
	cpl_list_init(&all);
	conn_socket_io_init();
	loop_hook_add(&hook, flush_dirty);
}

void conn_socket_finish(void)
{
	CPL_LIST_EACH(node, &all) {
		struct conn_socket *s = CPL_CONTAINER(node, struct conn_socket, all);

		conn_socket_begin_end(s, CPL_END_LOCAL, NULL, 0);
		conn_socket_rare(s)->end_by = 0;
		s->broken = true;
		conn_socket_touch(s);
	}
	/* A handshake's step on a worker, and calls that keep a connection, need some turns to return. */
	for (unsigned turns = 0; turns < 1000 && !cpl_list_empty(&all); turns++)
		loop_turn(1);
	if (!cpl_list_empty(&all))
		cpl_log_error("connections are left that somebody still refers to");
	loop_hook_remove(&hook);
	line_finish(&to_flush);
	line_finish(&to_report);
	conn_socket_io_finish();
	output_pools_finish();
	wheel_finish();
	tls_finish();
}
