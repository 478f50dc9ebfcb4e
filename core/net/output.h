/* SPDX-License-Identifier: MIT */
/*
 * Waiting output: a chain of pooled chunks. The first chunk of a chain is small (4 KiB), the others are large
 * (16 KiB, what fits one TLS record), and chunks go back to their pool as soon as their bytes are out, so
 * that an idle connection holds none.
 *
 * A large stanza that goes to many, a broadcast or what a room says, differs only in its start tag. What
 * follows it is kept once for all the chains in which it waits, and counted in the length of each.
 * Session thread only.
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

/* What follows a start tag is shared from so many bytes on; what is shorter fits the first chunk of a chain, which is there anyway. */
enum { OUTPUT_SHARED_LEAST = 4096 };
/*
 * Appends one whole element, a copy of it or, from the second time on that the same large content has been
 * appended to some chain since output_forget(), a copy of its start tag and a reference.
 */
void output_add_element(struct output *output, struct cpl_str bytes);
/* Forgets what could be shared further: at the end of a turn, in which all copies of a broadcast are made. */
void output_forget(void);
/* Bytes that are shared, each counted once. */
size_t output_shared(void);

/* The first bytes that lie together in memory (at most 16 KiB); empty when there are none. Valid until the
 * chain changes. */
struct cpl_str output_front(const struct output *output);
/*
 * The same, but where a small piece stands in front of others, as a start tag stands before what it shares,
 * so many of them as fit are copied to `room` (of `size` bytes), so that they make one TLS record.
 */
struct cpl_str output_gather(const struct output *output, char *room, size_t size);
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
