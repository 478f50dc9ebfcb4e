/* SPDX-License-Identifier: MIT */
/* Option tables against the tree. */
#include "core/config/schema.h"
#include "core/config/value.h"

/* The part of an option's name that stands in the mapping, or NULL when the option is not of this group. */
static const char *name_in(const struct config_target *t, const struct cpl_option *option)
{
	const char *dot = strchr(option->name, '.');

	if (!t->group)
		return option->name;
	if (!*t->group)
		return dot ? NULL : option->name;
	size_t len = strlen(t->group);

	return dot && (size_t)(dot - option->name) == len && memcmp(option->name, t->group, len) == 0 ? dot + 1 : NULL;
}

const struct cpl_option *config_schema_find(const struct config_target *t, struct cpl_str name)
{
	for (const struct cpl_option *o = t->options; o && o->name; o++) {
		const char *own = name_in(t, o);

		if (own && cpl_str_is(name, own))
			return o;
	}
	return NULL;
}

static void *field_of(const struct config_target *t, const struct cpl_option *option)
{
	return (char *)t->values + option->offset;
}

static bool set_number(const struct config_target *t, const struct cpl_option *o, const struct config_node *node)
{
	int64_t number, bound;

	if (!config_value_number(o->kind, node->text, &number)) {
		config_report_add(t->report, node, false, "%s%s: \"%.*s\" is not %s", t->prefix, o->name, CPL_ARG(node->text),
				  config_value_help(o->kind));
		return false;
	}
	if (o->min && config_value_number(o->kind, cpl_str_of(o->min), &bound) && number < bound) {
		config_report_add(t->report, node, false, "%s%s: %.*s is below the least allowed, %s", t->prefix, o->name, CPL_ARG(node->text),
				  o->min);
		return false;
	}
	if (o->max && config_value_number(o->kind, cpl_str_of(o->max), &bound) && number > bound) {
		config_report_add(t->report, node, false, "%s%s: %.*s is above the most allowed, %s", t->prefix, o->name, CPL_ARG(node->text),
				  o->max);
		return false;
	}
	*(int64_t *)field_of(t, o) = number;
	return true;
}

/* Relative paths are below the folder of the file in which they stand. */
static struct cpl_str path_of(const struct config_target *t, const struct config_node *node)
{
	const char *slash = node->file ? strrchr(node->file, '/') : NULL;

	if (!slash || !node->text.len || node->text.ptr[0] == '/')
		return cpl_arena_copy(t->arena, node->text);
	return cpl_arena_printf(t->arena, "%.*s/%.*s", (int)(slash - node->file), node->file, CPL_ARG(node->text));
}

static bool set_string(const struct config_target *t, const struct cpl_option *o, const struct config_node *node)
{
	int64_t bound;

	if (o->min && config_value_number(CPL_OPTION_INT, cpl_str_of(o->min), &bound) && (int64_t)node->text.len < bound) {
		config_report_add(t->report, node, false, "%s%s: shorter than %s bytes", t->prefix, o->name, o->min);
		return false;
	}
	if (o->max && config_value_number(CPL_OPTION_INT, cpl_str_of(o->max), &bound) && (int64_t)node->text.len > bound) {
		config_report_add(t->report, node, false, "%s%s: longer than %s bytes", t->prefix, o->name, o->max);
		return false;
	}
	*(struct cpl_str *)field_of(t, o) = o->flags & CPL_PATH ? path_of(t, node) : cpl_arena_copy(t->arena, node->text);
	return true;
}

