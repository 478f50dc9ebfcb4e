/* SPDX-License-Identifier: MIT */
/* Worker threads and jobs: the block's way there and back, cancelling at each point, drop exactly once. */
#include "unit.h"

#include "core/base/account.h"
#include "core/loop/worker.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>

struct input {
	int number;
	sem_t *begun, *go; /* NULL: the work does not wait */
};

/* A job as a module would hold it. */
struct asked {
	struct cpl_call call;
	int status, result;
	unsigned fired, drops_before;
};

static unsigned drops;
static int64_t dropped_number;
static pthread_t session_thread;
static sem_t begun, go;

static void work_double(void *block)
{
	struct input *input = block;

	assert(!pthread_equal(pthread_self(), session_thread));
	if (input->begun) {
		sem_post(input->begun);
		sem_wait(input->go);
	}
	input->number *= 2;
}

static void work_anywhere(void *block)
{
	((struct input *)block)->number *= 2;
}

static void drop_count(void *block)
{
	assert_true(pthread_equal(pthread_self(), session_thread));
	dropped_number = ((struct input *)block)->number;
	drops++;
}

static void asked_done(struct cpl_call *call)
{
	struct asked *asked = CPL_CONTAINER(call, struct asked, call);
	struct input *block = cpl_job_block(call);

	asked->drops_before = drops;
	asked->fired++;
	asked->status = call->status;
	asked->result = block ? block->number : 0;
}

static void turn_until_idle(void)
{
	for (int turns = 0; worker_pending() > 0 && turns < 10000; turns++)
		loop_turn(1000);
	loop_turn(0);
	assert_int_equal(worker_pending(), 0);
}

static int setup(void **state)
{
	session_thread = pthread_self();
	drops = 0;
	dropped_number = 0;
	sem_init(&begun, 0, 0);
	sem_init(&go, 0, 0);
	return loop_init(false) || worker_init(1);
}

static int setup_alone(void **state)
{
	session_thread = pthread_self();
	drops = 0;
	return loop_init(true) || worker_init(0);
}

static int teardown(void **state)
{
	worker_finish();
	loop_finish();
	return account_core()->jobs == 0 ? 0 : -1;
}

static void job_returns_its_block(void **state)
{
	struct asked asked = {0};
	struct input input = {.number = 21};

	assert_int_equal(
		cpl_job_start(&asked.call, NULL, work_double, &input, sizeof(input), drop_count, asked_done),
		0);
	assert_int_equal(account_core()->jobs, 1);
	input.number = 0; /* the core has a copy */
	turn_until_idle();
	assert_int_equal(asked.fired, 1);
	assert_int_equal(asked.status, 0);
	assert_int_equal(asked.result, 42);
	assert_int_equal(asked.drops_before, 0);
	assert_int_equal(drops, 1);
	assert_int_equal(dropped_number, 42);
}

static void cancelled_while_running(void **state)
{
	struct asked asked = {0};
	struct input input = {.number = 21, .begun = &begun, .go = &go};

	assert_int_equal(
		cpl_job_start(&asked.call, NULL, work_double, &input, sizeof(input), drop_count, asked_done),
		0);
	sem_wait(&begun);
	cpl_call_cancel(&asked.call);
	assert_int_equal(asked.fired, 0);
	loop_turn(0);
	/* The call is over at once; the work is not, and keeps its block and the module. */
	assert_int_equal(asked.fired, 1);
	assert_int_equal(asked.status, CPL_E_CANCELLED);
	assert_int_equal(asked.result, 0);
	assert_int_equal(drops, 0);
	assert_int_equal(account_core()->jobs, 1);
	sem_post(&go);
	turn_until_idle();
	assert_int_equal(asked.fired, 1);
	assert_int_equal(drops, 1);
	assert_int_equal(dropped_number, 42);
}

static void cancelled_while_queued(void **state)
{
	struct asked first = {0}, second = {0};
	struct input blocking = {.number = 1, .begun = &begun, .go = &go}, input = {.number = 5};
	struct cpl_scope scope;

	cpl_scope_init(&scope, NULL);
	assert_int_equal(
		cpl_job_start(&first.call, NULL, work_double, &blocking, sizeof(blocking), NULL, asked_done),
		0);
	sem_wait(&begun);
	assert_int_equal(cpl_job_start(&second.call, &scope, work_double, &input, sizeof(input), drop_count,
				       asked_done),
			 0);
	cpl_scope_end(&scope);
	loop_turn(0);
	assert_int_equal(second.fired, 1);
	assert_int_equal(second.status, CPL_E_CANCELLED);
	assert_int_equal(scope.refs, 0);
	sem_post(&go);
	turn_until_idle();
	assert_int_equal(first.fired, 1);
	assert_int_equal(first.result, 2);
	assert_int_equal(second.fired, 1);
	assert_int_equal(drops, 1);
	assert_int_equal(dropped_number, 10);
}

static void refused_job_keeps_the_input(void **state)
{
	struct asked asked = {0};
	struct input input = {.number = 1};
	struct cpl_scope scope;

	cpl_scope_init(&scope, NULL);
	cpl_scope_end(&scope);
	assert_int_equal(cpl_job_start(&asked.call, &scope, work_double, &input, sizeof(input), drop_count,
				       asked_done),
			 CPL_E_CANCELLED);
	turn_until_idle();
	assert_int_equal(asked.fired, 0);
	assert_int_equal(drops, 0);
}

/* The callback starts the same call again, and the first block is dropped all the same. */
static unsigned rounds;

