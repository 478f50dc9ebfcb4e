/* SPDX-License-Identifier: MIT */
/* The second step: what the tree says to modules and listeners, against the modules' tables. */
#include "core/config/sections.h"
#include <dirent.h>
#include <stdlib.h>

struct judge {
	struct config *config;
	struct config_report *report;
	const struct config_schema *schemas;
	size_t schema_count;
	/* Modules whose files are there, listed or not; see modules_path. */
	char **available;
	size_t available_count;
};

static const struct config_schema *schema_of(const struct judge *j, struct cpl_str name)
{
	for (size_t i = 0; i < j->schema_count; i++)
		if (cpl_str_equal(j->schemas[i].name, name))
			return &j->schemas[i];
	return NULL;
}

static void find_available(struct judge *j)
{
	DIR *dir = opendir(j->config->core.modules_path.ptr);
	size_t size = 0;

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && j->available_count < 10000; entry = readdir(dir)) {
		struct cpl_str rest = cpl_str_of(entry->d_name), name;

		cpl_str_split(&rest, '.', &name);
		if (!rest.ptr || (!cpl_str_is(rest, "so") && !cpl_str_is(rest, "la")) || !config_is_module_name(name))
			continue;
		if (j->available_count == size)
			j->available = cpl_realloc(j->available, (size = size ? size * 2 : 32) * sizeof *j->available);
		j->available[j->available_count++] = cpl_strdup(name);
	}
	if (dir)
		closedir(dir);
}

static bool is_listed(const struct cpl_str *modules, size_t count, struct cpl_str name)
{
	for (size_t i = 0; i < count; i++)
		if (cpl_str_equal(modules[i], name))
			return true;
	return false;
}

static bool is_available(const struct judge *j, struct cpl_str name)
{
	for (size_t i = 0; i < j->available_count; i++)
		if (cpl_str_is(name, j->available[i]))
			return true;
	return schema_of(j, name) != NULL;
}

