/* SPDX-License-Identifier: MIT */
/*
 * The one BIO over which all established connections read and write their records: OpenSSL is only entered
 * from the session thread, for one connection at a time, so what it reads and where it writes can be set
 * before each call. Never blocks: output always has room, input that is used up is "try again".
 */
#ifndef CORE_NET_TLS_BIO_H
#define CORE_NET_TLS_BIO_H

#include "core/net/output.h"
#include <openssl/bio.h>

/* The BIO with one reference more, for SSL_set0_rbio() or SSL_set0_wbio(). */
BIO *tls_bio_ref(void);
/* What the next calls of OpenSSL read and where they write. */
void tls_bio_aim(struct cpl_str input, struct output *raw);
/* Whether nothing is left of the input. */
bool tls_bio_exhausted(void);
/* Releases it; no SSL object may have it. */
void tls_bio_finish(void);

#endif
