/* SPDX-License-Identifier: MIT */
/* Counters of the firewall. */
#include "modules/firewall/rates.h"

#include <couplet/memory.h>

enum { SETS = 1024, WAYS = 4 };

struct counter {
	uint64_t hash;
	int64_t period; /* number of the period that it counts */
	uint32_t count; /* 0: free */
};
struct rates {
	struct counter counters[SETS][WAYS];
};

struct rates *rates_create(void)
{
	return CPL_NEW(struct rates);
}

void rates_destroy(struct rates **rates)
{
	CPL_FREE(*rates);
}

uint32_t rates_count(struct rates *rates, uint64_t hash, int64_t now, int64_t period, bool dry)
{
	struct counter *set = rates->counters[hash % SETS], *oldest = &set[0];
	int64_t number = now / period;

	for (int i = 0; i < WAYS; i++) {
		struct counter *c = &set[i];

		if (c->count && c->hash == hash) {
			if (c->period != number && !dry)
				*c = (struct counter){hash, number, 0};
			if (dry)
				return c->period == number ? c->count + 1 : 1;
			if (c->count < UINT32_MAX)
				c->count++;
			return c->count;
		}
		if (!c->count || (oldest->count && c->period < oldest->period))
			oldest = c;
	}
	if (!dry)
		*oldest = (struct counter){hash, number, 1};
	return 1;
}
