/* SPDX-License-Identifier: MIT */
/* The counted heap. */
#include "core/base/memory.h"
#include "core/base/poison.h"

#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUARD_LIVE 0x434f5550u
#define GUARD_DEAD 0xdeadb10cu

struct header {
#if POISONED_BUILD
	struct header *newer, *older;
#endif
	uint32_t payer; /* struct account_memory.id */
	uint32_t guard;
	size_t size;
};
_Static_assert(sizeof(struct header) % 16 == 0, "blocks stay aligned for any type");

/* 0: off; n: the nth call from now fails. */
static _Atomic uint64_t fault_in;
static _Atomic bool fault_struck;

static _Noreturn void out_of_memory(size_t size)
{
	char line[96];
	int len = snprintf(line, sizeof(line), "couplet: out of memory (%zu bytes more were needed)\n", size);

	/* Nothing sensible is left to do when stderr fails too. */
	if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
		abort();
	abort();
}

static void charge(struct account_memory *payer, int64_t bytes, int64_t blocks)
{
	int64_t live = atomic_fetch_add_explicit(&payer->bytes, bytes, memory_order_relaxed) + bytes;
	int64_t peak = atomic_load_explicit(&payer->peak_bytes, memory_order_relaxed);

	while (live > peak &&
	       !atomic_compare_exchange_weak_explicit(&payer->peak_bytes, &peak, live, memory_order_relaxed,
						      memory_order_relaxed))
		;
	/* Last, and with release: one whose blocks are zero may be given away. */
	if (blocks)
		atomic_fetch_add_explicit(&payer->blocks, blocks, memory_order_release);
}

/* UNSAFE: steps from the caller's pointer to the header before it. */
static struct header *header_of(const void *ptr)
{
	struct header *header = (struct header *)(void *)ptr - 1;

	UNPOISON(header, sizeof(*header));
	assert(header->guard == GUARD_LIVE);
	return header;
}

static void *block_of(struct header *header)
{
	POISON(header, sizeof(*header));
	return header + 1;
}

/* ---- all blocks, in builds with AddressSanitizer ---- */

#if POISONED_BUILD
static struct header *newest;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * UNSAFE: the headers of other blocks, which are poisoned or being looked at by those who own them on other threads; their marks stay as they are.
 */
#define UNMARKED __attribute__((no_sanitize("address")))

static UNMARKED void set_newer(struct header *header, struct header *newer)
{
	if (header)
		header->newer = newer;
}

static UNMARKED void set_older(struct header *header, struct header *older)
{
	header->older = older;
}

static void enlist(struct header *header)
{
	pthread_mutex_lock(&list_lock);
	header->older = newest;
	header->newer = NULL;
	set_newer(newest, header);
	newest = header;
	pthread_mutex_unlock(&list_lock);
}

static void delist(struct header *header)
{
	pthread_mutex_lock(&list_lock);
	set_newer(header->older, header->newer);
	if (header->newer)
		set_older(header->newer, header->older);
	else
		newest = header->older;
	pthread_mutex_unlock(&list_lock);
}

UNMARKED void memory_each(void (*each)(void *block, size_t size, uint32_t payer, void *data), void *data)
{
	pthread_mutex_lock(&list_lock);
	for (struct header *at = newest, *older; at; at = older) {
		older = at->older;
		each(at + 1, at->size, at->payer, data);
	}
	pthread_mutex_unlock(&list_lock);
}
#else
static void enlist(struct header *header)
{
}

static void delist(struct header *header)
{
}

void memory_each(void (*each)(void *block, size_t size, uint32_t payer, void *data), void *data)
{
}
#endif

/* ---- the functions ---- */

static void *allocate(size_t size)
{
	struct account_memory *payer = account_now.account->memory;
	struct header *header;

	if (size > PTRDIFF_MAX - sizeof(*header))
		return NULL;
	header = calloc(1, sizeof(*header) + size);
	if (!header)
		return NULL;
	header->payer = payer->id;
	header->guard = GUARD_LIVE;
	header->size = size;
	enlist(header);
	charge(payer, (int64_t)size, 1);
	return block_of(header);
}

