/* SPDX-License-Identifier: MIT */
/*
 * The pool of worker threads: cpl_job_start() and the core's own jobs (TLS handshakes). A worker's threads
 * block all signals. Jobs are taken first come, first served. All functions: session thread.
 */
#ifndef CORE_LOOP_WORKER_H
#define CORE_LOOP_WORKER_H

#include "core/loop/loop.h"

/*
 * A job of the core itself: work() on a worker, then done() on the session thread in a later turn, always, in
 * this order. Embedded in its owner, who keeps it until done(), which may free or start it again. Other
 * members are the pool's.
 */
struct worker_job {
	void (*work)(struct worker_job *job);
	void (*done)(struct worker_job *job);
	struct loop_task task;
	struct worker_job *next;
};

/*
 * Starts `threads` threads (at most 64). 0, for tests: there are none, and work() runs on the session thread
 * in a later turn. Returns 0, or CPL_E_IO when the system gives no thread (then there are none).
 */
int worker_init(unsigned threads);
/* Jobs may be started before worker_init(); they wait for it. */
void worker_start(struct worker_job *job);
/* Jobs whose done() has not been called. */
size_t worker_pending(void);
/*
 * Runs what is queued to its end, joins the threads. The done() of what was still running comes in the
 * following turn of the loop: turn it until worker_pending() is 0, then finish the loop.
 */
void worker_finish(void);

#endif
