/* SPDX-License-Identifier: MIT */
/* TLS of one connection: handshake steps on workers, records on the session thread. */
#include "core/net/tls.h"
#include "core/base/memory.h"
#include "core/loop/worker.h"
#include "core/net/tls_binding.h"
#include "core/net/tls_bio.h"
#include "core/net/tls_memory.h"
#include <assert.h>
#include <openssl/err.h>
#include <stdio.h>

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384 + 256, /* RFC 8446 5.2; enough for TLS 1.2's handshake as well */
	HANDSHAKE_RECORD = 22,
};

struct tls {
	struct tls_choice choice;
	SSL *ssl;
	struct handshake *handshake; /* NULL once records are exchanged */
	BIO *leftover;		     /* what OpenSSL had not read when the handshake was complete */
	const char *error;	     /* static */
	int64_t held;		     /* by OpenSSL */
	enum tls_state state;
	bool dead; /* a fatal error: OpenSSL must not be asked to send any more */
};

/* What only the handshake needs. */
struct handshake {
	struct tls *tls;
	struct worker_job job;
	struct cpl_buf in; /* ciphertext that OpenSSL has not got */
	size_t whole;	   /* bytes of it that are whole records: what the step is given */
	size_t taken;	   /* ciphertext so far */
	unsigned steps;
	int result;		 /* of the step: SSL_ERROR_... */
	struct cpl_list waiting; /* for its turn */
	void (*stepped)(struct tls *tls, void *owner);
	void *owner;
};

static struct cpl_list waiting = {&waiting, &waiting};
static size_t waiting_count;
static size_t in_flight;

/* Nearly always there are none, and to clear the queue all the same costs as much as a small record. */
static void forget_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

static void set_error(struct tls *tls, const char *fallback)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	tls->error = reason ? reason : fallback;
	forget_errors();
}

static enum tls_state fail(struct tls *tls, const char *why)
{
	tls->error = why;
	tls->dead = true;
	tls->state = TLS_FAILED;
	return tls->state;
}

/* ---- a step of the handshake ---- */

/* The SSL object is made on the worker too: it costs, and who never sends a ClientHello should not have one.
 */
static bool make_ssl(struct tls *tls)
{
	BIO *in = BIO_new(BIO_s_mem());
	BIO *out = BIO_new(BIO_s_mem());

	tls->ssl = SSL_new(tls_contexts_default(tls->choice.contexts));
	if (!tls->ssl || !in || !out) {
		BIO_free(in);
		BIO_free(out);
		return false;
	}
	SSL_set_bio(tls->ssl, in, out);
	SSL_set_accept_state(tls->ssl);
	return true;
}

/*
 * The keys of the key exchange have done their work, but an SSL object keeps both until it is freed: ours, which is better forgotten, and the peer's. Their objects stay, empty (430 bytes less).
 */
static void forget_exchange(SSL *ssl)
{
	EVP_PKEY *keys[] = {NULL, NULL};

	SSL_get_tmp_key(ssl, &keys[0]);
	SSL_get_peer_tmp_key(ssl, &keys[1]);
	for (size_t at = 0; at < 2; at++) {
		/* Setting a type releases what the object holds. */
		if (keys[at])
			EVP_PKEY_set_type(keys[at], EVP_PKEY_X25519);
		EVP_PKEY_free(keys[at]);
	}
	ERR_clear_error();
}

static void take_step(struct handshake *handshake)
{
	struct tls *tls = handshake->tls;
	int result;

	forget_errors();
	if ((!tls->ssl && !make_ssl(tls)) ||
	    BIO_write(SSL_get_rbio(tls->ssl), handshake->in.ptr, (int)handshake->whole) != (int)handshake->whole) {
		handshake->result = SSL_ERROR_SSL;
		set_error(tls, "out of memory");
		return;
	}
	tls_contexts_choose(&tls->choice);
	result = SSL_do_handshake(tls->ssl);
	tls_contexts_choose(NULL);
	handshake->result = result == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, result);
	if (handshake->result == SSL_ERROR_NONE)
		forget_exchange(tls->ssl);
	else if (handshake->result != SSL_ERROR_WANT_READ)
		set_error(tls, "handshake failed");
}

static void work(struct worker_job *job)
{
	struct handshake *handshake = CPL_CONTAINER(job, struct handshake, job);

	tls_memory_count(&handshake->tls->held);
	take_step(handshake);
	tls_memory_count(NULL);
}

/* How much of the buffer is whole records; -1 when it cannot be TLS. */
static ptrdiff_t whole_records(struct cpl_str in)
{
	size_t at = 0;

	while (in.len - at >= RECORD_HEADER) {
		const unsigned char *header = (const unsigned char *)in.ptr + at;
		size_t size = (size_t)header[3] << 8 | header[4];

		if (size > RECORD_MAX || header[1] != 3)
			return -1;
		if (in.len - at < RECORD_HEADER + size)
			break;
		at += RECORD_HEADER + size;
	}
	return (ptrdiff_t)at;
}

