/* SPDX-License-Identifier: MIT */
/* Base64 and base16 of RFC 4648, and comparison in constant time. */
#include <couplet/time.h>

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t base64_length(size_t size)
{
	return (size + 2) / 3 * 4;
}

static void base64_write(char *to, const unsigned char *from, size_t size)
{
	size_t i = 0;

	for (; size - i >= 3; i += 3) {
		*to++ = base64_alphabet[from[i] >> 2];
		*to++ = base64_alphabet[(from[i] & 3) << 4 | from[i + 1] >> 4];
		*to++ = base64_alphabet[(from[i + 1] & 15) << 2 | from[i + 2] >> 6];
		*to++ = base64_alphabet[from[i + 2] & 63];
	}
	if (size - i == 0)
		return;
	*to++ = base64_alphabet[from[i] >> 2];
	if (size - i == 1) {
		*to++ = base64_alphabet[(from[i] & 3) << 4];
		*to++ = '=';
	} else {
		*to++ = base64_alphabet[(from[i] & 3) << 4 | from[i + 1] >> 4];
		*to++ = base64_alphabet[(from[i + 1] & 15) << 2];
	}
	*to = '=';
}

struct cpl_str cpl_base64_encode(struct cpl_arena *arena, const void *bytes, size_t size)
{
	size_t len = base64_length(size);
	char *text = cpl_arena_alloc(arena, len + 1);

	base64_write(text, bytes, size);
	return (struct cpl_str){text, len};
}

void cpl_buf_add_base64(struct cpl_buf *buf, const void *bytes, size_t size)
{
	size_t len = base64_length(size);

	base64_write(cpl_buf_reserve(buf, len), bytes, size);
	buf->len += len;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool cpl_base64_decode(struct cpl_arena *arena, struct cpl_str text, struct cpl_str *out)
{
	size_t padding = 0, len;
	unsigned char *bytes, *to;
	unsigned bits = 0;

	if (text.len % 4 != 0)
		return false;
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	len = text.len / 4 * 3 - padding;
	for (size_t i = 0; i < text.len - padding; i++)
		if (base64_value(text.ptr[i]) < 0)
			return false;
	to = bytes = cpl_arena_alloc(arena, len + 1);
	for (size_t i = 0; i < text.len - padding; i++) {
		bits = (bits << 6 | (unsigned)base64_value(text.ptr[i])) & 0xffffff;
		if (i % 4 == 1)
			*to++ = (unsigned char)(bits >> 4);
		else if (i % 4 == 2)
			*to++ = (unsigned char)(bits >> 2);
		else if (i % 4 == 3)
			*to++ = (unsigned char)bits;
	}
	/* The bits under the padding are zero in the one canonical form (RFC 4648 section 3.5). */
	if ((padding == 1 && bits & 3) || (padding == 2 && bits & 15))
		return false;
	*out = (struct cpl_str){(char *)bytes, len};
	return true;
}

struct cpl_str cpl_hex_encode(struct cpl_arena *arena, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	char *text = cpl_arena_alloc(arena, size * 2 + 1);

	for (size_t i = 0; i < size; i++) {
		text[i * 2] = digits[from[i] >> 4];
		text[i * 2 + 1] = digits[from[i] & 15];
	}
	return (struct cpl_str){text, size * 2};
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool cpl_hex_decode(struct cpl_arena *arena, struct cpl_str text, struct cpl_str *out)
{
	char *bytes;

	if (text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (hex_value(text.ptr[i]) < 0)
			return false;
	bytes = cpl_arena_alloc(arena, text.len / 2 + 1);
	for (size_t i = 0; i < text.len; i += 2)
		bytes[i / 2] = (char)(hex_value(text.ptr[i]) << 4 | hex_value(text.ptr[i + 1]));
	*out = (struct cpl_str){bytes, text.len / 2};
	return true;
}

bool cpl_equal_secret(struct cpl_str a, struct cpl_str b)
{
	volatile unsigned char differ = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differ = (unsigned char)(differ | (a.ptr[i] ^ b.ptr[i]));
	return differ == 0;
}
