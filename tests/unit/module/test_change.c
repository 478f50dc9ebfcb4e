/* SPDX-License-Identifier: MIT */
/* Load and reload of one module, with steps that a worker takes: what becomes of them when the configuration changes meanwhile, and when they fail. */
#include "ground.h"

/* ---- stores are declared ---- */

/* The driver declares stores on a worker; the command is begun, and the gate shut. */
static void begin_to_declare(manager_verb *verb, struct waiting *waiting)
{
	struct cpl_error error;

	*waiting = (struct waiting){.request = {ended}};
	gate_set(false);
	assert_int_equal(verb(CPL_STR("counter"), &waiting->request, &error), 0);
	wait_for_gate();
	trace[0] = '\0';
}

static void end_of(struct waiting *waiting)
{
	assert_false(waiting->ended);
	gate_set(true);
	run_on(waiting);
}

/* One host more: the module is loaded on it, too. */
static void a_load_is_judged_again(void **state)
{
	struct waiting waiting;

	place("nostore6/.libs/nostore", "nostore");
	apply_good("modules: []\n" HOST);
	begin_to_declare(manager_load, &waiting);
	host_total = 2;
	apply_good("modules: []\nhosts: {example.org: , example.net: }\n");
	end_of(&waiting);
	assert_string_equal(waiting.text, "counter 1.0 loaded on 2 hosts; the configuration does not list it");
	assert_trace("counter.load(plain) counter.start(example.org) counter.start(example.net) changed(example.org) changed(example.net)");
}

/* A configuration may bring it while its file is being read ... */
static void a_load_finds_it_running(void **state)
{
	struct waiting waiting = {.request = {ended}};
	struct cpl_error error = {0};

	apply_good(HOST);
	assert_int_equal(manager_load(CPL_STR("counter"), &waiting.request, &error), 0);
	apply_good("modules: [counter]\n" HOST);
	assert_trace("nostore.load counter.load(plain) counter.start(example.org) changed(example.org)");
	run_on(&waiting);
	assert_int_equal(waiting.status, CPL_E_EXISTS);
	assert_string_equal(waiting.text, "is loaded already");
	forget_log("module could not be loaded name=counter");
	assert_trace("");
	fire_message();
	assert_int_equal(count(), 1);
}

/* ... and while its stores are declared: then it waits for the driver ... */
static struct loop_hook each_turn;
static unsigned applied;

static void try_to_apply(struct loop_hook *unused)
{
	struct cpl_error error = {0};

	if (applied)
		return;
	if (apply("modules: [counter]\n" HOST, &error) == 0)
		applied++;
	else
		assert_int_equal(error.code, CPL_E_BUSY);
}

/* ... and comes, at the end of the turn in which the store is there, before the load is at its idle point. */
static void a_load_comes_too_late(void **state)
{
	struct cpl_error error = {0};
	struct waiting waiting;

	place("nostore6/.libs/nostore", "nostore");
	apply_good("modules: []\n" HOST);
	begin_to_declare(manager_load, &waiting);
	assert_int_equal(apply("modules: [counter]\n" HOST, &error), CPL_E_BUSY);
	assert_string_equal(error.text, "module counter could not be loaded: the storage driver is making another store ready; try again when that is done");
	assert_null(manager_find(CPL_STR("counter")));
	applied = 0;
	loop_hook_add(&each_turn, try_to_apply);
	end_of(&waiting);
	loop_hook_remove(&each_turn);
	assert_int_equal(applied, 1);
	assert_int_equal(waiting.status, CPL_E_EXISTS);
	assert_string_equal(waiting.text, "is loaded already");
	forget_log("module could not be loaded name=counter");
	turns();
	assert_trace("counter.load(plain) counter.start(example.org) changed(example.org)");
	fire_message();
	assert_int_equal(count(), 1);
}

/* What a configuration has opened for itself is closed when the command was first. */
static void a_load_comes_first(void **state)
{
	struct waiting waiting;
	struct config *now;
	bool good;

	place("nostore6/.libs/nostore", "nostore");
	apply_good("modules: []\n" HOST);
	begin_to_declare(manager_load, &waiting);
	now = read_config("modules: [counter]\n" HOST, &good);
	assert_true(good);
	end_of(&waiting);
	assert_int_equal(waiting.status, 0);
	assert_int_equal(manager_apply(now, NULL), 0);
	manager_retire(&config);
	config = now;
	assert_trace("counter.load(plain) counter.start(example.org) changed(example.org)");
	run_good(manager_unload, "counter");
	run_good(manager_load, "counter");
}

static void a_reload_comes_too_late(void **state)
{
	struct waiting waiting;

	place("nostore6/.libs/nostore", "nostore");
	apply_good("modules: [counter]\n" HOST);
	place("counter2/.libs/counter", "counter");
	begin_to_declare(manager_reload, &waiting);
	apply_good("modules: []\n" HOST);
	end_of(&waiting);
	assert_int_equal(waiting.status, CPL_E_NOT_FOUND);
	assert_string_equal(waiting.text, "is not loaded any more");
	forget_log("module could not be reloaded name=counter");
	turns();
	assert_trace("counter.stop(example.org) counter.unload");
	assert_int_equal(copies(), 0);
}

