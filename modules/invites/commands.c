/* SPDX-License-Identifier: MIT */
/* The commands: invite create, list, revoke; user reset. */
#include "modules/invites/invites.h"

enum { PAGE = 200, ID_LEAST = 8, ID_SHOWN = 12 };

static const char *const kinds[] = {"contact", "account", "reset"};

/* ---- making ---- */

struct making {
	struct creation creation;
	struct cpl_invocation *in;
};

static void on_made(struct creation *creation, int status)
{
	struct cpl_invocation *in = CPL_CONTAINER(creation, struct making, creation)->in;
	char text[CPL_TIME_TEXT];

	if (status != 0) {
		cpl_refuse(in, "%s", creation->error.text);
		return;
	}
	cpl_row_begin(in);
	cpl_row_text(in, creation->uri);
	cpl_row_text(in, cpl_time_format(creation->invite.expires, text));
	cpl_row_text(in, creation->landing);
	cpl_row_end(in);
	cpl_done(in);
}

static void making_start(struct making *making)
{
	int status = creation_start(&making->creation, cpl_invocation_scope(making->in), on_made);

	if (status == 0)
		return;
	cpl_refuse(making->in, "no token can be made: %s", cpl_code_text(status));
	creation_drop(&making->creation);
}

/* --account is a localpart, or an address on the host; NULL or what is wrong. */
static const char *account_fault(struct making *making, struct cpl_str text)
{
	struct cpl_arena *arena = making->creation.arena;
	struct cpl_jid jid;

	if (cpl_str_find(text, '@') < 0)
		return cpl_prepare_new_local(&making->creation.invite.localpart, text, arena) == 0 ? NULL : "--account wants a user name, such as juliet";
	if (cpl_jid_parse(&jid, text, arena) != 0 || !jid.local_len || cpl_jid_is_full(jid) || !cpl_str_equal(cpl_jid_domain(jid), making->creation.host->name))
		return "--account wants a user name, or an address on this host";
	return cpl_prepare_new_local(&making->creation.invite.localpart, cpl_jid_local(jid), arena) == 0 ? NULL : "--account: this cannot be the name of a new account";
}

/* What the flags say; NULL or what is wrong with them. */
static const char *flags_fault(struct making *making)
{
	struct cpl_invocation *in = making->in;
	struct invite *invite = &making->creation.invite;
	struct cpl_str account = cpl_flag_value(in, "account"), contact = cpl_flag_value(in, "contact"), group = cpl_flag_value(in, "group");
	struct cpl_str expires = cpl_flag_value(in, "expires"), uses = cpl_flag_value(in, "uses");
	struct cpl_arena *arena = making->creation.arena;
	const char *fault = account.ptr ? account_fault(making, account) : NULL;
	struct cpl_jid jid;

	if (fault)
		return fault;
	if (contact.ptr && (cpl_jid_parse(&jid, contact, arena) != 0 || !jid.local_len || cpl_jid_is_full(jid) || !cpl_host_find(cpl_jid_domain(jid))))
		return "--contact wants the address of an account here, such as romeo@example.org";
	if (contact.ptr)
		invite->inviter = cpl_arena_copy(arena, cpl_jid_str(jid));
	if (group.ptr && !contact.ptr)
		return "--group is the roster group of the contact: --contact is missing";
	if (group.ptr && (group.len > 1023 || !group.len))
		return "--group wants a name of 1 to 1023 bytes";
	if (group.ptr)
		invite->group = cpl_arena_copy(arena, group);
	if (expires.ptr && (!cpl_option_number(CPL_OPTION_TIME, expires, &invite->expires) || invite->expires < 60000 || invite->expires > 31536000000))
		return "--expires wants a time from 1m to 365d, such as 12h or 7d";
	if (uses.ptr && !cpl_str_to_int(uses, 1, INVITE_USES_MAX, &invite->uses))
		return "--uses wants a number from 1 to 1000";
	return account.ptr && invite->uses > 1 ? "--account is for one person: it cannot be used more than once" : NULL;
}

