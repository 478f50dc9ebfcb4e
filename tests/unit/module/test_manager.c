/* SPDX-License-Identifier: MIT */
/* The manager with real modules, opened from files: opening, applying, loading, reloading, unloading, and what must not change when one of these fails. */
#include "ground.h"
#include "core/module/loader.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/poison.h"

/* ---- opening and applying ---- */

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

static void starts_in_order_and_stops_in_reverse(void **state)
{
	size_t at = 0;

	/* holder needs counter; storage goes before all. */
	apply_good("modules: [holder, counter]\ncounter: {step: 3, label: hello}\n" HOST);
	assert_trace("nostore.load counter.load(hello) holder.load counter.start(example.org) holder.start(example.org)");
	assert_string_equal(cpl_module_name(manager_next(&at)), "nostore");
	assert_string_equal(cpl_module_name(manager_next(&at)), "counter");
	assert_string_equal(cpl_module_name(manager_next(&at)), "holder");
	assert_null(manager_next(&at));
	assert_string_equal(manager_state(manager_find(CPL_STR("holder"))), "started");
	assert_null(manager_find(CPL_STR("rival")));
	manager_finish();
	assert_trace("holder.stop(example.org) holder.unload counter.stop(example.org) counter.unload nostore.unload");
}

/* A wish puts a module behind who fulfils it ... */
static void wishes_are_looked_at(void **state)
{
	place("counter16/.libs/counter", "counter");
	apply_good("modules: [counter, rival]\n" HOST);
	assert_trace("nostore.load rival.load counter.load(plain) counter.start(example.org)");
}

/* ... and gives way in a circle ... */
static void wishes_give_way(void **state)
{
	place("counter16/.libs/counter", "counter");
	place("holder2/.libs/holder", "holder");
	apply_good("modules: [counter, holder]\n" HOST);
	assert_trace("nostore.load counter.load(plain) holder.load counter.start(example.org) holder.start(example.org)");
}

/* ... where needs do not. */
static void needs_in_a_circle_are_refused(void **state)
{
	struct cpl_error error;

	place("counter14/.libs/counter", "counter");
	place("holder2/.libs/holder", "holder");
	assert_int_equal(apply("modules: [counter, holder]\n" HOST, &error), CPL_E_INVALID);
	assert_string_equal(error.text, "the modules counter and holder need each other");
	assert_trace("");
}

static void names_faults_where_they_stand(void **state)
{
	place("counter7/.libs/counter", "counter");
	refuse("modules:\n  - countr\n  - counter\n" HOST);
	assert_report("couplet.yml:6: there is no module \"countr\"");
	assert_report("did you mean \"counter\"?");
	assert_report("couplet.yml:7: module counter cannot be opened: ");
	assert_report("undefined symbol: cpl_no_such_function");
	place("counter1/.libs/counter", "counter");
	refuse("modules: [holder]\n" HOST);
	assert_report("couplet.yml:5: module holder needs the service counter (version 1), which no module of the host example.org provides");
	assert_trace("");
}

static void refuses_other_versions(void **state)
{
	place("counter4/.libs/counter", "counter");
	refuse("modules: [counter]\n" HOST);
	assert_report("couplet.yml:5: module counter was built for version 2." TEXT(CPL_API_MINOR) " of the module API, this server has " TEXT(CPL_API_MAJOR) "." TEXT(CPL_API_MINOR));
	place("counter5/.libs/counter", "counter");
	refuse("modules: [counter]\n" HOST);
	assert_report("couplet.yml:5: module counter needs version 1.99 of the module API, this server has " TEXT(CPL_API_MAJOR) "." TEXT(CPL_API_MINOR));
	place("counter6/.libs/counter", "counter");
	refuse("modules: [counter]\n" HOST);
	assert_report("couplet.yml:5: module counter its descriptor is 64 bytes long");
	/* A file under another's name, and one that is no module. */
	place("rival/.libs/rival", "counter");
	refuse("modules: [counter]\n" HOST);
	assert_report("no symbol counter_LTX_cpl_module");
	assert_trace("");
}

