/* SPDX-License-Identifier: MIT */
/* Drivers open: the first one at the start, others on a worker while the former one serves. */
#include "core/xmpp/store.h"

int64_t store_last_id(struct cpl_module *provider, const struct cpl_storage_service *service, const struct store_table *table)
{
	return table->store.kind == CPL_STORE_ARCHIVE ? service->last_id(provider, &table->store) : 0;
}

int store_open_driver(struct cpl_module *provider, const struct cpl_storage_service *service, struct cpl_error *error)
{
	struct account_visit visit;
	int code;

	if (!STORE_DRIVER_HAS(service, open))
		return 0;
	visit = store_driver_enter(provider);
	code = service->open(provider, error);
	account_leave(&visit);
	return code;
}

/* A worker's. What the stores' tables refer to never changes. */
static void opening_work(struct worker_job *job)
{
	struct store_opening *opening = CPL_CONTAINER(job, struct store_opening, job);
	struct account_current before = account_now;

	account_now = (struct account_current){opening->account, opening->provider, 0};
	opening->code = opening->service->open(opening->provider, &opening->error);
	for (size_t i = 0; !opening->code && i < opening->count; i++) {
		struct store_opened *opened = &opening->stores[i];

		opening->code = opening->service->declare(opening->provider, &opened->table->store, &opening->error);
		if (!opening->code)
			opened->last_id = store_last_id(opening->provider, opening->service, opened->table);
	}
	account_now = before;
}

static void opening_done(struct worker_job *job)
{
	struct store_opening *opening = CPL_CONTAINER(job, struct store_opening, job);

	opening->account->jobs--;
	opening->done(opening);
}

bool store_opening_start(struct store_opening *opening, struct cpl_module *provider, const struct cpl_storage_service *service)
{
	struct store_table *table;
	size_t at = 0, count = 0;

	if (!STORE_DRIVER_HAS(service, open))
		return false;
	opening->provider = provider;
	opening->service = service;
	opening->account = account_of_module && provider ? account_of_module(provider) : account_core();
	while (store_table_next(&at))
		count++;
	opening->stores = cpl_alloc((count + 1) * sizeof(*opening->stores));
	for (at = 0; (table = store_table_next(&at));)
		opening->stores[opening->count++].table = table;
	opening->job.work = opening_work;
	opening->job.done = opening_done;
	opening->account->jobs++;
	worker_start(&opening->job);
	return true;
}

void store_opening_finish(struct store_opening *opening)
{
	CPL_FREE(opening->stores);
	opening->count = 0;
}
