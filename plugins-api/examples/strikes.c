/* SPDX-License-Identifier: MIT */
/*
 * strikes: accounts whose messages the example filter refuses again and again are shown the door. Shows an event of another module that is heard, rows of a host that belong to no
 * account, and a job: once a day all is forgiven, also when the server is down at that time; then it is done soon after the next start.
 *
 *     modules+: [filter, strikes]
 *     strikes: {limit: 3}
 */
#include "filter.h"

struct strikes_config {
	int64_t limit;
};
static const struct cpl_option options[] = {
	CPL_OPT_INT(struct strikes_config, limit, "3", "1", "1000", CPL_RELOADABLE, "Refused messages after which the account's sessions are closed, each time."),
	CPL_OPT_END,
};

static const struct cpl_column columns[] = {
	{"word", CPL_COLUMN_TEXT, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Of a host: one row a strike, `with` is whose. */
static const struct cpl_store strikes_store = {"strikes", CPL_STORE_ARCHIVE, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&strikes_store, NULL};

/* ---- counting ---- */

struct strike {
	struct cpl_store_call call;
	struct cpl_host *host;
	struct cpl_jid account;
	int64_t limit;
};

static struct strike *strike_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct strike, call);
}

static void strike_end(struct strike *strike, int status)
{
	if (status != 0 && status != CPL_E_CANCELLED)
		cpl_log_warn("a strike is lost jid=%.*s reason=\"%s\"", CPL_ARG(cpl_jid_str(strike->account)), cpl_code_text(status));
	cpl_jid_free(&strike->account);
	cpl_free(strike);
}

static void on_counted(struct cpl_call *call)
{
	struct strike *strike = strike_of(call);

	if (call->status == 0 && strike->call.total % strike->limit == 0)
		cpl_account_close_sessions(strike->account, NULL, CPL_STREAM_POLICY_VIOLATION, "Too many messages were refused");
	strike_end(strike, call->status);
}

static void on_noted(struct cpl_call *call)
{
	struct strike *strike = strike_of(call);
	struct cpl_archive_query query = {.with = strike->account};
	int status = call->status;

	if (status == 0)
		status = cpl_archive_count(&strike->call, &strike->host->scope, &strikes_store, strike->host->jid, &query, on_counted);
	if (status != 0)
		strike_end(strike, status);
}

static void on_refused(struct cpl_module *self, struct filter_refused *ev)
{
	struct cpl_host *host = ev->session->served;
	struct cpl_value word = CPL_BYTES(ev->word);
	struct strike *strike = CPL_NEW(struct strike);
	struct cpl_batch *batch = cpl_batch_create();
	int status;

	strike->host = host;
	strike->account = cpl_jid_dup(cpl_jid_bare(ev->session->jid));
	strike->limit = CPL_CONFIG(self, host, struct strikes_config)->limit;
	cpl_batch_append(batch, &strikes_store, host->jid, cpl_now(), strike->account, &word);
	status = cpl_batch_commit(&strike->call, &host->scope, &batch, on_noted);
	if (status != 0)
		strike_end(strike, status);
}

static const struct cpl_hear_row hears[] = {
	CPL_HEAR(filter, refused, on_refused, FEATURE, 0),
	CPL_HEAR_END,
};

/* ---- forgiving: all hosts in one commit ---- */

struct forgiving {
	struct cpl_store_call call;
	struct cpl_run *run;
};

static void on_forgiven(struct cpl_call *call)
{
	struct forgiving *forgiving = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct forgiving, call);

	/* A failure is tried again, by the schedule. */
	cpl_run_end(forgiving->run, call->status);
	cpl_free(forgiving);
}

static void forgive(struct cpl_module *self, struct cpl_run *run)
{
	struct forgiving *forgiving = CPL_NEW(struct forgiving);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_host *host;
	int status;

	for (size_t at = 0; (host = cpl_host_next(&at));)
		cpl_batch_purge(batch, &strikes_store, host->jid, 0, INT64_MAX);
	forgiving->run = run;
	status = cpl_batch_commit(&forgiving->call, cpl_module_scope(self), &batch, on_forgiven);
	if (status == 0)
		return;
	cpl_run_end(run, status);
	cpl_free(forgiving);
}

static const struct cpl_schedule_row schedule[] = {
	{.name = "forgive", .period_ms = 86400000, .jitter_ms = -1, .run = forgive, .summary = "Forgets all strikes."},
	CPL_SCHEDULE_END,
};

/* ---- commands ---- */

struct asked {
	struct cpl_store_call count;
	struct cpl_call wish;
	struct cpl_invocation *in;
};

static void on_shown(struct cpl_call *call)
{
	struct asked *asked = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct asked, count);

	if (call->status == 0)
		cpl_say(asked->in, "%lld", (long long)asked->count.total);
	if (call->status == 0)
		cpl_done(asked->in);
	else
		cpl_refuse(asked->in, "the strikes cannot be read: %s", cpl_code_text(call->status));
	cpl_free(asked);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_jid account = cpl_arg_jid(in, 0);
	struct cpl_archive_query query = {.with = account};
	struct asked *asked = CPL_NEW(struct asked);
	int status;

	asked->in = in;
	status = cpl_archive_count(&asked->count, cpl_invocation_scope(in), &strikes_store, cpl_jid_host(account), &query, on_shown);
	if (status == 0)
		return;
	cpl_refuse(in, "the strikes cannot be read: %s", cpl_code_text(status));
	cpl_free(asked);
}

static void on_wished(struct cpl_call *call)
{
	struct asked *asked = CPL_CONTAINER(call, struct asked, wish);

	if (call->status == 0)
		cpl_done(asked->in);
	else
		cpl_refuse(asked->in, "the time is not kept: %s", cpl_code_text(call->status));
	cpl_free(asked);
}

static void run_forgive(struct cpl_module *self, struct cpl_invocation *in)
{
	int64_t seconds = cpl_arg_int(in, 0);
	struct asked *asked;
	int status;

	if (seconds < 0 || seconds > 86400) {
		cpl_refuse(in, "in 0 to 86400 seconds, not %lld", (long long)seconds);
		return;
	}
	asked = CPL_NEW(struct asked);
	asked->in = in;
	status = cpl_schedule_at(&asked->wish, cpl_invocation_scope(in), self, "forgive", cpl_now() + seconds * 1000, on_wished);
	if (status == 0)
		return;
	cpl_refuse(in, "the time is not kept: %s", cpl_code_text(status));
	cpl_free(asked);
}

static const struct cpl_command commands[] = {
	{"strikes show <account>", "Shows how many messages of an account were refused since all was forgiven.", NULL, NULL, 0, run_show},
	{"strikes forgive <int:seconds>", "Forgives all in so many seconds from now, in place of the next time.", NULL, NULL, 0, run_forgive},
	CPL_COMMAND_END,
};

CPL_MODULE(strikes) = {
	CPL_MODULE_HEAD("strikes", "1.0", "Closes sessions whose messages are refused too often"),
	.options = options,
	.config_size = sizeof(struct strikes_config),
	.hears = hears,
	.stores = stores,
	.schedule = schedule,
	.commands = commands,
};
