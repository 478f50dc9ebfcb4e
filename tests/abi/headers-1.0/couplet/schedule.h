/* SPDX-License-Identifier: MIT */
/*
 * Jobs at times: periodic ones, ones with a rule of their own, and ones that are asked for once. What has run and what was asked for is kept on disk, so that a restart
 * neither forgets a job nor runs it anew; what became due while the server was stopped runs soon after its start.
 *
 *     static const struct cpl_schedule_row schedule[] = {
 *         {.name = "expire", .period_ms = 3600000, .run = expire, .summary = "Removes rows that are too old."},
 *         CPL_SCHEDULE_END,
 *     };
 *
 * A run is begun on the session thread and ends when the module says so, perhaps much later: cpl_run_end(). What a job does must bear to be done twice: a run that a crash, an
 * unload or a failure cut off is repeated. There is one job of a name per module for the whole server, not one per host, and at most one run of it at a time, over reloads
 * too. Times are the wall clock's, in ms since 1970. Session thread only.
 */
#ifndef COUPLET_SCHEDULE_H
#define COUPLET_SCHEDULE_H

#include <couplet/call.h>

struct cpl_module;
struct cpl_run;

struct cpl_schedule_row {
	const char *name; /* [a-z][a-z0-9_]*, at most 63 bytes */
	/* Runs this long after the last run, and soon after it was first seen; at least 1000. 0: see `next`. */
	int64_t period_ms;
	/* When period_ms is 0: the time of the run after the one at `last` (0: it has never run), or 0 for none. NULL, too: it runs when cpl_schedule_at() says. */
	int64_t (*next)(struct cpl_module *self, int64_t last);
	/*
	 * A run is put off by a random time of at most this long, so that not everything happens at once. 0: a tenth of the period, at most 10 minutes; jobs
	 * without a period: not at all. Negative: not at all.
	 */
	int64_t jitter_ms;
	/* Does the job, or begins to: cpl_run_end() must follow, once. */
	void (*run)(struct cpl_module *self, struct cpl_run *run);
	const char *summary; /* one sentence, for `coupletctl jobs` */
};
#define CPL_SCHEDULE_END                                                                                                         \
	{                                                                                                                        \
		.name = NULL                                                                                                     \
	}

#pragma GCC visibility push(default)

/*
 * Ends a run, from inside run() or later. Status 0: it has been done. A negative code: it is tried again, after a minute at first and then after twice as long each time, up to
 * its period or a day. The pointer is good until here, or until the module is closed.
 */
void cpl_run_end(struct cpl_run *run, int status);
/* When the run before this one ended well; 0: never. */
int64_t cpl_run_last(const struct cpl_run *run);

/*
 * The module's job `name` shall run at `when` (once; in the past: soon; 0: what was asked for is taken back), in place of an earlier wish and, for a periodic job, of its next
 * run. Status 0 when the wish is on disk. CPL_E_NOT_FOUND: the module has no such job.
 */
int cpl_schedule_at(struct cpl_call *call, struct cpl_scope *scope, struct cpl_module *self, const char *name, int64_t when,
		    void (*done)(struct cpl_call *call));

#pragma GCC visibility pop

#endif
