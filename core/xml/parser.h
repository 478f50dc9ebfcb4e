/* SPDX-License-Identifier: MIT */
/*
 * Parsing of whole frames. One expat parser per thread stands at depth 1 between two children and is leased
 * to whichever connection has a frame; it is recycled when its memory has grown. No DOCTYPE, entity
 * declaration, processing instruction or comment passes; UTF-8 only. After each frame the parser must be at
 * depth 1, have ended exactly one child and consumed every byte; otherwise it is destroyed and the stream
 * fails.
 */
#ifndef CORE_XML_PARSER_H
#define CORE_XML_PARSER_H

#include <couplet/conn.h>

/* Prefixes that a stream header declared beyond the default and "stream"; NULL for none. Owned by the
 * connection. */
struct xml_prefixes;
void xml_prefixes_destroy(struct xml_prefixes **prefixes);

/*
 * Parses a framed stream header (up to its ">"). On success fills *header (views into the arena) and
 * *prefixes (NULL when there are none). Otherwise the stream error, and *prefixes is NULL. A header in the
 * wrong namespace or with the wrong prefix is a success that says so.
 */
enum cpl_stream_error xml_parse_header(struct cpl_str frame, struct cpl_arena *arena,
				       struct cpl_stream_header *header, struct xml_prefixes **prefixes);

/*
 * Parses one framed child of a stream into a new stanza (one reference). `content` is the stream's default
 * namespace. Kind, type, id, lang and the texts of to and from are lifted out of the root's attributes;
 * addresses are not yet parsed. On error *stanza is NULL.
 */
enum cpl_stream_error xml_parse_child(struct cpl_str frame, enum cpl_ns content,
				      const struct xml_prefixes *prefixes, struct cpl_stanza **stanza);

/*
 * The bounds on attributes of one element (declarations of namespaces included), on a name's bytes and on
 * depth, whatever the connection's limits say; and the growth after which the parser is recycled.
 */
enum { XML_ATTRIBUTES_MAX = 64, XML_NAME_MAX = 255, XML_DEPTH_MAX = 256, XML_RECYCLE_BYTES = 64 * 1024 };

/* Releases the calling thread's parser. */
void xml_finish(void);

#endif
