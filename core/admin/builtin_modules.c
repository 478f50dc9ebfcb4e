/* SPDX-License-Identifier: MIT */
/* Commands about modules. */
#include "core/admin/builtin.h"
#include "core/base/account.h"
#include "core/module/manager.h"
#include <couplet/module.h>

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	size_t at = 0;

	for (struct cpl_module *m = manager_next(&at); m; m = manager_next(&at)) {
		const struct account *account = account_of_module(m);
		struct account_place sum = account_sum(account);

		cpl_row_begin(in);
		cpl_row_text(in, cpl_str_of(cpl_module_name(m)));
		cpl_row_text(in, cpl_str_of(manager_descriptor(m)->version));
		cpl_row_text(in, cpl_str_of(manager_state(m)));
		cpl_row_int(in, (int64_t)manager_hosts(m));
		cpl_row_int(in, (int64_t)sum.calls);
		cpl_row_int(in, (int64_t)sum.errors);
		cpl_row_int(in, atomic_load(&account->memory->bytes));
		cpl_row_end(in);
	}
	cpl_done(in);
}

/* ---- module info: one table; rows that are no place leave the columns of places empty ---- */

static void info_begin(struct cpl_invocation *in, const char *section, const char *name)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(section));
	cpl_row_text(in, cpl_str_of(name));
}

static void info_end(struct cpl_invocation *in)
{
	for (int i = 0; i < 6; i++)
		cpl_row_text(in, CPL_NONE);
	cpl_row_end(in);
}

static void number(struct cpl_invocation *in, const char *section, const char *name, int64_t value)
{
	info_begin(in, section, name);
	cpl_row_int(in, value);
	info_end(in);
}

static void text(struct cpl_invocation *in, const char *name, const char *value)
{
	info_begin(in, "module", name);
	cpl_row_text(in, cpl_str_of(value));
	info_end(in);
}

static void info_place(struct cpl_invocation *in, const char *section, const char *name, const struct account_place *place,
		       int64_t time_us)
{
	info_begin(in, section, name);
	cpl_row_int(in, (int64_t)place->calls);
	cpl_row_int(in, (int64_t)place->stops);
	cpl_row_int(in, (int64_t)place->errors);
	cpl_row_int(in, time_us);
	cpl_row_int(in, (int64_t)timing_mean(&place->timing));
	cpl_row_int(in, (int64_t)timing_percentile(&place->timing, 99));
	cpl_row_int(in, (int64_t)place->timing.max_ns);
	cpl_row_end(in);
}

/* Those with the longest visit first: the slowest callbacks. */
static void info_places(struct cpl_invocation *in, const struct account *account)
{
	struct account_place sum = account_sum(account);
	bool shown[ACCOUNT_WHERES] = {false};
	int64_t time_us = 0;

	for (;;) {
		unsigned slowest = ACCOUNT_WHERES;

		for (unsigned i = 0; i < ACCOUNT_WHERES; i++)
			if (account->places[i] && !shown[i] &&
			    (slowest == ACCOUNT_WHERES || account->places[i]->timing.max_ns > account->places[slowest]->timing.max_ns))
				slowest = i;
		if (slowest == ACCOUNT_WHERES)
			break;
		shown[slowest] = true;
		info_place(in, slowest < ACCOUNT_DOORS ? "door" : "event", account_where_name(slowest), account->places[slowest],
			   builtin_time_us(account->places[slowest]));
		time_us += builtin_time_us(account->places[slowest]);
	}
	info_place(in, "sum", "", &sum, time_us);
}

static void run_info(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_module *m = manager_find(cpl_arg(in, 0));
	const struct account *account = account_of_module(m);
	struct manager_resource resources[MANAGER_RESOURCES];
	size_t count = manager_resources(m, resources);

	text(in, "name", cpl_module_name(m));
	text(in, "version", manager_descriptor(m)->version);
	text(in, "summary", manager_descriptor(m)->summary);
	text(in, "state", manager_state(m));
	number(in, "module", "generation", manager_generation(m));
	number(in, "module", "hosts", (int64_t)manager_hosts(m));
	number(in, "memory", "bytes", atomic_load(&account->memory->bytes));
	number(in, "memory", "peak_bytes", atomic_load(&account->memory->peak_bytes));
	number(in, "memory", "blocks", atomic_load(&account->memory->blocks));
	for (size_t i = 0; i < count; i++)
		number(in, "resource", resources[i].name, (int64_t)resources[i].count);
	number(in, "calls", "started", (int64_t)account->calls_started);
	number(in, "calls", "fired", (int64_t)account->calls_fired);
	info_places(in, account);
	cpl_done(in);
}

/* ---- load, reload, unload ---- */

/* The request outlives an abandoned invocation as the invocation waits for its command. */
struct change {
	struct manager_request request;
	struct cpl_invocation *in;
};

static void on_changed(struct manager_request *request, int status, const char *line)
{
	struct change *change = CPL_CONTAINER(request, struct change, request);

	if (status < 0) {
		cpl_refuse(change->in, "%.*s: %s", CPL_ARG(cpl_arg(change->in, 0)), line && *line ? line : cpl_code_text(status));
		return;
	}
	if (line && *line)
		cpl_say(change->in, "%s", line);
	cpl_done(change->in);
}

static void change(struct cpl_invocation *in, int (*verb)(struct cpl_str, struct manager_request *, struct cpl_error *))
{
	struct change *c = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *c);
	struct cpl_error error = {0};

	c->request.done = on_changed;
	c->in = in;
	if (verb(cpl_arg(in, 0), &c->request, &error) < 0)
		cpl_refuse(in, "%s", error.text);
}

static void run_load(struct cpl_module *self, struct cpl_invocation *in)
{
	change(in, manager_load);
}

static void run_reload(struct cpl_module *self, struct cpl_invocation *in)
{
	change(in, manager_reload);
}

static void run_unload(struct cpl_module *self, struct cpl_invocation *in)
{
	change(in, manager_unload);
}

const struct cpl_command builtin_modules[] = {
	{"module list", "Lists the modules with what they use.", NULL, "module,version,state,hosts,entries,errors,bytes",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"module info <module>", "Shows one module's state and figures.",
	 "Bytes and blocks are what lives now. For each event and each other door into the module, the one with the slowest visit first, value is how "
	 "often it was entered, stops how often it answered other than that the next one shall go on. Times are of one visit in 64 (see trace), "
	 "time_us the estimate for all of them, and include what the module calls in turn. All figures begin with the present generation.",
	 "section,name,value,stops,errors,time_us,mean_ns,p99_ns,max_ns", CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_info},
	{"module load <word:module>", "Loads a module into the running server.",
	 "A module that the configuration lists starts on the hosts that list it, another one on all hosts with its default options; the "
	 "configuration file is not changed.",
	 NULL, CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_load},
	{"module reload <module>", "Replaces a module's code by what is on disk, without dropping a session or a stanza.",
	 "If the new code cannot be opened or refuses to load, the old one goes on.", NULL, CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_reload},
	{"module unload <module>", "Stops a module and takes it out of the running server.",
	 "Its calls under way are cancelled; the command ends when nothing of the module is in use any more. The configuration file is not changed.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_unload},
	CPL_COMMAND_END,
};
