/* SPDX-License-Identifier: MIT */
/* What accounts have stored, and their quotas. */
#include "tests/unit/storage/suite.h"

/* What the account's row says: bytes, own quota (-1: none). */
static void usage_expect(struct cpl_jid account, int64_t bytes, int64_t quota)
{
	struct answer answer = {.columns = 2};

	assert_int_equal(cpl_account_get(&answer.call, NULL, account, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.rows[0].values[0].integer, bytes);
	assert_int_equal(answer.rows[0].values[1].type == CPL_VALUE_INTEGER ? answer.rows[0].values[1].integer : -1, quota);
	answer_finish(&answer);
}

/* Texts and keys, 8 for a number, 16 for a row of an archive; replaced, removed, cut, undone and kept over a restart. */
static void test_usage(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("12345")), CPL_INTEGER(1)};
	struct cpl_batch *batch = cpl_batch_create();
	int64_t id;

	usage_expect(ROMEO, 0, -1);
	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("k\xc3\xb6"), values);
	id = cpl_batch_append(batch, &diary, ROMEO, 1000, JULIET, values);
	assert_int_equal(commit(&batch), 0);
	usage_expect(ROMEO, 13 + 16 + 21, -1);
	values[0] = CPL_NULL;
	batch = cpl_batch_create();
	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	assert_int_equal(commit(&batch), 0);
	usage_expect(ROMEO, 8 + 16 + 21, -1);
	/* A batch that fails leaves no trace. */
	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_NONE);
	cpl_batch_account_create(batch, JULIET);
	assert_int_equal(commit(&batch), CPL_E_EXISTS);
	usage_expect(ROMEO, 8 + 16 + 21, -1);
	suite_reopen();
	usage_expect(ROMEO, 8 + 16 + 21, -1);
	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_NONE);
	cpl_batch_purge(batch, &diary, ROMEO, id, id);
	assert_int_equal(commit(&batch), 0);
	usage_expect(ROMEO, 8, -1);
	usage_expect(JULIET, 0, -1);
}

static int set_text(struct cpl_jid account, const char *key, const char *text, bool unmetered)
{
	struct cpl_value values[] = {CPL_BYTES(cpl_str_of(text)), CPL_NULL};
	struct cpl_batch *batch = cpl_batch_create();

	if (unmetered)
		cpl_batch_unmetered(batch);
	cpl_batch_set(batch, &list, account, cpl_str_of(key), values);
	return commit(&batch);
}

static void test_quota(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_account_quota(batch, ROMEO, 10);
	assert_int_equal(commit(&batch), 0);
	usage_expect(ROMEO, 0, 10);
	assert_int_equal(set_text(ROMEO, "a", "123456", false), 0);
	assert_int_equal(set_text(ROMEO, "b", "123", false), CPL_E_FULL);
	assert_int_equal(set_text(ROMEO, "b", "12", false), 0);
	assert_int_equal(set_text(ROMEO, "a", "1234567", false), CPL_E_FULL);
	assert_int_equal(set_text(JULIET, "b", "1234567890", false), 0);
	usage_expect(ROMEO, 10, 10);
	/* Beyond it, for good reasons: less is accepted, more is not. */
	assert_int_equal(set_text(ROMEO, "c", "123456789", true), 0);
	usage_expect(ROMEO, 20, 10);
	assert_int_equal(set_text(ROMEO, "c", "12345678", false), 0);
	assert_int_equal(set_text(ROMEO, "c", "123456789", false), CPL_E_FULL);
	suite_reopen();
	usage_expect(ROMEO, 19, 10);
	assert_int_equal(set_text(ROMEO, "c", "123456789", false), CPL_E_FULL);
	batch = cpl_batch_create();
	cpl_batch_account_quota(batch, ROMEO, -1);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(set_text(ROMEO, "c", "123456789", false), 0);
	usage_expect(ROMEO, 20, -1);
	batch = cpl_batch_create();
	cpl_batch_account_quota(batch, jid_of("tybalt@example.org"), 10);
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
}

int suite_usage(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(usage),
		CASE(quota),
	};

	return cmocka_run_group_tests_name(suite_driver->name, tests, NULL, NULL);
}
