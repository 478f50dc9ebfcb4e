/* SPDX-License-Identifier: MIT */
/* Where frames end. */
#include "core/xml/framer.h"

enum state {
	BETWEEN,     /* no frame has begun */
	PROLOG,	     /* behind the XML declaration */
	TEXT,	     /* inside an element */
	OPENED,	     /* "<" */
	DECLARATION, /* "<?" at the very beginning */
	BANG,	     /* "<!" */
	CDATA_MARK,  /* "<![" */
	CDATA,
	TAG, /* a start tag, outside quotes; match: the last byte was "/" */
	QUOTED,
	END_TAG,
	CLOSED, /* behind the stream's end tag */
	FAILED,
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum framer_event fail(struct framer *framer, enum cpl_stream_error error)
{
	framer->state = FAILED;
	framer->error = (uint8_t)error;
	return FRAMER_ERROR;
}

static enum framer_event frame_ends(struct framer *framer, enum framer_event event)
{
	framer->state = event == FRAMER_END ? CLOSED : BETWEEN;
	framer->open = 1;
	framer->depth = 0;
	framer->elements = 0;
	framer->bytes = 0;
	return event;
}

static enum framer_event element_begins(struct framer *framer, const struct cpl_conn_limits *limits)
{
	framer->elements++;
	framer->total_elements++;
	framer->depth++;
	framer->state = TAG;
	framer->match = 0;
	if ((limits->stanza_elements && framer->elements > limits->stanza_elements) ||
	    (limits->total_elements && framer->total_elements > limits->total_elements) ||
	    (limits->stanza_depth && framer->depth > limits->stanza_depth) || framer->depth == UINT16_MAX)
		return fail(framer, CPL_STREAM_POLICY_VIOLATION);
	return FRAMER_MORE;
}

static enum framer_event element_ends(struct framer *framer)
{
	framer->state = TEXT;
	return --framer->depth ? FRAMER_MORE : frame_ends(framer, FRAMER_CHILD);
}

static enum framer_event start_tag_ends(struct framer *framer)
{
	if (!framer->open) /* a stream that is over before it began is none */
		return framer->match ? fail(framer, CPL_STREAM_BAD_FORMAT)
				     : frame_ends(framer, FRAMER_HEADER);
	if (framer->match)
		return element_ends(framer);
	framer->state = TEXT;
	return FRAMER_MORE;
}

static enum framer_event end_tag_ends(struct framer *framer)
{
	return framer->depth ? element_ends(framer) : frame_ends(framer, FRAMER_END);
}

/* The byte behind "<"; `first` when that "<" began the frame. */
static enum framer_event behind_open(struct framer *framer, const struct cpl_conn_limits *limits, char c,
				     bool first)
{
	switch (c) {
	case '/':
		if (!framer->open)
			return fail(framer, CPL_STREAM_NOT_WELL_FORMED);
		framer->state = END_TAG;
		return FRAMER_MORE;
	case '!':
		framer->state = BANG;
		return FRAMER_MORE;
	case '?':
		if (framer->open || !first)
			return fail(framer, CPL_STREAM_RESTRICTED_XML);
		framer->state = DECLARATION;
		framer->match = 0;
		return FRAMER_MORE;
	case '>':
	case '<':
	case '\'':
	case '"':
	case '\0':
		return fail(framer, CPL_STREAM_NOT_WELL_FORMED);
	default:
		return element_begins(framer, limits);
	}
}

/* The byte behind "<!": a comment, a DOCTYPE, a declaration of one, or CDATA inside an element. */
static enum framer_event behind_bang(struct framer *framer, char c)
{
	if (c == '-' || (c >= 'A' && c <= 'Z'))
		return fail(framer, CPL_STREAM_RESTRICTED_XML);
	if (c != '[' || !framer->depth)
		return fail(framer,
			    c == '[' && framer->open ? CPL_STREAM_BAD_FORMAT : CPL_STREAM_NOT_WELL_FORMED);
	framer->state = CDATA_MARK;
	framer->match = 0;
	return FRAMER_MORE;
}

/* Follows "]]>"; match is the number of brackets just seen, at most 2. */
static const char *scan_cdata(struct framer *framer, const char *at, const char *end)
{
	while (at < end) {
		if (!framer->match) {
			at = memchr(at, ']', (size_t)(end - at));
			if (!at)
				return end;
		}
		if (*at == ']') {
			framer->match = framer->match ? 2 : 1;
		} else if (*at == '>' && framer->match == 2) {
			framer->state = TEXT;
			return at + 1;
		} else {
			framer->match = 0;
		}
		at++;
	}
	return end;
}

static const char *scan_declaration(struct framer *framer, const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at == '>' && framer->match) {
			framer->state = PROLOG;
			return at + 1;
		}
		framer->match = *at == '?';
	}
	return end;
}

