/* SPDX-License-Identifier: MIT */
/* The counted heap, faults, arenas, accounts. */
#include "unit.h"

#include "core/base/memory.h"

#include <pthread.h>

static struct account *romeo;

static int setup(void **state)
{
	romeo = account_create("romeo");
	return romeo ? 0 : -1;
}

static int teardown(void **state)
{
	account_release(&romeo);
	return account_core()->memory->blocks >= 0 ? 0 : -1;
}

static bool zeroed(const void *ptr, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((const char *)ptr)[i])
			return false;
	return true;
}

/* More than any machine has; volatile, so that the compiler does not see it. */
static volatile size_t beyond = SIZE_MAX;

static void heap_is_zeroed_and_counted(void **state)
{
	struct account_visit visit = account_enter(romeo, NULL, ACCOUNT_IN_CORE);
	char *a = cpl_alloc(100), *b = cpl_try_alloc(0);

	assert_true(zeroed(a, 100));
	assert_int_equal((uintptr_t)a % 16, 0);
	assert_non_null(b);
	assert_int_equal(romeo->memory->bytes, 100);
	assert_int_equal(romeo->memory->blocks, 2);
	memset(a, 'x', 100);
	a = cpl_realloc(a, 1000);
	assert_int_equal(a[99], 'x');
	assert_true(zeroed(a + 100, 900));
	assert_int_equal(romeo->memory->bytes, 1000);
	a = cpl_realloc(a, 10);
	/* What was cut off comes back as zero. */
	a = cpl_realloc(a, 20);
	assert_int_equal(a[9], 'x');
	assert_true(zeroed(a + 10, 10));
	assert_int_equal(memory_size(a), 20);
	assert_int_equal(romeo->memory->bytes, 20);
	assert_int_equal(romeo->memory->peak_bytes, 1000);
	account_leave(&visit);
	/* Freed by whomever: credited to the one who allocated. */
	cpl_free(a);
	cpl_free_secret(b);
	cpl_free(NULL);
	cpl_free_secret(NULL);
	assert_int_equal(romeo->memory->bytes, 0);
	assert_int_equal(romeo->memory->blocks, 0);
	b = cpl_realloc(NULL, 5);
	assert_true(zeroed(b, 5));
	CPL_FREE(b);
	assert_null(b);
	assert_null(cpl_try_alloc(beyond));
}

static void strings_on_the_heap(void **state)
{
	char *copy = cpl_strdup((struct cpl_str){"wherefore", 5}), *text = cpl_asprintf("%s-%d", "x", 7);

	assert_string_equal(copy, "where");
	assert_string_equal(text, "x-7");
	cpl_free(copy);
	cpl_free(text);
	copy = cpl_strdup(CPL_NONE);
	assert_string_equal(copy, "");
	cpl_free(copy);
}

static void charge_moves(void **state)
{
	int64_t core = account_core()->memory->bytes;
	void *block = cpl_alloc(64);

	memory_charge(block, romeo);
	assert_int_equal(romeo->memory->bytes, 64);
	assert_int_equal(romeo->memory->blocks, 1);
	assert_int_equal(account_core()->memory->bytes, core);
	cpl_free(block);
	assert_int_equal(romeo->memory->bytes, 0);
}

static void nth_fallible_allocation_fails(void **state)
{
	for (uint64_t nth = 1; nth <= 3; nth++) {
		memory_fault_at(nth);
		for (uint64_t i = 1; i <= 4; i++) {
			void *block = cpl_try_alloc(8);

			assert_int_equal(block == NULL, i == nth);
			assert_int_equal(memory_fault_hit(), i >= nth);
			cpl_free(block);
			cpl_free(cpl_alloc(8));
		}
	}
	memory_fault_at(0);
	assert_false(memory_fault_hit());
	cpl_free(cpl_try_alloc(8));
	assert_false(memory_fault_hit());
}

#define THREADS 4

static void *churn(void *data)
{
	struct cpl_arena *arena = cpl_arena_create();
	void *kept[16] = {0};

	account_now.account = data;
	for (int i = 0; i < 5000; i++) {
		cpl_free(kept[i % 16]);
		kept[i % 16] = cpl_alloc((size_t)i % 700);
		cpl_arena_alloc(arena, (size_t)i % 90);
		if (i % 1000 == 0) {
			cpl_arena_destroy(&arena);
			arena = cpl_arena_create();
		}
	}
	cpl_arena_destroy(&arena);
	for (int i = 0; i < 16; i++)
		cpl_free(kept[i]);
	return NULL;
}

/* Threads charge one account, and the chunks that a thread kept go with it. */
static void threads(void **state)
{
	pthread_t workers[THREADS];
	int64_t core = account_core()->memory->blocks;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, churn, romeo), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i], NULL);
	assert_int_equal(romeo->memory->bytes, 0);
	assert_int_equal(romeo->memory->blocks, 0);
	assert_int_equal(account_core()->memory->blocks, core);
}