/* A name that is neither the core's nor a listed module's. `own`: the names that the place itself knows. */
static void judge_stranger(const struct judge *j, const struct config_pair *pair, const struct config_host *host)
{
	struct cpl_str name = pair->key->text;
	size_t size = j->available_count + j->config->module_count + 128, count = 0;

	if (is_available(j, name)) {
		if (host)
			config_report_add(j->report, pair->key, true, "the module %.*s is not on the list of %.*s, so these options have no effect",
					  CPL_ARG(name), CPL_ARG(host->name));
		else
			config_report_add(j->report, pair->key, true, "the module %.*s is not listed anywhere, so these options have no effect",
					  CPL_ARG(name));
		return;
	}
	const char **names = cpl_alloc(size * sizeof *names);

	for (const char *const *own = host ? config_host_names : config_top_names; *own; own++)
		names[count++] = *own;
	for (size_t i = 0; !host && config_core_groups[i]; i++)
		names[count++] = config_core_groups[i];
	for (const struct cpl_option *o = config_core_options; !host && o->name && count < 120; o++)
		if (!strchr(o->name, '.'))
			names[count++] = o->name;
	for (size_t i = 0; i < j->config->module_count; i++)
		names[count++] = j->config->modules[i].ptr;
	for (size_t i = 0; i < j->available_count; i++)
		names[count++] = j->available[i];
	const char *nearest = config_nearest(name, names, count);

	config_report_add(j->report, pair->key, false, "unknown name \"%.*s\": no option%s and no module%s%s%s", CPL_ARG(name),
			  host ? " of a host" : "", nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	cpl_free(names);
}

static void judge_names(const struct judge *j)
{
	const struct config *config = j->config;

	for (size_t i = 0; i < config->tree->count; i++) {
		const struct config_pair *pair = &config->tree->pairs[i];

		if (!config_is_core_name(pair->key->text) && !is_listed(config->modules, config->module_count, pair->key->text))
			judge_stranger(j, pair, NULL);
	}
	for (size_t h = 0; h < config->host_count; h++) {
		const struct config_host *host = &config->hosts[h];

		for (size_t i = 0; i < host->section->count && host->section->kind == CONFIG_MAP; i++) {
			const struct config_pair *pair = &host->section->pairs[i];

			if (!config_is_one_of(pair->key->text, config_host_names) &&
			    !is_listed(host->modules, host->module_count, pair->key->text))
				judge_stranger(j, pair, host);
		}
	}
}

/* ---- modules' options ---- */

/* Where a module's own rule is told of: the option if it is given, else the module's mapping or the line that lists it. */
struct check_place {
	const struct judge *judge;
	const char *prefix;
	const struct config_node *outer, *inner, *where;
};

static void on_fault(void *data, const char *option, const char *text)
{
	struct check_place *place = data;
	const struct config_pair *pair = option ? config_node_pair(place->inner, cpl_str_of(option)) : NULL;

	if (!pair && option)
		pair = config_node_pair(place->outer, cpl_str_of(option));
	config_report_add(place->judge->report, pair ? pair->key : place->where, false, "%s%s: %s", place->prefix, option ? option : "", text);
}

/*
 * One struct. The global values are reported where they stand however many hosts they serve, as the report keeps each fault once. `required`: the
 * struct will be used, so it must be complete.
 */
static const void *make_options(const struct judge *j, const struct config_schema *schema, const struct config_node *where,
				const struct config_host *host, bool required)
{
	struct config *config = j->config;
	const struct config_pair *outer = config_node_pair(config->tree, schema->name);
	const struct config_pair *inner = host ? config_node_pair(host->section, schema->name) : NULL;
	struct cpl_str prefix = cpl_arena_printf(config->arena, "%.*s.", CPL_ARG(schema->name));
	void *values = cpl_arena_alloc(config->arena, schema->size + 1);
	struct config_target target = {schema->options, prefix.ptr, NULL, values, config->arena, j->report, NULL, false};
	struct check_place place = {j, prefix.ptr, outer ? outer->value : NULL, inner ? inner->value : NULL,
				    inner ? inner->key : outer ? outer->key : where};
	size_t errors = j->report->errors;

	config_schema_defaults(&target, place.where);
	target.beside = config_core_group(schema->name);
	config_schema_apply(&target, place.outer, false);
	target.beside = NULL;
	config_schema_apply(&target, place.inner, true);
	bool complete = config_schema_complete(&target, place.outer, place.inner, required ? place.where : NULL);

	if (schema->check && complete && errors == j->report->errors)
		schema->check(values, host ? host->name : CPL_NONE, on_fault, &place);
	return values;
}

static void judge_module(const struct judge *j, size_t index)
{
	struct config *config = j->config;
	struct cpl_str name = config->modules[index];
	const struct config_schema *schema = schema_of(j, name);
	size_t users = 0;

	for (size_t h = 0; schema && h < config->host_count; h++) {
		struct config_host *host = &config->hosts[h];

		for (size_t i = 0; i < host->module_count; i++) {
			if (!cpl_str_equal(host->modules[i], name))
				continue;
			host->module_options[i] = make_options(j, schema, config->module_places[index], host, true);
			users++;
		}
	}
	if (schema)
		config->module_options[index] = make_options(j, schema, config->module_places[index], NULL, users == 0);
}

/* ---- listeners ---- */

static void judge_listener(const struct judge *j, struct config_listen *listen, const struct config_service *services, size_t count)
{
	const struct config_node *tls = config_node_get(listen->node, CPL_STR("tls"));
	const struct config_service *service = NULL;
	const char **names = cpl_alloc((count + 1) * sizeof *names);

	for (size_t i = 0; i < count; i++) {
		names[i] = services[i].name;
		if (strcmp(services[i].name, listen->service) == 0)
			service = &services[i];
	}
	if (!service) {
		const char *nearest = config_nearest(cpl_str_of(listen->service), names, count);

		config_report_add(j->report, listen->node, false, "listen: no module offers the service \"%s\"%s%s%s", listen->service,
				  nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	} else {
		if (!config_node_get(listen->node, CPL_STR("port")))
			listen->port = service->port;
		listen->direct_tls = service->direct_tls;
	}
	if (tls && tls->kind == CONFIG_SCALAR && cpl_str_is(tls->text, "direct"))
		listen->direct_tls = true;
	else if (tls && tls->kind == CONFIG_SCALAR && cpl_str_is(tls->text, "starttls"))
		listen->direct_tls = false;
	else if (tls)
		config_report_add(j->report, tls, false, "listen.%s.tls: wants direct or starttls", listen->service);
	cpl_free(names);
}

/* ---- permissions ---- */

const char *const config_role_names[] = {"guest", "registered", "member", "admin", "operator", NULL};

static void report_action(const struct judge *j, const struct config_node *key)
{
	const char **names = NULL;
	size_t count = 0;

	for (size_t s = 0; s < j->schema_count; s++)
		for (const char *const *action = j->schemas[s].actions; action && *action; action++) {
			names = cpl_realloc(names, (count + 1) * sizeof *names);
			names[count++] = *action;
		}
	const char *nearest = config_nearest(key->text, names, count);

	config_report_add(j->report, key, false, "permissions: no module on the lists declares the action \"%.*s\"%s%s%s", CPL_ARG(key->text),
			  nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	cpl_free(names);
}

static bool is_action(const struct judge *j, struct cpl_str name)
{
	for (size_t s = 0; s < j->schema_count; s++)
		if (j->schemas[s].actions && config_is_one_of(name, j->schemas[s].actions))
			return true;
	return false;
}

static void judge_permission(const struct judge *j, const struct config_pair *pair)
{
	struct config *config = j->config;
	struct cpl_option option = {"role", CPL_OPTION_ENUM, offsetof(struct config_permission, role), NULL, NULL, NULL, config_role_names, 0, ""};
	struct config_permission *permission = &config->permissions[config->permission_count];
	struct cpl_str prefix = cpl_arena_printf(config->arena, "permissions.%.*s: ", CPL_ARG(pair->key->text));
	struct config_target target = {&option, prefix.ptr, NULL, permission, config->arena, j->report, NULL, false};

	if (!is_action(j, pair->key->text)) {
		report_action(j, pair->key);
		return;
	}
	permission->action = pair->key->text;
	if (config_schema_set(&target, &option, pair->value))
		config->permission_count++;
}

static void judge_permissions(const struct judge *j)
{
	const struct config_node *map = config_node_get(j->config->tree, CPL_STR("permissions"));

	if (!map || config_node_is_null(map))
		return;
	if (map->kind != CONFIG_MAP) {
		config_report_add(j->report, map, false, "permissions: wants a mapping from actions to roles, not %s", config_node_kind_text(map));
		return;
	}
	j->config->permission_count = 0;
	j->config->permissions = cpl_arena_alloc(j->config->arena, (map->count + 1) * sizeof *j->config->permissions);
	for (size_t i = 0; i < map->count; i++)
		judge_permission(j, &map->pairs[i]);
}

void config_judge(struct config *config, const struct config_schema *schemas, size_t schema_count, const struct config_service *services,
		  size_t service_count, struct config_report *report)
{
	struct judge j = {config, report, schemas, schema_count, NULL, 0};

	find_available(&j);
	judge_names(&j);
	config->module_options = cpl_arena_alloc(config->arena, (config->module_count + 1) * sizeof *config->module_options);
	for (size_t h = 0; h < config->host_count; h++)
		config->hosts[h].module_options =
			cpl_arena_alloc(config->arena, (config->hosts[h].module_count + 1) * sizeof *config->hosts[h].module_options);
	for (size_t i = 0; i < config->module_count; i++)
		judge_module(&j, i);
	for (size_t i = 0; i < config->listen_count; i++)
		judge_listener(&j, &config->listen[i], services, service_count);
	judge_permissions(&j);
	for (size_t i = 0; i < j.available_count; i++)
		cpl_free(j.available[i]);
	cpl_free(j.available);
}

const void *config_options_of(const struct config *config, const struct config_host *host, struct cpl_str module)
{
	for (size_t i = 0; i < host->module_count; i++)
		if (cpl_str_equal(host->modules[i], module))
			return host->module_options ? host->module_options[i] : NULL;
	(void)config;
	return NULL;
}
