/* SPDX-License-Identifier: MIT */
/* The first step: from the tree to the core's options, the module lists, the hosts and the listeners. */
#include "core/base/logger.h"
#include "core/config/sections.h"
#include "core/config/value.h"

const char *const config_top_names[] = {"hosts", "include", "listen", "modules", "permissions", NULL};
const char *const config_host_names[] = {"certificate", "component", "key", "modules", "modules+", "modules-", NULL};
const char *const config_listen_names[] = {"address", "port", "tls", NULL};
const char *const config_core_groups[] = {"crypto", "limits", "log", NULL};

bool config_is_one_of(struct cpl_str name, const char *const *names)
{
	return config_value_enum(name, names) >= 0;
}

bool config_is_core_name(struct cpl_str name)
{
	if (config_is_one_of(name, config_top_names) || config_is_one_of(name, config_core_groups))
		return true;
	for (const struct cpl_option *o = config_core_options; o->name; o++)
		if (cpl_str_is(name, o->name))
			return true;
	return false;
}

bool config_is_module_name(struct cpl_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(i > 0 && ((c >= '0' && c <= '9') || c == '_')))
			return false;
	}
	return name.len > 0 && name.len < 64;
}

struct cpl_str config_resolve(const struct config *config, struct cpl_str path)
{
	const char *slash = strrchr(config->path, '/');

	if (!path.ptr || path.len == 0 || path.ptr[0] == '/' || !slash)
		return path.ptr ? cpl_arena_copy(config->arena, path) : CPL_NONE;
	return cpl_arena_printf(config->arena, "%.*s/%.*s", (int)(slash - config->path), config->path, CPL_ARG(path));
}

/* ---- the core's options ---- */

static void read_core(struct config *config, struct config_report *report)
{
	struct config_core *core = &config->core;
	struct config_target target = {config_core_options, "", NULL, core, config->arena, report, NULL, false};

	config_schema_defaults(&target, config->tree);
	target.group = "";
	for (size_t i = 0; i < config->tree->count; i++) {
		const struct config_pair *pair = &config->tree->pairs[i];
		const struct cpl_option *option = config_schema_find(&target, pair->key->text);

		if (option)
			config_schema_set(&target, option, pair->value);
	}
	for (size_t i = 0; config_core_groups[i]; i++) {
		target.group = config_core_groups[i];
		target.lenient = true; /* a module may share the mapping: see report_strangers() */
		config_schema_apply(&target, config_node_get(config->tree, cpl_str_of(config_core_groups[i])), false);
	}
	if (!core->data.len)
		core->data = CPL_STR(COUPLET_LOCALSTATEDIR "/lib/couplet");
	core->data = config_resolve(config, core->data);
	core->run = core->run.len ? config_resolve(config, core->run) : core->data;
	core->modules_path = config_resolve(config, core->modules_path.len ? core->modules_path : CPL_STR(COUPLET_MODULEDIR));
	if (core->log_file.len)
		core->log_file = config_resolve(config, core->log_file);
	else if (core->log_sink == 1)
		config_report_add(report, config_place(config, "log.sink"), false, "log.sink: \"file\" needs log.file");
}

/* Whether a module of that name exists shows when the modules are open: the log does not mind. */
static void check_log_levels(struct config *config, struct config_report *report)
{
	const struct config_node *place = config_place(config, "log.modules");
	const struct cpl_str_list *list = &config->core.log_modules;
	enum cpl_log_level level;
	struct cpl_str module;

	for (size_t i = 0; i < list->count; i++)
		if (!logger_level_parse(list->items[i], &module, &level))
			config_report_add(report, place->kind == CONFIG_LIST ? place->items[i] : place, false,
					  "log.modules: \"%.*s\" is not a module and its level, such as auth=debug (debug, info, warn, error)",
					  CPL_ARG(list->items[i]));
	if (list->count > LOGGER_LEVELS)
		config_report_add(report, place, false, "log.modules: more than %d modules", LOGGER_LEVELS);
}

/* The addresses of administrators, in the one form in which addresses are compared. */
static void prepare_admins(struct config *config, struct config_report *report)
{
	const struct config_node *place = config_place(config, "admins");

	for (size_t i = 0; i < config->core.admins.count; i++) {
		struct cpl_str *admin = &config->core.admins.items[i];
		struct cpl_jid jid;

		if (cpl_jid_parse(&jid, *admin, config->arena) == 0 && jid.local_len && !cpl_jid_is_full(jid))
			*admin = cpl_arena_copy(config->arena, cpl_jid_str(jid));
		else
			config_report_add(report, place->kind == CONFIG_LIST ? place->items[i] : place, false,
					  "admins: \"%.*s\" is not an account's address such as romeo@example.org", CPL_ARG(*admin));
	}
}

