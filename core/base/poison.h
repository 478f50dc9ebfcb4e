/* SPDX-License-Identifier: MIT */
/*
 * Marks for AddressSanitizer: a region that nobody may touch for now. Without the sanitizer they cost
 * nothing. POISONED_BUILD is 1 with it: such builds also check what is too dear for others.
 */
#ifndef CORE_BASE_POISON_H
#define CORE_BASE_POISON_H

#include <stdbool.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISONED_BUILD 1
#define POISON(ptr, size)   __asan_poison_memory_region((ptr), (size))
#define UNPOISON(ptr, size) __asan_unpoison_memory_region((ptr), (size))
#define POISONED(ptr)	    __asan_address_is_poisoned(ptr)
#else
#define POISONED_BUILD	      0
#define POISON(ptr, size)   ((void)(ptr), (void)(size))
#define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#define POISONED(ptr)	    ((void)(ptr), false)
#endif

#endif
