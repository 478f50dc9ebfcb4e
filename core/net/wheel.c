/* SPDX-License-Identifier: MIT */
/* The wheel of time-outs: slots of one second, each a list; an entry due beyond one round stays in its slot
 * for the next round. */
#include "core/net/wheel.h"
#include "core/loop/loop.h"
#include <assert.h>
#include <couplet/time.h>

enum { SLOTS = 512, TICK_MS = 1000 };

static struct cpl_list slots[SLOTS];
static struct loop_timer timer;
static size_t count;
static bool turning; /* inside turn(): it starts the timer itself */
static int64_t done; /* the last tick that was looked at */

static int64_t tick_of(int64_t due)
{
	return (due + TICK_MS - 1) / TICK_MS;
}

static void turn_slot(struct cpl_list *slot, int64_t now)
{
	struct cpl_list due;
	struct cpl_list *node;

	/* What expires may set or cancel any entry, so the due ones go to a list of their own first. */
	cpl_list_init(&due);
	CPL_LIST_EACH(each, slot) {
		if (CPL_CONTAINER(each, struct wheel_entry, node)->due > now)
			continue;
		cpl_list_remove(each);
		cpl_list_append(&due, each);
	}
	while ((node = cpl_list_take(&due))) {
		struct wheel_entry *entry = CPL_CONTAINER(node, struct wheel_entry, node);

		count--;
		entry->expired(entry);
	}
}

static void turn(struct loop_timer *expired)
{
	int64_t now = cpl_monotonic();
	int64_t tick = now / TICK_MS;

	/* After a long sleep one round looks at every slot. */
	if (tick - done > SLOTS)
		done = tick - SLOTS;
	turning = true;
	while (done < tick)
		turn_slot(&slots[(uint64_t)++done % SLOTS], now);
	turning = false;
	if (count)
		loop_timer_start(&timer, (tick + 1) * TICK_MS - now, turn);
}

void wheel_set(struct wheel_entry *entry, int64_t due, void (*expired)(struct wheel_entry *entry))
{
	struct cpl_list *slot;
	int64_t now = cpl_monotonic();

	wheel_cancel(entry);
	if (!slots[0].next)
		for (unsigned at = 0; at < SLOTS; at++)
			cpl_list_init(&slots[at]);
	if (!turning && !loop_timer_active(&timer)) {
		done = now / TICK_MS;
		loop_timer_start(&timer, (done + 1) * TICK_MS - now, turn);
	}
	/* What is due already comes with the next tick. */
	if (tick_of(due) <= done)
		due = (done + 1) * TICK_MS;
	entry->due = due;
	entry->expired = expired;
	slot = &slots[(uint64_t)tick_of(due) % SLOTS];
	cpl_list_append(slot, &entry->node);
	count++;
}

void wheel_cancel(struct wheel_entry *entry)
{
	if (!cpl_list_linked(&entry->node))
		return;
	cpl_list_remove(&entry->node);
	count--;
}

size_t wheel_count(void)
{
	return count;
}

void wheel_finish(void)
{
	assert(count == 0);
	loop_timer_stop(&timer);
}
