/* SPDX-License-Identifier: MIT */
/* Durations. */
#include "core/base/timing.h"

void timing_merge(struct timing *timing, const struct timing *other)
{
	timing->count += other->count;
	timing->sum_ns += other->sum_ns;
	if (other->max_ns > timing->max_ns)
		timing->max_ns = other->max_ns;
	for (unsigned i = 0; i < TIMING_BUCKETS; i++)
		timing->bucket[i] += other->bucket[i];
}

uint64_t timing_mean(const struct timing *timing)
{
	return timing->count ? timing->sum_ns / timing->count : 0;
}

/* The first duration that is too long for the bucket. */
static uint64_t bucket_end(unsigned at)
{
	unsigned octave = 8 + (at - 1) / 2;

	if (at == 0)
		return 256;
	return (at - 1) % 2 ? (uint64_t)2 << octave : (uint64_t)3 << (octave - 1);
}

uint64_t timing_percentile(const struct timing *timing, unsigned percent)
{
	uint64_t need = (timing->count * percent + 99) / 100, seen = 0;

	for (unsigned i = 0; i + 1 < TIMING_BUCKETS && timing->count; i++) {
		seen += timing->bucket[i];
		if (seen >= need)
			return bucket_end(i) - 1 < timing->max_ns ? bucket_end(i) - 1 : timing->max_ns;
	}
	return timing->max_ns;
}
