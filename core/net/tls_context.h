/* SPDX-License-Identifier: MIT */
/*
 * Certificates and TLS contexts of the hosts. An immutable, counted snapshot maps server names to SSL_CTX; handshakes on workers read only
 * the snapshot that was current when they began; a reload of certificates builds a new snapshot and swaps it.
 */
#ifndef CORE_NET_TLS_CONTEXT_H
#define CORE_NET_TLS_CONTEXT_H

#include <couplet/error.h>
#include <couplet/str.h>
#include <openssl/ssl.h>

/* What one host brings. */
struct tls_host {
	struct cpl_str name;          /* server name of SNI; a certificate also serves its subdomains given as hosts without one of their own */
	const char *certificate;      /* PEM: chain and, unless `key` is given, the private key */
	const char *key;              /* PEM, may be NULL */
};
struct tls_settings {
	const char *min_version;      /* "TLSv1.2" or "TLSv1.3" */
	const char *ciphers;          /* OpenSSL list for TLS 1.2; NULL: our default */
	bool unique_tls13;            /* answer tls-unique under TLS 1.3 with the client's Finished (compatibility) */
};

struct tls_contexts;
/* Builds a snapshot; reports every bad certificate or key (unreadable, expired is a warning, key does not match, does not name the host is a warning) in `report`. NULL on error. */
struct tls_contexts *tls_contexts_create(const struct tls_host *hosts, size_t count, const struct tls_settings *settings,
					 void (*report)(void *data, size_t host, const char *text), void *data);
struct tls_contexts *tls_contexts_ref(struct tls_contexts *contexts);
void tls_contexts_unref(struct tls_contexts **contexts);
/* Makes a snapshot the current one (takes the reference); NULL: no TLS. */
void tls_contexts_install(struct tls_contexts *contexts);
/* The current snapshot, or NULL; borrowed. */
struct tls_contexts *tls_contexts_current(void);
/* True when the snapshot has a certificate for this host. */
bool tls_contexts_serves(const struct tls_contexts *contexts, struct cpl_str host);

#endif