/* Up to the byte that ends the tag, opens a quote or is out of place. */
static const char *scan_tag(struct framer *framer, const char *at, const char *end)
{
	static const bool stops[256] = {['>'] = true, ['\''] = true, ['"'] = true, ['<'] = true};
	const char *start = at;

	while (at < end && !stops[(unsigned char)*at])
		at++;
	if (at > start)
		framer->match = at[-1] == '/';
	return at;
}

static const char *scan_until(const char *at, const char *end, char c)
{
	const char *found = memchr(at, c, (size_t)(end - at));

	return found ? found : end;
}

/* One step from `at`: moves it on and may end the frame. */
static enum framer_event step(struct framer *framer, const struct cpl_conn_limits *limits,
			      const char **position, const char *end, bool first)
{
	const char *at = *position;
	enum framer_event event = FRAMER_MORE;

	switch ((enum state)framer->state) {
	case TEXT:
		at = scan_until(at, end, '<');
		if (at < end) {
			framer->state = OPENED;
			at++;
		}
		break;
	case TAG:
		at = scan_tag(framer, at, end);
		if (at == end)
			break;
		if (*at == '>') {
			event = start_tag_ends(framer);
		} else if (*at == '<') {
			event = fail(framer, CPL_STREAM_NOT_WELL_FORMED);
		} else {
			framer->quote = (uint8_t)*at;
			framer->state = QUOTED;
		}
		at++;
		break;
	case QUOTED:
		at = scan_until(at, end, (char)framer->quote);
		if (at < end) {
			framer->state = TAG;
			framer->match = 0;
			at++;
		}
		break;
	case OPENED:
		event = behind_open(framer, limits, *at++, first);
		break;
	case END_TAG:
		at = scan_until(at, end, '>');
		if (at < end) {
			event = end_tag_ends(framer);
			at++;
		}
		break;
	case BANG:
		event = behind_bang(framer, *at++);
		break;
	case CDATA_MARK:
		if (*at++ != "CDATA["[framer->match++]) {
			event = fail(framer, CPL_STREAM_NOT_WELL_FORMED);
		} else if (framer->match == 6) {
			framer->state = CDATA;
			framer->match = 0;
		}
		break;
	case CDATA:
		at = scan_cdata(framer, at, end);
		break;
	case DECLARATION:
		at = scan_declaration(framer, at, end);
		break;
	case BETWEEN:
	case PROLOG:
		if (*at == '<')
			framer->state = OPENED;
		else if (framer->state == BETWEEN || !is_space(*at))
			event = fail(framer,
				     framer->open ? CPL_STREAM_BAD_FORMAT : CPL_STREAM_NOT_WELL_FORMED);
		at++;
		break;
	case CLOSED:
	case FAILED:
		event = fail(framer, CPL_STREAM_NOT_WELL_FORMED);
		break;
	}
	*position = at;
	return event;
}

static size_t bounded(size_t len, uint32_t limit, uint32_t used)
{
	if (!limit)
		return len;
	if (used >= limit)
		return 0;
	return len < limit - used ? len : limit - used;
}

enum framer_event framer_feed(struct framer *framer, const struct cpl_conn_limits *limits,
			      struct cpl_str input, size_t *taken)
{
	size_t allowed = bounded(input.len, limits->total_bytes, framer->total_bytes);
	const char *at = input.ptr, *end;
	enum framer_event event = FRAMER_MORE;

	*taken = 0;
	if (framer->state == FAILED)
		return FRAMER_ERROR;
	if ((framer->state == BETWEEN || framer->state == CLOSED) && allowed && is_space(*at)) {
		while (*taken < allowed && is_space(at[*taken]))
			(*taken)++;
		framer->total_bytes += (uint32_t)*taken;
		return FRAMER_SPACE;
	}
	allowed = bounded(allowed, limits->stanza_bytes, framer->bytes);
	end = at + allowed;
	while (at < end && event == FRAMER_MORE)
		event = step(framer, limits, &at, end, framer->bytes + (size_t)(at - input.ptr) == 1);
	*taken = (size_t)(at - input.ptr);
	framer->total_bytes += (uint32_t)*taken;
	if (event != FRAMER_MORE)
		return event;
	framer->bytes += (uint32_t)*taken;
	return allowed < input.len ? fail(framer, CPL_STREAM_POLICY_VIOLATION) : FRAMER_MORE;
}

void framer_restart(struct framer *framer)
{
	uint32_t elements = framer->total_elements, bytes = framer->total_bytes;

	*framer = (struct framer){.total_elements = elements, .total_bytes = bytes};
}
