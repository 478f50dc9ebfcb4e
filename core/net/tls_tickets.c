/* SPDX-License-Identifier: MIT */
/* Keys of session tickets. */
#include "core/net/tls_tickets.h"

#include "core/loop/loop.h"

#include <couplet/time.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <pthread.h>

enum {
	IV_SIZE = 16,
	/* Answers to OpenSSL. */
	FAILED = -1, /* no handshake */
	UNKNOWN_TICKET = 0, /* a full handshake */
	SEALED = 1,
	OPENED = 2, /* and another ticket is due: one should not be used twice (RFC 8446 C.4) */
};

struct keys {
	unsigned char name[16]; /* zeroes: there are none */
	unsigned char cipher[32];
	unsigned char mac[32];
};

static struct {
	pthread_mutex_t lock; /* of the keys */
	struct keys current, former;
	struct loop_timer timer;
	int64_t lifetime_ms;
} tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_set(const struct keys *keys)
{
	static const unsigned char none[sizeof(keys->name)];

	return memcmp(keys->name, none, sizeof(none)) != 0;
}

void tls_tickets_rotate(void)
{
	struct keys fresh;

	cpl_random_bytes(&fresh, sizeof(fresh));
	pthread_mutex_lock(&tickets.lock);
	tickets.former = tickets.current;
	tickets.current = fresh;
	pthread_mutex_unlock(&tickets.lock);
	OPENSSL_cleanse(&fresh, sizeof(fresh));
}

static void rotate(struct loop_timer *timer)
{
	tls_tickets_rotate();
	loop_timer_start(timer, tickets.lifetime_ms, rotate);
}

void tls_tickets_start(int64_t lifetime_ms)
{
	if (lifetime_ms == tickets.lifetime_ms)
		return;
	tickets.lifetime_ms = lifetime_ms;
	loop_timer_stop(&tickets.timer);
	if (lifetime_ms <= 0) {
		tls_tickets_finish();
		return;
	}
	if (!is_set(&tickets.current))
		tls_tickets_rotate();
	loop_timer_start(&tickets.timer, lifetime_ms, rotate);
}

void tls_tickets_finish(void)
{
	loop_timer_stop(&tickets.timer);
	tickets.lifetime_ms = 0;
	pthread_mutex_lock(&tickets.lock);
	OPENSSL_cleanse(&tickets.current, sizeof(tickets.current));
	OPENSSL_cleanse(&tickets.former, sizeof(tickets.former));
	pthread_mutex_unlock(&tickets.lock);
}

/* A copy of the keys to use, and the answer for OpenSSL. */
static int choose(struct keys *keys, unsigned char name[16], bool sealing)
{
	bool former;

	pthread_mutex_lock(&tickets.lock);
	former = !sealing && memcmp(name, tickets.current.name, sizeof(keys->name)) != 0;
	*keys = former ? tickets.former : tickets.current;
	pthread_mutex_unlock(&tickets.lock);
	/* Tickets have ended during a handshake that promises one: OpenSSL knows no way back, so it gets one that nobody can open. */
	if (sealing && !is_set(keys))
		cpl_random_bytes(keys, sizeof(*keys));
	if (sealing)
		return SEALED;
	return is_set(keys) && memcmp(name, keys->name, sizeof(keys->name)) == 0 ? OPENED : UNKNOWN_TICKET;
}

int tls_tickets_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	struct keys keys;
	int answer = choose(&keys, name, sealing);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys.mac, sizeof(keys.mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};

	if (answer > UNKNOWN_TICKET && sealing) {
		memcpy(name, keys.name, sizeof(keys.name));
		cpl_random_bytes(iv, IV_SIZE);
	}
	if (answer > UNKNOWN_TICKET && (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys.cipher, iv, sealing) != 1 ||
					EVP_MAC_CTX_set_params(mac, params) != 1))
		answer = FAILED;
	OPENSSL_cleanse(&keys, sizeof(keys));
	return answer;
}
