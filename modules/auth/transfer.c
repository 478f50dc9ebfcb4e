/* SPDX-License-Identifier: MIT */
/* Credentials on the move (XEP-0227 3.3): SCRAM keys as elements, and the password that another server kept as text. */
#include "modules/auth/accounts.h"
#include "modules/auth/credential.h"
#include "modules/auth/names.h"

#include <openssl/crypto.h>

#define NS_PIE_SCRAM "urn:xmpp:pie:0#scram"

struct cpl_name auth_pie_credentials = {NS_PIE_SCRAM, "scram-credentials", 0, 0};
struct cpl_name auth_pie_iterations = {NS_PIE_SCRAM, "iter-count", 0, 0};
struct cpl_name auth_pie_salt = {NS_PIE_SCRAM, "salt", 0, 0};
struct cpl_name auth_pie_server_key = {NS_PIE_SCRAM, "server-key", 0, 0};
struct cpl_name auth_pie_stored_key = {NS_PIE_SCRAM, "stored-key", 0, 0};

static const char *const mechanisms[SCRAM_HASHES] = {[SCRAM_SHA_1] = "SCRAM-SHA-1", [SCRAM_SHA_256] = "SCRAM-SHA-256"};

/* ---- keys to elements ---- */

static void add_base64(struct cpl_stanza *out, struct cpl_element *e, const struct cpl_name *name, const unsigned char *bytes, size_t size)
{
	cpl_add_with_text(out, e, name, cpl_base64_encode(out->arena, bytes, size));
}

static void add_keys(struct cpl_stanza *out, struct cpl_element *parent, enum scram_hash hash, const struct scram_keys *keys)
{
	struct cpl_element *e = cpl_add(out, parent, &auth_pie_credentials);
	size_t digest = scram_digest_size(hash);

	cpl_attr_set(out, e, "mechanism", cpl_str_of(mechanisms[hash]));
	cpl_add_with_text(out, e, &auth_pie_iterations, cpl_arena_printf(out->arena, "%u", keys->iterations));
	add_base64(out, e, &auth_pie_salt, keys->salt, keys->salt_size);
	add_base64(out, e, &auth_pie_server_key, keys->server_key, digest);
	add_base64(out, e, &auth_pie_stored_key, keys->stored_key, digest);
}

static void write_credentials(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct credentials found;

	if (!credentials_from_row(&found, row)) {
		cpl_log_error("credentials not readable account=%.*s", CPL_ARG(row->account));
		return;
	}
	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		if (found.keys[hash].iterations > 0)
			add_keys(out, parent, (enum scram_hash)hash, &found.keys[hash]);
}

/* ---- elements to keys ---- */

static bool read_bytes(struct cpl_import *in, const struct cpl_element *e, const struct cpl_name *name, size_t min, size_t max, unsigned char *out,
		       size_t *size)
{
	struct cpl_str text = cpl_child_text(e, name, cpl_import_arena(in)), bytes;

	if (!text.ptr || !cpl_base64_decode(cpl_import_arena(in), cpl_str_trim(text), &bytes) || bytes.len < min || bytes.len > max)
		return false;
	memcpy(out, bytes.ptr, bytes.len);
	*size = bytes.len;
	return true;
}

/* What is wrong, or NULL. */
static const char *read_keys(struct cpl_import *in, const struct cpl_element *e, enum scram_hash hash, struct scram_keys *keys)
{
	size_t digest = scram_digest_size(hash), size;
	struct cpl_str text = cpl_child_text(e, &auth_pie_iterations, cpl_import_arena(in));
	int64_t iterations;

	*keys = (struct scram_keys){0};
	if (!text.ptr || !cpl_str_to_int(cpl_str_trim(text), 1, SCRAM_ITERATIONS_MAX, &iterations))
		return "<iter-count/> is no number from 1 to 10000000";
	keys->iterations = (uint32_t)iterations;
	if (!read_bytes(in, e, &auth_pie_salt, 1, SCRAM_SALT_MAX, keys->salt, &size))
		return "<salt/> is not 1 to 64 bytes in base64";
	keys->salt_size = (uint8_t)size;
	if (!read_bytes(in, e, &auth_pie_server_key, digest, digest, keys->server_key, &size))
		return "<server-key/> is not as many bytes in base64 as the hash has";
	if (!read_bytes(in, e, &auth_pie_stored_key, digest, digest, keys->stored_key, &size))
		return "<stored-key/> is not as many bytes in base64 as the hash has";
	return NULL;
}

