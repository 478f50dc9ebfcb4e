/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a turn (loop.c, timer.c, call.c) owe to each other. Nobody else includes this. Session
 * thread.
 */
#ifndef CORE_LOOP_TURN_H
#define CORE_LOOP_TURN_H

#include "core/loop/loop.h"

/*
 * Milliseconds until the first timer is due: 0 when it is, -1 when there is none. `now` is on the monotonic
 * clock.
 */
int64_t timers_wait(int64_t now);
/* Expires what is due and was started before this call; returns how many. */
unsigned timers_run(int64_t now);
/* True for a pending call that is a timer. */
bool timer_is(const struct cpl_call *call);
/* Forgets all timers. */
void timers_finish(void);

/* A turn begins: calls started from now on are called back in a later one. */
void calls_turn(void);
/* True when a callback waits for the next turn. */
bool calls_queued(void);
/* Calls back what was complete when this turn's drain began, or the first of it when the turn is over (loop_turn_over()); returns how many. */
unsigned calls_drain(void);

#endif
