/* SPDX-License-Identifier: MIT */
/*
 * The log: one line an event, written by a thread behind a bounded queue, so that a stalled sink stops
 * nobody. The line carries time, level, module (the one that runs) and the message; a message begins with
 * what happened and goes on with name=value fields of stable names. Never log SASL content, passwords or
 * message text. Any thread.
 */
#ifndef COUPLET_LOG_H
#define COUPLET_LOG_H

#include <stdbool.h>

#pragma GCC visibility push(default)

enum cpl_log_level { CPL_LOG_DEBUG, CPL_LOG_INFO, CPL_LOG_WARN, CPL_LOG_ERROR };

/* The least important level that is logged. */
extern enum cpl_log_level cpl_log_threshold;

/* Queues a line whatever the threshold is; usually called by the macros below. A full queue drops the line and counts it. */
void cpl_log_write(enum cpl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Arguments are not evaluated when the level is off. */
#define cpl_log(level, ...)                                                                                  \
	do {                                                                                                 \
		if (__builtin_expect((level) >= __atomic_load_n(&cpl_log_threshold, __ATOMIC_RELAXED), 0))   \
			cpl_log_write((level), __VA_ARGS__);                                                 \
	} while (0)
#define cpl_log_debug(...) cpl_log(CPL_LOG_DEBUG, __VA_ARGS__)
#define cpl_log_info(...)  cpl_log(CPL_LOG_INFO, __VA_ARGS__)
#define cpl_log_warn(...)  cpl_log(CPL_LOG_WARN, __VA_ARGS__)
#define cpl_log_error(...) cpl_log(CPL_LOG_ERROR, __VA_ARGS__)

#pragma GCC visibility pop

#endif