static void failing_start_undoes_all(void **state)
{
	struct cpl_error error;

	place("counter3/.libs/counter", "counter");
	assert_int_equal(apply("modules: [holder, counter]\n" HOST, &error), CPL_E_IO);
	assert_string_equal(error.text, "module counter could not be loaded: the counter is out of order");
	turns();
	assert_trace("nostore.load counter.load(plain) nostore.unload");
	assert_null(manager_find(CPL_STR("nostore")));
	/* And may be tried again. */
	place("counter1/.libs/counter", "counter");
	apply_good("modules: [counter]\n" HOST);
	assert_trace("nostore.load counter.load(plain) counter.start(example.org)");
}

static void applies_changes(void **state)
{
	struct cpl_buf waits = {0};
	struct config *now;
	bool good;

	host_total = 2;
	apply_good("modules: [counter]\nhosts:\n  example.org:\n  example.net: {counter: {step: 5}}\n");
	assert_trace("nostore.load counter.load(plain) counter.start(example.org) counter.start(example.net)");
	fire_message();
	assert_int_equal(count(), 1);
	/* The label waits for a restart and keeps its value till then; net leaves; holder comes. */
	now = read_config("modules: [counter, holder]\ncounter: {step: 4, label: other}\nhosts:\n  example.org:\n  example.net: {modules: []}\n", &good);
	assert_true(good);
	manager_waiting(now, &waits);
	assert_str(cpl_buf_str(&waits), "counter.label\n");
	cpl_buf_finish(&waits);
	assert_int_equal(manager_apply(now, NULL), 0);
	manager_retire(&config);
	config = now;
	assert_trace("holder.load counter.stop(example.net) counter.reconfigure(all,1,4) counter.reconfigure(example.org,1,4) "
		     "holder.start(example.org)");
	assert_int_equal(manager_hosts(manager_find(CPL_STR("counter"))), 1);
}

static void failing_apply_changes_nothing(void **state)
{
	struct cpl_error error;

	apply_good("modules: [counter, holder]\n" HOST);
	trace[0] = '\0';
	assert_int_equal(apply("modules: [counter, holder, rival]\ncounter: {step: 9}\n" HOST, &error), CPL_E_CONFLICT);
	assert_string_equal(error.text, "modules holder and rival both claim IQ get <ask xmlns='urn:example:holder'/> to the host (on example.org)");
	turns();
	assert_trace("rival.load rival.unload");
	fire_message();
	loop_advance(1000);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(count(), 1);
	assert_trace("holder.waited(0,0)");
	apply_good("modules: [counter, rival]\n" HOST);
	turns();
	assert_trace("rival.load holder.stop(example.org) holder.unload");
}

/* ---- load and unload ---- */

static void loads_and_unloads_a_hundred_times(void **state)
{
	uint32_t accounts;
	int64_t core_blocks = 0;

	apply_good("modules: [counter]\n" HOST);
	for (int i = 0; i < 100; i++) {
		run_good(manager_unload, "counter");
		assert_null(manager_find(CPL_STR("counter")));
		assert_null(counter(NULL));
		if (i == 1) {
			accounts = account_count();
			core_blocks = atomic_load(&account_core()->memory->blocks);
		}
		if (i > 1) {
			assert_int_equal(account_count(), accounts);
			assert_int_equal(atomic_load(&account_core()->memory->blocks), core_blocks);
		}
		run_good(manager_load, "counter");
		fire_message();
		assert_int_equal(count(), 1);
		trace[0] = '\0';
	}
}