static struct making *making_make(struct cpl_module *self, struct cpl_invocation *in, struct cpl_host *host)
{
	struct making *making = CPL_CONTAINER(creation_make(self, host, sizeof(*making)), struct making, creation);

	making->in = in;
	return making;
}

static void run_create(struct cpl_module *self, struct cpl_invocation *in)
{
	struct making *making;
	const char *fault;

	if (cpl_arg_host(in, 0)->component) {
		cpl_refuse(in, "%.*s is a component's host and has no accounts", CPL_ARG(cpl_arg_host(in, 0)->name));
		return;
	}
	making = making_make(self, in, cpl_arg_host(in, 0));
	making->creation.invite.kind = INVITE_ACCOUNT;
	fault = flags_fault(making);
	if (fault) {
		cpl_refuse(in, "%s", fault);
		creation_drop(&making->creation);
		return;
	}
	making_start(making);
}

static void run_reset(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_jid account = cpl_arg_jid(in, 0);
	struct making *making = making_make(self, in, cpl_host_find(cpl_jid_domain(account)));
	struct cpl_str expires = cpl_flag_value(in, "expires");
	struct invite *invite = &making->creation.invite;

	invite->kind = INVITE_RESET;
	invite->localpart = cpl_arena_copy(making->creation.arena, cpl_jid_local(account));
	if (expires.ptr && (!cpl_option_number(CPL_OPTION_TIME, expires, &invite->expires) || invite->expires < 60000 || invite->expires > 31536000000)) {
		cpl_refuse(in, "--expires wants a time from 1m to 365d, such as 12h or 7d");
		creation_drop(&making->creation);
		return;
	}
	making_start(making);
}

/* ---- list ---- */

struct listing {
	struct cpl_store_call store;
	struct cpl_invocation *in;
	struct cpl_buf domain, after;
};

static void listing_end(struct listing *listing, int status)
{
	if (status == 0)
		cpl_done(listing->in);
	else
		cpl_refuse(listing->in, "the invitations cannot be read: %s", listing->store.error ? listing->store.error : cpl_code_text(status));
	cpl_buf_finish(&listing->domain);
	cpl_buf_finish(&listing->after);
	cpl_free(listing);
}

static void list_row(struct cpl_invocation *in, const struct cpl_row *row)
{
	struct invite invite = invite_of(row);
	char text[CPL_TIME_TEXT];

	if (invite.expires <= cpl_now() || invite.kind > INVITE_RESET)
		return;
	cpl_row_begin(in);
	cpl_row_text(in, (struct cpl_str){row->key.ptr, row->key.len < ID_SHOWN ? row->key.len : ID_SHOWN});
	cpl_row_text(in, cpl_str_of(kinds[invite.kind]));
	cpl_row_text(in, invite.localpart);
	cpl_row_text(in, invite.inviter);
	cpl_row_text(in, invite.group);
	cpl_row_int(in, invite.uses);
	cpl_row_int(in, invite.used);
	cpl_row_text(in, cpl_time_format(invite.expires, text));
	cpl_row_end(in);
}

static void listing_next(struct listing *listing);

static void on_page(struct cpl_call *call)
{
	struct listing *listing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct listing, store);

	for (size_t i = 0; call->status == 0 && i < listing->store.count; i++)
		list_row(listing->in, &listing->store.rows[i]);
	if (call->status != 0 || listing->store.complete) {
		listing_end(listing, call->status);
		return;
	}
	cpl_buf_clear(&listing->after);
	cpl_buf_add(&listing->after, listing->store.rows[listing->store.count - 1].key);
	listing_next(listing);
}

