/* SPDX-License-Identifier: MIT */
/* The text of a log line. */
#include "core/base/logger_line.h"
#include "core/base/clock.h"
#include "core/base/logger.h"

#include <couplet/time.h>
#include <stdio.h>
#include <string.h>

size_t line_escape(char *to, size_t size, struct cpl_str text)
{
	size_t at = 0, len = 0;

	while (at < text.len) {
		unsigned char c = (unsigned char)text.ptr[at];
		size_t step = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		bool plain;

		if (c >= 0x20 && c < 0x7f) {
			if (len == size)
				break;
			to[len++] = text.ptr[at++];
			continue;
		}
		plain = c >= 0x80 && step <= text.len - at && cpl_str_is_utf8((struct cpl_str){text.ptr + at, step}) &&
			!(c == 0xc2 && (unsigned char)text.ptr[at + 1] < 0xa0);
		if (!plain)
			step = 1;
		if (len + (plain ? step : 4) > size)
			break;
		if (plain) {
			memcpy(to + len, text.ptr + at, step);
			len += step;
		} else {
			static const char digits[] = "0123456789abcdef";

			to[len++] = '\\';
			to[len++] = 'x';
			to[len++] = digits[c >> 4];
			to[len++] = digits[c & 15];
		}
		at += step;
	}
	return len;
}

size_t line_head(char *to, size_t size, enum cpl_log_level level)
{
	static _Thread_local char text[CPL_TIME_TEXT];
	static _Thread_local int64_t second = -1; /* whose text it is */
	int64_t now = clock_system_now();
	int len;

	if (second != now / 1000) {
		second = now / 1000;
		cpl_time_format(second * 1000, text);
	}
	len = snprintf(to, size, "%.19s.%03dZ %-5s ", text, (int)(now % 1000), logger_level_name(level));
	return (size_t)len;
}
