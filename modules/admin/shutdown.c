/* SPDX-License-Identifier: MIT */
/* Stopping the server later, or starting it anew, with a word to those who are connected: XEP-0133 4.30, 4.31. */
#include "modules/admin/admin.h"

enum { DELAY_MAX = 86400 };

/*
 * The module's own, for it outlives the command: whoever asked has his answer before the server goes. There is one at most; another command replaces it.
 */
struct plan {
	struct cpl_call timer;
	struct cpl_command_run stop;
	bool restart;
};

static void on_stopped(struct cpl_call *call)
{
	struct plan *plan = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_command_run, call), struct plan, stop);

	if (call->status == 0 && plan->stop.exit_code)
		cpl_log_error("planned restart refused reason=\"%.*s\"", CPL_ARG(plan->stop.reason));
	cpl_free(plan);
}

static void on_time(struct cpl_call *call)
{
	struct plan *plan = CPL_CONTAINER(call, struct plan, timer);
	struct cpl_str restart = plan->restart ? CPL_STR("true") : CPL_NONE;
	int status = call->status;

	if (status == 0)
		status = cpl_command_run(&plan->stop, NULL, CPL_STR("shutdown"), &restart, CPL_NONE, (struct cpl_jid){0}, 1, on_stopped);
	if (status != 0) {
		if (status != CPL_E_CANCELLED)
			cpl_log_error("planned shutdown failed reason=\"%s\"", cpl_code_text(status));
		cpl_free(plan);
	}
}

/* Memory of the invocation. */
struct stopping {
	struct cpl_invocation *in;
	struct cpl_module *self;
	struct cpl_command_run announce, check;
	struct cpl_str hosts[256];
	size_t at, count;
	struct cpl_str text;
	int64_t delay;
	bool restart;
};

static void plan_it(struct stopping *stopping)
{
	struct plan *plan = CPL_NEW(struct plan);
	int status;

	/* What is answered and announced has a moment to leave, so it is not done in this turn. */
	status = cpl_timer_start(&plan->timer, cpl_module_scope(stopping->self), stopping->delay * 1000 + 100, on_time);
	if (status != 0) {
		cpl_free(plan);
		cpl_refuse(stopping->in, "it cannot be planned: %s", cpl_code_text(status));
		return;
	}
	plan->restart = stopping->restart;
	cpl_log_info("%s planned in=%llds", stopping->restart ? "restart" : "shutdown", (long long)stopping->delay);
	cpl_say(stopping->in, "the server %s in %lld s", stopping->restart ? "starts anew" : "stops", (long long)stopping->delay);
	cpl_done(stopping->in);
}

static void announce_next(struct stopping *stopping);

static void on_announced(struct cpl_call *call)
{
	struct stopping *stopping = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_command_run, call), struct stopping, announce);

	if (call->status == CPL_E_CANCELLED) {
		cpl_refuse(stopping->in, "%s; the server goes on", cpl_code_text(call->status));
		return;
	}
	if (stopping->announce.exit_code)
		cpl_complain(stopping->in, "%.*s: %.*s", CPL_ARG(stopping->hosts[stopping->at - 1]), CPL_ARG(stopping->announce.reason));
	announce_next(stopping);
}

/* "announce <host> <text> [--online] ...": the first two of its fields. */
static void announce_next(struct stopping *stopping)
{
	struct cpl_str values[CPL_COMMAND_FIELDS_MAX] = {CPL_NONE};
	int status;

	if (stopping->at == stopping->count) {
		plan_it(stopping);
		return;
	}
	values[0] = stopping->hosts[stopping->at++];
	values[1] = stopping->text;
	status = cpl_command_run(&stopping->announce, cpl_invocation_scope(stopping->in), CPL_STR("announce"), values, CPL_NONE,
				 cpl_invocation_actor(stopping->in), 1, on_announced);
	if (status == CPL_E_NOT_FOUND)
		cpl_refuse(stopping->in, "nothing can be announced, as the module announce is not loaded; the server goes on");
	else if (status != 0)
		cpl_refuse(stopping->in, "it cannot be announced: %s; the server goes on", cpl_code_text(status));
}

/* A configuration that nobody could start with is told now, not to the log when it is time. */
static void on_checked(struct cpl_call *call)
{
	struct cpl_command_run *run = CPL_CONTAINER(call, struct cpl_command_run, call);
	struct stopping *stopping = CPL_CONTAINER(run, struct stopping, check);
	struct cpl_str rest = run->complaints, line;

	while (call->status == 0 && rest.len && cpl_str_split(&rest, '\n', &line))
		if (line.len)
			cpl_complain(stopping->in, "%.*s", CPL_ARG(line));
	if (call->status != 0)
		cpl_refuse(stopping->in, "%s; the server goes on", cpl_code_text(call->status));
	else if (run->exit_code)
		cpl_refuse(stopping->in, "the configuration has faults; the server goes on");
	else
		announce_next(stopping);
}

void shutdown_run(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct stopping *stopping = cpl_arena_alloc(arena, sizeof(*stopping));
	struct cpl_str delay = cpl_flag_value(in, "delay");
	struct cpl_host *host;
	int status;

	stopping->in = in;
	stopping->self = self;
	stopping->text = cpl_str_trim(cpl_flag_value(in, "announce"));
	if (delay.ptr && !cpl_str_to_int(delay, 0, DELAY_MAX, &stopping->delay)) {
		cpl_refuse(in, "\"%.*s\" is no delay: a number of seconds from 0 to %d", CPL_ARG(delay), DELAY_MAX);
		return;
	}
	for (size_t at = 0; stopping->text.len && stopping->count < 256 && (host = cpl_host_next(&at));)
		if (!host->component)
			stopping->hosts[stopping->count++] = cpl_arena_copy(arena, host->name);
	stopping->restart = cpl_flag(in, "restart");
	if (!stopping->restart)
		announce_next(stopping);
	else if ((status = cpl_command_run(&stopping->check, cpl_invocation_scope(in), CPL_STR("config diff"), NULL, CPL_NONE, cpl_invocation_actor(in), 1, on_checked)) != 0)
		cpl_refuse(in, "the configuration cannot be judged: %s; the server goes on", cpl_code_text(status));
}
