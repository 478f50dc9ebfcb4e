/* SPDX-License-Identifier: MIT */
/*
 * Waiting output: a chain of pooled chunks. The first chunk of a chain is small (4 KiB), the others are large
 * (16 KiB, what fits one TLS record), and chunks go back to their pool as soon as their bytes are out, so
 * that an idle connection holds none. Session thread only.
 */
#ifndef CORE_NET_OUTPUT_H
#define CORE_NET_OUTPUT_H

#include <couplet/str.h>
#include <sys/types.h>

struct output_chunk;

/* Zeroed: empty. */
struct output {
	struct output_chunk *last; /* its `next` is the first one */
	size_t len;		   /* bytes waiting */
};

/* Appends a copy of the bytes. */
void output_add(struct output *output, struct cpl_str bytes);
/* The first bytes that lie together in memory (at most 16 KiB); empty when there are none. Valid until the
 * chain changes. */
struct cpl_str output_front(const struct output *output);
/* Takes `count` bytes off the front. */
void output_consume(struct output *output, size_t count);
/*
 * Writes as much as the socket takes with one writev. The number of bytes, 0 when it takes none now, or a
 * negated errno. What was written is taken off. The chain must not be empty.
 */
ssize_t output_send(struct output *output, int fd);
/* Drops everything. */
void output_finish(struct output *output);
/* Bytes of memory held. */
size_t output_memory(const struct output *output);

/* Releases the pools' free chunks. */
void output_pools_finish(void);

#endif
