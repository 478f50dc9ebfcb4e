/* SPDX-License-Identifier: MIT */
/* What the files of the module blocklist share: the list of one account in memory, and changing it. */
#ifndef MODULES_BLOCKLIST_BLOCKLIST_H
#define MODULES_BLOCKLIST_BLOCKLIST_H

#include <couplet/module.h>

struct blocklist_config {
	int64_t max_items;
	struct cpl_jid report_to;
};

/* Columns of the store: when the address was blocked; what was reported with it (XEP-0377), each CPL_NONE where nothing was. */
enum { BLOCKLIST_SINCE, BLOCKLIST_REASON, BLOCKLIST_TEXT, BLOCKLIST_MESSAGES, BLOCKLIST_COLUMNS };
extern const struct cpl_store blocklist_store;

/* An account's list, data of a slot; made when the first address is blocked. */
struct blocklist {
	struct cpl_blocklist pub;
	struct cpl_user *user;
};
CPL_SLOT_DECLARE(blocklist_slot, USER, struct blocklist);
/* Of a session that has asked for the list, and gets pushes. */
struct blocklist_asked {
	bool asked;
};
CPL_SLOT_DECLARE(blocklist_asked_slot, SESSION, struct blocklist_asked);

/* ---- list.c ---- */

enum cpl_flow blocklist_on_user_load(struct cpl_module *self, struct cpl_ev_user *ev);
/* Reads the list of an account that was in memory before the module was. */
void blocklist_load_late(struct cpl_user *user);
void blocklist_release(void *data);
/* The next address of the list, in no order: *at = 0 at first; CPL_NONE at the end. */
struct cpl_str blocklist_next(const struct cpl_user *user, size_t *at);

struct blocklist_item {
	struct cpl_jid jid;
	struct cpl_value values[BLOCKLIST_COLUMNS]; /* for blocking */
};
/* A change of a list; on the heap, freed by its callback with blocklist_change_free(). */
struct blocklist_change {
	struct cpl_store_call commit;
	struct cpl_user *user; /* referenced */
	struct cpl_arena *arena; /* of the items */
	bool block;
	bool all;                     /* unblock: everything */
	struct blocklist_item *items; /* its own */
	size_t count;
	void (*done)(struct blocklist_change *change, int status);
	struct cpl_stanza *request; /* the caller's */
	void *data;                 /* the caller's */
};
/* With room for `max` items; `values` are zero, so that items are added by setting them and raising count. */
struct blocklist_change *blocklist_change_create(struct cpl_user *user, bool block, size_t max);
void blocklist_change_free(struct blocklist_change *change);
/*
 * Commits the change; then the list is another, block_changed has been fired, resources that asked have got their push, and done() is called. CPL_E_FULL, and done() is
 * not called: the list would have more than max_items addresses.
 */
int blocklist_change_start(struct cpl_module *self, struct blocklist_change *change, void (*done)(struct blocklist_change *change, int status));

/* ---- transfer.c ---- */

extern struct cpl_name blocklist_name_privacy;
extern const struct cpl_transfer_row blocklist_transfers[];

/* ---- request.c ---- */

extern struct cpl_name *const blocklist_names[];
extern struct cpl_name blocklist_name_list, blocklist_name_block, blocklist_name_unblock, blocklist_name_blocked, blocklist_name_muc, blocklist_name_invite, blocklist_name_item;
enum cpl_flow blocklist_on_get(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow blocklist_on_block(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow blocklist_on_unblock(struct cpl_module *self, struct cpl_ev_stanza *ev);
void blocklist_push(const struct blocklist_change *change);

/* ---- commands.c ---- */

extern const struct cpl_command blocklist_commands[];

#endif
