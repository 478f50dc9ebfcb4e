/* SPDX-License-Identifier: MIT */
/* Archives: ranges, contacts, times that do not rise with the ids. */
#include "tests/unit/storage/suite.h"

/* ---- archive ---- */

static void test_archive(void **state)
{
	int64_t id[6];
	struct answer answer;
	struct cpl_batch *batch;

	id[1] = diary_append(ROMEO, 1000, "juliet@example.org/balcony", "1");
	id[2] = diary_append(ROMEO, 2000, "juliet@example.org", "2");
	id[3] = diary_append(ROMEO, 3000, "nurse@example.org/market", "3");
	id[4] = diary_append(ROMEO, 4000, NULL, "4");
	id[5] = diary_append(ROMEO, 5000, "juliet@example.org/chamber", "5");
	diary_append(JULIET, 1500, "romeo@example.org", "other");
	for (unsigned i = 1; i < 5; i++)
		assert_true(id[i] < id[i + 1]);

	diary_expect(ROMEO, (struct cpl_archive_query){0}, "12345");
	diary_expect(ROMEO, (struct cpl_archive_query){.limit = 2}, "12");
	diary_expect(ROMEO, (struct cpl_archive_query){.limit = 2, .backwards = true}, "45");
	diary_expect(ROMEO, (struct cpl_archive_query){.after = id[2]}, "345");
	diary_expect(ROMEO, (struct cpl_archive_query){.after = id[2], .limit = 1}, "3");
	diary_expect(ROMEO, (struct cpl_archive_query){.before = id[4], .limit = 2, .backwards = true}, "23");
	diary_expect(ROMEO, (struct cpl_archive_query){.after = id[1], .before = id[5]}, "234");
	diary_expect(ROMEO, (struct cpl_archive_query){.after = id[5]}, "");
	diary_expect(ROMEO, (struct cpl_archive_query){.after = INT64_MAX}, "");
	diary_expect(ROMEO, (struct cpl_archive_query){.start = 2000, .end = 4000}, "234");
	diary_expect(ROMEO, (struct cpl_archive_query){.start = 2001}, "345");
	diary_expect(ROMEO, (struct cpl_archive_query){.end = 3999}, "123");
	diary_expect(ROMEO, (struct cpl_archive_query){.start = INT64_MAX}, "");
	diary_expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.org")}, "125");
	diary_expect(ROMEO,
		     (struct cpl_archive_query){
			     .with = jid_of("juliet@example.org"), .limit = 1, .backwards = true},
		     "5");
	diary_expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.org/balcony")}, "1");
	diary_expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.org/nowhere")}, "");
	diary_expect(ROMEO, (struct cpl_archive_query){.with = jid_of("juliet@example.or")}, "");
	diary_expect(ROMEO, (struct cpl_archive_query){.with = jid_of("example.org")}, "");
	diary_expect(jid_of("nobody@example.org"), (struct cpl_archive_query){0}, "");

	diary_query(&answer, ROMEO, (struct cpl_archive_query){.limit = 5});
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
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "145");
	diary_expect(JULIET, (struct cpl_archive_query){0}, "other");
	batch = cpl_batch_create();
	cpl_batch_purge(batch, &diary, ROMEO, INT64_MIN, INT64_MAX);
	assert_int_equal(commit(&batch), 0);
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "");
}

/* Times that do not rise with the ids: the clock was set back, rows were imported, a time lies ahead. */
static void test_archive_clock(void **state)
{
	int64_t now = cpl_now(), hour = 3600000;

	diary_append(ROMEO, now, NULL, "a");
	diary_append(ROMEO, now - hour, NULL, "b");
	diary_append(ROMEO, now - 24 * 365 * hour, NULL, "c");
	diary_append(ROMEO, now, NULL, "d");
	diary_append(ROMEO, now + 2 * hour, NULL, "e");
	diary_append(ROMEO, now + 1, NULL, "f");
	diary_append(ROMEO, 5, NULL, "g");
	for (unsigned round = 0; round < 2; round++) {
		diary_expect(ROMEO, (struct cpl_archive_query){.start = now, .end = now}, "ad");
		diary_expect(ROMEO, (struct cpl_archive_query){.start = now - hour, .end = now - 1}, "b");
		diary_expect(ROMEO, (struct cpl_archive_query){.end = now - hour}, "bcg");
		diary_expect(ROMEO, (struct cpl_archive_query){.start = now + 1}, "ef");
		diary_expect(ROMEO, (struct cpl_archive_query){.end = 6}, "g");
		diary_expect(ROMEO, (struct cpl_archive_query){.start = 6, .end = now - 2 * hour}, "c");
		suite_reopen();
	}
}

static void test_ids_rise_over_a_restart(void **state)
{
	int64_t last = diary_append(ROMEO, 1000, NULL, "1");
	struct answer answer;

	for (unsigned i = 0; i < 50; i++) {
		int64_t id = diary_append(ROMEO, 1000 + i, NULL, "x");

		assert_true(id > last);
		last = id;
	}
	suite_reopen();
	assert_true(diary_append(ROMEO, 2000, NULL, "y") > last);
	diary_query(&answer, ROMEO, (struct cpl_archive_query){0});
	assert_int_equal(answer.count, 52);
	answer_finish(&answer);
}

int suite_archive(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(archive),
		CASE(archive_clock),
		CASE(ids_rise_over_a_restart),
	};

	return cmocka_run_group_tests_name(suite_driver->name, tests, NULL, NULL);
}
