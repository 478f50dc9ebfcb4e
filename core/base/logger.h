/* SPDX-License-Identifier: MIT */
/* The log's inside: sinks, the writer thread and its bounded queue. <couplet/log.h> is the part that everybody uses. */
#ifndef CORE_BASE_LOGGER_H
#define CORE_BASE_LOGGER_H

#include <couplet/error.h>
#include <couplet/log.h>
#include <couplet/str.h>

enum logger_sink { LOGGER_STDERR, LOGGER_FILE, LOGGER_SYSLOG, LOGGER_MEMORY };

struct logger_options {
	enum cpl_log_level level;
	enum logger_sink sink;
	const char *path; /* LOGGER_FILE */
};

/* Before logger_start() (and after logger_finish()) lines go straight to stderr. Line form: "2026-01-31T12:00:00.123Z info  module: message". Under systemd
 * (JOURNAL_STREAM set) stderr lines leave out the time and begin with <N>. Control characters in a message are escaped, so that a peer cannot forge lines. */
int logger_start(const struct logger_options *options, struct cpl_error *error);
/* Changes level and sink in a running logger; on failure nothing changes. */
int logger_change(const struct logger_options *options, struct cpl_error *error);
/* Opens the file again (SIGHUP, log rotation). */
void logger_reopen(void);
/* Writes what is queued and joins the thread. */
void logger_finish(void);
/* Lines that were dropped because the queue was full. */
size_t logger_dropped(void);
/* For tests: LOGGER_MEMORY keeps lines; takes all out as one NUL-terminated string (cpl_free). */
char *logger_take_memory(void);
/* "debug", "info", "warn", "error". */
bool logger_level_of(struct cpl_str name, enum cpl_log_level *level);

#endif
