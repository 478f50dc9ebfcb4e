/* SPDX-License-Identifier: MIT */
/*
 * The inside of <couplet/memory.h>: what a block knows about itself, and faults for tests.
 *
 * Every block of cpl_alloc() is preceded by 16 bytes: the id of the account that pays for it, a guard word
 * and its size. The guard is checked when the block is freed or resized, so that a pointer freed twice or
 * never allocated ends the process at once; under AddressSanitizer the 16 bytes are poisoned like a red zone.
 * All functions may be called from any thread.
 */
#ifndef CORE_BASE_MEMORY_H
#define CORE_BASE_MEMORY_H

#include "core/base/account.h"
#include <couplet/memory.h>

/* The size that was asked for. */
size_t memory_size(const void *ptr);
/* What a block takes of the heap, its head and what the allocator adds included; 0 for NULL. */
size_t memory_held(const void *ptr);

/* Makes `account` pay for the block from now on; the one that paid so far is credited. */
void memory_charge(void *ptr, struct account *account);
/* The same for whoever pays for `other`. */
void memory_charge_as(void *ptr, const void *other);

/* Who pays for the block, and for the beginning of the arena: whoever made it. */
const struct account_memory *memory_payer(const void *ptr);
const struct account_memory *arena_payer(const struct cpl_arena *arena);
/* Frees the chunks that this thread keeps for its next arenas. */
void arena_release_spare(void);

/*
 * All live blocks, in builds with AddressSanitizer (POISONED_BUILD), which keep a list of them; others know of none. each() may neither allocate nor free with
 * cpl_alloc() and its like.
 */
void memory_each(void (*each)(void *block, size_t size, uint32_t payer, void *data), void *data);

/*
 * Fault injection: the `nth` call of cpl_try_alloc() from now on returns NULL (1 is the next one), all others
 * go on; 0 switches it off. A test repeats its work with nth = 1, 2, 3 ... until memory_fault_hit() stays
 * false.
 */
void memory_fault_at(uint64_t nth);
/* What a test allocates for itself is not counted between these two; pass what the first returned to the second. */
uint64_t memory_fault_suspend(void);
void memory_fault_resume(uint64_t left);
/* True when the fault asked for by the last memory_fault_at() has struck. */
bool memory_fault_hit(void);

#endif
