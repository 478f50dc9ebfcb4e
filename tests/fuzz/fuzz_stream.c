/* SPDX-License-Identifier: MIT */
/* A whole stream as a connection reads it: the framer, then header and children through the parser, restarts
 * included; under bounds. */
#include "core/xml/framer.h"
#include "core/xml/parser.h"
#include "tests/fuzz/fuzz.h"

struct stream {
	struct framer framer;
	struct xml_prefixes *prefixes;
	enum cpl_ns content;
	bool restart; /* each header that comes as a child restarts */
};

static bool read_frame(struct stream *stream, enum framer_event event, struct cpl_str frame)
{
	if (event == FRAMER_HEADER) {
		struct cpl_arena *arena = cpl_arena_create();
		struct cpl_stream_header header;
		enum cpl_stream_error error = xml_parse_header(frame, arena, &header, &stream->prefixes);

		stream->content = header.content;
		CHECK(!error || !stream->prefixes);
		cpl_arena_destroy(&arena);
		return error == CPL_STREAM_OK;
	}
	if (event == FRAMER_CHILD) {
		struct cpl_stanza *stanza;
		enum cpl_stream_error error =
			xml_parse_child(frame, stream->content, stream->prefixes, &stanza);

		CHECK(error || stanza->root);
		CHECK(!error || !stanza);
		if (!error && stanza->kind == CPL_NONZA && cpl_str_is(stanza->root->name, "restart")) {
			framer_restart(&stream->framer);
			xml_prefixes_destroy(&stream->prefixes);
		}
		cpl_stanza_unref(&stanza);
		return error == CPL_STREAM_OK;
	}
	return event != FRAMER_ERROR;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cpl_conn_limits limits = {.stanza_bytes = 2048,
						      .stanza_depth = 16,
						      .stanza_elements = 64,
						      .total_bytes = 8192,
						      .total_elements = 128};
	struct stream stream = {0};
	size_t at = 0, frame_start = 0, taken;
	enum framer_event event;

	do {
		event = framer_feed(&stream.framer, &limits,
				    (struct cpl_str){(const char *)data + at, size - at}, &taken);
		at += taken;
		CHECK(at - frame_start <= limits.stanza_bytes || event == FRAMER_SPACE);
		if (!read_frame(&stream, event,
				(struct cpl_str){(const char *)data + frame_start, at - frame_start}))
			break;
		frame_start = at;
	} while (event != FRAMER_MORE);
	xml_prefixes_destroy(&stream.prefixes);
	return 0;
}
