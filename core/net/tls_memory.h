/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL holds for a connection: it allocates through functions that count on behalf of whoever has entered on this thread. What a thread needs once for itself (random numbers, errors)
 * counts for the connection that was the first to need it.
 */
#ifndef CORE_NET_TLS_MEMORY_H
#define CORE_NET_TLS_MEMORY_H

#include <stdint.h>

/* Before anything calls OpenSSL: from then on there is counting. Without it every count stays 0. */
void tls_memory_begin(void);
/* Until the next call on this thread, bytes of the heap that OpenSSL takes and gives back are added to *count; NULL: to nothing. */
void tls_memory_count(int64_t *count);

#endif
