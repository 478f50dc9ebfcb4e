/* SPDX-License-Identifier: MIT */
/*
 * The module invites: tokens that let strangers make an account (XEP-0445), that make two people contacts (XEP-0379), or that give an account a new password. A token is 160 random bits; only its
 * hash is kept. create.c makes tokens, redeem.c is for strangers who show one, subscribe.c for subscription requests with one, accept.c makes contacts of who invited and who came; commands.c
 * and adhoc.c (XEP-0401) are the two ways to ask for tokens.
 */
#ifndef MODULES_INVITES_INVITES_H
#define MODULES_INVITES_INVITES_H

#include <couplet/module.h>

struct invites_config {
	int64_t expires;
	int64_t per_account;
	struct cpl_str landing_page;
};

/* As stored; append-only. */
enum invite_kind {
	INVITE_CONTACT, /* of an account, to its contacts; with `ibr` also to an account here */
	INVITE_ACCOUNT, /* to an account here */
	INVITE_RESET,   /* a new password for an account */
};
enum { INVITE_HASH_TEXT = 65, INVITE_TOKEN_TEXT = 41, INVITE_USES_MAX = 1000 };

/* A token without itself. The views belong to whoever has made or read it. */
struct invite {
	enum invite_kind kind;
	struct cpl_str localpart; /* ACCOUNT: which must be taken, RESET: whose password; CPL_NONE: any */
	struct cpl_str inviter;   /* bare JID; CPL_NONE: nobody becomes a contact */
	struct cpl_str group;     /* of both rosters; CPL_NONE: none */
	int64_t created, expires; /* ms */
	int64_t uses, used;
	bool ibr;
};

extern const struct cpl_store invite_store, invite_use_store, invite_name_store, invite_pending_store, invite_mine_store;
extern struct cpl_name invites_preauth;
extern struct cpl_service_ref invites_rosters;

/* The hash of a token, in hexadecimal digits: the key of its row. */
void invite_hash(struct cpl_str token, char hash[INVITE_HASH_TEXT]);
/* A row of invite_store to an invite, whose views are the row's; and back. */
struct invite invite_of(const struct cpl_row *row);
void invite_put(struct cpl_batch *batch, struct cpl_jid host, struct cpl_str hash, const struct invite *invite);
/* Adds the steps that count one use more by somebody; the commit fails with CPL_E_CONFLICT if another was quicker. */
void invite_use(struct cpl_batch *batch, struct cpl_jid host, struct cpl_str hash, const struct invite *invite, struct cpl_str who);
/* Adds the steps that remove a token and all about it. */
void invite_remove(struct cpl_batch *batch, struct cpl_jid host, struct cpl_str hash, const struct invite *invite);

/*
 * Makes a token. `done` gets status 0 and the results, or a code with the reason in `error`; CPL_E_FULL: the inviter has too many. It is called later, exactly once, unless the start
 * has returned a code.
 */
struct creation {
	struct cpl_store_call store;
	struct cpl_module *self;
	struct cpl_scope *scope;
	void (*done)(struct creation *creation, int status);
	struct cpl_arena *arena; /* of the texts; released after `done` */
	struct cpl_host *host;   /* whose tokens these are; the caller's scope must not outlive it */
	struct invite invite;
	struct cpl_str owner;    /* the account among whose tokens it counts; CPL_NONE: nobody's */
	struct cpl_str *expired; /* the owner's that need not be kept */
	size_t expired_count;
	char token[INVITE_TOKEN_TEXT], hash[INVITE_HASH_TEXT];
	struct cpl_str uri;      /* results; landing: CPL_NONE without the option */
	struct cpl_str landing;
	struct cpl_error error;
};
/* Allocates one with its arena; the caller fills in invite (expires: 0 for the default) and owner. */
struct creation *creation_make(struct cpl_module *self, struct cpl_host *host, size_t size);
int creation_start(struct creation *creation, struct cpl_scope *scope, void (*done)(struct creation *creation, int status));
/* Without a start, or after one that has returned a code. */
void creation_drop(struct creation *creation);

extern const struct cpl_invites_service invites_service;
extern struct cpl_slot *const invites_slots[];
enum cpl_flow redeem_on_preauth(struct cpl_module *self, struct cpl_ev_stanza *ev);
void redeem_on_features(struct cpl_module *self, struct cpl_ev_features *ev);
enum cpl_flow redeem_on_creating(struct cpl_module *self, struct cpl_ev_creating *ev);
enum cpl_flow subscribe_on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev);
void accept_on_created(struct cpl_module *self, struct cpl_ev_account *ev);
enum cpl_flow accept_on_bind(struct cpl_module *self, struct cpl_ev_bind *ev);
void accept_start(struct cpl_module *self, struct cpl_host *host);

extern struct cpl_permission invites_may_contact, invites_may_register, invites_may_account;
extern struct cpl_name adhoc_command;
enum cpl_flow adhoc_on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev);
void adhoc_on_items(struct cpl_module *self, struct cpl_ev_disco *ev);
void adhoc_on_info(struct cpl_module *self, struct cpl_ev_disco *ev);
extern const struct cpl_command invites_commands[];

#endif