static int hash_of(struct cpl_str mechanism)
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		if (cpl_str_is(mechanism, mechanisms[hash]))
			return hash;
	return -1;
}

static void read_credentials(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_str mechanism = cpl_attr_get(e, "mechanism");
	int hash = mechanism.ptr ? hash_of(mechanism) : -1;
	struct credentials *given = cpl_arena_alloc(cpl_import_arena(in), sizeof *given);
	const struct cpl_value *before = cpl_import_given(in, CPL_NONE);
	struct cpl_value values[CREDENTIALS_COLUMNS];
	const char *fault;

	if (hash < 0) {
		cpl_import_fault(in, "keys for the mechanism \"%.*s\" are not kept here: SCRAM-SHA-1 and SCRAM-SHA-256 are", CPL_ARG(mechanism));
		return;
	}
	if (before && !credentials_from_row(given, &(struct cpl_row){.values = (struct cpl_value *)before}))
		*given = (struct credentials){0};
	if (given->keys[hash].iterations > 0) {
		cpl_import_fault(in, "two sets of keys for %s", mechanisms[hash]);
		return;
	}
	fault = read_keys(in, e, (enum scram_hash)hash, &given->keys[hash]);
	if (fault) {
		cpl_import_fault(in, "the keys for %s cannot be imported: %s", mechanisms[hash], fault);
		return;
	}
	credentials_to_values(given, values);
	cpl_import_set(in, CPL_NONE, values);
}

static bool same_keys(const struct scram_keys *a, const struct scram_keys *b, enum scram_hash hash)
{
	size_t digest = scram_digest_size(hash);

	return a->iterations == b->iterations && a->salt_size == b->salt_size && memcmp(a->salt, b->salt, a->salt_size) == 0 &&
	       CRYPTO_memcmp(a->stored_key, b->stored_key, digest) == 0;
}

/* Keys for a further hash, which an account has got here, are of the same password as long as those that are given are. */
static void merge_credentials(struct cpl_module *self, struct cpl_import *in, struct cpl_value *given, const struct cpl_value *kept)
{
	struct credentials *now = cpl_arena_alloc(cpl_import_arena(in), sizeof *now), old;
	bool same = true;

	if (!credentials_from_row(now, &(struct cpl_row){.values = given}) ||
	    !credentials_from_row(&old, &(struct cpl_row){.values = (struct cpl_value *)kept}))
		return;
	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		if (now->keys[hash].iterations > 0 && old.keys[hash].iterations > 0)
			same = same && same_keys(&now->keys[hash], &old.keys[hash], (enum scram_hash)hash);
	for (int hash = 0; hash < SCRAM_HASHES && same; hash++)
		if (now->keys[hash].iterations == 0)
			now->keys[hash] = old.keys[hash];
	credentials_to_values(now, given);
}

static void look_for_password(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	if (!cpl_import_kept(in, CPL_NONE) && !cpl_import_changes(in, &credentials_store))
		cpl_import_fault(in, "it has no password: nobody can log in before coupletctl passwd gives it one");
}

const struct cpl_transfer_row auth_transfers[] = {
	{.store = &credentials_store,
	 .what = "passwords",
	 .element = &auth_pie_credentials,
	 .write = write_credentials,
	 .read = read_credentials,
	 .merge = merge_credentials},
	{.store = &credentials_store, .read = look_for_password},
	CPL_TRANSFER_END,
};

