/* SPDX-License-Identifier: MIT */
/*
 * From bytes to events: the part of a connection that frames and parses what the peer sent and reports it.
 * Both implementations of struct cpl_conn in the core have one, so that tests over a script meet the very
 * code that sockets use.
 *
 * Bytes are framed where they lie. Only what must wait is copied: the beginning of a frame whose end has not
 * come (bounded by stanza_bytes), or, while input is paused, what its reader had already read (bounded by
 * what one read can bring). An idle connection holds nothing. A handler may call any op from inside an event.
 * Session thread only.
 */
#ifndef CORE_NET_CONN_INPUT_H
#define CORE_NET_CONN_INPUT_H

#include "core/net/conn_limits.h"
#include "core/xml/framer.h"
#include "core/xml/parser.h"

/* Bytes that wait; on the heap only while there are some. */
struct conn_held {
	size_t size;
	size_t begin;	/* first byte of the frame that is being collected */
	size_t scanned; /* up to here the framer has seen them */
	size_t end;
	char bytes[];
};

/* Zeroed, then conn and limits set: waiting for a stream header. */
struct conn_input {
	struct cpl_conn *conn;
	struct framer framer;
	const struct cpl_conn_limits *limits; /* shared */
	struct xml_prefixes *prefixes;
	struct conn_held *held; /* NULL: nothing waits */
	unsigned pauses;
	enum cpl_ns content : 8; /* the stream's default namespace */
	bool stopped; /* nothing more is reported: failed, or the connection is ending */
	bool closing; /* the peer's end tag has been reported */
	bool cut;     /* inside an event: the bytes behind the frame are to be dropped */
};

/* Takes bytes and reports what they complete. While paused they are held. The bytes need not live on. */
void conn_input_feed(struct conn_input *input, struct cpl_str bytes);
/* Goes on with what is held, when no longer paused. */
void conn_input_continue(struct conn_input *input);
/* True when bytes are held that have not been looked at, so that nothing more should be read. */
bool conn_input_waiting(const struct conn_input *input);
/* A new stream header comes next. `drop`: what has been read behind the present frame is forgotten. */
void conn_input_restart(struct conn_input *input, bool drop);
/* Sets the limits, for the first time or anew; the totals count from here. */
void conn_input_set_limits(struct conn_input *input, const struct cpl_conn_limits *limits);
/* The op pause; the op resume, which says whether it was the last one that was due. */
void conn_input_pause(struct conn_input *input);
bool conn_input_resume(struct conn_input *input);
/* Reports nothing more and forgets what is held. */
void conn_input_stop(struct conn_input *input);
/* How many bytes one read should bring at most: little before authentication, when total_bytes is bounded. */
size_t conn_input_appetite(const struct conn_input *input, size_t most);
/* Bytes of memory held. */
size_t conn_input_memory(const struct conn_input *input);
/* Releases everything. */
void conn_input_finish(struct conn_input *input);

#endif
