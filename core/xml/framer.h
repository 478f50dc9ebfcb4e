/* SPDX-License-Identifier: MIT */
/*
 * The framer finds where a stream header and each whole child of the stream end, without parsing them: one
 * linear pass over bytes, a few words of state per connection. Only whole children reach a parser, so that no
 * partial tag is ever scanned twice (expat is quadratic there). It knows quotes and CDATA well enough to find
 * ends exactly where expat finds them (a fuzz target compares), and refuses at their first bytes what no
 * stream may contain: comments, DOCTYPE, processing instructions (RFC 6120 11.1), text between children. All
 * else is judged by the parser. Bounds are checked while counting, so that no more than a bound is ever
 * buffered.
 */
#ifndef CORE_XML_FRAMER_H
#define CORE_XML_FRAMER_H

#include <couplet/conn.h>

enum framer_event {
	FRAMER_MORE,   /* all input taken, nothing complete */
	FRAMER_HEADER, /* a stream header ends here (an XML declaration before it included) */
	FRAMER_CHILD,  /* a child of the stream ends here */
	FRAMER_END,    /* the stream's end tag ends here */
	FRAMER_SPACE,  /* white space before the header, between children (a keepalive) or behind the end; it
			  is not part of a frame */
	FRAMER_ERROR,  /* see error; nothing more is taken */
};

/* Zeroed: waiting for a stream header. Small; one lives in each connection. */
struct framer {
	uint8_t state;
	uint8_t quote;
	uint8_t match;		 /* progress within "[CDATA[", "]]>", "?>" and "/>" */
	uint8_t open;		 /* the header has been seen */
	uint8_t error;		 /* enum cpl_stream_error when FRAMER_ERROR */
	uint16_t depth;		 /* open elements of this frame */
	uint32_t elements;	 /* in this frame */
	uint32_t bytes;		 /* in this frame */
	uint32_t total_elements; /* since zeroed: the owner zeroes the totals when it sets new limits */
	uint32_t total_bytes;	 /* white space between frames included */
};

/*
 * Takes bytes of `input` up to the next event and says in *taken how many; they belong to the frame unless
 * the event is FRAMER_SPACE. Feed the rest again until FRAMER_MORE. A frame over a bound of `limits` is an
 * error with policy-violation.
 */
enum framer_event framer_feed(struct framer *framer, const struct cpl_conn_limits *limits,
			      struct cpl_str input, size_t *taken);
/* Back to waiting for a stream header (totals stay). */
void framer_restart(struct framer *framer);

#endif
