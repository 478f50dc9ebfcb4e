/* SPDX-License-Identifier: MIT */
/*
 * An owner of connections that writes down what is reported, one word or two an event, and checks what conn.h
 * promises: no event from inside an op, nothing after `closed`, nothing but `closed` after end(). A test may
 * react to an event from inside it.
 */
#ifndef TESTS_UNIT_NET_RECORDER_H
#define TESTS_UNIT_NET_RECORDER_H

#include "unit.h"

#include "core/loop/loop.h"
#include <couplet/conn.h>

struct recorder {
	struct cpl_conn *conn; /* NULL after `closed` */
	struct cpl_buf log;
	unsigned in_op;
	bool ended;
	unsigned elements, drained, idle;
	enum cpl_conn_end end;
	char detail[128];
	/* Called inside each event with its word, e.g. "element:auth". */
	void (*react)(struct recorder *recorder, const char *event);
};

/* An op is called like this, so that an event from inside it is noticed. */
#define OP(recorder, ...)                                                                                    \
	do {                                                                                                 \
		(recorder)->in_op++;                                                                         \
		__VA_ARGS__;                                                                                 \
		(recorder)->in_op--;                                                                         \
	} while (0)

static inline void recorder_note(struct recorder *recorder, const char *event)
{
	assert_int_equal(recorder->in_op, 0);
	cpl_buf_addf(&recorder->log, "%s%s", recorder->log.len ? " " : "", event);
	if (recorder->react)
		recorder->react(recorder, event);
}

static inline struct recorder *recorder_of(struct cpl_conn *conn)
{
	struct recorder *recorder = conn->owner;

	assert_non_null(recorder->conn);
	return recorder;
}

static inline struct recorder *recorder_alive(struct cpl_conn *conn)
{
	struct recorder *recorder = recorder_of(conn);

	assert_false(recorder->ended);
	return recorder;
}

static inline void recorder_opened(struct cpl_conn *conn, const struct cpl_stream_header *header)
{
	char word[128];

	snprintf(word, sizeof(word), "opened:%.*s", CPL_ARG(header->to));
	recorder_note(recorder_alive(conn), word);
}

static inline void recorder_element(struct cpl_conn *conn, struct cpl_stanza *stanza)
{
	struct recorder *recorder = recorder_alive(conn);
	char word[128];

	recorder->elements++;
	snprintf(word, sizeof(word), "element:%.*s", CPL_ARG(stanza->root->name));
	cpl_stanza_unref(&stanza);
	recorder_note(recorder, word);
}

static inline void recorder_closing(struct cpl_conn *conn)
{
	recorder_note(recorder_alive(conn), "closing");
}

static inline void recorder_failed(struct cpl_conn *conn, enum cpl_stream_error condition, const char *text)
{
	char word[128];

	snprintf(word, sizeof(word), "failed:%s", cpl_stream_error_name(condition));
	recorder_note(recorder_alive(conn), word);
}

static inline void recorder_secured(struct cpl_conn *conn)
{
	recorder_note(recorder_alive(conn), "secured");
}

static inline void recorder_drained(struct cpl_conn *conn)
{
	struct recorder *recorder = recorder_alive(conn);

	recorder->drained++;
	recorder_note(recorder, "drained");
}

static inline void recorder_idle(struct cpl_conn *conn)
{
	struct recorder *recorder = recorder_alive(conn);

	recorder->idle++;
	recorder_note(recorder, "idle");
}

static inline void recorder_closed(struct cpl_conn *conn, enum cpl_conn_end end, const char *detail)
{
	static const char *const names[] = {"closed:local",   "closed:eof", "closed:reset",
					    "closed:timeout", "closed:tls", "closed:overflow"};
	struct recorder *recorder = recorder_of(conn);

	recorder->end = end;
	snprintf(recorder->detail, sizeof(recorder->detail), "%s", detail ? detail : "");
	recorder_note(recorder, names[end]);
	recorder->conn = NULL;
}

static const struct cpl_conn_events recorder_events = {
	.opened = recorder_opened,
	.element = recorder_element,
	.closing = recorder_closing,
	.failed = recorder_failed,
	.secured = recorder_secured,
	.drained = recorder_drained,
	.idle = recorder_idle,
	.closed = recorder_closed,
};

/* Compares what was written down since the last call, and forgets it. */
#define assert_events(recorder, expected)                                                                    \
	do {                                                                                                 \
		assert_str(cpl_buf_str(&(recorder)->log), (expected));                                       \
		cpl_buf_clear(&(recorder)->log);                                                             \
	} while (0)

/* end() as the owner calls it: from here on only `closed` may come. */
static inline void recorder_end(struct recorder *recorder, int64_t linger_ms)
{
	recorder->ended = true;
	OP(recorder, recorder->conn->ops->end(recorder->conn, linger_ms));
}

static inline void turns(unsigned count)
{
	while (count--)
		loop_turn(0);
}

#define HEADER                                                                                               \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "                                         \
	"xmlns:stream='http://etherx.jabber.org/streams' "                                                   \
	"to='example.org' version='1.0'>"

static const struct cpl_conn_limits roomy_limits = {
	.stanza_bytes = 256 * 1024,
	.stanza_depth = 64,
	.stanza_elements = 1000,
	.output_bytes = 1024 * 1024,
};

#endif
