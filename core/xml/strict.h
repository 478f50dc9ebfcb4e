/* SPDX-License-Identifier: MIT */
/*
 * The strict parser: one pass over a framed child, for the XML that clients really send. It accepts a subset of what expat accepts and builds the same tree;
 * whatever it does not know for certain it declines, and expat judges. It never reports an error. Prefixes (but for xml:lang), character
 * references, CDATA, carriage returns and non-ASCII names are among what it declines. A fuzz target compares the two parsers.
 */
#ifndef CORE_XML_STRICT_H
#define CORE_XML_STRICT_H

#include "core/xml/parser.h"

/* A new stanza (one reference), or NULL: declined. */
struct cpl_stanza *strict_parse(struct cpl_str frame, enum cpl_ns content);

/* Fills in *header (views into the arena) from a framed stream header that declares no prefix but "stream". False: declined. */
bool strict_parse_header(struct cpl_str frame, struct cpl_arena *arena, struct cpl_stream_header *header);

/* What xml_parse_child() and xml_parse_header() do: the strict parser first (the default), expat alone, or both, with a comparison that ends the process when they differ (tests). */
enum strict_mode { STRICT_ON, STRICT_OFF, STRICT_COMPARE };
extern enum strict_mode strict_mode;

/* True when two trees are the same in everything but memory. */
bool strict_same(const struct cpl_stanza *a, const struct cpl_stanza *b);
bool strict_same_header(const struct cpl_stream_header *a, const struct cpl_stream_header *b);

#endif
