/* SPDX-License-Identifier: MIT */
/* Commands about the server as a whole. */
#include "core/admin/builtin.h"
#include "core/admin/command.h"
#include "core/admin/metrics.h"
#include "core/base/account.h"
#include "core/base/logger.h"
#include "core/hook/dispatch.h"
#include "core/loop/loop.h"
#include "core/module/manager.h"
#include "core/server.h"
#include "core/xmpp/host.h"
#include "core/xmpp/session.h"
#include "core/xmpp/user.h"
#include <couplet/module.h>
#include <unistd.h>

static void row_of(struct cpl_invocation *in, const char *name, struct cpl_str value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(name));
	cpl_row_text(in, value);
	cpl_row_end(in);
}

static void row_of_number(struct cpl_invocation *in, const char *name, int64_t value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(name));
	cpl_row_int(in, value);
	cpl_row_end(in);
}

static void run_status(struct cpl_module *self, struct cpl_invocation *in)
{
	char started[CPL_TIME_TEXT];
	size_t modules = 0, at = 0, available = 0;

	while (manager_next(&at))
		modules++;
	for (struct cpl_session *s = session_next(NULL); s; s = session_next(s))
		available += cpl_session_is_available(s);
	row_of(in, "version", cpl_str_of(cpl_version()));
	row_of_number(in, "pid", getpid());
	row_of(in, "configuration", cpl_str_of(server_config()->path));
	row_of(in, "started", cpl_time_format(server_started_at(), started));
	row_of_number(in, "uptime_s", (cpl_now() - server_started_at()) / 1000);
	row_of_number(in, "hosts", (int64_t)host_count());
	row_of_number(in, "modules", (int64_t)modules);
	row_of_number(in, "sessions", (int64_t)session_count());
	row_of_number(in, "available", (int64_t)available);
	row_of_number(in, "accounts_in_use", (int64_t)user_count());
	row_of_number(in, "suspended", (int64_t)suspension_count());
	row_of_number(in, "memory", metrics_resident());
	row_of_number(in, "module_change_longest_turn_us", loop_longest_turn() / 1000);
	row_of_number(in, "log_lines_dropped", (int64_t)logger_dropped());
	cpl_done(in);
}

static void run_reload(struct cpl_module *self, struct cpl_invocation *in)
{
	struct config_report report = {0};
	struct cpl_buf waits = {0}, text = {0};
	int status = server_reload(&report, &waits);
	struct cpl_str rest, line;

	config_report_print(&report, &text);
	rest = cpl_buf_str(&text);
	while (rest.len && cpl_str_split(&rest, '\n', &line))
		cpl_complain(in, "%.*s", CPL_ARG(line));
	if (status == 0) {
		rest = cpl_str_trim(cpl_buf_str(&waits));
		while (rest.len && cpl_str_split(&rest, '\n', &line))
			cpl_say(in, "needs a restart: %.*s", CPL_ARG(line));
		cpl_done(in);
	} else {
		cpl_refuse(in, "nothing was changed");
	}
	cpl_buf_finish(&waits);
	cpl_buf_finish(&text);
	config_report_finish(&report);
}

static void run_shutdown(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_done(in);
	server_stop();
}

static void run_log_level(struct cpl_module *self, struct cpl_invocation *in)
{
	enum cpl_log_level level;

	if (!logger_level_of(cpl_arg(in, 0), &level)) {
		cpl_refuse(in, "\"%.*s\" is none of debug, info, warn, error", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	cpl_log_threshold = level;
	cpl_done(in);
}

static void run_host_list(struct cpl_module *self, struct cpl_invocation *in)
{
	size_t at = 0;

	for (struct cpl_host *host = cpl_host_next(&at); host; host = cpl_host_next(&at)) {
		const struct config_host *config = host_config(host);

		if (!config)
			continue; /* on its way out */
		cpl_row_begin(in);
		cpl_row_text(in, host->name);
		cpl_row_text(in, config->component);
		cpl_row_int(in, (int64_t)config->module_count);
		cpl_row_int(in, (int64_t)host->sessions.count);
		cpl_row_int(in, (int64_t)host->users.count);
		cpl_row_end(in);
	}
	cpl_done(in);
}

static void run_events(struct cpl_module *self, struct cpl_invocation *in)
{
	static const char *const stages[] = {"VALIDATE", "POLICY", "REWRITE", "FEATURE", "DELIVER", "OBSERVE"};
	struct cpl_str name = cpl_arg(in, 0), wanted = cpl_flag_value(in, "host");
	uint16_t id = dispatch_event_id(name);
	struct cpl_host *host = NULL;
	struct cpl_str prepared;

	if (id == CPL_EVENT_COUNT) {
		const char *names[CPL_EVENT_COUNT];

		for (uint16_t i = 0; i < CPL_EVENT_COUNT; i++)
			names[i] = dispatch_event_name(i);
		const char *nearest = config_nearest(name, names, CPL_EVENT_COUNT);

		cpl_refuse(in, "there is no event %.*s%s%s%s", CPL_ARG(name), nearest ? "; did you mean " : "", nearest ? nearest : "",
			   nearest ? "?" : "");
		return;
	}
	/* The type <host> has been checked: it is one of ours. */
	if (wanted.ptr && cpl_prepare_domain(&prepared, wanted, cpl_invocation_arena(in)) == 0)
		host = cpl_host_find(prepared);
	struct dispatch_listing rows[256];
	size_t count = dispatch_list(host, id, rows, 256);

	for (size_t i = 0; i < count && i < 256; i++) {
		cpl_row_begin(in);
		cpl_row_int(in, (int64_t)i + 1);
		cpl_row_text(in, cpl_str_of(stages[rows[i].stage]));
		cpl_row_int(in, rows[i].number);
		cpl_row_text(in, cpl_str_of(rows[i].module));
		cpl_row_end(in);
	}
	cpl_done(in);
}

static void run_help(struct cpl_module *self, struct cpl_invocation *in)
{
	command_help(in, cpl_arg(in, 0));
}

const struct cpl_command builtin_server[] = {
	{"status", "Shows the server's state.", NULL, "name,value", 0, run_status},
	{"reload", "Reads the configuration again and applies it.",
	 "The new configuration is judged whole; if it has a fault, all faults are printed and nothing changes. Options that need a restart are "
	 "listed by name.",
	 NULL, 0, run_reload},
	{"shutdown", "Begins to stop the server and does not wait; see stop.", NULL, NULL, 0, run_shutdown},
	{"log level <word:level>", "Sets the level of the log until the next reload: debug, info, warn or error.", NULL, NULL, 0, run_log_level},
	{"host list", "Lists the hosts.", NULL, "host,component,modules,sessions,accounts_in_use", CPL_COMMAND_OFFLINE, run_host_list},
	{"events <word:event> [--host <host>]", "Lists the handlers of an event in the order in which they run.",
	 "Without --host the handlers of all modules are shown, whatever the hosts they run on. The names of the events are in "
	 "couplet-events(7).",
	 "position,stage,number,module", CPL_COMMAND_OFFLINE, run_events},
	{"help [<text:command>]", "Lists the commands, or explains one.", NULL, NULL, CPL_COMMAND_OFFLINE, run_help},
	CPL_COMMAND_END,
};
