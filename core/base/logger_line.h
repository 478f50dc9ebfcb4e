/* SPDX-License-Identifier: MIT */
/* The text of a log line. Any thread. */
#ifndef CORE_BASE_LOGGER_LINE_H
#define CORE_BASE_LOGGER_LINE_H

#include <couplet/log.h>
#include <couplet/str.h>

/* "2026-01-31T12:00:00.123Z info  "; returns how many bytes. */
size_t line_head(char *to, size_t size, enum cpl_log_level level);
/*
 * Copies `text` with control characters and bytes that are not UTF-8 as \xNN, at most `size` bytes; returns
 * how many.
 */
size_t line_escape(char *to, size_t size, struct cpl_str text);

#endif
