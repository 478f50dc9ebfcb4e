/* SPDX-License-Identifier: MIT */
/* Making what runs match a configuration: all that may fail first, then the change in one go. */
#include "core/module/module.h"
#include "core/xmpp/store.h"

#include <assert.h>

/* The running driver stays until a restart, whatever the configuration says now. */
static bool is_waiting_driver(const struct config *config, struct cpl_str name)
{
	if (!modules.driver || !cpl_str_equal(name, config->core.storage) || cpl_str_is(name, modules.driver->descriptor.name))
		return false;
	for (size_t h = 0; h < config->host_count; h++)
		for (size_t i = 0; i < config->hosts[h].module_count; i++)
			if (cpl_str_equal(config->hosts[h].modules[i], name))
				return false;
	return true;
}

static bool is_in(struct cpl_module *const *list, size_t count, const struct cpl_module *module)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == module)
			return true;
	return false;
}

/* On a live host that the configuration does not have any more. */
static bool serves_ending_host(const struct cpl_module *module, const struct config *config)
{
	for (size_t i = 0; i < module->host_count; i++)
		if (!config_host_find(config, module->hosts[i].host->name))
			return true;
	return false;
}

/* What is to run, in start order: the configuration's modules and the storage driver. NULL and *error when that cannot be. */
static struct cpl_module **wanted_modules(const struct config *config, size_t *count, struct cpl_error *error)
{
	size_t running;
	struct cpl_module **before = manager_running(&running);
	struct cpl_module **list = cpl_alloc((config->module_count + running + 1) * sizeof(*list));
	bool has_driver = false;

	cpl_free(before);
	*count = 0;
	for (size_t i = 0; i < config->module_count; i++) {
		struct cpl_module *module = manager_known(config->modules[i]);

		if (is_waiting_driver(config, config->modules[i]))
			continue;
		if (!module) {
			cpl_fail(error, CPL_E_NOT_FOUND, "module %.*s is not open", CPL_ARG(config->modules[i]));
			CPL_FREE(list);
			return NULL;
		}
		has_driver = has_driver || module == modules.driver;
		list[(*count)++] = module;
	}
	if (modules.driver && !has_driver)
		list[(*count)++] = modules.driver;
	CPL_LIST_EACH(node, &modules.running)
		if (serves_ending_host(module_of(node), config) && !is_in(list, *count, module_of(node)))
			list[(*count)++] = module_of(node);
	if (plan_order(list, *count, modules.driver ? modules.driver : manager_known(config->core.storage), error) < 0)
		CPL_FREE(list);
	return list;
}

static int load_one(struct cpl_module *module, const struct config *config, struct cpl_error *error)
{
	struct cpl_error own = {0};
	int code;

	/* load() may look at the options; the plan is needed once more for the tables. */
	module_adopt_plan(module);
	module_plan_same(module);
	code = module_load(module, &own);
	if (code >= 0)
		code = module_commands_add(module, &own);
	if (code < 0)
		return cpl_fail(error, code, "module %s could not be loaded: %s", module->descriptor.name, own.text);
	if (!modules.driver && cpl_str_is(config->core.storage, module->descriptor.name)) {
		const struct cpl_provide_row *row = descriptor_provides(&module->descriptor, "storage", 1);

		if (!row)
			return cpl_fail(error, CPL_E_INVALID, "module %s is no storage driver", module->descriptor.name);
		code = store_open_driver(module, row->service, &own);
		if (code < 0)
			return cpl_fail(error, code, "the storage driver %s cannot be opened: %s", module->descriptor.name, own.text);
		modules.driver = module;
		store_set_driver(module, row->service);
	}
	return 0;
}

/* Takes back the loads of this change, newest first. */
static void undo_loads(struct cpl_module *const *list, size_t count, const bool *fresh, bool fresh_driver)
{
	for (size_t i = count; i-- > 0;) {
		/* Without an account none of its code has run: it is left to manager_discard(). */
		if (!fresh[i] || !list[i]->account)
			continue;
		if (fresh_driver && list[i] == modules.driver) {
			store_set_driver(NULL, NULL);
			modules.driver = NULL;
		}
		drain_begin(list[i]);
	}
}

static void carry_options(struct cpl_module *module, const struct config *config, struct cpl_buf *names)
{
	struct cpl_arena *arena = names ? NULL : config->arena;

	options_carry(&module->descriptor, module->config, module->next_config, arena, names);
	for (size_t i = 0; i < module->next_count; i++) {
		const struct module_host *before = module_host_of(module, module->next_hosts[i].host);

		if (before && before->config != module->next_hosts[i].config)
			options_carry(&module->descriptor, before->config, module->next_hosts[i].config, arena, names);
	}
}

void manager_waiting(const struct config *now, struct cpl_buf *names)
{
	CPL_LIST_EACH(node, &modules.running) {
		struct cpl_buf own = {0};
		struct cpl_str rest, line;

		if (module_plan(module_of(node), now, NULL) >= 0)
			carry_options(module_of(node), now, &own);
		/* Once each, however many hosts it is for. */
		rest = cpl_buf_str(&own);
		for (size_t start = names->len; cpl_str_split(&rest, '\n', &line) && line.len;) {
			struct cpl_str written = {names->ptr + start, names->len - start}, other;
			bool known_line = false;

			while (start < names->len && !known_line && cpl_str_split(&written, '\n', &other))
				known_line = cpl_str_equal(other, line);
			if (!known_line)
				cpl_buf_addf(names, "%.*s\n", CPL_ARG(line));
		}
		cpl_buf_finish(&own);
	}
}

