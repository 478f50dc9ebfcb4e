/* SPDX-License-Identifier: MIT */
/*
 * TLS of one connection, without its socket: ciphertext goes in and comes out as bytes.
 *
 * First the handshake, whose arithmetic runs on workers, a step each time a whole record has come: during a
 * step the SSL object and its memory BIOs belong to the job, and the connection waits for its return even if
 * it has been closed meanwhile. At most TLS_STEPS_IN_FLIGHT steps are given to the workers at a time, the
 * others wait in order. Afterwards records are read and written on the session thread, over one BIO that all
 * connections share. Session thread only.
 */
#ifndef CORE_NET_TLS_H
#define CORE_NET_TLS_H

#include "core/net/output.h"
#include "core/net/tls_context.h"
#include <couplet/conn.h>

enum {
	TLS_STEPS_IN_FLIGHT = 64,	     /* handshake steps on the workers at a time */
	TLS_STEPS_MAX = 32,		     /* steps of one handshake; four are usual */
	TLS_HANDSHAKE_BYTES_MAX = 64 * 1024, /* ciphertext that the peer may send in one handshake */
	TLS_RECORD_ROOM = 18 * 1024,	     /* more than what OpenSSL can hold of an unfinished record */
};

enum tls_state {
	TLS_WANTS_INPUT, /* more of the handshake is to come from the peer */
	TLS_WORKING,	 /* a step waits or runs; `stepped` will be called */
	TLS_STANDS,	 /* the handshake is complete */
	TLS_FAILED,	 /* it failed: tls_error() says why, tls_take_output() has the alert */
};

struct tls;

/*
 * Prepares a handshake with the snapshot's certificates (a reference is taken). alpn: the protocol that a
 * client which offers any must offer (RFC 7301, XEP-0368), static life; NULL after STARTTLS, where the offer
 * is not judged. `stepped` is called on the session thread, never from inside tls_handshake(), after each
 * step.
 */
struct tls *tls_create(struct tls_contexts *contexts, const char *alpn,
		       void (*stepped)(struct tls *tls, void *owner), void *owner);
/* Nulls the pointer; must not be called while the state is TLS_WORKING. */
void tls_destroy(struct tls **tls);
enum tls_state tls_state(const struct tls *tls);
/* Gives up the handshake: a step that waits for its turn is taken out. TLS_WORKING as long as a step is
 * running. */
enum tls_state tls_abandon(struct tls *tls);

/* Takes what the peer sent (copied), when the state is TLS_WANTS_INPUT. */
enum tls_state tls_handshake(struct tls *tls, struct cpl_str bytes);
/* Appends what the handshake has to send. Not while TLS_WORKING. */
void tls_take_output(struct tls *tls, struct output *raw);
/*
 * True when what is left to send is for the peer's later use only: the tickets of TLS 1.3, which follow the client's Finished (RFC 8446 4.6.1). The last flight of TLS 1.2
 * is one that the peer waits for.
 */
bool tls_output_can_wait(const struct tls *tls);
/* Why it failed, or why records could not be read; static life. NULL when nothing did. */
const char *tls_error(const struct tls *tls);

enum tls_read {
	TLS_READ_ALL,	/* all input has been taken */
	TLS_READ_EOF,	/* the peer's close_notify */
	TLS_READ_ERROR, /* a bad record or an alert: the connection is lost */
};
/*
 * Decrypts all of the ciphertext into out, which has room for it and TLS_RECORD_ROOM more; *len says how many
 * bytes are there. What it makes OpenSSL send (key updates, alerts) is appended to `raw`. The first call
 * after the handshake must bring no ciphertext: it takes what rode with the peer's last flight,
 * TLS_HANDSHAKE_BYTES_MAX at most.
 */
enum tls_read tls_read(struct tls *tls, struct cpl_str cipher, char *out, size_t size, size_t *len,
		       struct output *raw);
/* Encrypts up to 16 KiB as one record and appends it. False when the connection cannot send any more. */
bool tls_write(struct tls *tls, struct cpl_str bytes, struct output *raw);
/* Appends close_notify. */
void tls_close_notify(struct tls *tls, struct output *raw);

/* Channel binding data of an established connection; the length or 0 (see conn.h, for out NULL, too). */
size_t tls_binding(struct tls *tls, enum cpl_binding kind, unsigned char *out);
/* Bytes of the heap that it holds, with OpenSSL's (see tls_memory.h); 0 while a worker has it. */
size_t tls_held(const struct tls *tls);
/* Protocol and cipher suite. */
struct cpl_str tls_describe(const struct tls *tls, char *buffer, size_t size);

/* Steps that the workers have or that wait for them. */
size_t tls_steps_pending(void);
/* Releases the shared BIO; no connection may be left. */
void tls_finish(void);

#endif
