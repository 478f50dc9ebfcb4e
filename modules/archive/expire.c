/* SPDX-License-Identifier: MIT */
/* The daily job: goes through the hosts and their accounts, one after the other, and removes what is too old and then what is too much. */
#include "modules/archive/archive.h"

enum { PAGE = 100 };

struct expiring {
	struct archive_removal removal;
	struct cpl_store_call accounts, count;
	struct cpl_run *run;
	struct cpl_module *self;
	struct cpl_arena *arena;   /* of the page of accounts */
	struct cpl_str domain;     /* of the host that is gone through now */
	struct cpl_buf hosts;      /* those that are left, one a line */
	struct cpl_str rest;       /* a view of them */
	struct cpl_str *names;
	size_t name_count, name;
	bool last_page;
	int status;                /* the first failure: the others are gone through all the same */
};

static void next_account(struct expiring *expiring);

static void expiring_end(struct expiring *expiring)
{
	cpl_run_end(expiring->run, expiring->status);
	cpl_arena_destroy(&expiring->arena);
	cpl_buf_finish(&expiring->hosts);
	cpl_free(expiring);
}

static void note(struct expiring *expiring, int status)
{
	if (expiring->status == 0)
		expiring->status = status;
}

static const struct archive_config *config_of(const struct expiring *expiring)
{
	struct cpl_host *host = cpl_host_find(expiring->domain);

	return host && !host->component ? CPL_CONFIG(expiring->self, host, struct archive_config) : NULL;
}

static void remove_rows(struct expiring *expiring, int64_t before, uint64_t most, void (*done)(struct archive_removal *removal, int status))
{
	struct cpl_jid account = expiring->removal.account;
	int status;

	expiring->removal = (struct archive_removal){.scope = cpl_module_scope(expiring->self), .account = account, .before = before, .most = most, .done = done};
	status = archive_removal_start(&expiring->removal);
	if (status != 0)
		done(&expiring->removal, status);
}

static void surplus_removed(struct archive_removal *removal, int status)
{
	struct expiring *expiring = CPL_CONTAINER(removal, struct expiring, removal);

	note(expiring, status);
	next_account(expiring);
}

static void counted(struct cpl_call *call)
{
	struct expiring *expiring = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct expiring, count);
	const struct archive_config *config = config_of(expiring);

	note(expiring, call->status);
	if (call->status == 0 && config && config->max_messages && expiring->count.total > config->max_messages)
		remove_rows(expiring, 0, (uint64_t)(expiring->count.total - config->max_messages), surplus_removed);
	else
		next_account(expiring);
}

static void aged_removed(struct archive_removal *removal, int status)
{
	struct expiring *expiring = CPL_CONTAINER(removal, struct expiring, removal);
	const struct archive_config *config = config_of(expiring);
	const struct cpl_archive_query all = {.limit = 1};
	int code;

	note(expiring, status);
	if (!config || !config->max_messages) {
		next_account(expiring);
		return;
	}
	expiring->count = (struct cpl_store_call){0};
	code = cpl_archive_count(&expiring->count, cpl_module_scope(expiring->self), &archive_store, removal->account, &all, counted);
	if (code != 0) {
		note(expiring, code);
		next_account(expiring);
	}
}

static void on_accounts(struct cpl_call *call)
{
	struct expiring *expiring = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct expiring, accounts);

	note(expiring, call->status);
	cpl_arena_destroy(&expiring->arena);
	expiring->arena = cpl_arena_create();
	expiring->name = 0;
	expiring->name_count = call->status == 0 ? expiring->accounts.count : 0;
	expiring->last_page = call->status != 0 || expiring->accounts.complete;
	expiring->names = cpl_arena_alloc(expiring->arena, (expiring->name_count + 1) * sizeof(*expiring->names));
	for (size_t i = 0; i < expiring->name_count; i++)
		expiring->names[i] = cpl_arena_copy(expiring->arena, expiring->accounts.rows[i].account);
	next_account(expiring);
}

/* False: there is no other. */
static bool next_page(struct expiring *expiring)
{
	struct cpl_str after = expiring->name_count ? expiring->names[expiring->name_count - 1] : CPL_NONE;
	const struct archive_config *config;
	int status;

	while (expiring->last_page) {
		after = CPL_NONE;
		if (!cpl_str_split(&expiring->rest, '\n', &expiring->domain))
			return false;
		config = config_of(expiring);
		expiring->last_page = !config || (!config->expire && !config->max_messages);
	}
	expiring->accounts = (struct cpl_store_call){0};
	status = cpl_account_list(&expiring->accounts, cpl_module_scope(expiring->self), expiring->domain, after, PAGE, on_accounts);
	note(expiring, status);
	return status == 0;
}

static void next_account(struct expiring *expiring)
{
	const struct archive_config *config = config_of(expiring);
	struct cpl_host *host = cpl_host_find(expiring->domain);

	/* The module is ending, or the host has gone meanwhile. */
	if (expiring->status == CPL_E_CANCELLED || expiring->status == CPL_E_STOPPING) {
		expiring_end(expiring);
		return;
	}
	if (!config)
		expiring->last_page = true;
	if (!config || expiring->name == expiring->name_count) {
		if (!next_page(expiring))
			expiring_end(expiring);
		return;
	}
	if (cpl_jid_make(&expiring->removal.account, expiring->names[expiring->name++], host->name, CPL_NONE, expiring->arena) != 0) {
		next_account(expiring);
		return;
	}
	if (config->expire)
		remove_rows(expiring, cpl_now() - config->expire, UINT64_MAX, aged_removed);
	else
		aged_removed(&expiring->removal, 0);
}

void archive_expire(struct cpl_module *self, struct cpl_run *run)
{
	struct expiring *expiring = CPL_NEW(struct expiring);
	const struct cpl_host *host;

	expiring->run = run;
	expiring->self = self;
	for (size_t at = 0; (host = cpl_host_next(&at));) {
		if (expiring->hosts.len)
			cpl_buf_add_char(&expiring->hosts, '\n');
		cpl_buf_add(&expiring->hosts, host->name);
	}
	expiring->rest = expiring->hosts.len ? cpl_buf_str(&expiring->hosts) : CPL_NONE;
	expiring->last_page = true;
	if (!next_page(expiring))
		expiring_end(expiring);
}
