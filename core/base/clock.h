/* SPDX-License-Identifier: MIT */
/*
 * The two clocks behind cpl_now() and cpl_monotonic(): two numbers that the loop sets once per turn. Until
 * the first clock_set() they show the system's clocks at each call, so that code may use them before there is
 * a loop. Session thread sets; any thread may read, and sees a turn's time that may be a turn old.
 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <couplet/time.h>

/* Milliseconds of the system's clocks, asked at each call. Any thread. */
int64_t clock_system_now(void);
int64_t clock_system_monotonic(void);

/* What cpl_now() and cpl_monotonic() return from here on. */
void clock_set(int64_t now, int64_t monotonic);
/* Back to the system's clocks at each call. */
void clock_unset(void);

#endif
