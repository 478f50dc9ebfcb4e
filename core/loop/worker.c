/* SPDX-License-Identifier: MIT */
/* The worker threads, and jobs as calls. */
#include "core/loop/worker.h"
#include "core/base/account.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>

#define THREADS_MAX 64

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct worker_job *first, **last;
	/* Session thread: what the turn at hand has started. Threads that are woken one by one take the processor from the turn that feeds them. */
	struct worker_job *kept, **kept_last;
	struct loop_hook hook;
	bool ending;
	bool alone; /* initialised without threads */
	unsigned threads;
	pthread_t thread[THREADS_MAX];
	size_t pending; /* session thread */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void job_returned(struct loop_task *task)
{
	struct worker_job *job = CPL_CONTAINER(task, struct worker_job, task);

	pool.pending--;
	job->done(job);
}

static void job_alone(struct loop_task *task)
{
	struct worker_job *job = CPL_CONTAINER(task, struct worker_job, task);

	job->work(job);
	job_returned(task);
}

static void hand_over(struct loop_hook *end_of_turn)
{
	unsigned wakes = 0;

	if (!pool.kept)
		return;
	for (const struct worker_job *job = pool.kept; job && wakes < pool.threads; job = job->next)
		wakes++;
	pthread_mutex_lock(&pool.lock);
	if (!pool.first)
		pool.last = &pool.first;
	*pool.last = pool.kept;
	pool.last = pool.kept_last;
	pthread_mutex_unlock(&pool.lock);
	pool.kept = NULL;
	/* Without the lock, which they would wait for. */
	while (wakes--)
		pthread_cond_signal(&pool.filled);
}

static void *worker(void *unused)
{
	pthread_setname_np(pthread_self(), "couplet-worker");
	/* Its share of the processor stays the same; it only never takes it from the session thread at the moment in which it is woken. */
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &(struct sched_param){0});
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		struct worker_job *job = pool.first;

		if (!job && pool.ending)
			break;
		if (!job) {
			pthread_cond_wait(&pool.filled, &pool.lock);
			continue;
		}
		pool.first = job->next;
		pthread_mutex_unlock(&pool.lock);
		job->work(job);
		loop_post(&job->task);
		pthread_mutex_lock(&pool.lock);
	}
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

int worker_init(unsigned threads)
{
	sigset_t all, before;
	bool failed = false;

	assert(threads <= THREADS_MAX && pool.threads == 0);
	pool.ending = false;
	pool.alone = threads == 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool.threads < threads && !failed) {
		failed = pthread_create(&pool.thread[pool.threads], NULL, worker, NULL) != 0;
		pool.threads += !failed;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	loop_hook_add(&pool.hook, hand_over);
	if (!failed)
		return 0;
	worker_finish();
	return CPL_E_IO;
}

void worker_start(struct worker_job *job)
{
	pool.pending++;
	job->next = NULL;
	job->task.run = job_returned;
	if (pool.alone) {
		job->task.run = job_alone;
		loop_post(&job->task);
		return;
	}
	if (!pool.kept)
		pool.kept_last = &pool.kept;
	*pool.kept_last = job;
	pool.kept_last = &job->next;
	if (!loop_turning())
		hand_over(NULL);
}

unsigned cpl_job_threads(void)
{
	return pool.threads ? pool.threads : 1;
}

size_t worker_pending(void)
{
	return pool.pending;
}

void worker_finish(void)
{
	hand_over(NULL);
	loop_hook_remove(&pool.hook);
	pthread_mutex_lock(&pool.lock);
	pool.ending = true;
	pthread_cond_broadcast(&pool.filled);
	pthread_mutex_unlock(&pool.lock);
	while (pool.threads > 0)
		pthread_join(pool.thread[--pool.threads], NULL);
	pool.alone = false;
}

/* A job as a call. */
struct job {
	struct worker_job base;
	struct cpl_call *call; /* NULL once cancelled */
	struct account *account;
	struct cpl_module *owner;
	void (*work)(void *block);
	void (*drop)(void *block);
	void (*done)(struct cpl_call *call);
	alignas(16) char block[];
};

static void job_work(struct worker_job *base)
{
	struct job *job = CPL_CONTAINER(base, struct job, base);
	struct account_current before = account_now;

	account_now = (struct account_current){job->account, job->owner, 0};
	job->work(job->block);
	account_now = before;
}

/* In the context of the owner. Only after drop() has returned may the module's code go. */
static void job_destroy(struct job *job)
{
	if (job->drop)
		job->drop(job->block);
	job->account->jobs--;
	cpl_free(job);
}

static void job_finished(struct worker_job *base)
{
	struct job *job = CPL_CONTAINER(base, struct job, base);
	struct account_visit visit;

	if (job->call) {
		cpl_call_complete(job->call, 0);
		return;
	}
	visit = account_enter(job->account, job->owner, ACCOUNT_IN_JOB);
	job_destroy(job);
	account_leave(&visit);
}

static void job_fired(struct cpl_call *call)
{
	struct job *job = call->provider;

	job->done(call);
	job_destroy(job);
}

static void job_cancel(struct cpl_call *call)
{
	struct job *job = call->provider;

	/* The block goes its own way; the callback finds none. */
	job->call = NULL;
	call->provider = NULL;
	call->done = job->done;
}

int cpl_job_start(struct cpl_call *call, struct cpl_scope *scope, void (*work)(void *block),
		  const void *input, size_t size, void (*drop)(void *block),
		  void (*done)(struct cpl_call *call))
{
	int code = cpl_call_begin(call, scope, job_fired, job_cancel);
	struct job *job;

	if (code < 0)
		return code;
	assert(size < PTRDIFF_MAX - sizeof(*job));
	job = cpl_alloc(sizeof(*job) + size);
	job->base.work = job_work;
	job->base.done = job_finished;
	job->call = call;
	job->account = account_now.account;
	job->owner = call->owner;
	job->work = work;
	job->drop = drop;
	job->done = done;
	if (size > 0)
		memcpy(job->block, input, size);
	job->account->jobs++;
	call->provider = job;
	worker_start(&job->base);
	return 0;
}

void *cpl_job_block(struct cpl_call *call)
{
	struct job *job = call->provider;

	return job ? job->block : NULL;
}
