/* SPDX-License-Identifier: MIT */
/* Services: their names as ids, and finding the provider of a host. */
#include "core/hook/table.h"

#include <couplet/memory.h>

static char **names; /* names[id - 1]; they stay for the life of the process */
static uint32_t name_count;

uint32_t service_id(const char *name)
{
	struct account_visit visit;

	for (uint32_t i = 0; i < name_count; i++)
		if (strcmp(names[i], name) == 0)
			return i + 1;
	visit = account_enter(NULL, NULL, ACCOUNT_IN_SERVICE);
	names = cpl_realloc(names, (name_count + 1) * sizeof(*names));
	names[name_count++] = cpl_strdup(cpl_str_of(name));
	account_leave(&visit);
	return name_count;
}

uint32_t service_id_count(void)
{
	return name_count;
}

const void *cpl_service_find(struct cpl_host *host, const struct cpl_service_ref *ref, struct cpl_module **provider)
{
	const struct dispatch *d = dispatch_of(host);
	const struct table_service *service;

	if (!d || ref->id >= d->service_count)
		return NULL;
	service = &d->services[ref->id];
	if (!service->service || service->version < ref->version)
		return NULL;
	if (provider)
		*provider = service->provider;
	return service->service;
}
