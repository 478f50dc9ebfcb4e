/* SPDX-License-Identifier: MIT */
/* What export and import share: names, and the modules that take part. */
#include "core/admin/transfer.h"
#include "core/module/manager.h"
#include "core/xml/names.h"

struct cpl_name transfer_user = {TRANSFER_NS, "user", 0, 0}, transfer_disabled = {TRANSFER_COUPLET_NS, "disabled", 0, 0};

void transfer_names(void)
{
	names_add(&transfer_user);
	names_add(&transfer_disabled);
}

void transfer_modules_of(struct transfer_modules *out, const struct cpl_host *host, struct cpl_arena *arena)
{
	struct cpl_module *module;
	size_t at = 0;

	*out = (struct transfer_modules){0};
	while (manager_next(&at))
		out->count++;
	out->names = cpl_arena_alloc(arena, (out->count + 1) * sizeof *out->names);
	out->count = 0;
	for (at = 0; (module = manager_next(&at));)
		if (manager_descriptor(module)->transfers && manager_on_host(module, host))
			out->names[out->count++] = cpl_arena_copy(arena, cpl_str_of(cpl_module_name(module))).ptr;
}

struct cpl_module *transfer_module(const char *name, const struct cpl_host *host)
{
	struct cpl_module *module = manager_find(cpl_str_of(name));

	return module && manager_on_host(module, host) ? module : NULL;
}
