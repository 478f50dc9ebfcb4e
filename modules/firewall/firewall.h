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

/* What guard_looked() tells of: the strings live until its caller returns. */
struct guard_told {
	const char *path;
	struct cpl_str host;
	size_t rules; /* how many are in force now */
	void *data;   /* the caller's */
};
enum guard_news { GUARD_SAME, GUARD_NEW, GUARD_FAULTY };
/* Has a worker look at the host's file and read it if it has changed, or `always`. CPL_E_NOT_FOUND: the host has none. */
int guard_look(struct cpl_call *call, struct cpl_scope *scope, struct cpl_module *self, struct cpl_host *host, bool always, void (*done)(struct cpl_call *call));
/* In its callback, with status 0: puts the rules in force. Where there are faults, each is told, and nothing has changed. */
enum guard_news guard_looked(struct cpl_call *call, void (*fault)(void *data, unsigned line, const char *text), struct guard_told *told);

extern const struct cpl_command firewall_commands[];

#endif
