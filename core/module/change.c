/* SPDX-License-Identifier: MIT */
/* Load, reload and unload of one module: how each begins and ends, and what load and reload share. */
#include "core/module/change.h"
#include "core/loop/loop.h"

#include <assert.h>

static struct change *current;

static void end(struct change *change, int status, const char *text)
{
	struct manager_request *request = change->request;

	current = NULL;
	loop_measure(false);
	loader_forget(&change->ahead);
	loader_drop_copy(&change->copy);
	store_declaring_finish(&change->declaring);
	store_opening_finish(&change->opening);
	if (status < 0)
		cpl_log_warn("module could not be %s name=%s reason=%s",
			     change->verb == CHANGE_LOAD ? "loaded" : change->verb == CHANGE_RELOAD ? "reloaded" : "unloaded", change->name, text);
	if (request)
		request->done(request, status, text);
	cpl_free(change->name);
	cpl_free((char *)change->modules_path.ptr);
	cpl_free((char *)change->data.ptr);
	cpl_free(change);
}

void change_finish(struct change *change, int code, struct cpl_buf *text, const struct cpl_error *error)
{
	if (code < 0)
		cpl_buf_addf(text, "%s", error->text);
	else if (text->len)
		cpl_log_info("module changed name=%s result=\"%s\"", change->name, text->ptr);
	end(change, code < 0 ? code : 0, text->ptr ? text->ptr : "");
	cpl_buf_finish(text);
}

void change_wait(void)
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

int change_judge(struct cpl_module *now, const struct cpl_module *old, struct cpl_error *error)
{
	int code = plan_options(now, old, error);

	return code >= 0 ? check_needs(now, old, error) : code;
}

struct cpl_module **change_list(struct cpl_module *module, const struct cpl_module *old, size_t *count, struct cpl_error *error)
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

int change_open(struct change *change, struct cpl_error *error)
{
	change->now = module_open(change->modules_path, cpl_str_of(change->name), change->copy, error);
	if (!change->now)
		return error->code;
	/* The copy goes with the module now. */
	CPL_FREE(change->copy);
	return 0;
}

void change_set_aside(struct cpl_module *now)
{
	cpl_list_remove(&now->node);
	cpl_list_append(&modules.coming, &now->node);
}

void change_take_up(struct cpl_module *now, struct cpl_list *list)
{
	cpl_list_remove(&now->node);
	cpl_list_append(list, &now->node);
}

bool change_declare(struct change *change, void (*then)(struct store_declaring *declaring))
{
	store_declaring_add(&change->declaring, change->now->descriptor.stores);
	change->declaring.done = then;
	if (!store_declaring_start(&change->declaring))
		return false;
	change_set_aside(change->now);
	return true;
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

	if (code >= 0 && change->verb == CHANGE_LOAD) {
		load_begin(change);
	} else if (code >= 0 && change->verb == CHANGE_RELOAD) {
		reload_begin(change);
	} else {
		if (code >= 0)
			code = unload(change, &error);
		change_finish(change, code, &text, &error);
	}
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

static int begin(enum change_verb verb, struct cpl_str name, struct manager_request *request, struct cpl_error *error)
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
	change->copies = verb == CHANGE_RELOAD || (verb == CHANGE_LOAD && module_in(&modules.draining, name));
	if (verb != CHANGE_UNLOAD && !(verb == CHANGE_LOAD && loader_is_static(name))) {
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
	return begin(CHANGE_LOAD, name, request, error);
}

int manager_reload(struct cpl_str name, struct manager_request *request, struct cpl_error *error)
{
	const struct cpl_module *module = manager_find(name);

	if (!module)
		return cpl_fail(error, CPL_E_NOT_FOUND, "the module %.*s is not loaded", CPL_ARG(name));
	if (!module->file.path)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "the module %.*s is part of the program", CPL_ARG(name));
	return begin(CHANGE_RELOAD, name, request, error);
}

int manager_unload(struct cpl_str name, struct manager_request *request, struct cpl_error *error)
{
	if (!manager_find(name))
		return cpl_fail(error, CPL_E_NOT_FOUND, "the module %.*s is not loaded", CPL_ARG(name));
	return begin(CHANGE_UNLOAD, name, request, error);
}
