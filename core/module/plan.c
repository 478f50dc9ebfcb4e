/* SPDX-License-Identifier: MIT */
/* The order of modules, and whether their needs are met. */
#include "core/module/module.h"

#include <stdlib.h>

static int compare_names(const void *left, const void *right)
{
	const struct cpl_module *const *a = left, *const *b = right;

	return strcmp((*a)->descriptor.name, (*b)->descriptor.name);
}

/* True when somebody in list[from..count) provides what `module` needs. */
static bool waits_for(const struct cpl_module *module, struct cpl_module *const *list, size_t from, size_t count, bool optional_too)
{
	for (const struct cpl_need_row *row = module->descriptor.needs; row && row->ref; row++)
		for (size_t i = from; i < count && (optional_too || !row->optional); i++)
			if (list[i] != module && descriptor_provides(&list[i]->descriptor, row->ref->name, row->ref->version))
				return true;
	return false;
}

static void move_to(struct cpl_module **list, size_t to, size_t from)
{
	struct cpl_module *module = list[from];

	memmove(&list[to + 1], &list[to], (from - to) * sizeof(*list));
	list[to] = module;
}

static bool place_next(struct cpl_module **list, size_t placed, size_t count, bool optional_too)
{
	for (size_t i = placed; i < count; i++)
		if (!waits_for(list[i], list, placed, count, optional_too)) {
			move_to(list, placed, i);
			return true;
		}
	return false;
}

int plan_order(struct cpl_module **list, size_t count, const struct cpl_module *first, struct cpl_error *error)
{
	size_t placed = 0;

	qsort(list, count, sizeof(*list), compare_names);
	for (size_t i = 0; first && i < count; i++)
		if (list[i] == first)
			move_to(list, placed++, i);
	for (; placed < count; placed++)
		/* A wish gives way in a circle, a need does not. */
		if (!place_next(list, placed, count, true) && !place_next(list, placed, count, false))
			return cpl_fail(error, CPL_E_INVALID, "the modules %s and %s need each other", list[placed]->descriptor.name,
					list[placed + 1]->descriptor.name);
	return 0;
}

const struct cpl_need_row *plan_unmet(const struct cpl_module *module, struct cpl_module *const *list, size_t count)
{
	for (const struct cpl_need_row *row = module->descriptor.needs; row && row->ref; row++) {
		bool met = row->optional;

		for (size_t i = 0; i < count && !met; i++)
			met = descriptor_provides(&list[i]->descriptor, row->ref->name, row->ref->version) != NULL;
		if (!met)
			return row;
	}
	return NULL;
}

/* Does another running module than `module` provide the service on the host? */
static bool provided_otherwise(const struct cpl_host *host, const struct cpl_service_ref *ref, const struct cpl_module *module)
{
	CPL_LIST_EACH(node, &modules.running)
		if (module_of(node) != module && module_host_of(module_of(node), host) &&
		    descriptor_provides(&module_of(node)->descriptor, ref->name, ref->version))
			return true;
	return false;
}

static bool depends(const struct cpl_module *user, const struct cpl_module *module, const struct cpl_module *instead)
{
	for (const struct cpl_need_row *row = user->descriptor.needs; row && row->ref; row++) {
		if (row->optional || !descriptor_provides(&module->descriptor, row->ref->name, row->ref->version) ||
		    (instead && descriptor_provides(&instead->descriptor, row->ref->name, row->ref->version)))
			continue;
		for (size_t i = 0; i < user->host_count; i++)
			if (module_host_of(module, user->hosts[i].host) && !provided_otherwise(user->hosts[i].host, row->ref, module))
				return true;
	}
	return false;
}

const char *plan_dependent(const struct cpl_module *module, const struct cpl_module *instead)
{
	CPL_LIST_EACH(node, &modules.running)
		if (module_of(node) != module && depends(module_of(node), module, instead))
			return module_of(node)->descriptor.name;
	return NULL;
}