static void loads_what_is_not_listed(void **state)
{
	struct waiting waiting;

	apply_good("modules: [counter]\n" HOST);
	trace[0] = '\0';
	waiting = run(manager_load, "holder");
	assert_int_equal(waiting.status, 0);
	assert_string_equal(waiting.text, "holder 1.0 loaded on 1 host; the configuration does not list it");
	assert_trace("holder.load holder.start(example.org)");
	run_refused(manager_load, "holder", "the module holder is loaded already");
	run_refused(manager_load, "rival", "modules holder and rival both claim");
	forget_log("name=rival");
	turns();
	assert_trace("rival.load rival.unload");
	run_refused(manager_load, "nothing", "there is no file nothing.so in ");
	forget_log("name=nothing");
	run_refused(manager_load, "../x", "cannot be the name of a module");
	/* counter is needed now, storage always. */
	run_refused(manager_unload, "counter", "is needed by holder");
	forget_log("is needed by holder");
	run_refused(manager_unload, "nostore", "keeps the server's data");
	forget_log("keeps the server's data");
	assert_trace("");
	/* The next configuration is the truth again. */
	apply_good("modules: [counter]\n" HOST);
	turns();
	assert_trace("holder.stop(example.org) holder.unload");
}

/* A folder that cannot be entered is not the same as a module that is not there. */
static void missing_file_and_closed_folder_are_told_apart(void **state)
{
	struct cpl_error error = {0};
	char folder[] = "/tmp/couplet-loader-XXXXXX", loop[sizeof(folder) + 8];

	assert_non_null(mkdtemp(folder));
	assert_null(loader_find(cpl_str_of(folder), CPL_STR("ping"), &error));
	assert_int_equal(error.code, CPL_E_NOT_FOUND);
	assert_non_null(strstr(error.text, "there is no file ping.so in /tmp/couplet-loader-"));
	snprintf(loop, sizeof(loop), "%s/loop", folder);
	assert_int_equal(symlink("loop", loop), 0);
	assert_null(loader_find(cpl_str_of(loop), CPL_STR("ping"), &error));
	assert_int_equal(error.code, CPL_E_IO);
	assert_non_null(strstr(error.text, "cannot be looked for in "));
	assert_non_null(strstr(error.text, strerror(ELOOP)));
	unlink(loop);
	rmdir(folder);
}

static void unload_ends_what_is_under_way(void **state)
{
	apply_good("modules: [counter, holder]\n" HOST);
	fire_message();
	assert_int_equal(results, 0);
	trace[0] = '\0';
	run_good(manager_unload, "holder");
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_FAILED);
	assert_trace("holder.stop(example.org) holder.waited(-7,0) holder.unload");
	assert_int_equal(count(), 0);
}

static void one_change_at_a_time(void **state)
{
	struct waiting first = {.request = {ended}};
	struct cpl_error error;

	apply_good("modules: [counter]\n" HOST);
	assert_int_equal(manager_unload(CPL_STR("counter"), &first.request, &error), 0);
	run_refused(manager_reload, "counter", "the module counter is being changed");
	for (int i = 0; i < 100 && !first.ended; i++)
		loop_turn(10);
	assert_int_equal(first.status, 0);
	assert_string_equal(first.text, "counter 1.0 unloaded");
}

/* ---- reload ---- */

static void reload_keeps_state(void **state)
{
	struct cpl_module *module;
	const struct counter_service *service;

	apply_good("modules: [counter]\n" HOST);
	fire_message();
	fire_message();
	service = counter(&module);
	assert_int_equal(service->visits(module, &hosts[0]), 1);
	assert_int_equal(service->visits(module, &hosts[0]), 2);
	trace[0] = '\0';
	/* The same code, the same layout: the slot stays where it is. */
	run_good(manager_reload, "counter");
	turns();
	assert_trace("counter.load(plain) counter.restore(7) counter.start(example.org) counter.unload");
	assert_int_equal(count(), 2);
	service = counter(&module);
	assert_int_equal(service->visits(module, &hosts[0]), 3);
	assert_int_equal(manager_generation(module), 2);
	assert_int_equal(copies(), 1);
	/* Another layout: migrated; another feature: announced. */
	place("counter2/.libs/counter", "counter");
	run_good(manager_reload, "counter");
	turns();
	assert_trace("counter.load(plain) counter.restore(7) counter.start(example.org) changed(example.org) counter.unload");
	assert_int_equal(count(), 2);
	service = counter(&module);
	assert_int_equal(service->visits(module, &hosts[0]), 4);
	assert_string_equal(manager_descriptor(module)->version, "2.0");
	assert_str(cpl_host_features(&hosts[0], CPL_OF_HOST).items[0], "urn:example:counter:2");
	assert_int_equal(copies(), 1);
	/* Back again there is no migration: the old code releases its data. */
	place("counter1/.libs/counter", "counter");
	run_good(manager_reload, "counter");
	turns();
	assert_trace("counter.load(plain) counter.restore(7) release4 counter.start(example.org) changed(example.org) counter.unload");
	fire_message();
	assert_int_equal(count(), 3);
}

