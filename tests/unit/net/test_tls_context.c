/* SPDX-License-Identifier: MIT */
/* Snapshots of certificates: what is reported about them, and which one a client gets. */
#include "certificate.h"

#include "core/net/tls_binding.h"
#include "core/net/tls_context.h"
#include "core/net/tls_names.h"
#include <couplet/memory.h>
#include <openssl/err.h>

enum { FILES_MAX = 8 };

static char folder[] = "/tmp/couplet-test-XXXXXX";
static char paths[FILES_MAX][CERTIFICATE_PATH];
static unsigned path_count;
static struct cpl_buf reports;

static const struct tls_settings settings = {.min_version = "TLSv1.2"};

static void report(void *data, size_t host, bool fatal, const char *text)
{
	cpl_buf_addf(&reports, "%zu %s: %s\n", host, fatal ? "error" : "warning", text);
}

static const char *new_path(void)
{
	assert_true(path_count < FILES_MAX);
	snprintf(paths[path_count], CERTIFICATE_PATH, "%s/%u.pem", folder, path_count);
	return paths[path_count++];
}

static const char *write_certificate(const struct certificate_options *options)
{
	const char *path = new_path();

	X509_free(certificate_write(path, options));
	return path;
}

static const char *certificate_for(const char *names)
{
	return write_certificate(&(struct certificate_options){.names = names, .valid_until = 3600});
}

static int set_up(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int clean(void **state)
{
	while (path_count)
		unlink(paths[--path_count]);
	cpl_buf_finish(&reports);
	return 0;
}

static int tear_down(void **state)
{
	return rmdir(folder);
}

#define assert_reported(part) assert_non_null(strstr(reports.ptr ? reports.ptr : "", (part)))

/* ---- which certificate a client gets ---- */

/* The subjectAltName's first dNSName of the certificate that a client which asks for `server_name` (may be
 * NULL) is shown. */
static void shown(struct tls_contexts *contexts, const char *server_name, char *name, size_t size)
{
	struct tls_choice choice = {.contexts = contexts};
	SSL_CTX *client_context = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(client_context);
	SSL *server = SSL_new(tls_contexts_default(contexts));
	BIO *one, *other;
	X509 *certificate;
	GENERAL_NAMES *names;

	BIO_new_bio_pair(&one, 0, &other, 0);
	SSL_set_bio(client, one, one);
	SSL_set_bio(server, other, other);
	tls_contexts_choose(&choice);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (server_name)
		SSL_set_tlsext_host_name(client, server_name);
	for (unsigned round = 0; round < 10; round++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(client));
	certificate = SSL_get1_peer_certificate(client);
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	snprintf(name, size, "%s",
		 (const char *)ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 0)->d.dNSName));
	GENERAL_NAMES_free(names);
	X509_free(certificate);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_context);
}

#define assert_shown(contexts, server_name, expected)                                                        \
	do {                                                                                                 \
		char name_shown[128];                                                                        \
		shown((contexts), (server_name), name_shown, sizeof(name_shown));                            \
		assert_string_equal(name_shown, (expected));                                                 \
	} while (0)

