/* SPDX-License-Identifier: MIT */
/* What the files of the module groups share: groups of accounts, read from a file or kept by command. */
#ifndef MODULES_GROUPS_GROUPS_H
#define MODULES_GROUPS_GROUPS_H

#include <couplet/module.h>

struct groups_config {
	struct cpl_str file;
};

/* Bytes of a group's name and of a member's, as in rosters; members in all. */
enum { GROUPS_NAME_MAX = 1023, GROUPS_MEMBERS_MAX = 100000 };

struct groups_member {
	struct cpl_jid jid;
	struct cpl_str name; /* CPL_NONE: none */
	char *texts;         /* of both */
};
struct group {
	struct cpl_str name;
	char *text;
	struct cpl_map members; /* address -> struct groups_member */
};
/* A set of groups; zeroed: none. */
struct groups {
	struct cpl_map by_name;
	size_t members;
};

/* Of a host: data of a slot. A group of a name that is in both is one group. */
struct groups_host {
	struct groups file, stored;
};
CPL_SLOT_DECLARE(groups_slot, HOST, struct groups_host);
extern const struct cpl_store groups_store;

/* ---- set.c ---- */

/* False when the member is in the group already. */
bool groups_add(struct groups *groups, struct cpl_str group, struct cpl_jid jid, struct cpl_str name);
/* False when it is not. A group without members is gone. */
bool groups_remove(struct groups *groups, struct cpl_str group, struct cpl_jid jid);
const struct groups_member *groups_find(const struct groups *groups, struct cpl_str group, struct cpl_jid jid);
void groups_clear(struct groups *groups);
/* Adds what the file says; 0, or a code with the file, the line and what is wrong there: then `groups` is as good as cleared. */
int groups_read_file(struct groups *groups, const char *path, struct cpl_error *error);

/* ---- groups.c ---- */

/* Makes the rosters of all accounts in memory what the groups of the host say. */
void groups_apply(struct cpl_host *host);
/* The key of a stored member. */
struct cpl_str groups_key(struct cpl_str group, struct cpl_jid jid, struct cpl_arena *arena);

/* ---- commands.c ---- */

extern const struct cpl_command groups_commands[];

#endif
