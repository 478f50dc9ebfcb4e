/* SPDX-License-Identifier: MIT */
/*
 * A bound on what each account may store, over all stores. The storage counts the bytes and refuses what would exceed the bound; modules answer resource-constraint. This module says
 * what the bound is: per host, and per account by command.
 */
#include <couplet/module.h>

struct quota_config {
	int64_t size;
};
static const struct cpl_option options[] = {
	CPL_OPT_SIZE(struct quota_config, size, "100M", "0", "1T", CPL_RELOADABLE,
		     "Bytes that the data of one account may have in all, unless another quota was set for it; 0: any number."),
	CPL_OPT_END,
};

static void start(struct cpl_module *self, struct cpl_host *host)
{
	cpl_host_set_quota(host, CPL_CONFIG(self, host, struct quota_config)->size);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	if (host)
		start(self, host);
}

static void stop(struct cpl_module *self, struct cpl_host *host)
{
	cpl_host_set_quota(host, 0);
}

/* What holds for an account: its own, or the host's; 0: no bound. */
static int64_t quota_of(const struct cpl_host *host, const struct cpl_account_state *state)
{
	return state->quota >= 0 ? state->quota : host ? host->quota : 0;
}

/* ---- commands ---- */

struct request {
	struct cpl_account_call state;
	struct cpl_store_call store;
	struct cpl_invocation *in;
};

static void refuse(struct cpl_invocation *in, int status)
{
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0));

	if (status == CPL_E_NOT_FOUND)
		cpl_refuse(in, "there is no account %.*s", CPL_ARG(account));
	else
		cpl_refuse(in, "%.*s: %s", CPL_ARG(account), cpl_code_text(status));
}

static void on_state(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_account_call, call), struct request, state);
	const struct cpl_account_state *state = &request->state.state;
	struct cpl_invocation *in = request->in;
	struct cpl_jid account = cpl_arg_jid(in, 0);
	int64_t quota = quota_of(cpl_host_find(cpl_jid_domain(account)), state);

	if (call->status != 0) {
		refuse(in, call->status);
		return;
	}
	cpl_row_begin(in);
	cpl_row_text(in, cpl_jid_str(account));
	cpl_row_int(in, state->bytes);
	if (quota > 0)
		cpl_row_int(in, quota);
	else
		cpl_row_text(in, CPL_NONE);
	cpl_row_text(in, state->quota >= 0 ? CPL_STR("own") : CPL_STR("default"));
	cpl_row_end(in);
	cpl_done(in);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	struct request *request = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*request));
	int status;

	request->in = in;
	status = cpl_account_state(&request->state, cpl_invocation_scope(in), cpl_arg_jid(in, 0), on_state);
	if (status != 0)
		refuse(in, status);
}

static void on_set(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct request, store);
	struct cpl_invocation *in = request->in;

	if (call->status != 0) {
		refuse(in, call->status);
		return;
	}
	cpl_say(in, "the quota of %.*s is %.*s now", CPL_ARG(cpl_jid_str(cpl_arg_jid(in, 0))), CPL_ARG(cpl_arg(in, 1)));
	cpl_done(in);
}

static void run_set(struct cpl_module *self, struct cpl_invocation *in)
{
	struct request *request = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*request));
	struct cpl_str text = cpl_arg(in, 1);
	struct cpl_batch *batch;
	int64_t bytes = 0;
	int status;

	if (cpl_str_is(text, "default")) {
		bytes = -1;
	} else if (!cpl_str_is(text, "none") && (!cpl_option_number(CPL_OPTION_SIZE, text, &bytes) || bytes == 0)) {
		cpl_refuse(in, "\"%.*s\" is neither a size such as 50M, nor none, nor default", CPL_ARG(text));
		return;
	}
	request->in = in;
	batch = cpl_batch_create();
	cpl_batch_account_quota(batch, cpl_arg_jid(in, 0), bytes);
	status = cpl_batch_commit(&request->store, cpl_invocation_scope(in), &batch, on_set);
	if (status != 0)
		refuse(in, status);
}

static const struct cpl_command commands[] = {
	{"quota show <account>", "Show how many bytes an account has stored, and how many it may.",
	 "The quota is empty when there is no bound; source says whether it is the account's own.", "jid,bytes,quota,source",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_show},
	{"quota set <account> <word:size>", "Set how many bytes an account may store.",
	 "A size such as 50M, none for no bound, or default for what the configuration says. What is stored already stays, also when it is more.", NULL,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_set},
	CPL_COMMAND_END,
};

CPL_MODULE(quota) = {
	CPL_MODULE_HEAD("quota", "1.0", "A bound on what accounts may store"),
	.options = options,
	.config_size = sizeof(struct quota_config),
	.commands = commands,
	.start = start,
	.reconfigure = reconfigure,
	.stop = stop,
};
