/* SPDX-License-Identifier: MIT */
/*
 * Marks for AddressSanitizer: a region that nobody may touch for now. Without the sanitizer they cost
 * nothing.
 */
#ifndef CORE_BASE_POISON_H
#define CORE_BASE_POISON_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISON(ptr, size)   __asan_poison_memory_region((ptr), (size))
#define UNPOISON(ptr, size) __asan_unpoison_memory_region((ptr), (size))
#else
#define POISON(ptr, size)   ((void)(ptr), (void)(size))
#define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#endif

#endif
