/* SPDX-License-Identifier: MIT */
/*
 * The strict parser against expat: what it accepts, expat accepts, with the same tree or header. The first byte chooses the content namespace. At the end it
 * says how many inputs there were and how many of them the strict parser took, which are those that were compared.
 */
#include "core/xml/strict.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static unsigned long inputs, compared;

static void print_counts(void)
{
	fprintf(stderr, "strict: %lu inputs, %lu accepted and compared\n", inputs, compared);
}

static void check_header(struct cpl_str frame)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_stream_header strict, header;
	struct xml_prefixes *prefixes = NULL;

	if (strict_parse_header(frame, arena, &strict)) {
		strict_mode = STRICT_OFF;
		CHECK(xml_parse_header(frame, arena, &header, &prefixes) == CPL_STREAM_OK);
		CHECK(!prefixes && strict_same_header(&strict, &header));
	}
	cpl_arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum cpl_ns contents[] = {CPL_NS_CLIENT, CPL_NS_SERVER, CPL_NS_COMPONENT};
	struct cpl_stanza *strict, *stanza;
	struct cpl_str frame;
	enum cpl_ns content;

	if (size < 1)
		return 0;
	if (inputs++ == 0)
		atexit(print_counts);
	content = contents[data[0] % 3];
	frame = (struct cpl_str){(const char *)data + 1, size - 1};
	check_header(frame);
	strict = strict_parse(frame, content);
	if (!strict)
		return 0;
	compared++;
	strict_mode = STRICT_OFF;
	CHECK(xml_parse_child(frame, content, NULL, &stanza) == CPL_STREAM_OK);
	CHECK(strict_same(strict, stanza));
	cpl_stanza_unref(&strict);
	cpl_stanza_unref(&stanza);
	return 0;
}
