/* SPDX-License-Identifier: MIT */
/* The hash table against a plain array, and SipHash against a reference. */
#include "unit.h"

#include "core/base/map.h"
#include "core/base/memory.h"
#include <couplet/memory.h>

struct entry {
	char name[16];
	int visits;
	bool in;
};

#define MANY 5000
static struct entry entries[MANY];

static struct cpl_str key_of(const struct entry *entry)
{
	return cpl_str_of(entry->name);
}

static int setup(void **state)
{
	memset(entries, 0, sizeof(entries));
	for (int i = 0; i < MANY; i++)
		snprintf(entries[i].name, sizeof(entries[i].name), "resource%d", i);
	return 0;
}

static void empty(void **state)
{
	struct cpl_map map = {0};
	size_t at = 0;

	assert_null(cpl_map_get(&map, CPL_STR("x")));
	assert_null(cpl_map_remove(&map, CPL_STR("x")));
	assert_null(cpl_map_next(&map, &at));
	cpl_map_finish(&map);
}

static void put_replaces(void **state)
{
	struct cpl_map map = {0};
	char first[] = "key", second[] = "key";

	assert_null(cpl_map_put(&map, cpl_str_of(first), &first));
	assert_ptr_equal(cpl_map_put(&map, cpl_str_of(second), &second), first);
	memset(first, 'x', 3); /* the new key's bytes count now */
	assert_ptr_equal(cpl_map_get(&map, CPL_STR("key")), second);
	assert_int_equal(map.count, 1);
	/* The empty key and keys with NUL are keys. */
	cpl_map_put(&map, CPL_STR(""), first);
	cpl_map_put(&map, CPL_STR("key\0"), first);
	assert_int_equal(map.count, 3);
	assert_ptr_equal(cpl_map_get(&map, CPL_STR("key\0")), first);
	cpl_map_finish(&map);
	assert_int_equal(map.count, 0);
}

/* Puts and removes in a scrambled order; after each step of a hundred the table agrees with the array. */
static void many_keys(void **state)
{
	struct cpl_map map = {0};
	uint32_t mix = 12345;
	size_t count = 0, largest;

	for (int step = 0; step < 40000; step++) {
		struct entry *entry;

		mix = mix * 1664525 + 1013904223;
		entry = &entries[(mix >> 8) % MANY];
		if (mix >> 31) {
			assert_ptr_equal(cpl_map_put(&map, key_of(entry), entry), entry->in ? entry : NULL);
			count += !entry->in;
			entry->in = true;
		} else {
			assert_ptr_equal(cpl_map_remove(&map, key_of(entry)), entry->in ? entry : NULL);
			count -= entry->in;
			entry->in = false;
		}
		assert_int_equal(map.count, count);
		if (step % 4000 == 0)
			for (int i = 0; i < MANY; i++)
				assert_ptr_equal(cpl_map_get(&map, key_of(&entries[i])),
						 entries[i].in ? &entries[i] : NULL);
	}
	largest = map.size;
	for (int i = 0; i < MANY; i++)
		cpl_map_remove(&map, key_of(&entries[i]));
	assert_int_equal(map.count, 0);
	assert_true(map.size < largest / 16);
	cpl_map_finish(&map);
}

/*
 * Every entry is visited at least once although each third one is removed on the way, and just those are
 * gone.
 */
static void removal_while_iterating(void **state)
{
	for (int size = 1; size <= 200; size++) {
		struct cpl_map map = {0};
		struct entry *entry;
		size_t at = 0;

		for (int i = 0; i < size; i++) {
			entries[i].visits = 0;
			entries[i].in = true;
			cpl_map_put(&map, key_of(&entries[i]), &entries[i]);
		}
		while ((entry = cpl_map_next(&map, &at))) {
			assert_true(entry->in);
			entry->visits++;
			if ((entry - entries) % 3 == 0) {
				cpl_map_remove_at(&map, &at);
				entry->in = false;
			}
		}
		for (int i = 0; i < size; i++) {
			assert_true(entries[i].visits >= 1);
			assert_ptr_equal(cpl_map_get(&map, key_of(&entries[i])), i % 3 ? &entries[i] : NULL);
		}
		at = 0;
		while (cpl_map_next(&map, &at))
			cpl_map_remove_at(&map, &at);
		assert_int_equal(map.count, 0);
		cpl_map_finish(&map);
	}
}

