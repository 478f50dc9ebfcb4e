/* SPDX-License-Identifier: MIT */
/* Commands about an account: it is loaded, stays as long as the command, and is refused when it is not there or cannot be read. */
#include "tests/unit/xmpp/probe.h"

#include <couplet/command-run.h>
#include <couplet/module.h>

static struct cpl_invocation *held;
static unsigned loads;
static bool inside;

static void show(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	assert_false(inside);
	loads++;
	cpl_say(in, "%s has %.*s", cpl_module_name(self), CPL_ARG(cpl_jid_str(user->jid)));
	cpl_done(in);
}

static void hold(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	loads++;
	held = in;
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	inside = true;
	cpl_invocation_load_account(in, 1, show);
	inside = false;
}

static void run_hold(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_invocation_load_account(in, 0, hold);
}

static const struct cpl_command commands[] = {
	{"asker show <word> <account>", "Loads the account.", NULL, NULL, CPL_COMMAND_ADHOC, run_show},
	{"asker hold <account> <account>", "Loads it and goes on.", NULL, NULL, CPL_COMMAND_ADHOC, run_hold},
	CPL_COMMAND_END,
};

static const struct cpl_descriptor asker = {
	CPL_MODULE_HEAD("asker", "1.0", "Loads accounts, for tests"),
	.commands = commands,
};

/* ---- a run ---- */

static struct cpl_command_run run;
static unsigned ends;
static char said[256];

static void on_end(struct cpl_call *call)
{
	ends++;
	snprintf(said, sizeof(said), "%d %d %.*s%.*s", call->status, run.exit_code, CPL_ARG(run.reason), CPL_ARG(run.text));
}

static void begin(const char *words, const char *first, const char *second)
{
	const struct cpl_str values[] = {cpl_str_of(first), cpl_str_of(second)};

	ends = loads = 0;
	held = NULL;
	said[0] = '\0';
	assert_int_equal(cpl_command_run(&run, NULL, cpl_str_of(words), values, CPL_NONE, (struct cpl_jid){0}, 0, on_end), 0);
}

static bool in_memory(const char *username)
{
	return cpl_user_find(cpl_host_find(CPL_STR("example.org")), cpl_str_of(username)) != NULL;
}

/* ---- what a test wants of the load ---- */

static enum cpl_flow suspend_load(struct cpl_ev_user *ev)
{
	return probe_suspend(&ev->event);
}

static enum cpl_flow fail_load(struct cpl_ev_user *ev)
{
	return CPL_DROP;
}

static int set_up(void **state)
{
	const struct stage_module own[] = {probe_modules[0], {"asker", &asker}, {NULL, NULL}};

	probe_reset();
	stage_open("modules: [probe, asker, tls, bind, roster]\nhosts: {example.org: {}, rooms.example.org: {component: probe}}\n", own);
	stage_account("romeo@example.org");
	stage_account("juliet@example.org");
	/* Whoever was made is in memory for a while. */
	stage_pass(60000);
	assert_false(in_memory("romeo"));
	return 0;
}

static int tear_down(void **state)
{
	stage_close();
	return 0;
}

static void test_goes_on_with_the_account(void **state)
{
	begin("asker show", "x", "romeo@example.org");
	stage_settle();
	assert_string_equal(said, "0 0 asker has romeo@example.org\n");
	assert_int_equal(loads, 1);
}

static void test_who_is_not_there_is_refused(void **state)
{
	begin("asker show", "x", "nobody@example.org");
	stage_settle();
	assert_string_equal(said, "0 1 there is no account nobody@example.org");
	/* A component's addresses are no accounts: known at once, told as late. */
	begin("asker show", "x", "romeo@rooms.example.org");
	assert_int_equal(ends, 0);
	stage_settle();
	assert_string_equal(said, "0 1 there is no account romeo@rooms.example.org");
	assert_int_equal(loads, 0);
}

static void test_who_cannot_be_read_is_refused(void **state)
{
	probe.load = fail_load;
	begin("asker show", "x", "romeo@example.org");
	stage_settle();
	assert_string_equal(said, "0 1 the account romeo@example.org cannot be read: input or output failed");
	assert_int_equal(loads, 0);
}

/* It stays until the command ends, and no longer than others. */
static void test_the_account_stays(void **state)
{
	begin("asker hold", "romeo@example.org", "juliet@example.org");
	stage_settle();
	assert_int_equal(loads, 1);
	stage_pass(60000);
	assert_true(in_memory("romeo"));
	cpl_done(held);
	stage_settle();
	assert_string_equal(said, "0 0 ");
	stage_pass(60000);
	assert_false(in_memory("romeo"));
}

static void test_another_takes_its_place(void **state)
{
	begin("asker hold", "romeo@example.org", "juliet@example.org");
	stage_settle();
	cpl_invocation_load_account(held, 1, hold);
	stage_settle();
	assert_int_equal(loads, 2);
	stage_pass(60000);
	assert_false(in_memory("romeo"));
	assert_true(in_memory("juliet"));
	cpl_done(held);
	stage_settle();
	stage_pass(60000);
	assert_false(in_memory("juliet"));
}

/* Whoever has asked goes while the account is being read: nobody goes on with it. */
static void test_nobody_waits_any_more(void **state)
{
	probe.load = suspend_load;
	begin("asker show", "x", "romeo@example.org");
	stage_settle();
	assert_int_equal(probe_suspended_count, 1);
	cpl_call_cancel(&run.call);
	stage_settle();
	assert_int_equal(ends, 1);
	cpl_resume(&probe_suspended[0], CPL_NEXT);
	stage_settle();
	assert_int_equal(loads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_goes_on_with_the_account, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_is_not_there_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_cannot_be_read_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_account_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_takes_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_waits_any_more, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
