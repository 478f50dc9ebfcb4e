/* SPDX-License-Identifier: MIT */
/*
 * When each account was last logged in, and last connected: for `user info`, and to find accounts that nobody uses any more. A row is written when a resource is bound and when one is
 * given up, at most once in `precision` for an account that stays in memory, and nobody waits for it: many logins at once share a commit. Keeps the store last_login.
 */
#include <couplet/module.h>

struct lastlogin_config {
	int64_t precision;
};
static const struct cpl_option lastlogin_options[] = {
	CPL_OPT_TIME(struct lastlogin_config, precision, "1m", "0", "1d", CPL_RELOADABLE,
		     "An account's times are written at most once in this time, and may be older by as much."),
	CPL_OPT_END,
};

enum { COLUMN_LOGIN, COLUMN_SEEN, COLUMNS };
static const struct cpl_column columns[] = {
	{"login", CPL_COLUMN_INTEGER, false}, {"seen", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store store = {"last_login", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&store, NULL};

/* What was last written for an account that is in memory. */
struct times {
	int64_t login;
	int64_t written_at; /* cpl_monotonic(); 0: nothing yet */
};
CPL_SLOT(times_slot, USER, struct times, 1, NULL);
static struct cpl_slot *const slots[] = {&times_slot, NULL};

/* ---- writing ---- */

static void written(struct cpl_call *call)
{
	struct cpl_store_call *commit = CPL_CONTAINER(call, struct cpl_store_call, call);

	/* The account may have been removed meanwhile. */
	if (call->status != 0 && call->status != CPL_E_NOT_FOUND && call->status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(call->status), "the time of a login cannot be written reason=%s", commit->error);
	cpl_free(commit);
}

static void write_times(struct cpl_module *self, struct cpl_user *user, struct times *times)
{
	struct cpl_value values[COLUMNS] = {[COLUMN_LOGIN] = CPL_INTEGER(times->login), [COLUMN_SEEN] = CPL_INTEGER(cpl_now())};
	struct cpl_store_call *commit;
	struct cpl_batch *batch;

	if (user->removed)
		return;
	times->written_at = cpl_monotonic();
	commit = CPL_NEW(struct cpl_store_call);
	batch = cpl_batch_create();
	cpl_batch_unmetered(batch);
	cpl_batch_set(batch, &store, user->jid, CPL_NONE, values);
	if (cpl_batch_commit(commit, NULL, &batch, written) != 0)
		cpl_free(commit);
}

static bool is_due(struct cpl_module *self, const struct cpl_user *user, const struct times *times)
{
	const struct lastlogin_config *config = CPL_CONFIG(self, user->host, struct lastlogin_config);

	return times->written_at == 0 || cpl_monotonic() - times->written_at >= config->precision;
}

static void on_bound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct times *times = CPL_SLOT_MAKE(ev->session->user, times_slot);

	times->login = cpl_now();
	if (is_due(self, ev->session->user, times))
		write_times(self, ev->session->user, times);
}

static void on_unbound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct times *times = CPL_SLOT_MAKE(ev->session->user, times_slot);

	/* Of a session that was there before the module. */
	if (times->login == 0)
		times->login = ev->session->created_at;
	if (is_due(self, ev->session->user, times))
		write_times(self, ev->session->user, times);
}

/* ---- user info ---- */

struct telling {
	struct cpl_store_call read;
	struct cpl_suspension *suspension;
	struct cpl_ev_account_info *ev;
};

static void tell(struct cpl_ev_account_info *ev, const char *name, const struct cpl_value *value)
{
	char text[CPL_TIME_TEXT];

	if (value->type == CPL_VALUE_INTEGER && value->integer > 0)
		cpl_account_info_text(ev, name, cpl_time_format(value->integer, text));
}

static void on_read(struct cpl_call *call)
{
	struct telling *telling = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct telling, read);

	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log_error("the time of a login cannot be read reason=%s", telling->read.error);
	/* Whoever has asked may be gone, and the event with it. */
	if (cpl_suspension_alive(telling->suspension)) {
		if (call->status == 0 && telling->read.count == 0)
			cpl_account_info_text(telling->ev, "last_login", CPL_NONE);
		if (call->status == 0 && telling->read.count > 0) {
			tell(telling->ev, "last_login", &telling->read.rows[0].values[COLUMN_LOGIN]);
			tell(telling->ev, "last_seen", &telling->read.rows[0].values[COLUMN_SEEN]);
		}
	}
	cpl_resume(&telling->suspension, CPL_NEXT);
	cpl_free(telling);
}

static enum cpl_flow on_info(struct cpl_module *self, struct cpl_ev_account_info *ev)
{
	struct telling *telling = CPL_NEW(struct telling);

