/* SPDX-License-Identifier: MIT */
/* One module: opening, loading, releasing, closing, and what it may ask of itself. */
#include "core/module/module.h"
#include "core/hook/slot.h"
#include "core/hook/table.h"
#include "core/module/schedule.h"
#include "core/xml/names.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/store.h"

#include <assert.h>

struct modules modules = {
	.running = {&modules.running, &modules.running},
	.opened = {&modules.opened, &modules.opened},
	.coming = {&modules.coming, &modules.coming},
	.draining = {&modules.draining, &modules.draining},
};

/* ---- numbers: an index for dispatch_config() that is unique among the modules in memory ---- */

static uint8_t *index_used;
static uint32_t index_count;

static uint32_t index_take(void)
{
	uint32_t index = 0;

	while (index < index_count && index_used[index])
		index++;
	if (index == index_count) {
		index_count = index_count ? index_count * 2 : 64;
		index_used = cpl_realloc(index_used, index_count);
	}
	index_used[index] = 1;
	return index;
}

static void index_give(uint32_t index)
{
	index_used[index] = 0;
	for (uint32_t i = 0; i < index_count; i++)
		if (index_used[i])
			return;
	CPL_FREE(index_used);
	index_count = 0;
}

/* ---- opening and closing ---- */

struct cpl_module *module_in(const struct cpl_list *list, struct cpl_str name)
{
	for (struct cpl_list *node = list->next; node != list; node = node->next)
		if (cpl_str_is(name, module_of(node)->descriptor.name))
			return module_of(node);
	return NULL;
}

struct cpl_module *module_open(struct cpl_str modules_path, struct cpl_str name, const char *copy, struct cpl_error *error)
{
	struct cpl_module *module = CPL_NEW(struct cpl_module);
	bool look = !copy && !loader_is_static(name);
	char *path = look ? loader_find(modules_path, name, error) : NULL;
	const struct cpl_descriptor *raw = NULL;

	module->arena = cpl_arena_create();
	if (path || !look)
		raw = loader_open(&module->file, copy ? copy : path, copy != NULL, name, error);
	cpl_free(path);
	if (!raw || descriptor_read(raw, name, module->arena, &module->descriptor, error) < 0) {
		loader_close(&module->file);
		cpl_arena_destroy(&module->arena);
		cpl_free(module);
		return NULL;
	}
	module->index = index_take();
	module->generation = 1;
	ledger_init(&module->ledger);
	cpl_list_init(&module->calls);
	cpl_scope_init(&module->scope, NULL);
	cpl_list_append(&modules.opened, &module->node);
	return module;
}

static void clear_plan(struct cpl_module *module);

static void report_leak(const struct cpl_module *module)
{
	const struct account_memory *memory = module->account ? module->account->memory : NULL;

	/* Other generations have the same, and the last one of them tells. */
	if (memory && memory->users == 1 && memory->bytes != 0)
		cpl_log_warn("module left memory behind module=%s bytes=%lld blocks=%lld", module->descriptor.name,
			     (long long)atomic_load(&memory->bytes), (long long)atomic_load(&memory->blocks));
}

void module_close(struct cpl_module **pointer)
{
	struct cpl_module *module = *pointer;

	*pointer = NULL;
	assert(cpl_list_empty(&module->calls) && module->tables == 0);
	suspension_forget_module(module);
	report_leak(module);
	cpl_list_remove(&module->node);
	account_release(&module->account);
	loader_close(&module->file);
	index_give(module->index);
	clear_plan(module);
	cpl_arena_destroy(&module->former_config);
	cpl_arena_destroy(&module->own_config);
	cpl_arena_destroy(&module->arena);
	cpl_free(module->hosts);
	cpl_free(module);
}

/* ---- options ---- */

struct module_host *module_host_of(const struct cpl_module *module, const struct cpl_host *host)
{
	for (size_t i = 0; i < module->host_count; i++)
		if (module->hosts[i].host == host)
			return &module->hosts[i];
	return NULL;
}

void module_plan_host(struct cpl_module *module, struct cpl_host *host, const void *config, const struct config *source)
{
	const struct module_host *now = module_host_of(module, host);

	module->next_hosts = cpl_realloc(module->next_hosts, (module->next_count + 1) * sizeof(*module->next_hosts));
	module->next_hosts[module->next_count++] = (struct module_host){host, config, source, now && now->started};
}

static void clear_plan(struct cpl_module *module)
{
	CPL_FREE(module->next_hosts);
	module->next_count = 0;
	module->next_config = NULL;
	module->next_source = NULL;
	cpl_arena_destroy(&module->next_own);
}

