/* SPDX-License-Identifier: MIT */
/*
 * Jobs at times: the core's side of <couplet/schedule.h>. Knows each job by "MODULE.JOB", whether or not its module is loaded, with when it last ran and when somebody wants it to run; both
 * are kept in the file `jobs` of the data folder, written as a whole on a worker after each change. One timer for all jobs. Session thread.
 */
#ifndef CORE_MODULE_SCHEDULE_H
#define CORE_MODULE_SCHEDULE_H

#include <couplet/error.h>
#include <couplet/schedule.h>
#include <couplet/str.h>

/*
 * Reads the file in the folder (NUL-terminated, copied), if it is there; lines that make no sense are logged and left out. `running` false: jobs are known but not run, as
 * for a command with the server stopped. Without this call nothing is kept and nothing runs.
 */
int schedule_open(const char *folder, bool running, struct cpl_error *error);
/* Waits for what is being written, writes what is not, forgets everything. No module is left. */
void schedule_finish(void);

/* A module's rows, borrowed until schedule_remove(); NULL: none. Its jobs of before are taken up where they were. */
void schedule_add(struct cpl_module *module, const char *name, const struct cpl_schedule_row *rows);
/* Begins no more runs of the module; those under way end as they do. */
void schedule_remove(struct cpl_module *module);
/* The module is being closed: its runs that have not ended never will. */
void schedule_forget(struct cpl_module *module);

/* For lists: all jobs by name; *at = 0 at first; false at the end. */
struct schedule_view {
	const char *name;    /* "MODULE.JOB" */
	const char *state;   /* "waiting", "running", "failed" (will be tried again), "idle" (no next time), "absent" (its module is not loaded) */
	const char *summary; /* NULL when absent */
	int64_t last, next;  /* ms; 0: never, none */
	unsigned failures;   /* since the last run that ended well */
};
bool schedule_next(size_t *at, struct schedule_view *view);

/* ---- schedule_file.c ---- */

/* One line of the file. */
struct schedule_record {
	struct cpl_str name;
	int64_t last, wish;
};
/* Calls each(record) for every good line; false, with *error, when the file is there and cannot be read. Bad lines are logged. */
bool schedule_file_read(const char *path, void (*each)(const struct schedule_record *record), struct cpl_error *error);
/* The text of one line; the first thing in a file is schedule_file_head. */
extern const char schedule_file_head[];
void schedule_file_line(const struct schedule_record *record, struct cpl_buf *text);
/* Writes a new file in the old one's place, durably; any thread. 0, CPL_E_FULL or CPL_E_IO. */
int schedule_file_write(const char *path, struct cpl_str text, struct cpl_error *error);

#endif
