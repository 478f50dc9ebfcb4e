/* SPDX-License-Identifier: MIT */
/* The import of one account: is it there, what do its modules keep, what differs; then one commit, and the news. */
#include "core/admin/transfer.h"
#include "core/base/account.h"
#include "core/hook/table.h"
#include "core/module/manager.h"
#include "core/xmpp/user.h"
#include <couplet/log.h>
#include <openssl/crypto.h>

static void next_row(struct cpl_import *in);

static void end(struct cpl_import *in)
{
	in->done(in);
}

/* The account is not imported. */
static void fail(struct cpl_import *in, int status, const char *what, const char *reason)
{
	if (status != CPL_E_CANCELLED)
		cpl_import_fault(in, "%s: %s", what, reason ? reason : cpl_code_text(status));
	in->changed = false;
	end(in);
}

void import_account_finish(struct cpl_import *in)
{
	struct cpl_str password = in->record ? cpl_attr_get(in->record->root, "password") : CPL_NONE;

	/* UNSAFE: text in the record's own arena. */
	if (password.ptr)
		OPENSSL_cleanse((char *)password.ptr, password.len);
	cpl_batch_destroy(&in->batch);
	cpl_stanza_unref(&in->record);
	cpl_arena_destroy(&in->arena);
	cpl_free(in);
}

/* Looked up at each use: it may go meanwhile. */
static struct cpl_host *import_host(const struct cpl_import *in)
{
	return cpl_host_find(cpl_jid_domain(in->account));
}

static struct cpl_scope *scope_of(struct cpl_import *in)
{
	return cpl_invocation_scope(in->in);
}

/* ---- the end: commit, and tell who has to know ---- */

static void announce(struct cpl_import *in)
{
	struct cpl_host *host = import_host(in);
	struct cpl_ev_account ev = {.host = host, .jid = in->account, .what = CPL_ACCOUNT_OTHER};

	cpl_log_info("account imported account=%.*s new=%s", CPL_ARG(cpl_jid_str(in->account)), in->exists ? "no" : "yes");
	if (!host)
		return;
	if (in->exists)
		cpl_fire_account_changed(host, &ev);
	else
		cpl_fire_account_created(host, &ev);
}

static void on_committed(struct cpl_call *call)
{
	struct cpl_import *in = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct cpl_import, store);

	if (call->status == CPL_E_EXISTS) {
		fail(in, call->status, "not imported", "it was made by somebody else meanwhile: import it again");
		return;
	}
	if (call->status != 0) {
		fail(in, call->status, "not imported", in->store.error);
		return;
	}
	in->created = !in->exists;
	in->changed = true;
	announce(in);
	end(in);
}

static void commit(struct cpl_import *in)
{
	int status;

	in->store = (struct cpl_store_call){0};
	status = cpl_batch_commit(&in->store, scope_of(in), &in->batch, on_committed);
	if (status != 0)
		fail(in, status, "not imported", NULL);
}

/* What is in memory of the account would be older than what is on disk from now on: its sessions end, and who comes next reads it anew. */
static void on_step(struct cpl_call *call)
{
	struct cpl_import *in = CPL_CONTAINER(call, struct cpl_import, wait);
	struct cpl_host *host = import_host(in);
	int status = call->status;

	if (status == 0)
		status = host ? user_forget(host, cpl_jid_local(in->account), in->steps >= USER_FORGET_STEPS) : CPL_E_NOT_FOUND;
	if (status == CPL_E_BUSY && in->steps++ < 2 * USER_FORGET_STEPS) {
		status = cpl_timer_start(&in->wait, scope_of(in), USER_FORGET_MS, on_step);
		if (status == 0)
			return;
	}
	if (status != 0)
		fail(in, status, "not imported", NULL);
	else
		commit(in);
}

static void rows_done(struct cpl_import *in)
{
	if (!in->disabled && cpl_child(in->record->root, &transfer_disabled)) {
		cpl_batch_account_disable(in->batch, in->account, true);
		import_count(in->totals, "disabled accounts", 1, 1, 0);
	}
	in->changed = cpl_batch_steps(in->batch) > 0;
	in->created = !in->exists;
	if (!in->changed || in->dry) {
		end(in);
		return;
	}
	if (!in->exists) {
		commit(in);
		return;
	}
	in->wait = (struct cpl_call){0};
	int status = cpl_timer_start(&in->wait, scope_of(in), 0, on_step);

	if (status != 0)
		fail(in, status, "not imported", NULL);
}

/* ---- rows, store by store ---- */

static void on_kept(struct cpl_call *call);

static int read_kept(struct cpl_import *in)
{
	const struct cpl_archive_query query = {.after = in->after, .limit = TRANSFER_PAGE};
	const struct cpl_store *store = in->transfer->store;
	struct account_visit visit = account_enter(manager_account(in->self), in->self, ACCOUNT_IN_CALL);
	int status;

	/* In the module's name, so that its code stays while we wait. */
	in->store = (struct cpl_store_call){0};
	if (store->kind == CPL_STORE_ARCHIVE)
		status = cpl_archive_query(&in->store, scope_of(in), store, in->account, &query, on_kept);
	else if (store->kind == CPL_STORE_MAP)
		status = cpl_store_all(&in->store, scope_of(in), store, in->account, TRANSFER_ROWS_MAX, on_kept);
	else
		status = cpl_store_get(&in->store, scope_of(in), store, in->account, CPL_NONE, on_kept);
	account_leave(&visit);
	return status;
}

