/* SPDX-License-Identifier: MIT */
/* A self-signed certificate, by libcrypto. */
#include "core/admin/certificate.h"
#include <arpa/inet.h>
#include <couplet/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <idna.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool good = extension && X509_add_ext(certificate, extension, -1);

	X509_EXTENSION_free(extension);
	return good;
}

/* A GENERAL_NAME made by hand: in the text form of X509V3_EXT_conf a comma in the name would begin another one. */
static bool add_alternative_name(X509 *certificate, const char *ascii)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(ascii);
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool good = names && name && text && ASN1_STRING_set(text, ascii, -1);

	if (good && address) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, address);
		address = NULL;
	} else if (good) {
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		text = NULL;
	}
	good = good && sk_GENERAL_NAME_push(names, name);
	ASN1_IA5STRING_free(text);
	ASN1_OCTET_STRING_free(address);
	if (!good) {
		GENERAL_NAME_free(name);
		GENERAL_NAMES_free(names);
		return false;
	}
	good = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return good;
}

static X509 *make_certificate(EVP_PKEY *key, const char *ascii)
{
	X509 *c = X509_new();
	unsigned char random[16];
	BIGNUM *serial = NULL;
	X509_NAME *name = c ? X509_get_subject_name(c) : NULL;
	bool good = name && RAND_bytes(random, sizeof random) == 1;

	random[0] = (unsigned char)((random[0] & 0x7f) | 0x40); /* positive, 16 bytes (RFC 5280, 4.1.2.2) */
	good = good && (serial = BN_bin2bn(random, sizeof random, NULL)) && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(c));
	good = good && X509_set_version(c, X509_VERSION_3) && X509_gmtime_adj(X509_getm_notBefore(c), -3600) &&
	       X509_time_adj_ex(X509_getm_notAfter(c), CERTIFICATE_DAYS, 0, NULL) && X509_set_pubkey(c, key);
	/* A common name holds 64 characters at most (RFC 5280, appendix A.1); nobody compares it. */
	good = good && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						  (const unsigned char *)(strlen(ascii) <= 64 ? ascii : "XMPP server"), -1, -1, 0) &&
	       X509_set_issuer_name(c, name);
	good = good && add_extension(c, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(c, NID_key_usage, "critical,digitalSignature") && add_extension(c, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_extension(c, NID_subject_key_identifier, "hash") && add_alternative_name(c, ascii) && X509_sign(c, key, EVP_sha256());
	BN_free(serial);
	if (!good) {
		X509_free(c);
		return NULL;
	}
	return c;
}

static int write_pem(const char *path, EVP_PKEY *key, X509 *certificate, const struct passwd *owner, struct cpl_error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST)
		return cpl_fail(error, CPL_E_EXISTS, "%s exists already and is not overwritten", path);
	if (fd < 0)
		return cpl_fail(error, CPL_E_IO, "%s cannot be written: %s", path, strerror(errno));
	FILE *file = fdopen(fd, "w");
	bool good = file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) && PEM_write_X509(file, certificate) && fflush(file) == 0 &&
		    fsync(fd) == 0 && (!owner || fchown(fd, owner->pw_uid, owner->pw_gid) == 0);
	int reason = errno;

	if (file ? fclose(file) != 0 : close(fd) != 0)
		good = false;
	if (good)
		return 0;
	unlink(path);
	return cpl_fail(error, CPL_E_IO, "%s cannot be written: %s", path, strerror(reason));
}

int certificate_generate(struct cpl_str host, const char *path, const char *user, struct cpl_error *error)
{
	char *name = cpl_strdup(host), *ascii = NULL;
	const struct passwd *owner = user && geteuid() == 0 ? getpwnam(user) : NULL;
	int status;

	/* An address of IPv6 stands in brackets in a JID. */
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
		cpl_free(name);
		name = cpl_strdup((struct cpl_str){host.ptr + 1, host.len - 2});
	}
	struct in6_addr address;
	bool good = inet_pton(AF_INET6, name, &address) == 1 || idna_to_ascii_8z(name, &ascii, 0) == IDNA_SUCCESS;

	if (!good) {
		cpl_free(name);
		return cpl_fail(error, CPL_E_INVALID, "%.*s has no ASCII form and cannot stand in a certificate", CPL_ARG(host));
	}
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? make_certificate(key, ascii ? ascii : name) : NULL;

	if (certificate)
		status = write_pem(path, key, certificate, owner, error);
	else
		status = cpl_fail(error, CPL_E_UNSUPPORTED, "the certificate cannot be made: %s", ERR_reason_error_string(ERR_peek_last_error()));
	X509_free(certificate);
	EVP_PKEY_free(key);
	free(ascii);
	cpl_free(name);
	return status;
}