/* The options on a host that lists the module (NULL: the global ones). */
static int plan_values(struct cpl_module *module, const struct config *config, const struct config_host *of, const void *judged,
		       const void **values, struct cpl_error *error)
{
	/* A configuration that is put back was judged by the table of an older generation, perhaps. */
	if (module->by_command)
		return options_make(config, &module->descriptor, of, module->next_own, values, error);
	*values = judged;
	return 0;
}

static int plan_global(struct cpl_module *module, const struct config *config, struct cpl_error *error)
{
	struct cpl_str name = cpl_str_of(module->descriptor.name);

	for (size_t i = 0; i < config->module_count; i++)
		if (cpl_str_equal(config->modules[i], name)) {
			module->next_source = config;
			return plan_values(module, config, NULL, config->module_options[i], &module->next_config, error);
		}
	/* The storage driver of before stays until a restart; others stay for a host that comes to its end. */
	module->next_config = module->config;
	module->next_source = module->source;
	return 0;
}

int module_plan(struct cpl_module *module, const struct config *config, struct cpl_error *error)
{
	struct cpl_str name = cpl_str_of(module->descriptor.name);
	struct cpl_host *host;
	int code;

	clear_plan(module);
	if (module->by_command)
		module->next_own = cpl_arena_create();
	code = plan_global(module, config, error);
	for (size_t at = 0; code >= 0 && (host = cpl_host_next(&at));) {
		const struct config_host *of = config_host_find(config, host->name);
		const struct module_host *now = module_host_of(module, host);
		const void *values;

		if (!of && now)
			module_plan_host(module, host, now->config, now->source);
		for (size_t i = 0; code >= 0 && of && i < of->module_count; i++) {
			if (!cpl_str_equal(of->modules[i], name))
				continue;
			code = plan_values(module, config, of, of->module_options[i], &values, error);
			if (code >= 0)
				module_plan_host(module, host, values, config);
		}
	}
	return code;
}

void module_plan_same(struct cpl_module *module)
{
	clear_plan(module);
	module->next_config = module->config;
	module->next_source = module->source;
	for (size_t i = 0; i < module->host_count; i++)
		module_plan_host(module, module->hosts[i].host, module->hosts[i].config, module->hosts[i].source);
}

static void destroy_arena(void *object)
{
	struct cpl_arena *arena = object;

	cpl_arena_destroy(&arena);
}

void module_adopt_plan(struct cpl_module *module)
{
	cpl_free(module->hosts);
	module->hosts = module->next_hosts;
	module->host_count = module->next_count;
	module->config = module->next_config;
	module->source = module->next_source;
	module->next_hosts = NULL;
	if (module->next_own) {
		/* One that is older still, and in use, goes with the former. */
		if (module->former_config && module->own_config)
			cpl_arena_on_destroy(module->own_config, destroy_arena, module->former_config);
		if (module->own_config)
			module->former_config = module->own_config;
		module->own_config = module->next_own;
		module->next_own = NULL;
	}
	clear_plan(module);
}

void module_drop_former(struct cpl_module *module)
{
	for (size_t i = 0; i < module->host_count; i++)
		if (module->hosts[i].source != module->source)
			return;
	cpl_arena_destroy(&module->former_config);
}

/* ---- loading ---- */

int module_commands_add(struct cpl_module *module, struct cpl_error *error)
{
	int code = 0;

	if (module->descriptor.commands && manager_hooks.commands_add)
		code = manager_hooks.commands_add(module, module->descriptor.commands, error);
	module->commands_added = code >= 0;
	return code;
}

void module_commands_remove(struct cpl_module *module)
{
	if (module->commands_added && module->descriptor.commands && manager_hooks.commands_remove)
		manager_hooks.commands_remove(module);
	module->commands_added = false;
}

static int add_slots(struct cpl_module *module, struct cpl_error *error)
{
	struct cpl_slot *const *slots = module->descriptor.slots;

	for (; slots && slots[module->registered]; module->registered++) {
		int code = slot_register(slots[module->registered], module, module->descriptor.name, error);

		if (code < 0)
			return code;
	}
	return 0;
}

