/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. "*" is IPv4 and IPv6, and a family that the kernel lacks is skipped with a note. At most
 * 32 accepts a turn; EMFILE stops accepting for 100 ms and is logged once a minute. A bound on all
 * connections.
 */
#ifndef CORE_NET_LISTENER_H
#define CORE_NET_LISTENER_H

#include <couplet/error.h>
#include <couplet/str.h>

struct listener;

struct listener_options {
	const char *service;	/* static life: name under listen: */
	struct cpl_str address; /* "*", an address literal, or for a local socket a path beginning with "/" */
	uint16_t port;		/* 0: any free port (tests) */
	/* A connection: fd is non-blocking and close-on-exec, ownership passes; address text as in struct
	 * cpl_conn. */
	void (*accepted)(struct listener *listener, int fd, const char *address);
	void *owner;
};

/* Opens and binds, and starts to accept at the next turn. NULL and *error. For "*" one listener holds both
 * sockets. */
struct listener *listener_create(const struct listener_options *options, struct cpl_error *error);
void listener_destroy(struct listener **listener);
void *listener_owner(const struct listener *listener);
const char *listener_service(const struct listener *listener);
/* The port that is bound. */
uint16_t listener_port(const struct listener *listener);
/* Connections open in all; the listener stops accepting at max (0: no bound). */
void listener_set_max_connections(size_t max);

#endif
