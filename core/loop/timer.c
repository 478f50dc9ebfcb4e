/* SPDX-License-Identifier: MIT */
/* Timers: a binary heap ordered by the due time, so that a virtual clock can drive it. */
#include "core/base/memory.h"
#include "core/loop/turn.h"

#include <couplet/time.h>

/* heap[0] is unused: a place is never 0, and the parent of n is n / 2. */
static struct loop_timer **heap;
static size_t heap_count, heap_size;
static uint64_t heap_order;

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_set(size_t at, struct loop_timer *timer)
{
	heap[at] = timer;
	timer->at = at;
}

static void heap_sift(size_t at, struct loop_timer *timer)
{
	while (at > 1 && earlier(timer, heap[at / 2])) {
		heap_set(at, heap[at / 2]);
		at /= 2;
	}
	for (size_t child = at * 2; child <= heap_count; child = at * 2) {
		if (child < heap_count && earlier(heap[child + 1], heap[child]))
			child++;
		if (!earlier(heap[child], timer))
			break;
		heap_set(at, heap[child]);
		at = child;
	}
	heap_set(at, timer);
}

static void heap_grow(void)
{
	struct account_current before = account_now;

	/* The core pays, whoever's timer makes it grow. */
	account_now = (struct account_current){account_core(), NULL, 0};
	heap_size = heap_size ? heap_size * 2 : 64;
	heap = cpl_realloc(heap, heap_size * sizeof(struct loop_timer *));
	account_now = before;
}

void loop_timer_start(struct loop_timer *timer, int64_t ms, void (*expired)(struct loop_timer *))
{
	if (ms < 0)
		ms = 0;
	timer->expired = expired;
	if (__builtin_add_overflow(cpl_monotonic(), ms, &timer->due))
		timer->due = INT64_MAX;
	timer->order = heap_order++;
	if (!timer->at) {
		if (heap_count + 1 >= heap_size)
			heap_grow();
		timer->at = ++heap_count;
	}
	heap_sift(timer->at, timer);
}

void loop_timer_stop(struct loop_timer *timer)
{
	struct loop_timer *last;
	size_t at = timer->at;

	if (!at)
		return;
	timer->at = 0;
	last = heap[heap_count--];
	if (last != timer)
		heap_sift(at, last);
}

bool loop_timer_active(const struct loop_timer *timer)
{
	return timer->at != 0;
}

int64_t timers_wait(int64_t now)
{
	if (heap_count == 0)
		return -1;
	return heap[1]->due > now ? heap[1]->due - now : 0;
}

unsigned timers_run(int64_t now)
{
	uint64_t end = heap_order;
	unsigned ran = 0;

	while (heap_count > 0 && heap[1]->due <= now && heap[1]->order < end) {
		struct loop_timer *timer = heap[1];

		loop_timer_stop(timer);
		timer->expired(timer);
		ran++;
	}
	return ran;
}

void timers_finish(void)
{
	for (size_t i = 1; i <= heap_count; i++)
		heap[i]->at = 0;
	cpl_free(heap);
	heap = NULL;
	heap_count = heap_size = 0;
}

/* A timer as a call. */
struct timer_call {
	struct loop_timer timer;
	struct cpl_call *call;
};

static void timer_call_expired(struct loop_timer *timer)
{
	struct timer_call *tc = CPL_CONTAINER(timer, struct timer_call, timer);

	cpl_call_complete(tc->call, 0);
	cpl_free(tc);
}

static void timer_call_cancel(struct cpl_call *call)
{
	struct timer_call *tc = call->provider;

	loop_timer_stop(&tc->timer);
	cpl_free(tc);
}

bool timer_is(const struct cpl_call *call)
{
	return call->cancel == timer_call_cancel;
}

int cpl_timer_start(struct cpl_call *call, struct cpl_scope *scope, int64_t ms,
		    void (*done)(struct cpl_call *call))
{
	int code = cpl_call_begin(call, scope, done, ms > 0 ? timer_call_cancel : NULL);
	struct timer_call *tc;

	if (code < 0)
		return code;
	if (ms <= 0) {
		cpl_call_complete(call, 0);
		return 0;
	}
	tc = CPL_NEW(struct timer_call);
	tc->call = call;
	call->provider = tc;
	loop_timer_start(&tc->timer, ms, timer_call_expired);
	return 0;
}
