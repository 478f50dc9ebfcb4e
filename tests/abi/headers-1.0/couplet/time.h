/* SPDX-License-Identifier: MIT */
/*
 * Time, random numbers and text encodings.
 *
 * cpl_now() is the wall clock of this turn of the loop, cpl_monotonic() the clock for durations; both in
 * milliseconds, both steered by the test core. XEP-0082 gives the text form.
 */
#ifndef COUPLET_TIME_H
#define COUPLET_TIME_H

#include <couplet/memory.h>

#pragma GCC visibility push(default)

/* Milliseconds since 1970-01-01 UTC, read once per turn of the loop. Session thread. */
int64_t cpl_now(void);
/* Milliseconds of a clock that never steps back, read once per turn of the loop. Session thread. */
int64_t cpl_monotonic(void);

/*
 * "2026-01-31T12:00:00Z", or with milliseconds where they are not zero (XEP-0082). Size of buffer:
 * CPL_TIME_TEXT.
 */
#define CPL_TIME_TEXT 32
struct cpl_str cpl_time_format(int64_t ms, char buffer[CPL_TIME_TEXT]);
/* Reads an XEP-0082 DateTime with any offset and fraction. */
bool cpl_time_parse(struct cpl_str text, int64_t *ms);

/* Bytes from the kernel's generator. Never fails (the process ends if the kernel refuses). Any thread. */
void cpl_random_bytes(void *out, size_t size);
/* A fresh identifier of 128 random bits as 22 URL-safe characters, NUL-terminated. */
#define CPL_ID_TEXT 23
struct cpl_str cpl_random_id(char buffer[CPL_ID_TEXT]);

/* Base64 (RFC 4648 section 4) with padding. The results end in NUL. */
struct cpl_str cpl_base64_encode(struct cpl_arena *arena, const void *bytes, size_t size);
/* The same, added to a buffer. */
void cpl_buf_add_base64(struct cpl_buf *buf, const void *bytes, size_t size);
/* Strict: no white space, canonical padding. False for anything else. */
bool cpl_base64_decode(struct cpl_arena *arena, struct cpl_str text, struct cpl_str *out);
/* Lower-case hexadecimal. */
struct cpl_str cpl_hex_encode(struct cpl_arena *arena, const void *bytes, size_t size);
/* Digits of either case, an even number; false for anything else. */
bool cpl_hex_decode(struct cpl_arena *arena, struct cpl_str text, struct cpl_str *out);
/* Compares in a time that depends on the lengths only. */
bool cpl_equal_secret(struct cpl_str a, struct cpl_str b);

#pragma GCC visibility pop

#endif
