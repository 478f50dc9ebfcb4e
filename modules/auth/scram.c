/* SPDX-License-Identifier: MIT */
/* SCRAM: messages and arithmetic. */
#include "modules/auth/scram.h"

#include <couplet/time.h>

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

/* EVP_sha1() and its like are names: OpenSSL 3 looks for what they stand for each time that they are used. */
static EVP_MD *fetched[SCRAM_HASHES];
static EVP_MAC_CTX *keyless[SCRAM_HASHES]; /* copied for each HMAC */
static const char *const names[SCRAM_HASHES] = {[SCRAM_SHA_1] = "SHA1", [SCRAM_SHA_256] = "SHA256"};

/* NULL only without memory or without the algorithm. */
static EVP_MAC_CTX *mac_make(enum scram_hash hash)
{
	OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)names[hash], 0), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (context && !EVP_MAC_CTX_set_params(context, digest)) {
		EVP_MAC_CTX_free(context);
		context = NULL;
	}
	return context;
}

void scram_prepare(void)
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		if (!fetched[hash])
			fetched[hash] = EVP_MD_fetch(NULL, names[hash], NULL);
		if (!keyless[hash])
			keyless[hash] = mac_make((enum scram_hash)hash);
	}
}

void scram_release(void)
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		EVP_MD_free(fetched[hash]);
		fetched[hash] = NULL;
		EVP_MAC_CTX_free(keyless[hash]);
		keyless[hash] = NULL;
	}
}

static const EVP_MD *digest_of(enum scram_hash hash)
{
	if (fetched[hash])
		return fetched[hash];
	return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

size_t scram_digest_size(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? 20 : 32;
}

static struct cpl_str view(const void *bytes, size_t size)
{
	return (struct cpl_str){bytes, size};
}

void scram_digest(enum scram_hash hash, struct cpl_str data, unsigned char *out)
{
	/* Fails only without memory or without the algorithm: neither leaves a server that can go on. */
	if (!EVP_Digest(data.ptr ? data.ptr : "", data.len, out, NULL, digest_of(hash), NULL))
		abort();
}

void scram_hmac(enum scram_hash hash, struct cpl_str key, struct cpl_str data, unsigned char *out)
{
	EVP_MAC_CTX *context = keyless[hash] ? EVP_MAC_CTX_dup(keyless[hash]) : mac_make(hash);
	size_t size;

	if (!context || !EVP_MAC_init(context, (const unsigned char *)(key.ptr ? key.ptr : ""), key.len, NULL) ||
	    !EVP_MAC_update(context, (const unsigned char *)(data.ptr ? data.ptr : ""), data.len) ||
	    !EVP_MAC_final(context, out, &size, scram_digest_size(hash)))
		abort();
	EVP_MAC_CTX_free(context);
}

void scram_derive(enum scram_hash hash, struct cpl_str password, struct scram_keys *keys)
{
	size_t size = scram_digest_size(hash);
	unsigned char salted[SCRAM_DIGEST_MAX], client[SCRAM_DIGEST_MAX];

	assert(password.len <= SCRAM_PASSWORD_MAX && keys->iterations <= SCRAM_ITERATIONS_MAX);
	if (!PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, keys->salt, keys->salt_size,
			       (int)keys->iterations, digest_of(hash), (int)size, salted))
		abort();
	scram_hmac(hash, view(salted, size), CPL_STR("Client Key"), client);
	scram_digest(hash, view(client, size), keys->stored_key);
	scram_hmac(hash, view(salted, size), CPL_STR("Server Key"), keys->server_key);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client, sizeof(client));
}

/* ---- grammar (RFC 5802 section 7) ---- */

/* Takes "<letter>=value" up to the next comma off the front of *rest, comma included; a value has one
 * character at least. */
static bool take_attribute(struct cpl_str *rest, char letter, struct cpl_str *value)
{
	struct cpl_str part;

	if (rest->len < 3 || rest->ptr[0] != letter || rest->ptr[1] != '=')
		return false;
	if (!cpl_str_split(rest, ',', &part) || part.len < 3)
		return false;
	*value = (struct cpl_str){part.ptr + 2, part.len - 2};
	return true;
}

