/* SPDX-License-Identifier: MIT */
/* Accounts, rows of keyval and map stores, batches, the order of requests, the change of the driver. */
#include "tests/unit/storage/suite.h"

/* ---- accounts ---- */

static void test_accounts(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	cpl_batch_account_create(batch, ROMEO);
	assert_int_equal(commit(&batch), CPL_E_EXISTS);

	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_false(answer.rows[0].disabled);
	assert_true(answer.rows[0].when > 1500000000000);
	answer_finish(&answer);

	batch = cpl_batch_create();
	cpl_batch_account_disable(batch, ROMEO, true);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_true(answer.rows[0].disabled);
	assert_int_equal(answer.rows[0].id, 0);
	answer_finish(&answer);

	batch = cpl_batch_create();
	cpl_batch_account_disable_until(batch, ROMEO, INT64_MAX);
	cpl_batch_account_disable_until(batch, JULIET, 2);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_true(answer.rows[0].disabled);
	assert_int_equal(answer.rows[0].id, INT64_MAX);
	answer_finish(&answer);
	assert_int_equal(cpl_account_get(&answer.call, NULL, JULIET, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_false(answer.rows[0].disabled);
	answer_finish(&answer);
	batch = cpl_batch_create();
	cpl_batch_account_disable_until(batch, ROMEO, 0);
	assert_int_equal(commit(&batch), CPL_E_INVALID);

	assert_int_equal(cpl_account_get(&answer.call, NULL, jid_of("tybalt@example.org"), answer_done), 0);
	assert_int_equal(answer_wait(&answer), CPL_E_NOT_FOUND);
	answer_finish(&answer);
	batch = cpl_batch_create();
	cpl_batch_account_remove(batch, jid_of("tybalt@example.org"));
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
	batch = cpl_batch_create();
	cpl_batch_account_disable(batch, jid_of("tybalt@example.org"), true);
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
}

static void test_account_list(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	cpl_batch_account_create(batch, jid_of("benvolio@example.org"));
	cpl_batch_account_create(batch, jid_of("romeo@example.com"));
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(
		cpl_account_list(&answer.call, NULL, CPL_STR("example.org"), CPL_NONE, 2, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 2);
	assert_false(answer.complete);
	assert_str(answer.rows[0].account, "benvolio");
	assert_str(answer.rows[1].account, "juliet");
	answer_finish(&answer);
	assert_int_equal(cpl_account_list(&answer.call, NULL, CPL_STR("example.org"), CPL_STR("juliet"), 2,
					  answer_done),
			 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_true(answer.complete);
	assert_str(answer.rows[0].account, "romeo");
	answer_finish(&answer);
}

/* The accounts that have a row, whatever has none. */
static void test_store_list(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(1)};
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {.columns = 2};

	cpl_batch_account_create(batch, jid_of("benvolio@example.org"));
	cpl_batch_account_create(batch, jid_of("mercutio@example.org"));
	cpl_batch_account_create(batch, jid_of("romeo@example.com"));
	cpl_batch_set(batch, &vault, jid_of("benvolio@example.org"), CPL_NONE, values);
	cpl_batch_set(batch, &vault, jid_of("romeo@example.com"), CPL_NONE, values);
	values[1] = CPL_INTEGER(2);
	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(cpl_store_list(&answer.call, NULL, &vault, CPL_STR("example.org"), CPL_NONE, 1, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_false(answer.complete);
	assert_str(answer.rows[0].account, "benvolio");
	assert_int_equal(answer.rows[0].values[1].integer, 1);
	answer_finish(&answer);
	answer.columns = 2;
	assert_int_equal(cpl_store_list(&answer.call, NULL, &vault, CPL_STR("example.org"), CPL_STR("benvolio"), 1, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_true(answer.complete);
	assert_str(answer.rows[0].account, "romeo");
	assert_int_equal(answer.rows[0].values[1].integer, 2);
	answer_finish(&answer);
	assert_int_equal(cpl_store_list(&answer.call, NULL, &vault, CPL_STR("example.net"), CPL_NONE, 1, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 0);
	assert_true(answer.complete);
	answer_finish(&answer);
	assert_int_equal(cpl_store_list(&answer.call, NULL, &list, CPL_STR("example.org"), CPL_NONE, 1, answer_done), CPL_E_INVALID);
	assert_int_equal(cpl_store_list(&answer.call, NULL, &vault, CPL_NONE, CPL_NONE, 1, answer_done), CPL_E_INVALID);
}

static void test_account_remove_takes_all(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(1)};
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), values);
	cpl_batch_append(batch, &diary, ROMEO, 1000, JULIET, values);
	cpl_batch_set(batch, &list, JULIET, CPL_STR("b"), values);
	assert_int_equal(commit(&batch), 0);
	batch = cpl_batch_create();
	cpl_batch_account_remove(batch, ROMEO);
	cpl_batch_account_create(batch, ROMEO);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(ROMEO), 0);
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "");
	assert_int_equal(list_count(JULIET), 1);
}

/* ---- keyval and map ---- */

static void test_keyval(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(((struct cpl_str){"a\0b\xff", 4})), CPL_INTEGER(-7)};
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {.columns = 2};

	assert_int_equal(cpl_store_get(&answer.call, NULL, &vault, ROMEO, CPL_NONE, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 0);
	answer_finish(&answer);

	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	assert_int_equal(commit(&batch), 0);
	answer.columns = 2;
	assert_int_equal(cpl_store_get(&answer.call, NULL, &vault, jid_of("romeo@example.org/orchard"),
				       CPL_NONE, answer_done),
			 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.rows[0].values[0].bytes.len, 4);
	assert_memory_equal(answer.rows[0].values[0].bytes.ptr, "a\0b\xff", 4);
	assert_int_equal(answer.rows[0].values[1].type, CPL_VALUE_INTEGER);
	assert_int_equal(answer.rows[0].values[1].integer, -7);
	answer_finish(&answer);

	/* Empty is not the same as nothing. */
	values[0] = CPL_BYTES(CPL_STR(""));
	values[1] = CPL_NULL;
	batch = cpl_batch_create();
	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	assert_int_equal(commit(&batch), 0);
	answer.columns = 2;
	assert_int_equal(cpl_store_get(&answer.call, NULL, &vault, ROMEO, CPL_NONE, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.rows[0].values[0].type, CPL_VALUE_BYTES);
	assert_int_equal(answer.rows[0].values[0].bytes.len, 0);
	assert_int_equal(answer.rows[0].values[1].type, CPL_VALUE_NULL);
	answer_finish(&answer);

	batch = cpl_batch_create();
	cpl_batch_remove(batch, &vault, ROMEO, CPL_NONE);
	cpl_batch_remove(batch, &vault, jid_of("nobody@example.org"), CPL_NONE);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(cpl_store_get(&answer.call, NULL, &vault, ROMEO, CPL_NONE, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 0);
	answer_finish(&answer);
}

static void test_map(void **state)
{
	struct answer answer = {0};
	struct cpl_batch *batch;

	assert_int_equal(list_set(ROMEO, "b", "two", 2), 0);
	assert_int_equal(list_set(ROMEO, "a", "one", 1), 0);
	assert_int_equal(list_set(ROMEO, "c", "three", 3), 0);
	assert_int_equal(list_set(ROMEO, "b", "second", 22), 0);
	assert_int_equal(list_set(ROMEO, "", "empty key", 0), 0);
	list_get(&answer, ROMEO, "b");
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_str(answer.rows[0].key, "b");
	assert_str(answer.rows[0].values[0].bytes, "second");
	assert_int_equal(answer.rows[0].values[1].integer, 22);
	answer_finish(&answer);

	answer.columns = 2;
	assert_int_equal(cpl_store_all(&answer.call, NULL, &list, ROMEO, 3, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 3);
	assert_false(answer.complete);
	assert_str(answer.rows[0].key, "");
	assert_str(answer.rows[1].key, "a");
	assert_str(answer.rows[2].key, "b");
	answer_finish(&answer);

	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_STR("a"));
	cpl_batch_remove(batch, &list, ROMEO, CPL_STR("not there"));
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(ROMEO), 3);
	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_NONE);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(ROMEO), 0);
	assert_int_equal(list_set(jid_of("nobody@example.org"), "a", "one", 1), CPL_E_NOT_FOUND);
}

static void test_batch_is_whole(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(1)};
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_account_create(batch, jid_of("mercutio@example.org"));
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), values);
	cpl_batch_append(batch, &diary, ROMEO, 1000, JULIET, values);
	cpl_batch_set(batch, &vault, jid_of("nobody@example.org"), CPL_NONE, values);
	assert_int_equal(cpl_batch_steps(batch), 4);
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
	assert_int_equal(list_count(ROMEO), 0);
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "");
	/* What the undone batch has made is not remembered either. */
	assert_int_equal(list_set(jid_of("mercutio@example.org"), "a", "one", 1), CPL_E_NOT_FOUND);
	/* Steps see those before them. */
	batch = cpl_batch_create();
	cpl_batch_account_create(batch, jid_of("mercutio@example.org"));
	cpl_batch_set(batch, &list, jid_of("mercutio@example.org"), CPL_STR("a"), values);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(jid_of("mercutio@example.org")), 1);
}

