/* SPDX-License-Identifier: MIT */
/* One suite for every driver: what <couplet/store.h> promises. */
#include "tests/unit/storage/suite.h"

static const struct cpl_column vault_columns[] = {
	{"secret", CPL_COLUMN_BLOB, false},
	{"rounds", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
const struct cpl_store vault = {"vault", CPL_STORE_KEYVAL, 1, vault_columns, NULL};

const struct cpl_column list_columns[] = {
	{"name", CPL_COLUMN_TEXT, true},
	{"weight", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
const struct cpl_store list = {"list", CPL_STORE_MAP, 1, list_columns, NULL};

const struct cpl_column diary_columns[] = {
	{"stanza", CPL_COLUMN_STANZA, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
const struct cpl_store diary = {"diary", CPL_STORE_ARCHIVE, 1, diary_columns, NULL};

const struct cpl_descriptor *suite_driver;

void suite_open(void)
{
	struct cpl_error error = {0};

	if (driver_open(&error) || store_declare(&vault, &error) || store_declare(&list, &error) ||
	    store_declare(&diary, &error))
		fail_msg("%s", error.text);
}

int suite_setup(void **state)
{
	struct cpl_batch *batch;

	driver_begin(suite_driver, NULL);
	suite_open();
	batch = cpl_batch_create();
	cpl_batch_account_create(batch, ROMEO);
	cpl_batch_account_create(batch, JULIET);
	return commit(&batch);
}

int suite_teardown(void **state)
{
	driver_end();
	return 0;
}

void suite_reopen(void)
{
	driver_close();
	suite_open();
}

/* ---- shorthands ---- */

int list_set(struct cpl_jid account, const char *key, const char *name, int64_t weight)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value values[] = {CPL_BYTES(cpl_str_of(name)), CPL_INTEGER(weight)};

	cpl_batch_set(batch, &list, account, cpl_str_of(key), values);
	return commit(&batch);
}

void list_get(struct answer *answer, struct cpl_jid account, const char *key)
{
	answer->columns = 2;
	assert_int_equal(cpl_store_get(&answer->call, NULL, &list, account, cpl_str_of(key), answer_done), 0);
}

size_t list_count(struct cpl_jid account)
{
	struct answer answer = {.columns = 2};
	size_t count;

	assert_int_equal(cpl_store_all(&answer.call, NULL, &list, account, 1000, answer_done), 0);
	assert_int_equal(answer_wait(&answer), 0);
	count = answer.count;
	answer_finish(&answer);
	return count;
}

int64_t diary_append(struct cpl_jid account, int64_t when, const char *with, const char *text)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_BYTES(cpl_str_of(text));
	int64_t id = cpl_batch_append(batch, &diary, account, when, with ? jid_of(with) : (struct cpl_jid){0},
				      &value);

	assert_int_equal(commit(&batch), 0);
	return id;
}

void diary_query(struct answer *answer, struct cpl_jid account, struct cpl_archive_query q)
{
	*answer = (struct answer){.columns = 1};
	if (!q.limit)
		q.limit = 100;
	assert_int_equal(cpl_archive_query(&answer->call, NULL, &diary, account, &q, answer_done), 0);
	assert_int_equal(answer_wait(answer), 0);
}

void diary_expect(struct cpl_jid account, struct cpl_archive_query q, const char *texts)
{
	struct answer answer, count = {0};
	struct cpl_buf found = {0};
	int64_t last = 0;

	diary_query(&answer, account, q);
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

int main(void)
{
	static const struct cpl_descriptor *const drivers[] = {&memory_LTX_cpl_module,
							       &sqlite_LTX_cpl_module};
	int failed = 0;

	for (size_t i = 0; i < 2; i++) {
		suite_driver = drivers[i];
		failed += suite_rows() + suite_archive() + suite_schema() + suite_usage() + suite_expect();
	}
	return failed;
}
