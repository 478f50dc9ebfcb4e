/* SPDX-License-Identifier: MIT */
/*
 * Who has come by an invitation and who has invited become contacts (XEP-0401 4.3). What is to be done is a row that was committed with the account, and goes when it has been done: a crash in between
 * is made good at the next start. Until then the new account's login waits: a probe (RFC 6121 4.3) that found one roster changed and the other not would end the subscription.
 */
#include "modules/invites/invites.h"

enum { PAGE = 100 };

struct acceptance {
	struct cpl_list node; /* in the module's list */
	struct cpl_list waiting; /* struct login */
	struct cpl_store_call store;
	struct cpl_user_call load;
	struct cpl_roster_change change;
	struct cpl_jid newcomer, inviter;
	char *group;
	struct cpl_user *users[2]; /* the newcomer, the inviter */
	unsigned step;
};

struct login {
	struct cpl_list node;
	struct cpl_suspension *suspension;
};

static struct cpl_list under_way = {&under_way, &under_way};

static struct acceptance *acceptance_make(struct cpl_jid newcomer)
{
	struct acceptance *acceptance = CPL_NEW(struct acceptance);

	cpl_list_init(&acceptance->waiting);
	cpl_list_append(&under_way, &acceptance->node);
	acceptance->newcomer = cpl_jid_dup(newcomer);
	return acceptance;
}

static void acceptance_end(struct acceptance *acceptance)
{
	struct cpl_list *node;

	cpl_list_remove(&acceptance->node);
	while ((node = cpl_list_take(&acceptance->waiting))) {
		struct login *login = CPL_CONTAINER(node, struct login, node);

		cpl_resume(&login->suspension, CPL_NEXT);
		cpl_free(login);
	}
	for (unsigned i = 0; i < 2; i++)
		cpl_user_unref(&acceptance->users[i]);
	cpl_jid_free(&acceptance->newcomer);
	cpl_jid_free(&acceptance->inviter);
	cpl_free(acceptance->group);
	cpl_free(acceptance);
}

static void acceptance_fail(struct acceptance *acceptance, int status)
{
	if (status != CPL_E_CANCELLED && status != CPL_E_STOPPING)
		cpl_log(cpl_commit_log_level(status), "the invited does not become a contact yet account=%.*s inviter=%.*s reason=%s", CPL_ARG(cpl_jid_str(acceptance->newcomer)),
			CPL_ARG(cpl_jid_str(acceptance->inviter)), cpl_code_text(status));
	acceptance_end(acceptance);
}

static void on_forgotten(struct cpl_call *call)
{
	struct acceptance *acceptance = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct acceptance, store);

	if (call->status == 0)
		acceptance_end(acceptance);
	else
		acceptance_fail(acceptance, call->status);
}

static void forget(struct acceptance *acceptance)
{
	struct cpl_batch *batch = cpl_batch_create();
	int status;

	cpl_batch_remove(batch, &invite_pending_store, cpl_jid_host(acceptance->newcomer), cpl_jid_local(acceptance->newcomer));
	status = cpl_batch_commit(&acceptance->store, NULL, &batch, on_forgotten);
	if (status != 0)
		acceptance_fail(acceptance, status);
}

static bool compute(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	const struct acceptance *acceptance = CPL_CONTAINER(change, struct acceptance, change);

	item->listed = true;
	item->subscription = CPL_SUB_BOTH;
	item->ask = item->approved = false;
	item->request = NULL;
	if (acceptance->group && !item->group_count) {
		item->groups = cpl_arena_alloc(arena, sizeof(*item->groups));
		item->groups[0] = cpl_arena_copy(arena, cpl_str_of(acceptance->group));
		item->group_count = 1;
	}
	return true;
}

static void next(struct acceptance *acceptance);

static void on_changed(struct cpl_call *call)
{
	struct acceptance *acceptance = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_roster_change, call), struct acceptance, change);

	if (call->status != 0 && call->status != CPL_E_NOT_FOUND)
		acceptance_fail(acceptance, call->status);
	else
		next(acceptance);
}

static void on_loaded(struct cpl_call *call)
{
	struct acceptance *acceptance = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct acceptance, load);

	if (call->status == 0) {
		acceptance->users[acceptance->step - 1] = acceptance->load.user;
		next(acceptance);
	} else if (call->status == CPL_E_NOT_FOUND) {
		forget(acceptance); /* one of the two is gone */
	} else {
		acceptance_fail(acceptance, call->status);
	}
}

