/* SPDX-License-Identifier: MIT */
/* Changes of accounts: load, commit, follow. */
#include "core/xmpp/account_change.h"
#include "core/xmpp/user.h"

#include "core/base/account.h"

#include <couplet/log.h>

static void change_end(struct account_change *change, int status)
{
	if (change->request) {
		change->request->provider = NULL;
		cpl_call_complete(change->request, status);
	}
	cpl_user_unref(&change->user.user);
	if (change->release)
		change->release(change);
	cpl_jid_free(&change->account);
	cpl_free(change);
}

static void change_cancel(struct cpl_call *call)
{
	struct account_change *change = call->provider;

	if (change)
		change->request = NULL;
}

static void on_committed(struct cpl_call *call)
{
	struct account_change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct account_change, store);

	if (call->status == 0)
		change->committed(change, change->user.user);
	else
		cpl_log(cpl_commit_log_level(call->status), "%s of an account not written jid=%.*s error=%s", change->what,
			CPL_ARG(cpl_jid_str(change->account)), change->store.error);
	change_end(change, call->status);
}

static void on_loaded(struct cpl_call *call)
{
	struct account_change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct account_change, user);
	struct cpl_batch *batch;
	int status = call->status;

	if (status == 0) {
		batch = change->batch(change);
		cpl_batch_unmetered(batch);
		status = cpl_batch_commit(&change->store, &change->user.user->host->scope, &batch, on_committed);
	}
	if (status != 0)
		change_end(change, status);
}

void *account_change_create(size_t size, struct cpl_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call),
			    int *status)
{
	const struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	struct account_change *change;
	struct account_visit visit;

	*status = host && !host->component && account.local_len ? cpl_call_begin(request, scope, done, change_cancel) : CPL_E_NOT_FOUND;
	if (*status != 0)
		return NULL;
	visit = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	change = cpl_alloc(size);
	change->request = request;
	change->account = cpl_jid_dup(cpl_jid_bare(account));
	request->provider = change;
	account_leave(&visit);
	return change;
}

void account_change_start(struct account_change *change)
{
	struct account_visit visit = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(change->account));
	int status = cpl_user_load(&change->user, &host->scope, change->account, on_loaded);

	if (status != 0)
		change_end(change, status);
	account_leave(&visit);
}
