/* SPDX-License-Identifier: MIT */
/* From bytes to events. */
#include "core/net/conn_input.h"
#include <assert.h>

enum { HELD_MIN = 512 };

static void held_free(struct conn_held **held)
{
	cpl_free(*held);
	*held = NULL;
}

static size_t held_length(const struct conn_held *held)
{
	return held ? held->end - held->begin : 0;
}

/* Appends; false when there is no memory. The peer chooses the size, within its bounds. */
static bool held_add(struct conn_held **held, struct cpl_str bytes)
{
	struct conn_held *old = *held;

	if (!old || old->size - old->end < bytes.len) {
		size_t live = held_length(old), size = HELD_MIN;
		struct conn_held *grown;

		while (size < live + bytes.len)
			size *= 2;
		grown = cpl_try_alloc(sizeof(*grown) + size);
		if (!grown)
			return false;
		grown->size = size;
		grown->end = live;
		if (live) {
			memcpy(grown->bytes, old->bytes + old->begin, live);
			grown->scanned = old->scanned - old->begin;
		}
		cpl_free(old);
		*held = grown;
	}
	if (bytes.len)
		memcpy((*held)->bytes + (*held)->end, bytes.ptr, bytes.len);
	(*held)->end += bytes.len;
	return true;
}

static void fail(struct conn_input *input, enum cpl_stream_error condition, const char *text)
{
	conn_input_stop(input);
	input->conn->events->failed(input->conn, condition, text);
}

static void report_header(struct conn_input *input, struct cpl_str frame)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_stream_header header = {0};
	enum cpl_stream_error error;

	xml_prefixes_destroy(&input->prefixes);
	error = xml_parse_header(frame, arena, &header, &input->prefixes);
	held_free(&input->held);
	if (error) {
		fail(input, error, NULL);
	} else {
		input->content = header.content;
		input->conn->events->opened(input->conn, &header);
	}
	cpl_arena_destroy(&arena);
}

static void report_child(struct conn_input *input, struct cpl_str frame)
{
	struct cpl_stanza *stanza = NULL;
	enum cpl_stream_error error = xml_parse_child(frame, input->content, input->prefixes, &stanza);

	held_free(&input->held);
	if (error) {
		fail(input, error, NULL);
		return;
	}
	input->conn->elements_in++;
	input->conn->events->element(input->conn, stanza);
}

/* The frame that ends in `piece`: in place, or put together with its beginning, which was held. */
static bool whole_frame(struct conn_input *input, struct cpl_str piece, struct cpl_str *frame)
{
	*frame = piece;
	if (!held_length(input->held))
		return true;
	if (!held_add(&input->held, piece))
		return false;
	*frame = (struct cpl_str){input->held->bytes + input->held->begin, held_length(input->held)};
	return true;
}

/* The framer knows only that nothing was open: the tag must be that of the header, whose prefix is fixed (RFC 6120 4.8.5). */
static bool closes_stream(struct cpl_str frame)
{
	static const char tag[] = "</stream:stream";
	struct cpl_str rest;

	frame = cpl_str_trim(frame);
	if (!cpl_str_starts(frame, (struct cpl_str){tag, sizeof(tag) - 1}))
		return false;
	rest = (struct cpl_str){frame.ptr + sizeof(tag) - 1, frame.len - (sizeof(tag) - 1)};
	return cpl_str_is(cpl_str_trim(rest), ">");
}

/*
 * Runs over `bytes`, of which the first `scanned` were seen by the framer before and begin a frame
 * (input->held is then empty), or none were (held may be the beginning of a frame, all of it seen). Returns
 * where the bytes begin that must be held, *seen how far they are scanned.
 */
