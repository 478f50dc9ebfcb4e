/* SPDX-License-Identifier: MIT */
/* The commands that only the server itself can carry out: they are above core/admin. */
#include "core/server_state.h"
#include <couplet/module.h>

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

static void run_diff(struct cpl_module *self, struct cpl_invocation *in)
{
	struct config_report report = {0};
	struct cpl_buf text = {0};
	int status = server_diff(&report, add_row, in);
	struct cpl_str rest, line;

	config_report_print(&report, &text);
	rest = cpl_buf_str(&text);
	while (rest.len && cpl_str_split(&rest, '\n', &line))
		cpl_complain(in, "%.*s", CPL_ARG(line));
	if (status == 0)
		cpl_done(in);
	else
		cpl_refuse(in, "the configuration has faults; a reload would change nothing");
	cpl_buf_finish(&text);
	config_report_finish(&report);
}

const struct cpl_command server_commands[] = {
	{"config diff", "Shows what a reload would change, and changes nothing.",
	 "Reads and judges the configuration as reload does, and compares it with what runs: hosts, the modules that would be started and stopped on "
	 "them, options with their present and their new value (secrets are not shown), listeners and certificates. The column takes_effect says "
	 "whether a reload is enough or a restart is needed. With any fault, all faults are printed and the exit code is 1.",
	 "what,host,name,before,after,takes_effect", 0, run_diff},
	CPL_COMMAND_END,
};
