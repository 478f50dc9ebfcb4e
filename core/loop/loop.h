/* SPDX-License-Identifier: MIT */
/*
 * The loop of the session thread: libev with the epoll backend, wrapped so that a test can turn it by hand with a virtual clock.
 *
 * There is one loop. A turn is: wait for events (or the next timer), read the clock, run watchers, timers and posted work, drain the queue of
 * completed calls (a snapshot: what callbacks queue comes in the next turn), run the end-of-turn hooks in the order they were added
 * (connections flush here), then, when a swap was asked for, the idle hooks. All functions: session thread, but for loop_post().
 */
#ifndef CORE_LOOP_LOOP_H
#define CORE_LOOP_LOOP_H

#include <couplet/call.h>

/* A file descriptor that is watched. Zero-initialise, then loop_io_start(). Embedded in the owner. */
struct loop_io {
	void (*ready)(struct loop_io *io, bool readable, bool writable);
	int fd;
	int events; /* LOOP_READ | LOOP_WRITE as started */
	void *impl[8]; /* the ev_io, kept out of this header */
	struct cpl_module *owner;
};
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* A timer of the core, restartable; modules use cpl_timer_start(). */
struct loop_timer {
	void (*expired)(struct loop_timer *timer);
	void *impl[8];
};

/* Work posted from another thread; embedded in the poster's struct, run once on the session thread. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next;
};

/* A hook run at the end of every turn. */
struct loop_hook {
	void (*run)(struct loop_hook *hook);
	struct cpl_list node;
};

/* Makes the loop; `virtual_clock`: time moves only by loop_advance(). Returns 0 or a code. */
int loop_init(bool virtual_clock);
/* Runs until loop_stop(). */
void loop_run(void);
void loop_stop(void);
/* One turn; waits at most `wait_ms` for something to happen (0: does not wait, -1: as long as it takes). True if anything ran. */
bool loop_turn(int wait_ms);
/* Moves the virtual clock (both clocks). */
void loop_advance(int64_t ms);
/* Releases everything; pending calls must have completed before. */
void loop_finish(void);

void loop_io_start(struct loop_io *io, int fd, int events, void (*ready)(struct loop_io *, bool readable, bool writable));
/* Changes what is watched; 0 stops watching (the struct may be started again). */
void loop_io_set(struct loop_io *io, int events);
void loop_io_stop(struct loop_io *io);

void loop_timer_start(struct loop_timer *timer, int64_t ms, void (*expired)(struct loop_timer *));
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_active(const struct loop_timer *timer);

/* Any thread: runs the task on the session thread in a later turn; wakes the loop only when the queue was empty. */
void loop_post(struct loop_task *task);

void loop_hook_add(struct loop_hook *hook, void (*run)(struct loop_hook *));
void loop_hook_remove(struct loop_hook *hook);

/* Calls run(data) once at the next idle point: no module code on the stack. */
void loop_at_idle(void (*run)(void *data), void *data);

/* Signals, delivered in the loop. */
void loop_signal(int signum, void (*caught)(int signum));

#endif
