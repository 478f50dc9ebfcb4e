/* SPDX-License-Identifier: MIT */
/* Checks of the ports under listen: free, or held by our own server. */
#include "core/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Inodes of the process's sockets that listen at the port, over both families. */
static bool holds_socket(pid_t pid, unsigned long inode)
{
	char path[64], wanted[64], link[64];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);

		if (len > 0) {
			link[len] = 0;
			found = strcmp(link, wanted) == 0;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_ours(const struct check *check, uint16_t port)
{
	static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	char line[512];
	bool found = false;

	for (int i = 0; i < 2 && !found && check->running; i++) {
		FILE *table = fopen(tables[i], "r");

		while (table && !found && fgets(line, sizeof line, table)) {
			unsigned local_port, state;
			unsigned long inode;

			if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", &local_port, &state, &inode) == 3 && local_port == port &&
			    state == 0x0a)
				found = holds_socket(check->running, inode);
		}
		if (table)
			fclose(table);
	}
	return found;
}

/* 0, or why the address cannot be listened on. */
static int try_bind(const char *text, uint16_t port)
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	bool any = strcmp(text, "*") == 0;
	int on = 1, fd, reason = 0;
	socklen_t len;

	if (any || inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		len = sizeof *four;
	} else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		len = sizeof *six;
	} else {
		return 0; /* the configuration's fault, told there */
	}
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 1) != 0)
		reason = errno;
	close(fd);
	return reason;
}

static void check_one(struct check *check, const struct config_listen *listen, const char *address)
{
	char *subject = cpl_asprintf("port %u (%s)", listen->port, listen->service), *remedy = NULL;
	int reason = try_bind(address, listen->port);

	if (!reason) {
		check_say(check, CHECK_OK, subject, NULL, "%s is free", address);
	} else if (reason == EADDRINUSE && is_ours(check, listen->port)) {
		check_say(check, CHECK_OK, subject, NULL, "%s is the running server's (process %d)", address, (int)check->running);
	} else if (reason == EADDRINUSE) {
		remedy = cpl_asprintf("ss -ltnp sport = :%u shows who has it; stop that, or give %s another port", listen->port, listen->service);
		check_say(check, CHECK_WRONG, subject, remedy, "%s: another process has it", address);
	} else if (reason == EACCES) {
		check_say(check, CHECK_WRONG, subject, "AmbientCapabilities=CAP_NET_BIND_SERVICE, or start as root with user:", "%s: ports below 1024 are for root", address);
	} else if (reason == EADDRNOTAVAIL) {
		remedy = cpl_asprintf("listen: {%s: {address: \"*\", port: %u}}", listen->service, listen->port);
		check_say(check, CHECK_WRONG, subject, remedy, "%s is no address of this machine", address);
	} else {
		check_say(check, CHECK_WRONG, subject, NULL, "%s: %s", address, strerror(reason));
	}
	cpl_free(remedy);
	cpl_free(subject);
}

static bool is_any(const struct config_listen *listen, size_t i)
{
	return !listen->address.count || cpl_str_is(listen->address.items[i], "*");
}

/* Would both be opened at one address? */
static bool collide(const struct config_listen *a, const struct config_listen *b)
{
	size_t i = 0;

	do {
		size_t j = 0;

		do
			if (is_any(a, i) || is_any(b, j) || cpl_str_equal(a->address.items[i], b->address.items[j]))
				return true;
		while (++j < b->address.count);
	} while (++i < a->address.count);
	return false;
}

/* The first is free until the server itself has it. */
static void check_others(struct check *check, size_t at)
{
	const struct config_listen *listen = &check->config->listen[at];

	for (size_t i = 0; i < at; i++) {
		const struct config_listen *other = &check->config->listen[i];

		if (other->port == listen->port && collide(other, listen)) {
			char *subject = cpl_asprintf("port %u (%s)", listen->port, listen->service);

			check_say(check, CHECK_WRONG, subject, "give one of them another port", "%s has the same port", other->service);
			cpl_free(subject);
		}
	}
}

void check_ports(struct check *check)
{
	for (size_t i = 0; i < check->config->listen_count; i++) {
		const struct config_listen *listen = &check->config->listen[i];

		if (!listen->port) {
			check_say(check, CHECK_WARNING, "ports", NULL, "the port of %s is its module's, which is asked when the configuration has no faults", listen->service);
			continue;
		}
		check_others(check, i);
		if (!listen->address.count)
			check_one(check, listen, "*");
		for (size_t j = 0; j < listen->address.count; j++)
			check_one(check, listen, listen->address.items[j].ptr);
	}
	if (!check->config->listen_count)
		check_say(check, CHECK_WRONG, "ports", "listen: {c2s: {port: 5222}}", "the server listens on nothing");
}
