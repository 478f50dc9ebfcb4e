/* SPDX-License-Identifier: MIT */
/*
 * A configuration is read while the server runs: what it needs of the storage driver is asked on a worker, also of a driver that has come meanwhile (design section 3: the session thread never
 * waits for a disk). The server around it is this file.
 */
#include "ground.h"
#include "core/server_state.h"
#include "core/xmpp/store.h"

struct server server;

int server_judge(struct server_read *read)
{
	open_config(read->config, &read->report);
	return read->report.errors ? CPL_E_INVALID : 0;
}

/* ---- a reload of the configuration ---- */

struct reload {
	bool ended;
	int code;
	struct cpl_error error;
};

static void reload_now(struct server_read *read, void *data)
{
	struct reload *reload = data;
	struct config *before = config;

	assert_false(reload->ended);
	reload->ended = true;
	assert_int_equal(server_judge(read), 0);
	reload->code = manager_apply(read->config, &reload->error);
	if (reload->code < 0)
		return;
	config = read->config;
	read->config = NULL;
	manager_retire(&before);
}

static void reload_begin(struct reload *reload)
{
	*reload = (struct reload){0};
	server_read_start(true, reload_now, reload);
}

/* Two workers: one is held by what it declares, the other reads files. */
static int set_up_reading(void **state)
{
	set_up(state);
	worker_finish();
	assert_int_equal(worker_init(2), 0);
	place("nostore7/.libs/nostore", "nostore");
	apply_good("modules: []\n" HOST);
	server = (struct server){.state = SERVER_OPEN, .options = {.config_path = write_config("modules: [counter]\n" HOST), .offline = true}};
	trace[0] = '\0';
	return 0;
}

static int tear_down_reading(void **state)
{
	gate_set(true);
	server_read_wait();
	return tear_down(state);
}

static void stores_are_declared_on_a_worker(void **state)
{
	struct reload reload;

	reload_begin(&reload);
	server_read_wait();
	assert_true(reload.ended);
	assert_int_equal(reload.code, 0);
	assert_trace("declare(counter,worker) counter.load(plain) counter.start(example.org) changed(example.org)");
}

static unsigned times(const char *part)
{
	unsigned found = 0;

	for (const char *at = trace; (at = strstr(at, part)); at++)
		found++;
	return found;
}

/* The driver that was asked is not the one that serves in the end. */
static void stores_are_declared_again_to_another_driver(void **state)
{
	struct reload reload;

	gate_set(false);
	reload_begin(&reload);
	wait_for_gate();
	run_good(manager_reload, "nostore");
	assert_false(reload.ended);
	assert_trace("nostore.load");
	gate_set(true);
	server_read_wait();
	assert_true(reload.ended);
	assert_int_equal(reload.code, 0);
	wait_for_trace("nostore.unload");
	assert_int_equal(times("declare(counter,worker)"), 2);
	assert_int_equal(times("session"), 0);
}

/* One declaration is under way and another waits behind it, for a driver that is replaced: each is made again. The second finds its store. */
static void stores_that_wait_are_declared_again(void **state)
{
	struct reload reloads[2];

	gate_set(false);
	for (size_t i = 0; i < 2; i++)
		reload_begin(&reloads[i]);
	wait_for_gate();
	run_good(manager_reload, "nostore");
	assert_trace("nostore.load");
	gate_set(true);
	server_read_wait();
	for (size_t i = 0; i < 2; i++) {
		assert_true(reloads[i].ended);
		assert_int_equal(reloads[i].code, 0);
	}
	wait_for_trace("nostore.unload");
	assert_int_equal(times("session"), 0);
	fire_message();
	assert_int_equal(count(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stores_are_declared_on_a_worker, set_up_reading, tear_down_reading),
		cmocka_unit_test_setup_teardown(stores_are_declared_again_to_another_driver, set_up_reading, tear_down_reading),
		cmocka_unit_test_setup_teardown(stores_that_wait_are_declared_again, set_up_reading, tear_down_reading),
	};

	find_build();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
