/* SPDX-License-Identifier: MIT */
/* Reload of one module: the new generation gets ready beside the old one, and takes its place in one turn. */
#include "core/hook/slot.h"
#include "core/loop/loop.h"
#include "core/module/change.h"

/* A store's migration would change the data under the old generation, which goes on until the swap and stays if the reload fails. */
static int check_stores(const struct cpl_module *old, const struct cpl_module *now, struct cpl_error *error)
{
	for (const struct cpl_store *const *a = old->descriptor.stores; a && *a; a++)
		for (const struct cpl_store *const *b = now->descriptor.stores; b && *b; b++)
			if (strcmp((*a)->name, (*b)->name) == 0 && (*a)->version != (*b)->version)
				return cpl_fail(error, CPL_E_UNSUPPORTED, "its store %s changes from version %u to %u: unload the module and load it again",
						(*a)->name, (*a)->version, (*b)->version);
	return 0;
}

/* NULL for what is no driver any more. */
static const struct cpl_storage_service *driver_service(const struct cpl_module *module)
{
	const struct cpl_provide_row *row = descriptor_provides(&module->descriptor, "storage", 1);

	return row ? row->service : NULL;
}

static int check_driver(const struct cpl_module *old, struct change *change, struct cpl_error *error)
{
	if (old != modules.driver)
		return 0;
	return store_check_driver(change->now, driver_service(change->now), &change->opening, error);
}

static int move_state(struct cpl_module *old, struct cpl_module *now, struct cpl_error *error)
{
	struct cpl_error own = {0};
	struct account_visit visit;
	struct cpl_bag *bag;
	int code;

	if (!old->descriptor.save || !now->descriptor.restore)
		return 0;
	bag = bag_create();
	visit = account_enter(old->account, old, ACCOUNT_IN_SAVE);
	old->descriptor.save(old, bag);
	account_leave(&visit);
	visit = account_enter(now->account, now, ACCOUNT_IN_RESTORE);
	code = now->descriptor.restore(now, bag, old->descriptor.schema, &own);
	account_leave(&visit);
	bag_destroy(&bag);
	if (code >= 0)
		return 0;
	return cpl_fail(error, code, "does not take over the state of its former generation: %s", own.text[0] ? own.text : cpl_code_text(code));
}

static int replace_commands(struct cpl_module *old, struct cpl_module *now, struct cpl_error *error)
{
	int code;

	if (manager_hooks.commands_replace && (old->descriptor.commands || now->descriptor.commands)) {
		code = manager_hooks.commands_replace(old, now, now->descriptor.commands, error);
		if (code >= 0) {
			now->commands_added = now->descriptor.commands != NULL;
			old->commands_added = false;
		}
		return code;
	}
	module_commands_remove(old);
	code = module_commands_add(now, error);
	/* They were there a moment ago, so they fit. */
	if (code < 0 && module_commands_add(old, NULL) < 0)
		cpl_log_error("commands of a module are lost module=%s", old->descriptor.name);
	return code;
}

/* What the configuration and other modules have to do with it. */
static int judge(const struct cpl_module *old, struct cpl_module *now, struct cpl_error *error)
{
	const char *dependent = plan_dependent(old, now);

	if (dependent)
		return cpl_fail(error, CPL_E_CONFLICT, "does not provide a service any more that %s needs", dependent);
	return change_judge(now, old, error);
}

/* What can be said against it before any of its code has run. */
static int check_now(const struct cpl_module *old, const struct cpl_module *now, struct cpl_error *error)
{
	int code = check_stores(old, now, error);

	if (code >= 0 && old == modules.driver && !driver_service(now))
		code = cpl_fail(error, CPL_E_INVALID, "does not provide the service storage any more");
	return code;
}

/* All of it may fail and leaves the old generation as it is, and so does prepare(). */
static int get_ready(struct cpl_module *old, struct cpl_module *now, struct cpl_error *error)
{
	int code = judge(old, now, error);

	return code >= 0 ? module_load(now, error) : code;
}

static int prepare(struct cpl_module *old, struct change *change, struct cpl_error *error)
{
	int code = move_state(old, change->now, error);

	/* A driver's stores are declared to it once it has the data that they are about. */
	return code >= 0 ? check_driver(old, change, error) : code;
}

