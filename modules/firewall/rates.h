/* SPDX-License-Identifier: MIT */
/*
 * How often something has come from each of very many, in a fixed space: 4096 counters, four for each value of the hash's lower bits, of which the oldest gives way. The
 * hash is keyed, so nobody can choose whom he shares them with.
 */
#ifndef MODULES_FIREWALL_RATES_H
#define MODULES_FIREWALL_RATES_H

#include <stdbool.h>
#include <stdint.h>

struct rates;
struct rates *rates_create(void);
void rates_destroy(struct rates **rates);
/* Counts one (unless `dry`) at `now` (ms) in this period of `period` ms; how many there have been in it, this one included. */
uint32_t rates_count(struct rates *rates, uint64_t hash, int64_t now, int64_t period, bool dry);

#endif
