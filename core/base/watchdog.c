/* SPDX-License-Identifier: MIT */
/* The watchdog thread. */
#include "core/base/watchdog.h"
#include "core/base/account.h"
#include "core/base/clock.h"

#include <couplet/log.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	clockid_t session_clock; /* processor time of the thread that is looked at */
	int64_t slow_ms;
	bool running, ending;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A visit that was seen, innermost or outermost. The watchdog's own. */
struct sight {
	uint64_t word;
	int64_t since;	    /* ms, when it was seen first */
	int64_t cpu_since;  /* us */
	int64_t told_at;    /* how long it had lasted when it was logged; 0: not yet */
};

static int64_t session_cpu(void)
{
	struct timespec ts;

	if (clock_gettime(dog.session_clock, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* True when it has been seen before and is due to be told. */
static bool look(struct sight *sight, uint64_t word, int64_t now)
{
	int64_t lasted = now - sight->since;

	if (word != sight->word) {
		*sight = (struct sight){.word = word, .since = now, .cpu_since = word ? session_cpu() : 0};
		return false;
	}
	return word && lasted > 0 && (sight->told_at == 0 || lasted >= 2 * sight->told_at);
}

static void tell(struct sight *sight, _Atomic uint64_t *place, int64_t now)
{
	char module[sizeof(((struct account *)NULL)->name)];
	const char *where = account_visit_name(sight->word, module);

	sight->told_at = now - sight->since;
	/* If it has ended meanwhile, the name may be another module's by now. */
	if (atomic_load_explicit(place, memory_order_relaxed) == sight->word)
		cpl_log_warn("slow callback, still running module=%s event=%s ms=%lld cpu_ms=%lld", module, where,
			     (long long)sight->told_at, (long long)((session_cpu() - sight->cpu_since) / 1000));
}

/* Waits for half the time; false at the end. */
static bool pause_half(void)
{
	struct timespec until;
	int64_t ns;

	pthread_mutex_lock(&dog.lock);
	ns = dog.slow_ms * 500000;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ns / 1000000000);
	until.tv_nsec += (long)(ns % 1000000000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!dog.ending && ns == dog.slow_ms * 500000 && pthread_cond_timedwait(&dog.changed, &dog.lock, &until) == 0)
		;
	ns = dog.ending;
	pthread_mutex_unlock(&dog.lock);
	return !ns;
}

static void *watch(void *unused)
{
	struct sight inner = {0}, outer = {0};

	pthread_setname_np(pthread_self(), "couplet-watch");
	while (pause_half()) {
		uint64_t running = atomic_load_explicit(&account_running, memory_order_relaxed);
		uint64_t outermost = atomic_load_explicit(&account_outermost, memory_order_relaxed);
		int64_t now = clock_system_monotonic();
		bool outer_due = look(&outer, outermost, now);

		if (look(&inner, running, now)) {
			tell(&inner, &account_running, now);
			/* One line for both. */
			outer.told_at = now - outer.since;
		} else if (outer_due && inner.told_at == 0) {
			tell(&outer, &account_outermost, now);
		}
	}
	return NULL;
}

int watchdog_start(int64_t slow_ms, struct cpl_error *error)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int failed;

	if (dog.running) {
		watchdog_set(slow_ms);
		return 0;
	}
	if (pthread_getcpuclockid(pthread_self(), &dog.session_clock) != 0)
		dog.session_clock = CLOCK_PROCESS_CPUTIME_ID;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&dog.changed, &attributes);
	pthread_condattr_destroy(&attributes);
	dog.slow_ms = slow_ms;
	dog.ending = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&dog.thread, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		pthread_cond_destroy(&dog.changed);
		return cpl_fail(error, CPL_E_IO, "Cannot start the watchdog's thread: %s", strerror(failed));
	}
	dog.running = true;
	return 0;
}

void watchdog_set(int64_t slow_ms)
{
	if (!dog.running)
		return;
	pthread_mutex_lock(&dog.lock);
	dog.slow_ms = slow_ms;
	pthread_cond_signal(&dog.changed);
	pthread_mutex_unlock(&dog.lock);
}

void watchdog_finish(void)
{
	if (!dog.running)
		return;
	pthread_mutex_lock(&dog.lock);
	dog.ending = true;
	pthread_cond_signal(&dog.changed);
	pthread_mutex_unlock(&dog.lock);
	pthread_join(dog.thread, NULL);
	pthread_cond_destroy(&dog.changed);
	dog.running = false;
}
