/* SPDX-License-Identifier: MIT */
/*
 * SCRAM, the server's side (RFC 5802, RFC 7677): messages and arithmetic. Pure: no session, no store, no
 * clock.
 *
 * Messages are parsed into views of the bytes as sent, because AuthMessage is made of them; only the names
 * are decoded. Functions may run on any thread.
 */
#ifndef MODULES_AUTH_SCRAM_H
#define MODULES_AUTH_SCRAM_H

#include <couplet/memory.h>

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256, SCRAM_HASHES };

/* The longest digest, and bounds on what is stored or sent for an account. */
enum {
	SCRAM_DIGEST_MAX = 32,
	SCRAM_SALT_MAX = 64,
	SCRAM_SALT_NEW = 16, /* bytes of the salts that we make */
	SCRAM_ITERATIONS_MIN = 4096,
	SCRAM_ITERATIONS_MAX = 10000000,
	SCRAM_PASSWORD_MAX = 1023, /* bytes, after SASLprep */
};

/* Looks the hashes up once, so that not each use does; without it all works, slower. release drops them again. */
void scram_prepare(void);
void scram_release(void);

/* Bytes of a digest. */
size_t scram_digest_size(enum scram_hash hash);

/* What is kept of a password for one hash (RFC 5802 section 3). iterations 0: nothing is kept. */
struct scram_keys {
	unsigned char salt[SCRAM_SALT_MAX];
	unsigned char stored_key[SCRAM_DIGEST_MAX];
	unsigned char server_key[SCRAM_DIGEST_MAX];
	uint8_t salt_size;
	uint32_t iterations;
};

/* Fills stored_key and server_key from the prepared password and keys->salt, salt_size and iterations. Costs
 * milliseconds: for workers only. */
void scram_derive(enum scram_hash hash, struct cpl_str password, struct scram_keys *keys);

/* One HMAC; `out` has room for scram_digest_size(hash). */
void scram_hmac(enum scram_hash hash, struct cpl_str key, struct cpl_str data, unsigned char *out);
void scram_digest(enum scram_hash hash, struct cpl_str data, unsigned char *out);

/* The client's first message. Views of the message, but for the decoded names. */
struct scram_first {
	char flag;		   /* of the gs2 header: 'n', 'y' or 'p' */
	struct cpl_str binding;	   /* with 'p': the name of the channel binding; else CPL_NONE */
	struct cpl_str authzid;	   /* decoded; CPL_NONE when absent */
	struct cpl_str gs2_header; /* with both commas */
	struct cpl_str bare;	   /* client-first-message-bare */
	struct cpl_str username;   /* decoded, never empty */
	struct cpl_str nonce;
};
/* False for anything that the grammar of RFC 5802 section 7 does not make, mandatory extensions (m=)
 * included. Decoded names are in the arena. */
bool scram_first_parse(struct scram_first *out, struct cpl_str message, struct cpl_arena *arena);

/* The client's final message. */
struct scram_final {
	struct cpl_str binding; /* c=, base64 decoded, in the arena: gs2 header and binding data */
	struct cpl_str nonce;
	struct cpl_str without_proof; /* a view */
	struct cpl_str proof;	      /* p=, base64 decoded, in the arena */
};
bool scram_final_parse(struct scram_final *out, struct cpl_str message, struct cpl_arena *arena);

/* Appends the server's first message. `nonce` is the client's followed by ours; downgrade: the attribute h of
 * XEP-0474, CPL_NONE for none. */
void scram_server_first(struct cpl_buf *out, struct cpl_str nonce, const struct scram_keys *keys,
			struct cpl_str downgrade);

/*
 * Checks the proof against the keys over `auth_message`; takes the same time whatever the answer. `signature`
 * receives the ServerSignature (scram_digest_size(hash) bytes), which may be sent only when the answer is
 * true.
 */
bool scram_verify(enum scram_hash hash, const struct scram_keys *keys, struct cpl_str auth_message,
		  struct cpl_str proof, unsigned char *signature);

/*
 * The keys as one line of text in the form of RFC 5803: SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY,
 * the last three in base64. False for anything else, for iterations under SCRAM_ITERATIONS_MIN or over
 * SCRAM_ITERATIONS_MAX and for sizes that do not fit.
 */
bool scram_keys_read(struct cpl_str text, enum scram_hash *hash, struct scram_keys *keys,
		     struct cpl_arena *arena);
/* True when the text begins like such a line, well-formed or not. */
bool scram_keys_announced(struct cpl_str text);

#endif
