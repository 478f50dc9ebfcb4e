/* SPDX-License-Identifier: MIT */
/* The commands: blocklist show, add, remove. */
#include "modules/blocklist/blocklist.h"

enum { ROWS_MAX = 1000000 };

static void refuse(struct cpl_invocation *in, int status)
{
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0));

	if (status == CPL_E_FULL)
		cpl_refuse(in, "the list of %.*s would be longer than the option max_items allows, or the disk is full", CPL_ARG(account));
	else
		cpl_refuse(in, "the list of %.*s: %s", CPL_ARG(account), cpl_code_text(status));
}

/* ---- show ---- */

struct showing {
	struct cpl_store_call rows;
	struct cpl_invocation *in;
};

static void shown(struct cpl_call *call)
{
	struct showing *showing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct showing, rows);
	struct cpl_invocation *in = showing->in;
	char time[CPL_TIME_TEXT];

	if (call->status != 0) {
		refuse(in, call->status);
		return;
	}
	for (size_t i = 0; i < showing->rows.count; i++) {
		const struct cpl_row *row = &showing->rows.rows[i];

		cpl_row_begin(in);
		cpl_row_text(in, row->key);
		cpl_row_text(in, cpl_time_format(row->values[BLOCKLIST_SINCE].integer, time));
		cpl_row_text(in, row->values[BLOCKLIST_REASON].bytes);
		cpl_row_text(in, row->values[BLOCKLIST_TEXT].bytes);
		cpl_row_text(in, row->values[BLOCKLIST_MESSAGES].bytes);
		cpl_row_end(in);
	}
	cpl_done(in);
}

static void show(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	struct showing *showing = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*showing));
	int status;

	showing->in = in;
	status = cpl_store_all(&showing->rows, cpl_invocation_scope(in), &blocklist_store, user->jid, ROWS_MAX, shown);
	if (status != 0)
		refuse(in, status);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_invocation_load_account(in, 0, show);
}

/* ---- add, remove ---- */

static void changed(struct blocklist_change *change, int status)
{
	struct cpl_invocation *in = change->data;
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0));

	if (status != 0) {
		refuse(in, status);
	} else if (change->all) {
		cpl_say(in, "%.*s blocks nobody any more", CPL_ARG(account));
		cpl_done(in);
	} else {
		cpl_say(in, "%.*s %s %.*s", CPL_ARG(account), change->block ? "blocks" : "does not block any more", CPL_ARG(cpl_jid_str(change->items[0].jid)));
		cpl_done(in);
	}
	blocklist_change_free(change);
}

static void change_start(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user, bool blocks)
{
	struct blocklist_change *change = blocklist_change_create(user, blocks, 1);
	struct cpl_str jid = cpl_arg(in, 1);
	int status = 0;

	change->data = in;
	change->all = !jid.ptr;
	if (jid.ptr) {
		/* It was an address when the command began. */
		if (cpl_jid_parse(&change->items[0].jid, cpl_arena_copy(change->arena, jid), change->arena) != 0)
			status = CPL_E_INVALID;
		change->items[0].values[BLOCKLIST_SINCE] = CPL_INTEGER(cpl_now());
		change->count = 1;
	}
	if (!blocks && jid.ptr && status == 0 && !(user->blocklist && cpl_map_get(&user->blocklist->items, cpl_jid_str(change->items[0].jid)))) {
		cpl_refuse(in, "%.*s does not block %.*s", CPL_ARG(cpl_jid_str(user->jid)), CPL_ARG(cpl_jid_str(change->items[0].jid)));
		blocklist_change_free(change);
		return;
	}
	if (status == 0)
		status = blocklist_change_start(self, change, changed);
	if (status != 0) {
		refuse(in, status);
		blocklist_change_free(change);
	}
}

static void block(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	change_start(self, in, user, true);
}

static void unblock(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	change_start(self, in, user, false);
}

static void run_change(struct cpl_invocation *in, void (*loaded)(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user))
{
	struct cpl_str jid = cpl_arg(in, 1);
	struct cpl_jid parsed;

	if (jid.ptr && cpl_jid_parse(&parsed, jid, cpl_invocation_arena(in)) != 0)
		cpl_refuse(in, "%.*s is not an address: what can be blocked are addresses like juliet@example.org, juliet@example.org/balcony, example.org",
			   CPL_ARG(jid));
	else
		cpl_invocation_load_account(in, 0, loaded);
}

static void run_add(struct cpl_module *self, struct cpl_invocation *in)
{
	run_change(in, block);
}

static void run_remove(struct cpl_module *self, struct cpl_invocation *in)
{
	run_change(in, unblock);
}

const struct cpl_command blocklist_commands[] = {
	{"blocklist show <account>", "Show whom an account blocks, and what it has reported of them.", NULL, "jid,since,reason,text,messages",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_show},
	{"blocklist add <account> <word:address>", "Block an address for an account.",
	 "The address may be an account, one resource, or a whole domain. The account's clients learn of it at once.", NULL,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_add},
	{"blocklist remove <account> [<word:address>]", "Unblock one address for an account, or all.", NULL, NULL,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_remove},
	CPL_COMMAND_END,
};
