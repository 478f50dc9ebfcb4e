/* SPDX-License-Identifier: MIT */
/*
 * Which lines the log takes: one level for all modules, others for some of them by name, and a tap, which sees lines on their way whether the log takes them or not.
 * cpl_log_threshold is the lowest of all these, so that a line that nobody wants costs one comparison. Any thread, but for the functions that change something:
 * session thread.
 */
#ifndef CORE_BASE_LOGGER_LEVELS_H
#define CORE_BASE_LOGGER_LEVELS_H

#include <couplet/log.h>
#include <couplet/str.h>

#define LOGGER_LEVELS      64 /* modules with a level of their own */
#define LOGGER_MODULE_NAME 64 /* bytes of a module's name, its NUL included */

struct logger_level {
	char module[LOGGER_MODULE_NAME];
	enum cpl_log_level level;
};

enum { LOGGER_WRITE = 1, LOGGER_TAP = 2 };

/* What is to become of a line: both bits, one, or none. */
unsigned logger_judge(enum cpl_log_level level, const char *module);
/* The level for modules that have none of their own, which ends all of those: a configuration comes into force. */
void logger_levels_reset(enum cpl_log_level level);
/* The level of a module ("core": the core), or with CPL_NONE of all that have none of their own. False: LOGGER_LEVELS have one. */
bool logger_level_set(struct cpl_str module, enum cpl_log_level level);
/* The module has no level of its own any more. */
void logger_level_clear(struct cpl_str module);
/* Of all others, and of the n-th module that has one; false at the end. */
enum cpl_log_level logger_level_common(void);
bool logger_level_at(size_t n, struct logger_level *level);

/*
 * The tap: gets lines from `level` on, without time, level and newline, on the thread that logs, one at a time. It may not log. NULL: none. Nothing is under way in the old one
 * when this returns.
 */
void logger_tap_set(void (*tap)(enum cpl_log_level level, const char *module, struct cpl_str message), enum cpl_log_level level);
void logger_tap(enum cpl_log_level level, const char *module, struct cpl_str message);
/*
 * Keeps cpl_log_threshold at debug while `on` (calls are counted), for those who look at it to know whether somebody watches what is only told at that level; lines are
 * judged as before.
 */
void logger_watch_debug(bool on);

/* "debug", "info", "warn", "error". */
bool logger_level_of(struct cpl_str name, enum cpl_log_level *level);
const char *logger_level_name(enum cpl_log_level level);

#endif
