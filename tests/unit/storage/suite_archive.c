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

/* ---- rows that come back ---- */

/* In one batch, as an import has them: texts "a", "b" and so on. */
static void come_back(struct cpl_jid account, const int64_t *ids, const int64_t *whens, size_t count, char first)
{
	struct cpl_batch *batch = cpl_batch_create();
	char texts[64][2] = {{0}};

	assert_true(count <= 64);
	for (size_t i = 0; i < count; i++) {
		struct cpl_value value = CPL_BYTES(((struct cpl_str){texts[i], 1}));

		texts[i][0] = (char)(first + (char)i);
		store_append_again(batch, &diary, account, ids[i], whens[i], (struct cpl_jid){0}, &value);
	}
	assert_int_equal(commit(&batch), 0);
}

static void expect_ids(struct cpl_jid account, const int64_t *ids, size_t count)
{
	struct answer answer;

	diary_query(&answer, account, (struct cpl_archive_query){0});
	assert_int_equal(answer.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(answer.rows[i].id, ids[i]);
	answer_finish(&answer);
}

/* They stand where they stood, before what the account has from later on, and in the order of their ids, whatever the order in which they come. */
static void test_rows_keep_their_ids(void **state)
{
	int64_t hour = 3600000, when = cpl_now() - hour, id = when * 1000 + 7;
	int64_t ids[] = {id, id + 5000, id + 1000}, whens[] = {when, when + 5, when + 1}, all[4] = {id, id + 1000, id + 5000};

	all[3] = diary_append(ROMEO, when + hour, NULL, "z");
	come_back(ROMEO, ids, whens, 3, 'a');
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "acbz");
	expect_ids(ROMEO, all, 4);
	diary_expect(ROMEO, (struct cpl_archive_query){.after = id}, "cbz");
	diary_expect(ROMEO, (struct cpl_archive_query){.start = when + 1, .end = when + 5}, "cb");
	suite_reopen();
	expect_ids(ROMEO, all, 4);
	assert_true(diary_append(ROMEO, cpl_now(), NULL, "y") > all[3]);
}

/* One that another row has: the next that is free, and what follows stays behind it; also when all of a long row of ids is taken. */
static void test_ids_that_are_taken(void **state)
{
	enum { RUN = 50 };
	int64_t when = cpl_now() - 3600000, id = when * 1000, ids[RUN], whens[RUN], twice[2 * RUN];
	struct answer answer;
	struct cpl_buf texts = {0};

	for (size_t i = 0; i < RUN; i++) {
		ids[i] = twice[i] = id + (int64_t)i;
		whens[i] = when;
	}
	come_back(ROMEO, ids, whens, RUN, 'A');
	come_back(ROMEO, ids, whens, RUN, 'A');
	diary_query(&answer, ROMEO, (struct cpl_archive_query){0});
	assert_int_equal(answer.count, 2 * RUN);
	for (size_t i = 0; i < 2 * RUN; i++) {
		cpl_buf_clear(&texts);
		cpl_buf_add_char(&texts, (char)('A' + (char)(i % RUN)));
		assert_str(answer.rows[i].values[0].bytes, texts.ptr);
		if (i < RUN)
			assert_int_equal(answer.rows[i].id, ids[i]);
		/* Not by more than the run is long, doubled. */
		assert_true(answer.rows[i].id < id + 4 * RUN);
	}
	cpl_buf_finish(&texts);
	answer_finish(&answer);
	/* The same id thrice in one file. */
	ids[0] = ids[1] = ids[2] = id - 1000;
	whens[0] = whens[1] = whens[2] = when - 1;
	come_back(JULIET, ids, whens, 3, 'a');
	diary_expect(JULIET, (struct cpl_archive_query){0}, "abc");
	expect_ids(JULIET, (int64_t[]){id - 1000, id - 999, id - 998}, 3);
	/* What another account has, too: ids may be the whole store's. */
	come_back(JULIET, twice, whens, 2, 'd');
	diary_expect(JULIET, (struct cpl_archive_query){0}, "abcde");
	/* What was moved in one file moves nothing in the next. */
	ids[0] = id - 2000;
	whens[0] = when - 2;
	come_back(JULIET, ids, whens, 1, 'f');
	diary_query(&answer, JULIET, (struct cpl_archive_query){0});
	assert_int_equal(answer.rows[0].id, id - 2000);
	assert_str(answer.rows[0].values[0].bytes, "f");
	answer_finish(&answer);
}

