/* SPDX-License-Identifier: MIT */
/*
 * Sessions: from the accepted connection to the end. <couplet/session.h> is the public part; this is what the files of core/xmpp and the server know in
 * addition. The life of a session:
 *
 *   session_create          c2s_unauthed, notopen          the stream header: stream.c
 *   session_authenticate    c2s_unbound                    SASL is the module auth's: negotiate.c
 *   session_bind            c2s, full_jid                  the resource: negotiate.c
 *   input.c                                                 its stanzas, in order, one after another
 *   session_close, closed   teardown: unavailable, unbind, destroyed
 *
 * Stanzas of one stream are handled in order: all that were received and are not done stand in pub.in_flight; `next` is the first whose turn has not
 * come. While one is being handled (suspended, perhaps) the others wait. The end of a session queues behind them. A component's stream carries many
 * senders and is not stopped by one: order.h.
 */
#ifndef CORE_XMPP_SESSION_H
#define CORE_XMPP_SESSION_H

#include "core/loop/loop.h"
#include "core/xmpp/kind.h"
#include <couplet/session.h>
#include <couplet/time.h>

struct config_core;

/* What a session needs on its way in and on its way out; made when some of it is needed and freed when none is, so that an idle bound session has none of it. */
struct session_passage {
	struct loop_timer timer;            /* the deadline */
	struct loop_task teardown;
	struct session *session;
	struct admission *admission;        /* while it counts as unauthenticated */
	const char *failure_text;           /* static */
	enum cpl_stream_error failure;      /* the input broke a rule: due once what came before it has been handled */
	bool teardown_posted;
};

struct session {
	struct cpl_session pub;
	struct cpl_list next;               /* a marker in pub.in_flight: what follows it has not begun */
	uint32_t waiting;                   /* stanzas behind the marker */
	uint32_t active;                    /* stanzas before it that have not been handled: at most one, but for those that `order` orders */
	uint64_t unfinished;                /* what all in pub.in_flight cost, see input.c */
	struct order *order;                /* a component's, NULL: one stanza after another */
	const struct stream_kind *kind;
	struct session_passage *passage;    /* NULL: nothing of it */
	struct cpl_list in_all;
	uint8_t streams;                    /* headers of ours that were sent */
	bool pumping : 1;
	bool paused : 1;                    /* reading, for want of room in the queue */
	bool input_ended : 1;               /* nothing more is taken from the peer */
	bool peer_closed : 1;               /* its </stream:stream> has come */
	bool stream_open : 1;               /* our header has been sent for this stream */
	bool ending : 1;                    /* teardown as soon as the queue is empty */
	bool torn_down : 1;
	bool authenticating : 1;            /* between a proof and its acceptance */
	char id[CPL_ID_TEXT];               /* pub.id */
};

static inline struct session *session_of(struct cpl_session *pub)
{
	return CPL_CONTAINER(pub, struct session, pub);
}

/* Bounds and times from the configuration, for sessions from now on. Borrowed. */
void session_set_options(const struct config_core *options);
const struct config_core *session_options(void);

/* What a connection reports to; session_create() makes the session their owner. */
extern const struct cpl_conn_events session_conn_events;

/* A session for a connection that was just accepted. `admission` may be NULL. */
struct cpl_session *session_create(struct cpl_conn *conn, enum cpl_session_type type, struct admission *admission);
size_t session_count(void);
/* The same, with those that have ended and are still referenced. */
size_t session_alive(void);
/* Closes every session with system-shutdown. */
void session_close_all(void);
/* Releases what all sessions share. */
void session_finish(void);
void negotiate_finish(void);
/* ---- session_parts.c ---- */

/* Bytes of the heap, with what the allocator adds; `of`: which part of it, or whose; NULL: itself. Strings are borrowed for the call. */
struct session_part {
	const char *name, *of;
	size_t bytes;
	unsigned shared; /* by so many sessions, this one among them */
};
/* Calls part() for each thing that a session holds: its own, its connection's, its account's. Blocks that a module's data refer to are the module's account (module info); places in tables are not told. */
void session_parts(const struct cpl_session *session, void (*part)(void *data, const struct session_part *part), void *data);

/* ---- session.c ---- */

/* Limits of the connection for the session's present type. */
void session_apply_limits(struct session *session);
/* It does not count as unauthenticated any more. Idempotent. */
void session_release_admission(struct session *session);
/* Starts, restarts (ms > 0) or stops (0) the deadline; `expired` closes the session. */
void session_set_deadline(struct session *session, int64_t ms, void (*expired)(struct loop_timer *timer));
/* Gives up the resource: unavailable, session_unbound, out of the tables. Idempotent. */
void session_unbind(struct session *session);
/* Says that a component is gone, if it is one. */
void session_component_gone(struct session *session);
/* Teardown once the stanzas that were received have been handled. */
void session_end(struct session *session);

/* ---- input.c ---- */

void session_input(struct session *session, struct cpl_stanza *stanza);
/* The stanza at hand has been handled: go on with the next. */
void session_handled(struct session *session, struct cpl_stanza *stanza);
/* Drops what waits and takes nothing more. */
void session_drop_input(struct session *session);
void session_pump(struct session *session);

/* ---- stream.c ---- */

void stream_opened(struct session *session, const struct cpl_stream_header *header);
/* Our header, if it has not been sent. */
void stream_open(struct session *session);
void stream_write_error(struct session *session, enum cpl_stream_error condition, const char *text);

#endif
