/* SPDX-License-Identifier: MIT */
/*
 * The model of asynchronous calls: every short sequence of start, complete, cancel, end of the scope, turn
 * and unload over two calls, whose callbacks restart, cancel, complete or start each other, is run against
 * the rules of <couplet/call.h>. A started call fires exactly once, in a later turn, with the status of its
 * first completion; afterwards nothing is left anywhere.
 */
#include "unit.h"

#include "core/base/account.h"
#include "core/loop/call.h"
#include "core/loop/turn.h"

enum step { START_A, START_B, COMPLETE_A, COMPLETE_B, CANCEL_A, CANCEL_B, SCOPE_END, TURN, UNLOAD, STEPS };

/* What a callback does. */
enum habit {
	NOTHING,
	RESTART,
	RESTART_AND_COMPLETE,
	START_OTHER,
	CANCEL_OTHER,
	COMPLETE_OTHER,
	END_SCOPE,
	HABITS
};

/* What the rules say about one call. */
struct model {
	struct cpl_call call;
	enum habit habit;
	bool pending; /* started, not fired */
	bool completed;
	int status;
	unsigned long long turn; /* of the start */
	unsigned starts, fires, stops;
};

static struct model models[2];
static struct cpl_scope scope;
static struct cpl_list owned;
static struct account *account;
static bool stopping, starting, draining;
static unsigned unrefs;
static unsigned long long turn;
/*
 * Where the steps between two turns happen: false, at the end of the turn before; true, in the turn itself,
 * before its calls are drained.
 */
static bool in_watchers;

/* The module is only ever an address. */
static int module_place;
static struct cpl_module *const module = (struct cpl_module *)&module_place;

static struct account *of_module(struct cpl_module *m)
{
	assert_ptr_equal(m, module);
	return account;
}

static bool module_stopping(struct cpl_module *m)
{
	return stopping;
}

static struct cpl_list *module_calls(struct cpl_module *m)
{
	return &owned;
}

static void scope_unref(struct cpl_scope *s)
{
	unrefs++;
}

static struct model *other_of(struct model *model)
{
	return model == &models[0] ? &models[1] : &models[0];
}

static void fired(struct cpl_call *call);

/* The provider's end of a cancellation; that it completes the call, too, must not matter. */
static void provider_stop(struct cpl_call *call)
{
	struct model *model = CPL_CONTAINER(call, struct model, call);

	model->stops++;
	cpl_call_complete(call, 0);
}

static void model_start(struct model *model)
{
	int code, expected = stopping ? CPL_E_STOPPING : scope.ended ? CPL_E_CANCELLED : 0;

	/* Starting a call that is under way is a bug of the caller, not a case. */
	if (model->pending)
		return;
	starting = true;
	code = cpl_call_begin(&model->call, &scope, fired, provider_stop);
	starting = false;
	assert_int_equal(code, expected);
	if (code < 0)
		return;
	model->pending = true;
	model->completed = false;
	model->turn = turn;
	model->starts++;
}

static void model_completed(struct model *model, int status)
{
	if (model->pending && !model->completed) {
		model->completed = true;
		model->status = status;
	}
}

static void model_complete(struct model *model)
{
	model_completed(model, 0);
	cpl_call_complete(&model->call, 0);
}

static void model_cancel(struct model *model)
{
	unsigned stops = model->stops + (model->pending && !model->completed);

	model_completed(model, CPL_E_CANCELLED);
	cpl_call_cancel(&model->call);
	assert_int_equal(model->stops, stops);
}

static void model_scope_end(void)
{
	for (int i = 0; i < 2; i++)
		model_completed(&models[i], CPL_E_CANCELLED);
	cpl_scope_end(&scope);
	assert_true(cpl_list_empty(&scope.calls));
}

static void model_unload(void)
{
	stopping = true;
	for (int i = 0; i < 2; i++)
		model_completed(&models[i], CPL_E_CANCELLED);
	call_cancel_owned(&owned);
}

static void fired(struct cpl_call *call)
{
	struct model *model = CPL_CONTAINER(call, struct model, call);
	struct model *other = other_of(model);

	assert_true(draining && !starting);
	assert_true(model->pending && model->completed);
	assert_true(turn > model->turn);
	assert_int_equal(call->status, model->status);
	assert_int_equal(call->state, CPL_CALL_FIRED);
	assert_ptr_equal(account_now.module, module);
	assert_true(scope.refs > 0);
	model->pending = false;
	model->fires++;
	switch (model->habit) {
	case RESTART_AND_COMPLETE:
		model_start(model);
		model_complete(model);
		break;
	case RESTART:
		model_start(model);
		break;
	case START_OTHER:
		model_start(other);
		break;
	case CANCEL_OTHER:
		model_cancel(other);
		break;
	case COMPLETE_OTHER:
		model_complete(other);
		break;
	case END_SCOPE:
		model_scope_end();
		break;
	default:
		break;
	}
}

static void turn_begin(void)
{
	turn++;
	calls_turn();
}

