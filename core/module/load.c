/* SPDX-License-Identifier: MIT */
/* Load of one module while the server runs. */
#include "core/module/change.h"
#include "core/loop/loop.h"

static int load(struct change *change, struct cpl_buf *text, struct cpl_error *error)
{
	struct cpl_module *module = change->now, **list = NULL;
	struct tables *tables = NULL;
	size_t count;
	int code = module_load(module, error);

	if (code >= 0)
		code = module_commands_add(module, error);
	if (code >= 0)
		list = change_list(module, NULL, &count, error);
	if (list)
		tables = tables_create(list, count, error);
	if (!tables) {
		cpl_free(list);
		return error->code < 0 ? error->code : CPL_E_INVALID;
	}
	tables_swap(tables);
	manager_reorder(list, count);
	module_start(module);
	tables_finish(&tables);
	cpl_free(list);
	cpl_buf_addf(text, "%s %s loaded on %zu host%s%s", module->descriptor.name, module->descriptor.version, module->host_count,
		     module->host_count == 1 ? "" : "s", module->unlisted ? "; the configuration does not list it" : "");
	return 0;
}

static void finish_load(struct change *change, int code, struct cpl_error *error)
{
	struct cpl_buf text = {0};

	if (code >= 0)
		code = load(change, &text, error);
	if (code < 0 && change->now)
		drain_begin(change->now);
	change_finish(change, code, &text, error);
}

static void load_declared(void *data)
{
	struct change *change = data;
	struct cpl_error error = {0};
	int code = 0;

	change_take_up(change->now, &modules.opened);
	if (manager_find(cpl_str_of(change->name)))
		code = cpl_fail(&error, CPL_E_EXISTS, "is loaded already");
	else
		code = change_judge(change->now, NULL, &error);
	finish_load(change, code, &error);
}

static void load_stores_are_there(struct store_declaring *declaring)
{
	loop_at_idle(load_declared, CPL_CONTAINER(declaring, struct change, declaring));
}

void load_begin(struct change *change)
{
	struct cpl_error error = {0};
	/* A reload of the configuration may have brought it since the command was judged. */
	int code = manager_known(cpl_str_of(change->name)) ? cpl_fail(&error, CPL_E_EXISTS, "is loaded already") : change_open(change, &error);

	if (code >= 0)
		code = change_judge(change->now, NULL, &error);
	if (code >= 0 && change_declare(change, load_stores_are_there))
		return;
	finish_load(change, code, &error);
}
