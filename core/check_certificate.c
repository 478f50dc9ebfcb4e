/* SPDX-License-Identifier: MIT */
/* Checks of certificates: files, dates, names, keys, chains. */
#include "core/check.h"

#include "core/net/tls_names.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/* ---- reading ---- */

/* Nobody is asked for a pass phrase: a server starts by itself. */
static int no_phrase(char *phrase, int size, int writing, void *data)
{
	return 0;
}

static void read_chain(struct check_pem *pem, const char *path)
{
	FILE *file = path ? fopen(path, "re") : NULL;
	X509 *next;

	pem->chain = sk_X509_new_null();
	pem->certificate_there = file != NULL;
	if (!file)
		return;
	pem->certificate = PEM_read_X509(file, NULL, no_phrase, NULL);
	while (pem->certificate && (next = PEM_read_X509(file, NULL, no_phrase, NULL)))
		sk_X509_push(pem->chain, next);
	fclose(file);
	ERR_clear_error();
}

void check_pem_read(struct check_pem *pem, const char *certificate, const char *key)
{
	FILE *file = fopen(key ? key : certificate, "re");

	*pem = (struct check_pem){.key_there = file != NULL};
	read_chain(pem, certificate);
	if (file) {
		pem->key = PEM_read_PrivateKey(file, NULL, no_phrase, NULL);
		fclose(file);
	}
	ERR_clear_error();
}

void check_pem_finish(struct check_pem *pem)
{
	X509_free(pem->certificate);
	sk_X509_pop_free(pem->chain, X509_free);
	EVP_PKEY_free(pem->key);
}

/* ---- what is wrong ---- */

/* Whether a client that trusts what this machine trusts would take it: the text of what is wrong, or NULL. Dates are told apart. */
static const char *chain_fault(const struct check_pem *pem)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	const char *fault = "no memory";
	int code;

	if (store && context && X509_STORE_set_default_paths(store) == 1 && X509_STORE_CTX_init(context, store, pem->certificate, pem->chain) == 1) {
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
		code = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
		fault = code == X509_V_OK ? NULL : X509_verify_cert_error_string(code);
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return fault;
}

static bool check_dates(struct check *check, const char *subject, const char *renew, X509 *certificate)
{
	int days = 0, seconds = 0;

	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
		check_say(check, CHECK_WRONG, subject, "timedatectl set-ntp true, or wait", "it is not valid yet");
		return false;
	}
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
		check_say(check, CHECK_WRONG, subject, renew, "it has expired");
		return false;
	}
	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
	if (days < CHECK_DAYS)
		check_say(check, CHECK_WARNING, subject, renew, "it expires in %d days", days);
	return true;
}

static bool check_key(struct check *check, const struct check_pem *pem, const char *subject, const char *key)
{
	char *remedy = cpl_asprintf("key: FILE for %s, or put the key into the file of the certificate", subject);
	bool good = false;
	int bits = pem->key ? EVP_PKEY_get_bits(pem->key) : 0;

	if (!pem->key_there)
		check_say(check, CHECK_WRONG, subject, remedy, "the key %s cannot be read", key);
	else if (!pem->key)
		check_say(check, CHECK_WRONG, subject, remedy, "%s holds no private key without a pass phrase", key);
	else if (X509_check_private_key(pem->certificate, pem->key) != 1)
		check_say(check, CHECK_WRONG, subject, remedy, "the key in %s is that of another certificate", key);
	else if (EVP_PKEY_is_a(pem->key, "RSA") && bits < 2048)
		check_say(check, CHECK_WRONG, subject, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "an RSA key of %d bits is too weak", bits);
	else
		good = true;
	ERR_clear_error();
	cpl_free(remedy);
	return good;
}

/* Others may not read a key, and the server must. */
static bool check_mode(struct check *check, const char *subject, const char *path)
{
	struct stat st;
	char *remedy = cpl_asprintf("chown %s %s && chmod 0600 %s", check->user, path, path);
	bool good = true;

	if (stat(path, &st) == 0 && st.st_mode & 07) {
		check_say(check, CHECK_WRONG, subject, remedy, "everybody may read the key %s (mode %04o)", path, st.st_mode & 07777);
		good = false;
	} else if (check->uid && st.st_uid != check->uid && !(st.st_gid == check->gid && st.st_mode & 040)) {
		check_say(check, CHECK_WRONG, subject, remedy, "%s may not read the key %s", check->user, path);
		good = false;
	}
	cpl_free(remedy);
	return good;
}

bool check_pem(struct check *check, const struct check_pem *pem, const struct config_host *host, const char *certificate, const char *key)
{
	char *subject = cpl_asprintf("certificate %.*s", CPL_ARG(host->name));
	char *make = cpl_asprintf("coupletctl cert generate %.*s, or coupletctl cert import FOLDER", CPL_ARG(host->name));
	unsigned before = check->wrong, warnings = check->warnings;
	const char *fault;

	if (!pem->certificate_there) {
		check_say(check, CHECK_WRONG, subject, make, "%s cannot be read", certificate);
	} else if (!pem->certificate) {
		check_say(check, CHECK_WRONG, subject, make, "%s holds no certificate", certificate);
	} else if (check_key(check, pem, subject, key) && check_dates(check, subject, make, pem->certificate)) {
		if (!tls_names_certificate_names(pem->certificate, host->name))
			check_say(check, CHECK_WRONG, subject, make, "%s is not for %.*s", certificate, CPL_ARG(host->name));
		else if (X509_self_signed(pem->certificate, 1) == 1)
			check_say(check, CHECK_WARNING, subject, "coupletctl cert import /etc/letsencrypt", "it is signed by itself: clients will ask whether to trust it");
		else if ((fault = chain_fault(pem)))
			check_say(check, CHECK_WRONG, subject, "certificate: the file with the whole chain, such as fullchain.pem", "the chain in %s does not lead to an authority: %s",
				  certificate, fault);
	}
	if (check->wrong == before && check->warnings == warnings)
		check_say(check, CHECK_OK, subject, NULL, "%s is good", certificate);
	cpl_free(make);
	cpl_free(subject);
	return check->wrong == before;
}

void check_certificates(struct check *check, const struct config_host *only)
{
	for (size_t i = 0; i < check->config->host_count; i++) {
		const struct config_host *host = &check->config->hosts[i];
		const char *path = host->certificate.ptr, *key = host->key.ptr ? host->key.ptr : path;
		struct check_pem pem;
		char *subject;

		if ((only && only != host) || (!path && host->component.ptr))
			continue;
		subject = cpl_asprintf("certificate %.*s", CPL_ARG(host->name));
		if (!path) {
			char *remedy = cpl_asprintf("%.*s: {certificate: certs/%.*s.pem}", CPL_ARG(host->name), CPL_ARG(host->name));

			check_say(check, CHECK_WARNING, subject, remedy, "the host has none of its own: clients have no TLS, or that of a parent domain");
			cpl_free(remedy);
		} else {
			check_pem_read(&pem, path, host->key.ptr);
			check_pem(check, &pem, host, path, key);
			if (pem.key_there)
				check_mode(check, subject, key);
			check_pem_finish(&pem);
		}
		cpl_free(subject);
	}
}
