/* SPDX-License-Identifier: MIT */
/* Commands run by a module: what it sees of them, values in, tables and lines out, ends that come late, cancelling, commands that go. */
#include "unit.h"

#include "core/admin/command.h"
#include "core/loop/loop.h"
#include "core/xmpp/permission.h"

static struct cpl_invocation *held;
static struct cpl_command_run run;
static unsigned done_count;
static struct cpl_buf seen; /* what the last run gave, as text */

static void run_table(struct cpl_module *self, struct cpl_invocation *in)
{
	for (int i = 0; i < 3; i++) {
		cpl_row_begin(in);
		cpl_row_text(in, i ? CPL_STR("a\"b") : CPL_NONE);
		cpl_row_int(in, -i);
		cpl_row_bool(in, i);
		cpl_row_end(in);
	}
	cpl_done(in);
}

static void run_say(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_say(in, "%.*s|%.*s|%.*s|%d|%lld|%.*s", CPL_ARG(cpl_arg(in, 0)), CPL_ARG(cpl_arg(in, 1)), CPL_ARG(cpl_flag_value(in, "to")), cpl_flag(in, "loud"),
		cpl_arg(in, 1).ptr ? (long long)cpl_arg_int(in, 1) : 0, CPL_ARG(cpl_password(in)));
	cpl_complain(in, "for %.*s", CPL_ARG(cpl_jid_str(cpl_invocation_actor(in))));
	cpl_refuse(in, "no: %d", 7);
}

static void run_hold(struct cpl_module *self, struct cpl_invocation *in)
{
	held = in;
}

static const struct cpl_command commands[] = {
	{"test table", "A table.", NULL, "text,number,truth", CPL_COMMAND_FOR(CPL_ROLE_MEMBER), run_table},
	{"test say <word> [<int:count>] [--to <word>] [--loud]", "Says.", NULL, NULL, CPL_COMMAND_ADHOC | CPL_COMMAND_PASSWORD, run_say},
	{"test hold", "Holds.", NULL, NULL, CPL_COMMAND_ADHOC, run_hold},
	{"test secret", "Only for coupletctl.", NULL, NULL, 0, run_hold},
	CPL_COMMAND_END,
};

static int set_up(void **state)
{
	assert_int_equal(loop_init(true), 0);
	assert_int_equal(command_add(NULL, commands, NULL), 0);
	held = NULL;
	done_count = 0;
	return 0;
}

static int tear_down(void **state)
{
	command_remove(NULL);
	for (int i = 0; i < 3; i++)
		loop_turn(0);
	loop_finish();
	permission_finish();
	cpl_buf_finish(&seen);
	return 0;
}

static void on_done(struct cpl_call *call)
{
	done_count++;
	cpl_buf_clear(&seen);
	cpl_buf_addf(&seen, "%d %d [%.*s] {%.*s} {%.*s}", call->status, run.exit_code, CPL_ARG(run.reason), CPL_ARG(run.text), CPL_ARG(run.complaints));
	for (size_t c = 0; c < run.column_count; c++)
		cpl_buf_addf(&seen, " %.*s", CPL_ARG(run.columns[c]));
	for (size_t i = 0; i < run.row_count * run.column_count; i++)
		cpl_buf_addf(&seen, " %s%.*s", run.cells[i].ptr ? "" : "-", CPL_ARG(run.cells[i]));
	cpl_buf_addf(&seen, "%s", run.cut ? " cut" : "");
}

static int start(const char *words, const struct cpl_str *values, size_t max_rows)
{
	char jid[] = "romeo@example.org/orchard";
	struct cpl_jid actor = {jid, 5, 11, 7, 0};
	int code = cpl_command_run(&run, NULL, cpl_str_of(words), values, CPL_STR("rose"), actor, max_rows, on_done);

	memset(jid, 'x', sizeof jid);
	return code;
}

static const char *finish(void)
{
	for (int i = 0; i < 3; i++)
		loop_turn(0);
	return seen.ptr ? seen.ptr : "";
}

