/* SPDX-License-Identifier: MIT */
/* The commands that only the server itself can carry out: they are above core/admin. */
#include "core/server_state.h"

#include "core/admin/metrics.h"
#include "core/base/logger.h"
#include "core/hook/dispatch.h"
#include "core/module/manager.h"
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
	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s))
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

static void complain_of(struct cpl_invocation *in, struct config_report *report)
{
	struct cpl_buf text = {0};
	struct cpl_str rest, line;

	config_report_print(report, &text);
	rest = cpl_buf_str(&text);
	while (rest.len && cpl_str_split(&rest, '\n', &line))
		cpl_complain(in, "%.*s", CPL_ARG(line));
	cpl_buf_finish(&text);
}

/* An invocation that was abandoned waits for its command. */
static void reload_then(struct server_read *read, void *data)
{
	struct cpl_invocation *in = data;
	struct cpl_buf waits = {0};
	int status = server_reload(read, &waits);
	struct cpl_str rest, line;

	complain_of(in, &read->report);
	if (status == 0) {
		rest = cpl_str_trim(cpl_buf_str(&waits));
		while (rest.len && cpl_str_split(&rest, '\n', &line))
			cpl_say(in, "needs a restart: %.*s", CPL_ARG(line));
		cpl_done(in);
	} else {
		cpl_refuse(in, "nothing was changed");
	}
	cpl_buf_finish(&waits);
}

static void run_reload(struct cpl_module *self, struct cpl_invocation *in)
{
	server_read_start(true, reload_then, in);
}

static void add_row(void *data, const struct server_difference *difference)
{
	struct cpl_invocation *in = data;
	const struct cpl_str cells[] = {difference->scope, difference->name, difference->before, difference->after};

	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(difference->what));
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		cpl_row_text(in, cells[i].len ? cells[i] : CPL_NONE);
	cpl_row_text(in, difference->waits ? CPL_STR("restart") : CPL_STR("reload"));
	cpl_row_end(in);
}

static void diff_then(struct server_read *read, void *data)
{
	struct cpl_invocation *in = data;
	int status = server_diff(read, add_row, in);

	complain_of(in, &read->report);
	if (status == 0)
		cpl_done(in);
	else
		cpl_refuse(in, "the configuration has faults; a reload would change nothing");
}

static void run_diff(struct cpl_module *self, struct cpl_invocation *in)
{
	server_read_start(false, diff_then, in);
}

static void stop(struct cpl_invocation *in, bool again)
{
	cpl_done(in);
	if (again)
		server_restart();
	else
		server_stop();
}

/* A server that would not start again goes on. */
static void restart_then(struct server_read *read, void *data)
{
	struct cpl_invocation *in = data;
	int status = server_judge(read);

	complain_of(in, &read->report);
	if (status == 0) {
		manager_discard();
		stop(in, true);
	} else {
		cpl_refuse(in, "the configuration has faults; nothing was stopped");
	}
}

static void run_shutdown(struct cpl_module *self, struct cpl_invocation *in)
{
	if (cpl_flag(in, "restart"))
		server_read_start(false, restart_then, in);
	else
		stop(in, false);
}

const struct cpl_command server_commands[] = {
	{"status", "Shows the server's state.", NULL, "name,value", CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_status},
	{"reload", "Reads the configuration again and applies it.",
	 "The new configuration is judged whole; if it has a fault, all faults are printed and nothing changes. Options that need a restart are "
	 "listed by name.",
	 NULL, CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_reload},
	{"shutdown [--restart]", "Begins to stop the server and does not wait; see stop.",
	 "With --restart the process then runs the program anew, which a configuration with faults prevents beforehand. It keeps its number and its user: ports below 1024 it can "
	 "only open again with the capability to do so.",
	 NULL, CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_shutdown},
	{"config diff", "Shows what a reload would change, and changes nothing.",
	 "Reads and judges the configuration as reload does, and compares it with what runs: hosts, the modules that would be started and stopped on "
	 "them, options with their present and their new value (secrets are not shown), listeners and certificates. The column takes_effect says "
	 "whether a reload is enough or a restart is needed. With any fault, all faults are printed and the exit code is 1.",
	 "what,host,name,before,after,takes_effect", CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_diff},
	CPL_COMMAND_END,
};