static void test_server_names(void **state)
{
	const struct tls_host hosts[] = {
		{.name = CPL_STR("plain.example")},
		{.name = CPL_STR("example.org"),
		 .certificate = certificate_for("DNS:example.org,DNS:rooms.example.org")},
		{.name = CPL_STR("rooms.example.org")},
		{.name = CPL_STR("own.example.org"), .certificate = certificate_for("DNS:own.example.org")},
		{.name = CPL_STR("a.own.example.org")},
		{.name = CPL_STR("b\xc3\xbc"
				 "cher.example"),
		 .certificate = certificate_for("DNS:xn--bcher-kva.example")},
	};
	struct tls_contexts *contexts = tls_contexts_create(hosts, 6, &settings, report, NULL);

	assert_str(cpl_buf_str(&reports), "");
	assert_non_null(contexts);
	assert_false(tls_contexts_serves(contexts, CPL_STR("plain.example")));
	assert_true(tls_contexts_serves(contexts, CPL_STR("example.org")));
	assert_true(tls_contexts_serves(contexts, CPL_STR("rooms.example.org")));
	assert_true(tls_contexts_serves(contexts, CPL_STR("b\xc3\xbc"
							  "cher.example")));
	assert_false(tls_contexts_serves(contexts, CPL_STR("unknown.example.org")));
	assert_false(tls_contexts_serves(NULL, CPL_STR("example.org")));
	assert_shown(contexts, "example.org", "example.org");
	assert_shown(contexts, "EXAMPLE.org", "example.org");
	assert_shown(contexts, "rooms.example.org", "example.org");
	assert_shown(contexts, "own.example.org", "own.example.org");
	assert_shown(contexts, "a.own.example.org", "own.example.org");
	assert_shown(contexts, "xn--bcher-kva.example", "xn--bcher-kva.example");
	/* No name, an unknown one, and a host without a certificate: the first that has one. */
	assert_shown(contexts, NULL, "example.org");
	assert_shown(contexts, "unknown.example", "example.org");
	assert_shown(contexts, "plain.example", "example.org");
	tls_contexts_install(tls_contexts_ref(contexts));
	tls_contexts_unref(&contexts);
	assert_null(contexts);
	assert_true(tls_contexts_serves(tls_contexts_current(), CPL_STR("example.org")));
	tls_contexts_install(NULL);
	assert_null(tls_contexts_current());
}

static void test_no_certificate_at_all(void **state)
{
	const struct tls_host host = {.name = CPL_STR("example.org")};
	struct tls_contexts *contexts = tls_contexts_create(&host, 1, &settings, report, NULL);

	assert_non_null(contexts);
	assert_null(tls_contexts_default(contexts));
	assert_false(tls_contexts_serves(contexts, CPL_STR("example.org")));
	tls_contexts_unref(&contexts);
}

/* ---- what is reported ---- */

