/* SPDX-License-Identifier: MIT */
/* TLS 1.3's key derivation: the trace of RFC 8448, and OpenSSL's own derivation beside ours. */
#include "unit.h"

#include "core/base/logger_levels.h"
#include "core/net/tls_kdf.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- allocations that fail ---- */

static _Thread_local long allocations_left = -1; /* until one fails; -1: none does */

static bool has_memory(void)
{
	return allocations_left < 0 || allocations_left-- != 0;
}

static void *take(size_t size, const char *file, int line)
{
	return has_memory() ? malloc(size) : NULL;
}

static void *change(void *block, size_t size, const char *file, int line)
{
	return has_memory() ? realloc(block, size) : NULL;
}

static void give_back(void *block, const char *file, int line)
{
	free(block);
}

/* ---- a derivation ---- */

struct input {
	int mode;
	const char *digest;
	const void *secret, *salt, *label, *context; /* NULL: not given */
	size_t secret_len, salt_len, label_len, context_len;
};

static EVP_KDF *ours, *theirs;

static int derive_in(EVP_KDF_CTX *context, const struct input *input, unsigned char *out, size_t len)
{
	OSSL_PARAM params[8], *param = params;
	int mode = input->mode;

	*param++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	if (input->digest)
		*param++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)input->digest, 0);
	if (input->secret)
		*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)input->secret, input->secret_len);
	if (input->salt)
		*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)input->salt, input->salt_len);
	*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char[]){"tls13 "}, 6);
	if (input->label)
		*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)(uintptr_t)input->label, input->label_len);
	if (input->context)
		*param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA, (void *)(uintptr_t)input->context, input->context_len);
	*param = OSSL_PARAM_construct_end();
	return EVP_KDF_derive(context, out, len, params);
}

static int derive(EVP_KDF *kdf, const struct input *input, unsigned char *out, size_t len)
{
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	int result = context ? derive_in(context, input, out, len) : 0;

	EVP_KDF_CTX_free(context);
	return result;
}

/* ---- RFC 8448, section 3: a simple handshake ---- */

static size_t from_hex(const char *hex, unsigned char *out)
{
	size_t len = 0;

	for (; *hex; hex += 2)
		out[len++] = (unsigned char)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
	return len;
}

static void extracts(const char *before, const char *secret, const char *expected)
{
	unsigned char salt[32], in[32], want[32], got[32];
	struct input input = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-256", .label = "derived", .label_len = 7};

	from_hex(expected, want);
	if (before) {
		input.salt = salt;
		input.salt_len = from_hex(before, salt);
	}
	if (secret) {
		input.secret = in;
		input.secret_len = from_hex(secret, in);
	}
	assert_int_equal(derive(ours, &input, got, 32), 1);
	assert_memory_equal(got, want, 32);
}

static void expands(const char *secret, const char *label, const char *context, const char *expected)
{
	unsigned char in[32], hash[32], want[32], got[32];
	struct input input = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, .digest = "SHA256", .secret = in, .label = label,
			      .label_len = strlen(label), .context = hash};
	size_t len = from_hex(expected, want);

	input.secret_len = from_hex(secret, in);
	input.context_len = from_hex(context, hash);
	assert_int_equal(derive(ours, &input, got, len), 1);
	assert_memory_equal(got, want, len);
}

#define EARLY	    "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"
#define HANDSHAKE   "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"
#define MASTER	    "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"
#define NOTHING	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HELLOS	    "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8"
#define TO_FINISHED "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13"
#define ALL	    "209145a96ee8e2a122ff810047cc952684658d6049e86429426db87c54ad143d"
#define CLIENT_HS   "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
#define SERVER_HS   "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"
#define CLIENT_AP   "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define SERVER_AP   "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"

static void test_rfc8448(void **state)
{
	extracts(NULL, NULL, EARLY);
	expands(EARLY, "derived", NOTHING, "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");
	extracts(EARLY, "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d", HANDSHAKE);
	expands(HANDSHAKE, "c hs traffic", HELLOS, CLIENT_HS);
	expands(HANDSHAKE, "s hs traffic", HELLOS, SERVER_HS);
	expands(HANDSHAKE, "derived", NOTHING, "43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4");
	extracts(HANDSHAKE, NULL, MASTER);
	expands(SERVER_HS, "key", "", "3fce516009c21727d0f2e4e86ee403bc");
	expands(SERVER_HS, "iv", "", "5d313eb2671276ee13000b30");
	expands(CLIENT_HS, "key", "", "dbfaa693d1762c5b666af5d950258d01");
	expands(CLIENT_HS, "iv", "", "5bd3c71b836e0b76bb73265f");
	expands(MASTER, "c ap traffic", TO_FINISHED, CLIENT_AP);
	expands(MASTER, "s ap traffic", TO_FINISHED, SERVER_AP);
	expands(MASTER, "exp master", TO_FINISHED, "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50");
	expands(MASTER, "res master", ALL, "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c");
	expands(SERVER_AP, "key", "", "9f02283b6c9c07efc26bb9f2ac92e356");
	expands(SERVER_AP, "iv", "", "cf782b88dd83549aadf1e984");
	expands(CLIENT_AP, "key", "", "17422dda596ed5d9acd890e3c63f5051");
	expands(CLIENT_AP, "iv", "", "5b78923dee08579033e523d9");
}

