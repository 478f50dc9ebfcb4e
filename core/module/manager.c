/* SPDX-License-Identifier: MIT */
/* The manager: what is in memory, and opening what a configuration names. */
#include "core/module/module.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/store.h"

struct manager_hooks manager_hooks;

/* Given to manager_retire() and still used by a module. */
static struct retired {
	struct retired *next;
	struct config *config;
} *retired;

static struct config_schema *schemas;
static struct cpl_arena *schema_arena; /* of names in them */
static struct config_service *services;

/* ---- for core/base and core/hook ---- */

static struct account *account_of(struct cpl_module *module)
{
	return module->account ? module->account : account_core();
}

static bool is_stopping(struct cpl_module *module)
{
	return module->stopping;
}

static struct cpl_list *calls_of(struct cpl_module *module)
{
	return &module->calls;
}

static void hold(struct cpl_module *module, int change)
{
	module->tables += (unsigned)change;
}

void manager_init(void)
{
	account_of_module = account_of;
	account_module_stopping = is_stopping;
	account_module_calls = calls_of;
	dispatch_hold = hold;
	if (loader_init() < 0)
		cpl_log_error("libltdl cannot be initialised, modules cannot be loaded");
}

/* ---- finding and listing ---- */

struct cpl_module *manager_find(struct cpl_str name)
{
	return module_in(&modules.running, name);
}

struct cpl_module *manager_next(size_t *at)
{
	struct cpl_list *lists[] = {&modules.running, &modules.draining};
	size_t skip = *at;

	for (size_t i = 0; i < 2; i++)
		for (struct cpl_list *node = lists[i]->next; node != lists[i]; node = node->next)
			if (skip-- == 0) {
				(*at)++;
				return module_of(node);
			}
	return NULL;
}

const char *manager_state(const struct cpl_module *module)
{
	static const char *const names[] = {"opened", "loaded", "started", "draining"};

	return names[module->state];
}

unsigned manager_generation(const struct cpl_module *module)
{
	return module->generation;
}

size_t manager_hosts(const struct cpl_module *module)
{
	return module->host_count;
}

struct account *manager_account(const struct cpl_module *module)
{
	return module->account;
}

const struct cpl_descriptor *manager_descriptor(const struct cpl_module *module)
{
	return &module->descriptor;
}

bool manager_on_host(const struct cpl_module *module, const struct cpl_host *host)
{
	return module_host_of(module, host) != NULL;
}

struct cpl_module **manager_running(size_t *count)
{
	struct cpl_module **list;
	size_t at = 0;

	*count = 0;
	CPL_LIST_EACH(node, &modules.running)
		(*count)++;
	list = cpl_alloc((*count + 1) * sizeof(*list));
	CPL_LIST_EACH(node, &modules.running)
		list[at++] = module_of(node);
	return list;
}

void manager_reorder(struct cpl_module *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cpl_list_remove(&list[i]->node);
		cpl_list_append(&modules.running, &list[i]->node);
	}
}

/* ---- configurations that modules still use ---- */

static bool is_used(const struct config *config)
{
	const struct cpl_list *lists[] = {&modules.running, &modules.opened, &modules.coming, &modules.draining};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (struct cpl_list *node = lists[i]->next; node != lists[i]; node = node->next) {
			const struct cpl_module *module = module_of(node);

			if (module->source == config)
				return true;
			for (size_t h = 0; h < module->host_count; h++)
				if (module->hosts[h].source == config)
					return true;
		}
	return false;
}

void manager_sweep(void)
{
	struct retired **at = &retired;

	while (*at) {
		struct retired *entry = *at;

		if (is_used(entry->config)) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		config_destroy(&entry->config);
		cpl_free(entry);
	}
}

void manager_retire(struct config **config)
{
	struct retired *entry;

	if (!*config)
		return;
	entry = CPL_NEW(struct retired);
	entry->config = *config;
	entry->next = retired;
	retired = entry;
	*config = NULL;
	manager_sweep();
}

/* ---- opening ---- */

struct cpl_module *manager_known(struct cpl_str name)
{
	struct cpl_module *module = module_in(&modules.running, name);

	return module ? module : module_in(&modules.opened, name);
}

