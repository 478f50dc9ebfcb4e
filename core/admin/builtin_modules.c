/* SPDX-License-Identifier: MIT */
/* Commands about modules. */
#include "core/admin/builtin.h"
#include "core/base/account.h"
#include "core/module/manager.h"
#include "core/server.h"
#include <couplet/module.h>

static int64_t hosts_of(struct cpl_str name)
{
	const struct config *config = server_config();
	int64_t count = 0;

	for (size_t i = 0; i < config->host_count; i++)
		for (size_t j = 0; j < config->hosts[i].module_count; j++)
			count += cpl_str_equal(config->hosts[i].modules[j], name);
	return count;
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	size_t at = 0;

	for (struct cpl_module *m = manager_next(&at); m; m = manager_next(&at)) {
		const struct account *account = account_of_module(m);

		cpl_row_begin(in);
		cpl_row_text(in, cpl_str_of(cpl_module_name(m)));
		cpl_row_text(in, cpl_str_of(manager_descriptor(m)->version));
		cpl_row_text(in, cpl_str_of(manager_state(m)));
		cpl_row_int(in, hosts_of(cpl_str_of(cpl_module_name(m))));
		cpl_row_int(in, (int64_t)account->entries);
		cpl_row_int(in, (int64_t)account->errors);
		cpl_row_int(in, atomic_load(&account->bytes));
		cpl_row_end(in);
	}
	cpl_done(in);
}

static void number(struct cpl_invocation *in, const char *name, int64_t value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(name));
	cpl_row_int(in, value);
	cpl_row_end(in);
}

static void text(struct cpl_invocation *in, const char *name, const char *value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(name));
	cpl_row_text(in, cpl_str_of(value));
	cpl_row_end(in);
}

static void run_info(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_module *m = manager_find(cpl_arg(in, 0));
	const struct account *account = account_of_module(m);

	text(in, "name", cpl_module_name(m));
	text(in, "version", manager_descriptor(m)->version);
	text(in, "summary", manager_descriptor(m)->summary);
	text(in, "state", manager_state(m));
	number(in, "hosts", hosts_of(cpl_arg(in, 0)));
	number(in, "bytes", atomic_load(&account->bytes));
	number(in, "peak_bytes", atomic_load(&account->peak_bytes));
	number(in, "blocks", atomic_load(&account->blocks));
	number(in, "entries", (int64_t)account->entries);
	number(in, "stops", (int64_t)account->stops);
	number(in, "errors", (int64_t)account->errors);
	number(in, "calls_started", (int64_t)account->calls_started);
	number(in, "calls_fired", (int64_t)account->calls_fired);
	number(in, "sampled", (int64_t)account->sampled);
	number(in, "sampled_mean_us", account->sampled ? (int64_t)(account->sampled_ns / account->sampled / 1000) : 0);
	number(in, "sampled_max_us", (int64_t)(account->sampled_max_ns / 1000));
	text(in, "slowest", account->slowest);
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
		cpl_refuse(change->in, "%s", line && *line ? line : cpl_code_text(status));
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
	{"module list", "Lists the modules with what they use.", NULL, "module,version,state,hosts,entries,errors,bytes", CPL_COMMAND_OFFLINE, run_list},
	{"module info <module>", "Shows one module's state and figures.",
	 "Bytes and blocks are what lives now. Times are of one entry in 64, and include what the module calls in turn.", "name,value",
	 CPL_COMMAND_OFFLINE, run_info},
	{"module load <word:module>", "Loads a module into the running server.",
	 "A module that the configuration lists starts on the hosts that list it, another one on all hosts with its default options; the "
	 "configuration file is not changed.",
	 NULL, 0, run_load},
	{"module reload <module>", "Replaces a module's code by what is on disk, without dropping a session or a stanza.",
	 "If the new code cannot be opened or refuses to load, the old one goes on.", NULL, 0, run_reload},
	{"module unload <module>", "Stops a module and takes it out of the running server.",
	 "Its calls under way are cancelled; the command ends when nothing of the module is in use any more. The configuration file is not changed.", NULL,
	 0, run_unload},
	CPL_COMMAND_END,
};
