/* SPDX-License-Identifier: MIT */
/* Commands that count, find and describe accounts: XEP-0133 4.10 and 4.13 to 4.22. */
#include "modules/admin/admin.h"

enum { PAGE = 500 };

enum which { REGISTERED, DISABLED, ONLINE, ACTIVE, IDLE, WHICH_COUNT };
static const char *const which_names[] = {"registered", "disabled", "online", "active", "idle"};

/* The last sign of life of an account's resources. */
static int64_t last_sign(const struct cpl_user *user)
{
	int64_t last = 0;

	CPL_SESSIONS(session, user)
		if (session->active_at > last)
			last = session->active_at;
	return last;
}

static bool is_idle(const struct cpl_module *self, const struct cpl_user *user)
{
	return cpl_now() - last_sign(user) >= CPL_CONFIG(self, NULL, struct admin_config)->idle_after;
}

/* ---- user count, user find: memory of the invocation ---- */

struct search {
	struct cpl_invocation *in;
	struct cpl_module *self;
	struct cpl_store_call page;
	struct cpl_online_call online;
	struct cpl_str host, after;
	bool counting;
	enum which which; /* of user find */
	int64_t left;     /* of user find: how many more are shown */
	int64_t counts[WHICH_COUNT];
};

static struct search *search_begin(struct cpl_module *self, struct cpl_invocation *in)
{
	struct search *search = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*search));
	struct cpl_host *host = cpl_arg_host(in, 0);

	if (!host || host->component) {
		cpl_refuse(in, "%.*s has no accounts", CPL_ARG(cpl_arg(in, 0)));
		return NULL;
	}
	search->in = in;
	search->self = self;
	search->host = cpl_arena_copy(cpl_invocation_arena(in), host->name);
	search->left = INT64_MAX;
	return search;
}

static void search_refuse(struct search *search, const char *reason)
{
	cpl_refuse(search->in, "the accounts cannot be read: %s", reason);
}

static void search_end(struct search *search)
{
	for (int which = 0; search->counting && which < WHICH_COUNT; which++) {
		cpl_row_begin(search->in);
		cpl_row_text(search->in, cpl_str_of(which_names[which]));
		cpl_row_int(search->in, search->counts[which]);
		cpl_row_end(search->in);
	}
	cpl_done(search->in);
}

static void show(struct search *search, struct cpl_str name)
{
	struct cpl_buf jid = {0};

	if (search->left-- <= 0)
		return;
	cpl_buf_addf(&jid, "%.*s@%.*s", CPL_ARG(name), CPL_ARG(search->host));
	cpl_row_begin(search->in);
	cpl_row_text(search->in, cpl_buf_str(&jid));
	cpl_row_end(search->in);
	cpl_buf_finish(&jid);
}

static void on_online(struct cpl_online_call *request, struct cpl_user *user)
{
	struct search *search = CPL_CONTAINER(request, struct search, online);
	enum which state = is_idle(search->self, user) ? IDLE : ACTIVE;

	search->counts[ONLINE]++;
	search->counts[state]++;
	if (!search->counting && (search->which == ONLINE || search->which == state))
		show(search, user->username);
}

static void online_done(struct cpl_call *call)
{
	struct search *search = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_online_call, call), struct search, online);

	if (call->status == 0)
		search_end(search);
	else
		search_refuse(search, cpl_code_text(call->status));
}

static void look_at_online(struct search *search)
{
	struct cpl_host *host = cpl_host_find(search->host);
	int status = host ? cpl_online_each(&search->online, cpl_invocation_scope(search->in), host, on_online, online_done) : CPL_E_NOT_FOUND;

	if (status != 0)
		search_refuse(search, cpl_code_text(status));
}

static void on_page(struct cpl_call *call);

static void page_next(struct search *search)
{
	int status = cpl_account_list(&search->page, cpl_invocation_scope(search->in), search->host, search->after, PAGE, on_page);

	if (status != 0)
		search_refuse(search, cpl_code_text(status));
}

static void on_page(struct cpl_call *call)
{
	struct search *search = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct search, page);
	const struct cpl_store_call *page = &search->page;

	if (call->status != 0) {
		search_refuse(search, page->error);
		return;
	}
	for (size_t i = 0; i < page->count; i++) {
		search->counts[REGISTERED]++;
		search->counts[DISABLED] += page->rows[i].disabled;
		if (!search->counting && (search->which == REGISTERED || page->rows[i].disabled))
			show(search, page->rows[i].account);
	}
	if (!page->complete && page->count && search->left > 0) {
		search->after = cpl_arena_copy(cpl_invocation_arena(search->in), page->rows[page->count - 1].account);
		page_next(search);
	} else if (search->counting) {
		look_at_online(search);
	} else {
		search_end(search);
	}
}

void users_run_count(struct cpl_module *self, struct cpl_invocation *in)
{
	struct search *search = search_begin(self, in);

	if (!search)
		return;
	search->counting = true;
	page_next(search);
}

void users_run_find(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str limit = cpl_flag_value(in, "limit");
	struct search *search = search_begin(self, in);
	int which = 0;

	if (!search)
		return;
	while (which < WHICH_COUNT && !cpl_str_is(cpl_arg(in, 1), which_names[which]))
		which++;
	if (which == WHICH_COUNT) {
		cpl_refuse(in, "\"%.*s\" is none of registered, disabled, online, active, idle", CPL_ARG(cpl_arg(in, 1)));
		return;
	}
	if (limit.ptr && !cpl_str_is(limit, "none") && !cpl_str_to_int(limit, 1, INT64_MAX, &search->left)) {
		cpl_refuse(in, "\"%.*s\" is no number of accounts: 1 or more, or none", CPL_ARG(limit));
		return;
	}
	search->which = (enum which)which;
	if (which <= DISABLED)
		page_next(search);
	else
		look_at_online(search);
}

/* ---- user stats ---- */

static void row(struct cpl_invocation *in, const char *field, struct cpl_str value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(field));
	cpl_row_text(in, value);
	cpl_row_end(in);
}

/* "192.0.2.1:40001" and "[2001:db8::1]:40001" without the port. */
static struct cpl_str address_of(const struct cpl_session *session)
{
	struct cpl_str address = session->conn ? cpl_str_of(session->conn->address) : CPL_NONE;

	while (address.len && address.ptr[address.len - 1] != ':')
		address.len--;
	if (address.len)
		address.len--;
	if (address.len > 2 && address.ptr[0] == '[')
		address = (struct cpl_str){address.ptr + 1, address.len - 2};
	return address;
}

static void tell_stats(struct cpl_invocation *in, const struct cpl_user *user)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	double rate = 0;

	if (user->roster)
		row(in, "roster_size", cpl_arena_printf(arena, "%zu", user->roster->listed));
	CPL_SESSIONS(session, user) {
		int64_t age = cpl_now() - session->created_at;

		row(in, "resource", session->resource);
		if (session->conn)
			row(in, "address", address_of(session));
		if (age > 0)
			rate += (double)session->stanzas_in * 1000 / (double)age;
	}
	row(in, "stanzas_per_second", cpl_arena_printf(arena, "%.2f", rate));
}

static void on_loaded(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	tell_stats(in, user);
	cpl_done(in);
}

void users_run_stats(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_invocation_load_account(in, 0, on_loaded);
}
