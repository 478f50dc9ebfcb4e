/* SPDX-License-Identifier: MIT */
/*
 * Bounded tables of numbers by text, the key hashed with a secret as peers choose it: buckets of tokens, and what else is remembered of addresses and accounts. What is full is
 * made room in by forgetting what was used longest ago.
 *
 * A bucket is one time: when it will be full again. A token is taken by moving that time on by what a token needs to come back, as far as the bucket is deep.
 */
#ifndef MODULES_LIMITS_TABLE_H
#define MODULES_LIMITS_TABLE_H

#include <couplet/module.h>

/* The most bytes of a key. */
enum { TABLE_KEY_MAX = 2304 };

struct table_entry {
	struct cpl_list node; /* in `order` */
	int64_t value;
	size_t key_len;
	char key[];
};
struct table {
	struct cpl_map map;
	struct cpl_list order; /* of use, oldest first */
	size_t max;
};

void table_init(struct table *table, size_t max);
void table_finish(struct table *table);
/* NULL: not there. find does not count as use. */
struct table_entry *table_find(const struct table *table, struct cpl_str key);
/* Finds it, or makes it with 0. */
struct table_entry *table_use(struct table *table, struct cpl_str key);
void table_remove(struct table *table, struct table_entry *entry);
/* At most so many entries from now on. */
void table_set_max(struct table *table, size_t max);
/* The oldest, or the next one after `after`; NULL at the end. */
struct table_entry *table_next(const struct table *table, const struct table_entry *after);
static inline struct cpl_str table_key(const struct table_entry *entry)
{
	return (struct cpl_str){entry->key, entry->key_len};
}

/* What survives a reload: all entries as bytes, and back. */
void table_save(const struct table *table, struct cpl_bag *bag, const char *name);
void table_restore(struct table *table, const struct cpl_bag *bag, const char *name);

/* A kind of bucket: how many tokens it holds, and the time (ms) in which one comes back. tokens 0: no bound. */
struct bucket {
	int64_t tokens, recovery;
};
/* False: none is left, and nothing has changed. */
bool bucket_take(struct table *table, struct bucket kind, struct cpl_str key, int64_t now);
/* Puts one back. */
void bucket_give(struct table *table, struct bucket kind, struct cpl_str key, int64_t now);
/* When a token can be had again (ms); 0: now. */
int64_t bucket_wait(const struct table_entry *entry, struct bucket kind, int64_t now);

#endif
