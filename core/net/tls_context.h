/* SPDX-License-Identifier: MIT */
/*
 * Certificates and TLS contexts of the hosts. An immutable, counted snapshot maps server names to SSL_CTX;
 * handshakes on workers read only the snapshot that was current when they began; a reload of certificates
 * builds a new snapshot and swaps it.
 */
#ifndef CORE_NET_TLS_CONTEXT_H
#define CORE_NET_TLS_CONTEXT_H

#include <couplet/error.h>
#include <couplet/str.h>
#include <openssl/ssl.h>

/* What one host brings. */
struct tls_host {
	struct cpl_str name;	 /* the host, as configured (UTF-8); SNI is compared with its ASCII form */
	const char *certificate; /* PEM: chain and, unless `key` is given, the private key; NULL: that of the
				    nearest parent domain among the hosts */
	const char *key;	 /* PEM, may be NULL */
};
struct tls_settings {
	const char *min_version; /* "TLSv1.2" or "TLSv1.3" */
	const char *ciphers;	 /* OpenSSL list for TLS 1.2; NULL or empty: our default */
	const char *suites;	 /* names of TLS 1.3, colons between them; NULL or empty: our default */
	bool unique_tls13; /* answer tls-unique under TLS 1.3 with the first Finished (compatibility) */
	int64_t tickets_ms; /* how long a session can be resumed (tls_tickets.h); 0: no tickets */
};

struct tls_contexts;
/*
 * Builds a snapshot. Everything that is wrong is reported, not only the first: fatal is true for what cannot
 * be used (unreadable, not PEM, key encrypted or of another certificate, bad settings: then host == count),
 * false for warnings (expired, not yet valid, does not name the host). NULL when anything was fatal. A host
 * without a certificate and without a parent that has one is not served, which is no error here. Any thread.
 * The first host that has a certificate serves clients that name none, or one that we do not know.
 */
struct tls_contexts *
tls_contexts_create(const struct tls_host *hosts, size_t count, const struct tls_settings *settings,
		    void (*report)(void *data, size_t host, bool fatal, const char *text), void *data);
/* References are taken and dropped on the session thread. unref nulls the pointer and accepts NULL. */
struct tls_contexts *tls_contexts_ref(struct tls_contexts *contexts);
void tls_contexts_unref(struct tls_contexts **contexts);
/* Makes a snapshot the current one (takes the reference); NULL: no TLS. */
void tls_contexts_install(struct tls_contexts *contexts);
/* The current snapshot, or NULL; borrowed. */
struct tls_contexts *tls_contexts_current(void);
/* True when the snapshot has a certificate for this host. */
bool tls_contexts_serves(const struct tls_contexts *contexts, struct cpl_str host);
/*
 * Adds what a person knows the host's certificate by: until when it is valid, and the beginning of its SHA-256 fingerprint. Nothing when
 * the snapshot (may be NULL) has none for the host.
 */
void tls_contexts_describe(const struct tls_contexts *contexts, struct cpl_str host, struct cpl_buf *out);

/* ---- for handshakes: any thread ---- */

/* What the callbacks of one handshake go by. */
struct tls_choice {
	struct tls_contexts *contexts;
	const char *alpn; /* the protocol that must be among those offered, if any are; NULL: the offer is not
			     judged */
};
/* Says for this thread which handshake the callbacks are called for from now on; NULL at its end. (An SSL object that carried it would keep two blocks for it as long as it lives.) */
void tls_contexts_choose(const struct tls_choice *choice);
/* The context to begin with, NULL when no host has a certificate. SNI changes it by callback. */
SSL_CTX *tls_contexts_default(const struct tls_contexts *contexts);
bool tls_contexts_unique_tls13(const struct tls_contexts *contexts);

#endif
