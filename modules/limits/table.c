/* SPDX-License-Identifier: MIT */
/* Bounded tables, and buckets of tokens in them. */
#include "modules/limits/table.h"

void table_init(struct table *table, size_t max)
{
	*table = (struct table){.max = max};
	cpl_list_init(&table->order);
}

void table_remove(struct table *table, struct table_entry *entry)
{
	cpl_map_remove(&table->map, table_key(entry));
	cpl_list_remove(&entry->node);
	cpl_free(entry);
}

void table_set_max(struct table *table, size_t max)
{
	table->max = max;
	while (table->map.count > max)
		table_remove(table, CPL_CONTAINER(table->order.next, struct table_entry, node));
}

void table_finish(struct table *table)
{
	table_set_max(table, 0);
	cpl_map_finish(&table->map);
}

struct table_entry *table_find(const struct table *table, struct cpl_str key)
{
	return cpl_map_get(&table->map, key);
}

struct table_entry *table_use(struct table *table, struct cpl_str key)
{
	struct table_entry *entry = table_find(table, key);

	if (entry) {
		cpl_list_remove(&entry->node);
		cpl_list_append(&table->order, &entry->node);
		return entry;
	}
	if (table->map.count >= table->max && !cpl_list_empty(&table->order))
		table_remove(table, CPL_CONTAINER(table->order.next, struct table_entry, node));
	entry = cpl_alloc(sizeof(*entry) + key.len);
	entry->key_len = key.len;
	memcpy(entry->key, key.ptr, key.len); /* UNSAFE: the room was made above */
	cpl_list_append(&table->order, &entry->node);
	cpl_map_put(&table->map, table_key(entry), entry);
	return entry;
}

struct table_entry *table_next(const struct table *table, const struct table_entry *after)
{
	const struct cpl_list *node = after ? after->node.next : table->order.next;

	return node == &table->order ? NULL : CPL_CONTAINER(node, struct table_entry, node);
}

/* "LENGTH VALUE KEY" for each entry, oldest first. */
void table_save(const struct table *table, struct cpl_bag *bag, const char *name)
{
	struct cpl_buf bytes = {0};

	for (const struct table_entry *entry = table_next(table, NULL); entry; entry = table_next(table, entry)) {
		cpl_buf_addf(&bytes, "%zu %lld ", entry->key_len, (long long)entry->value);
		cpl_buf_add(&bytes, table_key(entry));
	}
	cpl_bag_put_bytes(bag, name, bytes.ptr ? cpl_buf_str(&bytes) : CPL_STR(""));
	cpl_buf_finish(&bytes);
}

void table_restore(struct table *table, const struct cpl_bag *bag, const char *name)
{
	struct cpl_str rest, number;
	int64_t len, value;

	if (!cpl_bag_get_bytes(bag, name, &rest))
		return;
	while (rest.len && cpl_str_split(&rest, ' ', &number) && cpl_str_to_int(number, 0, TABLE_KEY_MAX, &len) &&
	       cpl_str_split(&rest, ' ', &number) && cpl_str_to_int(number, INT64_MIN, INT64_MAX, &value) && rest.len >= (size_t)len) {
		table_use(table, (struct cpl_str){rest.ptr, (size_t)len})->value = value;
		rest = (struct cpl_str){rest.ptr + len, rest.len - (size_t)len};
	}
}

/* ---- buckets ---- */

bool bucket_take(struct table *table, struct bucket kind, struct cpl_str key, int64_t now)
{
	struct table_entry *entry;
	int64_t full_at;

	if (kind.tokens == 0)
		return true;
	entry = table_use(table, key);
	full_at = (entry->value > now ? entry->value : now) + kind.recovery;
	if (full_at - now > kind.tokens * kind.recovery)
		return false;
	entry->value = full_at;
	return true;
}

void bucket_give(struct table *table, struct bucket kind, struct cpl_str key, int64_t now)
{
	struct table_entry *entry = table_find(table, key);

	if (!entry)
		return;
	entry->value -= kind.recovery;
	if (entry->value <= now)
		table_remove(table, entry);
}

int64_t bucket_wait(const struct table_entry *entry, struct bucket kind, int64_t now)
{
	int64_t wait = entry->value + kind.recovery - now - kind.tokens * kind.recovery;

	return wait > 0 && kind.tokens ? wait : 0;
}