static void start_waiting(void);

static void step_done(struct worker_job *job)
{
	struct handshake *handshake = CPL_CONTAINER(job, struct handshake, job);
	struct tls *tls = handshake->tls;
	struct cpl_buf *in = &handshake->in;
	struct cpl_str rest = {in->ptr + handshake->whole, in->len - handshake->whole};

	in_flight--;
	start_waiting();
	switch (handshake->result) {
	case SSL_ERROR_NONE:
		/* The beginning of a record may have come behind the last whole one. */
		tls->state = TLS_STANDS;
		if (rest.len && BIO_write(SSL_get_rbio(tls->ssl), rest.ptr, (int)rest.len) != (int)rest.len)
			fail(tls, "out of memory");
		cpl_buf_finish(in);
		break;
	case SSL_ERROR_WANT_READ:
		tls->state = TLS_WANTS_INPUT;
		if (rest.len)
			memmove(in->ptr, rest.ptr, rest.len);
		in->len = rest.len;
		break;
	default:
		tls->state = TLS_FAILED;
		tls->dead = true;
		break;
	}
	handshake->whole = 0;
	handshake->stepped(tls, handshake->owner);
}

static void start_waiting(void)
{
	while (in_flight < TLS_STEPS_IN_FLIGHT) {
		struct cpl_list *node = cpl_list_take(&waiting);
		struct handshake *handshake;

		if (!node)
			return;
		handshake = CPL_CONTAINER(node, struct handshake, waiting);
		waiting_count--;
		in_flight++;
		handshake->job.work = work;
		handshake->job.done = step_done;
		worker_start(&handshake->job);
	}
}

struct tls *tls_create(struct tls_contexts *contexts, const char *alpn,
		       void (*stepped)(struct tls *tls, void *owner), void *owner)
{
	struct tls *tls = CPL_NEW(struct tls);
	struct handshake *handshake = tls->handshake = CPL_NEW(struct handshake);

	assert(tls_contexts_default(contexts));
	tls->choice.contexts = tls_contexts_ref(contexts);
	tls->choice.alpn = alpn;
	handshake->tls = tls;
	handshake->stepped = stepped;
	handshake->owner = owner;
	tls->state = TLS_WANTS_INPUT;
	return tls;
}

static void handshake_destroy(struct handshake **handshake)
{
	if (*handshake)
		cpl_buf_finish(&(*handshake)->in);
	CPL_FREE(*handshake);
}

void tls_destroy(struct tls **tls)
{
	struct tls *dying = *tls;

	*tls = NULL;
	if (!dying)
		return;
	assert(dying->state != TLS_WORKING);
	SSL_free(dying->ssl);
	BIO_free(dying->leftover);
	handshake_destroy(&dying->handshake);
	tls_contexts_unref(&dying->choice.contexts);
	cpl_free(dying);
}

enum tls_state tls_state(const struct tls *tls)
{
	return tls->state;
}

enum tls_state tls_abandon(struct tls *tls)
{
	if (tls->state == TLS_WORKING && cpl_list_linked(&tls->handshake->waiting)) {
		cpl_list_remove(&tls->handshake->waiting);
		waiting_count--;
		fail(tls, "abandoned");
	}
	return tls->state;
}

enum tls_state tls_handshake(struct tls *tls, struct cpl_str bytes)
{
	struct handshake *handshake = tls->handshake;
	ptrdiff_t whole;

	assert(tls->state == TLS_WANTS_INPUT);
	if (!bytes.len)
		return tls->state;
	handshake->taken += bytes.len;
	if (handshake->taken > TLS_HANDSHAKE_BYTES_MAX)
		return fail(tls, "the handshake is too long");
	cpl_buf_add(&handshake->in, bytes);
	if (!handshake->steps && handshake->in.ptr[0] != HANDSHAKE_RECORD)
		return fail(tls, "not a TLS handshake");
	whole = whole_records(cpl_buf_str(&handshake->in));
	if (whole < 0)
		return fail(tls, "not a TLS record");
	if (!whole)
		return tls->state;
	if (++handshake->steps > TLS_STEPS_MAX)
		return fail(tls, "the handshake comes in too many pieces");
	handshake->whole = (size_t)whole;
	tls->state = TLS_WORKING;
	cpl_list_append(&waiting, &handshake->waiting);
	waiting_count++;
	start_waiting();
	return tls->state;
}

