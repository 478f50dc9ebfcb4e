/* SPDX-License-Identifier: MIT */
/*
 * Memory that a peak has left free in the heap, given back to the system. The C library keeps what lies between blocks that are still in use; nobody else can
 * tell it when that has become much. The sign is the number of connections: when a quarter of them has gone, and no more are going.
 */
#ifndef CORE_BASE_TRIM_H
#define CORE_BASE_TRIM_H

#include <stdbool.h>
#include <stddef.h>

enum { TRIM_GONE_LEAST = 256 }; /* fewer that have gone are not worth it */

/* Zeroes at first. */
struct trim {
	size_t most; /* connections, since memory was given back */
	size_t last;
};

/* At regular times, with the number of connections: true when memory should be given back now. */
bool trim_due(struct trim *trim, size_t connections);

/* Gives back what is free. Any thread; others that allocate wait for it, some milliseconds for each ten thousand connections that have gone. */
void trim_release(void);

#endif
