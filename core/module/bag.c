/* SPDX-License-Identifier: MIT */
/* The bag: typed values by key that one generation of a module leaves to the next. It belongs to the core, so nothing in it points into a module. */
#include "core/module/module.h"

struct item {
	struct cpl_str key;
	bool is_int;
	int64_t number;
	struct cpl_str bytes;
};

struct cpl_bag {
	struct cpl_map items; /* key -> struct item *, in the arena */
	struct cpl_arena *arena;
};

struct cpl_bag *bag_create(void)
{
	struct cpl_bag *bag = CPL_NEW(struct cpl_bag);

	bag->arena = cpl_arena_create();
	return bag;
}

void bag_destroy(struct cpl_bag **pointer)
{
	struct cpl_bag *bag = *pointer;

	*pointer = NULL;
	if (!bag)
		return;
	cpl_map_finish(&bag->items);
	cpl_arena_destroy(&bag->arena);
	cpl_free(bag);
}

static struct item *put(struct cpl_bag *bag, const char *key)
{
	struct item *item = cpl_map_get(&bag->items, cpl_str_of(key));
	struct account_current before = account_now;

	if (item)
		return item;
	/* The bag outlives the module that fills it. */
	account_now = (struct account_current){account_core(), NULL, 0};
	item = cpl_arena_alloc(bag->arena, sizeof(*item));
	item->key = cpl_arena_copy(bag->arena, cpl_str_of(key));
	cpl_map_put(&bag->items, item->key, item);
	account_now = before;
	return item;
}

void cpl_bag_put_int(struct cpl_bag *bag, const char *key, int64_t value)
{
	struct item *item = put(bag, key);

	item->is_int = true;
	item->number = value;
}

void cpl_bag_put_bytes(struct cpl_bag *bag, const char *key, struct cpl_str value)
{
	struct item *item = put(bag, key);
	struct account_current before = account_now;

	account_now = (struct account_current){account_core(), NULL, 0};
	item->is_int = false;
	item->bytes = cpl_arena_copy(bag->arena, value);
	account_now = before;
}

bool cpl_bag_get_int(const struct cpl_bag *bag, const char *key, int64_t *value)
{
	const struct item *item = cpl_map_get(&bag->items, cpl_str_of(key));

	if (!item || !item->is_int)
		return false;
	*value = item->number;
	return true;
}

bool cpl_bag_get_bytes(const struct cpl_bag *bag, const char *key, struct cpl_str *value)
{
	const struct item *item = cpl_map_get(&bag->items, cpl_str_of(key));

	if (!item || item->is_int)
		return false;
	*value = item->bytes;
	return true;
}
