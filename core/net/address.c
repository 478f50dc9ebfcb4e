/* SPDX-License-Identifier: MIT */
/* Socket addresses as text. */
#include "core/net/address.h"

#include <arpa/inet.h>
#include <couplet/conn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static const struct sockaddr_in *in4(const struct address *address)
{
	return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *in6(const struct address *address)
{
	return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

void address_text(const struct address *address, char text[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN];

	switch (address->storage.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in4(address)->sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "%s:%u", host, ntohs(in4(address)->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6(address)->sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "[%s]:%u", host, ntohs(in6(address)->sin6_port));
		break;
	case AF_UNIX:
		snprintf(text, ADDRESS_TEXT, "local");
		break;
	default:
		snprintf(text, ADDRESS_TEXT, "unknown");
		break;
	}
}

void address_of_peer(int fd, char text[ADDRESS_TEXT])
{
	struct address address = {.size = sizeof(address.storage)};

	if (getpeername(fd, (struct sockaddr *)&address.storage, &address.size) < 0)
		address.storage.ss_family = AF_UNSPEC;
	address_text(&address, text);
}

bool address_parse(struct cpl_str literal, uint16_t port, struct address *address)
{
	char text[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)&address->storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&address->storage;

	memset(address, 0, sizeof(*address));
	if (!literal.len || literal.len >= sizeof(text) || memchr(literal.ptr, '\0', literal.len))
		return false;
	memcpy(text, literal.ptr, literal.len);
	text[literal.len] = '\0';
	if (text[0] == '/') {
		struct sockaddr_un *local = (struct sockaddr_un *)(void *)&address->storage;

		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, text, literal.len + 1);
		address->size = sizeof(*local);
		return true;
	}
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		address->size = sizeof(*four);
		return true;
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		address->size = sizeof(*six);
		return true;
	}
	return false;
}

uint16_t address_port(const struct address *address)
{
	switch (address->storage.ss_family) {
	case AF_INET:
		return ntohs(in4(address)->sin_port);
	case AF_INET6:
		return ntohs(in6(address)->sin6_port);
	default:
		return 0;
	}
}

struct cpl_str address_peer_key(const char *text, char key[ADDRESS_TEXT])
{
	const char *from = text[0] == '[' ? text + 1 : text;
	const char *to = text[0] == '[' ? strchr(text, ']') : strrchr(text, ':');
	size_t len = to ? (size_t)(to - from) : strlen(from);
	struct in6_addr six;

	if (len >= ADDRESS_TEXT)
		len = ADDRESS_TEXT - 1;
	memcpy(key, from, len);
	key[len] = '\0';
	if (text[0] == '[' && inet_pton(AF_INET6, key, &six) == 1) {
		memset(six.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &six, key, ADDRESS_TEXT);
		len = strlen(key);
	}
	return (struct cpl_str){key, len};
}

struct cpl_str cpl_conn_peer(const struct cpl_conn *conn, char key[CPL_PEER_TEXT])
{
	_Static_assert((int)CPL_PEER_TEXT == (int)ADDRESS_TEXT, "a key is as long as an address");

	return address_peer_key(conn->address, key);
}
