/* SPDX-License-Identifier: MIT */
/* The bytes that frame a stream: its header and its end tag (RFC 6120 4.2, 4.4, 4.7). */
#ifndef CORE_NET_STREAM_TEXT_H
#define CORE_NET_STREAM_TEXT_H

#include <couplet/conn.h>

/* Adds the XML declaration and the stream's start tag. An attribute that is CPL_NONE is left out; values are
 * escaped. */
void stream_text_header(struct cpl_buf *out, const struct cpl_stream_header *header);
/* The end tag. */
#define STREAM_TEXT_END CPL_STR("</stream:stream>")

#endif
