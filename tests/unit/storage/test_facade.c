/* SPDX-License-Identifier: MIT */
/* The facade between modules and drivers, with drivers that do nothing until the test says so. */
#include "tests/unit/unit.h"

#include "core/base/account.h"
#include "core/loop/loop.h"
#include "core/loop/worker.h"
#include "core/xmpp/store.h"
#include "tests/unit/storage/driver.h"

#include <pthread.h>

static const struct cpl_column columns[] = {
	{"name", CPL_COLUMN_TEXT, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store list = {"list", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store diary = {"diary", CPL_STORE_ARCHIVE, 1, columns, NULL};

#define ROMEO jid_of("romeo@example.org")

/* Drivers are told apart by the pointer that stands for their module, which nobody looks into. */
static char first_module, second_module;
#define FIRST  ((struct cpl_module *)&first_module)
#define SECOND ((struct cpl_module *)&second_module)

static struct cpl_store_request *taken[2][16];
static unsigned taken_count[2];
static int declare_code;
static int64_t last_id;

static pthread_t session_thread;
static _Atomic unsigned declares, declares_here;

static int slow_declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
	declares++;
	declares_here += pthread_equal(pthread_self(), session_thread) != 0;
	return declare_code ? cpl_fail(error, declare_code, "not this one") : 0;
}

static void slow_submit(struct cpl_module *driver, struct cpl_store_request *request)
{
	unsigned which = driver == SECOND;

	taken[which][taken_count[which]++] = request;
}

static int64_t slow_last_id(struct cpl_module *driver, const struct cpl_store *store)
{
	return last_id;
}

static const struct cpl_storage_service slow = {.size = sizeof(slow), .declare = slow_declare, .submit = slow_submit, .last_id = slow_last_id};

/* ---- a driver that takes its leave ---- */

static struct account *first_account;
static _Atomic unsigned leaves, leaves_here;

static struct account *account_of(struct cpl_module *module)
{
	return module == FIRST ? first_account : account_core();
}

static void slow_leave(struct cpl_module *driver)
{
	leaves++;
	leaves_here += pthread_equal(pthread_self(), session_thread) != 0;
}

static const struct cpl_storage_service leaving = {
	.size = sizeof(leaving), .declare = slow_declare, .submit = slow_submit, .last_id = slow_last_id, .leave = slow_leave};

static int setup(void **state)
{
	struct cpl_error error;

	memset(taken_count, 0, sizeof(taken_count));
	declare_code = 0;
	last_id = 0;
	leaves = leaves_here = 0;
	session_thread = pthread_self();
	if (loop_init(false))
		return -1;
	store_set_driver(FIRST, &slow);
	return store_declare(&list, &error) || store_declare(&diary, &error);
}

static void turns(void)
{
	for (unsigned i = 0; i < 5; i++)
		loop_turn(0);
}

static int teardown(void **state)
{
	turns();
	assert_int_equal(store_pending(), 0);
	store_set_driver(NULL, NULL);
	store_finish();
	loop_finish();
	return 0;
}

static void get(struct answer *answer)
{
	answer->columns = 1;
	assert_int_equal(cpl_store_get(&answer->call, NULL, &list, ROMEO, CPL_STR("a"), answer_done), 0);
}

/* What the former driver has is finished by it; until then the next one sees nothing, and then all in order.
 */
static void test_requests_wait_for_the_former_driver(void **state)
{
	struct answer answers[4] = {0};

	get(&answers[0]);
	get(&answers[1]);
	store_set_driver(SECOND, &slow);
	get(&answers[2]);
	assert_int_equal(taken_count[0], 2);
	assert_int_equal(taken_count[1], 0);
	assert_int_equal(store_pending(), 3);
	cpl_store_finished(taken[0][1]);
	turns();
	assert_true(answers[1].done);
	get(&answers[3]);
	assert_int_equal(taken_count[1], 0);
	cpl_store_finished(taken[0][0]);
	turns();
	assert_true(answers[0].done);
	assert_int_equal(taken_count[1], 2);
	cpl_store_finished(taken[1][0]);
	turns();
	assert_true(answers[2].done);
	assert_false(answers[3].done);
	cpl_store_finished(taken[1][1]);
	turns();
	for (unsigned i = 0; i < 4; i++)
		answer_finish(&answers[i]);
}

/* A driver that was replaced leaves once, on a worker, when it has given back everything; until then its code stays. */
static void test_former_driver_leaves(void **state)
{
	struct answer answers[2] = {0};

	first_account = account_create("first");
	assert_int_equal(worker_init(1), 0);
	store_set_driver(FIRST, &leaving);
	account_of_module = account_of;
	get(&answers[0]);
	store_set_driver(SECOND, &leaving);
	get(&answers[1]);
	turns();
	assert_int_equal(leaves, 0);
	assert_int_equal(first_account->jobs, 1);
	cpl_store_finished(taken[0][0]);
	for (unsigned i = 0; i < 1000 && first_account->jobs; i++)
		loop_turn(10);
	assert_int_equal(leaves, 1);
	assert_int_equal(leaves_here, 0);
	assert_int_equal(first_account->jobs, 0);
	cpl_store_finished(taken[1][0]);
	turns();
	/* At the end of the server nobody leaves. */
	store_set_driver(NULL, NULL);
	turns();
	assert_int_equal(leaves, 1);
	worker_finish();
	account_of_module = NULL;
	account_release(&first_account);
	answer_finish(&answers[0]);
	answer_finish(&answers[1]);
}

/* ---- a driver that opens ---- */

static _Atomic int open_code;
static _Atomic unsigned opens, opens_here;

static int slow_open(struct cpl_module *driver, struct cpl_error *error)
{
	opens++;
	opens_here += pthread_equal(pthread_self(), session_thread) != 0;
	return open_code ? cpl_fail(error, open_code, "no such file") : 0;
}

static const struct cpl_storage_service opening_service = {
	.size = sizeof(opening_service), .declare = slow_declare, .submit = slow_submit, .last_id = slow_last_id, .leave = slow_leave, .open = slow_open};

static unsigned openings_done;

static void opening_done(struct store_opening *opening)
{
	openings_done++;
}

static void wait_for_opening(void)
{
	for (unsigned i = 0; i < 1000 && !openings_done; i++)
		loop_turn(10);
	assert_int_equal(openings_done, 1);
}

/* The worker opens and declares, the former driver serves meanwhile, and what is left for the session thread is what was declared since. */
static void test_next_driver_opens_on_a_worker(void **state)
{
	static const struct cpl_store late = {"late", CPL_STORE_KEYVAL, 1, NULL, NULL};
	struct store_opening opening = {.done = opening_done};
	struct answer answer = {0};
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_NULL;
	struct cpl_error error;

	assert_false(store_opening_start(&opening, SECOND, &slow));
	store_opening_finish(&opening);
	first_account = account_create("first");
	account_of_module = account_of;
	assert_int_equal(worker_init(1), 0);
	opens = opens_here = openings_done = 0;
	declares = declares_here = 0;
	last_id = cpl_now() * 1000 + 30000000;
	assert_true(store_opening_start(&opening, SECOND, &opening_service));
	get(&answer);
	assert_int_equal(taken_count[0], 1);
	wait_for_opening();
	assert_int_equal(opening.code, 0);
	assert_int_equal(opens, 1);
	assert_int_equal(opens_here, 0);
	assert_int_equal(declares, 2);
	assert_int_equal(declares_here, 0);
	assert_int_equal(store_declare(&late, &error), 0);
	assert_int_equal(declares_here, 1);
	assert_int_equal(store_check_driver(SECOND, &opening_service, &opening, &error), 0);
	assert_int_equal(declares_here, 2);
	store_set_driver(SECOND, &opening_service);
	assert_int_equal(declares, 4);
	assert_int_equal(declares_here, 2);
	store_opening_finish(&opening);
	assert_int_equal(cpl_batch_append(batch, &diary, ROMEO, 0, (struct cpl_jid){0}, &value), last_id + 1);
	cpl_batch_destroy(&batch);
	cpl_store_finished(taken[0][0]);
	for (unsigned i = 0; i < 1000 && first_account->jobs; i++)
		loop_turn(10);
	answer_finish(&answer);
	worker_finish();
	account_of_module = NULL;
	account_release(&first_account);
}

static void test_next_driver_does_not_open(void **state)
{
	struct store_opening opening = {.done = opening_done};

	first_account = account_create("first");
	account_of_module = account_of;
	assert_int_equal(worker_init(1), 0);
	opens = openings_done = 0;
	declares = 0;
	open_code = CPL_E_IO;
	assert_true(store_opening_start(&opening, FIRST, &opening_service));
	assert_int_equal(first_account->jobs, 1);
	wait_for_opening();
	open_code = 0;
	assert_int_equal(first_account->jobs, 0);
	assert_int_equal(opening.code, CPL_E_IO);
	assert_string_equal(opening.error.text, "no such file");
	assert_int_equal(declares, 0);
	store_opening_finish(&opening);
	store_drop_driver(FIRST, &opening_service);
	assert_int_equal(first_account->jobs, 1);
	for (unsigned i = 0; i < 1000 && first_account->jobs; i++)
		loop_turn(10);
	assert_int_equal(leaves, 1);
	assert_int_equal(leaves_here, 0);
	worker_finish();
	account_of_module = NULL;
	account_release(&first_account);
}

/* ---- a driver that declares stores while it serves ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* closed: whoever declares waits */
static _Atomic unsigned entered, inside, most_inside;

static int gated_declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
	entered++;
	if (++inside > most_inside)
		most_inside = inside;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	inside--;
	return 0;
}

static const struct cpl_storage_service serving = {.size = sizeof(serving),
						   .declare = gated_declare,
						   .submit = slow_submit,
						   .last_id = slow_last_id,
						   .leave = slow_leave,
						   .declares_while_serving = true};

static unsigned declared_count;

static void declared(struct store_declaring *declaring)
{
	declared_count++;
}

static void nothing(struct worker_job *job)
{
}

static bool passed;

static void has_passed(struct worker_job *job)
{
	passed = true;
}

/* All that workers were given before has begun, as long as one of them is free. */
static void workers_have_begun(void)
{
	struct worker_job job = {.work = nothing, .done = has_passed};

	passed = false;
	worker_start(&job);
	for (unsigned i = 0; i < 1000 && !passed; i++)
		loop_turn(10);
	assert_true(passed);
}

static void serving_begin(unsigned workers)
{
	first_account = account_create("first");
	account_of_module = account_of;
	assert_int_equal(worker_init(workers), 0);
	store_set_driver(FIRST, &serving);
	entered = inside = most_inside = 0;
	declared_count = 0;
	pthread_mutex_lock(&gate);
}

static void serving_end(unsigned declarings)
{
	pthread_mutex_unlock(&gate);
	for (unsigned i = 0; i < 1000 && (declared_count < declarings || first_account->jobs); i++)
		loop_turn(10);
	assert_int_equal(declared_count, declarings);
	assert_int_equal(first_account->jobs, 0);
	worker_finish();
	account_of_module = NULL;
	account_release(&first_account);
}

/* One that is replaced while a worker declares to it leaves when that is done: its threads serve the declaration. */
static void test_driver_leaves_after_its_declarations(void **state)
{
	static const struct cpl_store late = {"late", CPL_STORE_KEYVAL, 1, NULL, NULL};
	static const struct cpl_store *const stores[] = {&late, NULL};
	struct store_declaring declaring = {.done = declared};
	struct cpl_error error;

	serving_begin(2);
	store_declaring_add(&declaring, stores);
	assert_true(store_declaring_start(&declaring));
	store_set_driver(SECOND, &slow);
	turns();
	workers_have_begun();
	assert_int_equal(leaves, 0);
	serving_end(1);
	assert_int_equal(leaves, 1);
	/* The next one has not been told of it. */
	assert_false(store_declaring_counts(&declaring));
	declares = 0;
	assert_int_equal(store_declare(&late, &error), 0);
	assert_int_equal(declares, 1);
	store_declaring_finish(&declaring);
}

/* "one call after the other", whoever declares: a module's load and a reload of the configuration may both. */
static void test_declarations_come_one_after_the_other(void **state)
{
	static const struct cpl_store early = {"early", CPL_STORE_KEYVAL, 1, NULL, NULL}, late = {"late", CPL_STORE_KEYVAL, 1, NULL, NULL},
				      third = {"third", CPL_STORE_KEYVAL, 1, NULL, NULL};
	static const struct cpl_store *const stores[][2] = {{&early, NULL}, {&late, NULL}};
	struct store_declaring declarings[2] = {{.done = declared}, {.done = declared}};
	struct cpl_error error;

	serving_begin(3);
	for (unsigned i = 0; i < 2; i++) {
		store_declaring_add(&declarings[i], stores[i]);
		assert_true(store_declaring_start(&declarings[i]));
	}
	turns();
	workers_have_begun();
	/* The session thread does not wait for them, and does not look at what is theirs. */
	assert_int_equal(store_declare(&early, &error), CPL_E_BUSY);
	assert_int_equal(store_declare(&third, &error), CPL_E_BUSY);
	assert_string_equal(error.text, "the storage driver is making another store ready; try again when that is done");
	serving_end(2);
	assert_int_equal(entered, 2);
	assert_int_equal(most_inside, 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(store_declaring_counts(&declarings[i]));
		assert_int_equal(store_declare(stores[i][0], &error), 0);
		store_declaring_finish(&declarings[i]);
	}
	assert_int_equal(entered, 2);
	assert_int_equal(store_declare(&third, &error), 0);
	assert_int_equal(entered, 3);
}

static void test_no_next_driver(void **state)
{
	struct answer answers[3] = {0};

	get(&answers[0]);
	store_set_driver(SECOND, &slow);
	get(&answers[1]);
	store_set_driver(NULL, NULL);
	assert_int_equal(cpl_store_get(&answers[2].call, NULL, &list, ROMEO, CPL_STR("a"), answer_done),
			 CPL_E_STOPPING);
	cpl_store_finished(taken[0][0]);
	turns();
	assert_int_equal(answers[0].status, 0);
	assert_true(answers[1].done);
	assert_int_equal(answers[1].status, CPL_E_STOPPING);
	answer_finish(&answers[0]);
	answer_finish(&answers[1]);
}

static void test_result_of_a_cancelled_read_is_dropped(void **state)
{
	struct answer answers[2] = {0};

	get(&answers[0]);
	cpl_call_cancel(&answers[0].call.call);
	turns();
	assert_int_equal(answers[0].status, CPL_E_CANCELLED);
	/* The driver has it still, and gives it back to nobody. */
	assert_int_equal(store_pending(), 1);
	answer_finish(&answers[0]);
	cpl_store_finished(taken[0][0]);
	turns();
	assert_int_equal(store_pending(), 0);

	/* While it waits for a driver. */
	get(&answers[0]);
	store_set_driver(SECOND, &slow);
	get(&answers[1]);
	cpl_call_cancel(&answers[1].call.call);
	turns();
	assert_int_equal(answers[1].status, CPL_E_CANCELLED);
	cpl_store_finished(taken[0][1]);
	turns();
	cpl_store_finished(taken[1][0]);
	turns();
	answer_finish(&answers[0]);
	answer_finish(&answers[1]);
}

static void test_next_driver_refuses_a_store(void **state)
{
	struct answer answer = {0};
	struct cpl_error error;

	declare_code = CPL_E_UNSUPPORTED;
	assert_int_equal(store_check_driver(SECOND, &slow, NULL, &error), CPL_E_UNSUPPORTED);
	assert_string_equal(error.text, "not this one");
	store_set_driver(SECOND, &slow);
	get(&answer);
	turns();
	assert_int_equal(answer.status, CPL_E_UNSUPPORTED);
	assert_int_equal(taken_count[1], 0);
	answer_finish(&answer);
	/* Accounts are no store. */
	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), 0);
	assert_int_equal(taken_count[1], 1);
	cpl_store_finished(taken[1][0]);
	turns();
	answer_finish(&answer);
}

