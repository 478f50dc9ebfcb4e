/* SPDX-License-Identifier: MIT */
/* The loop: libev waits, this file says in which order a turn happens. */
#include "core/loop/loop.h"
#include "core/base/account.h"
#include "core/base/clock.h"
#include "core/loop/turn.h"

#include <assert.h>
#include <couplet/log.h>
#include <ev.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define VIRTUAL_NOW	  1769860800000 /* 2026-01-31T12:00:00Z */
#define VIRTUAL_MONOTONIC 1000000

/* So many posted tasks are run in each turn, if there are, however long it has taken already. */
enum { TASKS_LEAST = 8 };

_Static_assert(sizeof(ev_io) <= sizeof(((struct loop_io *)NULL)->impl), "an ev_io fits into struct loop_io");

struct idle {
	struct cpl_list node;
	void (*run)(void *data);
	void *data;
};

static struct {
	struct ev_loop *ev;
	ev_timer limit; /* ends a wait */
	ev_async wake;
	bool virtual_clock, stopping, turning;
	bool brief; /* idle functions wait for the end of this turn: it does the least of all else */
	unsigned ran;
	struct loop_task *tasks; /* those of this turn, and those it leaves to the next, oldest first */
	struct loop_task *settling, **settling_end;
	int64_t began; /* when the wait ended, ns of CLOCK_MONOTONIC */
	struct cpl_list hooks, idles;
	unsigned measured;	      /* who wants turns measured */
	int64_t cpu_before, longest; /* ns; `cpu_before` leaves out what waits take */
	int64_t cpu_wait;
	bool measured_last; /* until the end of this turn */
} loop;

static _Atomic(struct loop_task *) posted; /* newest first */

static struct {
	ev_signal watcher;
	void (*caught)(int signum);
} signals[65];

static struct loop_task *tasks_take(void)
{
	struct loop_task *task = atomic_exchange_explicit(&posted, NULL, memory_order_acquire),
			 *oldest = NULL;

	while (task) {
		struct loop_task *next = task->next;

		task->next = oldest;
		oldest = task;
		task = next;
	}
	return oldest;
}

static int64_t wall_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Behind those that the last turn has left. */
static void tasks_add(struct loop_task *oldest)
{
	struct loop_task **end = &loop.tasks;

	while (*end)
		end = &(*end)->next;
	*end = oldest;
}

static void clock_read(void)
{
	if (!loop.virtual_clock)
		clock_set(clock_system_now(), clock_system_monotonic());
}

static int64_t cpu_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool measuring(void)
{
	return loop.measured || loop.measured_last;
}

/* What the kernel does in the wait, for whomever, is counted as this thread's time; it is not the turn's. */
static void waits(struct ev_loop *ev)
{
	if (measuring())
		loop.cpu_wait = cpu_time();
}

/* Right after the wait, before any watcher. (The callback for pending watchers will not do: ev_run() calls it before the wait, too, and the clock
 * of the turn would be from before a sleep of any length.) */
static void waited(struct ev_loop *ev)
{
	if (measuring())
		loop.cpu_before += cpu_time() - loop.cpu_wait;
	clock_read();
	loop.began = wall_time();
	loop.turning = true;
	tasks_add(tasks_take());
}

static void limit_reached(struct ev_loop *ev, ev_timer *watcher, int revents)
{
	/* The wait is over; there is nothing else to do. */
}

static void woken(struct ev_loop *ev, ev_async *watcher, int revents)
{
	/* The tasks are taken when every wait ends. */
}

int loop_init(bool virtual_clock)
{
	assert(!loop.ev);
	loop.ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!loop.ev)
		return CPL_E_UNSUPPORTED;
	loop.virtual_clock = virtual_clock;
	loop.stopping = false;
	loop.settling_end = &loop.settling;
	cpl_list_init(&loop.hooks);
	cpl_list_init(&loop.idles);
	ev_set_loop_release_cb(loop.ev, waits, waited);
	ev_init(&loop.limit, limit_reached);
	ev_async_init(&loop.wake, woken);
	ev_async_start(loop.ev, &loop.wake);
	if (virtual_clock)
		clock_set(VIRTUAL_NOW, VIRTUAL_MONOTONIC);
	clock_read();
	return 0;
}

