/* SPDX-License-Identifier: MIT */
/* One suite for every driver: what <couplet/store.h> promises. */
#include "tests/unit/unit.h"

#include "core/loop/loop.h"
#include "core/xmpp/store.h"
#include "tests/unit/storage/driver.h"

static const struct cpl_column vault_columns[] = {
	{"secret", CPL_COLUMN_BLOB, false},
	{"rounds", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store vault = {"vault", CPL_STORE_KEYVAL, 1, vault_columns, NULL};

static const struct cpl_column list_columns[] = {
	{"name", CPL_COLUMN_TEXT, true},
	{"weight", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store list = {"list", CPL_STORE_MAP, 1, list_columns, NULL};

static const struct cpl_column diary_columns[] = {
	{"stanza", CPL_COLUMN_STANZA, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store diary = {"diary", CPL_STORE_ARCHIVE, 1, diary_columns, NULL};

#define ROMEO  jid_of("romeo@example.org")
#define JULIET jid_of("juliet@example.org")

static const struct cpl_descriptor *descriptor;

static void open_all(void)
{
	struct cpl_error error = {0};

	if (driver_open(&error) || store_declare(&vault, &error) || store_declare(&list, &error) ||
	    store_declare(&diary, &error))
		fail_msg("%s", error.text);
}

static int setup(void **state)
{
	struct cpl_batch *batch;

	driver_begin(descriptor, NULL);
	open_all();
	batch = cpl_batch_create();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_account_create(batch, JULIET);
	return commit(&batch);
}

static int teardown(void **state)
{
	driver_end();
	return 0;
}

static void reopen(void)
{
	driver_close();
	open_all();
}

/* ---- shorthands ---- */

static int set_list(struct cpl_jid account, const char *key, const char *name, int64_t weight)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value values[] = {CPL_BYTES(cpl_str_of(name)), CPL_INTEGER(weight)};

	cpl_batch_set(batch, &list, account, cpl_str_of(key), values);
	return commit(&batch);
}

static void get_list(struct answer *answer, struct cpl_jid account, const char *key)
{
	answer->columns = 2;
	assert_int_equal(cpl_store_get(&answer->call, NULL, &list, account, cpl_str_of(key), answer_done), 0);
}

static size_t count_list(struct cpl_jid account)
{
	struct answer answer = {.columns = 2};
	size_t count;

	assert_int_equal(cpl_store_all(&answer.call, NULL, &list, account, 1000, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	count = answer.count;
	answer_finish(&answer);
	return count;
}

static int64_t append(struct cpl_jid account, int64_t when, const char *with, const char *text)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_BYTES(cpl_str_of(text));
	int64_t id = cpl_batch_append(batch, &diary, account, when, with ? jid_of(with) : (struct cpl_jid){0},
				      &value);

	assert_int_equal(commit(&batch), 0);
	return id;
}

static void query(struct answer *answer, struct cpl_jid account, struct cpl_archive_query q)
{
	*answer = (struct answer){.columns = 1};
	if (!q.limit)
		q.limit = 100;
	assert_int_equal(cpl_archive_query(&answer->call, NULL, &diary, account, &q, answer_done), 0);
	assert_int_equal(answer_wait(answer), 0);
}

/* The texts of all rows that the query finds, one after another; the count must agree. */
static void expect(struct cpl_jid account, struct cpl_archive_query q, const char *texts)
{
	struct answer answer, count = {0};
	struct cpl_buf found = {0};
	int64_t last = 0;

	query(&answer, account, q);
	for (size_t i = 0; i < answer.count; i++) {
		assert_true(answer.rows[i].id > last);
		last = answer.rows[i].id;
		cpl_buf_add(&found, answer.rows[i].values[0].bytes);
	}
	assert_str(cpl_buf_str(&found), texts);
	assert_int_equal(cpl_archive_count(&count.call, NULL, &diary, account, &q, answer_done), 0);
	assert_int_equal(answer_wait(&count), 0);
	if (answer.complete)
		assert_int_equal(count.total, answer.count);
	else
		assert_true(count.total > (int64_t)answer.count);
	answer_finish(&answer);
	answer_finish(&count);
	cpl_buf_finish(&found);
}

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
	answer_finish(&answer);

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
	assert_int_equal(count_list(ROMEO), 0);
	expect(ROMEO, (struct cpl_archive_query){0}, "");
	assert_int_equal(count_list(JULIET), 1);
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

	assert_int_equal(set_list(ROMEO, "b", "two", 2), 0);
	assert_int_equal(set_list(ROMEO, "a", "one", 1), 0);
	assert_int_equal(set_list(ROMEO, "c", "three", 3), 0);
	assert_int_equal(set_list(ROMEO, "b", "second", 22), 0);
	assert_int_equal(set_list(ROMEO, "", "empty key", 0), 0);
	get_list(&answer, ROMEO, "b");
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
	assert_int_equal(count_list(ROMEO), 3);
	batch = cpl_batch_create();
	cpl_batch_remove(batch, &list, ROMEO, CPL_NONE);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(count_list(ROMEO), 0);
	assert_int_equal(set_list(jid_of("nobody@example.org"), "a", "one", 1), CPL_E_NOT_FOUND);
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
	assert_int_equal(count_list(ROMEO), 0);
	expect(ROMEO, (struct cpl_archive_query){0}, "");
	/* What the undone batch has made is not remembered either. */
	assert_int_equal(set_list(jid_of("mercutio@example.org"), "a", "one", 1), CPL_E_NOT_FOUND);
	/* Steps see those before them. */
	batch = cpl_batch_create();
	cpl_batch_account_create(batch, jid_of("mercutio@example.org"));
	cpl_batch_set(batch, &list, jid_of("mercutio@example.org"), CPL_STR("a"), values);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(count_list(jid_of("mercutio@example.org")), 1);
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

/* ---- archive ---- */

static void test_archive(void **state)
{
	int64_t id[6];
	struct answer answer;
	struct cpl_batch *batch;

	id[1] = append(ROMEO, 1000, "juliet@example.org/balcony", "1");
	id[2] = append(ROMEO, 2000, "juliet@example.org", "2");
	id[3] = append(ROMEO, 3000, "nurse@example.org/market", "3");
	id[4] = append(ROMEO, 4000, NULL, "4");
	id[5] = append(ROMEO, 5000, "juliet@example.org/chamber", "5");
	append(JULIET, 1500, "romeo@example.org", "other");
	for (unsigned i = 1; i < 5; i++)
		assert_true(id[i] < id[i + 1]);

	expect(ROMEO, (struct cpl_archive_query){0}, "12345");
	expect(ROMEO, (struct cpl_archive_query){.limit = 2}, "12");
	expect(ROMEO, (struct cpl_archive_query){.limit = 2, .backwards = true}, "45");
	expect(ROMEO, (struct cpl_archive_query){.after = id[2]}, "345");
	expect(ROMEO, (struct cpl_archive_query){.after = id[2], .limit = 1}, "3");
	expect(ROMEO, (struct cpl_archive_query){.before = id[4], .limit = 2, .backwards = true}, "23");
	expect(ROMEO, (struct cpl_archive_query){.after = id[1], .before = id[5]}, "234");
	expect(ROMEO, (struct cpl_archive_query){.after = id[5]}, "");
	expect(ROMEO, (struct cpl_archive_query){.after = INT64_MAX}, "");
	expect(ROMEO, (struct cpl_archive_query){.start = 2000, .end = 4000}, "234");
	expect(ROMEO, (struct cpl_archive_query){.start = 2001}, "345");
	expect(ROMEO, (struct cpl_archive_query){.end = 3999}, "123");
	expect(ROMEO, (struct cpl_archive_query){.start = INT64_MAX}, "");
	expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.org")}, "125");
	expect(ROMEO,
	       (struct cpl_archive_query){
		       .with = jid_of("juliet@example.org"), .limit = 1, .backwards = true},
	       "5");
	expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.org/balcony")}, "1");
	expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.org/nowhere")}, "");
	expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.or")}, "");
	expect(ROMEO, (struct cpl_archive_query){.with = jid_of("example.org")}, "");
	expect(jid_of("nobody@example.org"), (struct cpl_archive_query){0}, "");

	query(&answer, ROMEO, (struct cpl_archive_query){.limit = 5});
	assert_true(answer.complete);
	assert_int_equal(answer.rows[0].id, id[1]);
	assert_int_equal(answer.rows[0].when, 1000);
	assert_str(answer.rows[0].with, "juliet@example.org/balcony");
	assert_str(answer.rows[1].with, "juliet@example.org");
	assert_null(answer.rows[3].with.ptr);
	answer_finish(&answer);

	batch = cpl_batch_create();
	cpl_batch_purge(batch, &diary, ROMEO, id[2], id[3]);
	cpl_batch_purge(batch, &diary, ROMEO, id[3], id[2]);
	assert_int_equal(commit(&batch), 0);
	expect(ROMEO, (struct cpl_archive_query){0}, "145");
	expect(JULIET, (struct cpl_archive_query){0}, "other");
	batch = cpl_batch_create();
	cpl_batch_purge(batch, &diary, ROMEO, INT64_MIN, INT64_MAX);
	assert_int_equal(commit(&batch), 0);
	expect(ROMEO, (struct cpl_archive_query){0}, "");
}

/* Times that do not rise with the ids: the clock was set back, rows were imported, a time lies ahead. */
static void test_archive_clock(void **state)
{
	int64_t now = cpl_now(), hour = 3600000;

	append(ROMEO, now, NULL, "a");
	append(ROMEO, now - hour, NULL, "b");
	append(ROMEO, now - 24 * 365 * hour, NULL, "c");
	append(ROMEO, now, NULL, "d");
	append(ROMEO, now + 2 * hour, NULL, "e");
	append(ROMEO, now + 1, NULL, "f");
	append(ROMEO, 5, NULL, "g");
	for (unsigned round = 0; round < 2; round++) {
		expect(ROMEO, (struct cpl_archive_query){.start = now, .end = now}, "ad");
		expect(ROMEO, (struct cpl_archive_query){.start = now - hour, .end = now - 1}, "b");
		expect(ROMEO, (struct cpl_archive_query){.end = now - hour}, "bcg");
		expect(ROMEO, (struct cpl_archive_query){.start = now + 1}, "ef");
		expect(ROMEO, (struct cpl_archive_query){.end = 6}, "g");
		expect(ROMEO, (struct cpl_archive_query){.start = 6, .end = now - 2 * hour}, "c");
		reopen();
	}
}

static void test_ids_rise_over_a_restart(void **state)
{
	int64_t last = append(ROMEO, 1000, NULL, "1");
	struct answer answer;

	for (unsigned i = 0; i < 50; i++) {
		int64_t id = append(ROMEO, 1000 + i, NULL, "x");

		assert_true(id > last);
		last = id;
	}
	reopen();
	assert_true(append(ROMEO, 2000, NULL, "y") > last);
	query(&answer, ROMEO, (struct cpl_archive_query){0});
	assert_int_equal(answer.count, 52);
	answer_finish(&answer);
}

/* ---- order and calls ---- */

static void test_reads_see_writes_before_them(void **state)
{
	struct answer write[20] = {0}, read[20] = {0}, before = {0};

	get_list(&before, ROMEO, "k");
	for (int i = 0; i < 20; i++) {
		struct cpl_batch *batch = cpl_batch_create();
		struct cpl_value values[] = {CPL_NULL, CPL_INTEGER(i)};

		cpl_batch_set(batch, &list, ROMEO, CPL_STR("k"), values);
		assert_int_equal(cpl_batch_commit(&write[i].call, NULL, &batch, answer_done), 0);
		get_list(&read[i], ROMEO, "k");
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

	assert_int_equal(set_list(ROMEO, "a", "one", 1), 0);
	cpl_scope_init(&scope, NULL);
	get_list(&read, ROMEO, "a");
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
	assert_int_equal(count_list(ROMEO), 2);
}

static void test_all_kept_over_a_restart(void **state)
{
	struct cpl_value values[] = {CPL_BYTES(CPL_STR("secret")), CPL_INTEGER(4096)};
	struct cpl_batch *batch = cpl_batch_create();
	struct answer answer = {0};

	cpl_batch_set(batch, &vault, ROMEO, CPL_NONE, values);
	cpl_batch_account_disable(batch, JULIET, true);
	assert_int_equal(commit(&batch), 0);
	assert_int_equal(set_list(ROMEO, "a", "one", 1), 0);
	append(ROMEO, 1000, "juliet@example.org/balcony", "hello");
	reopen();
	assert_int_equal(count_list(ROMEO), 1);
	expect(ROMEO, (struct cpl_archive_query){.with = JULIET}, "hello");
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
	get_list(&read, ROMEO, "k");
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
	open_all();
	assert_int_equal(cpl_account_get(&answer.call, NULL, ROMEO, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	answer_finish(&answer);
}

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

	assert_int_equal(set_list(ROMEO, "a", "one", 1), 0);
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
	assert_int_equal(set_list(ROMEO, "c", "three", 3), 0);
	get_list(&answer, ROMEO, "a");
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

	assert_int_equal(set_list(ROMEO, "a", "one", 1), 0);
	assert_int_equal(set_list(JULIET, "b", "two", 2), 0);
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
	int64_t id = append(ROMEO, 1000, "juliet@example.org/balcony", "1");

	append(ROMEO, 2000, NULL, "2");
	assert_int_equal(store_declare(&second, &error), 0);
	expect(ROMEO, (struct cpl_archive_query){0}, "<1><2>");
	expect(ROMEO, (struct cpl_archive_query){.with = JULIET}, "<1>");
	expect(ROMEO, (struct cpl_archive_query){.after = id}, "<2>");
	expect(ROMEO, (struct cpl_archive_query){.start = 2000}, "<2>");
}

static void test_failed_migration_changes_nothing(void **state)
{
	struct cpl_error error = {0};
	struct answer answer = {0};

	assert_int_equal(set_list(ROMEO, "a", "one", 1), 0);
	assert_int_equal(set_list(ROMEO, "bad", "two", 2), 0);
	assert_int_equal(store_declare(&third, &error), CPL_E_CORRUPT);
	assert_non_null(strstr(error.text, "list"));
	get_list(&answer, ROMEO, "a");
	assert_int_equal(answer_wait(&answer), 0);
	assert_int_equal(answer.rows[0].values[1].integer, 1);
	answer_finish(&answer);
	assert_int_equal(set_list(ROMEO, "c", "three", 3), 0);
	assert_int_equal(count_list(ROMEO), 3);
}

int main(void)
{
	static const struct cpl_descriptor *const drivers[] = {&memory_LTX_cpl_module,
							       &sqlite_LTX_cpl_module};
#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(accounts),
		CASE(account_list),
		CASE(account_remove_takes_all),
		CASE(keyval),
		CASE(map),
		CASE(batch_is_whole),
		CASE(wrong_use),
		CASE(archive),
		CASE(archive_clock),
		CASE(ids_rise_over_a_restart),
		CASE(reads_see_writes_before_them),
		CASE(empty_batch),
		CASE(cancel),
		CASE(all_kept_over_a_restart),
		CASE(swap_under_way),
		CASE(no_driver),
		CASE(declarations_are_checked),
		CASE(new_last_column),
		CASE(migration),
		CASE(migration_of_an_archive),
		CASE(failed_migration_changes_nothing),
	};
	int failed = 0;

	for (size_t i = 0; i < 2; i++) {
		descriptor = drivers[i];
		failed += cmocka_run_group_tests_name(descriptor->name, tests, NULL, NULL);
	}
	return failed;
}
