/* SPDX-License-Identifier: MIT */
/* XEP-0227: whatever the file is, each record that comes of it is one element that the server's parser takes, of bounded size. */
#include "core/admin/frame.h"
#include "core/migrate/pie.h"
#include "core/xml/parser.h"
#include "tests/fuzz/fuzz.h"

struct sink {
	struct record_sink sink;
	struct cpl_buf text;
};

static void take(struct record_sink *base, unsigned char type, struct cpl_str payload)
{
	struct sink *sink = CPL_CONTAINER(base, struct sink, sink);
	struct cpl_stanza *stanza;
	enum cpl_stream_error broken;

	if (type == FRAME_INPUT)
		cpl_buf_add(&sink->text, payload);
	if (type != FRAME_RECORD)
		return;
	CHECK(sink->text.len > 0 && sink->text.len <= RECORD_MAX + RECORD_SPLIT);
	broken = xml_parse_child(cpl_buf_str(&sink->text), CPL_NS_CLIENT, NULL, &stanza);
	/* Bounds of the server's parser that a file need not keep to. */
	CHECK(!broken || broken == CPL_STREAM_POLICY_VIOLATION);
	if (!broken)
		CHECK(cpl_str_is(stanza->root->name, "user") && cpl_attr_get(stanza->root, "name").ptr);
	cpl_stanza_unref(&stanza);
	cpl_buf_clear(&sink->text);
}

static void run(enum pie_kind kind, struct cpl_str bytes)
{
	struct sink sink = {.sink = {take}};
	struct record record;
	char *reason;

	record_init(&record, &sink.sink);
	pie_read_bytes(&record, kind, bytes, &reason);
	CHECK(record.depth == 0 || reason == NULL);
	record_done(&record, reason);
	cpl_free(reason);
	record_finish(&record);
	cpl_buf_finish(&sink.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpl_str bytes = {(const char *)data, size};

	run(PIE_PLAIN, bytes);
	run(PIE_EJABBERD, bytes);
	return 0;
}