/* What no row can have had: new ids, above all. */
static void test_ids_that_cannot_be(void **state)
{
	int64_t hour = 3600000, now = cpl_now(), last = diary_append(ROMEO, now, NULL, "z");
	int64_t ids[] = {0, -1, INT64_MIN, INT64_MAX, (now + hour) * 1000, (now - hour) * 1000 - 1, 1};
	int64_t whens[] = {now, now, now, now, now, now - hour, now};
	struct answer answer;

	come_back(ROMEO, ids, whens, 7, 'a');
	diary_expect(ROMEO, (struct cpl_archive_query){0}, "zabcdefg");
	diary_query(&answer, ROMEO, (struct cpl_archive_query){.after = last});
	for (size_t i = 0; i < answer.count; i++)
		assert_true(answer.rows[i].id < (now + hour) * 1000);
	answer_finish(&answer);
	assert_true(diary_append(ROMEO, now, NULL, "y") < (now + hour) * 1000);
}

/* A new row never meets one that came back, be it of this very moment. */
static void test_new_ids_are_above_what_came_back(void **state)
{
	int64_t last = diary_append(ROMEO, 1000, NULL, "1"), now = cpl_now() * 1000, ids[] = {now > last ? now : last, now > last ? now - 1 : last - 1};
	int64_t whens[] = {1000, 1000};

	come_back(ROMEO, ids, whens, 2, 'a');
	for (unsigned i = 0; i < 10; i++)
		assert_true(diary_append(ROMEO, 1000, NULL, "x") > ids[0]);
}

/* Segments of ids that go with their times (storage/sqlite/clock.h): an ordinary row that comes back among odd ones does not hide those behind it. */
static void test_times_of_what_came_back(void **state)
{
	int64_t minute = 60000, hour = 60 * minute, now = cpl_now(), then = now - 10 * hour;
	int64_t ids[] = {then * 1000, (then + hour) * 1000}, whens[] = {then - hour, then - hour + minute};
	int64_t between[] = {(then + 10 * minute) * 1000}, when[] = {then + 10 * minute};
	int64_t before[] = {(then - hour) * 1000}, long_before[] = {then - 3 * hour};

	diary_append(ROMEO, now, NULL, "z");
	come_back(ROMEO, ids, whens, 2, 'a');
	suite_reopen();
	come_back(ROMEO, between, when, 1, 'c');
	for (unsigned round = 0; round < 2; round++) {
		diary_expect(ROMEO, (struct cpl_archive_query){0}, "acbz");
		diary_expect(ROMEO, (struct cpl_archive_query){.start = whens[1], .end = whens[1]}, "b");
		diary_expect(ROMEO, (struct cpl_archive_query){.start = then}, "cz");
		diary_expect(ROMEO, (struct cpl_archive_query){.end = then}, "ab");
		suite_reopen();
	}
	/* Odd, and before all segments that there are. */
	come_back(ROMEO, before, long_before, 1, 'd');
	for (unsigned round = 0; round < 2; round++) {
		diary_expect(ROMEO, (struct cpl_archive_query){0}, "dacbz");
		diary_expect(ROMEO, (struct cpl_archive_query){.end = then - 2 * hour}, "d");
		diary_expect(ROMEO, (struct cpl_archive_query){.start = whens[0], .end = whens[0]}, "a");
		suite_reopen();
	}
}

int suite_archive(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(archive),
		CASE(archive_clock),
		CASE(ids_rise_over_a_restart),
		CASE(rows_keep_their_ids),
		CASE(ids_that_are_taken),
		CASE(ids_that_cannot_be),
		CASE(new_ids_are_above_what_came_back),
		CASE(times_of_what_came_back),
	};

	return cmocka_run_group_tests_name(suite_driver->name, tests, NULL, NULL);
}
