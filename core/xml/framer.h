/* SPDX-License-Identifier: MIT */
/*
 * The framer finds where a stream header and each whole child of the stream end, without parsing them: one linear pass over bytes, a few
 * words of state per connection. Only whole children reach a parser, so that no partial tag is ever scanned twice (expat is quadratic there).
 * It knows quotes, comments, processing instructions, CDATA and DOCTYPE well enough to find their ends exactly where expat finds them
 * (a fuzz target compares); judging them is the parser's work. Bounds are checked while counting.
 */
#ifndef CORE_XML_FRAMER_H
#define CORE_XML_FRAMER_H

#include <couplet/conn.h>

enum framer_event {
	FRAMER_MORE,   /* all input taken, nothing complete */
	FRAMER_HEADER, /* a stream header ends here (XML declaration and white space before it included) */
	FRAMER_CHILD,  /* a child of the stream ends here */
	FRAMER_END,    /* the stream's end tag ends here */
	FRAMER_SPACE,  /* white space between children (a keepalive); it is not part of a frame */
	FRAMER_ERROR,  /* see error */
};

/* Zeroed: waiting for a stream header. Small; one lives in each connection. */
struct framer {
	uint8_t state;
	uint8_t quote;
	uint8_t match;   /* progress within "]]>", "-->", ... */
	uint8_t open;    /* the header has been seen */
	uint8_t error;   /* enum cpl_stream_error when FRAMER_ERROR */
	uint16_t depth;
	uint32_t elements; /* in this frame */
	uint32_t bytes;    /* in this frame */
	uint32_t total_elements;
	uint32_t total_bytes;
};

/* Takes bytes of `input` up to the next event and says in *taken how many. Feed the rest again until FRAMER_MORE. */
enum framer_event framer_feed(struct framer *framer, const struct cpl_conn_limits *limits, struct cpl_str input, size_t *taken);
/* Back to waiting for a stream header (totals stay). */
void framer_restart(struct framer *framer);

#endif
