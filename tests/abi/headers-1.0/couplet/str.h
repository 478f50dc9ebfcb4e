/* SPDX-License-Identifier: MIT */
/*
 * Strings: views by value and one growable buffer.
 *
 * A struct cpl_str is a pointer and a length. It owns nothing, need not end in NUL and may hold NUL bytes;
 * whoever hands one out says how long its bytes live. A view whose ptr is NULL is "not there", which is
 * different from "there and empty" (ptr set, len 0). C strings appear only at system calls and in tables of
 * literals.
 */
#ifndef COUPLET_STR_H
#define COUPLET_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma GCC visibility push(default)

struct cpl_str {
	const char *ptr;
	size_t len;
};

/* A view of a string literal; its bytes live as long as the code that holds the literal. */
#define CPL_STR(literal) ((struct cpl_str){"" literal, sizeof(literal) - 1})
/* The view that is not there. */
#define CPL_NONE ((struct cpl_str){NULL, 0})
/* printf("%.*s", CPL_ARG(str)) */
#define CPL_ARG(str) ((int)(str).len), ((str).ptr ? (str).ptr : "")

/* View of a NUL-terminated string; NULL gives CPL_NONE. */
static inline struct cpl_str cpl_str_of(const char *z)
{
	return (struct cpl_str){z, z ? strlen(z) : 0};
}

/* True for the same bytes; CPL_NONE equals the empty string. */
static inline bool cpl_str_equal(struct cpl_str a, struct cpl_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Compares with a string literal or any NUL-terminated string. */
static inline bool cpl_str_is(struct cpl_str a, const char *z)
{
	size_t len = strlen(z);

	return a.len == len && (len == 0 || memcmp(a.ptr, z, len) == 0);
}

/* memcmp order, shorter first among equals; for sorting. */
int cpl_str_compare(struct cpl_str a, struct cpl_str b);
/* True when `s` begins with `prefix`; every string begins with the empty one. */
bool cpl_str_starts(struct cpl_str s, struct cpl_str prefix);
/* Position of the first `c`, or -1. */
ptrdiff_t cpl_str_find(struct cpl_str s, char c);
/* `s` without leading and trailing ASCII white space (a view of the same bytes). */
struct cpl_str cpl_str_trim(struct cpl_str s);
/* Parses a whole string as a decimal integer with optional sign, within [min, max]. False leaves *out alone. */
bool cpl_str_to_int(struct cpl_str s, int64_t min, int64_t max, int64_t *out);
/*
 * Takes the part of *rest before `separator` (or all of it) and moves *rest behind it; false when *rest is
 * CPL_NONE.
 */
bool cpl_str_split(struct cpl_str *rest, char separator, struct cpl_str *part);
/* True for well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool cpl_str_is_utf8(struct cpl_str s);
/* True for UTF-8 of characters that XML 1.0 can carry: no control characters but tab, newline and carriage return. */
bool cpl_str_is_xml(struct cpl_str s);
/* Length of the longest prefix of at most `max` bytes that does not cut a UTF-8 sequence. */
size_t cpl_str_utf8_cut(struct cpl_str s, size_t max);

/* True for a URI with its scheme, or an IRI (RFC 3986 3, RFC 3987 2.2): "mailto:abuse@example.org". What a scheme wants of the rest is not looked at. */
bool cpl_str_is_uri(struct cpl_str s);

/*
 * A growable byte buffer on the heap. Zero-initialise it, add to it, finish it. The bytes are always followed
 * by a NUL that len does not count, so that buf.ptr (if not NULL) can be used as a C string. Out of memory
 * ends the process: callers bound what they add.
 */
struct cpl_buf {
	char *ptr;
	size_t len;
	size_t size;
};

/* A view of the content, valid until the buffer changes; never CPL_NONE. */
static inline struct cpl_str cpl_buf_str(const struct cpl_buf *buf)
{
	return (struct cpl_str){buf->ptr ? buf->ptr : "", buf->len};
}

/*
 * Makes room for `more` further bytes and returns where they go; the caller adds to buf->len what it wrote.
 * Who lowers buf->len by hand writes the NUL, too.
 */
char *cpl_buf_reserve(struct cpl_buf *buf, size_t more);
/* Adds bytes, one byte, or formatted text. */
void cpl_buf_add(struct cpl_buf *buf, struct cpl_str s);
void cpl_buf_add_char(struct cpl_buf *buf, char c);
void cpl_buf_addf(struct cpl_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cpl_buf_addv(struct cpl_buf *buf, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/* Adds `s` as a JSON string, the quotes around it included; a byte that is not UTF-8 becomes U+FFFD. */
void cpl_buf_add_json(struct cpl_buf *buf, struct cpl_str s);
/* Adds `s` with the five XML characters escaped. */
void cpl_buf_add_xml(struct cpl_buf *buf, struct cpl_str s);
/*
 * A list of texts with commas between them: adds one, in which a comma and a backslash get a backslash before them; and takes the first of *rest into `item`, without
 * them. False when *rest is CPL_NONE.
 */
void cpl_commas_add(struct cpl_buf *list, struct cpl_str item);
bool cpl_commas_next(struct cpl_str *rest, struct cpl_buf *item);
/* Forgets the content, keeps the memory. */
void cpl_buf_clear(struct cpl_buf *buf);
/* Releases the memory and zeroes the struct. */
void cpl_buf_finish(struct cpl_buf *buf);
/* Moves the bytes out (NUL-terminated, to be released with cpl_free) and leaves an empty buffer. */
char *cpl_buf_take(struct cpl_buf *buf);

#pragma GCC visibility pop

#endif
