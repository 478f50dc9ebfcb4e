/* SPDX-License-Identifier: MIT */
/*
 * handoff: what it costs to give work to another thread and to get the answer back, which is what a stanza would pay twice if sockets and TLS were on threads of
 * their own (one hop to the session thread, one from it). Two threads, a queue each way under a lock of a few instructions, an eventfd in an epoll set to
 * wake who sleeps. An item is a block of 512 bytes, written by who gives it and read by who takes it. Of each batch the first item wakes the other thread.
 *
 *     bench/handoff [SECONDS [CORE CORE]]
 *
 * Prints for batches of 1, 8 and 32: CPU of both threads for a hop, over the same work done by one thread, and the time of a round trip.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ITEM = 512, BATCH_MAX = 32 };

struct queue {
	pthread_spinlock_t lock;
	unsigned count;
	char *items[BATCH_MAX];
	int wake, epoll;
	atomic_bool end;
};

static struct queue there, back;
static int cores[2] = {0, 1};
static double answering_cpu;

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void queue_init(struct queue *queue)
{
	struct epoll_event event = {.events = EPOLLIN};

	pthread_spin_init(&queue->lock, PTHREAD_PROCESS_PRIVATE);
	queue->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	queue->epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(queue->epoll, EPOLL_CTL_ADD, queue->wake, &event);
}

/* As a loop does it: the wake-up only for the first that is put into an empty queue. */
static void give(struct queue *queue, char *item)
{
	uint64_t one = 1;
	bool first;

	pthread_spin_lock(&queue->lock);
	first = queue->count == 0;
	queue->items[queue->count++] = item;
	pthread_spin_unlock(&queue->lock);
	if (first && write(queue->wake, &one, sizeof one) < 0)
		abort();
}

static unsigned take(struct queue *queue, char **items)
{
	struct epoll_event event;
	unsigned count;
	uint64_t woken;

	if (epoll_wait(queue->epoll, &event, 1, 1000) != 1 || read(queue->wake, &woken, sizeof woken) < 0)
		return 0;
	pthread_spin_lock(&queue->lock);
	count = queue->count;
	queue->count = 0;
	memcpy(items, queue->items, count * sizeof *items);
	pthread_spin_unlock(&queue->lock);
	return count;
}

/* What is done with an item on either side. */
static unsigned work(char *item)
{
	unsigned sum = 0;

	for (int i = 0; i < ITEM; i += 64)
		sum += (unsigned char)item[i];
	memset(item, (int)sum, ITEM);
	return sum;
}

static void pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *answer(void *unused)
{
	char *items[BATCH_MAX];

	pin(cores[1]);
	while (!atomic_load(&there.end)) {
		unsigned count = take(&there, items);

		for (unsigned i = 0; i < count; i++) {
			work(items[i]);
			give(&back, items[i]);
		}
	}
	answering_cpu = now(CLOCK_THREAD_CPUTIME_ID);
	return unused;
}

static double alone(unsigned batch, double seconds, char **items)
{
	double until = now(CLOCK_MONOTONIC) + seconds, cpu = now(CLOCK_THREAD_CPUTIME_ID);
	uint64_t done = 0;

	while (now(CLOCK_MONOTONIC) < until) {
		for (unsigned i = 0; i < batch; i++) {
			work(items[i]);
			work(items[i]);
		}
		done += batch;
	}
	return (now(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e6 / (double)done;
}

static void measure(unsigned batch, double seconds, char **items)
{
	double one = alone(batch, seconds / 4, items), until, cpu, began;
	uint64_t trips = 0;
	pthread_t thread;

	atomic_store(&there.end, false);
	pthread_create(&thread, NULL, answer, NULL);
	usleep(10000);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	began = now(CLOCK_MONOTONIC);
	until = began + seconds;
	while (now(CLOCK_MONOTONIC) < until) {
		char *got[BATCH_MAX];

		for (unsigned i = 0; i < batch; i++) {
			work(items[i]);
			give(&there, items[i]);
		}
		for (unsigned have = 0; have < batch;)
			have += take(&back, got);
		trips++;
	}
	cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	began = now(CLOCK_MONOTONIC) - began;
	atomic_store(&there.end, true);
	if (write(there.wake, &(uint64_t){1}, sizeof(uint64_t)) < 0)
		abort();
	pthread_join(thread, NULL);
	printf("batch %2u: %.2f us of CPU a hop (both threads; %.2f us of work taken off), round trip %.1f us\n", batch,
	       ((cpu + answering_cpu) * 1e6 / (double)(trips * batch) - one) / 2, one, began * 1e6 / (double)trips);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
	char *items[BATCH_MAX];

	if (argc > 3) {
		cores[0] = (int)strtol(argv[2], NULL, 10);
		cores[1] = (int)strtol(argv[3], NULL, 10);
	}
	pin(cores[0]);
	queue_init(&there);
	queue_init(&back);
	for (unsigned i = 0; i < BATCH_MAX; i++)
		items[i] = calloc(1, ITEM);
	for (unsigned batch = 1; batch <= BATCH_MAX; batch = batch == 1 ? 8 : batch * 4)
		measure(batch, seconds, items);
	for (unsigned i = 0; i < BATCH_MAX; i++)
		free(items[i]);
	return 0;
}
