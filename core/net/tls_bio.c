/* SPDX-License-Identifier: MIT */
/* The shared BIO. */
#include "core/net/tls_bio.h"
#include <assert.h>
#include <stdlib.h>

static BIO_METHOD *method;
static BIO *shared;
static struct cpl_str source;
static struct output *sink;

static int bio_read(BIO *bio, char *out, int size)
{
	size_t count = source.len < (size_t)size ? source.len : (size_t)size;

	BIO_clear_retry_flags(bio);
	if (!count) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, source.ptr, count);
	source.ptr += count;
	source.len -= count;
	return (int)count;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
	BIO_clear_retry_flags(bio);
	output_add(sink, (struct cpl_str){bytes, (size_t)size});
	return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

static void make(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "couplet");
	if (!method || !BIO_meth_set_read(method, bio_read) || !BIO_meth_set_write(method, bio_write) ||
	    !BIO_meth_set_ctrl(method, bio_ctrl))
		abort();
	shared = BIO_new(method);
	/* Out of memory ends the process, here as in cpl_alloc(). */
	if (!shared)
		abort();
	BIO_set_init(shared, 1);
}

BIO *tls_bio_ref(void)
{
	if (!shared)
		make();
	BIO_up_ref(shared);
	return shared;
}

void tls_bio_aim(struct cpl_str input, struct output *raw)
{
	source = input;
	sink = raw;
}

bool tls_bio_exhausted(void)
{
	return !source.len;
}

void tls_bio_finish(void)
{
	BIO_free(shared);
	BIO_meth_free(method);
	shared = NULL;
	method = NULL;
}