static void loop_wait(int64_t wait_ms)
{
	if (wait_ms > 0) {
		ev_now_update(loop.ev);
		ev_timer_set(&loop.limit, (double)wait_ms / 1e3, 0.);
		ev_timer_start(loop.ev, &loop.limit);
	}
	ev_run(loop.ev, wait_ms == 0 ? EVRUN_NOWAIT : EVRUN_ONCE);
	ev_timer_stop(loop.ev, &loop.limit);
}

static int64_t wait_limit(int wait_ms)
{
	int64_t timer;

	if (calls_queued() || loop.tasks || !cpl_list_empty(&loop.idles) ||
	    atomic_load_explicit(&posted, memory_order_relaxed))
		return 0;
	timer = timers_wait(loop.virtual_clock ? cpl_monotonic() : clock_system_monotonic());
	if (timer < 0 || (loop.virtual_clock && timer > 0))
		return wait_ms;
	return wait_ms < 0 || timer < wait_ms ? timer : wait_ms;
}

static void tasks_run(void)
{
	for (unsigned ran = 1; loop.tasks; ran++) {
		struct loop_task *task = loop.tasks;

		loop.tasks = task->next;
		loop.ran++;
		task->run(task);
		if (ran % TASKS_LEAST == 0 && loop_turn_over())
			break;
	}
}

static void settling_run(void)
{
	while (loop.settling) {
		struct loop_task *task = loop.settling;

		loop.settling = task->next;
		if (!loop.settling)
			loop.settling_end = &loop.settling;
		loop.ran++;
		task->run(task);
	}
}

static void hooks_run(void)
{
	CPL_LIST_EACH(node, &loop.hooks) {
		struct loop_hook *hook = CPL_CONTAINER(node, struct loop_hook, node);

		hook->run(hook);
	}
}

static void idles_run(void)
{
	const struct cpl_list *last = loop.idles.prev;
	bool more = !cpl_list_empty(&loop.idles);

	/* What these functions ask for comes in the next turn. Of several that take long, each has a turn. */
	while (more) {
		struct cpl_list *node = cpl_list_take(&loop.idles);
		struct idle *idle = CPL_CONTAINER(node, struct idle, node);

		more = node != last;
		loop.ran++;
		idle->run(idle->data);
		cpl_free(idle);
		more = more && !loop_turn_busy();
	}
}

static void measure(void)
{
	int64_t now = cpu_time();

	if (now - loop.cpu_before > loop.longest)
		loop.longest = now - loop.cpu_before;
	loop.cpu_before = now;
}

void loop_measure(bool on)
{
	assert(on || loop.measured > 0);
	if (on && loop.measured == 0)
		loop.cpu_before = cpu_time();
	loop.measured += on ? 1 : -1;
	loop.measured_last = loop.measured == 0;
}

int64_t loop_longest_turn(void)
{
	return loop.longest;
}

bool loop_turn(int wait_ms)
{
	loop.ran = 0;
	calls_turn();
	loop_wait(wait_limit(wait_ms));
	loop.ran += timers_run(cpl_monotonic());
	tasks_run();
	loop.ran += calls_drain();
	settling_run();
	loop.turning = false;
	hooks_run();
	if (loop.brief || loop.stopping || !loop_turn_busy())
		idles_run();
	loop.brief = !cpl_list_empty(&loop.idles);
	if (measuring())
		measure();
	loop.measured_last = false;
	return loop.ran > 0;
}

void loop_run(void)
{
	do
		loop_turn(-1);
	while (!loop.stopping);
	loop.stopping = false;
}

void loop_stop(void)
{
	loop.stopping = true;
}

void loop_advance(int64_t ms)
{
	assert(loop.virtual_clock && ms >= 0);
	clock_set(cpl_now() + ms, cpl_monotonic() + ms);
}

void loop_finish(void)
{
	struct cpl_list *node;

	if (!loop.ev)
		return;
	if (calls_queued())
		cpl_log_error("loop finished with calls that have not called back");
	if (loop.tasks || tasks_take())
		cpl_log_error("loop finished with posted work that has not run");
	while ((node = cpl_list_take(&loop.idles)))
		cpl_free(CPL_CONTAINER(node, struct idle, node));
	for (int i = 1; i < (int)(sizeof(signals) / sizeof(signals[0])); i++)
		loop_signal(i, NULL);
	timers_finish();
	ev_async_stop(loop.ev, &loop.wake);
	ev_loop_destroy(loop.ev);
	loop.ev = NULL;
	clock_unset();
}