static void reloads_a_hundred_times(void **state)
{
	apply_good("modules: [counter, holder]\n" HOST);
	for (int i = 0; i < 100; i++) {
		place(i % 2 ? "counter1/.libs/counter" : "counter2/.libs/counter", "counter");
		run_good(manager_reload, "counter");
		turns();
		fire_message();
		loop_advance(1000);
		turns();
		assert_int_equal(count(), i + 1);
		assert_int_equal(copies(), 1);
	}
	assert_int_equal(manager_generation(manager_find(CPL_STR("counter"))), 101);
	assert_true(account_count() < 10);
}

static void failing_reload_changes_nothing(void **state)
{
	static const struct {
		const char *built, *text, *trace;
	} spoilt[] = {
		{"counter3/.libs/counter", "the counter is out of order", "counter.load(plain)"},
		{"counter4/.libs/counter", "was built for version 2.", ""},
		{"counter6/.libs/counter", "is 64 bytes long", ""},
		{"counter7/.libs/counter", "cannot be opened: undefined symbol: cpl_no_such_function: the module API of this server (", ""},
		{"counter8/.libs/counter", "what was saved with schema 7 makes no sense", "counter.load(plain) counter.unload"},
		{"counter9/.libs/counter", "does not provide a service any more that holder needs", ""},
		{"counter13/.libs/counter", "its store counter changes from version 1 to 2: unload the module and load it again", ""},
		{"counter14/.libs/counter", "needs the service sundial (version 1), which no module of the host example.org provides", ""},
		/* What stands in for the end of a table is not followed. */
		{"counter17/.libs/counter", "the table .options has no end: its last row is a NULL, or CPL_OPT_END", ""},
		{"counter18/.libs/counter", "the table .stores has no end", ""},
		{"counter19/.libs/counter", "its load() fails: input or output failed", "counter.load(plain)"},
		{"rival/.libs/rival", "is not a module of Couplet of this name: it has no symbol counter_LTX_cpl_module", ""},
	};
	struct cpl_module *module, *before;
	const struct counter_service *service;

	apply_good("modules: [counter, holder]\n" HOST);
	service = counter(&before);
	service->visits(before, &hosts[0]);
	fire_message();
	trace[0] = '\0';
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		place(spoilt[i].built, "counter");
		run_refused(manager_reload, "counter", spoilt[i].text);
		forget_log("module could not be reloaded name=counter");
		turns();
		assert_trace(spoilt[i].trace);
		assert_ptr_equal(counter(&module), service);
		assert_ptr_equal(module, before);
		assert_int_equal(copies(), 0);
	}
	assert_int_equal(results, 0);
	loop_advance(1000);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(count(), 1);
	assert_int_equal(service->visits(before, &hosts[0]), 2);
}

static void the_driver_stays_one(void **state)
{
	apply_good("modules: [counter]\n" HOST);
	trace[0] = '\0';
	place("nostore2/.libs/nostore", "nostore");
	run_refused(manager_reload, "nostore", "does not provide the service storage any more");
	forget_log("module could not be reloaded name=nostore");
	turns();
	assert_trace("");
	place("nostore/.libs/nostore", "nostore");
	run_good(manager_reload, "nostore");
	/* The former one takes its leave on a worker. */
	wait_for_trace("unload");
	assert_trace("nostore.load nostore.unload");
}

