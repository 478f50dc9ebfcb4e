/* SPDX-License-Identifier: MIT */
/*
 * A coarse wheel of time-outs for objects of which there are many: one timer of the loop for all of them,
 * running only while something waits. A time-out comes up to one second late, never early. Moving one costs a
 * few nanoseconds, so owners usually do not move it at each activity but note the time and look again when it
 * comes. Session thread only.
 */
#ifndef CORE_NET_WHEEL_H
#define CORE_NET_WHEEL_H

#include <couplet/list.h>
#include <stdint.h>

/* Zeroed: not waiting. */
struct wheel_entry {
	struct cpl_list node;
	int64_t due; /* cpl_monotonic() */
	void (*expired)(struct wheel_entry *entry);
};

/* Waits until `due` (cpl_monotonic() milliseconds), instead of what it waited for before. */
void wheel_set(struct wheel_entry *entry, int64_t due, void (*expired)(struct wheel_entry *entry));
void wheel_cancel(struct wheel_entry *entry);
static inline bool wheel_waiting(const struct wheel_entry *entry)
{
	return cpl_list_linked(&entry->node);
}
/* Entries that wait. */
size_t wheel_count(void);
/* Stops the timer; nothing may be waiting. */
void wheel_finish(void);

#endif
