/* SPDX-License-Identifier: MIT */
/*
 * The strict parser's part for stream headers: the form that RFC 6120 4.2 shows and clients send, with the usual prefix, no references, and no attribute or declaration but the known
 * ones. A login has three headers (four with TLS), each of which costs expat a reset: this makes them ten times cheaper.
 */
#include "core/xml/names.h"
#include "core/xml/strict.h"

/* Bytes at the front of *rest, taken off; false when others stand there. */
static bool take(struct cpl_str *rest, const char *text)
{
	size_t len = strlen(text);

	if (rest->len < len || memcmp(rest->ptr, text, len) != 0)
		return false;
	*rest = (struct cpl_str){rest->ptr + len, rest->len - len};
	return true;
}

static bool take_space(struct cpl_str *rest)
{
	size_t count = 0;

	while (count < rest->len && (rest->ptr[count] == ' ' || rest->ptr[count] == '\t' || rest->ptr[count] == '\n'))
		count++;
	*rest = (struct cpl_str){rest->ptr + count, rest->len - count};
	return count > 0;
}

/* A quoted value of printable ASCII, in which nothing is to be resolved. */
static bool take_value(struct cpl_str *rest, struct cpl_str *value)
{
	char quote = rest->len ? *rest->ptr : 0;
	size_t len = 1;

	if (quote != '\'' && quote != '"')
		return false;
	for (; len < rest->len && rest->ptr[len] != quote; len++)
		if (rest->ptr[len] < ' ' || rest->ptr[len] > '~' || rest->ptr[len] == '<' || rest->ptr[len] == '&')
			return false;
	if (len == rest->len)
		return false;
	*value = (struct cpl_str){rest->ptr + 1, len - 1};
	*rest = (struct cpl_str){rest->ptr + len + 1, rest->len - len - 1};
	return true;
}

static bool take_declaration(struct cpl_str *rest)
{
	struct cpl_str value;

	if (!take(rest, "<?xml"))
		return true;
	if (!take(rest, " version=") || !take_value(rest, &value) || !cpl_str_is(value, "1.0"))
		return false;
	if (take(rest, " encoding=") && (!take_value(rest, &value) || !(cpl_str_is(value, "UTF-8") || cpl_str_is(value, "utf-8"))))
		return false;
	take_space(rest);
	if (!take(rest, "?>"))
		return false;
	take_space(rest);
	return true;
}

enum attribute { A_XMLNS, A_XMLNS_STREAM, A_TO, A_FROM, A_ID, A_VERSION, A_LANG, ATTRIBUTES };

static bool take_attributes(struct cpl_str *rest, struct cpl_str values[ATTRIBUTES])
{
	static const char *const names[ATTRIBUTES] = {"xmlns=", "xmlns:stream=", "to=", "from=", "id=", "version=", "xml:lang="};

	for (;;) {
		bool space = take_space(rest);
		unsigned which = 0;

		if (take(rest, ">"))
			return rest->len == 0;
		while (space && which < ATTRIBUTES && !take(rest, names[which]))
			which++;
		if (!space || which == ATTRIBUTES || values[which].ptr || !take_value(rest, &values[which]))
			return false;
	}
}

bool strict_parse_header(struct cpl_str frame, struct cpl_arena *arena, struct cpl_stream_header *header)
{
	struct cpl_str values[ATTRIBUTES] = {0};
	struct cpl_str *const members[ATTRIBUTES] = {
		[A_TO] = &header->to, [A_FROM] = &header->from, [A_ID] = &header->id, [A_VERSION] = &header->version, [A_LANG] = &header->lang};
	uint16_t content;

	*header = (struct cpl_stream_header){0};
	if (!take_declaration(&frame) || !take(&frame, "<stream:stream") || !take_attributes(&frame, values))
		return false;
	if (!values[A_XMLNS].ptr || !values[A_XMLNS_STREAM].ptr || names_ns(values[A_XMLNS_STREAM]) != CPL_NS_STREAM)
		return false;
	content = names_ns(values[A_XMLNS]);
	if (content != CPL_NS_CLIENT && content != CPL_NS_SERVER && content != CPL_NS_COMPONENT)
		return false;
	header->content = (enum cpl_ns)content;
	for (unsigned i = A_TO; i < ATTRIBUTES; i++)
		if (values[i].ptr)
			*members[i] = cpl_arena_copy(arena, values[i]);
	return true;
}

static bool same(struct cpl_str a, struct cpl_str b)
{
	return !a.ptr == !b.ptr && cpl_str_equal(a, b);
}

bool strict_same_header(const struct cpl_stream_header *a, const struct cpl_stream_header *b)
{
	return same(a->to, b->to) && same(a->from, b->from) && same(a->id, b->id) && same(a->lang, b->lang) && same(a->version, b->version) &&
	       a->content == b->content && a->wrong_namespace == b->wrong_namespace && a->wrong_prefix == b->wrong_prefix;
}
