/* SPDX-License-Identifier: MIT */
/*
 * A hash table from bytes to pointers, safe for keys that a peer chooses: SipHash-1-3 with a key drawn at
 * start. The table borrows the key's bytes; they must live as long as the entry (usually they are a member of
 * the value). Zero-initialise it. One thread at a time.
 */
#ifndef COUPLET_MAP_H
#define COUPLET_MAP_H

#include <couplet/str.h>

#pragma GCC visibility push(default)

struct cpl_map_entry {
	struct cpl_str key;
	void *value;
	uint32_t hash;
};

struct cpl_map {
	struct cpl_map_entry *entries;
	size_t size;  /* places, a power of two */
	size_t count; /* entries in use */
};

/* NULL when there is none. */
void *cpl_map_get(const struct cpl_map *map, struct cpl_str key);
/*
 * Sets the value (not NULL) and returns the one it replaced, or NULL. The new key's bytes replace the old
 * ones.
 */
void *cpl_map_put(struct cpl_map *map, struct cpl_str key, void *value);
/* Removes and returns the value, or NULL. */
void *cpl_map_remove(struct cpl_map *map, struct cpl_str key);
/*
 * Iterates: start with *at = 0; NULL at the end. The entry just returned may be removed with
 * cpl_map_remove_at() (not with cpl_map_remove()); nothing may be added.
 */
void *cpl_map_next(const struct cpl_map *map, size_t *at);
/* Removes the entry that cpl_map_next() returned last. Every entry is still visited at least once. */
void cpl_map_remove_at(struct cpl_map *map, size_t *at);
/* Releases the table, not the values. */
void cpl_map_finish(struct cpl_map *map);

/* The keyed hash itself. */
uint64_t cpl_hash(struct cpl_str bytes);

#pragma GCC visibility pop

#endif