static void test_wrong_use(void **state)
{
	static const struct cpl_store unknown = {"unknown", CPL_STORE_MAP, 1, list_columns, NULL};
	struct cpl_value values[] = {CPL_INTEGER(5), CPL_INTEGER(1)};
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	/* An integer for a text column. */
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), values);
	assert_int_equal(cpl_batch_commit(&answer.call, NULL, &batch, answer_done), CPL_E_INVALID);
	assert_null(batch);
	batch = cpl_batch_create();
	values[0] = CPL_NULL;
	cpl_batch_set(batch, &list, ROMEO, CPL_NONE, values);
	assert_int_equal(cpl_batch_commit(&answer.call, NULL, &batch, answer_done), CPL_E_INVALID);
	batch = cpl_batch_create();
	cpl_batch_set(batch, &unknown, ROMEO, CPL_STR("a"), values);
	assert_int_equal(cpl_batch_commit(&answer.call, NULL, &batch, answer_done), CPL_E_UNSUPPORTED);
	assert_int_equal(cpl_store_get(&answer.call, NULL, &unknown, ROMEO, CPL_STR("a"), answer_done),
			 CPL_E_UNSUPPORTED);
	assert_int_equal(cpl_store_get(&answer.call, NULL, &diary, ROMEO, CPL_NONE, answer_done),
			 CPL_E_INVALID);
	assert_int_equal(cpl_archive_query(&answer.call, NULL, &diary, ROMEO,
					   &(struct cpl_archive_query){.limit = 1001}, answer_done),
			 CPL_E_INVALID);
	batch = cpl_batch_create();
	cpl_batch_destroy(&batch);
	assert_null(batch);
	for (unsigned i = 0; i < 5; i++)
		loop_turn(0);
	assert_false(answer.done);
}

