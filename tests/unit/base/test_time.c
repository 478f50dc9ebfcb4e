/* SPDX-License-Identifier: MIT */
/* XEP-0082 DateTime, the clocks, identifiers. */
#include "unit.h"

#include "core/base/clock.h"

#include <time.h>

static void format(void **state)
{
	char buffer[CPL_TIME_TEXT];

	assert_str(cpl_time_format(0, buffer), "1970-01-01T00:00:00Z");
	/* The two examples of section 3.2 are the same moment. */
	assert_str(cpl_time_format(-14159025000, buffer), "1969-07-21T02:56:15Z");
	assert_str(cpl_time_format(-1, buffer), "1969-12-31T23:59:59.999Z");
	assert_str(cpl_time_format(1769860800007, buffer), "2026-01-31T12:00:00.007Z");
	assert_str(cpl_time_format(951782400000, buffer), "2000-02-29T00:00:00Z");
	assert_str(cpl_time_format(253402300799999, buffer), "9999-12-31T23:59:59.999Z");
	/* The extremes fit into the buffer. */
	assert_true(cpl_time_format(INT64_MIN, buffer).len < CPL_TIME_TEXT);
	assert_true(cpl_time_format(INT64_MAX, buffer).len < CPL_TIME_TEXT);
}

static void parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"1969-07-21T02:56:15Z", -14159025000},
		{"1969-07-20T21:56:15-05:00", -14159025000},
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.5Z", 500},
		{"1970-01-01T00:00:00.1239999999999999999999999999999999Z", 123},
		{"1969-12-31T23:59:59.001Z", -999},
		{"1970-01-01T14:00:00+14:00", 0},
		{"1969-12-31T24:00:00Z", 0},
		{"2000-02-29T00:00:00-00:00", 951782400000},
		{"2026-01-31T12:00:00.007+00:00", 1769860800007},
	};
	static const char *const bad[] = {
		"",
		"1970-01-01",
		"1970-01-01T00:00:00",
		"1970-01-01T00:00:00z",
		"1970-01-01t00:00:00Z",
		"1970-01-01 00:00:00Z",
		"19700101T00:00:00",
		"1970-13-01T00:00:00Z",
		"1970-00-01T00:00:00Z",
		"1970-01-32T00:00:00Z",
		"1970-01-00T00:00:00Z",
		"2001-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"1970-01-01T25:00:00Z",
		"1970-01-01T24:00:01Z",
		"1970-01-01T24:00:00.0001Z",
		"1970-01-01T00:60:00Z",
		"1970-01-01T00:00:60Z",
		"1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00+1:00",
		"1970-01-01T00:00:00+0100",
		"1970-01-01T00:00:00+14:01",
		"1970-01-01T00:00:00+00:60",
		"1970-01-01T00:00:00Z ",
		"0000-01-01T00:00:00Z",
		" 1970-01-01T00:00:00Z",
		"-1970-01-01T00:00:00Z",
		"1970-01-01T00:00:00+-1:00",
		"1970-1-01T00:00:00Z",
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ms = INT64_MIN;
		assert_true(cpl_time_parse(cpl_str_of(good[i].text), &ms));
		assert_int_equal(ms, good[i].ms);
	}
	ms = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cpl_time_parse(cpl_str_of(bad[i]), &ms));
	assert_false(cpl_time_parse(CPL_NONE, &ms));
	assert_int_equal(ms, 7);
}

/* Each day of more than 400 years, there and back, against the C library. */
static void every_day(void **state)
{
	char buffer[CPL_TIME_TEXT];

	for (int64_t day = -36525 * 2; day < 36525 * 3; day++) {
		time_t seconds = (time_t)(day * 86400);
		struct cpl_str text = cpl_time_format(day * 86400000, buffer);
		char expected[CPL_TIME_TEXT];
		struct tm tm;
		int64_t ms;

		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_str(text, expected);
		assert_true(cpl_time_parse(text, &ms));
		assert_int_equal(ms, day * 86400000);
	}
}

static void clocks(void **state)
{
	int64_t before = cpl_monotonic();

	clock_set(1000, 2000);
	assert_int_equal(cpl_now(), 1000);
	assert_int_equal(cpl_monotonic(), 2000);
	clock_unset();
	assert_true(cpl_monotonic() >= before);
	assert_true(cpl_now() > 1700000000000);
}

static void identifiers(void **state)
{
	char first[CPL_ID_TEXT], second[CPL_ID_TEXT];
	bool seen[256] = {false};
	unsigned kinds = 0;

	assert_int_equal(cpl_random_id(first).len, 22);
	assert_int_equal(strlen(first), 22);
	for (int i = 0; i < 1000; i++) {
		struct cpl_str id = cpl_random_id(second);

		assert_string_not_equal(first, second);
		assert_int_equal(
			strspn(second, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
			id.len);
		for (size_t at = 0; at < id.len; at++)
			seen[(unsigned char)id.ptr[at]] = true;
	}
	for (int i = 0; i < 256; i++)
		kinds += seen[i];
	assert_int_equal(kinds, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format), cmocka_unit_test(parse),	 cmocka_unit_test(every_day),
		cmocka_unit_test(clocks), cmocka_unit_test(identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