void tls_take_output(struct tls *tls, struct output *raw)
{
	char *bytes = NULL;
	long len;

	assert(tls->state != TLS_WORKING && tls->handshake);
	if (!tls->ssl)
		return;
	len = BIO_get_mem_data(SSL_get_wbio(tls->ssl), &bytes);
	if (len > 0)
		output_add(raw, (struct cpl_str){bytes, (size_t)len});
	(void)BIO_reset(SSL_get_wbio(tls->ssl));
}

bool tls_output_can_wait(const struct tls *tls)
{
	return tls->state == TLS_STANDS && SSL_version(tls->ssl) >= TLS1_3_VERSION;
}

const char *tls_error(const struct tls *tls)
{
	return tls->error;
}

/* ---- records ---- */

/* From the handshake's memory BIOs to the shared one. */
static void turn_to_records(struct tls *tls)
{
	BIO *in = SSL_get_rbio(tls->ssl);

	assert(tls->state == TLS_STANDS);
	handshake_destroy(&tls->handshake);
	if (BIO_pending(in) > 0) {
		BIO_up_ref(in);
		tls->leftover = in;
	}
	SSL_set0_rbio(tls->ssl, tls_bio_ref());
	SSL_set0_wbio(tls->ssl, tls_bio_ref());
}

static enum tls_read read_records(struct tls *tls, char *out, size_t size, size_t *len)
{
	while (*len < size) {
		size_t room = size - *len;
		int count;

		forget_errors();
		count = SSL_read(tls->ssl, out + *len, (int)room);
		if (count > 0) {
			*len += (size_t)count;
			/* To be told that there is no more costs as much as a small record. */
			if (tls_bio_exhausted() && !SSL_has_pending(tls->ssl))
				return TLS_READ_ALL;
			continue;
		}
		switch (SSL_get_error(tls->ssl, count)) {
		case SSL_ERROR_WANT_READ:
			return TLS_READ_ALL;
		case SSL_ERROR_ZERO_RETURN:
			return TLS_READ_EOF;
		default:
			tls->dead = true;
			set_error(tls, "bad record");
			return TLS_READ_ERROR;
		}
	}
	return TLS_READ_ALL;
}

enum tls_read tls_read(struct tls *tls, struct cpl_str cipher, char *out, size_t size, size_t *len,
		       struct output *raw)
{
	enum tls_read result;

	*len = 0;
	tls_memory_count(&tls->held);
	if (tls->handshake)
		turn_to_records(tls);
	if (tls->leftover) {
		char *bytes = NULL;
		long count = BIO_get_mem_data(tls->leftover, &bytes);

		assert(!cipher.len);
		cipher = (struct cpl_str){bytes, (size_t)count};
	}
	assert(size >= cipher.len + TLS_RECORD_ROOM);
	tls_bio_aim(cipher, raw);
	result = read_records(tls, out, size, len);
	tls_bio_aim(CPL_NONE, NULL);
	BIO_free(tls->leftover);
	tls->leftover = NULL;
	tls_memory_count(NULL);
	return result;
}

bool tls_write(struct tls *tls, struct cpl_str bytes, struct output *raw)
{
	int count;

	if (tls->dead)
		return false;
	tls_memory_count(&tls->held);
	if (tls->handshake)
		turn_to_records(tls);
	forget_errors();
	tls_bio_aim(CPL_NONE, raw);
	count = SSL_write(tls->ssl, bytes.ptr, (int)bytes.len);
	tls_bio_aim(CPL_NONE, NULL);
	tls_memory_count(NULL);
	if (count == (int)bytes.len)
		return true;
	tls->dead = true;
	set_error(tls, "cannot write");
	return false;
}

void tls_close_notify(struct tls *tls, struct output *raw)
{
	if (tls->handshake)
		turn_to_records(tls);
	if (tls->dead)
		return;
	forget_errors();
	tls_bio_aim(CPL_NONE, raw);
	SSL_shutdown(tls->ssl);
	tls_bio_aim(CPL_NONE, NULL);
	tls->dead = true;
	forget_errors();
}

size_t tls_binding(struct tls *tls, enum cpl_binding kind, unsigned char *out)
{
	if (tls->state != TLS_STANDS)
		return 0;
	return tls_binding_data(tls->ssl, kind, tls_contexts_unique_tls13(tls->choice.contexts), out);
}

struct cpl_str tls_describe(const struct tls *tls, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s %s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl));
	return cpl_str_of(buffer);
}

size_t tls_held(const struct tls *tls)
{
	if (tls->state == TLS_WORKING)
		return 0;
	return memory_held(tls) + memory_held(tls->handshake) + (tls->held > 0 ? (size_t)tls->held : 0);
}

size_t tls_steps_pending(void)
{
	return waiting_count + in_flight;
}

void tls_finish(void)
{
	assert(!tls_steps_pending());
	tls_bio_finish();
}
