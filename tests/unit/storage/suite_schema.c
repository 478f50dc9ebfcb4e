/* SPDX-License-Identifier: MIT */
/* Declarations of stores: what is refused, new columns, migrations. */
#include "tests/unit/storage/suite.h"

/* ---- declarations ---- */

static void test_declarations_are_checked(void **state)
{
	static const struct cpl_column reserved[] = {{"when", CPL_COLUMN_TEXT, false},
						     {NULL, CPL_COLUMN_TEXT, false}};
	static const struct cpl_column twice[] = {
		{"a", CPL_COLUMN_TEXT, false}, {"a", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
	static const struct cpl_column odd[] = {{"a\" b", CPL_COLUMN_TEXT, false},
						{NULL, CPL_COLUMN_TEXT, false}};
	struct cpl_error error = {0};

	assert_int_equal(
		store_declare(&(struct cpl_store){"a b", CPL_STORE_MAP, 1, list_columns, NULL}, &error),
		CPL_E_INVALID);
	assert_int_equal(store_declare(&(struct cpl_store){"x", CPL_STORE_MAP, 1, reserved, NULL}, &error),
			 CPL_E_INVALID);
	assert_int_equal(store_declare(&(struct cpl_store){"x", CPL_STORE_MAP, 1, twice, NULL}, &error),
			 CPL_E_INVALID);
	assert_int_equal(store_declare(&(struct cpl_store){"x", CPL_STORE_MAP, 1, odd, NULL}, &error),
			 CPL_E_INVALID);
	assert_int_equal(
		store_declare(&(struct cpl_store){"x", CPL_STORE_MAP, 2, list_columns, NULL}, &error),
		CPL_E_INVALID);
	assert_int_equal(
		store_declare(&(struct cpl_store){"list", CPL_STORE_KEYVAL, 1, list_columns, NULL}, &error),
		CPL_E_CONFLICT);
	/* No columns at all is fine. */
	assert_int_equal(store_declare(&(struct cpl_store){"bare", CPL_STORE_MAP, 1, NULL, NULL}, &error), 0);
}

static const struct cpl_column more_columns[] = {
	{"name", CPL_COLUMN_TEXT, true},
	{"weight", CPL_COLUMN_INTEGER, false},
	{"colour", CPL_COLUMN_TEXT, false},
	{NULL, CPL_COLUMN_TEXT, false},
};

static void test_new_last_column(void **state)
{
	static const struct cpl_store more = {"list", CPL_STORE_MAP, 1, more_columns, NULL};
	struct cpl_value values[] = {CPL_NULL, CPL_NULL, CPL_BYTES(CPL_STR("red"))};
	struct answer answer = {.columns = 3};
	struct cpl_batch *batch;
	struct cpl_error error = {0};

	assert_int_equal(list_set(ROMEO, "a", "one", 1), 0);
	assert_int_equal(store_declare(&more, &error), 0);
	batch = cpl_batch_create();
	cpl_batch_set(batch, &more, ROMEO, CPL_STR("b"), values);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(cpl_store_all(&answer.call, NULL, &more, ROMEO, 10, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 2);
	assert_str(answer.rows[0].values[0].bytes, "one");
	assert_int_equal(answer.rows[0].values[2].type, CPL_VALUE_NULL);
	assert_str(answer.rows[1].values[2].bytes, "red");
	answer_finish(&answer);
	/* The former generation of the module finishes what it does. */
	assert_int_equal(list_set(ROMEO, "c", "three", 3), 0);
	list_get(&answer, ROMEO, "a");
	assert_int_equal(answer_wait(&answer), 0);
	assert_str(answer.rows[0].values[0].bytes, "one");
	answer_finish(&answer);
	/* But it does not start anew on rows that it does not know. */
	assert_int_equal(store_declare(&list, &error), CPL_E_UNSUPPORTED);
}

/* 1 to 2: the weight in grams instead of kilograms; 2 to 3: the weight as text, and another name of the
 * column. */
static int list_migrate(unsigned from, struct cpl_row *row, struct cpl_arena *arena)
{
	if (cpl_str_is(row->key, "bad"))
		return CPL_E_CORRUPT;
	if (from == 1)
		row->values[1].integer *= 1000;
	if (from == 2)
		row->values[1] =
			CPL_BYTES(cpl_arena_printf(arena, "%lld g", (long long)row->values[1].integer));
	return 0;
}

static const struct cpl_column third_columns[] = {
	{"name", CPL_COLUMN_TEXT, true},
	{"mass", CPL_COLUMN_TEXT, false},
	{"colour", CPL_COLUMN_TEXT, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store third = {"list", CPL_STORE_MAP, 3, third_columns, list_migrate};

static void test_migration(void **state)
{
	struct answer answer = {.columns = 3};
	struct cpl_error error = {0};

	assert_int_equal(list_set(ROMEO, "a", "one", 1), 0);
	assert_int_equal(list_set(JULIET, "b", "two", 2), 0);
	assert_int_equal(store_declare(&third, &error), 0);
	assert_int_equal(cpl_store_all(&answer.call, NULL, &third, JULIET, 10, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_str(answer.rows[0].values[0].bytes, "two");
	assert_str(answer.rows[0].values[1].bytes, "2000 g");
	assert_int_equal(answer.rows[0].values[2].type, CPL_VALUE_NULL);
	answer_finish(&answer);
	/* Declaring it again changes nothing; an older declaration is refused. */
	assert_int_equal(store_declare(&third, &error), 0);
	assert_int_equal(store_declare(&list, &error), CPL_E_UNSUPPORTED);
	assert_non_null(strstr(error.text, "newer"));
}

static int diary_migrate(unsigned from, struct cpl_row *row, struct cpl_arena *arena)
{
	row->values[0] = CPL_BYTES(cpl_arena_printf(arena, "<%.*s>", CPL_ARG(row->values[0].bytes)));
	return 0;
}

static void test_migration_of_an_archive(void **state)
{
	static const struct cpl_store second = {"diary", CPL_STORE_ARCHIVE, 2, diary_columns, diary_migrate};
	struct cpl_error error = {0};
	int64_t id = diary_append(ROMEO, 1000, "juliet@example.org/balcony", "1");

	diary_append(ROMEO, 2000, NULL, "2");
	assert_int_equal(store_declare(&second, &error), 0);
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "<1><2>");
	diary_expect(ROMEO, (struct cpl_archive_query){.with = JULIET}, "<1>");
	diary_expect(ROMEO, (struct cpl_archive_query){.after = id}, "<2>");
	diary_expect(ROMEO, (struct cpl_archive_query){.start = 2000}, "<2>");
}

static void test_failed_migration_changes_nothing(void **state)
{
	struct cpl_error error = {0};
	struct answer answer = {0};

	assert_int_equal(list_set(ROMEO, "a", "one", 1), 0);
	assert_int_equal(list_set(ROMEO, "bad", "two", 2), 0);
	assert_int_equal(store_declare(&third, &error), CPL_E_CORRUPT);
	assert_non_null(strstr(error.text, "list"));
	list_get(&answer, ROMEO, "a");
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.rows[0].values[1].integer, 1);
	answer_finish(&answer);
	assert_int_equal(list_set(ROMEO, "c", "three", 3), 0);
	assert_int_equal(list_count(ROMEO), 3);
}

int suite_schema(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(declarations_are_checked),
		CASE(new_last_column),
		CASE(migration),
		CASE(migration_of_an_archive),
		CASE(failed_migration_changes_nothing),
	};

	return cmocka_run_group_tests_name(suite_driver->name, tests, NULL, NULL);
}
