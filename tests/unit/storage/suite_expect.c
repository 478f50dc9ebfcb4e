/* SPDX-License-Identifier: MIT */
/* Batches that rest on rows as they were read. */
#include "tests/unit/storage/suite.h"

static int list_exchange(struct cpl_jid account, const char *key, int64_t before, int64_t after)
{
	struct cpl_value old[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(before)}, new[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(after)};
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_expect(batch, &list, account, cpl_str_of(key), old);
	cpl_batch_set(batch, &list, account, cpl_str_of(key), new);
	return commit(&batch);
}

static void test_expect(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("x")), CPL_NULL}, other[] = {CPL_NULL, CPL_NULL};
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	assert_int_equal(list_set(ROMEO, "k", "x", 1), 0);
	assert_int_equal(list_exchange(ROMEO, "k", 2, 3), CPL_E_CONFLICT);
	assert_int_equal(list_exchange(ROMEO, "k", 1, 3), 0);
	assert_int_equal(list_exchange(ROMEO, "k", 1, 4), CPL_E_CONFLICT);
	assert_int_equal(list_exchange(ROMEO, "l", 1, 4), CPL_E_CONFLICT);
	assert_int_equal(list_exchange(jid_of("nobody@example.org"), "k", 1, 4), CPL_E_CONFLICT);
	list_get(&answer, ROMEO, "k");
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.rows[0].values[1].integer, 3);
	answer_finish(&answer);

	/* What is not there is another value than any. */
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("n"), values);
	assert_int_equal(commit(&batch), 0);
	batch = cpl_batch_create();
	cpl_batch_expect(batch, &list, ROMEO, CPL_STR("n"), other);
	assert_int_equal(commit(&batch), CPL_E_CONFLICT);
	batch = cpl_batch_create();
	cpl_batch_expect(batch, &list, ROMEO, CPL_STR("n"), values);
	cpl_batch_remove(batch, &list, ROMEO, CPL_STR("n"));
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(ROMEO), 1);

	/* Behind a change it would be looked at too late. */
	batch = cpl_batch_create();
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("n"), values);
	cpl_batch_expect(batch, &list, ROMEO, CPL_STR("n"), values);
	assert_int_equal(commit(&batch), CPL_E_INVALID);
}

int suite_expect(void)
{
	static const struct CMUnitTest tests[] = {CASE(expect)};

	return cmocka_run_group_tests_name(suite_driver->name, tests, NULL, NULL);
}
