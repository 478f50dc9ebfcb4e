/* SPDX-License-Identifier: MIT */
/* Arenas: bump allocation in chunks that are used again. */
#include "core/base/memory.h"
#include "core/base/poison.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* With the block's header and malloc's own word, one chunk takes 4 KiB. */
#define CHUNK_SIZE (4096 - 32)
/* A request above this gets a block of its own, so that a chunk's end wastes at most a quarter. */
#define LARGE (CHUNK_SIZE / 4)
/* Free chunks that a thread keeps: 1 MiB. */
#define FREE_MAX 256

struct chunk {
	struct chunk *next;
	size_t used; /* this struct included */
	size_t size; /* CHUNK_SIZE, or more for a large block */
};

struct clean {
	struct clean *next;
	void (*run)(void *object);
	void *object;
};

struct cpl_arena {
	struct chunk *chunks; /* newest first; the last one holds this struct */
	struct chunk *large;
	struct clean *cleans;
	size_t used;
};

/* Chunks on the free list are zero behind their struct chunk, and the core pays for them. */
static _Thread_local struct {
	struct chunk *first;
	unsigned count;
} spare;
static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;

void arena_release_spare(void)
{
	while (spare.first) {
		struct chunk *chunk = spare.first;

		spare.first = chunk->next;
		cpl_free(chunk);
	}
	spare.count = 0;
}

static void spare_release(void *unused)
{
	arena_release_spare();
}

/*
 * The thread that runs main() ends without the key's destructor; leaving its list reachable would hide leaks
 * from tools.
 */
static void spare_release_main(void)
{
	arena_release_spare();
}

static void spare_key_create(void)
{
	if (pthread_key_create(&spare_key, spare_release) != 0)
		abort();
	atexit(spare_release_main);
}

static struct chunk *chunk_take(void)
{
	struct chunk *chunk = spare.first;

	if (chunk) {
		spare.first = chunk->next;
		spare.count--;
		chunk->next = NULL;
		memory_charge(chunk, account_now.account);
	} else {
		chunk = cpl_alloc(CHUNK_SIZE);
	}
	chunk->size = CHUNK_SIZE;
	chunk->used = sizeof(*chunk);
	POISON((char *)chunk + chunk->used, chunk->size - chunk->used);
	return chunk;
}

static void chunk_give(struct chunk *chunk)
{
	UNPOISON(chunk, chunk->size);
	if (spare.count == FREE_MAX) {
		cpl_free(chunk);
		return;
	}
	if (spare.count == 0) {
		pthread_once(&spare_once, spare_key_create);
		pthread_setspecific(spare_key, &spare);
	}
	memset((char *)chunk + sizeof(*chunk), 0, chunk->used - sizeof(*chunk));
	memory_charge(chunk, account_core());
	chunk->next = spare.first;
	spare.first = chunk;
	spare.count++;
	POISON((char *)chunk + sizeof(*chunk), chunk->size - sizeof(*chunk));
}

/* NULL when the chunk has no room. UNSAFE: hands out a part of the chunk. */
static void *chunk_carve(struct chunk *chunk, size_t size, size_t align)
{
	size_t start = (chunk->used + align - 1) & ~(align - 1);
	char *ptr = (char *)chunk + start;

	if (start > chunk->size || size > chunk->size - start)
		return NULL;
	chunk->used = start + size;
	UNPOISON(ptr, size);
	return ptr;
}

static void *arena_carve(struct cpl_arena *arena, size_t size, size_t align)
{
	struct chunk *chunk;
	void *ptr;

	arena->used += size;
	if (size > LARGE) {
		size_t head = (sizeof(*chunk) + 15) & ~(size_t)15;

		assert(size < PTRDIFF_MAX - head);
		chunk = cpl_alloc(head + size);
		chunk->size = chunk->used = head + size;
		chunk->next = arena->large;
		arena->large = chunk;
		return (char *)chunk + head;
	}
	ptr = chunk_carve(arena->chunks, size, align);
	if (!ptr) {
		chunk = chunk_take();
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		ptr = chunk_carve(chunk, size, align);
	}
	return ptr;
}

struct cpl_arena *cpl_arena_create(void)
{
	struct chunk *chunk = chunk_take();
	struct cpl_arena *arena = chunk_carve(chunk, sizeof(*arena), 8);

	arena->chunks = chunk;
	return arena;
}

void cpl_arena_destroy(struct cpl_arena **arena)
{
	struct cpl_arena *gone = *arena;
	struct chunk *chunk, *next;

	if (!gone)
		return;
	*arena = NULL;
	while (gone->cleans) {
		struct clean *clean = gone->cleans;

		gone->cleans = clean->next;
		clean->run(clean->object);
	}
	for (chunk = gone->large; chunk; chunk = next) {
		next = chunk->next;
		cpl_free(chunk);
	}
	/* The arena itself dies with the last one. */
	for (chunk = gone->chunks; chunk; chunk = next) {
		next = chunk->next;
		chunk_give(chunk);
	}
}

void *cpl_arena_alloc(struct cpl_arena *arena, size_t size)
{
	/* No type smaller than 16 bytes is aligned to 16. */
	return arena_carve(arena, size, size < 16 ? 8 : 16);
}

struct cpl_str cpl_arena_copy(struct cpl_arena *arena, struct cpl_str s)
{
	char *copy = arena_carve(arena, s.len + 1, 1);

	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return (struct cpl_str){copy, s.len};
}

struct cpl_str cpl_arena_printf(struct cpl_arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(len >= 0);
	text = arena_carve(arena, (size_t)len + 1, 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return (struct cpl_str){text, (size_t)len};
}

void cpl_arena_on_destroy(struct cpl_arena *arena, void (*clean)(void *object), void *object)
{
	struct clean *entry = arena_carve(arena, sizeof(*entry), 8);

	*entry = (struct clean){arena->cleans, clean, object};
	arena->cleans = entry;
	arena->used -= sizeof(*entry);
}

size_t cpl_arena_used(const struct cpl_arena *arena)
{
	return arena->used;
}

const struct account_memory *arena_payer(const struct cpl_arena *arena)
{
	const struct chunk *chunk = arena->chunks;

	while (chunk->next)
		chunk = chunk->next;
	return memory_payer(chunk);
}
