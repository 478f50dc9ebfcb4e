/* SPDX-License-Identifier: MIT */
/*
 * The hash table: open addressing, linear probing, deletion by shifting back, so that there are no
 * tombstones.
 */
#include "core/base/map.h"
#include "core/base/memory.h"
#include <couplet/memory.h>
#include <couplet/time.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define SIZE_MIN 8

static uint64_t hash_key[2];
static _Atomic bool hash_ready;
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void hash_key_draw(void)
{
	cpl_random_bytes(hash_key, sizeof(hash_key));
	atomic_store_explicit(&hash_ready, true, memory_order_release);
}

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t map_siphash(struct cpl_str bytes, const uint64_t key[2])
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575u,
		key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u,
		key[1] ^ 0x7465646279746573u,
	};
	uint64_t word;
	size_t at = 0;

	for (; bytes.len - at >= 8; at += 8) {
		memcpy(&word, bytes.ptr + at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)bytes.len << 56;
	for (int shift = 0; at < bytes.len; at++, shift += 8)
		word |= (uint64_t)(unsigned char)bytes.ptr[at] << shift;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t cpl_hash(struct cpl_str bytes)
{
	if (!atomic_load_explicit(&hash_ready, memory_order_acquire))
		pthread_once(&hash_once, hash_key_draw);
	return map_siphash(bytes, hash_key);
}

/* The entry's place, or the free place where it would go. */
static size_t map_find(const struct cpl_map *map, struct cpl_str key, uint32_t hash)
{
	size_t mask = map->size - 1, at = hash & mask;

	while (map->entries[at].value &&
	       (map->entries[at].hash != hash || !cpl_str_equal(map->entries[at].key, key)))
		at = (at + 1) & mask;
	return at;
}

static void map_resize(struct cpl_map *map, size_t size)
{
	struct cpl_map old = *map;

	map->entries = cpl_alloc(size * sizeof(*map->entries));
	map->size = size;
	/* Whoever happens to run when a table grows or shrinks does not pay for it. */
	if (old.entries)
		memory_charge_as(map->entries, old.entries);
	for (size_t i = 0; i < old.size; i++) {
		size_t at = old.entries[i].hash & (size - 1);

		if (!old.entries[i].value)
			continue;
		while (map->entries[at].value)
			at = (at + 1) & (size - 1);
		map->entries[at] = old.entries[i];
	}
	cpl_free(old.entries);
}

void *cpl_map_get(const struct cpl_map *map, struct cpl_str key)
{
	if (map->count == 0)
		return NULL;
	return map->entries[map_find(map, key, (uint32_t)cpl_hash(key))].value;
}

void *cpl_map_put(struct cpl_map *map, struct cpl_str key, void *value)
{
	uint32_t hash = (uint32_t)cpl_hash(key);
	struct cpl_map_entry *entry;
	void *before;

	assert(value);
	if (map->size == 0)
		map_resize(map, SIZE_MIN);
	entry = &map->entries[map_find(map, key, hash)];
	before = entry->value;
	if (!before) {
		if ((map->count + 1) * 4 > map->size * 3) {
			map_resize(map, map->size * 2);
			entry = &map->entries[map_find(map, key, hash)];
		}
		map->count++;
	}
	*entry = (struct cpl_map_entry){key, value, hash};
	return before;
}

static void map_delete(struct cpl_map *map, size_t hole)
{
	size_t mask = map->size - 1;

	for (size_t at = (hole + 1) & mask; map->entries[at].value; at = (at + 1) & mask) {
		size_t home = map->entries[at].hash & mask;

		/* An entry may move back to the hole unless its home lies behind it. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			map->entries[hole] = map->entries[at];
			hole = at;
		}
	}
	map->entries[hole] = (struct cpl_map_entry){0};
	map->count--;
}

void *cpl_map_remove(struct cpl_map *map, struct cpl_str key)
{
	size_t at;
	void *value;

	if (map->count == 0)
		return NULL;
	at = map_find(map, key, (uint32_t)cpl_hash(key));
	value = map->entries[at].value;
	if (!value)
		return NULL;
	map_delete(map, at);
	if (map->size > SIZE_MIN && map->count * 8 < map->size)
		map_resize(map, map->size / 2);
	return value;
}

void *cpl_map_next(const struct cpl_map *map, size_t *at)
{
	while (*at < map->size) {
		void *value = map->entries[(*at)++].value;

		if (value)
			return value;
	}
	return NULL;
}

void cpl_map_remove_at(struct cpl_map *map, size_t *at)
{
	assert(*at > 0 && map->entries[*at - 1].value);
	/* What is shifted into the hole comes next. */
	map_delete(map, --*at);
}

void cpl_map_finish(struct cpl_map *map)
{
	cpl_free(map->entries);
	*map = (struct cpl_map){0};
}