/* Optional extensions: attributes with any letter, which are ignored. */
static bool is_extension(struct cpl_str part)
{
	bool letter = part.len >= 3 && ((part.ptr[0] >= 'a' && part.ptr[0] <= 'z') ||
					(part.ptr[0] >= 'A' && part.ptr[0] <= 'Z'));

	return letter && part.ptr[0] != 'm' && part.ptr[1] == '=';
}

/* saslname: =2C and =3D stand for comma and equals sign, no other = may occur. */
static bool decode_name(struct cpl_str text, struct cpl_str *out, struct cpl_arena *arena)
{
	char *to = cpl_arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '=') {
			if (text.len - i < 3)
				return false;
			if (memcmp(text.ptr + i, "=2C", 3) == 0)
				c = ',';
			else if (memcmp(text.ptr + i, "=3D", 3) != 0)
				return false;
			i += 2;
		}
		to[len++] = c;
	}
	*out = (struct cpl_str){to, len};
	return true;
}

static bool is_nonce(struct cpl_str nonce)
{
	for (size_t i = 0; i < nonce.len; i++)
		if (nonce.ptr[i] < 0x21 || nonce.ptr[i] > 0x7e || nonce.ptr[i] == ',')
			return false;
	return nonce.len > 0;
}

/* cb-name: letters, digits, point and hyphen (RFC 5056 section 7). */
static bool is_binding_name(struct cpl_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '-'))
			return false;
	}
	return name.len > 0;
}

static bool is_text(struct cpl_str message)
{
	return message.len > 0 && cpl_str_find(message, '\0') < 0 && cpl_str_is_utf8(message);
}

static bool extensions_pass(struct cpl_str rest)
{
	for (struct cpl_str part; cpl_str_split(&rest, ',', &part);)
		if (!is_extension(part))
			return false;
	return true;
}

bool scram_first_parse(struct scram_first *out, struct cpl_str message, struct cpl_arena *arena)
{
	struct cpl_str rest = message, part, name;

	*out = (struct scram_first){0};
	if (!is_text(message) || !cpl_str_split(&rest, ',', &part) || part.len == 0)
		return false;
	out->flag = part.ptr[0];
	if (out->flag == 'p') {
		out->binding = (struct cpl_str){part.ptr + 2, part.len - 2};
		if (part.len < 3 || part.ptr[1] != '=' || !is_binding_name(out->binding))
			return false;
	} else if ((out->flag != 'n' && out->flag != 'y') || part.len != 1) {
		return false;
	}
	if (!cpl_str_split(&rest, ',', &part) || !rest.ptr)
		return false;
	if (part.len > 0) {
		if (part.len < 3 || part.ptr[0] != 'a' || part.ptr[1] != '=' ||
		    !decode_name((struct cpl_str){part.ptr + 2, part.len - 2}, &out->authzid, arena))
			return false;
	}
	out->gs2_header = (struct cpl_str){message.ptr, (size_t)(rest.ptr - message.ptr)};
	out->bare = rest;
	return take_attribute(&rest, 'n', &name) && decode_name(name, &out->username, arena) &&
	       take_attribute(&rest, 'r', &out->nonce) && is_nonce(out->nonce) && extensions_pass(rest);
}

bool scram_final_parse(struct scram_final *out, struct cpl_str message, struct cpl_arena *arena)
{
	struct cpl_str rest = message, part, binding, last = CPL_NONE;

	*out = (struct scram_final){0};
	if (!is_text(message) || !take_attribute(&rest, 'c', &binding) ||
	    !cpl_base64_decode(arena, binding, &out->binding) || !take_attribute(&rest, 'r', &out->nonce) ||
	    !is_nonce(out->nonce))
		return false;
	/* The proof comes last; whatever stands between is an extension. */
	while (cpl_str_split(&rest, ',', &part)) {
		if (last.ptr && !is_extension(last))
			return false;
		last = part;
	}
	if (last.len < 3 || last.ptr[0] != 'p' || last.ptr[1] != '=' ||
	    !cpl_base64_decode(arena, (struct cpl_str){last.ptr + 2, last.len - 2}, &out->proof))
		return false;
	out->without_proof = (struct cpl_str){message.ptr, (size_t)(last.ptr - message.ptr) - 1};
	return true;
}

