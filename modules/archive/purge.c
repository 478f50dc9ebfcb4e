/* SPDX-License-Identifier: MIT */
/* Removing messages: a batch of bounded size after the other, so that neither memory nor the storage's writer is taken up by a long archive. */
#include "modules/archive/archive.h"

static void next_slice(struct archive_removal *removal);

static struct archive_removal *removal_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct archive_removal, call);
}

static void removal_end(struct archive_removal *removal, int status, const char *reason)
{
	if (status != 0 && status != CPL_E_CANCELLED)
		cpl_log_error("archive cannot be purged jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(removal->account)), reason ? reason : cpl_code_text(status));
	removal->done(removal, status);
}

static void on_removed(struct cpl_call *call)
{
	struct archive_removal *removal = removal_of(call);

	if (call->status != 0) {
		removal_end(removal, call->status, removal->call.error);
		return;
	}
	removal->removed += removal->slice;
	next_slice(removal);
}

static void on_rows(struct cpl_call *call)
{
	struct archive_removal *removal = removal_of(call);
	struct cpl_batch *batch;
	int status;

	if (call->status != 0 || removal->call.count == 0 || removal->removed >= removal->most) {
		removal_end(removal, call->status, removal->call.error);
		return;
	}
	/* Times need not rise with ids (imports, a clock that was set back), so each row goes by itself. */
	batch = cpl_batch_create();
	for (size_t i = 0; i < removal->call.count; i++)
		cpl_batch_purge(batch, &archive_store, removal->account, removal->call.rows[i].id, removal->call.rows[i].id);
	removal->slice = removal->call.count;
	removal->call = (struct cpl_store_call){0};
	status = cpl_batch_commit(&removal->call, removal->scope, &batch, on_removed);
	if (status != 0)
		removal_end(removal, status, NULL);
}

static int read_slice(struct archive_removal *removal)
{
	uint64_t left = removal->most - removal->removed;
	struct cpl_archive_query query = {.end = removal->before ? removal->before - 1 : 0,
					  .before = removal->last ? removal->last + 1 : 0,
					  .limit = left < ARCHIVE_PURGE_SLICE ? left : ARCHIVE_PURGE_SLICE};

	removal->call = (struct cpl_store_call){0};
	return cpl_archive_query(&removal->call, removal->scope, &archive_store, removal->account, &query, on_rows);
}

static void next_slice(struct archive_removal *removal)
{
	int status = removal->removed < removal->most ? read_slice(removal) : 0;

	if (status != 0 || removal->removed >= removal->most)
		removal_end(removal, status, NULL);
}

int archive_removal_start(struct archive_removal *removal)
{
	return read_slice(removal);
}

/* ---- the service ---- */

static void on_newest(struct cpl_call *call)
{
	struct archive_removal *removal = removal_of(call);

	if (call->status != 0 || removal->call.count == 0) {
		removal_end(removal, call->status, removal->call.error);
		return;
	}
	removal->last = removal->call.rows[0].id;
	next_slice(removal);
}

/* All there are: not those that come meanwhile, or under steady traffic there were no end. */
static int remove_all(struct archive_removal *removal)
{
	const struct cpl_archive_query newest = {.limit = 1, .backwards = true};

	return cpl_archive_query(&removal->call, removal->scope, &archive_store, removal->account, &newest, on_newest);
}

struct purging {
	struct archive_removal removal;
	struct cpl_archive_purge *request; /* NULL: cancelled */
};

static void purge_cancel(struct cpl_call *call)
{
	struct purging *purging = call->provider;

	if (purging)
		purging->request = NULL;
	call->provider = NULL;
	/* The batch under way ends, and no other begins. */
	if (purging)
		purging->removal.most = 0;
}

static void purged(struct archive_removal *removal, int status)
{
	struct purging *purging = CPL_CONTAINER(removal, struct purging, removal);

	if (purging->request) {
		purging->request->call.provider = NULL;
		purging->request->removed = removal->removed;
		cpl_call_complete(&purging->request->call, status);
	}
	cpl_jid_free(&removal->account);
	cpl_free(purging);
}

int archive_purge(struct cpl_module *self, struct cpl_archive_purge *request, struct cpl_scope *scope, struct cpl_jid account, int64_t before,
		  void (*done)(struct cpl_call *call))
{
	struct purging *purging;
	struct cpl_visit visit;
	int status = cpl_call_begin(&request->call, scope, done, purge_cancel);

	if (status != 0)
		return status;
	cpl_provider_enter(self, &visit);
	purging = CPL_NEW(struct purging);
	purging->request = request;
	purging->removal = (struct archive_removal){.scope = scope, .account = cpl_jid_dup(cpl_jid_bare(account)), .before = before, .most = UINT64_MAX, .done = purged};
	request->call.provider = purging;
	request->removed = 0;
	status = before ? archive_removal_start(&purging->removal) : remove_all(&purging->removal);
	if (status != 0)
		purged(&purging->removal, status);
	cpl_provider_leave(&visit);
	return 0;
}
