/* SPDX-License-Identifier: MIT */
/*
 * Admission: bounds on connections that have not authenticated, per address and in all. What counts as one address is
 * address_peer_key()'s: an IPv6 peer is counted by its /64.
 */
#ifndef CORE_XMPP_ADMISSION_H
#define CORE_XMPP_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>

struct admission;

void admission_set_bounds(size_t per_address, size_t total);
/* `address` as in struct cpl_conn. NULL: refused. Otherwise to be released once, on authentication or at the end. */
struct admission *admission_take(const char *address);
void admission_release(struct admission **admission);
size_t admission_count(void);

#endif
