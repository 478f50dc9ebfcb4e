/* SPDX-License-Identifier: MIT */
/*
 * The key derivation of TLS 1.3 (RFC 8446 7.1, over HKDF, RFC 5869) as a provider of OpenSSL's inside this program.
 * libssl derives 20 times a handshake, and OpenSSL 3.0's own "TLS13-KDF" looks an HMAC and a hash up by name, and builds
 * contexts for them, each time. Here the hashes are fetched once. It is an exception to the rule that a library beats
 * code of ours, made because it spares a tenth of a handshake's CPU (bench/README.md, "A login with TLS"); the hashes
 * stay OpenSSL's, and all arithmetic with them.
 *
 * Offered is what TLS 1.3 has use for: HKDF-Extract with what it is fed from, and HKDF-Expand-Label, over SHA-256 and
 * SHA-384. Anything else is refused with an error in OpenSSL's queue. A secret is cleansed from all memory of ours
 * before the call that was given it returns, or with the EVP_KDF_CTX it was set in.
 */
#ifndef CORE_NET_TLS_KDF_H
#define CORE_NET_TLS_KDF_H

enum {
	TLS_KDF_SECRET_MAX = 1024, /* of a key exchange: ffdhe8192 has the longest */
	TLS_KDF_LABEL_MAX = 255, /* prefix and label together; RFC 8446 7.1, HkdfLabel */
	TLS_KDF_CONTEXT_MAX = 255, /* likewise */
	TLS_KDF_BLOCKS_MAX = 255, /* the output of one call, in hashes; RFC 5869 2.3 */
};

/*
 * The property query for SSL_CTX_new_ex() that prefers this derivation to OpenSSL's; every other algorithm is chosen as
 * without it. NULL, with a line in the log: OpenSSL's own is to be used, either because ours could not be registered, or
 * because OpenSSL's configuration file activates providers besides the default one or asks for FIPS: who chooses
 * providers gets all cryptography from these. The first call decides for the life of the process. Any thread.
 */
const char *tls_kdf_query(void);

#endif
