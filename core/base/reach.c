/* SPDX-License-Identifier: MIT */
/* Kept memory that points into code. */
#include "core/base/reach.h"

#include "core/base/memory.h"
#include "core/base/poison.h"

#include <stdio.h>
#include <stdlib.h>

struct block {
	const char *begin, *end;
	bool seen;
};

/* All that one pays for, by address; `todo` of them are to be looked at. */
struct search {
	uint32_t payer;
	struct block *blocks;
	struct block **todo;
	size_t count, room, todo_count;
};

/* On the plain heap: the list of blocks stands still. */
static void *grown(void *block, size_t size)
{
	block = realloc(block, size);
	if (!block) {
		fputs("couplet: out of memory\n", stderr);
		abort();
	}
	return block;
}

static void collect(void *block, size_t size, uint32_t payer, void *data)
{
	struct search *search = data;

	if (payer != search->payer)
		return;
	if (search->count == search->room) {
		search->room = search->room ? search->room * 2 : 64;
		search->blocks = grown(search->blocks, search->room * sizeof(*search->blocks));
	}
	search->blocks[search->count++] = (struct block){block, (const char *)block + size, false};
}

static int by_address(const void *a, const void *b)
{
	const struct block *first = a, *second = b;

	return first->begin < second->begin ? -1 : first->begin > second->begin;
}

static int is_in(const void *key, const void *member)
{
	const struct block *block = member;
	const char *at = key;

	return at < block->begin ? -1 : at >= block->end;
}

static void follow(struct search *search, const void *address)
{
	struct block *block = address && search->count ? bsearch(address, search->blocks, search->count, sizeof(*search->blocks), is_in) : NULL;

	if (!block || block->seen)
		return;
	block->seen = true;
	search->todo[search->todo_count++] = block;
}

/* UNSAFE: reads memory as words. Part of it may be poisoned, also within a word: what an arena does not use. */
__attribute__((no_sanitize_address)) static bool look_at(struct search *search, const void *block, size_t size, uintptr_t low, uintptr_t high)
{
	const uintptr_t *words = block;

	for (size_t i = 0; i < size / sizeof(*words); i++) {
		if (POISONED(&words[i]))
			continue;
		if (words[i] >= low && words[i] < high)
			return true;
		follow(search, (const void *)words[i]);
	}
	return false;
}

bool reach_into(const void *block, const struct account_memory *payer, uintptr_t low, uintptr_t high)
{
	struct search search = {.payer = payer->id};
	bool found;

	memory_each(collect, &search);
	if (search.count)
		qsort(search.blocks, search.count, sizeof(*search.blocks), by_address);
	search.todo = grown(NULL, (search.count + 1) * sizeof(struct block *));
	found = look_at(&search, block, memory_size(block), low, high);
	while (!found && search.todo_count > 0) {
		const struct block *next = search.todo[--search.todo_count];

		found = look_at(&search, next->begin, (size_t)(next->end - next->begin), low, high);
	}
	free(search.todo);
	free(search.blocks);
	return found;
}

struct question {
	const void *block;
	size_t size;
};

static void compare(void *block, size_t size, uint32_t payer, void *data)
{
	struct question *question = data;

	if (block == question->block)
		question->size = size;
}

size_t reach_size(const void *ptr)
{
	struct question question = {ptr, 0};

	memory_each(compare, &question);
	return question.size;
}
