/* SPDX-License-Identifier: MIT */
/*
 * The loop of the session thread: libev with the epoll backend, wrapped so that a test can turn it by hand
 * with a virtual clock.
 *
 * There is one loop. A turn is: wait for events (or the next timer), read the clock, run watchers, timers and
 * posted work, drain the queue of completed calls (a snapshot: what callbacks queue comes in the next turn),
 * do what this turn has left to settle, run the end-of-turn hooks in the order they were added (connections
 * flush here), then, when a swap was asked for, the idle functions. A busy turn leaves those to the next one, which is
 * kept brief for them. All functions: session thread, but for loop_post().
 */
#ifndef CORE_LOOP_LOOP_H
#define CORE_LOOP_LOOP_H

#include <couplet/call.h>

/*
 * A file descriptor that is watched. Zero-initialise, then loop_io_start(). Embedded in the owner. Stop
 * watching before the descriptor is closed. ready() may stop and free any watcher, its own too;
 * the owner is entered around it.
 */
struct loop_io {
	void (*ready)(struct loop_io *io, bool readable, bool writable);
	int fd;
	int events;		  /* LOOP_READ | LOOP_WRITE as watched now */
	void *impl[6];		  /* the ev_io, kept out of this header */
	struct cpl_module *owner; /* set by whoever watches for a module, NULL for the core */
};
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/*
 * A timer of the core, restartable; modules use cpl_timer_start(). Zero-initialise. The members but `expired`
 * are the loop's.
 */
struct loop_timer {
	void (*expired)(struct loop_timer *timer);
	int64_t due;	/* on cpl_monotonic() */
	uint64_t order; /* among equal due times: first started, first expired */
	size_t at;	/* place in the heap, from 1; 0 when not active */
};

/*
 * Work posted from another thread; embedded in the poster's struct, run once on the session thread. It may be
 * posted again from run().
 */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next;
};

/* A hook run at the end of every turn. */
struct loop_hook {
	void (*run)(struct loop_hook *hook);
	struct cpl_list node;
};

/*
 * Makes the loop; `virtual_clock`: time moves only by loop_advance(), from 2026-01-31T12:00:00Z and a
 * monotonic clock of 1,000,000 ms. Returns 0, or CPL_E_UNSUPPORTED when the kernel has no epoll.
 */
int loop_init(bool virtual_clock);
/* Runs until loop_stop(). */
void loop_run(void);
/* Ends loop_run() after the present turn; before loop_run(), after the first one. */
void loop_stop(void);
/*
 * One turn; waits at most `wait_ms` for something to happen (0: does not wait, -1: as long as it takes). True
 * if a watcher, timer, task, call or idle function ran. A virtual clock does not move while it waits.
 */
bool loop_turn(int wait_ms);
/* Moves the virtual clock (both clocks); timers that become due expire in the next turn. */
void loop_advance(int64_t ms);
/*
 * Releases everything; pending calls must have completed and posted work must have run before (if not, it is
 * logged as an error).
 */
void loop_finish(void);

/* Watches for `events` (0: for nothing yet). The watcher must not be started already. */
void loop_io_start(struct loop_io *io, int fd, int events,
		   void (*ready)(struct loop_io *, bool readable, bool writable));
/* Changes what is watched; 0 stops watching (the struct may be started again). */
void loop_io_set(struct loop_io *io, int events);
/* Stops watching; a watcher that is not started is left alone. */
void loop_io_stop(struct loop_io *io);

/*
 * Expires once, when cpl_monotonic() has moved on by `ms` (less than 0 counts as 0), never inside this call.
 * An active timer is set anew.
 */
void loop_timer_start(struct loop_timer *timer, int64_t ms, void (*expired)(struct loop_timer *));
/* A timer that is not active is left alone. */
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_active(const struct loop_timer *timer);

/*
 * Any thread: runs the task on the session thread in a later turn; wakes the loop only when the queue was
 * empty.
 */
void loop_post(struct loop_task *task);
/* The same for a chain of tasks through `next`, to be run in its order: one wake-up for all. Not NULL. */
void loop_post_all(struct loop_task *first);

/*
 * Runs the task when the stack is empty but before anybody outside sees what this turn has done: after its completed calls and before its hooks, so
 * before connections flush. Outside of a turn (from a hook, an idle function, between turns) it is posted. The task may settle others from run(),
 * and itself. Session thread.
 */
void loop_settle(struct loop_task *task);

/*
 * True from the end of a turn's wait until its hooks run: what is left to be done by a hook will be done before the loop waits again. Whoever collects work over a turn asks this,
 * and does it at once when it is false.
 */
bool loop_turning(void);

/*
 * True when this turn has gone on for LOOP_TURN_US since its wait ended (the wall's time: what another process took counts, too): what may wait, and of which there may be much,
 * is left to the next turn. Posted tasks, completed calls, resumed events and the reading of connections ask this, each after it has done some, so that all of them go on whatever the others
 * have to do. Never true outside of a turn, nor under a virtual clock.
 */
enum { LOOP_TURN_US = 1500 };
bool loop_turn_over(void);

/*
 * True when what is heavy and comes alone, as the change of a module, is better left to the next turn: this one has gone on for LOOP_BUSY_US since its wait ended. Idle functions are left so;
 * turn that they are left to is over from its beginning (loop_turn_over()). Never true under a virtual clock. For hooks and idle functions.
 */
enum { LOOP_BUSY_US = 300 };
bool loop_turn_busy(void);

/* A hook may remove itself in run(), no other. */
void loop_hook_add(struct loop_hook *hook, void (*run)(struct loop_hook *));
void loop_hook_remove(struct loop_hook *hook);

/* Calls run(data) once at an idle point, of this turn or the next: no module code on the stack. In the order in which they were asked for. */
void loop_at_idle(void (*run)(void *data), void *data);

/*
 * A gauge: while it is on (calls are counted, each `true` needs its `false`), and to the end of the turn in which it is switched off, this
 * thread's CPU time is read three times a turn, at about a microsecond each. loop_longest_turn():
 * nanoseconds of the longest turn, from the end of a wait to the beginning of the next, of all that were measured; 0 before the first.
 */
void loop_measure(bool on);
int64_t loop_longest_turn(void);

/*
 * Signals, delivered in the loop. A second call for the same signal replaces the function; NULL restores the
 * default action.
 */
void loop_signal(int signum, void (*caught)(int signum));

#endif
