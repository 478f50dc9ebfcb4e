/* SPDX-License-Identifier: MIT */
/* When memory is given back to the system, and that it is. */
#include "unit.h"

#include "core/base/trim.h"
#include <couplet/memory.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void not_while_they_come_or_go(void **state)
{
	struct trim trim = {0};

	assert_false(trim_due(&trim, 0));
	assert_false(trim_due(&trim, 500));
	assert_false(trim_due(&trim, 1000));
	assert_false(trim_due(&trim, 600));
	assert_false(trim_due(&trim, 100));
}

static void once_when_they_have_gone(void **state)
{
	struct trim trim = {0};

	trim_due(&trim, 1000);
	trim_due(&trim, 100);
	assert_true(trim_due(&trim, 100));
	assert_false(trim_due(&trim, 100));
	/* The next peak counts from here. */
	trim_due(&trim, 500);
	trim_due(&trim, 0);
	assert_true(trim_due(&trim, 3));
}

/* What went after it, fewer than are worth it, and accounts that lingered, are not forgotten; then it is quiet. */
static void again_a_little_later(void **state)
{
	struct trim trim = {0};
	int due = 0;

	trim_due(&trim, 1000);
	trim_due(&trim, 100);
	assert_true(trim_due(&trim, 100));
	for (int look = 1; look < 200; look++)
		if (trim_due(&trim, look < 2 ? 100 : 0)) {
			assert_int_equal(look, due++ ? TRIM_LATE : TRIM_SOON);
		}
	assert_int_equal(due, 2);
}

static void not_for_few(void **state)
{
	struct trim trim = {0};

	trim_due(&trim, 255);
	trim_due(&trim, 0);
	assert_false(trim_due(&trim, 0));
	/* 300 of 10,000 are not a quarter. */
	trim_due(&trim, 10000);
	trim_due(&trim, 9700);
	assert_false(trim_due(&trim, 9700));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static long resident(void)
{
	long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &size, &pages), 2);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/* 32 MiB in small blocks, of which one in a thousand stays in use, the last one too, so that the heap cannot just become shorter. */
static void memory_between_blocks_goes_back(void **state)
{
	enum { COUNT = 32768, SIZE = 1000, KEPT = 1000 };
	void **blocks = cpl_alloc(COUNT * sizeof(*blocks));
	long most;

	for (size_t i = 0; i < COUNT; i++) {
		blocks[i] = cpl_alloc(SIZE);
		memset(blocks[i], 1, SIZE);
	}
	most = resident();
	for (size_t i = 0; i < COUNT; i++)
		if (i % KEPT != 0 && i != COUNT - 1)
			cpl_free(blocks[i]);
	trim_release(NULL, 0);
	assert_true(most - resident() > 24 * 1024);
	for (size_t i = 0; i < COUNT; i++)
		if (i % KEPT == 0 || i == COUNT - 1)
			cpl_free(blocks[i]);
	cpl_free(blocks);
}

static void *kept[TRIM_SIZES * TRIM_EACH];

/* Blocks of each size, each on a page of its own, in the heap of another thread. */
static void *scatter(void *unused)
{
	enum { PAGES = 3 };
	void *between[TRIM_SIZES * TRIM_EACH][PAGES];

	for (size_t at = 0; at < TRIM_SIZES * TRIM_EACH; at++) {
		for (size_t page = 0; page < PAGES; page++)
			memset(between[at][page] = malloc(4096), 1, 4096);
		kept[at] = malloc(24 + at % TRIM_SIZES * 16);
	}
	for (size_t at = 0; at < TRIM_SIZES * TRIM_EACH; at++)
		for (size_t page = 0; page < PAGES; page++)
			free(between[at][page]);
	return NULL;
}

/* What the thread that frees a block keeps in its cache would keep the page, too. */
static void caches_keep_no_pages(void **state)
{
	static struct trim_cache cache;
	pthread_t thread;
	long before;

	trim_take(&cache);
	trim_release(&cache, 1);
	assert_int_equal(pthread_create(&thread, NULL, scatter, NULL), 0);
	pthread_join(thread, NULL);
	for (size_t at = 0; at < TRIM_SIZES * TRIM_EACH; at++)
		free(kept[at]);
	trim_release(NULL, 0);
	before = resident();
	trim_take(&cache);
	trim_release(&cache, 1);
	assert_true(before - resident() > TRIM_SIZES * TRIM_EACH * 4 * 3 / 4);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_while_they_come_or_go),
		cmocka_unit_test(once_when_they_have_gone),
		cmocka_unit_test(again_a_little_later),
		cmocka_unit_test(not_for_few),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		cmocka_unit_test(memory_between_blocks_goes_back),
		cmocka_unit_test(caches_keep_no_pages),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
