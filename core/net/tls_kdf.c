/* SPDX-License-Identifier: MIT */
/* TLS 1.3's key derivation as a provider inside the program. */
#include "core/net/tls_kdf.h"

#include <couplet/log.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define PROVIDER "couplet"
#define QUERY	 "?provider=" PROVIDER

enum {
	HASHES = 2,
	HASH_MAX = 48,	 /* SHA-384 */
	BLOCK_MAX = 128, /* its */
	INFO_MAX = 2 + 1 + TLS_KDF_LABEL_MAX + 1 + TLS_KDF_CONTEXT_MAX,
	NO_MODE = -1,
};

struct hash {
	const char *name; /* as OpenSSL writes it */
	size_t size, block;
	EVP_MD *md;
	unsigned char of_nothing[HASH_MAX]; /* Derive-Secret(., "derived", "") */
};

static struct hash hashes[HASHES] = {
	{.name = "SHA2-256", .size = 32, .block = 64},
	{.name = "SHA2-384", .size = 48, .block = 128},
};
static OSSL_PROVIDER *provider; /* loaded until the process ends, as are the hashes */
static const char *query;

/* What an EVP_KDF_CTX has been told. Lengths of 0: not set. */
struct derivation {
	int mode;
	const struct hash *hash;
	EVP_MD_CTX *md;
	size_t secret_len, salt_len, prefix_len, label_len, context_len;
	unsigned char salt[HASH_MAX];
	unsigned char prefix[TLS_KDF_LABEL_MAX];
	unsigned char label[TLS_KDF_LABEL_MAX];
	unsigned char context[TLS_KDF_CONTEXT_MAX];
	unsigned char secret[TLS_KDF_SECRET_MAX];
};

static bool refuse(int reason)
{
	ERR_raise(ERR_LIB_PROV, reason);
	return false;
}

/* ---- the derivation ---- */

/* RFC 2104. The key is never longer than a hash. */
static bool hmac(const struct derivation *d, const unsigned char *key, size_t key_len, const unsigned char *text, size_t len, unsigned char *out)
{
	const struct hash *hash = d->hash;
	unsigned char pad[BLOCK_MAX];
	bool done;

	memset(pad, 0x36, sizeof(pad));
	for (size_t at = 0; at < key_len; at++)
		pad[at] ^= key[at];
	done = EVP_DigestInit_ex2(d->md, hash->md, NULL) == 1 && EVP_DigestUpdate(d->md, pad, hash->block) == 1 &&
	       EVP_DigestUpdate(d->md, text, len) == 1 && EVP_DigestFinal_ex(d->md, out, NULL) == 1;
	memset(pad, 0x5c, sizeof(pad));
	for (size_t at = 0; at < key_len; at++)
		pad[at] ^= key[at];
	done = done && EVP_DigestInit_ex2(d->md, NULL, NULL) == 1 && EVP_DigestUpdate(d->md, pad, hash->block) == 1 &&
	       EVP_DigestUpdate(d->md, out, hash->size) == 1 && EVP_DigestFinal_ex(d->md, out, NULL) == 1;
	OPENSSL_cleanse(pad, hash->block);
	return done;
}

static size_t add(unsigned char *to, size_t at, const unsigned char *bytes, size_t len)
{
	memcpy(to + at, bytes, len);
	return at + len;
}

/* HKDF-Expand-Label (RFC 8446 7.1): HKDF-Expand (RFC 5869 2.3) of the secret with the structure HkdfLabel. */
static bool expand(const struct derivation *d, const unsigned char *secret, const unsigned char *context, size_t context_len, unsigned char *out,
		   size_t len)
{
	size_t size = d->hash->size, at = size;
	unsigned char text[HASH_MAX + INFO_MAX + 1]; /* the block before, HkdfLabel, the block's number */
	unsigned char block[HASH_MAX];
	bool done = true;

	if (d->prefix_len + d->label_len > TLS_KDF_LABEL_MAX)
		return refuse(PROV_R_INVALID_DATA);
	if (!len || len > TLS_KDF_BLOCKS_MAX * size)
		return refuse(PROV_R_WRONG_OUTPUT_BUFFER_SIZE);
	text[at++] = (unsigned char)(len >> 8);
	text[at++] = (unsigned char)len;
	text[at++] = (unsigned char)(d->prefix_len + d->label_len);
	at = add(text, at, d->prefix, d->prefix_len);
	at = add(text, at, d->label, d->label_len);
	text[at++] = (unsigned char)context_len;
	at = add(text, at, context, context_len);
	text[at] = 0;
	for (size_t from = size; done && len; from = 0) {
		size_t count = len < size ? len : size;

		text[at]++;
		done = hmac(d, secret, size, text + from, at + 1 - from, block);
		memcpy(out, block, count);
		memcpy(text, block, size);
		out += count;
		len -= count;
	}
	OPENSSL_cleanse(block, size);
	OPENSSL_cleanse(text, size);
	return done;
}