static size_t run(struct conn_input *input, struct cpl_str bytes, size_t scanned, size_t *seen)
{
	size_t begin = 0;
	size_t at = scanned;

	input->cut = false;
	while (at < bytes.len && !input->stopped && !input->pauses && !input->cut && !input->closing) {
		size_t taken = 0;
		struct cpl_str frame;
		enum framer_event event =
			framer_feed(&input->framer, input->limits,
				    (struct cpl_str){bytes.ptr + at, bytes.len - at}, &taken);

		at += taken;
		if (event == FRAMER_MORE)
			break;
		if (event == FRAMER_ERROR) {
			fail(input, (enum cpl_stream_error)input->framer.error, NULL);
			break;
		}
		if (event == FRAMER_SPACE) {
			begin = at;
			continue;
		}
		if (!whole_frame(input, (struct cpl_str){bytes.ptr + begin, at - begin}, &frame)) {
			fail(input, CPL_STREAM_RESOURCE_CONSTRAINT, "out of memory");
			break;
		}
		begin = at;
		if (event == FRAMER_HEADER) {
			report_header(input, frame);
		} else if (event == FRAMER_CHILD) {
			report_child(input, frame);
		} else if (!closes_stream(frame)) {
			fail(input, CPL_STREAM_NOT_WELL_FORMED, "an end tag without its beginning");
			break;
		} else {
			held_free(&input->held);
			input->closing = true;
			input->conn->events->closing(input->conn);
		}
	}
	if (input->stopped || input->cut || input->closing)
		begin = at = bytes.len;
	*seen = at;
	return begin;
}

void conn_input_feed(struct conn_input *input, struct cpl_str bytes)
{
	size_t seen = 0;
	size_t begin = 0;

	if (input->stopped || input->closing)
		return;
	if (!input->pauses && !conn_input_waiting(input))
		begin = run(input, bytes, 0, &seen);
	if (begin == bytes.len)
		return;
	assert(!begin || !held_length(input->held));
	if (!held_add(&input->held, (struct cpl_str){bytes.ptr + begin, bytes.len - begin})) {
		fail(input, CPL_STREAM_RESOURCE_CONSTRAINT, "out of memory");
		return;
	}
	input->held->scanned += seen - begin;
}

void conn_input_continue(struct conn_input *input)
{
	struct conn_held *held = input->held;
	size_t seen = 0;
	size_t begin;

	if (!conn_input_waiting(input) || input->pauses)
		return;
	input->held = NULL;
	begin = run(input, (struct cpl_str){held->bytes + held->begin, held_length(held)}, held->scanned - held->begin, &seen);
	held->scanned = held->begin + seen;
	held->begin += begin;
	if (held->begin == held->end || input->stopped) {
		held_free(&held);
		return;
	}
	input->held = held;
}

bool conn_input_waiting(const struct conn_input *input)
{
	return input->held && input->held->scanned < input->held->end;
}

void conn_input_restart(struct conn_input *input, bool drop)
{
	framer_restart(&input->framer);
	xml_prefixes_destroy(&input->prefixes);
	input->closing = false;
	if (drop) {
		input->cut = true;
		held_free(&input->held);
	} else if (input->held) {
		input->held->scanned = input->held->begin;
	}
}

void conn_input_set_limits(struct conn_input *input, const struct cpl_conn_limits *limits)
{
	const struct cpl_conn_limits *before = input->limits;

	input->limits = conn_limits_share(limits);
	conn_limits_unref(&before);
	input->framer.total_bytes = 0;
	input->framer.total_elements = 0;
}

void conn_input_pause(struct conn_input *input)
{
	input->pauses++;
	input->conn->paused = true;
}

bool conn_input_resume(struct conn_input *input)
{
	assert(input->pauses > 0);
	if (--input->pauses)
		return false;
	input->conn->paused = false;
	return true;
}

void conn_input_stop(struct conn_input *input)
{
	input->stopped = true;
	held_free(&input->held);
}

size_t conn_input_appetite(const struct conn_input *input, size_t most)
{
	/* Some room beyond the bound, so that crossing it is noticed, and for the overhead of records. */
	size_t wanted = (size_t)input->limits->total_bytes + 1024;

	return input->limits->total_bytes && wanted < most ? wanted : most;
}

size_t conn_input_memory(const struct conn_input *input)
{
	return input->held ? sizeof(*input->held) + input->held->size : 0;
}

void conn_input_finish(struct conn_input *input)
{
	held_free(&input->held);
	xml_prefixes_destroy(&input->prefixes);
	conn_limits_unref(&input->limits);
}