/* ---- a password as text ---- */

struct derivation {
	struct cpl_call job;
	struct cpl_store_call store;
	struct cpl_call *outer;    /* the caller's; NULL once it is cancelled */
	struct cpl_stanza *user;   /* referenced */
	struct credentials credentials;
	int64_t iterations;
	unsigned hashes;           /* those that the import does not bring anyway */
	size_t password_size;
	char password[SCRAM_PASSWORD_MAX];
};

static void derivation_end(struct derivation *d, int status)
{
	if (d->outer)
		cpl_call_complete(d->outer, status);
	cpl_stanza_unref(&d->user);
	cpl_free_secret(d);
}

static void derivation_abandon(struct cpl_call *outer)
{
	struct derivation *d = outer->provider;

	d->outer = NULL;
}

static void on_keys(struct cpl_call *call)
{
	struct derivation *d = CPL_CONTAINER(call, struct derivation, job);
	const struct credentials *derived = credentials_derived(call);

	for (int hash = 0; call->status == 0 && d->outer && hash < SCRAM_HASHES; hash++)
		if (d->hashes & 1u << hash)
			add_keys(d->user, d->user->root, (enum scram_hash)hash, &derived->keys[hash]);
	derivation_end(d, call->status);
}

/* The salts that the account has, so that the same password gives the same keys. */
static void on_salts(struct cpl_call *call)
{
	struct derivation *d = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct derivation, store);
	struct credentials found;
	int status = call->status == CPL_E_NOT_FOUND ? 0 : call->status;

	if (status == 0 && d->outer) {
		credentials_salt(&d->credentials, d->iterations);
		if (call->status == 0 && d->store.count && credentials_from_row(&found, &d->store.rows[0]))
			for (int hash = 0; hash < SCRAM_HASHES; hash++)
				if (found.keys[hash].iterations > 0)
					d->credentials.keys[hash] = found.keys[hash];
		status = credentials_derive(&d->job, NULL, &d->credentials, d->hashes, (struct cpl_str){d->password, d->password_size}, on_keys);
		if (status == 0)
			return;
	}
	derivation_end(d, status);
}

int accounts_import_password(struct cpl_module *self, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			     struct cpl_str password, struct cpl_stanza *user, void (*done)(struct cpl_call *call))
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	const struct auth_config *config = host ? CPL_CONFIG(self, host, struct auth_config) : NULL;
	struct derivation *d;
	struct cpl_str prepared;
	int status;

	if (!config)
		return CPL_E_NOT_FOUND;
	if (!accounts_prepare_password(&prepared, password, false, user->arena))
		return CPL_E_INVALID;
	status = cpl_call_begin(call, scope, done, derivation_abandon);
	if (status != 0)
		return status;
	d = CPL_NEW(struct derivation);
	d->outer = call;
	call->provider = d;
	d->user = cpl_stanza_ref(user);
	d->iterations = config->iterations;
	d->hashes = CREDENTIALS_ALL;
	CPL_CHILDREN(child, user->root) {
		struct cpl_str mechanism = cpl_is(child, &auth_pie_credentials) ? cpl_attr_get(child, "mechanism") : CPL_NONE;
		int hash = mechanism.ptr ? hash_of(mechanism) : -1;

		if (hash >= 0)
			d->hashes &= ~(1u << hash);
	}
	memcpy(d->password, prepared.ptr, prepared.len);
	d->password_size = prepared.len;
	/* UNSAFE: a prepared copy in the import's arena is written over. */
	if (prepared.ptr != password.ptr)
		OPENSSL_cleanse((char *)prepared.ptr, prepared.len);
	status = cpl_store_get(&d->store, NULL, &credentials_store, account, CPL_NONE, on_salts);
	if (status != 0)
		derivation_end(d, status);
	return 0;
}
