/* SPDX-License-Identifier: MIT */
/* Making tokens: what is asked first, one after another, then one commit. */
#include "modules/invites/invites.h"

/* So many rows of others are looked at by the way, and those that have expired are removed. */
enum { SWEEP = 50 };

struct creation *creation_make(struct cpl_module *self, struct cpl_host *host, size_t size)
{
	struct creation *creation = cpl_alloc(size);

	creation->self = self;
	creation->host = host;
	creation->arena = cpl_arena_create();
	creation->invite.uses = 1;
	return creation;
}

void creation_drop(struct creation *creation)
{
	cpl_arena_destroy(&creation->arena);
	cpl_free_secret(creation);
}

static void creation_end(struct creation *creation, int status)
{
	if (status != 0 && !creation->error.code)
		cpl_fail(&creation->error, status, "%s", creation->store.error ? creation->store.error : cpl_code_text(status));
	creation->done(creation, status);
	creation_drop(creation);
}

static struct creation *creation_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct creation, store);
}

/* RFC 5122 2.2: what is not unreserved or a sub-delimiter in a node or host is percent-encoded. */
static void uri_add(struct cpl_buf *uri, struct cpl_str part)
{
	for (size_t i = 0; i < part.len; i++) {
		unsigned char c = (unsigned char)part.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~!$()*+[]:", c)))
			cpl_buf_add_char(uri, (char)c);
		else
			cpl_buf_addf(uri, "%%%02X", c);
	}
}

static void uri_make(struct creation *creation)
{
	const struct invite *invite = &creation->invite;
	struct cpl_buf uri = {0};
	ptrdiff_t at = cpl_str_find(invite->inviter, '@');
	struct cpl_str local = invite->kind != INVITE_CONTACT ? invite->localpart : (struct cpl_str){invite->inviter.ptr, at > 0 ? (size_t)at : 0};

	cpl_buf_add(&uri, CPL_STR("xmpp:"));
	if (local.len) {
		uri_add(&uri, local);
		cpl_buf_add_char(&uri, '@');
	}
	uri_add(&uri, creation->host->name);
	cpl_buf_addf(&uri, "?%s;preauth=%s%s", invite->kind == INVITE_CONTACT ? "roster" : "register", creation->token, invite->ibr ? ";ibr=y" : "");
	creation->uri = cpl_arena_copy(creation->arena, cpl_buf_str(&uri));
	cpl_buf_finish(&uri);
}

/* XEP-0379 3.3 */
static void landing_make(struct creation *creation)
{
	struct cpl_str rest = CPL_CONFIG(creation->self, creation->host, struct invites_config)->landing_page, mark = CPL_STR("{token}");
	struct cpl_buf page = {0};

	if (!rest.len)
		return;
	while (rest.len) {
		if (cpl_str_starts(rest, mark)) {
			cpl_buf_add(&page, cpl_str_of(creation->token));
			rest = (struct cpl_str){rest.ptr + mark.len, rest.len - mark.len};
		} else {
			cpl_buf_add_char(&page, *rest.ptr);
			rest = (struct cpl_str){rest.ptr + 1, rest.len - 1};
		}
	}
	creation->landing = cpl_arena_copy(creation->arena, cpl_buf_str(&page));
	cpl_buf_finish(&page);
}

/* ---- the commit ---- */

static void on_committed(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);

	if (call->status == CPL_E_CONFLICT)
		cpl_fail(&creation->error, CPL_E_CONFLICT, "the name is kept for another invitation");
	if (call->status == 0) {
		uri_make(creation);
		landing_make(creation);
	}
	creation_end(creation, call->status);
}

static void on_swept(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);
	const struct invite *invite = &creation->invite;
	struct cpl_jid host = creation->host->jid, owner;
	struct cpl_str hash = cpl_str_of(creation->hash);
	struct cpl_value name[] = {CPL_BYTES(hash), CPL_INTEGER(invite->expires)};
	struct cpl_batch *batch;
	int status = call->status;

	if (status != 0) {
		creation_end(creation, status);
		return;
	}
	batch = cpl_batch_create();
	for (size_t i = 0; i < creation->store.count; i++) {
		struct invite old = invite_of(&creation->store.rows[i]);

		if (old.expires <= cpl_now())
			invite_remove(batch, host, creation->store.rows[i].key, &old);
	}
	invite_put(batch, host, hash, invite);
	if (invite->kind == INVITE_ACCOUNT && invite->localpart.ptr)
		cpl_batch_insert(batch, &invite_name_store, host, invite->localpart, name);
	if (creation->owner.ptr && cpl_jid_parse(&owner, creation->owner, creation->arena) == 0) {
		cpl_batch_set(batch, &invite_mine_store, owner, hash, &CPL_INTEGER(invite->expires));
		for (size_t i = 0; i < creation->expired_count; i++)
			cpl_batch_remove(batch, &invite_mine_store, owner, creation->expired[i]);
	}
	status = cpl_batch_commit(&creation->store, creation->scope, &batch, on_committed);
	if (status != 0)
		creation_end(creation, status);
}

static void sweep(struct creation *creation)
{
	int status = cpl_store_page(&creation->store, creation->scope, &invite_store, creation->host->jid, cpl_str_of(creation->hash), SWEEP, on_swept);

	if (status != 0)
		creation_end(creation, status);
}

/* ---- has the inviter room? ---- */

