/* SPDX-License-Identifier: MIT */
/*
 * The log's inside: sinks, the writer thread and its bounded queue. <couplet/log.h> is the part that
 * everybody uses.
 */
#ifndef CORE_BASE_LOGGER_H
#define CORE_BASE_LOGGER_H

#include "core/base/logger_levels.h"

#include <couplet/error.h>

enum logger_sink { LOGGER_STDERR, LOGGER_FILE, LOGGER_SYSLOG, LOGGER_JOURNAL, LOGGER_MEMORY };

struct logger_options {
	enum cpl_log_level level;
	enum logger_sink sink;
	const char *path; /* LOGGER_FILE; LOGGER_JOURNAL: the journal's socket, NULL for the system's */
	/* "MODULE=LEVEL" for modules with a level of their own; those that are not so are passed over. */
	const struct cpl_str *levels;
	size_t level_count;
};

/*
 * Line form: "2026-01-31T12:00:00.123Z info  module: message". Before logger_start() and after
 * logger_finish() lines go straight to stderr. When stderr is systemd's journal (JOURNAL_STREAM names it),
 * its lines leave out the time and the level and begin with <N>, the syslog priority. A message is cut at 4
 * KiB; control characters and bytes that are not UTF-8 are written as \xNN, so that a peer cannot forge
 * lines. The queue holds 8192 lines and 4 MiB; what comes on top is dropped, counted, and reported by a line
 * of the log itself once the sink takes lines again. Nobody but the writer thread ever waits for the sink.
 *
 * The journal gets each line as fields: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, COUPLET_LOGGER (the module that logs), and each name=value of the message as COUPLET_NAME, so that "journalctl
 * COUPLET_SESSION=..." finds what belongs together. There is one attempt per line, which is lost when the journal takes nothing.
 *
 * logger_start() makes the thread (so fork() before it), with all signals blocked. Start, change, reopen and
 * finish: session thread.
 */
int logger_start(const struct logger_options *options, struct cpl_error *error);
/*
 * Changes level and sink in a running logger; on failure nothing changes. Lines queued before go to the old
 * sink.
 */
int logger_change(const struct logger_options *options, struct cpl_error *error);
/*
 * Opens the file again (SIGHUP, log rotation), behind the lines queued so far; when that fails, the log says
 * so and keeps the old file.
 */
void logger_reopen(void);
/* Writes what is queued and joins the thread; a sink that takes nothing is given up after two seconds. */
void logger_finish(void);
/* Lines that were dropped because the queue was full. */
size_t logger_dropped(void);
/*
 * For tests: LOGGER_MEMORY keeps lines; waits until the queue is written and takes all out as one
 * NUL-terminated string (cpl_free).
 */
char *logger_take_memory(void);
/* Takes "MODULE=LEVEL" apart; false when it is not that. */
bool logger_level_parse(struct cpl_str text, struct cpl_str *module, enum cpl_log_level *level);

#endif
