/* SPDX-License-Identifier: MIT */
/* What accounts wish (XEP-0441), a row each. */
#include "modules/archive/archive.h"

enum { POLICY, ALWAYS, NEVER, COLUMNS };

struct wishing {
	struct cpl_store_call call;
	struct cpl_archive_wishes *request; /* NULL: cancelled */
	struct cpl_jid account;
};

static void wishing_cancel(struct cpl_call *call)
{
	struct wishing *wishing = call->provider;

	if (wishing)
		wishing->request = NULL;
	call->provider = NULL;
}

static void wishing_end(struct wishing *wishing, int status, const char *reason)
{
	if (status != 0 && status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(status), "archive preferences cannot be read or written jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(wishing->account)), reason);
	if (wishing->request) {
		wishing->request->call.provider = NULL;
		cpl_call_complete(&wishing->request->call, status);
	}
	cpl_jid_free(&wishing->account);
	cpl_free(wishing);
}

static struct wishing *wishing_begin(struct cpl_archive_wishes *request, struct cpl_jid account)
{
	struct wishing *wishing = CPL_NEW(struct wishing);

	wishing->request = request;
	wishing->account = cpl_jid_dup(cpl_jid_bare(account));
	request->call.provider = wishing;
	return wishing;
}

struct cpl_value archive_addresses(const struct cpl_str *items, size_t count, struct cpl_arena *arena)
{
	struct cpl_buf text = {0};
	struct cpl_value value;

	for (size_t i = 0; i < count; i++) {
		if (i)
			cpl_buf_add_char(&text, '\n');
		cpl_buf_add(&text, items[i]);
	}
	value = CPL_BYTES(cpl_arena_copy(arena, cpl_buf_str(&text)));
	cpl_buf_finish(&text);
	return count ? value : CPL_NULL;
}

/* ---- reading ---- */

static const struct cpl_str *read_list(struct cpl_str column, size_t *count, struct cpl_arena *arena)
{
	struct cpl_str rest = column.ptr ? cpl_arena_copy(arena, column) : CPL_NONE, *items;
	size_t room = 1;

	for (size_t i = 0; i < rest.len; i++)
		room += rest.ptr[i] == '\n';
	items = cpl_arena_alloc(arena, room * sizeof(*items));
	for (*count = 0; cpl_str_split(&rest, '\n', &items[*count]);)
		++*count;
	return items;
}

static void wishes_read(struct cpl_call *call)
{
	struct wishing *wishing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct wishing, call);
	struct cpl_archive_wishes *request = wishing->request;

	if (call->status == 0 && request && wishing->call.count == 1) {
		const struct cpl_value *values = wishing->call.rows[0].values;
		struct cpl_archive_preferences *preferences = &request->preferences;

		request->set = true;
		preferences->policy = (enum cpl_archive_policy)values[POLICY].integer;
		preferences->always = read_list(values[ALWAYS].bytes, &preferences->always_count, request->arena);
		preferences->never = read_list(values[NEVER].bytes, &preferences->never_count, request->arena);
	}
	wishing_end(wishing, call->status, wishing->call.error);
}

int archive_preferences_get(struct cpl_module *self, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			    void (*done)(struct cpl_call *call))
{
	struct wishing *wishing;
	struct cpl_visit visit;
	int status = cpl_call_begin(&request->call, scope, done, wishing_cancel);

	if (status != 0)
		return status;
	cpl_provider_enter(self, &visit);
	wishing = wishing_begin(request, account);
	request->set = false;
	status = cpl_store_get(&wishing->call, scope, &archive_preferences_store, wishing->account, CPL_NONE, wishes_read);
	if (status != 0)
		wishing_end(wishing, status, cpl_code_text(status));
	cpl_provider_leave(&visit);
	return 0;
}

/* ---- writing ---- */

static void wishes_written(struct cpl_call *call)
{
	struct wishing *wishing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct wishing, call);

	wishing_end(wishing, call->status, wishing->call.error);
}

int archive_preferences_set(struct cpl_module *self, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			    const struct cpl_archive_preferences *preferences, void (*done)(struct cpl_call *call))
{
	struct cpl_value values[COLUMNS];
	struct wishing *wishing;
	struct cpl_arena *arena;
	struct cpl_batch *batch;
	struct cpl_visit visit;
	int status = cpl_call_begin(&request->call, scope, done, wishing_cancel);

	if (status != 0)
		return status;
	cpl_provider_enter(self, &visit);
	wishing = wishing_begin(request, account);
	arena = cpl_arena_create();
	values[POLICY] = CPL_INTEGER(preferences->policy);
	values[ALWAYS] = archive_addresses(preferences->always, preferences->always_count, arena);
	values[NEVER] = archive_addresses(preferences->never, preferences->never_count, arena);
	batch = cpl_batch_create();
	cpl_batch_set(batch, &archive_preferences_store, wishing->account, CPL_NONE, values);
	cpl_arena_destroy(&arena);
	status = cpl_batch_commit(&wishing->call, scope, &batch, wishes_written);
	if (status != 0)
		wishing_end(wishing, status, cpl_code_text(status));
	cpl_provider_leave(&visit);
	return 0;
}
