/* SPDX-License-Identifier: MIT */
/*
 * One run of a command: what <couplet/command.h> gives to its run() function.
 *
 * It lives until the command has ended it (cpl_done, cpl_refuse) and no call of its scope is under way. When its client goes or its module is
 * unloaded, the scope ends and the sink is let go, but the memory stays until the command itself ends it, as its callbacks still come. Session thread.
 */
#ifndef CORE_ADMIN_INVOCATION_H
#define CORE_ADMIN_INVOCATION_H

#include "core/admin/command.h"
#include "core/admin/form.h"
#include <couplet/session.h>

/* The most columns of a table. */
enum { INVOCATION_COLUMNS = 32 };

struct cpl_invocation {
	struct cpl_arena *arena;
	struct cpl_scope scope;
	const struct cpl_command *command;
	const struct form *form;
	struct cpl_module *owner;
	struct command_sink *sink; /* NULL once it has ended or been abandoned */
	struct form_match match;
	struct cpl_jid jids[FORM_TOKENS];
	int64_t numbers[FORM_TOKENS];
	char *password;
	size_t password_len;
	char *input;
	size_t input_len, input_at;
	struct cpl_buf row;
	unsigned cells, columns;
	bool announced; /* the columns, or that there is no table */
	/* The same row as plain texts, for sinks that want it so. */
	struct cpl_buf plain;
	size_t ends[INVOCATION_COLUMNS];
	bool absent[INVOCATION_COLUMNS];
	struct cpl_jid actor; /* of the arena */
	void *data;
	/* The account that it is about: see cpl_invocation_load_account(). */
	struct cpl_user_call account;
	unsigned account_argument;
	void (*account_loaded)(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user);
	/* What waits for the client: a record of its input, or for it to have taken the output. */
	void (*got)(struct cpl_invocation *in, struct cpl_str record);
	void (*drained)(struct cpl_invocation *in);
	bool inside;   /* run() is on the stack */
	bool finished; /* the command has ended it */
	struct cpl_list node; /* all that live */
};

/* Copies password and input (both may be CPL_NONE). NULL when there is no memory for the input. `arena` passes to the invocation. */
struct cpl_invocation *invocation_create(struct cpl_arena *arena, struct cpl_str password, struct cpl_str input);
/* Ends one that has not been run. */
void invocation_reject(struct cpl_invocation *in, int exit_code, struct cpl_str reason);
/* Runs it; NULL when it is over already. */
struct cpl_invocation *invocation_run(struct cpl_invocation *in);
/* Output that has not been taken yet, in bytes: what goes on without end (watch) stops to add when there is much. */
size_t invocation_waiting(const struct cpl_invocation *in);
/* The core ends it: with a reason to the client, or (reason NULL) without a word. */
void invocation_cut(struct cpl_invocation *in, const char *reason);
/*
 * For commands with COMMAND_RECORDS: has the client send the next record of its input. `got` comes later, once, with its bytes (to be wiped by nobody but the caller of
 * invocation_take(), valid until it returns), or CPL_NONE at the end; at once when the client has gone.
 */
void invocation_ask(struct cpl_invocation *in, void (*got)(struct cpl_invocation *in, struct cpl_str record));
/* The client's side of it. */
void invocation_take(struct cpl_invocation *in, struct cpl_str record);
/* For commands with COMMAND_SAVE: bytes for the file that the client writes. */
void invocation_save(struct cpl_invocation *in, struct cpl_str bytes);
/* True when the client has taken most of it; else `drained` comes later, once, when it has. */
bool invocation_drain(struct cpl_invocation *in, void (*drained)(struct cpl_invocation *in));
void invocation_drained(struct cpl_invocation *in);
/* Cuts all of a module's. */
void invocation_cut_owner(struct cpl_module *owner, const char *reason);

#endif
