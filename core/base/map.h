/* SPDX-License-Identifier: MIT */
/* The inside of <couplet/map.h> that tests look at. */
#ifndef CORE_BASE_MAP_H
#define CORE_BASE_MAP_H

#include <couplet/map.h>

/* SipHash-1-3 (one compression round, three at the end) of the bytes. */
uint64_t map_siphash(struct cpl_str bytes, const uint64_t key[2]);

#endif