/* Both accounts are loaded, then both rosters changed, then the row goes. */
static void next(struct acceptance *acceptance)
{
	unsigned step = acceptance->step++;
	struct cpl_jid jids[] = {acceptance->newcomer, acceptance->inviter};
	const struct cpl_roster_service *rosters;
	struct cpl_module *provider;
	int status;

	if (step < 2) {
		status = cpl_user_load(&acceptance->load, NULL, jids[step], on_loaded);
		if (status == CPL_E_NOT_FOUND)
			forget(acceptance);
		else if (status != 0)
			acceptance_fail(acceptance, status);
		return;
	}
	if (step == 4) {
		forget(acceptance);
		return;
	}
	rosters = cpl_service_find(acceptance->users[step - 2]->host, &invites_rosters, &provider);
	acceptance->change = (struct cpl_roster_change){.compute = compute};
	status = rosters ? rosters->change(provider, &acceptance->change, &acceptance->users[step - 2]->scope, acceptance->users[step - 2], jids[3 - step], on_changed)
			 : CPL_E_UNSUPPORTED;
	if (status != 0)
		acceptance_fail(acceptance, status);
}

/* ---- which rows ---- */

static void accept(struct acceptance *acceptance, const struct cpl_row *row)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid inviter;

	if (cpl_jid_parse(&inviter, row->values[0].bytes, arena) == 0) {
		acceptance->inviter = cpl_jid_dup(inviter);
		acceptance->group = row->values[1].bytes.len ? cpl_strdup(row->values[1].bytes) : NULL;
		next(acceptance);
	} else {
		acceptance_fail(acceptance, CPL_E_CORRUPT);
	}
	cpl_arena_destroy(&arena);
}

static void on_row(struct cpl_call *call)
{
	struct acceptance *acceptance = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct acceptance, store);

	if (call->status != 0)
		acceptance_fail(acceptance, call->status);
	else if (acceptance->store.count)
		accept(acceptance, acceptance->store.rows);
	else
		acceptance_end(acceptance); /* nobody has invited */
}

void accept_on_created(struct cpl_module *self, struct cpl_ev_account *ev)
{
	struct acceptance *acceptance;
	int status;

	if (ev->origin != CPL_ORIGIN_INVITED)
		return;
	acceptance = acceptance_make(ev->jid);
	status = cpl_store_get(&acceptance->store, NULL, &invite_pending_store, ev->host->jid, cpl_jid_local(ev->jid), on_row);
	if (status != 0)
		acceptance_fail(acceptance, status);
}

enum cpl_flow accept_on_bind(struct cpl_module *self, struct cpl_ev_bind *ev)
{
	CPL_LIST_EACH(node, &under_way) {
		struct acceptance *acceptance = CPL_CONTAINER(node, struct acceptance, node);
		struct login *login;

		if (!cpl_jid_equal(acceptance->newcomer, ev->user->jid))
			continue;
		login = CPL_NEW(struct login);
		login->suspension = cpl_suspend(&ev->event);
		cpl_list_append(&acceptance->waiting, &login->node);
		return CPL_SUSPENDED;
	}
	return CPL_NEXT;
}

/* ---- what a crash has left ---- */

struct reading {
	struct cpl_store_call store;
	struct cpl_host *host; /* whose scope the call has */
};

static void on_rows(struct cpl_call *call)
{
	struct reading *reading = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct reading, store);
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid newcomer;

	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log_error("it cannot be read who has come by invitation reason=%s", reading->store.error);
	for (size_t i = 0; call->status == 0 && i < reading->store.count; i++)
		if (cpl_jid_make(&newcomer, reading->store.rows[i].key, reading->host->name, CPL_NONE, arena) == 0)
			accept(acceptance_make(newcomer), &reading->store.rows[i]);
	cpl_arena_destroy(&arena);
	cpl_free(reading);
}

void accept_start(struct cpl_module *self, struct cpl_host *host)
{
	struct reading *reading;

	if (host->component)
		return;
	reading = CPL_NEW(struct reading);
	reading->host = host;
	if (cpl_store_all(&reading->store, &host->scope, &invite_pending_store, host->jid, PAGE, on_rows) != 0)
		cpl_free(reading);
}
