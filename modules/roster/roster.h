/* SPDX-License-Identifier: MIT */
/* What the files of the module roster share: the roster of one account in memory. */
#ifndef MODULES_ROSTER_ROSTER_H
#define MODULES_ROSTER_ROSTER_H

#include <couplet/module.h>

/* Bounds on what a client may put into an item, in bytes and numbers. */
enum { ROSTER_NAME_MAX = 1023, ROSTER_GROUP_MAX = 1023, ROSTER_GROUPS_MAX = 100 };

struct roster_config {
	int64_t max_items;
};

/* A roster in memory: data of a slot of its account. */
struct roster {
	struct cpl_roster pub;
	struct cpl_user *user;
	struct cpl_list queue; /* struct roster_pending: not computed yet */
	struct roster_commit *commit; /* what is on its way to disk; NULL: nothing */
	size_t stored;                /* listed items of its own */
	struct roster_shares *shares; /* NULL: no contact is given to it */
};

/* Contacts that are given to an account: what is given, and what it has stored of the same contacts. In pub.items stands both together. */
struct roster_shares {
	struct cpl_map given, own;
	uint64_t hash; /* of what is given, for the version */
};

CPL_SLOT_DECLARE(roster_slot, USER, struct roster);
extern const struct cpl_store roster_store, roster_request_store, roster_version_store;

/* ---- roster_load.c ---- */

enum cpl_flow roster_on_user_load(struct cpl_module *self, struct cpl_ev_user *ev);
/* Reads the rosters of accounts that were in memory before the module came, some at a time. Their sessions stay; until its roster is read an account has none. */
void roster_on_start(struct cpl_module *self, struct cpl_host *host);
/* Releases a roster: the slot's function. */
void roster_release(void *data);
/* An item on the heap, its texts in the same block; `request` gets a reference of its own. */
struct cpl_roster_item *roster_item_dup(const struct cpl_roster_item *item);
void roster_item_free(struct cpl_roster_item **item);
/* Column values for an item; texts in the arena. */
enum { ROSTER_COLUMNS = 5 };
void roster_item_values(const struct cpl_roster_item *item, struct cpl_value values[ROSTER_COLUMNS], struct cpl_arena *arena);

/* The item of a row; texts are views of it or in the arena. False: its key is no address. */
bool roster_item_of_row(struct cpl_roster_item *item, const struct cpl_row *row, struct cpl_arena *arena);

/* ---- roster_transfer.c ---- */

extern const struct cpl_transfer_row roster_transfers[];

/* ---- roster_change.c ---- */

int roster_change(struct cpl_module *self, struct cpl_roster_change *change, struct cpl_scope *scope, struct cpl_user *user,
		  struct cpl_jid contact, void (*done)(struct cpl_call *call));

/* True when clients would see a difference. */
bool roster_differs(const struct cpl_roster_item *a, const struct cpl_roster_item *b);
/* What the owner of a change, or a handler of roster_changed, may see of a state: no texts. */
struct cpl_roster_item roster_summary(const struct cpl_roster_item *item);

/* ---- roster_share.c ---- */

void roster_on_share(struct cpl_module *self, struct cpl_ev_share *share);
/* What is given of a contact, or NULL. */
const struct cpl_roster_item *roster_given(const struct roster *roster, struct cpl_jid contact);
/* What the account itself has of a contact, or NULL. */
const struct cpl_roster_item *roster_own(const struct roster *roster, struct cpl_str contact);
/* Puts an item of the account's own, taken over, in its place, and one that is neither listed nor has a request out of it. Returns what clients see now; NULL: nothing, the item is gone. */
const struct cpl_roster_item *roster_put(struct roster *roster, struct cpl_roster_item *item);
void roster_share_release(struct roster *roster);

/* ---- commands.c ---- */

extern const struct cpl_command roster_commands[];

/* ---- roster_iq.c ---- */

extern struct cpl_name *const roster_names[];
extern struct cpl_name roster_name_query, roster_name_item, roster_name_group, roster_name_presence;
enum cpl_flow roster_on_get(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow roster_on_set(struct cpl_module *self, struct cpl_ev_stanza *ev);
/* Of the service: a request of somebody else who was allowed to make it; a push to an address that is no session. */
enum cpl_flow roster_answer(struct cpl_module *self, struct cpl_ev_stanza *ev);
void roster_push_to(struct cpl_module *self, struct cpl_user *user, struct cpl_jid contact, struct cpl_jid to);
/* The text of a version (RFC 6121 2.6): it differs between accounts of the same name that follow one another. */
enum { ROSTER_VERSION_TEXT = 72 };
struct cpl_str roster_version(const struct cpl_roster *roster, const struct cpl_user *user, char text[ROSTER_VERSION_TEXT]);
/* Adds an item as clients see it, or with removed its removal. */
void roster_add_item(struct cpl_stanza *stanza, struct cpl_element *query, const struct cpl_roster_item *item, bool removed);
/* Pushes an item, or with removed its removal, to the account's interested resources. */
void roster_push(struct cpl_user *user, const struct cpl_roster_item *item, bool removed);
void roster_on_features(struct cpl_module *self, struct cpl_ev_features *ev);

#endif
