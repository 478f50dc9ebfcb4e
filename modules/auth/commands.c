/* SPDX-License-Identifier: MIT */
/* The commands about accounts: adduser, passwd, deluser, user list. */
#include "modules/auth/commands.h"

#include "modules/auth/accounts.h"

enum { LIST_PAGE = 500 };

/* A command that waits for one call about one account. */
struct request {
	struct cpl_call call;
	struct cpl_user_call user;
	struct cpl_invocation *in;
	const char *verb; /* past participle, for the line of success */
};

static struct request *request_create(struct cpl_invocation *in, const char *verb)
{
	struct request *request = CPL_NEW(struct request);

	request->in = in;
	request->verb = verb;
	return request;
}

static void request_end(struct request *request, int status)
{
	struct cpl_invocation *in = request->in;
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0));

	switch (status) {
	case CPL_OK:
		cpl_say(in, "%.*s %s", CPL_ARG(account), request->verb);
		cpl_done(in);
		break;
	case CPL_E_NOT_FOUND:
		cpl_refuse(in, "there is no account %.*s", CPL_ARG(account));
		break;
	case CPL_E_INVALID:
		cpl_refuse(in,
			   "this password is not acceptable: it is empty, longer than %d bytes or has "
			   "characters that RFC 4013 forbids",
			   SCRAM_PASSWORD_MAX);
		break;
	default:
		cpl_refuse(in, "%.*s: %s", CPL_ARG(account), cpl_code_text(status));
		break;
	}
	cpl_free(request);
}

static void on_done(struct cpl_call *call)
{
	request_end(CPL_CONTAINER(call, struct request, call), call->status);
}

/* ---- adduser ---- */

struct addition {
	struct cpl_account_request request;
	struct cpl_invocation *in;
};

static void addition_end(struct addition *addition, int status)
{
	struct cpl_invocation *in = addition->in;

	if (status == CPL_OK) {
		cpl_say(in, "%.*s added", CPL_ARG(cpl_jid_str(cpl_arg_jid(in, 0))));
		cpl_done(in);
	} else {
		cpl_refuse(in, "%s", addition->request.error.text[0] ? addition->request.error.text : cpl_code_text(status));
	}
	cpl_free(addition);
}

static void on_added(struct cpl_call *call)
{
	addition_end(CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_account_request, call), struct addition, request), call->status);
}

static void run_adduser(struct cpl_module *self, struct cpl_invocation *in)
{
	struct addition *addition = CPL_NEW(struct addition);
	int code;

	addition->in = in;
	addition->request.origin = CPL_ORIGIN_ADMIN;
	addition->request.forced = cpl_flag(in, "force");
	code = accounts_make(self, &addition->request, cpl_invocation_scope(in), cpl_arg_jid(in, 0), cpl_password(in), on_added);
	if (code != 0)
		addition_end(addition, code);
}

/* ---- passwd, deluser ---- */

static void run_passwd(struct cpl_module *self, struct cpl_invocation *in)
{
	struct request *request = request_create(in, "has a new password");
	int code = accounts_set_password(self, &request->call, cpl_invocation_scope(in), cpl_arg_jid(in, 0),
					 cpl_password(in), NULL, on_done);

	if (code != 0)
		request_end(request, code);
}

static void on_removed(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(call, struct request, user.call);

	if (request->user.user)
		cpl_user_unref(&request->user.user);
	request_end(request, call->status);
}

static void run_deluser(struct cpl_module *self, struct cpl_invocation *in)
{
	struct request *request = request_create(in, "removed");
	int code = cpl_user_remove(&request->user, cpl_invocation_scope(in), cpl_arg_jid(in, 0), on_removed);

	if (code != 0)
		request_end(request, code);
}

/* ---- user list ---- */

struct listing {
	struct cpl_store_call store;
	struct cpl_invocation *in;
	struct cpl_buf domain; /* the host may go while the list is read */
	struct cpl_buf after;
};

static void listing_next(struct listing *listing);

static void listing_end(struct listing *listing, int status, const char *reason)
{
	if (status == CPL_OK)
		cpl_done(listing->in);
	else
		cpl_refuse(listing->in, "the accounts cannot be read: %s", reason);
	cpl_buf_finish(&listing->domain);
	cpl_buf_finish(&listing->after);
	cpl_free(listing);
}

static void listing_row(struct listing *listing, const struct cpl_row *row)
{
	char time[CPL_TIME_TEXT];
	struct cpl_buf jid = {0};

	cpl_buf_add(&jid, row->account);
	cpl_buf_add_char(&jid, '@');
	cpl_buf_add(&jid, cpl_buf_str(&listing->domain));
	cpl_row_begin(listing->in);
	cpl_row_text(listing->in, cpl_buf_str(&jid));
	cpl_row_text(listing->in, row->when > 0 ? cpl_time_format(row->when, time) : CPL_NONE);
	cpl_row_text(listing->in, row->disabled ? CPL_STR("disabled") : CPL_STR("enabled"));
	cpl_row_end(listing->in);
	cpl_buf_finish(&jid);
}

static void on_page(struct cpl_call *call)
{
	struct listing *listing = CPL_CONTAINER(call, struct listing, store.call);

	if (call->status != CPL_OK) {
		listing_end(listing, call->status, listing->store.error);
		return;
	}
	for (size_t i = 0; i < listing->store.count; i++)
		listing_row(listing, &listing->store.rows[i]);
	if (listing->store.complete || listing->store.count == 0) {
		listing_end(listing, CPL_OK, NULL);
		return;
	}
	cpl_buf_clear(&listing->after);
	cpl_buf_add(&listing->after, listing->store.rows[listing->store.count - 1].account);
	listing_next(listing);
}

static void listing_next(struct listing *listing)
{
	struct cpl_str after = listing->after.len > 0 ? cpl_buf_str(&listing->after) : CPL_NONE;
	int code = cpl_account_list(&listing->store, cpl_invocation_scope(listing->in),
				    cpl_buf_str(&listing->domain), after, LIST_PAGE, on_page);

	if (code != 0)
		listing_end(listing, code, cpl_code_text(code));
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct listing *listing = CPL_NEW(struct listing);

	listing->in = in;
	cpl_buf_add(&listing->domain, cpl_arg_host(in, 0)->name);
	listing_next(listing);
}

const struct cpl_command auth_commands[] = {
	{"adduser <account> [--force]", "Make an account; asks for its password.",
	 "The password is asked for twice, or read from standard input with --password-stdin. An existing "
	 "account is never overwritten. With --force no module is asked whether the name may be used: one that looks like another's, or was somebody's "
	 "before.",
	 NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_PASSWORD | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_adduser},
	{"passwd <account>", "Give an account a new password.",
	 "The account's open sessions are closed with the stream error reset.", NULL,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_PASSWORD | CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_passwd},
	{"deluser <account>", "Remove an account and all that is kept for it.",
	 "Its sessions are closed, its contacts are told, and all its data are deleted in one step. This "
	 "cannot be undone.",
	 NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_CONFIRM | CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_deluser},
	{"user list <host>", "List the accounts of a host.", NULL, "jid,created,state",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"user import <file> [--resume]", "Make accounts from a file of addresses and passwords or keys.", import_detail,
	 NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_INPUT, import_run},
	CPL_COMMAND_END,
};