/* What a host lacks is said when the module is loaded by command, too. */
static void load_looks_at_needs(void **state)
{
	apply_good("modules: []\n" HOST);
	run_refused(manager_load, "holder", "needs the service counter (version 1), which no module of the host example.org provides");
	forget_log("name=holder");
	place("counter15/.libs/counter", "counter");
	run_refused(manager_load, "counter", "needs the service counter (version 2), which no module of the host example.org provides");
	forget_log("name=counter");
	turns();
	assert_trace("nostore.load");
}

static void reload_cancels_nothing(void **state)
{
	const struct cpl_module *old;
	size_t at = 2;

	apply_good("modules: [counter, holder]\n" HOST);
	fire_message();
	trace[0] = '\0';
	run_good(manager_reload, "holder");
	turns();
	assert_trace("holder.load holder.start(example.org)");
	/* The old generation waits for its call and its event. Its state is out of bounds (in a build that can tell), but for the calls in it. */
	at = 3;
	old = manager_next(&at);
	assert_non_null(old);
	assert_int_equal(POISONED((char *)cpl_module_data(old) + sizeof(struct cpl_call) + sizeof(struct cpl_store_call)), POISONED_BUILD);
	assert_false(POISONED(cpl_module_data(old)));
	assert_string_equal(manager_state(old), "draining");
	assert_int_equal(manager_in_flight(old), 3);
	loop_advance(1000);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_NEXT);
	assert_int_equal(count(), 1);
	assert_trace("holder.waited(0,0)");
	/* Its own clock ticks on for a minute, no longer. */
	assert_int_equal(manager_in_flight(old), 1);
	for (int i = 0; i < 59; i++) {
		loop_advance(1000);
		turns();
	}
	at = 3;
	assert_null(manager_next(&at));
	assert_trace("holder.unload");
	fire_message();
	loop_advance(1000);
	turns();
	assert_int_equal(count(), 2);
}

static void unload_ends_former_generations_too(void **state)
{
	struct waiting waiting;
	size_t at = 2;

	apply_good("modules: [counter, holder]\n" HOST);
	fire_message();
	run_good(manager_reload, "holder");
	run_good(manager_reload, "holder");
	turns();
	assert_int_equal(results, 0);
	trace[0] = '\0';
	waiting = run(manager_unload, "holder");
	assert_string_equal(waiting.text, "holder 1.0 unloaded");
	assert_null(manager_next(&at));
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_FAILED);
	assert_trace("holder.stop(example.org) holder.waited(-7,0) holder.unload holder.unload holder.unload");
}

static void kept_pointers_into_old_code_are_reported(void **state)
{
	struct logger_options verbose = {.level = CPL_LOG_DEBUG, .sink = LOGGER_MEMORY}, options = {.level = CPL_LOG_WARN, .sink = LOGGER_MEMORY};
	struct cpl_module *module;

	place("counter10/.libs/counter", "counter");
	apply_good("modules: [counter]\n" HOST);
	counter(&module)->visits(module, &hosts[0]);
	assert_int_equal(logger_change(&verbose, NULL), 0);
	run_good(manager_reload, "counter");
	turns();
	forget_log("slot points into code that was unloaded module=counter slot=visits_slot");
	assert_int_equal(logger_change(&options, NULL), 0);
}

/* A build that knows all memory follows pointers, and does so without being asked. */
static void pointers_behind_pointers_are_reported(void **state)
{
	place("counter11/.libs/counter", "counter");
	apply_good("modules: [counter]\n" HOST);
	fire_message();
	run_good(manager_reload, "counter");
	turns();
	forget_log(POISONED_BUILD ? "slot points into code that was unloaded module=counter slot=visits_slot" : "");
	place("counter12/.libs/counter", "counter");
	run_good(manager_reload, "counter");
	turns();
	forget_log("");
	run_good(manager_reload, "counter");
	turns();
	forget_log(POISONED_BUILD ? "state points into code that was unloaded module=counter" : "");
}