static int add_names(struct cpl_module *module, struct cpl_error *error)
{
	for (struct cpl_name *const *name = module->descriptor.names; name && *name; name++)
		if (names_add(*name) < 0)
			return cpl_fail(error, CPL_E_FULL, "too many names are in use");
	for (const struct cpl_need_row *row = module->descriptor.needs; row && row->ref; row++)
		row->ref->id = service_id(row->ref->name);
	for (struct cpl_permission *const *permission = module->descriptor.permissions; permission && *permission; permission++)
		permission_register(*permission);
	for (const struct cpl_publish_row *row = module->descriptor.publishes; row && row->event; row++)
		if (!(row->event->id = dispatch_own_id(row->event->name)))
			return cpl_fail(error, CPL_E_FULL, "too many events of modules have been declared");
	for (const struct cpl_hear_row *row = module->descriptor.hears; row && row->event; row++)
		if (!(row->event->id = dispatch_own_id(row->event->name)))
			return cpl_fail(error, CPL_E_FULL, "too many events of modules have been declared");
	return 0;
}

static int run_load(struct cpl_module *module, struct cpl_error *error)
{
	struct cpl_error own = {0};
	struct account_visit visit;
	int code;

	if (!module->descriptor.load)
		return 0;
	visit = account_enter(module->account, module, ACCOUNT_IN_LOAD);
	code = module->descriptor.load(module, &own);
	account_leave(&visit);
	if (code >= 0)
		return 0;
	if (own.text[0])
		return cpl_fail(error, code, "%s", own.text);
	return cpl_fail(error, code, "its load() fails: %s", cpl_code_text(code));
}

int module_load(struct cpl_module *module, struct cpl_error *error)
{
	int code;

	assert(module->state == MODULE_OPENED);
	module->account = account_create(module->descriptor.name);
	if (!module->account)
		return cpl_fail(error, CPL_E_FULL, "too many generations of modules are in memory");
	code = add_names(module, error);
	if (code >= 0)
		code = add_slots(module, error);
	for (const struct cpl_store *const *store = module->descriptor.stores; code >= 0 && store && *store; store++)
		code = store_declare(*store, error);
	if (code >= 0)
		code = run_load(module, error);
	if (code < 0) {
		module->stopping = true;
		return code;
	}
	module->loaded = true;
	module->state = MODULE_LOADED;
	cpl_list_remove(&module->node);
	cpl_list_append(&modules.running, &module->node);
	return 0;
}

void module_release(struct cpl_module *module)
{
	schedule_forget(module);
	ledger_release(&module->ledger);
	while (module->registered > 0)
		slot_unregister(module->descriptor.slots[--module->registered], module);
}

void module_start(struct cpl_module *module)
{
	if (module->state != MODULE_STARTED)
		schedule_add(module, module->descriptor.name, module->descriptor.schedule);
	module->state = MODULE_STARTED;
	for (size_t i = 0; i < module->host_count; i++) {
		struct module_host *place = &module->hosts[i];
		struct account_visit visit;

		if (place->started)
			continue;
		place->started = true;
		if (!module->descriptor.start)
			continue;
		visit = account_enter(module->account, module, ACCOUNT_IN_START);
		module->descriptor.start(module, place->host);
		account_leave(&visit);
	}
}

void module_stop_on(struct cpl_module *module, struct module_host *place)
{
	struct account_visit visit;

	if (!place->started)
		return;
	place->started = false;
	if (!module->descriptor.stop)
		return;
	visit = account_enter(module->account, module, ACCOUNT_IN_STOP);
	module->descriptor.stop(module, place->host);
	account_leave(&visit);
}

void module_stop(struct cpl_module *module)
{
	for (size_t i = module->host_count; i-- > 0;)
		module_stop_on(module, &module->hosts[i]);
}

/* ---- what a module may ask of itself ---- */

const char *cpl_module_name(const struct cpl_module *self)
{
	return self->descriptor.name;
}

void *cpl_module_data(const struct cpl_module *self)
{
	return self->data;
}

void cpl_module_set_data(struct cpl_module *self, void *data)
{
	self->data = data;
}

_Static_assert(sizeof(struct account_visit) <= sizeof(struct cpl_visit), "it has room");

void cpl_provider_enter(struct cpl_module *provider, struct cpl_visit *visit)
{
	struct account_visit entered = account_enter(provider->account, provider, ACCOUNT_IN_SERVICE);

	memcpy(visit->impl, &entered, sizeof(entered));
}

void cpl_provider_leave(const struct cpl_visit *visit)
{
	struct account_visit entered;

	memcpy(&entered, visit->impl, sizeof(entered));
	account_leave(&entered);
}

struct cpl_scope *cpl_module_scope(struct cpl_module *self)
{
	return &self->scope;
}

const void *cpl_module_config(const struct cpl_module *self, const struct cpl_host *host)
{
	const struct module_host *place;
	const void *config;

	if (!host)
		return self->config;
	config = dispatch_config(host, self->index);
	if (config)
		return config;
	/* Before the swap that starts it and after the one that ends it. */
	place = module_host_of(self, host);
	return place ? place->config : self->config;
}