static void on_mine(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);
	int64_t bound = CPL_CONFIG(creation->self, creation->host, struct invites_config)->per_account, good = 0;

	creation->expired = cpl_arena_alloc(creation->arena, (creation->store.count + 1) * sizeof(*creation->expired));
	for (size_t i = 0; call->status == 0 && i < creation->store.count; i++) {
		const struct cpl_row *row = &creation->store.rows[i];

		if (row->values[0].integer > cpl_now())
			good++;
		else
			creation->expired[creation->expired_count++] = cpl_arena_copy(creation->arena, row->key);
	}
	if (call->status != 0)
		creation_end(creation, call->status);
	else if (good >= bound)
		creation_end(creation, cpl_fail(&creation->error, CPL_E_FULL, "there are %lld invitations of yours that are good, the most there may be", (long long)good));
	else
		sweep(creation);
}

static void on_contact(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);

	if (call->status == CPL_E_NOT_FOUND)
		creation_end(creation, cpl_fail(&creation->error, CPL_E_NOT_FOUND, "there is no account %.*s", CPL_ARG(creation->invite.inviter)));
	else if (call->status != 0)
		creation_end(creation, call->status);
	else
		sweep(creation);
}

static void check_contact(struct creation *creation)
{
	struct cpl_jid contact;
	int status;

	if (!creation->invite.inviter.ptr) {
		sweep(creation);
		return;
	}
	status = cpl_jid_parse(&contact, creation->invite.inviter, creation->arena);
	if (status == 0)
		status = cpl_account_get(&creation->store, creation->scope, contact, on_contact);
	if (status != 0)
		creation_end(creation, status);
}

static void check_room(struct creation *creation)
{
	struct cpl_jid owner;
	int status;

	if (!creation->owner.ptr) {
		check_contact(creation);
		return;
	}
	status = cpl_jid_parse(&owner, creation->owner, creation->arena);
	if (status == 0)
		status = cpl_store_all(&creation->store, creation->scope, &invite_mine_store, owner, 2 * INVITE_USES_MAX, on_mine);
	if (status != 0)
		creation_end(creation, status);
}

/* ---- is the name free, or is the account there? ---- */

static void remove_old_name(struct creation *creation);

static void on_name_removed(struct cpl_call *call)
{
	if (call->status == 0)
		check_room(creation_of(call));
	else
		creation_end(creation_of(call), call->status);
}

static void remove_old_name(struct creation *creation)
{
	struct cpl_batch *batch = cpl_batch_create();
	int status;

	cpl_batch_remove(batch, &invite_name_store, creation->host->jid, creation->invite.localpart);
	status = cpl_batch_commit(&creation->store, creation->scope, &batch, on_name_removed);
	if (status != 0)
		creation_end(creation, status);
}

static void on_name(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);

	if (call->status != 0)
		creation_end(creation, call->status);
	else if (creation->store.count && creation->store.rows->values[1].integer > cpl_now())
		creation_end(creation, cpl_fail(&creation->error, CPL_E_CONFLICT, "the name is kept for another invitation"));
	else if (creation->store.count)
		remove_old_name(creation);
	else
		check_room(creation);
}

static void on_account(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);
	bool reset = creation->invite.kind == INVITE_RESET;
	struct cpl_str local = creation->invite.localpart, host = creation->host->name;
	int status = call->status;

	if (status != 0 && status != CPL_E_NOT_FOUND) {
		creation_end(creation, status);
	} else if (reset && status == CPL_E_NOT_FOUND) {
		creation_end(creation, cpl_fail(&creation->error, CPL_E_NOT_FOUND, "there is no account %.*s@%.*s", CPL_ARG(local), CPL_ARG(host)));
	} else if (!reset && status == 0) {
		creation_end(creation, cpl_fail(&creation->error, CPL_E_EXISTS, "%.*s@%.*s exists already", CPL_ARG(local), CPL_ARG(host)));
	} else if (reset) {
		check_room(creation);
	} else {
		status = cpl_store_get(&creation->store, creation->scope, &invite_name_store, creation->host->jid, local, on_name);
		if (status != 0)
			creation_end(creation, status);
	}
}

static void on_begin(struct cpl_call *call)
{
	struct creation *creation = creation_of(call);

	if (call->status != 0)
		creation_end(creation, call->status);
	else
		check_room(creation);
}

int creation_start(struct creation *creation, struct cpl_scope *scope, void (*done)(struct creation *creation, int status))
{
	struct invite *invite = &creation->invite;
	unsigned char bytes[(INVITE_TOKEN_TEXT - 1) / 2];
	struct cpl_jid account;

	cpl_random_bytes(bytes, sizeof(bytes));
	memcpy(creation->token, cpl_hex_encode(creation->arena, bytes, sizeof(bytes)).ptr, INVITE_TOKEN_TEXT);
	invite_hash(cpl_str_of(creation->token), creation->hash);
	invite->created = cpl_now();
	invite->expires = cpl_now() + (invite->expires ? invite->expires : CPL_CONFIG(creation->self, creation->host, struct invites_config)->expires);
	creation->scope = scope;
	creation->done = done;
	if (!invite->localpart.ptr)
		return cpl_timer_start(&creation->store.call, scope, 0, on_begin);
	if (cpl_jid_make(&account, invite->localpart, creation->host->name, CPL_NONE, creation->arena) != 0)
		return CPL_E_INVALID;
	return cpl_account_get(&creation->store, scope, account, on_account);
}
