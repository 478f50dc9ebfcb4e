/* SPDX-License-Identifier: MIT */
/* Literal tables of Lua: what Prosody writes, and what it never would. */
#include "core/migrate/lua.h"
#include "tests/unit/unit.h"

static struct cpl_arena *arena;
static struct cpl_error error;

static const struct lua_value *parse(const char *text)
{
	return lua_parse(cpl_str_of(text), arena, &error);
}

static void refused_bytes(struct cpl_str text, const char *why)
{
	assert_null(lua_parse(text, arena, &error));
	assert_string_equal(error.text, why);
}

static void refused(const char *text, const char *why)
{
	refused_bytes(cpl_str_of(text), why);
}

static int begin(void **state)
{
	arena = cpl_arena_create();
	return 0;
}

static int end(void **state)
{
	cpl_arena_destroy(&arena);
	return 0;
}

static void a_file_of_an_account(void **state)
{
	const struct lua_value *account = parse("return {\n\t[\"iteration_count\"] = 10000;\n\t[\"salt\"] = \"a\\\"b\\\\c\\\nd\\009\\xFF\";\n};\n");

	assert_non_null(account);
	assert_true(lua_get(account, "iteration_count")->number == 10000);
	assert_true(cpl_str_is(lua_text(account, "iteration_count"), "10000"));
	assert_true(cpl_str_is(lua_text(account, "salt"), "a\"b\\c\nd\t\xFF"));
	assert_null(lua_get(account, "password"));
}

static void keys_of_all_kinds(void **state)
{
	const struct lua_value *table = parse("return { 'one', [false] = { version = 3, }; [2] = [==[\n]]two]=]]==], name = nil; [true] = -1.5e3; -- so\n 'next' }");

	assert_non_null(table);
	assert_true(cpl_str_is(lua_index(table, 1)->string, "one"));
	assert_true(lua_get(lua_false(table), "version")->number == 3);
	assert_int_equal(lua_get(table, "name")->type, LUA_NIL);
	/* The later of two values of one key counts: the second that has none is the second of all. */
	assert_true(cpl_str_is(lua_index(table, 2)->string, "next"));
}

static void a_list(void **state)
{
	struct lua_list list = {.text = CPL_STR("item({ \"a\" });\nitem({ \"b\" });\n\nitem({ os.exit() });")};

	assert_true(cpl_str_is(lua_index(lua_next(&list, arena, &error), 1)->string, "a"));
	assert_true(cpl_str_is(lua_index(lua_next(&list, arena, &error), 1)->string, "b"));
	assert_null(lua_next(&list, arena, &error));
	assert_string_equal(error.text, "line 4: this is no literal: nothing is executed here");
	list = (struct lua_list){.text = CPL_STR(" \n")};
	assert_null(lua_next(&list, arena, &error));
	assert_int_equal(error.code, 0);
}

static void what_is_no_literal(void **state)
{
	struct cpl_buf deep = {0};

	refused("", "line 1: it does not begin with return");
	refused("os.exit()", "line 1: it does not begin with return");
	refused("return\n\nos.exit()", "line 3: this is no literal: nothing is executed here");
	refused("return {} print()", "line 1: there is more behind the value");
	refused("return { a = 1", "line 1: a table wants , or ; or } here");
	refused("return { [nil] = 1 }", "line 1: a key is a string, a number, true or false");
	refused("return { ['a' = 1 }", "line 1: ] = is missing behind a key");
	refused("return 'a", "line 1: a string does not end");
	refused("return 'a\\'", "line 1: a string does not end");
	refused("return [[a]", "line 1: a string does not end");
	refused("return '\\q'", "line 1: this escape is none of Lua's");
	refused("return '\\256'", "line 1: this escape is none of Lua's");
	refused("return '\\xg0'", "line 1: \\x wants two digits");
	refused_bytes(CPL_STR("return '\\x\0\0'"), "line 1: \\x wants two digits");
	refused("return 1.2.3", "line 1: this is no number");
	refused("return", "line 1: a value is missing at the end");
	refused("return %", "line 1: this is no value");
	cpl_buf_add(&deep, CPL_STR("return "));
	for (int i = 0; i <= LUA_DEPTH; i++)
		cpl_buf_add_char(&deep, '{');
	refused(deep.ptr, "line 1: tables are nested too deep");
	cpl_buf_finish(&deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_of_an_account, begin, end),
		cmocka_unit_test_setup_teardown(keys_of_all_kinds, begin, end),
		cmocka_unit_test_setup_teardown(a_list, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_literal, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
