/* SPDX-License-Identifier: MIT */
/* core/base/timing: the histogram of durations against the durations themselves. */
#include "unit.h"

#include "core/base/timing.h"

#include <stdlib.h>
#include <string.h>

static void nothing_yet(void **state)
{
	struct timing timing = {0};

	assert_int_equal(timing_mean(&timing), 0);
	assert_int_equal(timing_percentile(&timing, 99), 0);
}

static void buckets_follow_one_another(void **state)
{
	unsigned last = 0;

	assert_int_equal(timing_bucket(0), 0);
	assert_int_equal(timing_bucket(255), 0);
	assert_int_equal(timing_bucket(256), 1);
	assert_int_equal(timing_bucket(383), 1);
	assert_int_equal(timing_bucket(384), 2);
	assert_int_equal(timing_bucket(512), 3);
	for (uint64_t ns = 0; ns < 10000000000; ns += ns / 16 + 1) {
		unsigned at = timing_bucket(ns);

		assert_true(at == last || at == last + 1);
		last = at;
	}
	assert_int_equal(last, TIMING_BUCKETS - 1);
	assert_int_equal(timing_bucket(UINT64_MAX), TIMING_BUCKETS - 1);
}

static void one_duration_is_its_own_percentile(void **state)
{
	static const uint64_t some[] = {0, 1, 255, 256, 1000, 123456, 99999999, 5000000000, 60000000000};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct timing timing = {0};

		timing_add(&timing, some[i]);
		assert_int_equal(timing_mean(&timing), some[i]);
		assert_int_equal(timing_percentile(&timing, 1), some[i]);
		assert_int_equal(timing_percentile(&timing, 99), some[i]);
		assert_int_equal(timing.max_ns, some[i]);
	}
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Never below the true percentile, and never above it by more than half. */
static void percentiles_are_near(void **state)
{
	enum { COUNT = 5000 };
	static uint64_t all[COUNT];
	struct timing timing = {0};
	uint64_t seed = 1;

	for (size_t i = 0; i < COUNT; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		all[i] = 256 + (seed >> 33) % (1u << (10 + (seed >> 20) % 16));
		timing_add(&timing, all[i]);
	}
	qsort(all, COUNT, sizeof(all[0]), compare);
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t true_one = all[(COUNT * percent + 99) / 100 - 1], said = timing_percentile(&timing, percent);

		assert_true(said >= true_one);
		assert_true(said <= true_one + true_one / 2);
	}
}

static void merging_adds(void **state)
{
	struct timing a = {0}, b = {0}, both = {0};

	for (uint64_t ns = 1; ns < 1000000; ns += ns / 3 + 1) {
		timing_add(ns % 2 ? &a : &b, ns);
		timing_add(&both, ns);
	}
	timing_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_yet),
		cmocka_unit_test(buckets_follow_one_another),
		cmocka_unit_test(one_duration_is_its_own_percentile),
		cmocka_unit_test(percentiles_are_near),
		cmocka_unit_test(merging_adds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
