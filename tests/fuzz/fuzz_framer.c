/* SPDX-License-Identifier: MIT */
/*
 * The framer against expat: where a stream header, its children and its end tag end. The first byte of the
 * input says in what pieces the rest arrives; the events must be the same as for the whole.
 */
#include "core/xml/framer.h"
#include "tests/fuzz/fuzz.h"
#include <expat.h>

enum { ENDS_MAX = 4096 };

struct end {
	enum framer_event event;
	size_t position;
};

struct ends {
	size_t count;
	size_t failed_at; /* SIZE_MAX: it did not fail */
	size_t stuck_at;  /* expat: the same, or where what it would not take as the end of a document begins
			   */
	enum cpl_stream_error error;
	struct end items[ENDS_MAX];
};

struct expat_side {
	XML_Parser parser;
	struct ends *ends;
	unsigned depth;
	bool refusable; /* it holds what the framer refuses although it is well-formed */
};

static void add(struct ends *ends, enum framer_event event, size_t position)
{
	if (ends->count < ENDS_MAX)
		ends->items[ends->count++] = (struct end){event, position};
}

static size_t position(const struct expat_side *side)
{
	return (size_t)(XML_GetCurrentByteIndex(side->parser) + XML_GetCurrentByteCount(side->parser));
}

static void on_start(void *data, const char *name, const char **atts)
{
	struct expat_side *side = data;

	if (side->depth++ == 0)
		add(side->ends, FRAMER_HEADER, position(side));
}

static void on_end(void *data, const char *name)
{
	struct expat_side *side = data;

	if (--side->depth == 1)
		add(side->ends, FRAMER_CHILD, position(side));
	else if (side->depth == 0)
		add(side->ends, FRAMER_END, position(side));
}

static void on_text(void *data, const char *bytes, int len)
{
	struct expat_side *side = data;

	for (int i = 0; i < len && side->depth == 1; i++)
		if (!strchr(" \t\r\n", bytes[i]))
			side->refusable = true;
}

static void on_comment(void *data, const char *text)
{
	((struct expat_side *)data)->refusable = true;
}

static void on_instruction(void *data, const char *target, const char *text)
{
	((struct expat_side *)data)->refusable = true;
}

static void on_cdata(void *data)
{
	((struct expat_side *)data)->refusable = true;
}

static void on_doctype(void *data, const char *name, const char *system, const char *public, int internal)
{
	((struct expat_side *)data)->refusable = true;
}

static bool by_expat(struct cpl_str input, struct ends *ends)
{
	struct expat_side side = {XML_ParserCreate("UTF-8"), ends, 0, false};

	ends->count = 0;
	ends->failed_at = SIZE_MAX;
	XML_SetUserData(side.parser, &side);
	XML_SetElementHandler(side.parser, on_start, on_end);
	XML_SetCharacterDataHandler(side.parser, on_text);
	XML_SetCommentHandler(side.parser, on_comment);
	XML_SetProcessingInstructionHandler(side.parser, on_instruction);
	XML_SetStartCdataSectionHandler(side.parser, on_cdata);
	XML_SetStartDoctypeDeclHandler(side.parser, on_doctype);
	if (XML_Parse(side.parser, input.ptr, (int)input.len, XML_FALSE) != XML_STATUS_OK)
		ends->failed_at = (size_t)XML_GetCurrentByteIndex(side.parser);
	ends->stuck_at = ends->failed_at;
	if (ends->failed_at == SIZE_MAX && XML_Parse(side.parser, "", 0, XML_TRUE) != XML_STATUS_OK)
		ends->stuck_at = (size_t)XML_GetCurrentByteIndex(side.parser);
	XML_ParserFree(side.parser);
	return side.refusable;
}

static void by_framer(struct cpl_str input, size_t piece, struct ends *ends)
{
	static const struct cpl_conn_limits none;
	struct framer framer = {0};
	size_t at = 0, taken, piece_end;
	enum framer_event event;

	ends->count = 0;
	ends->failed_at = SIZE_MAX;
	while (at < input.len) {
		piece_end = input.len - at > piece ? at + piece : input.len;
		do {
			event = framer_feed(&framer, &none, (struct cpl_str){input.ptr + at, piece_end - at},
					    &taken);
			CHECK(taken <= piece_end - at);
			at += taken;
			if (event == FRAMER_ERROR) {
				CHECK(framer.error != CPL_STREAM_OK);
				ends->failed_at = at;
				ends->error = (enum cpl_stream_error)framer.error;
				return;
			}
			CHECK(taken || event == FRAMER_MORE);
			if (event != FRAMER_MORE && event != FRAMER_SPACE)
				add(ends, event, at);
		} while (event != FRAMER_MORE);
		CHECK(at == piece_end);
	}
}

/* The framer judges less than expat, so it may see more, but only behind the place where expat found a fault
 * or waits for the rest of a token. */
static void compare(const struct ends *framer, const struct ends *expat, bool refusable)
{
	size_t both = framer->count < expat->count ? framer->count : expat->count;

	for (size_t i = 0; i < both; i++)
		CHECK(framer->items[i].event == expat->items[i].event &&
		      framer->items[i].position == expat->items[i].position);
	if (framer->count > both)
		CHECK(expat->stuck_at < framer->items[both].position);
	if (expat->count > both)
		CHECK(framer->failed_at <= expat->items[both].position);
	if (framer->failed_at != SIZE_MAX && framer->error == CPL_STREAM_NOT_WELL_FORMED)
		CHECK(expat->stuck_at != SIZE_MAX || refusable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ends whole, pieces, expat;
	struct cpl_str input = {(const char *)data + 1, size - 1};
	bool refusable;

	if (size < 2 || (size >= 4 && memcmp(input.ptr, "\xEF\xBB\xBF", 3) == 0))
		return 0; /* a byte order mark is none in XMPP (RFC 6120 11.6) */
	by_framer(input, SIZE_MAX, &whole);
	by_framer(input, data[0] % 16 + 1, &pieces);
	CHECK(whole.count == pieces.count && whole.failed_at == pieces.failed_at);
	CHECK(memcmp(whole.items, pieces.items, whole.count * sizeof *whole.items) == 0);
	refusable = by_expat(input, &expat);
	compare(&whole, &expat, refusable);
	return 0;
}
