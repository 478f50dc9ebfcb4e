/* SPDX-License-Identifier: MIT */
/* The commands: blocklist show, add, remove. */
#include "modules/blocklist/blocklist.h"

enum { ROWS_MAX = 1000000 };

struct request {
	struct cpl_user_call load;
	struct cpl_store_call rows;
	struct cpl_invocation *in;
	struct cpl_module *self;
	bool block;
};

static void request_end(struct request *request)
{
	cpl_user_unref(&request->load.user);
	cpl_free(request);
}

static void refuse(struct request *request, int status)
{
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(request->in, 0));

	if (status == CPL_E_NOT_FOUND)
		cpl_refuse(request->in, "there is no account %.*s", CPL_ARG(account));
	else if (status == CPL_E_FULL)
		cpl_refuse(request->in, "the list of %.*s would be longer than the option max_items allows, or the disk is full", CPL_ARG(account));
	else
		cpl_refuse(request->in, "the list of %.*s: %s", CPL_ARG(account), cpl_code_text(status));
	request_end(request);
}

/* ---- show ---- */

static void shown(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct request, rows);
	char time[CPL_TIME_TEXT];

	if (call->status != 0) {
		refuse(request, call->status);
		return;
	}
	for (size_t i = 0; i < request->rows.count; i++) {
		const struct cpl_row *row = &request->rows.rows[i];

		cpl_row_begin(request->in);
		cpl_row_text(request->in, row->key);
		cpl_row_text(request->in, cpl_time_format(row->values[BLOCKLIST_SINCE].integer, time));
		cpl_row_text(request->in, row->values[BLOCKLIST_REASON].bytes);
		cpl_row_text(request->in, row->values[BLOCKLIST_TEXT].bytes);
		cpl_row_text(request->in, row->values[BLOCKLIST_MESSAGES].bytes);
		cpl_row_end(request->in);
	}
	cpl_done(request->in);
	request_end(request);
}

static void show_account(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct request, load);
	int status = call->status;

	if (status == 0)
		status = cpl_store_all(&request->rows, cpl_invocation_scope(request->in), &blocklist_store, request->load.user->jid, ROWS_MAX, shown);
	if (status != 0)
		refuse(request, status);
}

/* ---- add, remove ---- */

static void changed(struct blocklist_change *change, int status)
{
	struct request *request = change->data;
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(request->in, 0));

	if (status != 0) {
		refuse(request, status);
	} else if (change->all) {
		cpl_say(request->in, "%.*s blocks nobody any more", CPL_ARG(account));
		cpl_done(request->in);
		request_end(request);
	} else {
		cpl_say(request->in, "%.*s %s %.*s", CPL_ARG(account), change->block ? "blocks" : "does not block any more",
			CPL_ARG(cpl_jid_str(change->items[0].jid)));
		cpl_done(request->in);
		request_end(request);
	}
	blocklist_change_free(change);
}

static void change_account(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct request, load);
	struct blocklist_change *change;
	struct cpl_str jid = cpl_arg(request->in, 1);
	int status = call->status;

	if (status != 0) {
		refuse(request, status);
		return;
	}
	change = blocklist_change_create(request->load.user, request->block, 1);
	change->data = request;
	change->all = !jid.ptr;
	if (jid.ptr) {
		/* It was an address when the command began. */
		if (cpl_jid_parse(&change->items[0].jid, cpl_arena_copy(change->arena, jid), change->arena) != 0)
			status = CPL_E_INVALID;
		change->items[0].values[BLOCKLIST_SINCE] = CPL_INTEGER(cpl_now());
		change->count = 1;
	}
	if (!request->block && jid.ptr && status == 0 &&
	    !(change->user->blocklist && cpl_map_get(&change->user->blocklist->items, cpl_jid_str(change->items[0].jid)))) {
		cpl_refuse(request->in, "%.*s does not block %.*s", CPL_ARG(cpl_jid_str(change->user->jid)), CPL_ARG(cpl_jid_str(change->items[0].jid)));
		blocklist_change_free(change);
		request_end(request);
		return;
	}
	if (status == 0)
		status = blocklist_change_start(request->self, change, changed);
	if (status != 0) {
		refuse(request, status);
		blocklist_change_free(change);
	}
}

/* ---- all ---- */

static void run(struct cpl_module *self, struct cpl_invocation *in, struct cpl_str jid, bool block, void (*done)(struct cpl_call *call))
{
	struct request *request;
	struct cpl_jid parsed;
	int status;

	if (jid.ptr && cpl_jid_parse(&parsed, jid, cpl_invocation_arena(in)) != 0) {
		cpl_refuse(in, "%.*s is not an address: what can be blocked are addresses like juliet@example.org, juliet@example.org/balcony, example.org",
			   CPL_ARG(jid));
		return;
	}
	request = CPL_NEW(struct request);
	request->in = in;
	request->self = self;
	request->block = block;
	status = cpl_user_load(&request->load, cpl_invocation_scope(in), cpl_arg_jid(in, 0), done);
	if (status != 0)
		refuse(request, status);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	run(self, in, CPL_NONE, false, show_account);
}

static void run_add(struct cpl_module *self, struct cpl_invocation *in)
{
	run(self, in, cpl_arg(in, 1), true, change_account);
}

static void run_remove(struct cpl_module *self, struct cpl_invocation *in)
{
	run(self, in, cpl_arg(in, 1), false, change_account);
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