/*
 * The next secret of the schedule: HKDF-Extract (RFC 5869 2.2) of what comes in, with what is derived from the secret before as
 * salt. The first has none before, and where nothing comes in, zeroes do.
 */
static bool extract(const struct derivation *d, unsigned char *out, size_t len)
{
	static const unsigned char zeroes[HASH_MAX];
	size_t size = d->hash->size;
	unsigned char salt[HASH_MAX];
	bool done = true;

	if (len != size)
		return refuse(PROV_R_WRONG_OUTPUT_BUFFER_SIZE);
	if (d->salt_len && d->salt_len != size)
		return refuse(PROV_R_INVALID_SALT_LENGTH);
	if (d->salt_len)
		done = expand(d, d->salt, d->hash->of_nothing, size, salt, size);
	if (done)
		done = hmac(d, salt, d->salt_len, d->secret_len ? d->secret : zeroes, d->secret_len ? d->secret_len : size, out);
	OPENSSL_cleanse(salt, sizeof(salt));
	return done;
}

/* ---- as EVP_KDF has it ---- */

static void forget(struct derivation *d)
{
	OPENSSL_cleanse(d->secret, d->secret_len);
	OPENSSL_cleanse(d->salt, d->salt_len);
	d->mode = NO_MODE;
	d->hash = NULL;
	d->secret_len = d->salt_len = d->prefix_len = d->label_len = d->context_len = 0;
}

static void *new_context(void *unused)
{
	struct derivation *d = OPENSSL_malloc(sizeof(*d));

	if (!d)
		return NULL;
	d->secret_len = d->salt_len = 0;
	d->md = NULL;
	forget(d);
	return d;
}

/* The hash's state, in which the last output still is, goes with the context. */
static void reset_context(void *context)
{
	struct derivation *d = context;

	EVP_MD_CTX_free(d->md);
	d->md = NULL;
	forget(d);
}

static void free_context(void *context)
{
	if (!context)
		return;
	reset_context(context);
	OPENSSL_free(context);
}

static bool set_hash(struct derivation *d, const OSSL_PARAM *param)
{
	char name[32];
	char *start = name;

	d->hash = NULL;
	if (!OSSL_PARAM_get_utf8_string(param, &start, sizeof(name)))
		return refuse(PROV_R_INVALID_DIGEST);
	for (size_t at = 0; at < HASHES && !d->hash; at++)
		if (strcmp(name, hashes[at].name) == 0)
			d->hash = &hashes[at];
	for (size_t at = 0; at < HASHES && !d->hash; at++)
		if (EVP_MD_is_a(hashes[at].md, name))
			d->hash = &hashes[at];
	return d->hash || refuse(PROV_R_INVALID_DIGEST);
}

static bool set_mode(struct derivation *d, const OSSL_PARAM *param)
{
	d->mode = NO_MODE;
	if (param->data_type == OSSL_PARAM_UTF8_STRING && param->data) {
		if (OPENSSL_strcasecmp(param->data, "EXTRACT_ONLY") == 0)
			d->mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
		else if (OPENSSL_strcasecmp(param->data, "EXPAND_ONLY") == 0)
			d->mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	} else if (!OSSL_PARAM_get_int(param, &d->mode)) {
		d->mode = NO_MODE;
	}
	return d->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY || d->mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY || refuse(PROV_R_INVALID_MODE);
}

static bool set_bytes(unsigned char *to, size_t *len, size_t min, size_t max, const OSSL_PARAM *param, int otherwise)
{
	if (param->data_type != OSSL_PARAM_OCTET_STRING || param->data_size < min || param->data_size > max || (param->data_size && !param->data))
		return refuse(otherwise);
	/* A longer one that was set before goes whole. */
	OPENSSL_cleanse(to, *len);
	if (param->data_size)
		memcpy(to, param->data, param->data_size);
	*len = param->data_size;
	return true;
}

static bool set(struct derivation *d, const OSSL_PARAM *param)
{
	const char *key = param->key;

	if (strcmp(key, OSSL_KDF_PARAM_MODE) == 0)
		return set_mode(d, param);
	if (strcmp(key, OSSL_KDF_PARAM_DIGEST) == 0)
		return set_hash(d, param);
	if (strcmp(key, OSSL_KDF_PARAM_KEY) == 0)
		return set_bytes(d->secret, &d->secret_len, 1, sizeof(d->secret), param, PROV_R_INVALID_KEY_LENGTH);
	if (strcmp(key, OSSL_KDF_PARAM_PREFIX) == 0)
		return set_bytes(d->prefix, &d->prefix_len, 0, sizeof(d->prefix), param, PROV_R_INVALID_DATA);
	if (strcmp(key, OSSL_KDF_PARAM_LABEL) == 0)
		return set_bytes(d->label, &d->label_len, 0, sizeof(d->label), param, PROV_R_INVALID_DATA);
	if (strcmp(key, OSSL_KDF_PARAM_DATA) == 0)
		return set_bytes(d->context, &d->context_len, 0, sizeof(d->context), param, PROV_R_INVALID_DATA);
	if (strcmp(key, OSSL_KDF_PARAM_SALT) == 0)
		return set_bytes(d->salt, &d->salt_len, 1, sizeof(d->salt), param, PROV_R_INVALID_SALT_LENGTH);
	/* Which hash is not for the caller to say more closely; of other names OpenSSL's rule is to take no notice. */
	return strcmp(key, OSSL_KDF_PARAM_PROPERTIES) != 0 || refuse(PROV_R_NOT_SUPPORTED);
}

