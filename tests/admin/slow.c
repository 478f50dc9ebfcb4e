/* SPDX-License-Identifier: MIT */
/*
 * A module that keeps the session thread: what the watchdog, top, module info and metrics are tested with (tests/admin/ctl). Not to be
 * imitated: a module that has to wait starts a call.
 *
 *   the event session_created   sleeps for the option `session`
 *   the command `slow`          sleeps for its argument
 */
#include <couplet/module.h>
#include <time.h>

struct slow_config {
	int64_t session;
	struct cpl_str word;
};
static const struct cpl_option slow_options[] = {
	CPL_OPT_TIME(struct slow_config, session, "0", "0", "1m", CPL_RELOADABLE, "How long a new session keeps everybody waiting."),
	CPL_OPT_SECRET(struct slow_config, word, CPL_RELOADABLE, "Nobody is told."),
	CPL_OPT_END,
};

struct slow {
	struct cpl_metric *visits, *last, *times;
};

static void doze(struct cpl_module *self, int64_t ms)
{
	struct slow *slow = cpl_module_data(self);
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
	cpl_metric_add(slow->visits, 1);
	cpl_metric_set(slow->last, ms);
	cpl_metric_observe(slow->times, ms);
}

static void on_session_created(struct cpl_module *self, struct cpl_ev_session *ev)
{
	doze(self, CPL_CONFIG(self, NULL, struct slow_config)->session);
}
static const struct cpl_event_row slow_events[] = {
	CPL_ON(session_created, on_session_created, OBSERVE, 0),
	CPL_ON_END,
};

static void run_slow(struct cpl_module *self, struct cpl_invocation *in)
{
	doze(self, cpl_arg_int(in, 0));
	cpl_done(in);
}
static const struct cpl_command slow_commands[] = {
	{"slow <int:milliseconds>", "Keeps the server busy.", NULL, NULL, 0, run_slow},
	CPL_COMMAND_END,
};

static int slow_load(struct cpl_module *self, struct cpl_error *error)
{
	static const int64_t bounds[] = {1, 10, 100, 1000};
	struct slow *slow = CPL_NEW(struct slow);

	cpl_module_set_data(self, slow);
	slow->visits = cpl_metric_counter(self, "visits", "Times that it kept the server.", NULL, CPL_NONE);
	slow->last = cpl_metric_gauge(self, "last_milliseconds", "The last time.", "how", CPL_STR("\"asleep\""));
	slow->times = cpl_metric_histogram(self, "milliseconds", "All times.", NULL, CPL_NONE, bounds, 4);
	if (!slow->visits || !slow->last || !slow->times || cpl_metric_counter(self, "no name", "", NULL, CPL_NONE) ||
	    cpl_metric_gauge(self, "visits", "", NULL, CPL_NONE))
		return cpl_fail(error, CPL_E_INVALID, "the metrics are not as they should be");
	return 0;
}

static void slow_unload(struct cpl_module *self)
{
	cpl_free(cpl_module_data(self));
}

CPL_MODULE(slow) = {
	CPL_MODULE_HEAD("slow", "1.0", "Keeps the session thread, for tests"),
	.options = slow_options,
	.config_size = sizeof(struct slow_config),
	.events = slow_events,
	.commands = slow_commands,
	.load = slow_load,
	.unload = slow_unload,
};