/* ---- beside OpenSSL's own ---- */

static const struct {
	const char *name;
	size_t size;
} digests[] = {{"SHA2-256", 32}, {"SHA2-384", 48}, {"sha384", 48}, {"SHA-256", 32}};

enum { OUT_MAX = TLS_KDF_BLOCKS_MAX * 48 };

static unsigned char noise[2048];
static unsigned char out_ours[OUT_MAX + 1], out_theirs[OUT_MAX + 1];

static void make_noise(unsigned *seed)
{
	for (size_t at = 0; at < sizeof(noise); at++) {
		*seed = *seed * 1664525 + 1013904223;
		noise[at] = (unsigned char)(*seed >> 24);
	}
}

static void same(const struct input *input, size_t len)
{
	memset(out_ours, 1, sizeof(out_ours));
	memset(out_theirs, 2, sizeof(out_theirs));
	assert_int_equal(derive(ours, input, out_ours, len), 1);
	assert_int_equal(derive(theirs, input, out_theirs, len), 1);
	assert_memory_equal(out_ours, out_theirs, len);
	assert_int_equal(out_ours[len], 1);
}

static void test_extract_as_openssl(void **state)
{
	static const size_t lens[] = {1, 31, 32, 33, 48, 56, 64, 66, 127, 128, 129, 256, 512, TLS_KDF_SECRET_MAX};
	unsigned seed = 1;

	for (size_t at = 0; at < sizeof(digests) / sizeof(digests[0]); at++) {
		struct input input = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = digests[at].name, .label = "derived", .label_len = 7};

		same(&input, digests[at].size);
		for (size_t with_salt = 0; with_salt < 2; with_salt++) {
			input.salt = with_salt ? noise + 1500 : NULL;
			input.salt_len = digests[at].size;
			input.secret = NULL;
			same(&input, digests[at].size);
			for (size_t len = 0; len < sizeof(lens) / sizeof(lens[0]); len++) {
				make_noise(&seed);
				input.secret = noise;
				input.secret_len = lens[len];
				same(&input, digests[at].size);
			}
		}
	}
}

static void test_expand_as_openssl(void **state)
{
	static const size_t labels[] = {0, 1, 2, 7, 12, 18, 64, 200, 243};
	unsigned seed = 2;

	for (size_t at = 0; at < sizeof(digests) / sizeof(digests[0]); at++) {
		size_t size = digests[at].size;
		const size_t lens[] = {1, 12, 16, size - 1, size, size + 1, 2 * size, 3 * size + 5, 255 * size - 1, 255 * size};
		struct input input = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, .digest = digests[at].name, .secret = noise, .secret_len = size};

		for (size_t label = 0; label < sizeof(labels) / sizeof(labels[0]); label++) {
			for (size_t len = 0; len < sizeof(lens) / sizeof(lens[0]); len++) {
				make_noise(&seed);
				input.label = noise + 100;
				input.label_len = labels[label];
				input.context = len % 2 ? noise + 500 : NULL;
				input.context_len = len % 4 == 1 ? size : len;
				same(&input, lens[len]);
			}
		}
	}
}

/* One EVP_KDF_CTX for several, with a reset between them and without. */
static void test_used_again(void **state)
{
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(ours);
	struct input expand = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, .digest = "SHA2-384", .secret = noise, .secret_len = 48,
			       .label = "key", .label_len = 3};
	struct input extract = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-256", .label = "derived", .label_len = 7};

	assert_int_equal(derive_in(context, &expand, out_ours, 48), 1);
	assert_int_equal(derive(theirs, &expand, out_theirs, 48), 1);
	assert_memory_equal(out_ours, out_theirs, 48);
	EVP_KDF_CTX_reset(context);
	assert_int_equal(EVP_KDF_derive(context, out_ours, 32, NULL), 0);
	assert_int_equal(derive_in(context, &extract, out_ours, 32), 1);
	assert_int_equal(derive(theirs, &extract, out_theirs, 32), 1);
	assert_memory_equal(out_ours, out_theirs, 32);
	/* What was said before still holds where nothing new is said. */
	memset(out_ours, 0, 32);
	assert_int_equal(EVP_KDF_derive(context, out_ours, 32, NULL), 1);
	assert_memory_equal(out_ours, out_theirs, 32);
	EVP_KDF_CTX_free(context);
	ERR_clear_error();
}