/* Written from the description of SipHash (Aumasson and Bernstein, 2012), byte by byte, to compare with. */
static uint64_t rotl(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

static void rounds(uint64_t *v0, uint64_t *v1, uint64_t *v2, uint64_t *v3, int count)
{
	while (count-- > 0) {
		*v0 += *v1, *v1 = rotl(*v1, 13), *v1 ^= *v0, *v0 = rotl(*v0, 32);
		*v2 += *v3, *v3 = rotl(*v3, 16), *v3 ^= *v2;
		*v0 += *v3, *v3 = rotl(*v3, 21), *v3 ^= *v0;
		*v2 += *v1, *v1 = rotl(*v1, 17), *v1 ^= *v2, *v2 = rotl(*v2, 32);
	}
}

static uint64_t reference(const unsigned char *in, size_t len, const uint64_t key[2], int c, int d)
{
	uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d,
		 v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573, m = 0;

	for (size_t i = 0; i <= len; i++) {
		uint64_t byte = i < len ? in[i] : 0;

		if (i < len)
			m |= byte << (8 * (i % 8));
		if (i == len)
			m |= (uint64_t)(len & 0xff) << 56;
		if (i % 8 == 7 || i == len) {
			v3 ^= m;
			rounds(&v0, &v1, &v2, &v3, c);
			v0 ^= m;
			m = 0;
		}
	}
	v2 ^= 0xff;
	rounds(&v0, &v1, &v2, &v3, d);
	return v0 ^ v1 ^ v2 ^ v3;
}

/* Whoever made a table pays for it, also when it grows or shrinks while others run. */
static void its_maker_pays(void **state)
{
	struct account *maker = account_create("maker"), *other = account_create("other");
	struct account_visit visit = account_enter(maker, NULL, ACCOUNT_IN_CORE);
	struct cpl_map map = {0};

	cpl_map_put(&map, key_of(&entries[0]), &entries[0]);
	account_leave(&visit);
	visit = account_enter(other, NULL, ACCOUNT_IN_CORE);
	for (int i = 1; i < MANY; i++)
		cpl_map_put(&map, key_of(&entries[i]), &entries[i]);
	assert_int_equal(atomic_load(&other->memory->bytes), 0);
	assert_true(atomic_load(&maker->memory->bytes) >= (int64_t)(MANY * sizeof(struct cpl_map_entry)));
	for (int i = 1; i < MANY; i++)
		cpl_map_remove(&map, key_of(&entries[i]));
	assert_int_equal(atomic_load(&other->memory->bytes), 0);
	cpl_map_finish(&map);
	assert_int_equal(atomic_load(&maker->memory->bytes), 0);
	account_leave(&visit);
}

static void siphash(void **state)
{
	const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	unsigned char in[64];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)i;
	/* The reference itself: the example in appendix A of the paper, SipHash-2-4 of 15 bytes. */
	assert_true(reference(in, 15, key, 2, 4) == 0xa129ca6149be45e5);
	for (size_t len = 0; len < sizeof(in); len++)
		assert_true(map_siphash((struct cpl_str){(char *)in, len}, key) ==
			    reference(in, len, key, 1, 3));
	assert_true(cpl_hash(CPL_STR("romeo")) == cpl_hash(CPL_STR("romeo")));
	assert_true(cpl_hash(CPL_STR("romeo")) != cpl_hash(CPL_STR("juliet")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(put_replaces),
		cmocka_unit_test_setup(many_keys, setup),
		cmocka_unit_test_setup(removal_while_iterating, setup),
		cmocka_unit_test_setup(its_maker_pays, setup),
		cmocka_unit_test(siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
