/* SPDX-License-Identifier: MIT */
/* What is kept of an account's password: SCRAM keys for both hashes, one row of the store `credentials`; and
 * what stands in for it where there is no account. */
#ifndef MODULES_AUTH_CREDENTIAL_H
#define MODULES_AUTH_CREDENTIAL_H

#include "modules/auth/auth.h"

struct credentials {
	struct scram_keys keys[SCRAM_HASHES]; /* iterations 0: not kept for this hash (imported accounts) */
};

extern const struct cpl_store credentials_store;
enum { CREDENTIALS_COLUMNS = 8 };

/* False when the row makes no sense; a row without keys for any hash makes none either. */
bool credentials_from_row(struct credentials *out, const struct cpl_row *row);
/* The values view `from`. */
void credentials_to_values(const struct credentials *from, struct cpl_value values[CREDENTIALS_COLUMNS]);
/* Adds to a batch what the store shall keep for the account. */
void credentials_put(struct cpl_batch *batch, struct cpl_jid account, const struct credentials *from);

/* Fresh salts, and the given number of iterations, for all hashes. */
void credentials_salt(struct credentials *out, int64_t iterations);

/* The keys of an account that does not exist: the salt is the same at each call, and no password fits (RFC
 * 6120 13.11, RFC 5802 section 5.1). */
void credentials_decoy(const struct auth *auth, struct cpl_jid account, enum scram_hash hash,
		       int64_t iterations, struct scram_keys *out);

/* Reads the secret for decoys from auth.secret in the data directory, or makes it at first. Blocking. 0, or a
 * code with *error. */
int credentials_load_secret(struct auth *auth, struct cpl_error *error);

/*
 * Derives the keys of a prepared password on a worker, for the hashes whose bit is set in `hashes`, with the
 * salts and iterations in `from`. In the callback credentials_derived() gives the result (valid until it
 * returns) when the status is 0. The password is copied, and wiped afterwards.
 */
int credentials_derive(struct cpl_call *call, struct cpl_scope *scope, const struct credentials *from,
		       unsigned hashes, struct cpl_str password, void (*done)(struct cpl_call *call));
const struct credentials *credentials_derived(struct cpl_call *call);
#define CREDENTIALS_ALL ((1u << SCRAM_HASHES) - 1)

#endif