/* ---- what is refused ---- */

static void refused(const struct input *input, size_t len)
{
	ERR_clear_error();
	assert_int_equal(derive(ours, input, out_ours, len), 0);
	assert_int_not_equal(ERR_peek_error(), 0);
	ERR_clear_error();
}

static void param_refused(OSSL_PARAM param)
{
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(ours);

	ERR_clear_error();
	assert_int_equal(EVP_KDF_CTX_set_params(context, (OSSL_PARAM[]){param, OSSL_PARAM_construct_end()}), 0);
	assert_int_not_equal(ERR_peek_error(), 0);
	ERR_clear_error();
	EVP_KDF_CTX_free(context);
}

static void test_refused(void **state)
{
	const struct input good = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, .digest = "SHA2-256", .secret = noise, .secret_len = 32,
				   .label = noise, .label_len = 5};
	const struct input first = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-256", .label = "derived", .label_len = 7};
	struct input bad;
	int number = 7;

#define BUT(from, member, value) (bad = (from), bad.member = (value), &bad)
	same(&good, 32);
	same(&first, 32);
	refused(BUT(good, mode, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND), 32);
	refused(BUT(good, mode, 17), 32);
	refused(BUT(good, digest, NULL), 32);
	refused(BUT(good, digest, "SHA512"), 64);
	refused(BUT(good, digest, "MD5"), 16);
	refused(BUT(good, digest, "a name that is longer than any that a hash has"), 32);
	refused(BUT(good, secret, NULL), 32);
	refused(BUT(good, secret_len, 0), 32);
	refused(BUT(good, secret_len, 31), 32);
	refused(BUT(good, secret_len, 33), 32);
	refused(BUT(good, secret_len, TLS_KDF_SECRET_MAX + 1), 32);
	refused(BUT(good, label_len, TLS_KDF_LABEL_MAX - 6 + 1), 32);
	refused(BUT(good, label_len, TLS_KDF_LABEL_MAX + 1), 32);
	refused((bad = good, bad.context = noise, bad.context_len = TLS_KDF_CONTEXT_MAX + 1, &bad), 32);
	refused(&good, 0);
	refused(&good, TLS_KDF_BLOCKS_MAX * 32 + 1);
	refused(&first, 31);
	refused(&first, 33);
	refused((bad = first, bad.salt = noise, bad.salt_len = 31, &bad), 32);
	refused((bad = first, bad.salt = noise, bad.salt_len = 0, &bad), 32);
	refused((bad = first, bad.salt = noise, bad.salt_len = 49, &bad), 32);
	refused((bad = first, bad.salt = noise, bad.salt_len = 32, bad.label_len = TLS_KDF_LABEL_MAX - 5, bad.label = noise, &bad), 32);
#undef BUT
	param_refused(OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char[]){"EXTRACT_AND_EXPAND"}, 0));
	param_refused(OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_MODE, noise, 4));
	param_refused(OSSL_PARAM_construct_int(OSSL_KDF_PARAM_DIGEST, &number));
	param_refused(OSSL_PARAM_construct_int(OSSL_KDF_PARAM_KEY, &number));
	param_refused(OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, NULL, 32));
	param_refused(OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PROPERTIES, (char[]){"fips=yes"}, 0));
}

static void test_modes_by_name(void **state)
{
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(ours);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char[]){"EXTRACT_ONLY"}, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};
	unsigned char early[32];

	from_hex(EARLY, early);
	assert_int_equal(EVP_KDF_derive(context, out_ours, 32, params), 1);
	assert_memory_equal(out_ours, early, 32);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char[]){"expand_only"}, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, early, 32);
	assert_int_equal(EVP_KDF_derive(context, out_ours, 32, params), 1);
	EVP_KDF_CTX_free(context);
}

/* ---- out of memory ---- */

/* Each allocation of a derivation fails once: an error or the right bytes, and nothing is left behind (as the sanitizer sees it). */
static void test_out_of_memory(void **state)
{
	struct input input = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-256", .salt = noise, .salt_len = 32,
			      .label = "derived", .label_len = 7};
	unsigned failures = 0;

	assert_int_equal(derive(theirs, &input, out_theirs, 32), 1);
	for (long at = 0;; at++) {
		bool all;
		int result;

		assert_true(at < 100);
		allocations_left = at;
		result = derive(ours, &input, out_ours, 32);
		all = allocations_left >= 0;
		allocations_left = -1;
		failures += !result;
		if (result)
			assert_memory_equal(out_ours, out_theirs, 32);
		ERR_clear_error();
		if (all)
			break;
	}
	assert_true(failures > 2);
}