static void stop_left(struct cpl_module *module)
{
	for (size_t i = module->host_count; i-- > 0;) {
		bool stays = false;

		for (size_t j = 0; j < module->next_count; j++)
			stays = stays || module->next_hosts[j].host == module->hosts[i].host;
		if (!stays)
			module_stop_on(module, &module->hosts[i]);
	}
}

static void tell_one(struct cpl_module *module, struct cpl_host *host, const void *before, const void *now)
{
	struct account_visit visit;

	if (!module->descriptor.reconfigure || options_equal(module->descriptor.options, before, now))
		return;
	visit = account_enter(module->account, module, ACCOUNT_IN_RECONFIGURE);
	module->descriptor.reconfigure(module, host, before, now);
	account_leave(&visit);
}

/* The plan becomes what is, and the module is told what has changed on hosts that it serves already. */
static void adopt(struct cpl_module *module)
{
	struct module_host *before = module->hosts;
	size_t count = module->host_count;
	const void *global = module->config;

	module->hosts = NULL;
	module_adopt_plan(module);
	module->unlisted = false;
	if (global && module->config && module->state == MODULE_STARTED)
		tell_one(module, NULL, global, module->config);
	for (size_t i = 0; i < count; i++) {
		const struct module_host *now = module_host_of(module, before[i].host);

		if (now && before[i].started && now->started)
			tell_one(module, now->host, before[i].config, now->config);
	}
	cpl_free(before);
	module_drop_former(module);
}

/* From here on nothing fails. */
static void commit(const struct config *config, struct cpl_module *const *list, size_t count, struct tables **tables)
{
	size_t running;
	struct cpl_module **before = manager_running(&running);

	for (size_t i = running; i-- > 0;)
		if (!is_in(list, count, before[i]))
			module_stop(before[i]);
		else
			stop_left(before[i]);
	tables_swap(*tables);
	modules.config = config;
	for (size_t i = 0; i < count; i++)
		adopt(list[i]);
	manager_reorder(list, count);
	for (size_t i = 0; i < count; i++)
		module_start(list[i]);
	for (size_t i = running; i-- > 0;)
		if (!is_in(list, count, before[i]))
			drain_begin(before[i]);
	cpl_free(before);
	tables_finish(tables);
}

/* What was opened for this change and is running already: a command was first. */
static void close_doubles(void)
{
	CPL_LIST_EACH(node, &modules.opened)
	{
		struct cpl_module *module = module_of(node);

		if (module_in(&modules.running, cpl_str_of(module->descriptor.name)))
			module_close(&module);
	}
}

int manager_apply(const struct config *config, struct cpl_error *error)
{
	size_t count;
	struct cpl_module **list = wanted_modules(config, &count, error);
	bool fresh_driver = !modules.driver, *fresh;
	struct tables *tables = NULL;
	int code = 0;

	if (!list)
		return error ? error->code : CPL_E_INVALID;
	fresh = cpl_alloc(count + 1);
	for (size_t i = 0; code >= 0 && i < count; i++) {
		code = module_plan(list[i], config, error);
		fresh[i] = list[i]->state == MODULE_OPENED;
		if (code >= 0 && !fresh[i])
			carry_options(list[i], config, NULL);
	}
	for (size_t i = 0; code >= 0 && i < count; i++)
		if (fresh[i])
			code = load_one(list[i], config, error);
	if (code >= 0) {
		tables = tables_create(list, count, error);
		code = tables ? 0 : CPL_E_CONFLICT;
	}
	if (code >= 0) {
		commit(config, list, count, &tables);
		close_doubles();
	} else {
		undo_loads(list, count, fresh, fresh_driver);
	}
	cpl_free(fresh);
	cpl_free(list);
	return code;
}

/* ---- stopping ---- */

void module_remove(struct cpl_module *module, struct manager_request *request)
{
	size_t count, used = 0;
	struct cpl_module **list = manager_running(&count);
	struct tables *tables;

	module_stop(module);
	for (size_t i = 0; i < count; i++) {
		module_plan_same(list[i]);
		if (list[i] != module)
			list[used++] = list[i];
	}
	/* Fewer modules than before cannot claim the same thing. */
	tables = tables_create(list, used, NULL);
	assert(tables);
	cpl_free(list);
	tables_swap(tables);
	module->waiting = request;
	drain_begin(module);
	tables_finish(&tables);
}

static bool is_named(const struct cpl_module *module)
{
	const struct config *config = modules.config;

	for (size_t i = 0; i < config->module_count; i++)
		if (cpl_str_is(config->modules[i], module->descriptor.name))
			return true;
	return module == modules.driver || module->unlisted;
}

void manager_host_stop(struct cpl_host *host)
{
	size_t count;
	struct cpl_module **list = manager_running(&count);
	struct dispatch *before = host->dispatch;

	for (size_t i = count; i-- > 0;) {
		struct module_host *place = module_host_of(list[i], host);

		if (!place)
			continue;
		module_stop_on(list[i], place);
		*place = list[i]->hosts[--list[i]->host_count];
		module_drop_former(list[i]);
	}
	host->dispatch = NULL;
	dispatch_unref(&before);
	suspension_end_host(host);
	/* What stayed for this host alone. */
	for (size_t i = count; i-- > 0;)
		if (list[i]->host_count == 0 && !is_named(list[i]))
			module_remove(list[i], NULL);
	cpl_free(list);
	manager_sweep();
}

void module_finish(struct cpl_module *module)
{
	if (module == modules.driver) {
		store_set_driver(NULL, NULL);
		modules.driver = NULL;
	}
	module_remove(module, NULL);
	if (!drain_wait(module, 5000))
		cpl_log_error("module does not come to an end, its code stays in memory name=%s in_flight=%zu", module->descriptor.name,
			      manager_in_flight(module));
}
