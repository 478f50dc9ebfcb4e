/* SPDX-License-Identifier: MIT */
/* Chains of pooled output chunks. */
#include "core/net/output.h"
#include "core/base/account.h"
#include <couplet/memory.h>
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { SMALL, LARGE, SIZES };
static const uint32_t chunk_size[SIZES] = {4096, 16384};
/* Free chunks kept for reuse: half a MiB of each size at most. */
static const unsigned pool_max[SIZES] = {128, 32};
/* More than this many pieces gain nothing over another call. */
enum { PIECES_MAX = 32 };

struct output_chunk {
	struct output_chunk *next; /* a ring while it is in a chain */
	uint32_t begin; /* first byte that waits */
	uint32_t end;	/* behind the last one */
	uint32_t room;	/* bytes that fit */
	uint32_t size;	/* SMALL or LARGE */
	char bytes[];
};

static struct {
	struct output_chunk *free;
	unsigned count;
} pools[SIZES];

static struct output_chunk *chunk_take(unsigned size)
{
	struct output_chunk *chunk = pools[size].free;

	if (chunk) {
		pools[size].free = chunk->next;
		pools[size].count--;
	} else {
		struct account_current before = account_now;

		/* Chunks outlive the module whose output they first held: the core pays. */
		account_now = (struct account_current){account_core(), NULL, 0};
		chunk = cpl_alloc(chunk_size[size]);
		account_now = before;
		chunk->room = chunk_size[size] - (uint32_t)offsetof(struct output_chunk, bytes);
		chunk->size = size;
	}
	chunk->next = NULL;
	chunk->begin = chunk->end = 0;
	return chunk;
}

static void chunk_give(struct output_chunk *chunk)
{
	unsigned size = chunk->size;

	if (pools[size].count >= pool_max[size]) {
		cpl_free(chunk);
		return;
	}
	chunk->next = pools[size].free;
	pools[size].free = chunk;
	pools[size].count++;
}

void output_add(struct output *output, struct cpl_str bytes)
{
	output->len += bytes.len;
	while (bytes.len) {
		struct output_chunk *last = output->last;
		size_t part;

		if (!last || last->end == last->room) {
			struct output_chunk *chunk =
				chunk_take(last || bytes.len > chunk_size[SMALL] ? LARGE : SMALL);

			chunk->next = last ? last->next : chunk;
			if (last)
				last->next = chunk;
			output->last = last = chunk;
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

struct cpl_str output_front(const struct output *output)
{
	const struct output_chunk *first = output->last ? output->last->next : NULL;

	if (!first)
		return CPL_STR("");
	return (struct cpl_str){first->bytes + first->begin, first->end - first->begin};
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
			(struct iovec){chunk->bytes + chunk->begin, chunk->end - chunk->begin};
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
		size += chunk_size[chunk->size];
		chunk = chunk->next;
	} while (chunk != output->last);
	return size;
}

void output_pools_finish(void)
{
	for (unsigned size = 0; size < SIZES; size++) {
		while (pools[size].free) {
			struct output_chunk *chunk = pools[size].free;

			pools[size].free = chunk->next;
			cpl_free(chunk);
		}
		pools[size].count = 0;
	}
}
