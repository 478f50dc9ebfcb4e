/* SPDX-License-Identifier: MIT */
/* Strings and the growable buffer. */
#include <couplet/memory.h>
#include <couplet/str.h>

#include <assert.h>
#include <stdio.h>

int cpl_str_compare(struct cpl_str a, struct cpl_str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool cpl_str_starts(struct cpl_str s, struct cpl_str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

ptrdiff_t cpl_str_find(struct cpl_str s, char c)
{
	const char *found = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return found ? found - s.ptr : -1;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct cpl_str cpl_str_trim(struct cpl_str s)
{
	while (s.len > 0 && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool cpl_str_to_int(struct cpl_str s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	size_t i = negative || (s.len > 0 && s.ptr[0] == '+');
	int64_t value = 0;

	if (i == s.len)
		return false;
	for (; i < s.len; i++) {
		int digit = s.ptr[i] - '0';

		if (digit < 0 || digit > 9)
			return false;
		/* Downwards for negative numbers: INT64_MIN has no positive twin. */
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

bool cpl_str_split(struct cpl_str *rest, char separator, struct cpl_str *part)
{
	ptrdiff_t at;

	if (!rest->ptr)
		return false;
	at = cpl_str_find(*rest, separator);
	if (at < 0) {
		*part = *rest;
		*rest = CPL_NONE;
	} else {
		*part = (struct cpl_str){rest->ptr, (size_t)at};
		*rest = (struct cpl_str){rest->ptr + at + 1, rest->len - (size_t)at - 1};
	}
	return true;
}

/* Length of the well-formed UTF-8 sequence at the beginning (RFC 3629 section 4), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t need;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		need = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		need = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		need = 4;
	else
		return 0;
	if (len < need)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* shorter forms exist below */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates above */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

bool cpl_str_is_utf8(struct cpl_str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;

	for (size_t at = 0, step; at < s.len; at += step) {
		step = utf8_sequence(p + at, s.len - at);
		if (step == 0)
			return false;
	}
	return true;
}

static bool is_uri_character(unsigned char c)
{
	return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~:/?#[]@!$&'()*+,;=%", c));
}

bool cpl_str_is_uri(struct cpl_str s)
{
	ptrdiff_t colon = cpl_str_find(s, ':');

	if (colon < 1 || (size_t)colon + 1 == s.len || !cpl_str_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i], lower = c | 0x20;
		bool letter = lower >= 'a' && lower <= 'z';

		if (i < (size_t)colon ? !letter && (i == 0 || (!(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')) : !is_uri_character(c))
			return false;
	}
	return true;
}

bool cpl_str_is_xml(struct cpl_str s)
{
	if (!cpl_str_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
			return false;
		/* U+FFFE and U+FFFF; no surrogates are left in UTF-8 */
		if (c == 0xEF && (unsigned char)s.ptr[i + 1] == 0xBF && (unsigned char)s.ptr[i + 2] >= 0xBE)
			return false;
	}
	return true;
}

size_t cpl_str_utf8_cut(struct cpl_str s, size_t max)
{
	size_t at = max;

	if (s.len <= max)
		return s.len;
	/*
	 * Back to the lead byte of the sequence that crosses the limit; more than three steps means it is no
	 * UTF-8.
	 */
	while (at > 0 && max - at < 3 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
		at--;
	return ((unsigned char)s.ptr[at] & 0xc0) == 0x80 ? max : at;
}

/*
 * Everything between len and size is zero at all times, so that the NUL behind the content needs no care when
 * a caller fills reserved room only in part.
 */
char *cpl_buf_reserve(struct cpl_buf *buf, size_t more)
{
	size_t need, size;

	assert(more < PTRDIFF_MAX - buf->len);
	need = buf->len + more + 1;
	if (need > buf->size) {
		size = buf->size ? buf->size : 64;
		while (size < need)
			size += size;
		buf->ptr = cpl_realloc(buf->ptr, size);
		buf->size = size;
	}
	return buf->ptr + buf->len;
}

void cpl_buf_add(struct cpl_buf *buf, struct cpl_str s)
{
	char *to = cpl_buf_reserve(buf, s.len);

	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	buf->len += s.len;
}

void cpl_buf_add_char(struct cpl_buf *buf, char c)
{
	*cpl_buf_reserve(buf, 1) = c;
	buf->len++;
}

void cpl_buf_addf(struct cpl_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cpl_buf_addv(buf, format, args);
	va_end(args);
}

void cpl_buf_addv(struct cpl_buf *buf, const char *format, va_list args)
{
	va_list again;
	size_t room;
	char *to;
	int len;

	va_copy(again, args);
	to = cpl_buf_reserve(buf, 0);
	room = buf->size - buf->len;
	len = vsnprintf(to, room, format, args);
	assert(len >= 0);
	if ((size_t)len >= room) {
		to = cpl_buf_reserve(buf, (size_t)len);
		vsnprintf(to, (size_t)len + 1, format, again);
	}
	va_end(again);
	buf->len += (size_t)len;
}

void cpl_buf_add_json(struct cpl_buf *buf, struct cpl_str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;

	cpl_buf_add_char(buf, '"');
	for (size_t at = 0, step; at < s.len; at += step) {
		step = utf8_sequence(p + at, s.len - at);
		if (step == 0) {
			step = 1;
			cpl_buf_add(buf, CPL_STR("\xef\xbf\xbd"));
		} else if (p[at] == '"' || p[at] == '\\') {
			cpl_buf_add_char(buf, '\\');
			cpl_buf_add_char(buf, s.ptr[at]);
		} else if (p[at] == '\n') {
			cpl_buf_add(buf, CPL_STR("\\n"));
		} else if (p[at] == '\t') {
			cpl_buf_add(buf, CPL_STR("\\t"));
		} else if (p[at] == '\r') {
			cpl_buf_add(buf, CPL_STR("\\r"));
		} else if (p[at] < 0x20 || p[at] == 0x7f) {
			cpl_buf_addf(buf, "\\u%04x", p[at]);
		} else {
			cpl_buf_add(buf, (struct cpl_str){s.ptr + at, step});
		}
	}
	cpl_buf_add_char(buf, '"');
}

static struct cpl_str xml_escape(char c)
{
	switch (c) {
	case '<':
		return CPL_STR("&lt;");
	case '>':
		return CPL_STR("&gt;");
	case '&':
		return CPL_STR("&amp;");
	case '\'':
		return CPL_STR("&apos;");
	case '"':
		return CPL_STR("&quot;");
	default:
		return CPL_NONE;
	}
}

void cpl_buf_add_xml(struct cpl_buf *buf, struct cpl_str s)
{
	size_t plain = 0;

	cpl_buf_reserve(buf, s.len);
	for (size_t at = 0; at < s.len; at++) {
		struct cpl_str escape = xml_escape(s.ptr[at]);

		if (!escape.ptr)
			continue;
		cpl_buf_add(buf, (struct cpl_str){s.ptr + plain, at - plain});
		cpl_buf_add(buf, escape);
		plain = at + 1;
	}
	if (plain < s.len)
		cpl_buf_add(buf, (struct cpl_str){s.ptr + plain, s.len - plain});
}

void cpl_commas_add(struct cpl_buf *list, struct cpl_str item)
{
	if (list->len)
		cpl_buf_add_char(list, ',');
	for (size_t i = 0; i < item.len; i++) {
		if (item.ptr[i] == ',' || item.ptr[i] == '\\')
			cpl_buf_add_char(list, '\\');
		cpl_buf_add_char(list, item.ptr[i]);
	}
}

bool cpl_commas_next(struct cpl_str *rest, struct cpl_buf *item)
{
	size_t i = 0;

	if (!rest->ptr)
		return false;
	cpl_buf_clear(item);
	for (; i < rest->len && rest->ptr[i] != ','; i++) {
		i += rest->ptr[i] == '\\' && i + 1 < rest->len;
		cpl_buf_add_char(item, rest->ptr[i]);
	}
	*rest = i < rest->len ? (struct cpl_str){rest->ptr + i + 1, rest->len - i - 1} : CPL_NONE;
	return true;
}

void cpl_buf_clear(struct cpl_buf *buf)
{
	if (buf->ptr)
		memset(buf->ptr, 0, buf->len);
	buf->len = 0;
}

void cpl_buf_finish(struct cpl_buf *buf)
{
	cpl_free(buf->ptr);
	*buf = (struct cpl_buf){0};
}

char *cpl_buf_take(struct cpl_buf *buf)
{
	char *taken;

	cpl_buf_reserve(buf, 0);
	taken = buf->ptr;
	*buf = (struct cpl_buf){0};
	return taken;
}