/* ---- lists of modules ---- */

struct module_list {
	struct cpl_str *names;
	const struct config_node **places;
	size_t count, size;
};

static ptrdiff_t list_find(const struct module_list *list, struct cpl_str name)
{
	for (size_t i = 0; i < list->count; i++)
		if (cpl_str_equal(list->names[i], name))
			return (ptrdiff_t)i;
	return -1;
}

static bool list_add(struct module_list *list, struct cpl_str name, const struct config_node *place)
{
	if (list_find(list, name) >= 0)
		return false;
	if (list->count == list->size) {
		list->size = list->size ? list->size * 2 : 16;
		list->names = cpl_realloc(list->names, list->size * sizeof *list->names);
		list->places = cpl_realloc(list->places, list->size * sizeof *list->places);
	}
	list->names[list->count] = name;
	list->places[list->count++] = place;
	return true;
}

static void list_remove(struct module_list *list, size_t at)
{
	memmove(&list->names[at], &list->names[at + 1], (list->count - at - 1) * sizeof *list->names);
	memmove(&list->places[at], &list->places[at + 1], (list->count - at - 1) * sizeof *list->places);
	list->count--;
}

static void list_finish(struct module_list *list)
{
	cpl_free(list->names);
	cpl_free(list->places);
}

/* The names that a node gives (a list, or one alone), faulty ones reported and left out. */
static void read_names(const struct config_node *node, const char *what, struct module_list *out, struct config_report *report)
{
	struct config_node *single = (struct config_node *)node, **items = &single;
	size_t count = 1;

	if (!node || config_node_is_null(node))
		return;
	if (node->kind == CONFIG_LIST) {
		items = node->items;
		count = node->count;
	}
	for (size_t i = 0; i < count; i++) {
		if (items[i]->kind != CONFIG_SCALAR)
			config_report_add(report, items[i], false, "%s: wants names of modules, not %s", what,
					  config_node_kind_text(items[i]));
		else if (!config_is_module_name(items[i]->text))
			config_report_add(report, items[i], false, "%s: \"%.*s\" cannot be the name of a module (a-z, 0-9, _)", what,
					  CPL_ARG(items[i]->text));
		else if (!list_add(out, items[i]->text, items[i]))
			config_report_add(report, items[i], true, "%s: \"%.*s\" is listed twice", what, CPL_ARG(items[i]->text));
	}
}

static void *arena_array(struct config *config, const void *from, size_t size)
{
	void *to = cpl_arena_alloc(config->arena, size + 1);

	if (size)
		memcpy(to, from, size);
	return to;
}

/* ---- hosts ---- */

static struct cpl_str host_text(const struct config_host *host, const char *name, struct config_report *report)
{
	const struct config_node *node = config_node_get(host->section, cpl_str_of(name));

	if (!node)
		return CPL_NONE;
	if (node->kind == CONFIG_SCALAR && node->text.len && !config_node_is_null(node))
		return node->text;
	config_report_add(report, node, false, "%s: wants a text, not %s", name, config_node_kind_text(node));
	return CPL_NONE;
}

/*
 * The effective list. An ordinary host inherits the top level's, a component's host only has the module that serves it and what it
 * lists itself: a module for clients has nothing to do there.
 */
static void host_modules(struct config *config, struct config_host *host, const struct module_list *inherited, struct module_list *all,
			 struct config_report *report)
{
	struct module_list list = {0}, change = {0};
	const struct config_node *own = config_node_get(host->section, CPL_STR("modules"));
	const struct config_node *plus = config_node_get(host->section, CPL_STR("modules+"));
	const struct config_node *minus = config_node_get(host->section, CPL_STR("modules-"));

	if (host->component.ptr)
		list_add(&list, host->component, config_node_get(host->section, CPL_STR("component")));
	if (own)
		read_names(own, "modules", &list, report);
	for (size_t i = 0; !own && !host->component.ptr && i < inherited->count; i++)
		list_add(&list, inherited->names[i], inherited->places[i]);
	read_names(plus, "modules+", &change, report);
	for (size_t i = 0; i < change.count; i++)
		list_add(&list, change.names[i], change.places[i]);
	change.count = 0;
	read_names(minus, "modules-", &change, report);
	for (size_t i = 0; i < change.count; i++) {
		ptrdiff_t at = list_find(&list, change.names[i]);

		if (at >= 0)
			list_remove(&list, (size_t)at);
		else
			config_report_add(report, change.places[i], true, "modules-: \"%.*s\" is not on the list anyway",
					  CPL_ARG(change.names[i]));
	}
	for (size_t i = 0; i < list.count; i++)
		list_add(all, list.names[i], list.places[i]);
	host->modules = arena_array(config, list.names, list.count * sizeof *list.names);
	host->module_count = list.count;
	list_finish(&list);
	list_finish(&change);
}

