/* SPDX-License-Identifier: MIT */
/* Chains of pooled output chunks. */
#include "core/net/output.h"
#include "core/base/account.h"
#include <couplet/memory.h>
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { SMALL, LARGE, SIZES, EXACT = SIZES /* not pooled */ };
static const uint32_t chunk_size[SIZES] = {4096, 16384};
/* Free chunks kept for reuse: half a MiB of each size at most. */
static const unsigned pool_max[SIZES] = {128, 32};
/* More than this many pieces gain nothing over another call. */
enum { PIECES_MAX = 32 };
/* What fits one TLS record. */
enum { FRONT_MAX = 16384 };
/* A piece that is not worth a record of its own. */
enum { GATHER_BELOW = 1024 };

/* Content of an element, for all chains in which it waits. */
struct shared {
	uint32_t users;
	uint32_t size;
	char bytes[];
};

struct output_chunk {
	struct output_chunk *next; /* a ring while it is in a chain */
	struct shared *shared;	   /* NULL: the bytes are its own */
	uint32_t begin; /* first byte that waits */
	uint32_t end;	/* behind the last one */
	uint32_t room;	/* bytes that fit */
	uint32_t size;	/* SMALL, LARGE or EXACT */
	char bytes[];
};

/* The last large content that was appended in this turn: how long it was and how it ended, and, once it has come twice, the content. */
static struct {
	size_t len;
	uint64_t tail;
	struct shared *shared;
} latest;
static size_t shared_bytes;

static struct {
	struct output_chunk *free;
	unsigned count;
} pools[SIZES];

/* Outlives the module whose output it is: the core pays. */
static void *alloc_for_core(size_t size)
{
	struct account *before = account_as_core();
	void *block = cpl_alloc(size);

	account_back(before);
	return block;
}

static struct output_chunk *chunk_take(unsigned size)
{
	struct output_chunk *chunk = pools[size].free;

	if (chunk) {
		pools[size].free = chunk->next;
		pools[size].count--;
	} else {
		chunk = alloc_for_core(chunk_size[size]);
		chunk->room = chunk_size[size] - (uint32_t)offsetof(struct output_chunk, bytes);
		chunk->size = size;
	}
	chunk->next = NULL;
	chunk->begin = chunk->end = 0;
	return chunk;
}

static void shared_unref(struct shared **pointer)
{
	struct shared *shared = *pointer;

	*pointer = NULL;
	if (!shared || --shared->users)
		return;
	shared_bytes -= shared->size;
	cpl_free(shared);
}

static void chunk_give(struct output_chunk *chunk)
{
	unsigned size = chunk->size;

	if (size == EXACT) {
		shared_unref(&chunk->shared);
		cpl_free(chunk);
		return;
	}
	if (pools[size].count >= pool_max[size]) {
		cpl_free(chunk);
		return;
	}
	chunk->next = pools[size].free;
	pools[size].free = chunk;
	pools[size].count++;
}

static void chunk_append(struct output *output, struct output_chunk *chunk)
{
	struct output_chunk *last = output->last;

	chunk->next = last ? last->next : chunk;
	if (last)
		last->next = chunk;
	output->last = chunk;
}

static const char *chunk_front(const struct output_chunk *chunk)
{
	return (chunk->shared ? chunk->shared->bytes : chunk->bytes) + chunk->begin;
}

void output_add(struct output *output, struct cpl_str bytes)
{
	output->len += bytes.len;
	while (bytes.len) {
		struct output_chunk *last = output->last;
		size_t part;

		if (!last || last->end == last->room) {
			bool more = last && last->size != EXACT;

			last = chunk_take(more || bytes.len > chunk_size[SMALL] ? LARGE : SMALL);
			chunk_append(output, last);
		}
		part = last->room - last->end;
		if (part > bytes.len)
			part = bytes.len;
		memcpy(last->bytes + last->end, bytes.ptr, part);
		last->end += (uint32_t)part;
		bytes.ptr += part;
		bytes.len -= part;
	}
}

/* ---- content that is alike ---- */

/* A chunk of its own for what has no room behind the last one, or for a reference. */
static void add_exact(struct output *output, struct cpl_str bytes, struct shared *shared)
{
	struct output_chunk *chunk = alloc_for_core(sizeof(*chunk) + (shared ? 0 : bytes.len));

	chunk->size = EXACT;
	chunk->room = chunk->end = (uint32_t)bytes.len;
	chunk->shared = shared;
	if (shared)
		shared->users++;
	else
		memcpy(chunk->bytes, bytes.ptr, bytes.len);
	chunk_append(output, chunk);
	output->len += bytes.len;
}

/* The content, once it has come before in this turn; NULL the first time. */
static struct shared *share(struct cpl_str content)
{
	uint64_t tail;

