/* SPDX-License-Identifier: MIT */
/* Socket addresses as text. */
#ifndef CORE_NET_ADDRESS_H
#define CORE_NET_ADDRESS_H

#include <couplet/str.h>
#include <sys/socket.h>

/* Enough for "[v6 address%scope]:port". */
enum { ADDRESS_TEXT = 64 };

struct address {
	struct sockaddr_storage storage;
	socklen_t size;
};

/* "192.0.2.1:40001", "[2001:db8::1]:40001", "local" for a local socket. */
void address_text(const struct address *address, char text[ADDRESS_TEXT]);
/* The address of the other end of a socket; "unknown" when the kernel has none. */
void address_of_peer(int fd, char text[ADDRESS_TEXT]);
/* Reads an IPv4 or IPv6 literal (no names), or a path beginning with "/" for a local socket. False for
 * anything else. */
bool address_parse(struct cpl_str literal, uint16_t port, struct address *address);
/* The port, 0 for a local socket. */
uint16_t address_port(const struct address *address);
/*
 * What stands for one peer when connections are counted: the whole IPv4 address, the first 64 bits of an IPv6
 * address, because a single host is given that many. Reads the text form; a text without an address stands
 * for itself. The view is of `key`.
 */
struct cpl_str address_peer_key(const char *text, char key[ADDRESS_TEXT]);

#endif