static void only_those_with_the_flag_are_seen(void **state)
{
	struct cpl_command_view view;
	size_t at = 0, count = 0;

	while (cpl_command_next(&at, &view))
		count++;
	assert_int_equal(count, 3);
	assert_false(cpl_command_find(CPL_STR("test secret"), &view));
	assert_false(cpl_command_find(CPL_STR("test"), &view));
	assert_true(cpl_command_find(CPL_STR("test table"), &view));
	assert_string_equal(view.action->action, "command.test.table");
	assert_int_equal(permission_least(view.action), CPL_ROLE_MEMBER);
	assert_int_equal(view.field_count, 0);
	assert_true(cpl_command_find(CPL_STR("test say"), &view));
	assert_int_equal(permission_least(view.action), CPL_ROLE_OPERATOR);
	assert_int_equal(view.field_count, 4);
	assert_str(view.fields[0].name, "word");
	assert_true(view.fields[0].required && !view.fields[0].option && view.fields[0].type == CPL_HOLE_WORD);
	assert_str(view.fields[1].name, "count");
	assert_true(!view.fields[1].required && view.fields[1].type == CPL_HOLE_INT);
	assert_true(view.fields[2].option && view.fields[2].type == CPL_HOLE_WORD);
	assert_true(view.fields[3].option && view.fields[3].type == CPL_HOLE_FLAG);
}

static void a_table_comes_as_cells(void **state)
{
	assert_int_equal(start("test table", NULL, 10), 0);
	assert_int_equal(done_count, 0);
	assert_string_equal(finish(), "0 0 [] {} {} text number truth - 0 false a\"b -1 true a\"b -2 true");
	assert_int_equal(start("test table", NULL, 2), 0);
	assert_string_equal(finish(), "0 0 [] {} {} text number truth - 0 false a\"b -1 true cut");
}

static void values_come_to_their_holes(void **state)
{
	struct cpl_str values[] = {CPL_STR("--loud"), CPL_STR("5"), CPL_STR("him"), CPL_STR("true")};
	struct cpl_str few[] = {CPL_STR("one"), CPL_NONE, CPL_NONE, CPL_NONE};

	assert_int_equal(start("test say", values, 1), 0);
	assert_string_equal(finish(), "0 1 [no: 7] {--loud|5|him|1|5|rose\n} {for romeo@example.org/orchard\n}");
	assert_int_equal(start("test say", few, 1), 0);
	assert_string_equal(finish(), "0 1 [no: 7] {one|||0|0|rose\n} {for romeo@example.org/orchard\n}");
}

static void wrong_values_are_told(void **state)
{
	struct cpl_str values[] = {CPL_STR("a"), CPL_STR("five"), CPL_NONE, CPL_NONE};
	struct cpl_str none[] = {CPL_NONE, CPL_NONE, CPL_NONE, CPL_NONE};

	assert_int_equal(start("test say", values, 1), 0);
	assert_non_null(strstr(finish(), "0 2 [\"five\" is not a whole number]"));
	assert_int_equal(start("test say", none, 1), 0);
	assert_non_null(strstr(finish(), "0 2 [word is missing]"));
	assert_int_equal(start("test secret", NULL, 1), CPL_E_NOT_FOUND);
	assert_int_equal(done_count, 2);
}

static void an_end_may_come_late(void **state)
{
	start("test hold", NULL, 1);
	finish();
	assert_int_equal(done_count, 0);
	cpl_say(held, "at last");
	cpl_done(held);
	assert_string_equal(finish(), "0 0 [] {at last\n} {}");
}

static void cancelling_lets_the_command_go_on(void **state)
{
	start("test hold", NULL, 1);
	cpl_call_cancel(&run.call);
	assert_int_equal(done_count, 0);
	finish();
	assert_int_equal(done_count, 1);
	assert_int_equal(run.call.status, CPL_E_CANCELLED);
	/* It does not know, and nobody hears it. */
	cpl_say(held, "nobody hears this");
	cpl_done(held);
	finish();
	assert_int_equal(done_count, 1);
}

static void a_command_that_goes_ends_its_run(void **state)
{
	start("test hold", NULL, 1);
	command_remove(NULL);
	assert_string_equal(finish(), "0 1 [the module was unloaded meanwhile] {} {}");
	cpl_done(held);
	assert_int_equal(start("test hold", NULL, 1), CPL_E_NOT_FOUND);
}

static void a_file_cannot_come_over_xmpp(void **state)
{
	static const struct cpl_command wrong[] = {{"test read <file>", "Reads.", NULL, NULL, CPL_COMMAND_ADHOC | CPL_COMMAND_INPUT, run_hold}, CPL_COMMAND_END};
	struct cpl_error error;

	assert_int_equal(command_add(NULL, wrong, &error), CPL_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_those_with_the_flag_are_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_table_comes_as_cells, set_up, tear_down),
		cmocka_unit_test_setup_teardown(values_come_to_their_holes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_values_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_end_may_come_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cancelling_lets_the_command_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_command_that_goes_ends_its_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_cannot_come_over_xmpp, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("command run", tests, NULL, NULL);
}