static void report_missing(const struct config *config, struct cpl_str name, struct config_report *report)
{
	enum { MAX = 500 };
	char **names = cpl_alloc(MAX * sizeof(*names));
	size_t count = loader_names(config->core.modules_path, names, MAX);
	const char *nearest = config_nearest(name, (const char *const *)names, count);

	config_report_add(report, config_module_place(config, name), false, "there is no module \"%.*s\" in %.*s%s%s%s", CPL_ARG(name),
			  CPL_ARG(config->core.modules_path), nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	while (count > 0)
		cpl_free(names[--count]);
	cpl_free(names);
}

static void open_one(const struct config *config, struct cpl_str name, struct config_report *report)
{
	static unsigned serial;
	struct cpl_error error = {0};
	char *copy = NULL;

	/* Its former code is still in memory: the same path would give that code again. */
	if (module_in(&modules.draining, name)) {
		char *path = loader_find(config->core.modules_path, name, &error);

		copy = path ? loader_copy(path, config->core.data, 1000000 + serial++, &error) : NULL;
		cpl_free(path);
		if (path && !copy) {
			config_report_add(report, config_module_place(config, name), false, "module %.*s: %s", CPL_ARG(name), error.text);
			return;
		}
	}
	if (module_open(config->core.modules_path, name, copy, &error)) {
		cpl_free(copy);
		return;
	}
	loader_drop_copy(&copy);
	if (error.code == CPL_E_NOT_FOUND)
		report_missing(config, name, report);
	else
		config_report_add(report, config_module_place(config, name), false, "module %.*s %s", CPL_ARG(name), error.text);
}

/* A host's modules, or false when one of them is not open, so that what it provides is not known. */
static bool host_modules(const struct config_host *host, struct cpl_module **list)
{
	for (size_t i = 0; i < host->module_count; i++)
		if (!(list[i] = manager_known(host->modules[i])))
			return false;
	return true;
}

static void check_needs(const struct config *config, const struct config_host *host, struct config_report *report)
{
	struct cpl_module **list = cpl_alloc((host->module_count + 1) * sizeof(*list));

	for (size_t i = 0; host_modules(host, list) && i < host->module_count; i++) {
		const struct cpl_need_row *row = plan_unmet(list[i], list, host->module_count);

		if (row)
			config_report_add(report, config_module_place(config, host->modules[i]), false,
					  "module %.*s needs the service %s (version %u), which no module of the host %.*s provides",
					  CPL_ARG(host->modules[i]), row->ref->name, row->ref->version, CPL_ARG(host->name));
	}
	cpl_free(list);
}

static void check_driver(const struct config *config, struct config_report *report)
{
	struct cpl_module *driver = manager_known(config->core.storage);

	if (driver && !descriptor_provides(&driver->descriptor, "storage", 1))
		config_report_add(report, config_place(config, "storage"), false, "module %.*s is no storage driver: it does not provide the service storage",
				  CPL_ARG(config->core.storage));
}

struct actions {
	const char **names; /* in schema_arena, NULL-terminated */
	size_t count;
};

static void add_action(struct actions *actions, struct cpl_str name)
{
	const char **names = cpl_arena_alloc(schema_arena, (actions->count + 2) * sizeof(*names));

	if (actions->count)
		memcpy(names, actions->names, actions->count * sizeof(*names));
	names[actions->count++] = cpl_arena_copy(schema_arena, name).ptr;
	actions->names = names;
}

static void add_command_actions(struct actions *actions, const struct cpl_command *table)
{
	struct cpl_buf name = {0};

	for (const struct cpl_command *command = table; command && command->form; command++) {
		if (!(command->flags & CPL_COMMAND_ADHOC))
			continue;
		cpl_buf_clear(&name);
		permission_of_command(command->form, &name);
		add_action(actions, cpl_buf_str(&name));
	}
	cpl_buf_finish(&name);
}

static const char *const *actions_of(const struct cpl_descriptor *descriptor)
{
	struct actions actions = {0};

	for (struct cpl_permission *const *permission = descriptor->permissions; permission && *permission; permission++)
		add_action(&actions, cpl_str_of((*permission)->action));
	add_command_actions(&actions, descriptor->commands);
	return actions.names;
}

static const char *const *actions_of_core(void)
{
	struct actions actions = {0};

	for (const struct cpl_command *const *table = manager_hooks.commands; table && *table; table++)
		add_command_actions(&actions, *table);
	add_command_actions(&actions, manager_hooks.server_commands);
	return actions.names;
}

size_t manager_open(struct config *config, struct config_report *report, const struct config_schema **out)
{
	size_t count = 0;

	for (size_t i = 0; i < config->module_count; i++)
		if (!manager_known(config->modules[i]))
			open_one(config, config->modules[i], report);
	for (size_t h = 0; h < config->host_count; h++)
		check_needs(config, &config->hosts[h], report);
	check_driver(config, report);
	cpl_free(schemas);
	schemas = cpl_alloc((config->module_count + 1) * sizeof(*schemas));
	cpl_arena_destroy(&schema_arena);
	schema_arena = cpl_arena_create();
	/* No module has this name. */
	schemas[count++] = (struct config_schema){.name = CPL_STR(""), .actions = actions_of_core()};
	for (size_t i = 0; i < config->module_count; i++) {
		const struct cpl_module *module = manager_known(config->modules[i]);

		if (!module)
			continue;
		schemas[count++] = (struct config_schema){
			.name = config->modules[i],
			.options = module->descriptor.options,
			.size = module->descriptor.config_size,
			.check = module->descriptor.check,
			.actions = actions_of(&module->descriptor),
		};
	}
	*out = schemas;
	return count;
}

size_t manager_services(const struct config_service **out)
{
	const struct cpl_list *lists[] = {&modules.running, &modules.opened};
	size_t count = 0;

	cpl_free(services);
	services = NULL;
	for (size_t i = 0; i < 2; i++)
		for (struct cpl_list *node = lists[i]->next; node != lists[i]; node = node->next)
			for (const struct cpl_listen_row *row = module_of(node)->descriptor.listens; row && row->name; row++) {
				services = cpl_realloc(services, (count + 1) * sizeof(*services));
				services[count++] = (struct config_service){row->name, row->port, row->direct_tls};
			}
	*out = services;
	return count;
}

void manager_declare(struct store_declaring *declaring)
{
	CPL_LIST_EACH(node, &modules.opened)
		if (!module_of(node)->file.copy)
			store_declaring_add(declaring, module_of(node)->descriptor.stores);
}

void manager_discard(void)
{
	while (!cpl_list_empty(&modules.opened)) {
		struct cpl_module *module = module_of(modules.opened.next);

		module_close(&module);
	}
	manager_sweep();
}

/* ---- the end ---- */

void manager_finish(void)
{
	change_wait();
	/* No other begins. */
	modules.config = NULL;
	manager_discard();
	while (!cpl_list_empty(&modules.running))
		module_finish(module_of(modules.running.prev));
	drain_wait(NULL, 5000);
	dispatch_set_global(NULL);
	manager_sweep();
	CPL_FREE(schemas);
	cpl_arena_destroy(&schema_arena);
	CPL_FREE(services);
	if (cpl_list_empty(&modules.draining))
		loader_finish();
}