static void model_turn(void)
{
	struct account_visit visit;
	unsigned due[2];

	/* The loop runs outside all modules; fire enters the owner. */
	visit = account_enter(account_core(), NULL, ACCOUNT_IN_CORE);
	if (!in_watchers)
		turn_begin();
	for (int i = 0; i < 2; i++)
		due[i] =
			models[i].fires + (models[i].pending && models[i].completed && models[i].turn < turn);
	draining = true;
	calls_drain();
	draining = false;
	if (in_watchers)
		turn_begin();
	account_leave(&visit);
	/* A turn fires everything that was started before it and is completed, and nothing else. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(models[i].fires, due[i]);
}

static void step_run(enum step step)
{
	switch (step) {
	case START_A:
	case START_B:
		model_start(&models[step - START_A]);
		break;
	case COMPLETE_A:
	case COMPLETE_B:
		model_complete(&models[step - COMPLETE_A]);
		break;
	case CANCEL_A:
	case CANCEL_B:
		model_cancel(&models[step - CANCEL_A]);
		break;
	case SCOPE_END:
		model_scope_end();
		break;
	case TURN:
		model_turn();
		break;
	default:
		model_unload();
		break;
	}
}

static void sequence_run(const enum step *steps, unsigned length, enum habit a, enum habit b)
{
	uint64_t started = account->calls_started, called = account->calls_fired;
	struct account_visit visit = account_enter(account, module, ACCOUNT_IN_CORE);

	memset(models, 0, sizeof(models));
	models[0].habit = a;
	models[1].habit = b;
	stopping = false;
	unrefs = 0;
	cpl_scope_init(&scope, scope_unref);
	cpl_list_init(&owned);
	for (unsigned i = 0; i < length; i++)
		step_run(steps[i]);
	model_unload();
	/*
	 * Rule 5 bounds the drain: what was queued, and what those callbacks queued before they could not
	 * start more.
	 */
	for (int i = 0; i < 3 + in_watchers; i++)
		model_turn();
	account_leave(&visit);
	assert_false(calls_queued());
	for (int i = 0; i < 2; i++) {
		assert_false(models[i].pending);
		assert_int_equal(models[i].starts, models[i].fires);
	}
	assert_int_equal(account->calls_started - started, models[0].starts + models[1].starts);
	assert_int_equal(account->calls_fired - called, models[0].fires + models[1].fires);
	assert_int_equal(unrefs, models[0].fires + models[1].fires);
	assert_int_equal(scope.refs, 0);
	assert_true(cpl_list_empty(&scope.calls));
	assert_true(cpl_list_empty(&owned));
}

/* All sequences of the length, counted like an odometer. */
static unsigned long long sequences_run(unsigned length, enum habit a, enum habit b)
{
	enum step steps[8] = {0};
	unsigned long long count = 0;
	unsigned at;

	do {
		sequence_run(steps, length, a, b);
		count++;
		for (at = 0; at < length && ++steps[at] == STEPS; at++)
			steps[at] = 0;
	} while (at < length);
	return count;
}

static int setup(void **state)
{
	account = account_create("romeo");
	account_of_module = of_module;
	account_module_stopping = module_stopping;
	account_module_calls = module_calls;
	return account ? 0 : -1;
}

static int teardown(void **state)
{
	account_of_module = NULL;
	account_module_stopping = NULL;
	account_module_calls = NULL;
	account_release(&account);
	return 0;
}

static void every_pair_of_habits(void **state)
{
	unsigned long long count = 0, watched = 0;

	for (int a = NOTHING; a < HABITS; a++)
		for (int b = NOTHING; b < HABITS; b++)
			for (unsigned length = 1; length <= 5; length++)
				count += sequences_run(length, (enum habit)a, (enum habit)b);
	in_watchers = true;
	for (int a = NOTHING; a < HABITS; a++)
		for (int b = NOTHING; b < HABITS; b++)
			for (unsigned length = 1; length <= 4; length++)
				watched += sequences_run(length, (enum habit)a, (enum habit)b);
	in_watchers = false;
	print_message("%llu sequences\n", count + watched);
	assert_int_equal(watched, (9 + 81 + 729 + 6561) * HABITS * HABITS);
	assert_int_equal(count, (9 + 81 + 729 + 6561 + 59049) * HABITS * HABITS);
}

static void long_sequences(void **state)
{
	static const enum habit pairs[][2] = {
		{NOTHING, NOTHING},	    {RESTART, RESTART},
		{RESTART, CANCEL_OTHER},    {RESTART_AND_COMPLETE, START_OTHER},
		{START_OTHER, START_OTHER}, {COMPLETE_OTHER, END_SCOPE},
	};
	unsigned long long count = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		count += sequences_run(6, pairs[i][0], pairs[i][1]);
	print_message("%llu sequences\n", count);
	assert_int_equal(count, 6 * 531441);
}

/* Rule 3: what comes after the first completion is counted and changes nothing. */
static void late_completions_are_counted(void **state)
{
	uint64_t late = call_late_count();
	const enum step steps[] = {START_A, CANCEL_A, COMPLETE_A, TURN, COMPLETE_A};

	sequence_run(steps, 5, NOTHING, NOTHING);
	/* Two by the steps, one by the provider's stop. */
	assert_int_equal(call_late_count() - late, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_habits),
		cmocka_unit_test(long_sequences),
		cmocka_unit_test(late_completions_are_counted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