static void again_done(struct cpl_call *call)
{
	struct input *block = cpl_job_block(call);
	struct input next = {.number = block->number};

	assert_int_equal(drops, rounds);
	if (++rounds < 5)
		assert_int_equal(
			cpl_job_start(call, NULL, work_anywhere, &next, sizeof(next), drop_count, again_done),
			0);
}

static void job_restarts_itself(void **state)
{
	struct cpl_call call = {0};
	struct input input = {.number = 1};

	rounds = 0;
	assert_int_equal(
		cpl_job_start(&call, NULL, work_anywhere, &input, sizeof(input), drop_count, again_done), 0);
	for (int turns = 0; rounds < 5 && turns < 10000; turns++)
		loop_turn(1000);
	assert_int_equal(drops, 5);
	assert_int_equal(dropped_number, 32);
	assert_int_equal(account_core()->jobs, 0);
}

static void freeing_done(struct cpl_call *call)
{
	assert_int_equal(((struct input *)cpl_job_block(call))->number, 14);
	cpl_free(CPL_CONTAINER(call, struct asked, call));
}

/* The callback is the one place to free the call. */
static void callback_may_free_the_call(void **state)
{
	struct asked *asked = CPL_NEW(struct asked);
	struct input input = {.number = 7};

	assert_int_equal(cpl_job_start(&asked->call, NULL, work_double, &input, sizeof(input), drop_count,
				       freeing_done),
			 0);
	turn_until_idle();
	assert_int_equal(drops, 1);
}

/* Without threads the work runs in a turn: never inside the start. */
static void alone(void **state)
{
	struct asked asked = {0}, cancelled = {0};
	struct input input = {.number = 4};

	assert_int_equal(
		cpl_job_start(&asked.call, NULL, work_anywhere, &input, sizeof(input), NULL, asked_done), 0);
	assert_int_equal(
		cpl_job_start(&cancelled.call, NULL, work_anywhere, &input, sizeof(input), NULL, asked_done),
		0);
	assert_int_equal(asked.fired, 0);
	cpl_call_cancel(&cancelled.call);
	loop_turn(0);
	loop_turn(0);
	assert_int_equal(asked.fired, 1);
	assert_int_equal(asked.result, 8);
	assert_int_equal(cancelled.fired, 1);
	assert_int_equal(cancelled.status, CPL_E_CANCELLED);
}

#define JOBS 500

struct counted {
	struct worker_job job;
	int value;
};

static unsigned counted_done_count;

static void counted_work(struct worker_job *job)
{
	CPL_CONTAINER(job, struct counted, job)->value++;
}

static void counted_done(struct worker_job *job)
{
	assert_int_equal(CPL_CONTAINER(job, struct counted, job)->value, 1);
	counted_done_count++;
}

/* Jobs of the core over several threads, most of them run by worker_finish(). */
static void finish_runs_what_is_queued(void **state)
{
	static struct counted jobs[JOBS];

	worker_finish();
	assert_int_equal(worker_init(4), 0);
	assert_int_equal(cpl_job_threads(), 4);
	counted_done_count = 0;
	for (int i = 0; i < JOBS; i++) {
		jobs[i].job.work = counted_work;
		jobs[i].job.done = counted_done;
		worker_start(&jobs[i].job);
	}
	assert_int_equal(worker_pending(), JOBS);
	worker_finish();
	loop_turn(0);
	assert_int_equal(counted_done_count, JOBS);
	assert_int_equal(worker_pending(), 0);
}

static int module_place;
static struct account *mercutio;

static struct account *of_module(struct cpl_module *module)
{
	return mercutio;
}

static void allocating_work(void *block)
{
	assert(account_now.account == mercutio && account_now.module == (struct cpl_module *)&module_place);
	*(void **)block = cpl_alloc(100);
}

static void allocating_drop(void *block)
{
	assert_ptr_equal(account_now.account, mercutio);
	cpl_free(*(void **)block);
	drops++;
}

static void owned_done(struct cpl_call *call)
{
	assert_ptr_equal(account_now.module, &module_place);
	assert_int_equal(mercutio->jobs, 1);
}

/*
 * What the work allocates on its thread is charged to the module, and its account counts the job until drop()
 * has returned.
 */
static void job_of_a_module(void **state)
{
	struct cpl_call call = {0};
	struct account_visit visit;
	void *nothing = NULL;

	mercutio = account_create("mercutio");
	account_of_module = of_module;
	visit = account_enter(mercutio, (struct cpl_module *)&module_place, ACCOUNT_IN_CORE);
	assert_int_equal(cpl_job_start(&call, NULL, allocating_work, &nothing, sizeof(nothing),
				       allocating_drop, owned_done),
			 0);
	account_leave(&visit);
	turn_until_idle();
	assert_int_equal(drops, 1);
	assert_int_equal(mercutio->jobs, 0);
	assert_int_equal(mercutio->memory->blocks, 0);
	assert_int_equal(mercutio->memory->bytes, 0);
	assert_true(mercutio->memory->peak_bytes > 100);
	assert_int_equal(mercutio->calls_started, 1);
	assert_int_equal(mercutio->calls_fired, 1);
	account_of_module = NULL;
	account_release(&mercutio);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(job_returns_its_block),
		TEST(cancelled_while_running),
		TEST(cancelled_while_queued),
		TEST(refused_job_keeps_the_input),
		TEST(job_restarts_itself),
		TEST(callback_may_free_the_call),
		cmocka_unit_test_setup_teardown(alone, setup_alone, teardown),
		TEST(finish_runs_what_is_queued),
		TEST(job_of_a_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
