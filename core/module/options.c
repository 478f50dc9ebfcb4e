/* SPDX-License-Identifier: MIT */
/* The options struct of one module: made on its own, compared, carried over. */
#include "core/config/sections.h"
#include "core/config/schema.h"
#include "core/module/module.h"

struct fault_place {
	struct config_report *report;
	const struct config_node *outer, *inner, *where;
	const char *prefix;
};

static void on_fault(void *data, const char *option, const char *text)
{
	struct fault_place *place = data;
	const struct config_pair *pair = option ? config_node_pair(place->inner, cpl_str_of(option)) : NULL;

	if (!pair && option)
		pair = config_node_pair(place->outer, cpl_str_of(option));
	config_report_add(place->report, pair ? pair->key : place->where, false, "%s%s: %s", place->prefix, option ? option : "", text);
}

static bool is_listed(const struct config *config, struct cpl_str name)
{
	for (size_t h = 0; h < config->host_count; h++)
		for (size_t i = 0; i < config->hosts[h].module_count; i++)
			if (cpl_str_equal(config->hosts[h].modules[i], name))
				return true;
	return false;
}

int options_make(const struct config *config, const struct cpl_descriptor *descriptor, const struct config_host *host,
		 struct cpl_arena *arena, const void **values, struct cpl_error *error)
{
	struct cpl_str name = cpl_str_of(descriptor->name);
	struct config_report report = {0};
	struct fault_place place = {
		.report = &report,
		.outer = config_node_get(config->tree, name),
		.inner = host && host->section ? config_node_get(host->section, name) : NULL,
		.where = config_module_place(config, name),
		.prefix = cpl_arena_printf(arena, "%s.", descriptor->name).ptr,
	};
	/* The global struct need not be complete where every host has its own: as config_judge() has it. */
	const struct config_node *incomplete = host || !is_listed(config, name) ? place.where : NULL;
	void *made = cpl_arena_alloc(arena, descriptor->config_size + 1);
	struct config_target target = {descriptor->options, place.prefix, NULL, made, arena, &report, NULL, false};
	const struct config_fault *first = NULL;

	config_schema_defaults(&target, place.where);
	target.beside = config_core_group(name);
	config_schema_apply(&target, place.outer, false);
	target.beside = NULL;
	config_schema_apply(&target, place.inner, true);
	if (config_schema_complete(&target, place.outer, place.inner, incomplete) && report.errors == 0 && descriptor->check)
		descriptor->check(made, host ? host->name : CPL_NONE, on_fault, &place);
	for (size_t i = 0; i < report.count && !first; i++)
		if (!report.faults[i].warning)
			first = &report.faults[i];
	if (first)
		cpl_fail(error, CPL_E_INVALID, "%s:%d: %s", first->file ? first->file : config->path, first->line, first->text);
	else
		*values = made;
	config_report_finish(&report);
	return first ? CPL_E_INVALID : 0;
}

static bool lists_equal(const struct cpl_str_list *a, const struct cpl_str_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!cpl_str_equal(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool enums_equal(const struct cpl_enum_list *a, const struct cpl_enum_list *b)
{
	return a->count == b->count && (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

static bool value_equal(const struct cpl_option *o, const void *left, const void *right)
{
	const void *a = (const char *)left + o->offset, *b = (const char *)right + o->offset;
	const struct cpl_str *x = a, *y = b;

	switch (o->kind) {
	case CPL_OPTION_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CPL_OPTION_INT:
	case CPL_OPTION_TIME:
	case CPL_OPTION_SIZE:
		return *(const int64_t *)a == *(const int64_t *)b;
	case CPL_OPTION_ENUM:
		return *(const int *)a == *(const int *)b;
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		return !x->ptr == !y->ptr && cpl_str_equal(*x, *y);
	case CPL_OPTION_JID:
		return cpl_str_equal(cpl_jid_str(*(const struct cpl_jid *)a), cpl_jid_str(*(const struct cpl_jid *)b));
	case CPL_OPTION_LIST:
		return lists_equal(a, b);
	case CPL_OPTION_ENUMS:
		return enums_equal(a, b);
	}
	return true;
}

bool options_equal(const struct cpl_option *options, const void *a, const void *b)
{
	for (const struct cpl_option *o = options; o && o->name && a != b; o++)
		if (!value_equal(o, a, b))
			return false;
	return true;
}

static struct cpl_str copy_str(struct cpl_arena *arena, struct cpl_str s)
{
	return s.ptr ? cpl_arena_copy(arena, s) : CPL_NONE;
}

static void copy_value(const struct cpl_option *o, const void *from, void *to, struct cpl_arena *arena)
{
	const void *a = (const char *)from + o->offset;
	void *b = (char *)to + o->offset;

	switch (o->kind) {
	case CPL_OPTION_BOOL:
		*(bool *)b = *(const bool *)a;
		return;
	case CPL_OPTION_INT:
	case CPL_OPTION_TIME:
	case CPL_OPTION_SIZE:
		*(int64_t *)b = *(const int64_t *)a;
		return;
	case CPL_OPTION_ENUM:
		*(int *)b = *(const int *)a;
		return;
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		*(struct cpl_str *)b = copy_str(arena, *(const struct cpl_str *)a);
		return;
	case CPL_OPTION_JID: {
		struct cpl_jid jid = *(const struct cpl_jid *)a;

		/* A JID is its text and the lengths of the parts. */
		if (jid.text)
			jid.text = cpl_arena_copy(arena, cpl_jid_str(jid)).ptr;
		*(struct cpl_jid *)b = jid;
		return;
	}
	case CPL_OPTION_LIST: {
		const struct cpl_str_list *list = a;
		struct cpl_str *items = cpl_arena_alloc(arena, (list->count + 1) * sizeof(*items));

		for (size_t i = 0; i < list->count; i++)
			items[i] = copy_str(arena, list->items[i]);
		*(struct cpl_str_list *)b = (struct cpl_str_list){items, list->count};
		return;
	}
	case CPL_OPTION_ENUMS: {
		const struct cpl_enum_list *list = a;
		int *items = cpl_arena_alloc(arena, (list->count + 1) * sizeof(*items));

		for (size_t i = 0; i < list->count; i++)
			items[i] = list->items[i];
		*(struct cpl_enum_list *)b = (struct cpl_enum_list){items, list->count};
		return;
	}
	}
}

void options_carry(const struct cpl_descriptor *descriptor, const void *before, const void *now, struct cpl_arena *arena, struct cpl_buf *names)
{
	for (const struct cpl_option *o = descriptor->options; o && o->name && before && now; o++) {
		if (o->flags & CPL_RELOADABLE || value_equal(o, before, now))
			continue;
		if (names)
			cpl_buf_addf(names, "%s.%s\n", descriptor->name, o->name);
		/* Nobody has seen the new struct yet; it is const for those who will. */
		if (arena)
			copy_value(o, before, (void *)now, arena);
	}
}