static void arena_hands_out_zeroed_memory(void **state)
{
	/* Twice: the second arena gets the chunks that the first one has dirtied. */
	for (int round = 0; round < 2; round++) {
		struct cpl_arena *arena = cpl_arena_create();
		size_t used = 0;

		for (size_t size = 0; size < 3000; size += 7) {
			char *ptr = cpl_arena_alloc(arena, size);

			assert_true(zeroed(ptr, size));
			assert_int_equal((uintptr_t)ptr % (size < 16 ? 8 : 16), 0);
			memset(ptr, 0xee, size);
			used += size;
		}
		assert_int_equal(cpl_arena_used(arena), used);
		cpl_arena_destroy(&arena);
		assert_null(arena);
	}
}

static void arena_text(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	char source[] = "romeo";
	struct cpl_str copy = cpl_arena_copy(arena, cpl_str_of(source)), text, big;

	source[0] = 'x';
	assert_str(copy, "romeo");
	assert_int_equal(copy.ptr[5], '\0');
	copy = cpl_arena_copy(arena, CPL_NONE);
	assert_non_null(copy.ptr);
	assert_int_equal(copy.len, 0);
	text = cpl_arena_printf(arena, "%s@%s", "romeo", "example.org");
	assert_str(text, "romeo@example.org");
	big = cpl_arena_printf(arena, "%20000d", 1);
	assert_int_equal(big.len, 20000);
	assert_int_equal(big.ptr[20000], '\0');
	cpl_arena_destroy(&arena);
}

static char order[8];

static void clean(void *object)
{
	order[strlen(order)] = *(char *)object;
}

static void clean_ups_run_newest_first(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	char *letters = cpl_arena_alloc(arena, 4);

	memcpy(letters, "abc", 3);
	for (int i = 0; i < 3; i++)
		cpl_arena_on_destroy(arena, clean, letters + i);
	assert_string_equal(order, "");
	assert_int_equal(cpl_arena_used(arena), 4);
	cpl_arena_destroy(&arena);
	assert_string_equal(order, "cba");
	cpl_arena_destroy(&arena);
}

/* Who holds an arena pays for its chunks; chunks that wait for the next arena are the core's. */
static void arena_is_charged_by_chunk(void **state)
{
	struct account_visit visit = account_enter(romeo, NULL, ACCOUNT_IN_CORE);
	struct cpl_arena *arena = cpl_arena_create();

	assert_int_equal(romeo->memory->blocks, 1);
	assert_true(romeo->memory->bytes > 4000 && romeo->memory->bytes < 4096);
	cpl_arena_alloc(arena, 100000);
	assert_int_equal(romeo->memory->blocks, 2);
	account_leave(&visit);
	cpl_arena_destroy(&arena);
	assert_int_equal(romeo->memory->blocks, 0);
	assert_int_equal(romeo->memory->bytes, 0);
}

static void account_ids_come_back(void **state)
{
	struct account *a = account_create("mercutio"),
		       *b = account_create("a name that is much longer than the member of the "
					   "struct in which accounts keep names");
	uint32_t id = a->id, count = account_count();

	assert_int_equal(b->id, id + 1);
	assert_int_equal(strlen(b->name), sizeof(b->name) - 1);
	assert_ptr_equal(account_by_id(id), a);
	assert_ptr_equal(account_by_id(0), account_core());
	assert_null(account_by_id(ACCOUNT_MAX));
	account_release(&b);
	assert_null(b);
	assert_null(account_by_id(id + 1));
	account_release(&a);
	account_release(&a);
	b = account_create("tybalt");
	assert_int_equal(b->id, id);
	account_release(&b);
	assert_int_equal(account_count(), count);
}

static void *allocate_as(struct account *account, size_t size)
{
	struct account_visit visit = account_enter(account, NULL, ACCOUNT_IN_CORE);
	void *block = cpl_alloc(size);

	account_leave(&visit);
	return block;
}

static void generations_share_their_memory(void **state)
{
	struct account *a = account_create("mercutio"), *b = account_create("mercutio"), *other = account_create("tybalt");
	struct account_memory *memory = a->memory;
	uint32_t id = memory->id;
	void *kept = allocate_as(a, 10), *more = allocate_as(b, 5);

	assert_ptr_equal(b->memory, memory);
	assert_ptr_not_equal(other->memory, memory);
	assert_int_equal(memory->users, 2);
	assert_int_equal(memory->bytes, 15);
	/* What the older one has made stays on the bill when it goes; a leak keeps the place and its name. */
	account_release(&a);
	account_release(&b);
	assert_int_equal(memory->bytes, 15);
	cpl_free(more);
	a = account_create("benvolio");
	assert_ptr_not_equal(a->memory, memory);
	assert_string_equal(account_memory_by_id(id)->name, "mercutio");
	assert_int_equal(account_memory_by_id(id)->bytes, 10);
	b = account_create("mercutio");
	assert_ptr_equal(b->memory, memory);
	account_release(&b);
	/* Once nothing is left of it, the next name may have the place. */
	cpl_free(kept);
	b = account_create("nurse");
	assert_ptr_equal(b->memory, memory);
	assert_string_equal(memory->name, "nurse");
	account_release(&a);
	account_release(&b);
	account_release(&other);
	assert_null(account_memory_by_id(ACCOUNT_MAX));
}