static void on_kept(struct cpl_call *call)
{
	struct cpl_import *in = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct cpl_import, store);
	int status = call->status;
	bool archive = status == 0 && in->transfer->store->kind == CPL_STORE_ARCHIVE;

	/* What follows is the core's: only the module's functions run in its name. */
	struct account_visit visit = account_enter(account_core(), NULL, ACCOUNT_IN_CORE);

	if (status == 0) {
		import_rows_keep(in, in->store.rows, in->store.count);
		if (archive && !in->store.complete && in->store.count) {
			in->after = in->store.rows[in->store.count - 1].id;
			status = read_kept(in);
			if (status == 0) {
				account_leave(&visit);
				return;
			}
		}
	}
	if (status == 0) {
		import_rows_apply(in);
		in->row++;
		next_row(in);
	} else {
		import_rows_drop(in);
		fail(in, status, "not imported", status == CPL_E_CANCELLED ? NULL : in->store.error);
	}
	account_leave(&visit);
}

/* The next row of a module that the record has something for; false: none is left. */
static bool find_row(struct cpl_import *in)
{
	const struct cpl_host *host = import_host(in);

	for (; host && in->module < in->modules.count; in->module++, in->row = 0) {
		in->self = transfer_module(in->modules.names[in->module], host);
		in->transfer = in->self ? manager_descriptor(in->self)->transfers : NULL;
		if (!in->transfer)
			continue;
		for (size_t i = 0; i < in->row && in->transfer->store; i++)
			in->transfer++;
		for (; in->transfer->store; in->transfer++, in->row++)
			if (import_rows_wanted(in))
				return true;
	}
	return false;
}

static void next_row(struct cpl_import *in)
{
	int status;

	while (find_row(in)) {
		in->after = 0;
		import_rows_begin(in);
		if (in->exists) {
			status = read_kept(in);
			if (status != 0)
				fail(in, status, "not imported", NULL);
			return;
		}
		import_rows_apply(in);
		in->row++;
	}
	if (import_host(in))
		rows_done(in);
	else
		fail(in, CPL_E_NOT_FOUND, "not imported", "its host is not served any more");
}

/* ---- the beginning ---- */

static void on_password(struct cpl_call *call)
{
	struct cpl_import *in = CPL_CONTAINER(call, struct cpl_import, wait);

	if (call->status == CPL_E_INVALID) {
		fail(in, call->status, "not imported", "its password is not acceptable: it is empty, too long or has characters that RFC 4013 forbids");
		return;
	}
	if (call->status != 0) {
		fail(in, call->status, "not imported: its password", NULL);
		return;
	}
	next_row(in);
}

/* A password as text becomes the keys that are kept of it. */
static void take_password(struct cpl_import *in)
{
	struct cpl_str password = cpl_attr_get(in->record->root, "password");
	struct cpl_module *provider;
	const struct cpl_service_ref accounts = {"accounts", 1, service_id("accounts")};
	const struct cpl_accounts_service *service = cpl_service_find(import_host(in), &accounts, &provider);
	struct account_visit visit;
	int status;

	if (!password.ptr) {
		next_row(in);
		return;
	}
	if (!service || service->size <= offsetof(struct cpl_accounts_service, import_password) || !service->import_password) {
		fail(in, CPL_E_UNSUPPORTED, "not imported", "its host has no module that keeps passwords");
		return;
	}
	visit = account_enter(manager_account(provider), provider, ACCOUNT_IN_SERVICE);
	status = service->import_password(provider, &in->wait, scope_of(in), in->account, password, in->record, on_password);
	account_leave(&visit);
	if (status != 0)
		fail(in, status, "not imported", status == CPL_E_INVALID ? "its password is not acceptable" : NULL);
}

static void on_account(struct cpl_call *call)
{
	struct cpl_import *in = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct cpl_import, store);

	if (call->status != 0 && call->status != CPL_E_NOT_FOUND) {
		fail(in, call->status, "not imported", in->store.error);
		return;
	}
	in->exists = call->status == 0;
	in->disabled = in->exists && in->store.rows[0].disabled;
	if (in->exists && in->only_new && !in->goes_on) {
		in->skipped = true;
		end(in);
		return;
	}
	if (!in->exists && in->goes_on && !in->dry) {
		fail(in, CPL_E_NOT_FOUND, "not imported", "it goes on with an account whose first part was not imported");
		return;
	}
	in->batch = cpl_batch_create();
	if (!in->exists)
		cpl_batch_account_create(in->batch, in->account);
	take_password(in);
}

void import_account_begin(struct cpl_import *in)
{
	int status;

	transfer_modules_of(&in->modules, import_host(in), in->arena);
	status = cpl_account_get(&in->store, scope_of(in), in->account, on_account);
	if (status != 0)
		fail(in, status, "not imported", NULL);
}
