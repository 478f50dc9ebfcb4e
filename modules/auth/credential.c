/* SPDX-License-Identifier: MIT */
/* What is kept of an account's password. */
#include "modules/auth/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* SHA-1 is `sha_one`, SHA-256 is `sha_two`: names of columns have no digits. */
static const struct cpl_column columns[] = {
	{"sha_one_salt", CPL_COLUMN_BLOB, false},
	{"sha_one_iterations", CPL_COLUMN_INTEGER, false},
	{"sha_one_stored_key", CPL_COLUMN_BLOB, false},
	{"sha_one_server_key", CPL_COLUMN_BLOB, false},
	{"sha_two_salt", CPL_COLUMN_BLOB, false},
	{"sha_two_iterations", CPL_COLUMN_INTEGER, false},
	{"sha_two_stored_key", CPL_COLUMN_BLOB, false},
	{"sha_two_server_key", CPL_COLUMN_BLOB, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
const struct cpl_store credentials_store = {
	.name = "credentials", .kind = CPL_STORE_KEYVAL, .version = 1, .columns = columns};

enum { SALT, ITERATIONS, STORED_KEY, SERVER_KEY, COLUMNS_EACH };
_Static_assert(CREDENTIALS_COLUMNS == SCRAM_HASHES * COLUMNS_EACH, "four columns for each hash");

static bool is_bytes(const struct cpl_value *value, size_t min, size_t max)
{
	return value->type == CPL_VALUE_BYTES && value->bytes.len >= min && value->bytes.len <= max;
}

static bool keys_from_values(struct scram_keys *keys, const struct cpl_value *values, size_t digest)
{
	if (values[ITERATIONS].type != CPL_VALUE_INTEGER || values[ITERATIONS].integer < 1 ||
	    values[ITERATIONS].integer > SCRAM_ITERATIONS_MAX ||
	    !is_bytes(&values[SALT], 1, SCRAM_SALT_MAX) || !is_bytes(&values[STORED_KEY], digest, digest) ||
	    !is_bytes(&values[SERVER_KEY], digest, digest))
		return false;
	keys->iterations = (uint32_t)values[ITERATIONS].integer;
	keys->salt_size = (uint8_t)values[SALT].bytes.len;
	memcpy(keys->salt, values[SALT].bytes.ptr, keys->salt_size);
	memcpy(keys->stored_key, values[STORED_KEY].bytes.ptr, digest);
	memcpy(keys->server_key, values[SERVER_KEY].bytes.ptr, digest);
	return true;
}

bool credentials_from_row(struct credentials *out, const struct cpl_row *row)
{
	unsigned kept = 0;

	*out = (struct credentials){0};
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		const struct cpl_value *values = row->values + hash * COLUMNS_EACH;

		if (values[ITERATIONS].type == CPL_VALUE_NULL)
			continue;
		if (!keys_from_values(&out->keys[hash], values, scram_digest_size((enum scram_hash)hash)))
			return false;
		kept++;
	}
	return kept > 0;
}

void credentials_to_values(const struct credentials *from, struct cpl_value values[CREDENTIALS_COLUMNS])
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		const struct scram_keys *keys = &from->keys[hash];
		struct cpl_value *to = values + hash * COLUMNS_EACH;
		size_t digest = scram_digest_size((enum scram_hash)hash);
		bool kept = keys->iterations > 0;

		to[SALT] = kept ? CPL_BYTES(((struct cpl_str){(const char *)keys->salt, keys->salt_size}))
				: CPL_NULL;
		to[ITERATIONS] = kept ? CPL_INTEGER(keys->iterations) : CPL_NULL;
		to[STORED_KEY] = kept ? CPL_BYTES(((struct cpl_str){(const char *)keys->stored_key, digest}))
				      : CPL_NULL;
		to[SERVER_KEY] = kept ? CPL_BYTES(((struct cpl_str){(const char *)keys->server_key, digest}))
				      : CPL_NULL;
	}
}

void credentials_put(struct cpl_batch *batch, struct cpl_jid account, const struct credentials *from)
{
	struct cpl_value values[CREDENTIALS_COLUMNS];

	credentials_to_values(from, values);
	cpl_batch_unmetered(batch);
	cpl_batch_set(batch, &credentials_store, account, CPL_NONE, values);
}