/* UNSAFE: the room in struct loop_io is only ever seen as an ev_io. */
static ev_io *io_watcher(struct loop_io *io)
{
	return (ev_io *)(void *)io->impl;
}

static void io_ready(struct ev_loop *ev, ev_io *watcher, int revents)
{
	struct loop_io *io = CPL_CONTAINER(watcher, struct loop_io, impl);
	bool readable = revents & EV_READ, writable = revents & EV_WRITE;
	struct account_visit visit;

	loop.ran++;
	if (!io->owner) {
		io->ready(io, readable, writable);
		return;
	}
	visit = account_enter(account_of_module ? account_of_module(io->owner) : NULL, io->owner, ACCOUNT_IN_WATCHER);
	io->ready(io, readable, writable);
	account_leave(&visit);
}

static int io_events(int events)
{
	return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

void loop_io_start(struct loop_io *io, int fd, int events,
		   void (*ready)(struct loop_io *, bool readable, bool writable))
{
	ev_io *watcher = io_watcher(io);

	assert(!ev_is_active(watcher));
	io->ready = ready;
	io->fd = fd;
	io->events = events;
	ev_io_init(watcher, io_ready, fd, io_events(events));
	if (events)
		ev_io_start(loop.ev, watcher);
}

void loop_io_set(struct loop_io *io, int events)
{
	ev_io *watcher = io_watcher(io);

	if (io->events == events)
		return;
	io->events = events;
	ev_io_stop(loop.ev, watcher);
	ev_io_set(watcher, io->fd, io_events(events));
	if (events)
		ev_io_start(loop.ev, watcher);
}

void loop_io_stop(struct loop_io *io)
{
	io->events = 0;
	/* Of a struct that never started, libev knows nothing. */
	if (io->ready)
		ev_io_stop(loop.ev, io_watcher(io));
}

/* From the newest task to the oldest, linked. */
static void post(struct loop_task *newest, struct loop_task *oldest)
{
	struct loop_task *head = atomic_load_explicit(&posted, memory_order_relaxed);

	/* Once they are in the queue the tasks may run and be gone: only `head` is looked at afterwards. */
	do
		oldest->next = head;
	while (!atomic_compare_exchange_weak_explicit(&posted, &head, newest, memory_order_release,
						      memory_order_relaxed));
	if (!head)
		ev_async_send(loop.ev, &loop.wake);
}

void loop_post(struct loop_task *task)
{
	post(task, task);
}

void loop_post_all(struct loop_task *first)
{
	struct loop_task *newest = NULL;

	for (struct loop_task *task = first, *next; task; task = next) {
		next = task->next;
		task->next = newest;
		newest = task;
	}
	post(newest, first);
}

void loop_settle(struct loop_task *task)
{
	if (!loop.turning) {
		loop_post(task);
		return;
	}
	task->next = NULL;
	*loop.settling_end = task;
	loop.settling_end = &task->next;
}

static bool turn_took(int64_t us)
{
	return !loop.virtual_clock && wall_time() >= loop.began + us * 1000;
}

bool loop_turn_over(void)
{
	return loop.turning && turn_took(loop.brief ? 0 : LOOP_TURN_US);
}

bool loop_turn_busy(void)
{
	return turn_took(LOOP_BUSY_US);
}

bool loop_turning(void)
{
	return loop.turning;
}

void loop_hook_add(struct loop_hook *hook, void (*run)(struct loop_hook *))
{
	hook->run = run;
	cpl_list_append(&loop.hooks, &hook->node);
}

void loop_hook_remove(struct loop_hook *hook)
{
	cpl_list_remove(&hook->node);
}

void loop_at_idle(void (*run)(void *data), void *data)
{
	struct idle *idle = CPL_NEW(struct idle);

	idle->run = run;
	idle->data = data;
	cpl_list_append(&loop.idles, &idle->node);
}

static void signal_caught(struct ev_loop *ev, ev_signal *watcher, int revents)
{
	loop.ran++;
	signals[watcher->signum].caught(watcher->signum);
}

void loop_signal(int signum, void (*caught)(int signum))
{
	ev_signal *watcher;

	assert(signum > 0 && signum < (int)(sizeof(signals) / sizeof(signals[0])));
	watcher = &signals[signum].watcher;
	if (signals[signum].caught)
		ev_signal_stop(loop.ev, watcher);
	signals[signum].caught = caught;
	if (!caught)
		return;
	ev_signal_init(watcher, signal_caught, signum);
	ev_signal_start(loop.ev, watcher);
}
