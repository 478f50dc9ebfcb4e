/* SPDX-License-Identifier: MIT */
/* Certificates made by the test itself, in a folder of its own. */
#ifndef TESTS_UNIT_NET_CERTIFICATE_H
#define TESTS_UNIT_NET_CERTIFICATE_H

#include "unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

enum { CERTIFICATE_PATH = 96 };

struct certificate_options {
	const char *names;  /* subjectAltName in OpenSSL's notation, e.g. "DNS:example.org" */
	int64_t valid_from; /* seconds from now */
	int64_t valid_until;
	const EVP_MD *digest;	/* NULL: SHA-256 */
	EVP_PKEY *key;		/* NULL: a fresh one on P-256 */
	bool no_key;		/* the file has no private key */
	const char *passphrase; /* the private key is encrypted with it */
};

/* Writes certificate and key to `path`. Returns the certificate, to be freed. */
static inline X509 *certificate_write(const char *path, const struct certificate_options *options)
{
	EVP_PKEY *key = options->key ? options->key : EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *extension;
	FILE *file = fopen(path, "w");

	assert_non_null(key);
	assert_non_null(file);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), (long)options->valid_from);
	X509_gmtime_adj(X509_getm_notAfter(certificate), (long)options->valid_until);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, options->names);
	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(certificate, key, options->digest ? options->digest : EVP_sha256()) > 0);
	PEM_write_X509(file, certificate);
	if (!options->no_key)
		PEM_write_PrivateKey(file, key, options->passphrase ? EVP_aes_256_cbc() : NULL, NULL, 0, NULL,
				     (void *)(uintptr_t)options->passphrase);
	fclose(file);
	if (!options->key)
		EVP_PKEY_free(key);
	return certificate;
}

#endif
