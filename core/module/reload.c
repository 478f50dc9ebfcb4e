/* SPDX-License-Identifier: MIT */
/*
 * load, reload and unload of one module while the server runs. The file is copied on a worker; everything else happens in one go at an idle point of the
 * loop, all that may fail before the first thing that is seen outside. One such change at a time.
 */
#include "core/hook/slot.h"
#include "core/loop/loop.h"
#include "core/loop/worker.h"
#include "core/module/module.h"
#include "core/xmpp/store.h"

#include <assert.h>

enum verb { LOAD, RELOAD, UNLOAD };

struct change {
	struct manager_request *request;
	enum verb verb;
	char *name;
	/* For the worker. */
	struct worker_job job;
	struct cpl_str modules_path, data;
	unsigned serial;
	bool copies;
	char *copy;  /* NULL: the file itself is opened */
	void *ahead; /* see loader_read_ahead() */
	struct cpl_error error;
	/* A reload. */
	struct cpl_module *now;
	struct store_opening opening;
};

static struct change *current;

static void end(struct change *change, int status, const char *text)
{
	struct manager_request *request = change->request;

	current = NULL;
	loop_measure(false);
	loader_forget(&change->ahead);
	loader_drop_copy(&change->copy);
	store_opening_finish(&change->opening);
	if (status < 0)
		cpl_log_warn("module could not be %s name=%s reason=%s",
			     change->verb == LOAD ? "loaded" : change->verb == RELOAD ? "reloaded" : "unloaded", change->name, text);
	if (request)
		request->done(request, status, text);
	cpl_free(change->name);
	cpl_free((char *)change->modules_path.ptr);
	cpl_free((char *)change->data.ptr);
	cpl_free(change);
}

static void finish(struct change *change, int code, struct cpl_buf *text, const struct cpl_error *error)
{
	if (code < 0)
		cpl_buf_addf(text, "%s", error->text);
	else if (text->len)
		cpl_log_info("module changed name=%s result=\"%s\"", change->name, text->ptr);
	end(change, code < 0 ? code : 0, text->ptr ? text->ptr : "");
	cpl_buf_finish(text);
}

void reload_wait(void)
{
	while (current)
		loop_turn(1);
}

/* ---- what load and reload share ---- */

/* Plans the options of every host, each judged anew against the configuration in force. */
static int plan_host(struct cpl_module *module, struct cpl_host *host, struct cpl_error *error)
{
	const struct config_host *of = config_host_find(modules.config, host->name);
	const void *values;
	int code = options_make(modules.config, &module->descriptor, of, module->next_own, &values, error);

	if (code >= 0)
		module_plan_host(module, host, values, modules.config);
	return code;
}

static bool is_listed(const struct config_host *host, const char *name)
{
	for (size_t i = 0; host && i < host->module_count; i++)
		if (cpl_str_is(host->modules[i], name))
			return true;
	return false;
}

/* Plans for the hosts of `old`, or without it for those that list the module, or for all if none does. */
static int plan_options(struct cpl_module *module, const struct cpl_module *old, struct cpl_error *error)
{
	struct cpl_host *host;
	bool driver = old ? old == modules.driver : cpl_str_is(modules.config->core.storage, module->descriptor.name);
	int code;

	module->by_command = true;
	module->next_own = cpl_arena_create();
	module->next_source = modules.config;
	code = options_make(modules.config, &module->descriptor, NULL, module->next_own, &module->next_config, error);
	for (size_t at = 0; code >= 0 && (host = cpl_host_next(&at));)
		if (old ? module_host_of(old, host) != NULL : is_listed(config_host_find(modules.config, host->name), module->descriptor.name))
			code = plan_host(module, host, error);
	module->unlisted = old ? old->unlisted : !driver && module->next_count == 0;
	for (size_t at = 0; code >= 0 && !old && module->unlisted && (host = cpl_host_next(&at));)
		code = plan_host(module, host, error);
	if (code >= 0)
		module_adopt_plan(module);
	return code;
}

static int check_needs(const struct cpl_module *module, const struct cpl_module *old, struct cpl_error *error)
{
	size_t count;
	struct cpl_module **running = manager_running(&count), **list = cpl_alloc((count + 1) * sizeof(*list));
	int code = 0;

	for (size_t h = 0; code >= 0 && h < module->host_count; h++) {
		const struct cpl_need_row *row;
		size_t used = 0;

		list[used++] = (struct cpl_module *)module;
		for (size_t i = 0; i < count; i++)
			if (running[i] != old && module_host_of(running[i], module->hosts[h].host))
				list[used++] = running[i];
		row = plan_unmet(module, list, used);
		if (row)
			code = cpl_fail(error, CPL_E_NOT_FOUND, "needs the service %s (version %u), which no module of the host %.*s provides",
					row->ref->name, row->ref->version, CPL_ARG(module->hosts[h].host->name));
	}
	cpl_free(running);
	cpl_free(list);
	return code;
}

