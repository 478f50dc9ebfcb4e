/* SPDX-License-Identifier: MIT */
/*
 * The pool of worker threads: cpl_job_start() and the core's own jobs (TLS handshakes). A worker's threads block all signals.
 */
#ifndef CORE_LOOP_WORKER_H
#define CORE_LOOP_WORKER_H

#include "core/loop/loop.h"

/* A job of the core itself: work() on a worker, then done() on the session thread, always, in this order. Embedded in its owner, who keeps it until done(). */
struct worker_job {
	void (*work)(struct worker_job *job);
	void (*done)(struct worker_job *job);
	struct loop_task task;
	struct worker_job *next;
};

/* Starts `threads` threads (1 to 64). */
int worker_init(unsigned threads);
void worker_start(struct worker_job *job);
/* Jobs queued or running. */
size_t worker_pending(void);
/* Runs what is queued to its end, joins the threads. */
void worker_finish(void);

#endif
