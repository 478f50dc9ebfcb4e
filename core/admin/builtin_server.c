/* SPDX-License-Identifier: MIT */
/* Commands about hosts and events, and help. */
#include "core/admin/builtin.h"
#include "core/admin/command.h"
#include "core/hook/dispatch.h"
#include "core/module/manager.h"
#include "core/xmpp/host.h"
#include <couplet/module.h>

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
		const char *names[512];
		const char *nearest = config_nearest(name, names, dispatch_event_names(names, 512));

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

static void run_commands(struct cpl_module *self, struct cpl_invocation *in)
{
	command_list(in);
}

const struct cpl_command builtin_server[] = {
	{"commands", "Lists the forms of all commands, for programs; see help.", NULL, "form,summary", CPL_COMMAND_OFFLINE, run_commands},
	{"host list", "Lists the hosts.", NULL, "host,component,modules,sessions,accounts_in_use", CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_host_list},
	{"events <word:event> [--host <host>]", "Lists the handlers of an event in the order in which they run.",
	 "Without --host the handlers of all modules are shown, whatever the hosts they run on. The names of the events are in "
	 "couplet-events(7); those that modules publish are called MODULE.EVENT.",
	 "position,stage,number,module", CPL_COMMAND_OFFLINE, run_events},
	{"help [<text:command>]", "Lists the commands, or explains one.", NULL, NULL, CPL_COMMAND_OFFLINE, run_help},
	CPL_COMMAND_END,
};
