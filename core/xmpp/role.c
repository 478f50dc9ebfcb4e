/* SPDX-License-Identifier: MIT */
/* Roles of accounts: whose they are, and changing them. */
#include "core/xmpp/account_change.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/user.h"

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
	struct account_change base;
	struct cpl_session *keep;
	enum cpl_role role;
};

static void change_release(struct account_change *base)
{
	cpl_session_unref(&CPL_CONTAINER(base, struct change, base)->keep);
}

static void change_committed(struct account_change *base, struct cpl_user *user)
{
	struct change *change = CPL_CONTAINER(base, struct change, base);
	struct cpl_ev_account ev = {.host = user->host, .jid = user->jid, .what = CPL_ACCOUNT_ROLE};

	cpl_log_info("role changed jid=%.*s role=%s", CPL_ARG(cpl_jid_str(user->jid)), cpl_role_name(change->role));
	user_set_role(user, change->role);
	cpl_fire_account_changed(user->host, &ev);
	cpl_user_close_sessions(user, change->keep, CPL_STREAM_RESET, "The account's role was changed");
}

static struct cpl_batch *change_batch(struct account_change *base)
{
	struct change *change = CPL_CONTAINER(base, struct change, base);
	struct cpl_value value = CPL_BYTES(cpl_str_of(cpl_role_name(change->role)));
	struct cpl_batch *batch = cpl_batch_create();

	if (change->role == CPL_ROLE_REGISTERED)
		cpl_batch_remove(batch, &role_store, base->account, CPL_NONE);
	else
		cpl_batch_set(batch, &role_store, base->account, CPL_NONE, &value);
	return batch;
}

int cpl_role_set(struct cpl_role_call *request, struct cpl_scope *scope, struct cpl_jid account, enum cpl_role role, const struct cpl_session *keep,
		 void (*done)(struct cpl_call *call))
{
	struct change *change;
	int status;

	if (role <= CPL_ROLE_GUEST || role >= CPL_ROLE_OPERATOR)
		return CPL_E_INVALID;
	change = account_change_create(sizeof *change, &request->call, scope, account, done, &status);
	if (!change)
		return status;
	change->base.what = "role";
	change->base.batch = change_batch;
	change->base.committed = change_committed;
	change->base.release = change_release;
	change->role = role;
	/* UNSAFE: a reference is no change of the session. */
	change->keep = keep ? cpl_session_ref((struct cpl_session *)keep) : NULL;
	account_change_start(&change->base);
	return 0;
}
