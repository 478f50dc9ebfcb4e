/* SPDX-License-Identifier: MIT */
/* What takes long of a driver: it opens (the first one at the start, others on a worker while the former one serves), and stores are declared to one that serves. */
#include "core/xmpp/store.h"

int64_t store_last_id(struct cpl_module *provider, const struct cpl_storage_service *service, const struct cpl_store *store)
{
	return store->kind == CPL_STORE_ARCHIVE ? service->last_id(provider, store) : 0;
}

/* ---- a driver opens ---- */

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
			opened->last_id = store_last_id(opening->provider, opening->service, &opened->table->store);
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

/* ---- stores are declared ---- */

static struct store_declaring *declared; /* each from its start to its finish, in this order */

void store_declaring_add(struct store_declaring *declaring, const struct cpl_store *const *stores)
{
	unsigned columns;

	for (; stores && *stores; stores++) {
		/* What is wrong with it is for store_declare() to say. */
		if (store_check(*stores, NULL, &columns, NULL) != 0 || store_is_ready(*stores))
			continue;
		declaring->stores = cpl_realloc(declaring->stores, (declaring->count + 1) * sizeof(*declaring->stores));
		declaring->stores[declaring->count++] = (struct store_declared){.store = *stores};
	}
}

/* A worker's. */
static void declaring_work(struct worker_job *job)
{
	struct store_declaring *declaring = CPL_CONTAINER(job, struct store_declaring, job);
	struct account_current before = account_now;

	account_now = (struct account_current){declaring->account, declaring->provider, 0};
	for (size_t i = 0; i < declaring->count && (i == 0 || !declaring->stores[i - 1].code); i++) {
		struct store_declared *of = &declaring->stores[i];

		of->code = declaring->service->declare(declaring->provider, of->store, &declaring->error);
		if (!of->code)
			of->last_id = store_last_id(declaring->provider, declaring->service, of->store);
		of->tried = true;
	}
	account_now = before;
}

/* One at a time, as a driver may expect. */
static void start_next(void)
{
	struct store_declaring *next = declared;

	while (next && !next->pending)
		next = next->next;
	if (!next || next->working)
		return;
	next->working = true;
	worker_start(&next->job);
}

static void declaring_done(struct worker_job *job)
{
	struct store_declaring *declaring = CPL_CONTAINER(job, struct store_declaring, job);

	declaring->account->jobs--;
	declaring->pending = declaring->working = false;
	start_next();
	store_declaring_over();
	declaring->done(declaring);
}

bool store_declaring_busy(const struct cpl_module *provider)
{
	for (const struct store_declaring *of = declared; of; of = of->next)
		if (of->pending && of->provider == provider)
			return true;
	return false;
}

bool store_declaring_start(struct store_declaring *declaring)
{
	struct store_declaring **last = &declared;

	declaring->service = store_driver(&declaring->provider);
	if (declaring->count == 0 || !declaring->service || !STORE_DRIVER_HAS(declaring->service, declares_while_serving))
		return false;
	declaring->account = account_of_module && declaring->provider ? account_of_module(declaring->provider) : account_core();
	declaring->job.work = declaring_work;
	declaring->job.done = declaring_done;
	declaring->account->jobs++;
	declaring->pending = true;
	declaring->next = NULL;
	while (*last)
		last = &(*last)->next;
	*last = declaring;
	start_next();
	return true;
}

bool store_declaring_counts(const struct store_declaring *declaring)
{
	struct cpl_module *provider;

	store_driver(&provider);
	return declaring->provider == provider;
}

void store_declaring_finish(struct store_declaring *declaring)
{
	struct store_declaring **at = &declared;

	while (*at && *at != declaring)
		at = &(*at)->next;
	if (*at)
		*at = declaring->next;
	CPL_FREE(declaring->stores);
	declaring->count = 0;
}

const struct store_declared *store_declared_find(const struct cpl_module *provider, const struct cpl_store *store, struct cpl_error *error)
{
	/* What is pending is its worker's. */
	for (const struct store_declaring *of = declared; of; of = of->next)
		for (size_t i = 0; !of->pending && of->provider == provider && i < of->count; i++)
			if (of->stores[i].store == store && of->stores[i].tried) {
				if (of->stores[i].code)
					*error = of->error;
				return &of->stores[i];
			}
	return NULL;
}