void scram_server_first(struct cpl_buf *out, struct cpl_str nonce, const struct scram_keys *keys,
			struct cpl_str downgrade)
{
	cpl_buf_add(out, CPL_STR("r="));
	cpl_buf_add(out, nonce);
	cpl_buf_add(out, CPL_STR(",s="));
	cpl_buf_add_base64(out, keys->salt, keys->salt_size);
	cpl_buf_addf(out, ",i=%u", (unsigned)keys->iterations);
	if (downgrade.ptr) {
		cpl_buf_add(out, CPL_STR(",h="));
		cpl_buf_add(out, downgrade);
	}
}

bool scram_verify(enum scram_hash hash, const struct scram_keys *keys, struct cpl_str auth_message,
		  struct cpl_str proof, unsigned char *signature)
{
	size_t size = scram_digest_size(hash);
	unsigned char client[SCRAM_DIGEST_MAX], stored[SCRAM_DIGEST_MAX];
	bool right;

	scram_hmac(hash, view(keys->server_key, size), auth_message, signature);
	scram_hmac(hash, view(keys->stored_key, size), auth_message, client);
	/* A proof of another length is known to be wrong by everybody, so that it may be told at once. */
	if (proof.len != size)
		return false;
	for (size_t i = 0; i < size; i++)
		client[i] ^= (unsigned char)proof.ptr[i];
	scram_digest(hash, view(client, size), stored);
	right = cpl_equal_secret(view(stored, size), view(keys->stored_key, size));
	OPENSSL_cleanse(client, sizeof(client));
	return right;
}

/* ---- keys as text (RFC 5803) ---- */

static const struct {
	const char *prefix;
	enum scram_hash hash;
} schemes[] = {{"SCRAM-SHA-1$", SCRAM_SHA_1}, {"SCRAM-SHA-256$", SCRAM_SHA_256}};

static bool scheme_of(struct cpl_str *text, enum scram_hash *hash)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct cpl_str prefix = cpl_str_of(schemes[i].prefix);

		if (!cpl_str_starts(*text, prefix))
			continue;
		*hash = schemes[i].hash;
		*text = (struct cpl_str){text->ptr + prefix.len, text->len - prefix.len};
		return true;
	}
	return false;
}

bool scram_keys_announced(struct cpl_str text)
{
	enum scram_hash hash;

	return scheme_of(&text, &hash);
}

/* Decodes up to `separator` (NUL: to the end) and checks that between min and max bytes come out. */
static bool take_base64(struct cpl_str *rest, char separator, size_t min, size_t max, unsigned char *to,
			size_t *size, struct cpl_arena *arena)
{
	struct cpl_str part = *rest, bytes;

	if (separator && (!cpl_str_split(rest, separator, &part) || !rest->ptr))
		return false;
	if (!cpl_base64_decode(arena, part, &bytes) || bytes.len < min || bytes.len > max)
		return false;
	memcpy(to, bytes.ptr, bytes.len);
	*size = bytes.len;
	return true;
}

bool scram_keys_read(struct cpl_str text, enum scram_hash *hash, struct scram_keys *keys,
		     struct cpl_arena *arena)
{
	struct cpl_str part;
	size_t digest, size;
	int64_t iterations;

	*keys = (struct scram_keys){0};
	if (!scheme_of(&text, hash) || !cpl_str_split(&text, ':', &part) || !text.ptr ||
	    !cpl_str_to_int(part, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX, &iterations))
		return false;
	digest = scram_digest_size(*hash);
	if (!take_base64(&text, '$', 1, SCRAM_SALT_MAX, keys->salt, &size, arena))
		return false;
	keys->salt_size = (uint8_t)size;
	keys->iterations = (uint32_t)iterations;
	return take_base64(&text, ':', digest, digest, keys->stored_key, &size, arena) &&
	       take_base64(&text, '\0', digest, digest, keys->server_key, &size, arena);
}