void *cpl_alloc(size_t size)
{
	void *ptr = allocate(size);

	if (!ptr)
		out_of_memory(size);
	return ptr;
}

static bool fault_strikes(void)
{
	uint64_t left = atomic_load_explicit(&fault_in, memory_order_relaxed);

	while (left > 0 && !atomic_compare_exchange_weak(&fault_in, &left, left - 1))
		;
	if (left != 1)
		return false;
	atomic_store(&fault_struck, true);
	return true;
}

void *cpl_try_alloc(size_t size)
{
	return fault_strikes() ? NULL : allocate(size);
}

void memory_fault_at(uint64_t nth)
{
	atomic_store(&fault_struck, false);
	atomic_store(&fault_in, nth);
}

uint64_t memory_fault_suspend(void)
{
	return atomic_exchange(&fault_in, 0);
}

void memory_fault_resume(uint64_t left)
{
	atomic_store(&fault_in, left);
}

bool memory_fault_hit(void)
{
	return atomic_load(&fault_struck);
}

void *cpl_realloc(void *ptr, size_t size)
{
	struct header *header, *moved;
	size_t old;

	if (!ptr)
		return cpl_alloc(size);
	header = header_of(ptr);
	old = header->size;
	if (size > PTRDIFF_MAX - sizeof(*header))
		out_of_memory(size);
	delist(header);
	moved = realloc(header, sizeof(*header) + size);
	if (!moved)
		out_of_memory(size);
	if (size > old)
		memset((char *)(moved + 1) + old, 0, size - old);
	moved->size = size;
	enlist(moved);
	charge(account_memory_by_id(moved->payer), (int64_t)size - (int64_t)old, 0);
	return block_of(moved);
}

void cpl_free(void *ptr)
{
	struct header *header;
	struct account_memory *payer;
	size_t size;

	if (!ptr)
		return;
	header = header_of(ptr);
	payer = account_memory_by_id(header->payer);
	size = header->size;
	header->guard = GUARD_DEAD;
	delist(header);
	free(header);
	charge(payer, -(int64_t)size, -1);
}

void cpl_free_secret(void *ptr)
{
	if (ptr)
		explicit_bzero(ptr, memory_size(ptr));
	cpl_free(ptr);
}

size_t memory_size(const void *ptr)
{
	struct header *header = header_of(ptr);
	size_t size = header->size;

	block_of(header);
	return size;
}

size_t memory_held(const void *ptr)
{
	struct header *header;
	size_t bytes;

	if (!ptr)
		return 0;
	header = header_of(ptr);
	bytes = malloc_usable_size(header) + sizeof(size_t);
	block_of(header);
	return bytes;
}

static void charge_to(struct header *header, uint32_t payer)
{
	if (header->payer == payer)
		return;
	charge(account_memory_by_id(header->payer), -(int64_t)header->size, -1);
	header->payer = payer;
	charge(account_memory_by_id(payer), (int64_t)header->size, 1);
}

const struct account_memory *memory_payer(const void *ptr)
{
	struct header *header = header_of(ptr);
	uint32_t payer = header->payer;

	block_of(header);
	return account_memory_by_id(payer);
}

void memory_charge(void *ptr, struct account *account)
{
	struct header *header = header_of(ptr);

	charge_to(header, account->memory->id);
	block_of(header);
}

void memory_charge_as(void *ptr, const void *other)
{
	struct header *header = header_of(ptr), *like = header_of(other);

	charge_to(header, like->payer);
	block_of(header);
	block_of(like);
}

char *cpl_strdup(struct cpl_str s)
{
	char *copy = cpl_alloc(s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

char *cpl_asprintf(const char *format, ...)
{
	struct cpl_buf buf = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&buf, format, args);
	va_end(args);
	return cpl_buf_take(&buf);
}