/* ---- order and calls ---- */

static void test_reads_see_writes_before_them(void **state)
{
	struct answer write[20] = {0}, read[20] = {0}, before = {0};

	list_get(&before, ROMEO, "k");
	for (int i = 0; i < 20; i++) {
		struct cpl_batch *batch = cpl_batch_create();
		struct cpl_value values[] = {CPL_NULL, CPL_INTEGER(i)};

		cpl_batch_set(batch, &list, ROMEO, CPL_STR("k"), values);
		assert_int_equal(cpl_batch_commit(&write[i].call, NULL, &batch, answer_done), 0);
		list_get(&read[i], ROMEO, "k");
	}
	assert_false(write[0].done);
	assert_int_equal(answer_wait(&before), 0);
	assert_int_equal(before.count, 0);
	answer_finish(&before);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(answer_wait(&write[i]), 0);
		assert_int_equal(answer_wait(&read[i]), 0);
		assert_int_equal(read[i].count, 1);
		assert_int_equal(read[i].rows[0].values[1].integer, i);
		answer_finish(&write[i]);
		answer_finish(&read[i]);
	}
}

static void test_empty_batch(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	assert_int_equal(cpl_batch_commit(&answer.call, NULL, &batch, answer_done), 0);
	assert_false(answer.done);
	assert_int_equal(answer_wait(&answer), 0);
	answer_finish(&answer);
}

static void test_cancel(void **state)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value values[] = {CPL_NULL, CPL_INTEGER(1)};
	struct answer read = {0}, write = {0}, scoped = {.columns = 2};
	struct cpl_scope scope;

	assert_int_equal(list_set(ROMEO, "a", "one", 1), 0);
	cpl_scope_init(&scope, NULL);
	list_get(&read, ROMEO, "a");
	assert_int_equal(cpl_store_get(&scoped.call, &scope, &list, ROMEO, CPL_STR("a"), answer_done), 0);
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("b"), values);
	assert_int_equal(cpl_batch_commit(&write.call, NULL, &batch, answer_done), 0);
	cpl_call_cancel(&read.call.call);
	cpl_call_cancel(&write.call.call);
	cpl_scope_end(&scope);
	assert_false(read.done);
	assert_int_equal(answer_wait(&read), CPL_E_CANCELLED);
	assert_int_equal(read.count, 0);
	assert_int_equal(answer_wait(&write), CPL_E_CANCELLED);
	assert_int_equal(answer_wait(&scoped), CPL_E_CANCELLED);
	assert_int_equal(scope.refs, 0);
	assert_int_equal(cpl_store_get(&scoped.call, &scope, &list, ROMEO, CPL_STR("a"), answer_done),
			 CPL_E_CANCELLED);
	answer_finish(&read);
	answer_finish(&write);
	answer_finish(&scoped);
	/* The batch was submitted all the same. */
	assert_int_equal(list_count(ROMEO), 2);
}

