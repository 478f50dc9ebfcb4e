/* SPDX-License-Identifier: MIT */
/* Listening sockets. */
#include "core/net/listener.h"
#include "core/loop/loop.h"
#include "core/net/address.h"
#include "core/net/conn_socket.h"
#include <assert.h>
#include <couplet/log.h>
#include <couplet/memory.h>
#include <couplet/time.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ACCEPTS_A_TURN = 32,
	COMPLAINT_MS = 60000, /* the reason is logged no more often */
	REST_MS = 100,	      /* how long accepting stops when there is no descriptor left */
	SOCKETS_MAX = 2,
};

struct listening {
	struct loop_io io;
	struct listener *listener;
};

struct listener {
	struct listener_options options;
	struct listening sockets[SOCKETS_MAX];
	unsigned count;
	char *path; /* of a local socket, removed with the listener */
	uint16_t port;
	struct loop_timer rest;
	int64_t complained_at; /* when the reason for resting was logged; 0: never */
};

static size_t max_connections;

/* ---- accepting ---- */

static void watch(struct listener *listener, int events)
{
	for (unsigned at = 0; at < listener->count; at++)
		loop_io_set(&listener->sockets[at].io, events);
}

static void rested(struct loop_timer *timer)
{
	watch(CPL_CONTAINER(timer, struct listener, rest), LOOP_READ);
}

/* Stops accepting for a moment; who waits stays in the kernel's queue. */
static void take_rest(struct listener *listener, const char *why)
{
	watch(listener, 0);
	loop_timer_start(&listener->rest, REST_MS, rested);
	if (listener->complained_at && cpl_monotonic() - listener->complained_at < COMPLAINT_MS)
		return;
	listener->complained_at = cpl_monotonic();
	cpl_log_warn("listener accepts no connections for now service=%s reason=\"%s\"",
		     listener->options.service, why);
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *listener, int fd)
{
	struct address peer = {.size = sizeof(peer.storage)};
	char text[ADDRESS_TEXT];
	int accepted;

	if (max_connections && conn_socket_count() >= max_connections) {
		take_rest(listener, "the bound on connections is reached");
		return false;
	}
	accepted = accept4(fd, (struct sockaddr *)&peer.storage, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (accepted >= 0) {
		address_text(&peer, text);
		listener->options.accepted(listener, accepted, text);
		return true;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		take_rest(listener, strerror(errno));
		return false;
	case EAGAIN:
		return false;
	default:
		/* A signal, or the connection died in the queue (accept(2)): the next one may be well. */
		return true;
	}
}

static void ready(struct loop_io *io, bool readable, bool writable)
{
	struct listening *socket = CPL_CONTAINER(io, struct listening, io);

	for (unsigned turn = 0; turn < ACCEPTS_A_TURN; turn++)
		if (!accept_one(socket->listener, io->fd))
			return;
}

/* ---- opening ---- */

/* A path left behind by a process that is gone may be used again; one that somebody listens on may not. */
static void remove_stale(const struct address *address)
{
	const struct sockaddr_un *local = (const struct sockaddr_un *)(const void *)&address->storage;
	struct stat info;
	int fd;

	if (lstat(local->sun_path, &info) < 0 || !S_ISSOCK(info.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&address->storage, address->size) < 0 &&
	    errno == ECONNREFUSED)
		unlink(local->sun_path);
	close(fd);
}

/* Opens one socket; a negated errno on failure. */
static int open_socket(const struct address *address)
{
	int family = address->storage.ss_family;
	int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (family == AF_UNIX)
		remove_stale(address);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int add_socket(struct listener *listener, struct address *address)
{
	struct listening *listening = &listener->sockets[listener->count];
	int fd = open_socket(address);

	if (fd < 0)
		return fd;
	address->size = sizeof(address->storage);
	if (getsockname(fd, (struct sockaddr *)&address->storage, &address->size) == 0)
		listener->port = address_port(address);
	listening->listener = listener;
	listener->count++;
	loop_io_start(&listening->io, fd, LOOP_READ, ready);
	return 0;
}

static bool family_is_missing(int error)
{
	return error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT || error == -EADDRNOTAVAIL;
}

/* Both families on one port. The first failure that is not the want of a family decides. */
static int add_both(struct listener *listener, uint16_t port)
{
	static const char *const any[] = {"0.0.0.0", "::"};
	int result = 0;

	for (unsigned at = 0; at < SOCKETS_MAX; at++) {
		struct address address;
		int error;

		address_parse(cpl_str_of(any[at]), listener->count ? listener->port : port, &address);
		error = add_socket(listener, &address);
		if (!error)
			continue;
		result = error;
		if (!family_is_missing(error))
			return error;
		cpl_log_info("listener skips a family that the kernel lacks service=%s address=%s",
			     listener->options.service, any[at]);
	}
	return listener->count ? 0 : result;
}

static int fail_to_listen(struct cpl_error *error, const struct listener_options *options, int reason)
{
	const char *advice = "";

	if (reason == -EADDRINUSE)
		advice = "; another process has it, or this server runs already";
	else if (reason == -EACCES)
		advice = "; a port below 1024 needs root or CAP_NET_BIND_SERVICE";
	else if (reason == -EADDRNOTAVAIL)
		advice = "; no interface of this machine has that address";
	return cpl_fail(error, CPL_E_IO, "cannot listen for %s on %.*s port %u: %s%s", options->service,
			CPL_ARG(options->address), options->port, strerror(-reason), advice);
}

struct listener *listener_create(const struct listener_options *options, struct cpl_error *error)
{
	struct listener *listener = CPL_NEW(struct listener);
	int result;

	listener->options = *options;
	if (cpl_str_is(options->address, "*")) {
		result = add_both(listener, options->port);
	} else {
		struct address address;

		if (!address_parse(options->address, options->port, &address)) {
			cpl_fail(error, CPL_E_INVALID,
				 "cannot listen for %s on \"%.*s\": write \"*\", an IPv4 or IPv6 address, or "
				 "a path",
				 options->service, CPL_ARG(options->address));
			listener_destroy(&listener);
			return NULL;
		}
		result = add_socket(listener, &address);
		if (!result && address.storage.ss_family == AF_UNIX)
			listener->path = cpl_strdup(options->address);
	}
	/* The view is the caller's. */
	listener->options.address = CPL_NONE;
	if (result) {
		fail_to_listen(error, options, result);
		listener_destroy(&listener);
	}
	return listener;
}

void listener_destroy(struct listener **listener)
{
	struct listener *dying = *listener;

	*listener = NULL;
	if (!dying)
		return;
	loop_timer_stop(&dying->rest);
	for (unsigned at = 0; at < dying->count; at++) {
		loop_io_stop(&dying->sockets[at].io);
		close(dying->sockets[at].io.fd);
	}
	if (dying->path)
		unlink(dying->path);
	cpl_free(dying->path);
	cpl_free(dying);
}

void *listener_owner(const struct listener *listener)
{
	return listener->options.owner;
}

const char *listener_service(const struct listener *listener)
{
	return listener->options.service;
}

uint16_t listener_port(const struct listener *listener)
{
	return listener->port;
}

void listener_set_max_connections(size_t max)
{
	max_connections = max;
}
