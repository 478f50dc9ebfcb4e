/* SPDX-License-Identifier: MIT */
/*
 * Session tickets (RFC 8446 2.2 and 4.6.1): the keys under which the state of a TLS 1.3 session is sealed and given to the client, to be resumed without a certificate and a signature.
 * The keys are random and only in memory; new ones are drawn once a lifetime, and the former are accepted for one more, then wiped. A key that leaks opens no recorded
 * session, as resumption has a key exchange of its own (psk_dhe_ke); with the keys of the time it would let somebody resume as another client, who still had to authenticate.
 *
 * TLS 1.2 has no tickets here: a session resumed there has no new key exchange (RFC 5077 5.6). There is no early data (0-RTT), which can be replayed. Contexts ask for no client
 * certificates; one that does must not issue tickets, as a resumed session vouches for a certificate that nobody looks at again.
 *
 * A ticket is good for the host and the certificate that it was issued with (tls_context.c): after a reload with another certificate the handshake is a full one.
 */
#ifndef CORE_NET_TLS_TICKETS_H
#define CORE_NET_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdint.h>

/* Starts, changes or with 0 stops the rotation. At the first time keys are drawn. Session thread. */
void tls_tickets_start(int64_t lifetime_ms);
/* New keys now; what the timer does. Session thread. */
void tls_tickets_rotate(void);
/* The callback for SSL_CTX_set_tlsext_ticket_key_evp_cb(). Any thread. */
int tls_tickets_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing);
/* Stops, and wipes the keys. */
void tls_tickets_finish(void);

#endif
