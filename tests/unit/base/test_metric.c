/* SPDX-License-Identifier: MIT */
/* Metrics: sharing, names, threads, histograms, the text format. */
#include "unit.h"

#include "core/base/account.h"
#include "core/base/metric.h"
#include <couplet/memory.h>

#include <pthread.h>

static const struct metric_label host = {"host", {"example.org", 11}};

static void same_name_is_the_same_metric(void **state)
{
	struct metric *a = metric_ref(METRIC_COUNTER, "couplet_stanzas", "Stanzas handled", &host, 1);
	struct metric *b = metric_ref(METRIC_COUNTER, "couplet_stanzas", "Stanzas handled", &host, 1);
	struct metric *other = metric_ref(METRIC_COUNTER, "couplet_stanzas", "Stanzas handled", NULL, 0);

	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, other);
	metric_add(a, 2);
	metric_add(b, 3);
	assert_int_equal(metric_value(a), 5);
	assert_int_equal(metric_value(other), 0);
	/* Another kind under the same name is a mistake. */
	assert_null(metric_ref(METRIC_GAUGE, "couplet_stanzas", "Stanzas handled", &host, 1));
	metric_unref(&a);
	assert_null(a);
	metric_unref(&a);
	assert_int_equal(metric_value(b), 5);
	metric_unref(&b);
	/* Gone with its last reference: the next one counts from 0. */
	b = metric_ref(METRIC_COUNTER, "couplet_stanzas", "Stanzas handled", &host, 1);
	assert_int_equal(metric_value(b), 0);
	metric_unref(&b);
	metric_unref(&other);
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = {"", "1a", "a-b", "a b", "a\n", "\xc3\xa9"};
	struct metric_label label = {"a:b", CPL_STR("x")};
	struct metric_label text = {"a", CPL_STR("\xff")};
	struct metric *good = metric_ref(METRIC_GAUGE, "a:b_2", "A gauge", NULL, 0);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(metric_ref(METRIC_GAUGE, bad[i], "A gauge", NULL, 0));
	assert_null(metric_ref(METRIC_GAUGE, "a", "A gauge", &label, 1));
	assert_null(metric_ref(METRIC_GAUGE, "a", "A gauge", &text, 1));
	assert_non_null(good);
	metric_set(good, -7);
	metric_add(good, 2);
	assert_int_equal(metric_value(good), -5);
	metric_unref(&good);
}

#define THREADS 4
#define ADDS	20000

static void *adder(void *data)
{
	struct metric *metric = data;
	static const int64_t bounds[] = {10, 100};
	struct metric *histogram = metric_ref_histogram("shared", "Shared", NULL, 0, bounds, 2);

	for (int i = 0; i < ADDS; i++) {
		metric_add(metric, 1);
		metric_observe(histogram, i % 200);
	}
	metric_unref(&histogram);
	return NULL;
}

static void threads_add(void **state)
{
	static const int64_t bounds[] = {10, 100};
	struct metric *counter = metric_ref(METRIC_COUNTER, "adds", "Adds", NULL, 0);
	struct metric *histogram = metric_ref_histogram("shared", "Shared", NULL, 0, bounds, 2);
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, adder, counter), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_value(counter), THREADS * ADDS);
	assert_int_equal(metric_observations(histogram), THREADS * ADDS);
	assert_int_equal(histogram->bucket[0], THREADS * ADDS * 11 / 200);
	metric_unref(&counter);
	metric_unref(&histogram);
}

static void histogram(void **state)
{
	static const int64_t bounds[] = {1, 10, 100};
	static const int64_t other[] = {1, 10, 1000};
	struct metric *metric = metric_ref_histogram("wait_us", "Waits", NULL, 0, bounds, 3);

	assert_int_equal(metric_percentile(metric, 50), 0);
	for (int64_t value = 1; value <= 100; value++)
		metric_observe(metric, value);
	assert_int_equal(metric_observations(metric), 100);
	assert_int_equal(metric_value(metric), 5050);
	assert_int_equal(metric_percentile(metric, 1), 1);
	assert_int_equal(metric_percentile(metric, 2), 10);
	assert_int_equal(metric_percentile(metric, 10), 10);
	assert_int_equal(metric_percentile(metric, 11), 100);
	assert_int_equal(metric_percentile(metric, 100), 100);
	metric_observe(metric, 101);
	assert_true(metric_percentile(metric, 100) == INT64_MAX);
	assert_null(metric_ref_histogram("wait_us", "Waits", NULL, 0, other, 3));
	assert_null(metric_ref_histogram("wait_us", "Waits", NULL, 0, bounds, 2));
	metric_unref(&metric);
}

static void text_format(void **state)
{
	static const int64_t bounds[] = {5, 50};
	const struct metric_label labels[] = {{"host", CPL_STR("a\"b\\c\nd")}, {"type", CPL_STR("c2s")}};
	struct metric *histogram = metric_ref_histogram("b_us", "Times", &host, 1, bounds, 2);
	struct metric *second = metric_ref(METRIC_COUNTER, "a", "Things", labels, 2);
	struct metric *first = metric_ref(METRIC_COUNTER, "a", "Things", NULL, 0);
	struct cpl_buf buf = {0};

	metric_add(first, 1);
	metric_add(second, 2);
	metric_observe(histogram, 5);
	metric_observe(histogram, 6);
	metric_observe(histogram, 500);
	metric_write(&buf);
	assert_str(cpl_buf_str(&buf), "# TYPE a counter\n"
				      "# HELP a Things\n"
				      "a_total 1\n"
				      "a_total{host=\"a\\\"b\\\\c\\nd\",type=\"c2s\"} 2\n"
				      "# TYPE b_us histogram\n"
				      "# HELP b_us Times\n"
				      "b_us_bucket{host=\"example.org\",le=\"5\"} 1\n"
				      "b_us_bucket{host=\"example.org\",le=\"50\"} 2\n"
				      "b_us_bucket{host=\"example.org\",le=\"+Inf\"} 3\n"
				      "b_us_sum{host=\"example.org\"} 511\n"
				      "b_us_count{host=\"example.org\"} 3\n");
	cpl_buf_finish(&buf);
	metric_unref(&first);
	metric_unref(&second);
	metric_unref(&histogram);
	metric_write(&buf);
	assert_str(cpl_buf_str(&buf), "");
	cpl_buf_finish(&buf);
}

/* A metric may outlive the module that made it, so the core pays. */
static void core_pays(void **state)
{
	struct account *account = account_create("romeo");
	struct account_visit visit = account_enter(account, NULL, ACCOUNT_IN_CORE);
	struct metric *metric = metric_ref(METRIC_GAUGE, "g", "A gauge", &host, 1);

	account_leave(&visit);
	assert_int_equal(account->memory->blocks, 0);
	metric_unref(&metric);
	account_release(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_name_is_the_same_metric),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(threads_add),
		cmocka_unit_test(histogram),
		cmocka_unit_test(text_format),
		cmocka_unit_test(core_pays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