static int set_params(void *context, const OSSL_PARAM params[])
{
	for (; params && params->key; params++)
		if (!set(context, params))
			return 0;
	return 1;
}

static const OSSL_PARAM *settable_params(void *context, void *unused)
{
	static const OSSL_PARAM all[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_MODE, NULL, 0),  OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0), OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, NULL, 0), OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, NULL, 0), OSSL_PARAM_octet_string(OSSL_KDF_PARAM_DATA, NULL, 0),
		OSSL_PARAM_END,
	};

	return all;
}

static int derive(void *context, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
	struct derivation *d = context;

	if (!set_params(d, params))
		return 0;
	if (d->mode == NO_MODE)
		return refuse(PROV_R_INVALID_MODE);
	if (!d->hash)
		return refuse(PROV_R_MISSING_MESSAGE_DIGEST);
	if (!d->md && !(d->md = EVP_MD_CTX_new()))
		return 0;
	if (d->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return extract(d, out, len);
	if (!d->secret_len)
		return refuse(PROV_R_MISSING_KEY);
	if (d->secret_len != d->hash->size)
		return refuse(PROV_R_INVALID_KEY_LENGTH);
	return expand(d, d->secret, d->context, d->context_len, out, len);
}

/* ---- the provider ---- */

static const OSSL_ALGORITHM *algorithms(void *unused, int operation, int *no_cache)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))new_context},
		{OSSL_FUNC_KDF_FREECTX, (void (*)(void))free_context},
		{OSSL_FUNC_KDF_RESET, (void (*)(void))reset_context},
		{OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive},
		{OSSL_FUNC_KDF_SET_CTX_PARAMS, (void (*)(void))set_params},
		{OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params},
		{0, NULL},
	};
	static const OSSL_ALGORITHM kdfs[] = {
		{OSSL_KDF_NAME_TLS1_3_KDF, "provider=" PROVIDER, functions, "TLS 1.3 key derivation"},
		{NULL, NULL, NULL, NULL},
	};

	*no_cache = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static int start_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **own)
{
	static const OSSL_DISPATCH all[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))algorithms},
		{0, NULL},
	};

	*functions = all;
	*own = hashes; /* not used: what it has is static */
	return 1;
}

static int see_provider(OSSL_PROVIDER *seen, void *other)
{
	if (strcmp(OSSL_PROVIDER_get0_name(seen), "default") != 0)
		*(bool *)other = true;
	return 1;
}

/* OpenSSL loads its default provider of its own accord where the configuration names none. */
static bool providers_were_chosen(void)
{
	bool other = false;

	OSSL_PROVIDER_do_all(NULL, see_provider, &other);
	return other || !OSSL_PROVIDER_available(NULL, "default") || EVP_default_properties_is_fips_enabled(NULL);
}

static bool fetch_hashes(void)
{
	for (size_t at = 0; at < HASHES; at++) {
		struct hash *hash = &hashes[at];

		hash->md = EVP_MD_fetch(NULL, hash->name, NULL);
		if (!hash->md || EVP_Digest("", 0, hash->of_nothing, NULL, hash->md, NULL) != 1)
			return false;
	}
	return true;
}

/* Whether it is there and is what the query finds. */
static bool is_found(void)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, QUERY);
	bool found = kdf && strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), PROVIDER) == 0;

	EVP_KDF_free(kdf);
	return found;
}

static void start(void)
{
	const char *reason;

	if (providers_were_chosen()) {
		cpl_log_info("TLS keys are derived by the providers that OpenSSL's configuration names");
		return;
	}
	provider = fetch_hashes() && OSSL_PROVIDER_add_builtin(NULL, PROVIDER, start_provider) == 1 ? OSSL_PROVIDER_try_load(NULL, PROVIDER, 1) : NULL;
	if (provider && is_found()) {
		query = QUERY;
		return;
	}
	reason = ERR_reason_error_string(ERR_peek_last_error());
	cpl_log_warn("TLS keys are derived by OpenSSL, which takes longer: a provider of ours cannot be registered reason=\"%s\"",
		     reason ? reason : "it is not found");
	ERR_clear_error();
	OSSL_PROVIDER_unload(provider);
	provider = NULL;
	for (size_t at = 0; at < HASHES; at++) {
		EVP_MD_free(hashes[at].md);
		hashes[at].md = NULL;
	}
}

const char *tls_kdf_query(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
	return query;
}
