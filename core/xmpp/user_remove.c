/* SPDX-License-Identifier: MIT */
/* Removal of an account: sessions closed, modules asked to undo what others hold (subscriptions), one commit, then the news. */
#include "core/xmpp/user.h"

#include "core/base/account.h"

#include <couplet/event.h>
#include <couplet/log.h>
#include <couplet/store.h>

/* How long the account's sessions may take to end before it is removed all the same. */
enum { REMOVE_STEP_MS = 5, REMOVE_STEPS_MAX = 400 };

struct removal {
	struct user_wait wait;
	struct cpl_user_call *request; /* NULL once cancelled: the removal goes on, nobody waits for it */
	struct cpl_user *user;
	struct cpl_session *keep; /* whose wish it is, referenced; NULL: nobody's */
	struct cpl_call timer;
	struct cpl_ev_user removing;
	struct cpl_store_call commit;
	unsigned steps;
};

static void removal_end(struct removal *removal, int status)
{
	if (status != 0 && removal->user)
		removal->user->removed = false;
	cpl_user_unref(&removal->user);
	cpl_session_unref(&removal->keep);
	if (removal->request) {
		removal->request->call.provider = NULL;
		cpl_call_complete(&removal->request->call, status);
	}
	cpl_free(removal);
}

static void close_sessions(const struct removal *removal)
{
	cpl_account_close_sessions(removal->user->jid, removal->request ? removal->keep : NULL, CPL_STREAM_NOT_AUTHORIZED, "The account has been removed");
}

/* Sessions that still have to end. */
static uint32_t sessions_left(const struct removal *removal)
{
	const struct cpl_session *keep = removal->request ? removal->keep : NULL;

	return removal->user->session_count - (keep && keep->user == removal->user);
}

static void removal_committed(struct cpl_call *call)
{
	struct removal *removal = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct removal, commit);
	struct cpl_user *user = removal->user;
	struct cpl_ev_account ev = {.host = user->host, .jid = user->jid, .what = CPL_ACCOUNT_STATE};

	if (call->status != 0) {
		cpl_log(cpl_commit_log_level(call->status), "account cannot be removed jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(user->jid)), removal->commit.error);
		removal_end(removal, call->status);
		return;
	}
	/* Who logged in meanwhile must not come to be the next one of this name. */
	close_sessions(removal);
	/* A new account of this name is another object. */
	cpl_map_remove(&user->host->users, user->username);
	cpl_log_info("account removed jid=%.*s", CPL_ARG(cpl_jid_str(user->jid)));
	cpl_fire_account_removed(user->host, &ev);
	removal_end(removal, 0);
}

static void removal_announced(struct cpl_event *event, enum cpl_flow result)
{
	struct removal *removal = CPL_CONTAINER(CPL_CONTAINER(event, struct cpl_ev_user, event), struct removal, removing);
	struct cpl_batch *batch;
	int status;

	if (result == CPL_DROP || result == CPL_FAILED) {
		removal_end(removal, CPL_E_DENIED);
		return;
	}
	batch = cpl_batch_create();
	cpl_batch_account_remove(batch, removal->user->jid);
	status = cpl_batch_commit(&removal->commit, &removal->user->host->scope, &batch, removal_committed);
	if (status != 0)
		removal_end(removal, status);
}

static void removal_step(struct cpl_call *call)
{
	struct removal *removal = CPL_CONTAINER(call, struct removal, timer);
	int status;

	if (call->status == 0 && sessions_left(removal) > 0 && removal->steps++ < REMOVE_STEPS_MAX) {
		status = cpl_timer_start(&removal->timer, &removal->user->host->scope, REMOVE_STEP_MS, removal_step);
		if (status != 0)
			removal_end(removal, status);
		return;
	}
	if (call->status != 0) {
		removal_end(removal, call->status);
		return;
	}
	if (removal->keep && removal->keep->user == removal->user)
		cpl_session_set_presence(removal->keep, NULL, 0);
	removal->removing.user = removal->user;
	cpl_fire_account_removing(removal->user->host, &removal->removing, removal_announced);
}

static void removal_ready(struct user_wait *wait, struct cpl_user *user, int status)
{
	struct removal *removal = CPL_CONTAINER(wait, struct removal, wait);

	if (status == 0 && user->removed)
		status = CPL_E_BUSY;
	if (status == 0) {
		removal->user = cpl_user_ref(user);
		status = cpl_timer_start(&removal->timer, &user->host->scope, 0, removal_step);
		if (status == 0) {
			user->removed = true;
			close_sessions(removal);
			return;
		}
		cpl_user_unref(&removal->user);
	}
	removal_end(removal, status);
}

static void removal_cancel(struct cpl_call *call)
{
	struct removal *removal = call->provider;

	if (removal)
		removal->request = NULL;
	call->provider = NULL;
}

static int remove_for(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_jid account, struct cpl_session *keep,
		      void (*done)(struct cpl_call *call))
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	struct removal *removal;
	struct cpl_module *caller;
	int status;

	if (!host || account.local_len == 0)
		return CPL_E_NOT_FOUND;
	request->user = NULL;
	status = cpl_call_begin(&request->call, scope, done, removal_cancel);
	if (status != 0)
		return status;
	removal = CPL_NEW(struct removal);
	removal->keep = keep ? cpl_session_ref(keep) : NULL;
	removal->request = request;
	request->call.provider = removal;
	removal->wait.ready = removal_ready;
	/* It goes on whatever becomes of the module that asked for it. */
	caller = account_core_begin();
	user_wait(host, cpl_jid_local(account), &removal->wait);
	account_core_end(caller);
	return 0;
}

int cpl_user_remove(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call))
{
	return remove_for(request, scope, account, NULL, done);
}

int cpl_user_remove_by(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_session *session, void (*done)(struct cpl_call *call))
{
	return session->user ? remove_for(request, scope, session->user->jid, session, done) : CPL_E_INVALID;
}