static void test_all_kept_over_a_restart(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("secret")), CPL_INTEGER(4096)};
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	cpl_batch_account_disable(batch, JULIET, true);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_set(ROMEO, "a", "one", 1), 0);
	diary_append(ROMEO, 1000, "juliet@example.org/balcony", "hello");
	suite_reopen();
	assert_int_equal(list_count(ROMEO), 1);
	diary_expect(ROMEO, (struct cpl_archive_query){.with = JULIET}, "hello");
	assert_int_equal(cpl_account_get(&answer.call, NULL, JULIET, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_true(answer.rows[0].disabled);
	answer_finish(&answer);
	answer.columns = 2;
	assert_int_equal(cpl_store_get(&answer.call, NULL, &vault, ROMEO, CPL_NONE, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_str(answer.rows[0].values[0].bytes, "secret");
	answer_finish(&answer);
}

/* ---- the driver is replaced ---- */

static void test_swap_under_way(void **state)
{
	struct answer write[40] = {0}, read = {0};
	struct cpl_error error = {0};

	for (int i = 0; i < 40; i++) {
		struct cpl_batch *batch = cpl_batch_create();
		struct cpl_value values[] = {CPL_NULL, CPL_INTEGER(i)};

		cpl_batch_set(batch, &list, ROMEO, CPL_STR("k"), values);
		assert_int_equal(cpl_batch_commit(&write[i].call, NULL, &batch, answer_done), 0);
		if (i == 20)
			assert_int_equal(driver_swap(&error), 0);
	}
	list_get(&read, ROMEO, "k");
	assert_int_equal(store_pending(), 41);
	assert_int_equal(answer_wait(&read), 0);
	assert_int_equal(read.rows[0].values[1].integer, 39);
	answer_finish(&read);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(answer_wait(&write[i]), 0);
		assert_true(i == 0 || write[i].order > write[0].order);
	}
	for (int i = 0; i < 40; i++)
		answer_finish(&write[i]);
	assert_int_equal(store_pending(), 0);
}

static void test_no_driver(void **state)
{
	struct answer answer = {0};
	struct cpl_error error = {0};

	driver_close();
	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), CPL_E_STOPPING);
	assert_int_equal(store_declare(&list, &error), CPL_E_UNSUPPORTED);
	suite_open();
	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	answer_finish(&answer);
}

/* ---- rows of a host, rows that must not be there, pages ---- */

static int list_insert(struct cpl_jid account, const char *key, int64_t weight)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value values[] = {CPL_NULL, CPL_INTEGER(weight)};

	cpl_batch_insert(batch, &list, account, cpl_str_of(key), values);
	return commit(&batch);
}

static void test_host_rows(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(1)};
	struct cpl_jid host = jid_of("example.org"), other = jid_of("rooms.example.org");
	struct cpl_batch *batch;
	struct answer answer = {0};

	assert_int_equal(list_count(host), 0);
	assert_int_equal(list_set(host, "k", "of the host", 5), 0);
	assert_int_equal(list_set(ROMEO, "k", "of Romeo", 6), 0);
	assert_int_equal(list_count(other), 0);
	suite_reopen();
	list_get(&answer, host, "k");
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.rows[0].values[1].integer, 5);
	answer_finish(&answer);

	/* The other kinds, in one batch with the removal of an account. */
	batch = cpl_batch_create();
	cpl_batch_account_remove(batch, ROMEO);
	cpl_batch_set(batch, &vault, host, CPL_NONE, values);
	cpl_batch_append(batch, &diary, host, 1000, JULIET, values);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(host), 1);
	diary_expect(host, (struct cpl_archive_query){0}, "x");

	/* It is no account. */
	assert_int_equal(cpl_account_get(&answer.call, NULL, host, answer_done), CPL_E_NOT_FOUND);
	batch = cpl_batch_create();
	cpl_batch_account_remove(batch, host);
	assert_int_equal(cpl_batch_commit(&answer.call, NULL, &batch, answer_done), CPL_E_INVALID);
	assert_int_equal(cpl_account_list(&answer.call, NULL, CPL_STR("example.org"), CPL_NONE, 100, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.count, 1);
	assert_str(answer.rows[0].account, "juliet");
	answer_finish(&answer);

	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, host, CPL_NONE);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(list_count(host), 0);
}