static bool read_host(struct config *config, struct config_host *host, const struct config_pair *pair, struct config_report *report)
{
	host->node = pair->key;
	host->section = pair->value;
	if (cpl_prepare_domain(&host->name, pair->key->text, config->arena) < 0) {
		config_report_add(report, pair->key, false, "\"%.*s\" cannot be the name of a host", CPL_ARG(pair->key->text));
		return false;
	}
	host->name = cpl_arena_copy(config->arena, host->name);
	for (size_t i = 0; i < config->host_count; i++)
		if (cpl_str_equal(config->hosts[i].name, host->name)) {
			config_report_add(report, pair->key, false, "the host %.*s is given twice, first in line %d", CPL_ARG(host->name),
					  config->hosts[i].node->line);
			return false;
		}
	if (pair->value->kind != CONFIG_MAP && !config_node_is_null(pair->value)) {
		config_report_add(report, pair->value, false, "the host %.*s wants options as \"name: value\", not %s", CPL_ARG(host->name),
				  config_node_kind_text(pair->value));
		return false;
	}
	host->certificate = config_resolve(config, host_text(host, "certificate", report));
	host->key = config_resolve(config, host_text(host, "key", report));
	host->component = host_text(host, "component", report);
	if (host->key.ptr && !host->certificate.ptr)
		config_report_add(report, host->node, false, "the host %.*s has a key but no certificate", CPL_ARG(host->name));
	if (host->component.ptr && !config_is_module_name(host->component)) {
		config_report_add(report, config_node_get(host->section, CPL_STR("component")), false,
				  "component: \"%.*s\" cannot be the name of a module (a-z, 0-9, _)", CPL_ARG(host->component));
		host->component = CPL_NONE;
	}
	return true;
}

static void read_hosts(struct config *config, const struct module_list *inherited, struct module_list *all, struct config_report *report)
{
	const struct config_node *hosts = config_node_get(config->tree, CPL_STR("hosts"));

	if (!hosts || config_node_is_null(hosts)) {
		config_report_add(report, hosts ? hosts : config->tree, false, "no host is configured: give at least one under hosts:");
		return;
	}
	if (hosts->kind != CONFIG_MAP) {
		config_report_add(report, hosts, false, "hosts: wants a mapping from host names to their options, not %s",
				  config_node_kind_text(hosts));
		return;
	}
	config->hosts = cpl_arena_alloc(config->arena, (hosts->count + 1) * sizeof *config->hosts);
	for (size_t i = 0; i < hosts->count; i++) {
		struct config_host *host = &config->hosts[config->host_count];

		*host = (struct config_host){0};
		if (!read_host(config, host, &hosts->pairs[i], report))
			continue;
		host_modules(config, host, inherited, all, report);
		config->host_count++;
	}
}

/* ---- listeners ---- */

static void read_listener(struct config *config, const struct config_node *key, const struct config_node *node,
			  struct config_listen *listen, struct config_report *report)
{
	struct cpl_str any = CPL_STR("*");
	struct config_target target = {NULL, "listen.", NULL, listen, config->arena, report, NULL, false};
	const struct cpl_option address = {"address", CPL_OPTION_LIST, offsetof(struct config_listen, address), NULL, NULL, NULL, NULL, 0, ""};
	const struct config_node *given = config_node_get(node, CPL_STR("address"));
	const struct config_node *port = config_node_get(node, CPL_STR("port"));
	int64_t number = 0;