	memcpy(&tail, content.ptr + content.len - sizeof(tail) - OUTPUT_SHARED_LEAST / 2, sizeof(tail));
	if (content.len != latest.len || tail != latest.tail || (latest.shared && memcmp(latest.shared->bytes, content.ptr, content.len) != 0)) {
		output_forget();
		latest.len = content.len;
		latest.tail = tail;
		return NULL;
	}
	if (!latest.shared) {
		latest.shared = alloc_for_core(sizeof(*latest.shared) + content.len);
		latest.shared->users = 1;
		latest.shared->size = (uint32_t)content.len;
		memcpy(latest.shared->bytes, content.ptr, content.len);
		shared_bytes += content.len;
	}
	return latest.shared;
}

void output_add_element(struct output *output, struct cpl_str bytes)
{
	const char *end = bytes.len > OUTPUT_SHARED_LEAST ? memchr(bytes.ptr, '>', bytes.len) : NULL;
	struct cpl_str tag, content;
	struct shared *shared;

	/* The writer escapes the sign wherever it does not end a tag. */
	tag = end ? (struct cpl_str){bytes.ptr, (size_t)(end + 1 - bytes.ptr)} : bytes;
	content = (struct cpl_str){bytes.ptr + tag.len, bytes.len - tag.len};
	shared = content.len >= OUTPUT_SHARED_LEAST ? share(content) : NULL;
	if (!shared) {
		output_add(output, bytes);
		return;
	}
	if (output->last && output->last->room - output->last->end >= tag.len)
		output_add(output, tag);
	else
		add_exact(output, tag, NULL);
	add_exact(output, content, shared);
}

void output_forget(void)
{
	shared_unref(&latest.shared);
	latest.len = 0;
}

size_t output_shared(void)
{
	return shared_bytes;
}

/* ---- the front ---- */

struct cpl_str output_front(const struct output *output)
{
	const struct output_chunk *first = output->last ? output->last->next : NULL;

	if (!first)
		return CPL_STR("");
	return (struct cpl_str){chunk_front(first), first->end - first->begin < FRONT_MAX ? first->end - first->begin : FRONT_MAX};
}

struct cpl_str output_gather(const struct output *output, char *room, size_t size)
{
	struct cpl_str front = output_front(output);
	const struct output_chunk *chunk;
	size_t len = 0;

	if (front.len == output->len || front.len >= GATHER_BELOW)
		return front;
	chunk = output->last;
	do {
		size_t part;

		chunk = chunk->next;
		part = chunk->end - chunk->begin < size - len ? chunk->end - chunk->begin : size - len;
		memcpy(room + len, chunk_front(chunk), part);
		len += part;
	} while (len < size && chunk != output->last);
	return (struct cpl_str){room, len};
}

void output_consume(struct output *output, size_t count)
{
	assert(count <= output->len);
	output->len -= count;
	while (count) {
		struct output_chunk *last = output->last, *first = last->next;
		size_t part = first->end - first->begin;

		if (part > count)
			part = count;
		first->begin += (uint32_t)part;
		count -= part;
		if (first->begin < first->end)
			break;
		last->next = first->next;
		if (first == last)
			output->last = NULL;
		chunk_give(first);
	}
}

ssize_t output_send(struct output *output, int fd)
{
	struct iovec pieces[PIECES_MAX];
	struct msghdr message = {.msg_iov = pieces};
	struct output_chunk *chunk = output->last;
	ssize_t sent;

	do {
		chunk = chunk->next;
		pieces[message.msg_iovlen++] =
			(struct iovec){(char *)chunk_front(chunk), chunk->end - chunk->begin};
	} while (chunk != output->last && message.msg_iovlen < PIECES_MAX);
	/* sendmsg is writev with MSG_NOSIGNAL. */
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	output_consume(output, (size_t)sent);
	return sent;
}

void output_finish(struct output *output)
{
	output_consume(output, output->len);
}

size_t output_memory(const struct output *output)
{
	const struct output_chunk *chunk = output->last;
	size_t size = 0;

	if (!chunk)
		return 0;
	do {
		size += chunk->size == EXACT ? sizeof(*chunk) + (chunk->shared ? chunk->shared->size / chunk->shared->users : chunk->room) :
					       chunk_size[chunk->size];
		chunk = chunk->next;
	} while (chunk != output->last);
	return size;
}

void output_pools_finish(void)
{
	output_forget();
	for (unsigned size = 0; size < SIZES; size++) {
		while (pools[size].free) {
			struct output_chunk *chunk = pools[size].free;

			pools[size].free = chunk->next;
			cpl_free(chunk);
		}
		pools[size].count = 0;
	}
}
