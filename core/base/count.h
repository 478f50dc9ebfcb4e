/* SPDX-License-Identifier: MIT */
/*
 * What the core counts on its way: plain numbers that only grow, since the start. core/admin/metrics.h makes metrics of them. Session
 * thread.
 */
#ifndef CORE_BASE_COUNT_H
#define CORE_BASE_COUNT_H

#include <stdint.h>

enum count {
	COUNT_CONNECTIONS_ACCEPTED,
	COUNT_CONNECTIONS_REFUSED, /* for the bounds on those that have not authenticated */
	COUNT_BYTES_IN,		   /* as they are on the wire */
	COUNT_BYTES_OUT,
	COUNT_MESSAGES_IN, /* from a peer; these four in the order of enum cpl_kind */
	COUNT_PRESENCES_IN,
	COUNT_IQS_IN,
	COUNT_NONZAS_IN,
	COUNT_MESSAGES_OUT, /* to a peer */
	COUNT_PRESENCES_OUT,
	COUNT_IQS_OUT,
	COUNT_NONZAS_OUT,
	COUNT_AUTHENTICATIONS,
	COUNT_STORAGE_REQUESTS,
	COUNT_STORAGE_READS, /* those of them that wrote nothing */
	COUNT_STORAGE_FAILURES,
	COUNTS
};
extern uint64_t counts[COUNTS];

static inline void count_add(unsigned which, uint64_t n)
{
	counts[which] += n;
}

#endif