/* max(microseconds now, last id + 1), also when the newest row is from the future and after another driver.
 */
static void test_ids(void **state)
{
	static const struct cpl_column words[] = {{"word", CPL_COLUMN_TEXT, false}, {NULL, 0, false}};
	static const struct cpl_store later = {"later", CPL_STORE_ARCHIVE, 1, words, NULL};
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_NULL;
	struct cpl_error error;
	int64_t now = cpl_now() * 1000,
		id = cpl_batch_append(batch, &diary, ROMEO, 0, (struct cpl_jid){0}, &value);

	assert_true(id >= now);
	assert_int_equal(cpl_batch_append(batch, &diary, ROMEO, 0, (struct cpl_jid){0}, &value), id + 1);
	last_id = now + 30000000;
	assert_int_equal(store_declare(&later, &error), 0);
	assert_int_equal(cpl_batch_append(batch, &later, ROMEO, 0, (struct cpl_jid){0}, &value), last_id + 1);
	last_id = 5;
	store_set_driver(SECOND, &slow);
	assert_int_equal(cpl_batch_append(batch, &later, ROMEO, 0, (struct cpl_jid){0}, &value),
			 now + 30000002);
	cpl_batch_destroy(&batch);
}

/* A driver that knows nothing of rows that come back gets new ones. */
static void test_no_ids_come_back(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_NULL;
	struct answer answer = {0};
	const struct cpl_store_step *step;

	store_append_again(batch, &diary, ROMEO, 5000000, 4000, (struct cpl_jid){0}, &value);
	assert_int_equal(cpl_batch_commit(&answer.call, NULL, &batch, answer_done), 0);
	step = taken[0][0]->steps;
	assert_true(step->id > 5000000);
	assert_int_equal(step->id, step->last);
	assert_int_equal(step->when, 4000);
	assert_false(step->flag);
	cpl_store_finished(taken[0][0]);
	turns();
	answer_finish(&answer);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(requests_wait_for_the_former_driver),
		CASE(former_driver_leaves),
		CASE(next_driver_opens_on_a_worker),
		CASE(next_driver_does_not_open),
		CASE(driver_leaves_after_its_declarations),
		CASE(declarations_come_one_after_the_other),
		CASE(no_next_driver),
		CASE(result_of_a_cancelled_read_is_dropped),
		CASE(next_driver_refuses_a_store),
		CASE(ids), CASE(no_ids_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