static int enum_of(const struct config_target *t, const struct cpl_option *o, const struct config_node *node)
{
	int index = config_value_enum(node->text, o->values);
	struct cpl_buf all = {0};
	size_t count = 0;

	if (index >= 0)
		return index;
	for (; o->values[count]; count++)
		cpl_buf_addf(&all, "%s%s", count ? ", " : "", o->values[count]);
	const char *nearest = config_nearest(node->text, o->values, count);

	config_report_add(t->report, node, false, "%s%s: \"%.*s\" is none of %s%s%s%s", t->prefix, o->name, CPL_ARG(node->text),
			  cpl_buf_str(&all).ptr, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	cpl_buf_finish(&all);
	return -1;
}

static bool set_jid(const struct config_target *t, const struct cpl_option *o, const struct config_node *node)
{
	struct cpl_jid jid;

	if (cpl_jid_parse(&jid, node->text, t->arena) < 0) {
		config_report_add(t->report, node, false, "%s%s: \"%.*s\" is not %s", t->prefix, o->name, CPL_ARG(node->text),
				  config_value_help(o->kind));
		return false;
	}
	*(struct cpl_jid *)field_of(t, o) = jid;
	return true;
}

static bool set_scalar(const struct config_target *t, const struct cpl_option *o, const struct config_node *node)
{
	int index;

	switch (o->kind) {
	case CPL_OPTION_BOOL:
		if (config_value_bool(node->text, field_of(t, o)))
			return true;
		config_report_add(t->report, node, false, "%s%s: \"%.*s\" is not true or false", t->prefix, o->name, CPL_ARG(node->text));
		return false;
	case CPL_OPTION_INT:
	case CPL_OPTION_TIME:
	case CPL_OPTION_SIZE:
		return set_number(t, o, node);
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		return set_string(t, o, node);
	case CPL_OPTION_JID:
		return set_jid(t, o, node);
	case CPL_OPTION_ENUM:
		index = enum_of(t, o, node);
		if (index >= 0)
			*(int *)field_of(t, o) = index;
		return index >= 0;
	case CPL_OPTION_LIST:
	case CPL_OPTION_ENUMS:
		break;
	}
	return false;
}

/* LIST and ENUMS: `items` are scalars (checked here). */
static bool set_list(const struct config_target *t, const struct cpl_option *o, struct config_node *const *items, size_t count)
{
	struct cpl_str *texts = cpl_arena_alloc(t->arena, (count + 1) * sizeof *texts);
	int *indexes = cpl_arena_alloc(t->arena, (count + 1) * sizeof *indexes);
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		const struct config_node *item = items[i];

		if (item->kind != CONFIG_SCALAR || config_node_is_null(item)) {
			config_report_add(t->report, item, false, "%s%s: wants %s, and %s is not an item of one", t->prefix, o->name,
					  config_value_help(o->kind), config_node_kind_text(item));
			good = false;
			continue;
		}
		texts[i] = cpl_arena_copy(t->arena, item->text);
		if (o->kind == CPL_OPTION_LIST)
			continue;
		indexes[i] = enum_of(t, o, item);
		good = good && indexes[i] >= 0;
		for (size_t j = 0; j < i && indexes[i] >= 0; j++)
			if (indexes[j] == indexes[i]) {
				config_report_add(t->report, item, false, "%s%s: \"%.*s\" is given twice", t->prefix, o->name,
						  CPL_ARG(item->text));
				good = false;
				break;
			}
	}
	if (!good)
		return false;
	if (o->kind == CPL_OPTION_LIST)
		*(struct cpl_str_list *)field_of(t, o) = (struct cpl_str_list){texts, count};
	else
		*(struct cpl_enum_list *)field_of(t, o) = (struct cpl_enum_list){indexes, count};
	return true;
}

bool config_schema_set(const struct config_target *t, const struct cpl_option *o, const struct config_node *node)
{
	bool is_list = o->kind == CPL_OPTION_LIST || o->kind == CPL_OPTION_ENUMS;
	struct config_node *single = (struct config_node *)node;

	if (is_list && config_node_is_null(node))
		return set_list(t, o, NULL, 0);
	if (is_list && node->kind == CONFIG_SCALAR)
		return set_list(t, o, &single, 1);
	if (is_list && node->kind == CONFIG_LIST)
		return set_list(t, o, node->items, node->count);
	if (node->kind == CONFIG_SCALAR && !config_node_is_null(node))
		return set_scalar(t, o, node);
	config_report_add(t->report, node, false, "%s%s: wants %s, not %s", t->prefix, o->name, config_value_help(o->kind),
			  config_node_kind_text(node));
	return false;
}

