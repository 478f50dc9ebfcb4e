/* SPDX-License-Identifier: MIT */
/*
 * Durations, summed up in a fixed space: how many, how long in all, the longest, and a histogram for percentiles. Adding one takes a few
 * instructions and no memory. Owner-neutral; one thread at a time.
 *
 * The histogram has two buckets for each power of two from 256 ns to 4 s, so a percentile is at most half as much again as the true one.
 */
#ifndef CORE_BASE_TIMING_H
#define CORE_BASE_TIMING_H

#include <stdint.h>

#define TIMING_BUCKETS 49

/* Zeroed: nothing yet. */
struct timing {
	uint64_t count;
	uint64_t sum_ns, max_ns;
	uint32_t bucket[TIMING_BUCKETS]; /* [0]: below 256 ns; the last: from 4.3 s */
};

static inline unsigned timing_bucket(uint64_t ns)
{
	unsigned octave, at;

	if (ns < 256)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(ns);
	at = 1 + 2 * (octave - 8) + ((ns >> (octave - 1)) & 1);
	return at < TIMING_BUCKETS ? at : TIMING_BUCKETS - 1;
}

static inline void timing_add(struct timing *timing, uint64_t ns)
{
	timing->count++;
	timing->sum_ns += ns;
	if (ns > timing->max_ns)
		timing->max_ns = ns;
	timing->bucket[timing_bucket(ns)]++;
}

/* Adds all of `other`. */
void timing_merge(struct timing *timing, const struct timing *other);
/* 0 when there is nothing. */
uint64_t timing_mean(const struct timing *timing);
/*
 * What `percent` (1 to 100) of the durations do not exceed: the upper end of a bucket, or the longest when that is less. 0 when there is
 * nothing.
 */
uint64_t timing_percentile(const struct timing *timing, unsigned percent);

#endif
