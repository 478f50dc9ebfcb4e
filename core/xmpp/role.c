/* SPDX-License-Identifier: MIT */
/* Roles of accounts: whose they are, and changing them. */
#include "core/xmpp/permission.h"
#include "core/xmpp/user.h"

#include "core/base/account.h"

#include <couplet/log.h>
#include <couplet/module.h>
#include <couplet/store.h>

static const struct cpl_column columns[] = {{"role", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
const struct cpl_store role_store = {"role", CPL_STORE_KEYVAL, 1, columns, NULL};

enum cpl_role role_of_row(const struct cpl_row *row)
{
	enum cpl_role role;

	/* Whoever wrote "operator" there by hand is not believed: that is the configuration's to say. */
	if (row && row->values[0].type == CPL_VALUE_BYTES && cpl_role_parse(row->values[0].bytes, &role) && role > CPL_ROLE_GUEST &&
	    role < CPL_ROLE_OPERATOR)
		return role;
	return CPL_ROLE_REGISTERED;
}

enum cpl_role cpl_role_of_session(const struct cpl_session *session)
{
	return session && session->user ? user_role(session->user) : CPL_ROLE_GUEST;
}

enum cpl_role cpl_role_of_jid(struct cpl_jid jid)
{
	struct cpl_host *host = cpl_jid_is_set(jid) ? cpl_host_find(cpl_jid_domain(jid)) : NULL;
	const struct cpl_user *user = host && jid.local_len ? cpl_user_find(host, cpl_jid_local(jid)) : NULL;

	if (user && !user->removed)
		return user_role(user);
	return cpl_jid_is_set(jid) && cpl_is_admin(jid) ? CPL_ROLE_OPERATOR : CPL_ROLE_GUEST;
}

/* ---- changing one ---- */

struct change {
	struct cpl_user_call user;
	struct cpl_store_call store;
	struct cpl_role_call *request; /* NULL once cancelled */
	struct cpl_jid account;
	struct cpl_session *keep;
	enum cpl_role role;
};

static void change_end(struct change *change, int status)
{
	if (change->request) {
		change->request->call.provider = NULL;
		cpl_call_complete(&change->request->call, status);
	}
	cpl_user_unref(&change->user.user);
	cpl_session_unref(&change->keep);
	cpl_jid_free(&change->account);
	cpl_free(change);
}

static void change_cancel(struct cpl_call *call)
{
	struct change *change = call->provider;

	if (change)
		change->request = NULL;
}

static void committed(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct change, store);
	struct cpl_user *user = change->user.user;
	struct cpl_ev_account ev = {.host = user->host, .jid = user->jid, .what = CPL_ACCOUNT_ROLE};

	if (call->status != 0) {
		change_end(change, call->status);
		return;
	}
	cpl_log_info("role changed jid=%.*s role=%s", CPL_ARG(cpl_jid_str(user->jid)), cpl_role_name(change->role));
	user_set_role(user, change->role);
	cpl_fire_account_changed(user->host, &ev);
	cpl_user_close_sessions(user, change->keep, CPL_STREAM_RESET, "The account's role was changed");
	change_end(change, 0);
}

static void loaded(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct change, user);
	struct cpl_value value = CPL_BYTES(cpl_str_of(cpl_role_name(change->role)));
	struct cpl_batch *batch;
	int status = call->status;

	if (status == 0) {
		batch = cpl_batch_create();
		cpl_batch_unmetered(batch);
		if (change->role == CPL_ROLE_REGISTERED)
			cpl_batch_remove(batch, &role_store, change->account, CPL_NONE);
		else
			cpl_batch_set(batch, &role_store, change->account, CPL_NONE, &value);
		status = cpl_batch_commit(&change->store, &change->user.user->host->scope, &batch, committed);
	}
	if (status != 0)
		change_end(change, status);
}

int cpl_role_set(struct cpl_role_call *request, struct cpl_scope *scope, struct cpl_jid account, enum cpl_role role, const struct cpl_session *keep,
		 void (*done)(struct cpl_call *call))
{
	struct account_visit visit;
	struct change *change;
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	int status;

	if (role <= CPL_ROLE_GUEST || role >= CPL_ROLE_OPERATOR)
		return CPL_E_INVALID;
	if (!host)
		return CPL_E_NOT_FOUND;
	status = cpl_call_begin(&request->call, scope, done, change_cancel);
	if (status != 0)
		return status;
	/* It goes on when its requester has gone, so it is the core's and the host's. */
	visit = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	change = CPL_NEW(struct change);
	change->request = request;
	change->account = cpl_jid_dup(cpl_jid_bare(account));
	change->role = role;
	/* UNSAFE: a reference is no change of the session. */
	change->keep = keep ? cpl_session_ref((struct cpl_session *)keep) : NULL;
	request->call.provider = change;
	status = cpl_user_load(&change->user, &host->scope, change->account, loaded);
	if (status != 0)
		change_end(change, status);
	account_leave(&visit);
	return 0;
}