static void test_host_rows_undone(void **state)
{
	struct cpl_value values[] = {CPL_NULL, CPL_NULL};
	struct cpl_jid host = jid_of("example.org");
	struct cpl_batch *batch = cpl_batch_create();

	cpl_batch_set(batch, &list, host, CPL_STR("k"), values);
	cpl_batch_set(batch, &list, jid_of("nobody@example.org"), CPL_STR("k"), values);
	assert_int_equal(commit(&batch), CPL_E_NOT_FOUND);
	assert_int_equal(list_count(host), 0);
	assert_int_equal(list_set(host, "k", "x", 1), 0);
	assert_int_equal(list_count(host), 1);
}

static void test_insert(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("x")), CPL_INTEGER(9)};
	struct cpl_batch *batch;
	struct answer answer = {0};

	assert_int_equal(list_insert(ROMEO, "k", 1), 0);
	assert_int_equal(list_insert(ROMEO, "k", 2), CPL_E_CONFLICT);
	assert_int_equal(list_insert(JULIET, "k", 3), 0);
	assert_int_equal(list_insert(jid_of("nobody@example.org"), "k", 3), CPL_E_NOT_FOUND);

	/* A batch sees its own steps, and goes back whole. */
	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_STR("k"));
	cpl_batch_insert(batch, &list, ROMEO, CPL_STR("k"), values);
	assert_int_equal(commit(&batch), 0);
	batch = cpl_batch_create();
	cpl_batch_set(batch, &list, ROMEO, CPL_STR("a"), values);
	cpl_batch_insert(batch, &list, ROMEO, CPL_STR("a"), values);
	assert_int_equal(commit(&batch), CPL_E_CONFLICT);
	list_get(&answer, ROMEO, "k");
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.rows[0].values[1].integer, 9);
	answer_finish(&answer);
	assert_int_equal(list_count(ROMEO), 1);

	batch = cpl_batch_create();
	cpl_batch_insert(batch, &vault, ROMEO, CPL_NONE, values);
	assert_int_equal(commit(&batch), 0);
	batch = cpl_batch_create();
	cpl_batch_insert(batch, &vault, ROMEO, CPL_NONE, values);
	assert_int_equal(commit(&batch), CPL_E_CONFLICT);
}

static void page_expect(const char *after, size_t limit, const char *keys, bool complete)
{
	struct answer answer = {.columns = 2};
	struct cpl_buf found = {0};

	assert_int_equal(cpl_store_page(&answer.call, NULL, &list, ROMEO, cpl_str_of(after), limit, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	for (size_t i = 0; i < answer.count; i++)
		cpl_buf_add(&found, answer.rows[i].key);
	assert_str(cpl_buf_str(&found), keys);
	assert_int_equal(answer.complete, complete);
	cpl_buf_finish(&found);
	answer_finish(&answer);
}

static void test_pages(void **state)
{
	struct answer answer = {0};

	for (const char *key = "e\0d\0c\0b\0a\0"; *key; key += 2)
		assert_int_equal(list_set(ROMEO, key, "x", 1), 0);
	page_expect(NULL, 2, "ab", false);
	page_expect("b", 2, "cd", false);
	page_expect("d", 2, "e", true);
	page_expect("bb", 5, "cde", true);
	page_expect("e", 2, "", true);
	page_expect("", 5, "abcde", true);
	assert_int_equal(cpl_store_page(&answer.call, NULL, &vault, ROMEO, CPL_NONE, 1, answer_done), CPL_E_INVALID);
	assert_int_equal(cpl_store_page(&answer.call, NULL, &list, ROMEO, CPL_NONE, 0, answer_done), CPL_E_INVALID);
}

int suite_rows(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(accounts),
		CASE(account_list),
		CASE(store_list),
		CASE(account_remove_takes_all),
		CASE(keyval),
		CASE(map),
		CASE(host_rows),
		CASE(host_rows_undone),
		CASE(insert),
		CASE(pages),
		CASE(batch_is_whole),
		CASE(wrong_use),
		CASE(reads_see_writes_before_them),
		CASE(empty_batch),
		CASE(cancel),
		CASE(all_kept_over_a_restart),
		CASE(swap_under_way),
		CASE(no_driver),
	};

	return cmocka_run_group_tests_name(suite_driver->name, tests, NULL, NULL);
}