static void host_comes_to_its_end(void **state)
{
	host_total = 2;
	apply_good("modules: [counter, holder]\nhosts: {example.org: , example.net: }\n");
	fire_message();
	trace[0] = '\0';
	manager_host_stop(&hosts[0]);
	assert_trace("holder.stop(example.org) counter.stop(example.org)");
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_FAILED);
	assert_null(hosts[0].dispatch);
	assert_int_equal(manager_hosts(manager_find(CPL_STR("counter"))), 1);
	cpl_scope_end(&hosts[0].scope);
	turns();
	assert_trace("holder.waited(-7,-1)");
}

static void host_on_its_way_out_keeps_its_modules(void **state)
{
	struct cpl_ev_stanza late = {.host = &hosts[1]};

	host_total = 2;
	apply_good("modules: [counter, holder]\nhosts: {example.org: , example.net: {counter: {step: 4}}}\n");
	trace[0] = '\0';
	/* Nobody lists them any more; but the sessions of example.net are still to be closed. */
	apply_good("modules: []\nhosts: {example.org: }\n");
	turns();
	assert_trace("holder.stop(example.org) counter.stop(example.org)");
	apply_good("modules: []\ncounter: {step: 7}\nhosts: {example.org: }\n");
	results = 0;
	cpl_fire_message(&hosts[1], &late, done);
	loop_advance(1000);
	turns();
	assert_int_equal(results, 1);
	assert_trace("holder.waited(0,0)");
	assert_false(cpl_event_wanted(&hosts[0], CPL_EVENT_message));
	assert_true(cpl_event_wanted(&hosts[1], CPL_EVENT_message));
	manager_host_stop(&hosts[1]);
	host_total = 1;
	turns();
	assert_trace("holder.stop(example.net) counter.stop(example.net) holder.unload counter.unload");
	assert_null(manager_find(CPL_STR("counter")));
}

static void configuration_reaches_what_was_reloaded(void **state)
{
	struct cpl_module *module;
	struct cpl_error error;

	apply_good("modules: [counter, holder]\ncounter: {step: 2}\n" HOST);
	place("counter2/.libs/counter", "counter");
	run_good(manager_reload, "counter");
	turns();
	trace[0] = '\0';
	assert_int_equal(counter(&module)->step(module, &hosts[0]), 2);
	apply_good("modules: [counter, holder]\ncounter: {step: 3}\n" HOST);
	assert_int_equal(counter(&module)->step(module, &hosts[0]), 3);
	assert_trace("counter.reconfigure(all,2,3) counter.reconfigure(example.org,2,3)");
	/* A refusal leaves it alone; so does putting back. */
	assert_int_equal(apply("modules: [counter, holder, rival]\ncounter: {step: 9}\n" HOST, &error), CPL_E_CONFLICT);
	assert_int_equal(counter(&module)->step(module, &hosts[0]), 3);
	turns();
	trace[0] = '\0';
	assert_int_equal(manager_apply(config, &error), 0);
	assert_int_equal(counter(&module)->step(module, &hosts[0]), 3);
	assert_trace("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(starts_in_order_and_stops_in_reverse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wishes_are_looked_at, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wishes_give_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(needs_in_a_circle_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_faults_where_they_stand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_other_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failing_start_undoes_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(applies_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failing_apply_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loads_and_unloads_a_hundred_times, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loads_what_is_not_listed, set_up, tear_down),
		cmocka_unit_test(missing_file_and_closed_folder_are_told_apart),
		cmocka_unit_test_setup_teardown(unload_ends_what_is_under_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_change_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reload_keeps_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reloads_a_hundred_times, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failing_reload_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_driver_stays_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(load_looks_at_needs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reload_cancels_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unload_ends_former_generations_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kept_pointers_into_old_code_are_reported, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pointers_behind_pointers_are_reported, set_up, tear_down),
		cmocka_unit_test_setup_teardown(host_comes_to_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(host_on_its_way_out_keeps_its_modules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(configuration_reaches_what_was_reloaded, set_up, tear_down),
	};

	find_build();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