/* Everything that is wrong, in one pass, each with its host. */
static void test_errors(void **state)
{
	const char *no_key = write_certificate(&(struct certificate_options){
		.names = "DNS:example.org", .valid_until = 3600, .no_key = true});
	const char *encrypted = write_certificate(&(struct certificate_options){
		.names = "DNS:example.org", .valid_until = 3600, .passphrase = "secret"});
	const char *good = certificate_for("DNS:example.org");
	const char *other = certificate_for("DNS:example.org");
	const char *text = new_path();
	FILE *file = fopen(text, "w");
	const struct tls_host hosts[] = {
		{.name = CPL_STR("example.org"), .certificate = "/nonexistent/example.org.pem"},
		{.name = CPL_STR("example.org"), .certificate = good, .key = "/nonexistent/key.pem"},
		{.name = CPL_STR("example.org"), .certificate = no_key},
		{.name = CPL_STR("example.org"), .certificate = encrypted},
		{.name = CPL_STR("example.org"), .certificate = good, .key = other},
		{.name = CPL_STR("example.org"), .certificate = text},
		{.name = CPL_STR("example.org"), .certificate = good},
	};

	fputs("this is no certificate\n", file);
	fclose(file);
	assert_null(tls_contexts_create(hosts, 7, &settings, report, NULL));
	assert_reported("0 error: cannot read /nonexistent/example.org.pem: No such file or directory\n");
	assert_reported("1 error: cannot read /nonexistent/key.pem: No such file or directory\n");
	assert_reported("2 error: ");
	assert_reported("3 error: ");
	assert_reported("4 error: the private key in ");
	assert_reported("5 error: ");
	assert_null(strstr(reports.ptr, "6 error"));
	assert_null(strstr(reports.ptr, "secret"));
	/* Nothing is left for an unrelated call to stumble over. */
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_warnings(void **state)
{
	const struct tls_host hosts[] = {
		{.name = CPL_STR("example.org"),
		 .certificate = write_certificate(&(struct certificate_options){
			 .names = "DNS:example.org", .valid_from = -7200, .valid_until = -3600})},
		{.name = CPL_STR("example.com"),
		 .certificate = write_certificate(&(struct certificate_options){
			 .names = "DNS:example.com", .valid_from = 3600, .valid_until = 7200})},
		{.name = CPL_STR("example.net"), .certificate = certificate_for("DNS:example.org")},
	};
	struct tls_contexts *contexts = tls_contexts_create(hosts, 3, &settings, report, NULL);

	assert_non_null(contexts);
	assert_reported("0 warning: ");
	assert_reported("has expired");
	assert_reported("1 warning: ");
	assert_reported("is not valid yet");
	assert_reported("2 warning: ");
	assert_reported("does not name example.net");
	tls_contexts_unref(&contexts);
}

static void test_settings(void **state)
{
	const struct tls_host host = {.name = CPL_STR("example.org"),
				      .certificate = certificate_for("DNS:example.org")};

	assert_null(tls_contexts_create(&host, 1, &(struct tls_settings){.min_version = "TLSv1.1"}, report,
					NULL));
	assert_reported("1 error: the lowest TLS version must be TLSv1.2 or TLSv1.3, not TLSv1.1");
	assert_null(tls_contexts_create(
		&host, 1, &(struct tls_settings){.min_version = "TLSv1.2", .ciphers = "NONSENSE"}, report,
		NULL));
	assert_reported("1 error: no cipher of TLS 1.2 is known in \"NONSENSE\"");
	assert_null(tls_contexts_create(
		&host, 1, &(struct tls_settings){.min_version = "TLSv1.2", .suites = "TLS_AES_128_GCM_SHA256:NONSENSE"}, report,
		NULL));
	assert_reported("1 error: no cipher suite of TLS 1.3 is called \"NONSENSE\"; there are TLS_AES_128_GCM_SHA256, "
			"TLS_AES_256_GCM_SHA384 and TLS_CHACHA20_POLY1305_SHA256");
}

/* ---- names in certificates (RFC 6120 13.7.1.2) ---- */

static bool names(const char *subject_alt_name, const char *host)
{
	const char *path = new_path();
	X509 *certificate = certificate_write(
		path, &(struct certificate_options){.names = subject_alt_name, .valid_until = 3600});
	bool named = tls_names_certificate_names(certificate, cpl_str_of(host));

	X509_free(certificate);
	clean(NULL);
	return named;
}

static void test_names(void **state)
{
	assert_true(names("DNS:example.org", "example.org"));
	assert_true(names("DNS:*.example.org", "rooms.example.org"));
	assert_false(names("DNS:*.example.org", "example.org"));
	assert_true(names("otherName:1.3.6.1.5.5.7.8.5;UTF8:example.org", "example.org"));
	assert_true(names("otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-client.example.org", "example.org"));
	assert_true(names("otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-server.example.org", "example.org"));
	assert_false(names("otherName:1.3.6.1.5.5.7.8.7;IA5:_imap.example.org", "example.org"));
	/* The common name is "test". */
	assert_false(names("DNS:example.org", "test"));
}

/* ---- tls-server-end-point (RFC 5929 4.1) ---- */

static size_t end_point_of(const char *path, unsigned char out[64])
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *ssl;
	size_t len;

	SSL_CTX_set_security_level(context, 0);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, path), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM), 1);
	ssl = SSL_new(context);
	len = tls_binding_data(ssl, CPL_BINDING_SERVER_END_POINT, false, out);
	SSL_free(ssl);
	SSL_CTX_free(context);
	return len;
}

static void check_end_point(const EVP_MD *signature, const EVP_MD *expected)
{
	const char *path = new_path();
	X509 *certificate = certificate_write(path, &(struct certificate_options){.names = "DNS:example.org",
										  .valid_until = 3600,
										  .digest = signature});
	unsigned char ours[64], hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	X509_digest(certificate, expected, hash, &len);
	assert_int_equal(end_point_of(path, ours), len);
	assert_memory_equal(ours, hash, len);
	X509_free(certificate);
	clean(NULL);
}

static void test_end_point_hash(void **state)
{
	check_end_point(EVP_sha256(), EVP_sha256());
	check_end_point(EVP_sha384(), EVP_sha384());
	check_end_point(EVP_sha512(), EVP_sha512());
	check_end_point(EVP_sha1(), EVP_sha256());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_server_names, clean),
		cmocka_unit_test_teardown(test_no_certificate_at_all, clean),
		cmocka_unit_test_teardown(test_errors, clean),
		cmocka_unit_test_teardown(test_warnings, clean),
		cmocka_unit_test_teardown(test_settings, clean),
		cmocka_unit_test_teardown(test_names, clean),
		cmocka_unit_test_teardown(test_end_point_hash, clean),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