/* ---- a driver opens ---- */

/* Begins its reload; the gate is shut. */
static void begin_to_open(struct waiting *waiting)
{
	struct cpl_error error;

	*waiting = (struct waiting){.request = {ended}};
	place("nostore3/.libs/nostore", "nostore");
	gate_set(false);
	assert_int_equal(manager_reload(CPL_STR("nostore"), &waiting->request, &error), 0);
	wait_for_gate();
}

/* While it opens, the configuration may become one that it refuses ... */
static void an_opened_driver_is_judged_again(void **state)
{
	struct cpl_module *before;
	struct waiting waiting;

	apply_good("modules: [counter]\n" HOST);
	before = manager_find(CPL_STR("nostore"));
	trace[0] = '\0';
	begin_to_open(&waiting);
	apply_good("modules: [counter]\nnostore: {room: 50}\n" HOST);
	assert_false(waiting.ended);
	gate_set(true);
	run_on(&waiting);
	assert_int_equal(waiting.status, CPL_E_INVALID);
	assert_non_null(strstr(waiting.text, "couplet.yml:6: nostore.room: 50 is above the most allowed, 10"));
	forget_log("module could not be reloaded name=nostore");
	assert_ptr_equal(manager_find(CPL_STR("nostore")), before);
	wait_for_trace("unload");
	assert_trace("nostore.load nostore.open nostore.leave nostore.unload");
	assert_int_equal(copies(), 0);
}

/* ... or one that it is fine with, and which it has then. */
static void an_opened_driver_has_the_options_of_now(void **state)
{
	struct waiting waiting;

	apply_good("modules: [counter]\n" HOST);
	trace[0] = '\0';
	begin_to_open(&waiting);
	apply_good("modules: [counter]\nnostore: {room: 7}\n" HOST);
	gate_set(true);
	run_on(&waiting);
	assert_int_equal(waiting.status, 0);
	wait_for_trace("unload");
	assert_trace("nostore.load nostore.open nostore.restore(7) nostore.unload");
}

/* What it has opened is given back before its code goes. */
static void a_refused_driver_takes_its_leave(void **state)
{
	static const struct {
		const char *built, *text, *trace;
	} spoilt[] = {
		{"nostore4/.libs/nostore", "the keys are missing", "nostore.load nostore.open nostore.restore(5) nostore.leave nostore.unload"},
		{"nostore5/.libs/nostore", "the cellar is locked", "nostore.load nostore.open nostore.leave nostore.unload"},
	};
	struct cpl_module *before;

	apply_good("modules: [counter]\n" HOST);
	before = manager_find(CPL_STR("nostore"));
	trace[0] = '\0';
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		place(spoilt[i].built, "nostore");
		run_refused(manager_reload, "nostore", spoilt[i].text);
		forget_log("module could not be reloaded name=nostore");
		wait_for_trace("unload");
		assert_trace(spoilt[i].trace);
		assert_ptr_equal(manager_find(CPL_STR("nostore")), before);
		assert_int_equal(copies(), 0);
	}
}

/* ---- when there is a configuration to judge by ---- */

static void assert_refused(manager_verb *verb)
{
	struct waiting waiting = {.request = {ended}};
	struct cpl_error error = {0};

	assert_int_equal(verb(CPL_STR("counter"), &waiting.request, &error), CPL_E_STOPPING);
	assert_string_equal(error.text, "the server does not run");
	turns();
	assert_false(waiting.ended);
}

static void nothing_changes_before_and_after_all(void **state)
{
	assert_refused(manager_load);
	apply_good("modules: []\n" HOST);
	run_good(manager_load, "counter");
	manager_finish();
	assert_refused(manager_load);
}

static void the_end_waits_for_a_change(void **state)
{
	struct waiting waiting;

	place("nostore6/.libs/nostore", "nostore");
	apply_good("modules: []\n" HOST);
	begin_to_declare(manager_load, &waiting);
	gate_set(true);
	manager_finish();
	assert_true(waiting.ended);
	assert_int_equal(waiting.status, 0);
	assert_trace("counter.load(plain) counter.start(example.org) changed(example.org) counter.stop(example.org) counter.unload nostore.unload");
}

/* Neither a new configuration nor the one before could be had: what runs is what the new one says. */
static void a_configuration_that_is_given_back_may_be_in_force(void **state)
{
	apply_good("modules: []\ncounter: {label: hello}\n" HOST);
	manager_retire(&config);
	trace[0] = '\0';
	run_good(manager_load, "counter");
	assert_trace("counter.load(hello) counter.start(example.org) changed(example.org)");
	run_good(manager_reload, "counter");
	run_good(manager_unload, "counter");
	apply_good("modules: [counter]\n" HOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_load_is_judged_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_load_finds_it_running, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_load_comes_too_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_load_comes_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_comes_too_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_opened_driver_is_judged_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_opened_driver_has_the_options_of_now, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refused_driver_takes_its_leave, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_changes_before_and_after_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_end_waits_for_a_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_configuration_that_is_given_back_may_be_in_force, set_up, tear_down),
	};

	find_build();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