void config_schema_defaults(const struct config_target *t, const struct config_node *where)
{
	struct config_report own = {0};
	struct config_target quiet = *t;

	quiet.report = &own;
	for (const struct cpl_option *o = t->options; o && o->name; o++) {
		struct config_node node = {.kind = CONFIG_SCALAR, .quoted = true, .text = cpl_str_of(o->fallback)};
		struct cpl_str rest = node.text, part;
		struct config_node parts[32], *items[32];
		size_t count = 0;

		if (!o->fallback)
			continue;
		if (o->kind == CPL_OPTION_LIST || o->kind == CPL_OPTION_ENUMS) {
			while (count < 32 && rest.len && cpl_str_split(&rest, ',', &part)) {
				parts[count] = node;
				parts[count].text = cpl_str_trim(part);
				items[count] = &parts[count];
				count++;
			}
			set_list(&quiet, o, items, count);
		} else {
			/* An address views the text it is parsed from, which must not be the module's. */
			node.text = cpl_arena_copy(t->arena, node.text);
			set_scalar(&quiet, o, &node);
		}
	}
	for (size_t i = 0; i < own.count; i++)
		config_report_add(t->report, where, false, "the module's own default is wrong: %s", own.faults[i].text);
	config_report_finish(&own);
}

static void report_unknown(const struct config_target *t, const struct config_node *key)
{
	const char *names[256] = {NULL};
	size_t count = 0;

	for (const struct cpl_option *o = t->options; o && o->name && count < 256; o++)
		if (name_in(t, o))
			names[count++] = name_in(t, o);
	const char *nearest = config_nearest(key->text, names, count);

	config_report_add(t->report, key, false, "unknown option \"%s%s%s%.*s\"%s%s%s", t->prefix, t->group ? t->group : "",
			  t->group && *t->group ? "." : "", CPL_ARG(key->text), nearest ? "; did you mean \"" : count ? "" : "; there are none",
			  nearest ? nearest : "", nearest ? "\"?" : "");
}

void config_schema_apply(const struct config_target *t, const struct config_node *map, bool in_host)
{
	if (!map || config_node_is_null(map))
		return;
	if (map->kind != CONFIG_MAP) {
		struct cpl_str of = cpl_str_of(t->group ? t->group : t->prefix);

		/* A prefix ends with a dot. */
		of.len -= !t->group && of.len;
		config_report_add(t->report, map, false, "%.*s wants options as \"name: value\", not %s", CPL_ARG(of), config_node_kind_text(map));
		return;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct config_pair *pair = &map->pairs[i];
		const struct cpl_option *option = config_schema_find(t, pair->key->text);

		if (!option && !t->lenient && !(t->beside && config_schema_find(t->beside, pair->key->text)))
			report_unknown(t, pair->key);
		else if (!option)
			continue;
		else if (in_host && option->flags & CPL_GLOBAL_ONLY)
			config_report_add(t->report, pair->key, false, "%s%s: cannot be set for one host, only for all (at the top level)",
					  t->prefix, option->name);
		else
			config_schema_set(t, option, pair->value);
	}
}

void config_schema_strangers(const struct config_target *t, const struct config_node *map)
{
	for (size_t i = 0; map && map->kind == CONFIG_MAP && i < map->count; i++)
		if (!config_schema_find(t, map->pairs[i].key->text))
			report_unknown(t, map->pairs[i].key);
}

bool config_schema_complete(const struct config_target *t, const struct config_node *outer, const struct config_node *inner,
			    const struct config_node *where)
{
	bool complete = true;

	for (const struct cpl_option *o = t->options; o && o->name; o++) {
		struct cpl_str name = cpl_str_of(name_in(t, o));

		if (!(o->flags & CPL_REQUIRED) || !name.ptr || config_node_get(outer, name) || config_node_get(inner, name))
			continue;
		if (where)
			config_report_add(t->report, where, false, "%s%s must be given (%s)", t->prefix, o->name, o->summary);
		complete = false;
	}
	return complete;
}