	telling->ev = ev;
	if (cpl_store_get(&telling->read, &ev->user->scope, &store, ev->user->jid, CPL_NONE, on_read) != 0) {
		cpl_free(telling);
		return CPL_NEXT;
	}
	telling->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- user inactive ---- */

enum { PAGE = 500 };

/* A page of accounts is copied, then the rows of the same accounts are read: both come in the order of the localparts. */
struct account {
	struct cpl_str name;
	int64_t created;
};
struct search {
	struct cpl_store_call read;
	struct cpl_invocation *in;
	struct cpl_arena *arena; /* of the page */
	struct account page[PAGE];
	size_t count;
	bool last;
	struct cpl_buf domain, after;
	int64_t before; /* seen earlier than this */
};

static void search_end(struct search *search, int status)
{
	if (status == 0)
		cpl_done(search->in);
	else
		cpl_refuse(search->in, "the accounts cannot be read: %s", search->read.error ? search->read.error : cpl_code_text(status));
	cpl_arena_destroy(&search->arena);
	cpl_buf_finish(&search->domain);
	cpl_buf_finish(&search->after);
	cpl_free(search);
}

static bool is_connected(struct search *search, struct cpl_str name)
{
	struct cpl_host *host = cpl_host_find(cpl_buf_str(&search->domain));
	const struct cpl_user *user = host ? cpl_user_find(host, name) : NULL;

	return user && user->session_count > 0;
}

static void time_cell(struct cpl_invocation *in, int64_t ms)
{
	char text[CPL_TIME_TEXT];

	cpl_row_text(in, ms > 0 ? cpl_time_format(ms, text) : CPL_NONE);
}

/* row NULL: nothing is known of its logins; it is as old as the account. */
static void judge(struct search *search, const struct account *account, const struct cpl_row *row)
{
	int64_t login = row ? row->values[COLUMN_LOGIN].integer : 0, seen = row ? row->values[COLUMN_SEEN].integer : 0;
	struct cpl_buf jid = {0};

	if ((seen ? seen : account->created) >= search->before || is_connected(search, account->name))
		return;
	cpl_buf_addf(&jid, "%.*s@%.*s", CPL_ARG(account->name), CPL_ARG(cpl_buf_str(&search->domain)));
	cpl_row_begin(search->in);
	cpl_row_text(search->in, cpl_buf_str(&jid));
	time_cell(search->in, account->created);
	time_cell(search->in, login);
	time_cell(search->in, seen);
	cpl_row_end(search->in);
	cpl_buf_finish(&jid);
}

static void search_next(struct search *search);

static void on_rows(struct cpl_call *call)
{
	struct search *search = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct search, read);
	size_t row = 0;

	if (call->status != 0) {
		search_end(search, call->status);
		return;
	}
	for (size_t i = 0; i < search->count; i++) {
		bool own = row < search->read.count && cpl_str_equal(search->read.rows[row].account, search->page[i].name);

		judge(search, &search->page[i], own ? &search->read.rows[row] : NULL);
		row += own;
	}
	if (search->last) {
		search_end(search, 0);
		return;
	}
	cpl_buf_clear(&search->after);
	cpl_buf_add(&search->after, search->page[search->count - 1].name);
	search_next(search);
}

static struct cpl_str after(const struct search *search)
{
	return search->after.len > 0 ? cpl_buf_str(&search->after) : CPL_NONE;
}

static void on_accounts(struct cpl_call *call)
{
	struct search *search = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct search, read);
	int status = call->status;

	if (status != 0 || search->read.count == 0) {
		search_end(search, status);
		return;
	}
	cpl_arena_destroy(&search->arena);
	search->arena = cpl_arena_create();
	search->count = search->read.count;
	search->last = search->read.complete;
	for (size_t i = 0; i < search->count; i++)
		search->page[i] =
			(struct account){cpl_arena_copy(search->arena, search->read.rows[i].account), search->read.rows[i].when};
	status = cpl_store_list(&search->read, cpl_invocation_scope(search->in), &store, cpl_buf_str(&search->domain), after(search), PAGE, on_rows);
	if (status != 0)
		search_end(search, status);
}

static void search_next(struct search *search)
{
	int status = cpl_account_list(&search->read, cpl_invocation_scope(search->in), cpl_buf_str(&search->domain), after(search), PAGE, on_accounts);

	if (status != 0)
		search_end(search, status);
}

static void run_inactive(struct cpl_module *self, struct cpl_invocation *in)
{
	struct search *search;
	int64_t span;

	if (!cpl_option_number(CPL_OPTION_TIME, cpl_arg(in, 1), &span) || span > cpl_now()) {
		cpl_refuse(in, "\"%.*s\" is not a time such as 12h or 90d", CPL_ARG(cpl_arg(in, 1)));
		return;
	}
	search = CPL_NEW(struct search);
	search->in = in;
	search->before = cpl_now() - span;
	cpl_buf_add(&search->domain, cpl_arg_host(in, 0)->name);
	search_next(search);
}

static const struct cpl_command commands[] = {
	{"user inactive <host> <word:time>", "List the accounts of a host that have not been connected for a time.",
	 "The time is written like 12h or 90d. An account that has never been connected, or not since this module is on, is as old as the account itself.",
	 "jid,created,login,seen", CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_inactive},
	CPL_COMMAND_END,
};

static const struct cpl_event_row events[] = {
	CPL_ON(session_bound, on_bound, OBSERVE, 0),
	CPL_ON(session_unbound, on_unbound, OBSERVE, 0),
	CPL_ON(account_info, on_info, OBSERVE, 0),
	CPL_ON_END,
};

CPL_MODULE(lastlogin) = {
	CPL_MODULE_HEAD("lastlogin", "1.0", "Times of logins"),
	.options = lastlogin_options,
	.config_size = sizeof(struct lastlogin_config),
	.events = events,
	.commands = commands,
	.stores = stores,
	.slots = slots,
};