	listen->service = key->text.ptr;
	listen->node = node;
	if (node->kind != CONFIG_MAP && !config_node_is_null(node)) {
		config_report_add(report, node, false, "listen.%s: wants address, port and tls, not %s", listen->service,
				  config_node_kind_text(node));
		return;
	}
	listen->address = (struct cpl_str_list){arena_array(config, &any, sizeof any), 1};
	if (given)
		config_schema_set(&target, &address, given);
	if (port && (port->kind != CONFIG_SCALAR || !config_value_number(CPL_OPTION_INT, port->text, &number) || number < 0 || number > 65535))
		config_report_add(report, port, false, "listen.%s.port: wants a number from 1 to 65535 (0: any free port)", listen->service);
	listen->port = (uint16_t)number;
	for (size_t i = 0; i < node->count; i++) {
		const struct config_node *name = node->pairs[i].key;

		if (config_is_one_of(name->text, config_listen_names))
			continue;
		const char *nearest = config_nearest(name->text, config_listen_names, 3);

		config_report_add(report, name, false, "unknown option \"listen.%s.%.*s\"%s%s%s", listen->service, CPL_ARG(name->text),
				  nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	}
}

static void read_listeners(struct config *config, struct config_report *report)
{
	const struct config_node *all = config_node_get(config->tree, CPL_STR("listen"));
	size_t size = 0;

	if (!all || config_node_is_null(all)) {
		config_report_add(report, all ? all : config->tree, true, "nothing is given under listen: nobody can connect");
		return;
	}
	if (all->kind != CONFIG_MAP) {
		config_report_add(report, all, false, "listen: wants a mapping such as \"c2s: {port: 5222}\", not %s", config_node_kind_text(all));
		return;
	}
	for (size_t i = 0; i < all->count; i++)
		size += all->pairs[i].value->kind == CONFIG_LIST ? all->pairs[i].value->count : 1;
	config->listen = cpl_arena_alloc(config->arena, (size + 1) * sizeof *config->listen);
	for (size_t i = 0; i < all->count; i++) {
		const struct config_node *value = all->pairs[i].value;

		if (value->kind != CONFIG_LIST)
			read_listener(config, all->pairs[i].key, value, &config->listen[config->listen_count++], report);
		for (size_t j = 0; value->kind == CONFIG_LIST && j < value->count; j++)
			read_listener(config, all->pairs[i].key, value->items[j], &config->listen[config->listen_count++], report);
	}
}

/* ---- the whole ---- */

const struct config_target *config_core_group(struct cpl_str name)
{
	static _Thread_local struct config_target target;

	for (size_t i = 0; config_core_groups[i]; i++)
		if (cpl_str_is(name, config_core_groups[i])) {
			target = (struct config_target){.options = config_core_options, .prefix = "", .group = config_core_groups[i]};
			return &target;
		}
	return NULL;
}

/* In the core's groups; where a module of that name shares one, its options are judged when it is open. */
static void report_strangers(const struct config *config, struct config_report *report)
{
	for (size_t i = 0; config_core_groups[i]; i++) {
		struct cpl_str name = cpl_str_of(config_core_groups[i]);
		struct config_target target = *config_core_group(name);
		bool shared = false;

		for (size_t m = 0; m < config->module_count; m++)
			shared = shared || cpl_str_equal(config->modules[m], name);
		target.report = report;
		if (!shared)
			config_schema_strangers(&target, config_node_get(config->tree, name));
	}
}

struct config *config_read(const char *path, struct config_report *report)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct config_node *tree = config_tree_read(path, arena, report);
	struct module_list inherited = {0}, all = {0};

	if (!tree) {
		cpl_arena_destroy(&arena);
		return NULL;
	}
	struct config *config = CPL_NEW(struct config);

	config->tree = tree;
	config->arena = arena;
	config->path = cpl_strdup(cpl_str_of(path));
	read_core(config, report);
	prepare_admins(config, report);
	check_log_levels(config, report);
	read_names(config_node_get(tree, CPL_STR("modules")), "modules", &inherited, report);
	for (size_t i = 0; i < inherited.count; i++)
		list_add(&all, inherited.names[i], inherited.places[i]);
	read_hosts(config, &inherited, &all, report);
	if (config_is_module_name(config->core.storage))
		list_add(&all, config->core.storage, config_place(config, "storage"));
	else
		config_report_add(report, config_place(config, "storage"), false, "storage: \"%.*s\" cannot be the name of a module",
				  CPL_ARG(config->core.storage));
	read_listeners(config, report);
	config->modules = arena_array(config, all.names, all.count * sizeof *all.names);
	config->module_places = arena_array(config, all.places, all.count * sizeof *all.places);
	config->module_count = all.count;
	report_strangers(config, report);
	list_finish(&inherited);
	list_finish(&all);
	return config;
}

const struct config_node *config_module_place(const struct config *config, struct cpl_str module)
{
	for (size_t i = 0; i < config->module_count; i++)
		if (cpl_str_equal(config->modules[i], module))
			return config->module_places[i];
	return config->tree;
}

const struct config_node *config_place(const struct config *config, const char *option)
{
	struct cpl_str rest = cpl_str_of(option), part;
	const struct config_node *node = config->tree;

	while (node && rest.ptr && cpl_str_split(&rest, '.', &part))
		node = config_node_get(node, part);
	return node ? node : config->tree;
}

const struct config_host *config_host_find(const struct config *config, struct cpl_str name)
{
	for (size_t i = 0; i < config->host_count; i++)
		if (cpl_str_equal(config->hosts[i].name, name))
			return &config->hosts[i];
	return NULL;
}

void config_destroy(struct config **config)
{
	if (!*config)
		return;
	cpl_arena_destroy(&(*config)->arena);
	cpl_free((*config)->path);
	CPL_FREE(*config);
}