/* ---- many threads ---- */

static void *derive_often(void *expected)
{
	struct input input = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-384", .salt = noise, .salt_len = 48,
			      .label = "derived", .label_len = 7};
	bool right = tls_kdf_query() != NULL;
	unsigned char out[48];

	for (unsigned at = 0; at < 200; at++)
		right &= derive(ours, &input, out, 48) == 1 && memcmp(out, expected, 48) == 0;
	return right ? expected : NULL;
}

static void test_threads(void **state)
{
	struct input input = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-384", .salt = noise, .salt_len = 48,
			      .label = "derived", .label_len = 7};
	pthread_t threads[4];
	unsigned char expected[48];

	assert_int_equal(derive(theirs, &input, expected, 48), 1);
	for (unsigned at = 0; at < 4; at++)
		assert_int_equal(pthread_create(&threads[at], NULL, derive_often, expected), 0);
	for (unsigned at = 0; at < 4; at++) {
		void *result;

		pthread_join(threads[at], &result);
		assert_ptr_equal(result, expected);
	}
}

/* ---- whether it takes part ---- */

static char logged[256];

static void tap(enum cpl_log_level level, const char *module, struct cpl_str message)
{
	snprintf(logged, sizeof(logged), "%d %.*s", (int)level, CPL_ARG(message));
}

/* In a process of its own, as OpenSSL decides once for each: 0 when `check` holds. */
static int apart(bool (*check)(void))
{
	pid_t child = fork();
	int status = -1;

	assert_true(child >= 0);
	if (child == 0) {
		logger_levels_reset(CPL_LOG_ERROR);
		logger_tap_set(tap, CPL_LOG_INFO);
		_exit(check() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* TLS works all the same. */
static bool goes_on_without(const char *says)
{
	SSL_CTX *context;
	bool done;

	if (tls_kdf_query() || tls_kdf_query() || !strstr(logged, says))
		return false;
	context = SSL_CTX_new_ex(NULL, tls_kdf_query(), TLS_server_method());
	theirs = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	done = context && theirs && strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(theirs)), "default") == 0;
	EVP_KDF_free(theirs);
	SSL_CTX_free(context);
	return done;
}

static bool other_providers(void)
{
	return goes_on_without("that OpenSSL's configuration names");
}

static void test_configured_providers(void **state)
{
	static const char text[] = "openssl_conf = all\n[all]\nproviders = list\n[list]\ndefault = on\nbase = on\n[on]\nactivate = 1\n";
	char path[] = "/tmp/couplet-test-XXXXXX";
	int file = mkstemp(path);

	assert_int_equal(write(file, text, sizeof(text) - 1), sizeof(text) - 1);
	close(file);
	setenv("OPENSSL_CONF", path, 1);
	assert_int_equal(apart(other_providers), 0);
	unsetenv("OPENSSL_CONF");
	unlink(path);
}

static long failing;

static bool fails_to_load(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA2-256", NULL));
	allocations_left = failing;
	tls_kdf_query();
	allocations_left = -1;
	return tls_kdf_query() ? !*logged : goes_on_without("cannot be registered");
}

/* Whichever allocation fails: it is ours, or it is OpenSSL's and the log says so. */
static void test_not_loaded(void **state)
{
	for (failing = 0; failing < 40; failing++)
		assert_int_equal(apart(fails_to_load), 0);
}

static bool loads(void)
{
	EVP_KDF *kdf;
	bool done;

	if (!tls_kdf_query() || *logged)
		return false;
	kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", tls_kdf_query());
	done = kdf && strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), "couplet") == 0;
	EVP_KDF_free(kdf);
	return done;
}

static void test_loads(void **state)
{
	assert_int_equal(apart(loads), 0);
}

static int set_up(void **state)
{
	ours = EVP_KDF_fetch(NULL, "TLS13-KDF", tls_kdf_query());
	theirs = EVP_KDF_fetch(NULL, "TLS13-KDF", "provider=default");
	return ours && theirs && strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(ours)), "couplet") == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	EVP_KDF_free(ours);
	EVP_KDF_free(theirs);
	return 0;
}

#define CHECK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	/* First those that need a process in which OpenSSL has not begun. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads),	cmocka_unit_test(test_configured_providers), cmocka_unit_test(test_not_loaded),
		CHECK(test_rfc8448),		CHECK(test_extract_as_openssl),		     CHECK(test_expand_as_openssl),
		CHECK(test_used_again),		CHECK(test_refused),			     CHECK(test_modes_by_name),
		CHECK(test_threads),		CHECK(test_out_of_memory),
	};

	CRYPTO_set_mem_functions(take, change, give_back);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