/* All running modules in start order with `module` among them, instead of `old` (may be NULL); all planned to stay as they are. */
static struct cpl_module **list_with(struct cpl_module *module, const struct cpl_module *old, size_t *count, struct cpl_error *error)
{
	struct cpl_module **list = manager_running(count);
	bool has_module = false;

	for (size_t i = 0; i < *count; i++) {
		if (list[i] == old) {
			memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(*list));
			(*count)--;
			i--;
			continue;
		}
		has_module = has_module || list[i] == module;
		module_plan_same(list[i]);
	}
	assert(has_module);
	if (plan_order(list, *count, old && old == modules.driver ? module : modules.driver, error) < 0)
		CPL_FREE(list);
	return list;
}

/* ---- load ---- */

static int load(struct change *change, struct cpl_buf *text, struct cpl_error *error)
{
	struct cpl_module *module = module_open(change->modules_path, cpl_str_of(change->name), change->copy, error);
	struct cpl_module **list = NULL;
	struct tables *tables = NULL;
	size_t count;
	int code;

	if (!module)
		return error->code;
	/* The copy goes with the module now. */
	CPL_FREE(change->copy);
	code = plan_options(module, NULL, error);
	if (code >= 0)
		code = check_needs(module, NULL, error);
	if (code >= 0)
		code = module_load(module, error);
	if (code >= 0)
		code = module_commands_add(module, error);
	if (code >= 0)
		list = list_with(module, NULL, &count, error);
	if (list)
		tables = tables_create(list, count, error);
	if (!tables) {
		cpl_free(list);
		code = error->code < 0 ? error->code : CPL_E_INVALID;
		drain_begin(module);
		return code;
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

/* ---- reload ---- */

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
	int code;

	if (dependent)
		return cpl_fail(error, CPL_E_CONFLICT, "does not provide a service any more that %s needs", dependent);
	code = plan_options(now, old, error);
	return code >= 0 ? check_needs(now, old, error) : code;
}

/* All of it may fail and leaves the old generation as it is, and so does prepare(). */
static int get_ready(struct cpl_module *old, struct cpl_module *now, struct cpl_error *error)
{
	int code = check_stores(old, now, error);

	if (code >= 0 && old == modules.driver && !driver_service(now))
		code = cpl_fail(error, CPL_E_INVALID, "does not provide the service storage any more");
	if (code >= 0)
		code = judge(old, now, error);
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
		list = list_with(now, old, &count, error);
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

/* The new generation is not to be. */
static void give_up(struct change *change)
{
	if (change->opening.provider)
		store_drop_driver(change->now, change->opening.service);
	drain_begin(change->now);
}

static void finish_reload(struct change *change, int code, struct cpl_buf *text, const struct cpl_error *error)
{
	if (code < 0)
		give_up(change);
	finish(change, code, text, error);
}

/* A driver has opened. The configuration may be another meanwhile. */
static void reload_opened(void *data)
{
	struct change *change = data;
	struct cpl_module *now = change->now, *old = manager_find(cpl_str_of(change->name));
	int code = change->opening.code;
	struct cpl_error error = code < 0 ? change->opening.error : (struct cpl_error){0};
	struct cpl_buf text = {0};

	cpl_list_remove(&now->node);
	cpl_list_append(&modules.running, &now->node);
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

static void reload_begin(struct change *change, struct cpl_buf *text, struct cpl_error *error)
{
	struct cpl_module *old = manager_find(cpl_str_of(change->name)), *now = NULL;
	int code = 0;

	if (!old)
		code = cpl_fail(error, CPL_E_NOT_FOUND, "is not loaded");
	else if (!(now = module_open(change->modules_path, cpl_str_of(change->name), change->copy, error)))
		code = error->code;
	if (code < 0) {
		finish(change, code, text, error);
		return;
	}
	CPL_FREE(change->copy);
	change->now = now;
	now->generation = old->generation + 1;
	code = get_ready(old, now, error);
	change->opening.done = opened;
	if (code >= 0 && old == modules.driver && store_opening_start(&change->opening, now, driver_service(now))) {
		cpl_list_remove(&now->node);
		cpl_list_append(&modules.coming, &now->node);
		return;
	}
	if (code >= 0)
		code = reload(old, change, text, error);
	finish_reload(change, code, text, error);
}

/* ---- unload ---- */

static int unload(struct change *change, struct cpl_error *error)
{
	struct cpl_module *module = manager_find(cpl_str_of(change->name));
	const char *dependent = module ? plan_dependent(module, NULL) : NULL;

	if (!module)
		return cpl_fail(error, CPL_E_NOT_FOUND, "is not loaded");
	if (module == modules.driver)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "keeps the server's data; stop the server instead");
	if (dependent)
		return cpl_fail(error, CPL_E_BUSY, "is needed by %s", dependent);
	module_remove(module, change->request);
	change->request = NULL;
	return 0;
}

/* ---- the steps ---- */

static void at_idle(void *data)
{
	struct change *change = data;
	struct cpl_buf text = {0};
	struct cpl_error error = change->error;
	int code = error.code;

	if (code >= 0 && !modules.config)
		code = cpl_fail(&error, CPL_E_STOPPING, "the server stops");
	if (code >= 0 && change->verb == RELOAD) {
		reload_begin(change, &text, &error);
		return;
	}
	if (code >= 0 && change->verb == LOAD)
		code = load(change, &text, &error);
	else if (code >= 0)
		code = unload(change, &error);
	finish(change, code, &text, &error);
}

static void read_file(struct worker_job *job)
{
	struct change *change = CPL_CONTAINER(job, struct change, job);
	char *path = loader_find(change->modules_path, cpl_str_of(change->name), &change->error);

	if (path && change->copies)
		change->copy = loader_copy(path, change->data, change->serial, &change->error);
	if (path && change->error.code >= 0)
		change->ahead = loader_read_ahead(change->copies ? change->copy : path);
	cpl_free(path);
}

static void file_read(struct worker_job *job)
{
	loop_at_idle(at_idle, CPL_CONTAINER(job, struct change, job));
}

static int begin(enum verb verb, struct cpl_str name, struct manager_request *request, struct cpl_error *error)
{
	static unsigned serial;
	struct change *change;

	if (!modules.config)
		return cpl_fail(error, CPL_E_STOPPING, "the server does not run");
	if (current)
		return cpl_fail(error, CPL_E_BUSY, "the module %s is being changed; try again when that is done", current->name);
	change = current = CPL_NEW(struct change);
	loop_measure(true);
	change->request = request;
	change->verb = verb;
	change->name = cpl_strdup(name);
	change->modules_path.ptr = cpl_strdup(modules.config->core.modules_path);
	change->modules_path.len = modules.config->core.modules_path.len;
	change->data.ptr = cpl_strdup(modules.config->core.data);
	change->data.len = modules.config->core.data.len;
	change->serial = ++serial;
	/* Former code that is still in memory would be found again under the same path. */
	change->copies = verb == RELOAD || (verb == LOAD && module_in(&modules.draining, name));
	if (verb != UNLOAD && !(verb == LOAD && loader_is_static(name))) {
		change->job.work = read_file;
		change->job.done = file_read;
		worker_start(&change->job);
	} else {
		loop_at_idle(at_idle, change);
	}
	return 0;
}

int manager_load(struct cpl_str name, struct manager_request *request, struct cpl_error *error)
{
	if (manager_known(name))
		return cpl_fail(error, CPL_E_EXISTS, "the module %.*s is loaded already", CPL_ARG(name));
	for (size_t i = 0; i < name.len; i++)
		if (!((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
		      (i > 0 && ((name.ptr[i] >= '0' && name.ptr[i] <= '9') || name.ptr[i] == '_'))))
			return cpl_fail(error, CPL_E_INVALID, "\"%.*s\" cannot be the name of a module (a-z, 0-9, _)", CPL_ARG(name));
	if (name.len == 0 || name.len >= 64)
		return cpl_fail(error, CPL_E_INVALID, "a module's name has 1 to 63 characters");
	return begin(LOAD, name, request, error);
}

int manager_reload(struct cpl_str name, struct manager_request *request, struct cpl_error *error)
{
	const struct cpl_module *module = manager_find(name);

	if (!module)
		return cpl_fail(error, CPL_E_NOT_FOUND, "the module %.*s is not loaded", CPL_ARG(name));
	if (!module->file.path)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "the module %.*s is part of the program", CPL_ARG(name));
	return begin(RELOAD, name, request, error);
}

int manager_unload(struct cpl_str name, struct manager_request *request, struct cpl_error *error)
{
	if (!manager_find(name))
		return cpl_fail(error, CPL_E_NOT_FOUND, "the module %.*s is not loaded", CPL_ARG(name));
	return begin(UNLOAD, name, request, error);
}
