/* SPDX-License-Identifier: MIT */
/* Names in certificates and in SNI. Any thread. */
#ifndef CORE_NET_TLS_NAMES_H
#define CORE_NET_TLS_NAMES_H

#include <couplet/str.h>
#include <openssl/x509v3.h>

/* ASCII letters of `len` bytes to lower case; to and from may be the same, no NUL is added. */
void tls_names_lower(char *to, const char *from, size_t len);
/* The ASCII form of a domain name (RFC 3490 ToASCII), lower case; NULL when it has none. To be released with
 * cpl_free. */
char *tls_names_ascii(struct cpl_str name);
/*
 * True when the certificate names the host in its subjectAltName: as dNSName, as SRVName for either kind of
 * XMPP stream, or as xmppAddr (RFC 6120 13.7.1.2). The common name does not count.
 */
bool tls_names_certificate_names(X509 *certificate, struct cpl_str host);

#endif
