/* SPDX-License-Identifier: MIT */
/* Channel bindings of an established TLS connection (RFC 5929, RFC 9266). Session thread. */
#ifndef CORE_NET_TLS_BINDING_H
#define CORE_NET_TLS_BINDING_H

#include <couplet/conn.h>
#include <openssl/ssl.h>

/*
 * Writes the data of one kind into out and returns its length, or 0 when there is none:
 * tls-exporter needs TLS 1.3, or TLS 1.2 with extended master secret; tls-server-end-point a certificate
 * whose signature has a hash; tls-unique TLS 1.2 with extended master secret (RFC 7627), or, when
 * unique_tls13 is set, takes the client's Finished of TLS 1.3, for which no specification defines it but
 * which clients send. out has room for 64 bytes; NULL: what the length would be, without making the data.
 */
size_t tls_binding_data(SSL *ssl, enum cpl_binding kind, bool unique_tls13, unsigned char *out);

#endif
