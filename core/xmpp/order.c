/* SPDX-License-Identifier: MIT */
/* The order of stanzas per pair of addresses. */
#include "core/xmpp/order.h"

#include "core/base/account.h"

#include <assert.h>
#include <couplet/map.h>

struct order {
	struct cpl_map pairs; /* by the two addresses */
	struct cpl_map turns; /* stanzas under way, by their pointer: addresses may be rewritten meanwhile */
	struct cpl_list ready;
};

/* While a stanza of it is under way. */
struct pair {
	struct cpl_list waiting;
	size_t count;
	struct cpl_str key; /* "from to": no bare address has a space */
};

/* In the stanza's arena. */
struct turn {
	struct cpl_list node; /* waiting, then ready */
	struct cpl_stanza *stanza;
	struct pair *pair;
};

static struct cpl_str turn_key(struct cpl_stanza *const *stanza)
{
	return (struct cpl_str){(const char *)stanza, sizeof(*stanza)};
}

struct order *order_create(void)
{
	struct account *before = account_as_core();
	struct order *order = CPL_NEW(struct order);

	cpl_list_init(&order->ready);
	account_back(before);
	return order;
}

void order_destroy(struct order **pointer)
{
	struct order *order = *pointer;

	*pointer = NULL;
	if (!order)
		return;
	assert(order->pairs.count == 0 && order->turns.count == 0);
	cpl_map_finish(&order->pairs);
	cpl_map_finish(&order->turns);
	cpl_free(order);
}

static void begin(struct order *order, struct turn *turn)
{
	cpl_map_put(&order->turns, turn_key(&turn->stanza), turn);
}

enum order_turn order_enter(struct order *order, struct cpl_stanza *stanza, size_t bound)
{
	struct cpl_str from = cpl_jid_str(cpl_jid_bare(stanza->from)), to = cpl_jid_str(cpl_jid_bare(stanza->to));
	struct cpl_str key = cpl_arena_printf(stanza->arena, "%.*s %.*s", CPL_ARG(from), CPL_ARG(to));
	struct pair *pair = cpl_map_get(&order->pairs, key);
	struct account *before;
	struct turn *turn;

	if (pair && pair->count >= bound)
		return ORDER_FULL;
	turn = cpl_arena_alloc(stanza->arena, sizeof(*turn));
	turn->stanza = stanza;
	if (pair) {
		turn->pair = pair;
		pair->count++;
		cpl_list_append(&pair->waiting, &turn->node);
		return ORDER_LATER;
	}
	before = account_as_core();
	pair = CPL_NEW(struct pair);
	cpl_list_init(&pair->waiting);
	pair->key = (struct cpl_str){cpl_strdup(key), key.len};
	cpl_map_put(&order->pairs, pair->key, pair);
	turn->pair = pair;
	begin(order, turn);
	account_back(before);
	return ORDER_NOW;
}

void order_leave(struct order *order, struct cpl_stanza *stanza)
{
	struct turn *turn = cpl_map_remove(&order->turns, turn_key(&stanza));
	struct cpl_list *next;

	if (!turn)
		return;
	next = cpl_list_take(&turn->pair->waiting);
	if (next) {
		turn->pair->count--;
		cpl_list_append(&order->ready, next);
		return;
	}
	cpl_map_remove(&order->pairs, turn->pair->key);
	cpl_free((char *)turn->pair->key.ptr);
	cpl_free(turn->pair);
}

struct cpl_stanza *order_ready(struct order *order)
{
	struct cpl_list *node = cpl_list_take(&order->ready);
	struct turn *turn = node ? CPL_CONTAINER(node, struct turn, node) : NULL;
	struct account *before;

	if (!turn)
		return NULL;
	before = account_as_core();
	begin(order, turn);
	account_back(before);
	return turn->stanza;
}
