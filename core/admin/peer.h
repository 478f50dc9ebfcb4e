/* SPDX-License-Identifier: MIT */
/*
 * The server's side of one conversation with coupletctl, over any stream socket: takes frames, runs commands, sends what they print.
 *
 * Bounds: frames, words, password and input as core/admin/frame.h says; PEER_OUTPUT_MAX bytes of output that wait for the client, over which it is
 * dropped; PEER_IDLE_MS without a command under way. What was a password or input is wiped. Session thread.
 */
#ifndef CORE_ADMIN_PEER_H
#define CORE_ADMIN_PEER_H

#define PEER_OUTPUT_MAX (64u * 1024 * 1024)
#define PEER_IDLE_MS    (10 * 60 * 1000)

struct peer;

/*
 * `fd` is a connected stream socket and passes to the peer. `closed` (may be NULL) is called when the conversation is over and the peer is
 * about to be freed by itself; not by peer_destroy().
 */
struct peer *peer_create(int fd, void (*closed)(struct peer *peer, void *data), void *data);
/* Abandons the command under way, writes what can be written at once, closes. */
void peer_destroy(struct peer **peer);

#endif
