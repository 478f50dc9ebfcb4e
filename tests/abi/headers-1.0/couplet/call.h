/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous calls: each calls back exactly once.
 *
 * A struct cpl_call is embedded in the caller's own struct, which the callback recovers with CPL_CONTAINER;
 * the callback is also the one place to free it. The rules, for every function that takes a call:
 *   1. A negative return: the callback never comes. Zero: it comes exactly once.
 *   2. It never comes inside the start function, always from a later turn of the loop.
 *   3. The first completion wins.
 *   4. Cancel, time-out, the end of the scope and the unload of the module are completions with a status
 *      (CPL_E_CANCELLED, CPL_E_TIMEOUT), not silence.
 *   5. A stopping module starts no new calls (CPL_E_STOPPING).
 *   6. The scope's memory stays valid until the callback has returned; the object may be closed by then.
 *   7. Inputs are copied or moved in; nothing borrowed survives the start function.
 * Session thread only, but for the work functions of jobs.
 */
#ifndef COUPLET_CALL_H
#define COUPLET_CALL_H

#include <couplet/error.h>
#include <couplet/list.h>
#include <couplet/memory.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct cpl_call;
struct cpl_module;

/*
 * What a call belongs to: a session, a host, a user, a connection or a module. When it ends, its calls
 * complete as cancelled. The core counts refs: one more at the start of each call, one less when its callback
 * has returned. After each decrement it calls unref(), which frees the owner's memory if refs is 0 and nobody
 * else needs it. An owner that ends while refs is not 0 leaves its memory to that unref().
 */
struct cpl_scope {
	struct cpl_list calls;
	void (*unref)(struct cpl_scope *scope); /* NULL where the owner outlives its calls */
	unsigned refs;				/* calls started whose callback has not returned */
	bool ended;
};

enum cpl_call_state { CPL_CALL_IDLE, CPL_CALL_PENDING, CPL_CALL_POSTED, CPL_CALL_FIRED };

/*
 * Zero-initialise; the size is frozen within an API major version. Callers read status (and what the
 * particular function documents).
 */
struct cpl_call {
	void (*done)(struct cpl_call *call);
	int status; /* 0, or a negative enum cpl_code */
	enum cpl_call_state state;
	struct cpl_scope *scope;
	struct cpl_module *owner;	       /* the module that started it */
	void (*cancel)(struct cpl_call *call); /* the provider's: stop the work; never completes by itself */
	void *provider;			       /* the provider's own */
	struct cpl_list in_scope;
	struct cpl_list in_queue; /* the posted queue */
	struct cpl_list in_owner;
	uint64_t turn; /* of the loop, in which it was started (rule 2) */
	void *reserved[1];
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct cpl_call) == 112,
	       "the size is frozen per API major version");

/*
 * Completes the call as CPL_E_CANCELLED unless it has completed; the callback comes in a later turn. Accepts
 * an idle call.
 */
void cpl_call_cancel(struct cpl_call *call);
/* True between a successful start and the callback. */
static inline bool cpl_call_pending(const struct cpl_call *call)
{
	return call->state == CPL_CALL_PENDING || call->state == CPL_CALL_POSTED;
}

/*
 * For providers of asynchronous functions. begin: registers the call (rule 5 and 6), which is idle or has
 * fired, for the module that runs; a negative return is what the start function returns: CPL_E_STOPPING, or
 * CPL_E_CANCELLED when the scope has ended. `scope` NULL: the call lives as long as its module. complete:
 * sets the status and queues the callback; later completions are ignored (rule 3). cancel() (may be NULL) is
 * called when the call has been completed as cancelled, so that the provider stops the work and forgets the
 * call.
 */
int cpl_call_begin(struct cpl_call *call, struct cpl_scope *scope, void (*done)(struct cpl_call *call),
		   void (*cancel)(struct cpl_call *call));
void cpl_call_complete(struct cpl_call *call, int status);

/* For owners of scopes. end: completes all calls of the scope as cancelled and refuses new ones. */
void cpl_scope_init(struct cpl_scope *scope, void (*unref)(struct cpl_scope *scope));
void cpl_scope_end(struct cpl_scope *scope);

/*
 * Calls back once, `ms` milliseconds of cpl_monotonic() from now at the earliest (0: the next turn). Status 0
 * when the time is up.
 */
int cpl_timer_start(struct cpl_call *call, struct cpl_scope *scope, int64_t ms,
		    void (*done)(struct cpl_call *call));

/*
 * Runs work(block) on a worker thread, with a private copy of the `size` bytes at `input`. The copy is the
 * core's: in the callback cpl_job_block(call) returns it (changed by the work), valid until the callback
 * returns. Cancelling completes the call at once; the work, if it had begun, runs to its end and its block is
 * dropped, so a block must not own memory beyond itself unless `drop` is given, which is called (on the
 * session thread, always exactly once) with the block when it is dropped or after the callback. work() may
 * touch nothing but the block.
 */
int cpl_job_start(struct cpl_call *call, struct cpl_scope *scope, void (*work)(void *block),
		  const void *input, size_t size, void (*drop)(void *block),
		  void (*done)(struct cpl_call *call));
/* The block, in the callback of a job that was not cancelled; NULL otherwise. */
void *cpl_job_block(struct cpl_call *call);
/* How many jobs run at a time, for who has many: twice as many under way keep all workers busy, and nobody else waits long behind them. */
unsigned cpl_job_threads(void);

#pragma GCC visibility pop

#endif