/* Each leaves a block behind: more often than there are places. */
static void generations_are_not_bounded(void **state)
{
	enum { TIMES = 2 * ACCOUNT_MAX };
	static void *kept[TIMES];
	uint32_t names = 0;

	for (int i = 0; i < TIMES; i++) {
		struct account *account = account_create("mercutio");

		assert_non_null(account);
		kept[i] = allocate_as(account, 1);
		account_release(&account);
		names = i ? names : account_memory_count();
	}
	assert_int_equal(account_memory_count(), names);
	for (int i = 0; i < TIMES; i++)
		cpl_free(kept[i]);
}

static void accounts_are_bounded(void **state)
{
	static struct account *all[ACCOUNT_MAX];
	int made = 0;

	while (made < ACCOUNT_MAX && (all[made] = account_create("guest")))
		made++;
	assert_true(made > 0 && made < ACCOUNT_MAX);
	while (made > 0)
		account_release(&all[--made]);
	all[0] = account_create("guest");
	assert_non_null(all[0]);
	account_release(&all[0]);
}

static void visits_nest_and_are_sampled(void **state)
{
	struct account *juliet = account_create("juliet");
	struct account_place sum;
	char name[64];
	struct account_visit outer = account_enter(romeo, NULL, ACCOUNT_IN_CALL), inner;

	assert_ptr_equal(account_now.account, romeo);
	assert_int_equal(account_running, outer.before.visit ? 0 : account_now.visit);
	inner = account_enter(juliet, NULL, ACCOUNT_IN_EVENT_message);
	assert_ptr_equal(account_now.account, juliet);
	assert_string_equal(account_visit_name(account_running, name), "message");
	assert_string_equal(name, "juliet");
	assert_string_equal(account_visit_name(account_outermost, name), "call");
	assert_string_equal(name, "romeo");
	account_leave(&inner);
	assert_ptr_equal(account_now.account, romeo);
	assert_int_equal(account_running, account_outermost);
	account_leave(&outer);
	assert_int_equal(account_running, 0);
	assert_int_equal(account_outermost, 0);
	assert_ptr_equal(account_now.account, account_core());
	for (int i = 1; i < 640; i++) {
		inner = account_enter(juliet, NULL, ACCOUNT_IN_EVENT_message);
		account_leave(&inner);
	}
	assert_int_equal(juliet->places[ACCOUNT_IN_EVENT_message]->calls, 640);
	assert_int_equal(juliet->places[ACCOUNT_IN_EVENT_message]->timing.count, 10);
	assert_null(juliet->places[ACCOUNT_IN_COMMAND]);
	account_trace = true;
	for (int i = 0; i < 10; i++) {
		inner = account_enter(juliet, NULL, ACCOUNT_IN_COMMAND);
		account_leave(&inner);
	}
	account_trace = false;
	assert_int_equal(juliet->places[ACCOUNT_IN_COMMAND]->timing.count, 10);
	account_error(juliet, ACCOUNT_IN_SLOT);
	sum = account_sum(juliet);
	assert_int_equal(sum.calls, 650);
	assert_int_equal(sum.errors, 1);
	assert_int_equal(sum.timing.count, 20);
	assert_true(sum.timing.max_ns <= sum.timing.sum_ns);
	inner = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	assert_ptr_equal(account_now.account, account_core());
	account_leave(&inner);
	account_release(&juliet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_is_zeroed_and_counted),
		cmocka_unit_test(strings_on_the_heap),
		cmocka_unit_test(charge_moves),
		cmocka_unit_test(nth_fallible_allocation_fails),
		cmocka_unit_test(threads),
		cmocka_unit_test(arena_hands_out_zeroed_memory),
		cmocka_unit_test(arena_text),
		cmocka_unit_test(clean_ups_run_newest_first),
		cmocka_unit_test(arena_is_charged_by_chunk),
		cmocka_unit_test(account_ids_come_back),
		cmocka_unit_test(generations_share_their_memory),
		cmocka_unit_test(generations_are_not_bounded),
		cmocka_unit_test(accounts_are_bounded),
		cmocka_unit_test(visits_nest_and_are_sampled),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
