/* SPDX-License-Identifier: MIT */
/*
 * Memory that a peak has left free in the heap, given back to the system. The C library keeps what lies between blocks that are still in use; nobody else can
 * tell it when that has become much. The sign is the number of connections: when a quarter of them has gone, and no more are going; once more a little later, for the last of
 * them, and when accounts that linger have gone, too.
 *
 * What lies free in the cache that the C library has for each thread counts as used, and keeps the page that it is on: blocks of TLS objects, which workers allocate and the session
 * thread frees, stay there for good. So the caches are emptied first.
 */
#ifndef CORE_BASE_TRIM_H
#define CORE_BASE_TRIM_H

#include <stdbool.h>
#include <stddef.h>

enum {
	TRIM_GONE_LEAST = 256, /* fewer that have gone are not worth it */
	TRIM_SOON = 2,	       /* looks from the first time to the second */
	TRIM_LATE = 40,	       /* and to the third: longer than accounts linger */
};

/* Zeroes at first. */
struct trim {
	size_t most; /* connections, since memory was given back */
	size_t last;
	unsigned looks; /* since then; 0: nothing more is due */
};

/* At regular times, with the number of connections: true when memory should be given back now. */
bool trim_due(struct trim *trim, size_t connections);

/* The C library's cache of a thread: sizes of up to 1032 bytes, seven blocks of each. */
enum { TRIM_SIZES = 64, TRIM_EACH = 7 };
struct trim_cache {
	void *blocks[TRIM_SIZES * TRIM_EACH];
};
/* Empties the cache of the thread that calls. Some microseconds. */
void trim_take(struct trim_cache *cache);

/*
 * Frees the blocks of the caches, and gives back what is free. Any thread; others that allocate wait for it, some milliseconds for each ten thousand connections that
 * have gone.
 */
void trim_release(struct trim_cache *caches, size_t count);

#endif
