/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: a thread that looks at what the session thread runs, and logs module code that keeps it too long, with the module and the
 * event, while it still runs; so that code which never comes back is named, too.
 *
 * It looks every half of the time given, and logs a visit (core/base/account.h) that it has seen twice, so one that lasts longer is
 * always logged and one that lasts less than half never. It logs the visit again each time when it has lasted twice as long. When the innermost
 * visit is always another one, because the module calls others in turn, the outermost is logged. Time is what passes on the wall, as the clients
 * see it; the line has the processor time of the session thread in it, too: much less means that it waits, or that the machine is busy.
 *
 * All functions: session thread.
 */
#ifndef CORE_BASE_WATCHDOG_H
#define CORE_BASE_WATCHDOG_H

#include <couplet/error.h>
#include <stdint.h>

/* Starts the thread, with all signals blocked; the caller is the one to be looked at. `slow_ms`: at least 1. */
int watchdog_start(int64_t slow_ms, struct cpl_error *error);
/* Another time from now on. Nothing without the thread. */
void watchdog_set(int64_t slow_ms);
/* Joins the thread. Nothing without one. */
void watchdog_finish(void);

#endif
