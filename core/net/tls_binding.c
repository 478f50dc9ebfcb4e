/* SPDX-License-Identifier: MIT */
/* Channel bindings. */
#include "core/net/tls_binding.h"
#include <openssl/err.h>
#include <openssl/x509.h>

enum { EXPORTER_SIZE = 32, BINDING_MAX = 64 };

/* TLS 1.2 without extended master secret lets two connections share a master secret (the triple handshake
 * attack, RFC 7627 1). */
static bool unique_secret(SSL *ssl)
{
	return SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1;
}

/* RFC 9266 2. */
static size_t exporter(SSL *ssl, unsigned char *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (!unique_secret(ssl))
		return 0;
	if (out && SSL_export_keying_material(ssl, out, EXPORTER_SIZE, label, sizeof(label) - 1,
					      (const unsigned char *)"", 0, 1) != 1)
		return 0;
	return EXPORTER_SIZE;
}

/* RFC 5929 4.1: the hash of the signature algorithm, SHA-256 in place of MD5 and SHA-1. */
static size_t server_end_point(SSL *ssl, unsigned char *out)
{
	X509 *certificate = SSL_get_certificate(ssl);
	unsigned char digest[EVP_MAX_MD_SIZE];
	const EVP_MD *hash;
	unsigned len = 0;
	int nid;

	if (!certificate || X509_get_signature_info(certificate, &nid, NULL, NULL, NULL) != 1 ||
	    nid == NID_undef)
		return 0;
	if (nid == NID_md5 || nid == NID_sha1 || nid == NID_md5_sha1)
		nid = NID_sha256;
	hash = EVP_get_digestbynid(nid);
	if (!hash || EVP_MD_get_size(hash) > BINDING_MAX)
		return 0;
	if (!out)
		return (size_t)EVP_MD_get_size(hash);
	if (X509_digest(certificate, hash, digest, &len) != 1)
		return 0;
	memcpy(out, digest, len);
	return len;
}

/* RFC 5929 3: the first Finished, which is the client's, or the server's when the session was resumed. */
static size_t unique(SSL *ssl, bool unique_tls13, unsigned char *out)
{
	unsigned char finished[BINDING_MAX];
	size_t len;

	if (SSL_version(ssl) >= TLS1_3_VERSION ? !unique_tls13 : !unique_secret(ssl))
		return 0;
	len = SSL_session_reused(ssl) ? SSL_get_finished(ssl, finished, sizeof(finished)) : SSL_get_peer_finished(ssl, finished, sizeof(finished));
	if (len > sizeof(finished))
		return 0;
	if (out)
		memcpy(out, finished, len);
	return len;
}

size_t tls_binding_data(SSL *ssl, enum cpl_binding kind, bool unique_tls13, unsigned char *out)
{
	size_t len = 0;

	switch (kind) {
	case CPL_BINDING_TLS_UNIQUE:
		len = unique(ssl, unique_tls13, out);
		break;
	case CPL_BINDING_SERVER_END_POINT:
		len = server_end_point(ssl, out);
		break;
	case CPL_BINDING_EXPORTER:
		len = exporter(ssl, out);
		break;
	}
	ERR_clear_error();
	return len;
}
