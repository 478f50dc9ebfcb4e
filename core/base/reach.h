/* SPDX-License-Identifier: MIT */
/*
 * Looks for addresses in memory that is kept while code goes: string literals, constants and functions of a module that is about to be unmapped. Reads
 * words whose meaning it does not know, so a number that looks like an address counts, too.
 */
#ifndef CORE_BASE_REACH_H
#define CORE_BASE_REACH_H

#include "core/base/account.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * True when the block (of cpl_alloc()) has a word in [low, high). In builds with AddressSanitizer also when a block has one that is reached from it by pointers,
 * through blocks that `payer` pays for.
 */
bool reach_into(const void *block, const struct account_memory *payer, uintptr_t low, uintptr_t high);
/* The size of the block that begins there; 0 when none does, and in other builds. */
size_t reach_size(const void *ptr);

#endif
