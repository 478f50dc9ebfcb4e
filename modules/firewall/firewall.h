/* SPDX-License-Identifier: MIT */
/* Between the files of the module firewall: the rules of a host, where they come from, and the commands. */
#ifndef MODULES_FIREWALL_FIREWALL_H
#define MODULES_FIREWALL_FIREWALL_H

#include "modules/firewall/rules.h"

struct firewall_config {
	struct cpl_str file;
	int64_t check;
};

/* The rules in force on a host. */
struct guard {
	struct rules *rules; /* NULL: none */
	/* The file as it was when it was looked at last, good or not. */
	int64_t changed_ns, size, inode;
};
CPL_SLOT_DECLARE(guard_slot, HOST, struct guard);

/* What a file holds, NUL-terminated (cpl_free); NULL with errno set. At most RULES_BYTES + 1 bytes. Any thread. */
char *rules_file_read(const char *path, size_t *len);
/* Reads the host's file and puts its rules in force; with a fault nothing changes, and each is told. True when they are in force. */
bool guard_load(struct cpl_host *host, struct cpl_str path, void (*fault)(void *data, unsigned line, const char *text), void *data);
/* The same from what has been read; `text` is borrowed. */
bool guard_take(struct cpl_host *host, struct cpl_str text, void (*fault)(void *data, unsigned line, const char *text), void *data);

extern const struct cpl_command firewall_commands[];

#endif