static void swap(struct cpl_module *old, struct cpl_module *now, struct cpl_module *const *list, size_t count, struct tables **tables)
{
	slot_take_over(old->descriptor.slots, old, now->descriptor.slots, now);
	if (old == modules.driver) {
		modules.driver = now;
		store_set_driver(now, driver_service(now));
	}
	tables_swap(*tables);
	manager_reorder(list, count);
	drain_begin_replaced(old);
	module_start(now);
	tables_finish(tables);
}

static int reload(struct cpl_module *old, struct change *change, struct cpl_buf *text, struct cpl_error *error)
{
	struct cpl_module *now = change->now, **list = NULL;
	struct tables *tables = NULL;
	size_t count;
	int code = prepare(old, change, error);

	if (code >= 0)
		list = change_list(now, old, &count, error);
	if (list)
		tables = tables_create(list, count, error);
	if (tables && replace_commands(old, now, error) < 0)
		tables_finish(&tables);
	if (!tables) {
		cpl_free(list);
		return error->code < 0 ? error->code : CPL_E_INVALID;
	}
	cpl_buf_addf(text, "%s %s reloaded, generation %u", now->descriptor.name, now->descriptor.version, now->generation);
	swap(old, now, list, count, &tables);
	cpl_free(list);
	return 0;
}

static void finish_reload(struct change *change, int code, struct cpl_buf *text, const struct cpl_error *error)
{
	/* The new generation is not to be. */
	if (code < 0 && change->opening.provider)
		store_drop_driver(change->now, change->opening.service);
	if (code < 0 && change->now)
		drain_begin(change->now);
	change_finish(change, code, text, error);
}

/* A driver has opened. */
static void reload_opened(void *data)
{
	struct change *change = data;
	struct cpl_module *now = change->now, *old = manager_find(cpl_str_of(change->name));
	int code = change->opening.code;
	struct cpl_error error = code < 0 ? change->opening.error : (struct cpl_error){0};
	struct cpl_buf text = {0};

	change_take_up(now, &modules.running);
	if (code >= 0)
		code = judge(old, now, &error);
	if (code >= 0)
		code = reload(old, change, &text, &error);
	finish_reload(change, code, &text, &error);
}

static void opened(struct store_opening *opening)
{
	loop_at_idle(reload_opened, CPL_CONTAINER(opening, struct change, opening));
}

static void reload_now(struct change *change, struct cpl_module *old)
{
	struct cpl_error error = {0};
	struct cpl_buf text = {0};
	int code = get_ready(old, change->now, &error);

	change->opening.done = opened;
	if (code >= 0 && old == modules.driver && store_opening_start(&change->opening, change->now, driver_service(change->now))) {
		change_set_aside(change->now);
		return;
	}
	if (code >= 0)
		code = reload(old, change, &text, &error);
	finish_reload(change, code, &text, &error);
}

static void reload_declared(void *data)
{
	struct change *change = data;
	struct cpl_module *old = manager_find(cpl_str_of(change->name));
	struct cpl_error error = {0};
	struct cpl_buf text = {0};

	change_take_up(change->now, &modules.opened);
	if (old)
		reload_now(change, old);
	else
		finish_reload(change, cpl_fail(&error, CPL_E_NOT_FOUND, "is not loaded any more"), &text, &error);
}

static void reload_stores_are_there(struct store_declaring *declaring)
{
	loop_at_idle(reload_declared, CPL_CONTAINER(declaring, struct change, declaring));
}

void reload_begin(struct change *change)
{
	struct cpl_module *old = manager_find(cpl_str_of(change->name));
	struct cpl_error error = {0};
	struct cpl_buf text = {0};
	int code = old ? change_open(change, &error) : cpl_fail(&error, CPL_E_NOT_FOUND, "is not loaded");

	if (code >= 0) {
		change->now->generation = old->generation + 1;
		code = check_now(old, change->now, &error);
	}
	if (code < 0)
		finish_reload(change, code, &text, &error);
	else if (!change_declare(change, reload_stores_are_there))
		reload_now(change, old);
}
