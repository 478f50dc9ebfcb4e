/* SPDX-License-Identifier: MIT */
/*
 * Memory: the heap, counted per module, and arenas.
 *
 * cpl_alloc() never returns NULL: out of memory in ordinary code ends the process with a message. Where the
 * size depends on a peer or a file, use cpl_try_alloc() and refuse politely. All memory is zeroed. Bytes and
 * blocks are charged to the module that runs at the time of the allocation and credited to the same module
 * when freed, by whomever.
 *
 * An arena hands out memory that dies all at once. Every stanza lives in one.
 *
 * Heap functions may be called from any thread; an arena belongs to one thread at a time.
 */
#ifndef COUPLET_MEMORY_H
#define COUPLET_MEMORY_H

#include <couplet/str.h>

#pragma GCC visibility push(default)

/* A zeroed block, aligned for any type; a size of 0 is a block, too. Release with cpl_free(). */
void *cpl_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* NULL when there is no memory (or when a test says so). */
void *cpl_try_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
/* Grows or shrinks a block; what is new is zeroed, and the same module pays. ptr may be NULL. Out of memory ends the process. */
void *cpl_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* Accepts NULL. */
void cpl_free(void *ptr);
/* Wipes the block, then frees it; for passwords and keys. Accepts NULL. */
void cpl_free_secret(void *ptr);
/* A NUL-terminated copy. */
char *cpl_strdup(struct cpl_str s);
/* Formatted text, NUL-terminated. */
char *cpl_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One zeroed object of a type. */
#define CPL_NEW(type) ((type *)cpl_alloc(sizeof(type)))
/* Frees *pointer and makes it NULL. */
#define CPL_FREE(pointer)                                                                                    \
	do {                                                                                                 \
		cpl_free(pointer);                                                                           \
		(pointer) = NULL;                                                                            \
	} while (0)
/* The struct of type `type` whose member `member` is *pointer. */
#define CPL_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct cpl_arena;

/* An empty arena, charged to the module that runs. */
struct cpl_arena *cpl_arena_create(void);
/* Runs the clean-ups, newest first, and releases everything. Accepts a pointer to NULL; nulls it. */
void cpl_arena_destroy(struct cpl_arena **arena);
/* Zeroed, aligned for any type. */
void *cpl_arena_alloc(struct cpl_arena *arena, size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(2)));
/* A copy of the bytes followed by a NUL. */
struct cpl_str cpl_arena_copy(struct cpl_arena *arena, struct cpl_str s);
/* Formatted text, followed by a NUL. */
struct cpl_str cpl_arena_printf(struct cpl_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Calls clean(object) when the arena is destroyed. */
void cpl_arena_on_destroy(struct cpl_arena *arena, void (*clean)(void *object), void *object);
/* Bytes handed out so far. */
size_t cpl_arena_used(const struct cpl_arena *arena);

#pragma GCC visibility pop

#endif