static void listing_next(struct listing *listing)
{
	struct cpl_str domain = cpl_buf_str(&listing->domain), after = listing->after.len ? cpl_buf_str(&listing->after) : CPL_NONE;
	struct cpl_jid host = {domain.ptr, 0, (uint16_t)domain.len, 0, 0};
	int status = cpl_store_page(&listing->store, cpl_invocation_scope(listing->in), &invite_store, host, after, PAGE, on_page);

	if (status != 0)
		listing_end(listing, status);
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct listing *listing = CPL_NEW(struct listing);

	listing->in = in;
	cpl_buf_add(&listing->domain, cpl_arg_host(in, 0)->name);
	listing_next(listing);
}

/* ---- revoke ---- */

struct revocation {
	struct cpl_store_call store;
	struct cpl_invocation *in;
};

static void revocation_end(struct revocation *revocation, int status)
{
	if (status == 0)
		cpl_done(revocation->in);
	else
		cpl_refuse(revocation->in, "the invitation cannot be taken back: %s", revocation->store.error ? revocation->store.error : cpl_code_text(status));
	cpl_free(revocation);
}

static void on_revoked(struct cpl_call *call)
{
	struct revocation *revocation = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct revocation, store);

	if (call->status == 0)
		cpl_say(revocation->in, "%.*s taken back", CPL_ARG(cpl_arg(revocation->in, 1)));
	revocation_end(revocation, call->status);
}

static void on_candidates(struct cpl_call *call)
{
	struct revocation *revocation = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct revocation, store);
	struct cpl_invocation *in = revocation->in;
	struct cpl_str id = cpl_arg(in, 1);
	struct cpl_batch *batch;
	struct invite invite;
	size_t fitting = 0;
	int status = call->status;

	while (status == 0 && fitting < revocation->store.count && cpl_str_starts(revocation->store.rows[fitting].key, id))
		fitting++;
	if (status != 0) {
		revocation_end(revocation, status);
		return;
	}
	if (fitting != 1) {
		cpl_refuse(in, fitting ? "several invitations begin with %.*s" : "there is no invitation %.*s", CPL_ARG(id));
		cpl_free(revocation);
		return;
	}
	invite = invite_of(revocation->store.rows);
	batch = cpl_batch_create();
	invite_remove(batch, cpl_arg_host(in, 0)->jid, revocation->store.rows[0].key, &invite);
	status = cpl_batch_commit(&revocation->store, cpl_invocation_scope(in), &batch, on_revoked);
	if (status != 0)
		revocation_end(revocation, status);
}

static void run_revoke(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str id = cpl_arg(in, 1);
	struct revocation *revocation;
	int status;

	if (id.len < ID_LEAST || strspn(id.ptr, "0123456789abcdef") < id.len) {
		cpl_refuse(in, "%.*s is no id: it has at least %d digits, as invite list shows them", CPL_ARG(id), ID_LEAST);
		return;
	}
	revocation = CPL_NEW(struct revocation);
	revocation->in = in;
	status = cpl_store_page(&revocation->store, cpl_invocation_scope(in), &invite_store, cpl_arg_host(in, 0)->jid, id, 2, on_candidates);
	if (status != 0)
		revocation_end(revocation, status);
}

const struct cpl_command invites_commands[] = {
	{"invite create <host> [--account <word:name>] [--contact <jid>] [--group <word>] [--expires <word:time>] [--uses <word:number>]",
	 "Make a token that lets somebody make an account, and print its address.",
	 "With --account it is for this user name, which is kept for it. With --contact the new account and this one become contacts, in the roster group --group. It can be used once, or "
	 "as often as --uses says, until it expires.",
	 "uri,expires,page", CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_create},
	{"invite list <host>", "List the tokens of a host that have not expired.", NULL, "id,kind,account,contact,group,uses,used,expires",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"invite revoke <host> <word:id>", "Take a token back.", NULL, NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_revoke},
	{"user reset <account> [--expires <word:time>]", "Make a token by which a person sets a new password, and print its address.",
	 "It can be used once. The old password is good until then.", "uri,expires,page", CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_reset},
	CPL_COMMAND_END,
};