void credentials_salt(struct credentials *out, int64_t iterations)
{
	*out = (struct credentials){0};
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		out->keys[hash].iterations = (uint32_t)iterations;
		out->keys[hash].salt_size = SCRAM_SALT_NEW;
		cpl_random_bytes(out->keys[hash].salt, SCRAM_SALT_NEW);
	}
}

void credentials_decoy(const struct auth *auth, struct cpl_jid account, enum scram_hash hash,
		       int64_t iterations, struct scram_keys *out)
{
	struct cpl_str secret = {(const char *)auth->secret, sizeof(auth->secret)};
	unsigned char salt[SCRAM_DIGEST_MAX];
	struct cpl_buf text = {0};

	*out = (struct scram_keys){.iterations = (uint32_t)iterations, .salt_size = SCRAM_SALT_NEW};
	cpl_buf_addf(&text, "salt %d ", (int)hash);
	cpl_buf_add(&text, cpl_jid_str(account));
	scram_hmac(SCRAM_SHA_256, secret, cpl_buf_str(&text), salt);
	memcpy(out->salt, salt, SCRAM_SALT_NEW);
	cpl_buf_finish(&text);
	cpl_random_bytes(out->stored_key, sizeof(out->stored_key));
	cpl_random_bytes(out->server_key, sizeof(out->server_key));
}

/* ---- the secret ---- */

static int fail_errno(struct cpl_error *error, const char *path)
{
	return cpl_fail(error, CPL_E_IO, "%s: %s", path, strerror(errno));
}

static bool write_whole(int fd, const unsigned char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, bytes, size);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			bytes += done;
			size -= (size_t)done;
		}
	}
	return fsync(fd) == 0;
}

/* Under another name first, so that a half-written secret is never found by the next start. */
static int make_secret(struct auth *auth, const char *path, struct cpl_error *error)
{
	char *fresh = cpl_asprintf("%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code = CPL_OK;

	cpl_random_bytes(auth->secret, sizeof(auth->secret));
	if (fd < 0 || fchmod(fd, 0600) != 0 || !write_whole(fd, auth->secret, sizeof(auth->secret)) ||
	    rename(fresh, path) != 0)
		code = fail_errno(error, fresh);
	if (fd >= 0)
		close(fd);
	cpl_free(fresh);
	return code;
}

int credentials_load_secret(struct auth *auth, struct cpl_error *error)
{
	struct cpl_str folder = cpl_data_directory();
	char *path = cpl_asprintf("%.*s/auth.secret", CPL_ARG(folder));
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = CPL_OK;
	ssize_t size;

	if (fd < 0) {
		code = errno == ENOENT ? make_secret(auth, path, error) : fail_errno(error, path);
	} else {
		size = read(fd, auth->secret, sizeof(auth->secret));
		if (size < 0)
			code = fail_errno(error, path);
		else if (size != (ssize_t)sizeof(auth->secret))
			code = cpl_fail(error, CPL_E_CORRUPT,
					"%s: %d bytes were expected; without the file a new one is made",
					path, AUTH_SECRET_SIZE);
		close(fd);
	}
	cpl_free(path);
	return code;
}

/* ---- deriving on a worker ---- */

struct derivation {
	struct credentials credentials;
	unsigned hashes;
	size_t size;
	char password[SCRAM_PASSWORD_MAX];
};

static void derive_work(void *block)
{
	struct derivation *derivation = block;
	struct cpl_str password = {derivation->password, derivation->size};

	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		if (derivation->hashes & 1u << hash)
			scram_derive((enum scram_hash)hash, password, &derivation->credentials.keys[hash]);
}

static void derive_drop(void *block)
{
	OPENSSL_cleanse(block, sizeof(struct derivation));
}

int credentials_derive(struct cpl_call *call, struct cpl_scope *scope, const struct credentials *from,
		       unsigned hashes, struct cpl_str password, void (*done)(struct cpl_call *call))
{
	struct derivation derivation = {*from, hashes, password.len, {0}};
	int code;

	if (password.len > sizeof(derivation.password))
		return CPL_E_INVALID;
	memcpy(derivation.password, password.ptr, password.len);
	code = cpl_job_start(call, scope, derive_work, &derivation, sizeof(derivation), derive_drop, done);
	OPENSSL_cleanse(&derivation, sizeof(derivation));
	return code;
}

const struct credentials *credentials_derived(struct cpl_call *call)
{
	struct derivation *derivation = cpl_job_block(call);

	return derivation ? &derivation->credentials : NULL;
}
