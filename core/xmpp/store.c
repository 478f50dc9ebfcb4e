/* SPDX-License-Identifier: MIT */
/* Stores and their driver: declarations, the way of a request to the driver and back. */
#include "core/xmpp/store.h"
#include "core/base/count.h"
#include "core/base/metric.h"
#include "core/loop/worker.h"

#include <couplet/log.h>
#include <couplet/map.h>
#include <couplet/time.h>

#include <assert.h>
#include <time.h>

/* A clock that is this far behind the newest row was set back, or was wrong when the row was written. */
#define CLOCK_BEHIND_MS 60000

static struct {
	struct cpl_map tables; /* name -> struct store_table, the newest shape */
	struct cpl_module *provider;
	const struct cpl_storage_service *service;
	unsigned generation;
	size_t at_driver; /* requests that the present driver has */
	size_t at_former; /* requests that drivers before it still have */
	struct cpl_list waiting;
	size_t waiting_count;
	struct loop_hook hook; /* while in_turn: the driver has got requests in this turn */
	bool in_turn;
	struct former *formers; /* whose requests are not all back */
} storage = {.waiting = {&storage.waiting, &storage.waiting}};

/* A driver that another has replaced: it stays in memory until it has left. */
struct former {
	struct worker_job job;
	struct cpl_module *provider;
	const struct cpl_storage_service *service;
	struct account *account;
	struct former *next;
};

struct account *store_memory_enter(void)
{
	struct account *before = account_now.account;

	account_now.account = account_core();
	return before;
}

void store_memory_leave(struct account *before)
{
	account_now.account = before;
}

static struct metric *latency; /* made by the first request */

struct account_visit store_driver_enter(struct cpl_module *provider)
{
	return account_enter(account_of_module && provider ? account_of_module(provider) : NULL, provider, ACCOUNT_IN_STORE);
}

/* ---- declarations ---- */

static bool same_shape(const struct store_table *table, const struct cpl_store *store, unsigned columns)
{
	if (table->columns != columns || table->store.version != store->version)
		return false;
	for (unsigned i = 0; i < columns; i++)
		if (table->store.columns[i].type != store->columns[i].type || table->store.columns[i].indexed != store->columns[i].indexed ||
		    strcmp(table->store.columns[i].name, store->columns[i].name) != 0)
			return false;
	return true;
}

bool store_is_ready(const struct cpl_store *store)
{
	const struct store_table *table = cpl_map_get(&storage.tables, cpl_str_of(store->name));
	unsigned columns = 0;

	while (store->columns && store->columns[columns].name)
		columns++;
	return table && !table->missing && same_shape(table, store, columns);
}

static struct store_table *table_create(const struct cpl_store *store, unsigned columns)
{
	struct store_table *table = CPL_NEW(struct store_table);
	struct cpl_column *copy = cpl_alloc((columns + 1) * sizeof(*copy));

	table->columns = columns;
	table->store = (struct cpl_store){cpl_strdup(cpl_str_of(store->name)), store->kind, store->version, copy, NULL};
	for (unsigned i = 0; i < columns; i++) {
		copy[i] = store->columns[i];
		copy[i].name = cpl_strdup(cpl_str_of(store->columns[i].name));
	}
	return table;
}

static void table_destroy(struct store_table *table)
{
	for (const struct cpl_column *column = table->store.columns; column->name; column++)
		cpl_free((void *)column->name);
	cpl_free((void *)table->store.columns);
	cpl_free((void *)table->store.name);
	cpl_free(table);
}

static void last_id_take(struct store_table *table, int64_t last)
{
	if (last / 1000 > cpl_now() + CLOCK_BEHIND_MS)
		cpl_log_warn("newest row of a store is from the future, was the clock set back? store=%s seconds=%lld", table->store.name, (long long)(last / 1000 - cpl_now()) / 1000);
	if (last > table->last_id)
		table->last_id = last;
}

/* The driver has declared it. */
static void table_know(const struct cpl_store *store, unsigned columns, int64_t last_id)
{
	struct store_table *table = cpl_map_get(&storage.tables, cpl_str_of(store->name));

	if (!table || !same_shape(table, store, columns)) {
		struct account *before = store_memory_enter();
		struct store_table *fresh = table_create(store, columns);

		fresh->older = table;
		fresh->last_id = table ? table->last_id : 0;
		cpl_map_put(&storage.tables, cpl_str_of(fresh->store.name), fresh);
		table = fresh;
		store_memory_leave(before);
	}
	table->missing = false;
	last_id_take(table, last_id);
}

static int declare_now(const struct cpl_store *store, int64_t *last_id, struct cpl_error *error)
{
	struct account_visit visit = store_driver_enter(storage.provider);
	int code = storage.service->declare(storage.provider, store, error);

	if (!code)
		*last_id = store_last_id(storage.provider, storage.service, store);
	account_leave(&visit);
	return code;
}

int store_declare(const struct cpl_store *store, struct cpl_error *error)
{
	const struct store_declared *declared;
	unsigned columns = 0;
	int64_t last_id = 0;
	int code = store_check(store, cpl_map_get(&storage.tables, cpl_str_of(store->name ? store->name : "")), &columns, error);

	if (code)
		return code;
	if (!storage.service)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "the store %s needs a storage driver, and none is loaded", store->name);
	if (store_is_ready(store))
		return 0;
	declared = store_declared_find(storage.provider, store, error);
	if (declared) {
		code = declared->code;
		last_id = declared->last_id;
	} else if (store_declaring_busy(storage.provider)) {
		code = cpl_fail(error, CPL_E_BUSY, "the storage driver is making another store ready; try again when that is done");
	} else {
		code = declare_now(store, &last_id, error);
	}
	if (!code)
		table_know(store, columns, last_id);
	return code;
}

const struct cpl_storage_service *store_driver(struct cpl_module **provider)
{
	*provider = storage.provider;
	return storage.service;
}

struct store_table *store_table_of(const struct cpl_store *store)
{
	struct store_table *table = cpl_map_get(&storage.tables, cpl_str_of(store->name));
	unsigned columns = 0;

	/* A former generation of a module may still speak of the shape that it declared. */
	while (store->columns && store->columns[columns].name)
		columns++;
	while (table && table->columns != columns)
		table = table->older;
	return table;
}

struct store_table *store_table_next(size_t *at)
{
	return cpl_map_next(&storage.tables, at);
}

struct store_table *store_table_newest(const struct store_table *table)
{
	return cpl_map_get(&storage.tables, cpl_str_of(table->store.name));
}

/* ---- the driver ---- */

int store_check_driver(struct cpl_module *provider, const struct cpl_storage_service *service, const struct store_opening *opening,
		       struct cpl_error *error)
{
	struct account_visit visit = store_driver_enter(provider);
	struct store_table *table;
	size_t at = 0;
	int code = 0;

	while ((table = cpl_map_next(&storage.tables, &at)))
		table->ready = NULL;
	for (size_t i = 0; opening && i < opening->count; i++) {
		opening->stores[i].table->ready = provider;
		opening->stores[i].table->ready_last_id = opening->stores[i].last_id;
	}
	for (at = 0; !code && (table = cpl_map_next(&storage.tables, &at));) {
		if (table->ready)
			continue;
		code = service->declare(provider, &table->store, error);
		if (code)
			break;
		table->ready = provider;
		table->ready_last_id = store_last_id(provider, service, &table->store);
	}
	account_leave(&visit);
	return code;
}

static struct former *former_create(struct cpl_module *provider, const struct cpl_storage_service *service)
{
	struct former *former = CPL_NEW(struct former);

	former->provider = provider;
	former->service = service;
	former->account = account_of_module(provider);
	former->account->jobs++;
	return former;
}

static void former_add(struct cpl_module *provider, const struct cpl_storage_service *service)
{
	struct former *former;

	if (!account_of_module || !provider)
		return;
	former = former_create(provider, service);
	former->next = storage.formers;
	storage.formers = former;
}

static void former_leave(struct worker_job *job)
{
	const struct former *former = CPL_CONTAINER(job, struct former, job);

	if (STORE_DRIVER_HAS(former->service, leave))
		former->service->leave(former->provider);
}

static void former_left(struct worker_job *job)
{
	struct former *former = CPL_CONTAINER(job, struct former, job);

	former->account->jobs--;
	cpl_free(former);
}

static void former_start(struct former *former)
{
	former->job.work = former_leave;
	former->job.done = former_left;
	worker_start(&former->job);
}

/* All requests of former drivers are back. One to which a worker still declares stores leaves when that is done. */
static void formers_leave(void)
{
	struct former **at = &storage.formers, *former;

	while ((former = *at)) {
		if (store_declaring_busy(former->provider)) {
			at = &former->next;
			continue;
		}
		*at = former->next;
		former_start(former);
	}
}

void store_declaring_over(void)
{
	if (storage.at_former == 0)
		formers_leave();
}

void store_drop_driver(struct cpl_module *provider, const struct cpl_storage_service *service)
{
	former_start(former_create(provider, service));
}

/* At the end of a turn in which the driver was given something. */
static void turn_submitted(struct loop_hook *end_of_turn)
{
	struct account_visit visit;

	if (end_of_turn) {
		loop_hook_remove(end_of_turn);
		storage.in_turn = false;
	}
	if (!storage.service || !STORE_DRIVER_HAS(storage.service, submitted))
		return;
	visit = store_driver_enter(storage.provider);
	storage.service->submitted(storage.provider);
	account_leave(&visit);
}

static void job_submit(struct store_job *job)
{
	struct account_visit visit;

	job->generation = storage.generation;
	storage.at_driver++;
	visit = store_driver_enter(storage.provider);
	storage.service->submit(storage.provider, &job->request);
	account_leave(&visit);
	if (!loop_turning()) {
		turn_submitted(NULL);
	} else if (!storage.in_turn) {
		storage.in_turn = true;
		loop_hook_add(&storage.hook, turn_submitted);
	}
}

static void job_done(struct loop_task *task);

/* Ends a job that no driver has. */
static void job_refuse(struct store_job *job, int code, const char *text)
{
	job->request.status = cpl_fail(&job->request.error, code, "%s", text);
	storage.at_driver++;
	job->generation = storage.generation;
	job->task.run = job_done;
	loop_post(&job->task);
}

static void waiting_submit(void)
{
	struct cpl_list *node;

	while ((node = cpl_list_take(&storage.waiting))) {
		struct store_job *job = CPL_CONTAINER(node, struct store_job, waiting);

		storage.waiting_count--;
		if (storage.service)
			job_submit(job);
		else
			job_refuse(job, CPL_E_STOPPING, "the storage driver has gone");
	}
}

static void table_hand_over(struct store_table *table)
{
	struct cpl_error error = {0};

	if (table->ready != storage.provider) {
		table->missing = storage.service->declare(storage.provider, &table->store, &error) != 0;
		if (table->missing) {
			cpl_log_error("storage driver cannot keep a store store=%s reason=\"%s\"", table->store.name, error.text);
			return;
		}
		table->ready_last_id = store_last_id(storage.provider, storage.service, &table->store);
	}
	table->missing = false;
	table->ready = NULL;
	last_id_take(table, table->ready_last_id);
}

void store_set_driver(struct cpl_module *provider, const struct cpl_storage_service *service)
{
	struct store_table *table;
	size_t at = 0;

	if (storage.in_turn)
		turn_submitted(&storage.hook);
	if (service && storage.service)
		former_add(storage.provider, storage.service);
	storage.at_former += storage.at_driver;
	storage.at_driver = 0;
	storage.generation++;
	storage.provider = provider;
	storage.service = service;
	if (service) {
		struct account_visit visit = store_driver_enter(provider);

		while ((table = cpl_map_next(&storage.tables, &at)))
			table_hand_over(table);
		account_leave(&visit);
	}
	if (storage.at_former == 0) {
		formers_leave();
		waiting_submit();
	}
}

size_t store_pending(void)
{
	return storage.at_driver + storage.at_former + storage.waiting_count;
}

void store_finish(void)
{
	struct store_table *table, *older;
	size_t at = 0;

	assert(store_pending() == 0);
	if (storage.in_turn)
		loop_hook_remove(&storage.hook);
	storage.in_turn = false;
	while ((table = cpl_map_next(&storage.tables, &at)))
		for (; table; table = older) {
			older = table->older;
			table_destroy(table);
		}
	cpl_map_finish(&storage.tables);
	metric_unref(&latency);
	storage.provider = NULL;
	storage.service = NULL;
}

/* ---- requests ---- */

struct store_job *store_job_create(void)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct store_job *job = cpl_arena_alloc(arena, sizeof(*job));

	job->request.arena = arena;
	return job;
}

void store_job_destroy(struct store_job **job)
{
	struct cpl_arena *arena;

	if (!*job)
		return;
	arena = (*job)->request.arena;
	*job = NULL;
	cpl_arena_destroy(&arena);
}

/* impl[0]: the job, until the call is cancelled. impl[1]: the user's callback. */
static void call_cancelled(struct cpl_call *call)
{
	struct cpl_store_call *request = CPL_CONTAINER(call, struct cpl_store_call, call);
	struct store_job *job = request->impl[0];

	job->call = NULL;
	request->impl[0] = NULL;
}

/* The user's callback may free the call: afterwards only the job is known. */
static void call_fired(struct cpl_call *call)
{
	struct cpl_store_call *request = CPL_CONTAINER(call, struct cpl_store_call, call);
	struct store_job *job = request->impl[0];
	void (*done)(struct cpl_call *) = (void (*)(struct cpl_call *))request->impl[1];

	request->impl[0] = request->impl[1] = NULL;
	done(call);
	store_job_destroy(&job);
}

static int64_t microseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* From the request of a module to the answer, with the wait for a driver. */
static void job_measure(const struct store_job *job)
{
	static const int64_t bounds[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000};

	if (!latency)
		latency = metric_ref_histogram("couplet_storage_latency_microseconds", "Time from a storage request to its answer.", NULL, 0,
					       bounds, sizeof(bounds) / sizeof(bounds[0]));
	metric_observe(latency, microseconds() - job->started_us);
	count_add(COUNT_STORAGE_REQUESTS, 1);
	count_add(COUNT_STORAGE_READS, !job->request.write);
	if (job->request.status < 0 && job->request.status != CPL_E_NOT_FOUND)
		count_add(COUNT_STORAGE_FAILURES, 1);
}

/* Whether the time is up is ours to say: the session thread's clock counts. */
static void states_judge(struct cpl_store_request *request)
{
	bool accounts = request->steps && (request->steps->op == CPL_OP_ACCOUNT_GET || request->steps->op == CPL_OP_ACCOUNT_LIST);

	for (size_t i = 0; accounts && i < request->count; i++)
		if (request->rows[i].disabled && request->rows[i].id && request->rows[i].id <= cpl_now()) {
			request->rows[i].disabled = false;
			request->rows[i].id = 0;
		}
}

static void job_done(struct loop_task *task)
{
	struct store_job *job = CPL_CONTAINER(task, struct store_job, task);
	struct cpl_store_call *call = job->call;

	job_measure(job);
	states_judge(&job->request);
	if (job->generation == storage.generation)
		storage.at_driver--;
	else
		storage.at_former--;
	if (call) {
		call->rows = job->request.rows;
		call->count = job->request.count;
		call->complete = job->request.complete;
		call->total = job->request.total;
		call->error = job->request.error.text[0] ? job->request.error.text : cpl_code_text(job->request.status);
		cpl_call_complete(&call->call, job->request.status);
	} else {
		store_job_destroy(&job);
	}
	if (storage.at_former == 0) {
		formers_leave();
		waiting_submit();
	}
}

void cpl_store_finished(struct cpl_store_request *request)
{
	struct store_job *job = CPL_CONTAINER(request, struct store_job, request);

	job->task.run = job_done;
	loop_post(&job->task);
}

void cpl_store_finished_all(struct cpl_store_request *first)
{
	struct loop_task *chain = NULL, **link = &chain;

	for (struct cpl_store_request *request = first; request; request = request->next) {
		struct store_job *job = CPL_CONTAINER(request, struct store_job, request);

		job->task.run = job_done;
		*link = &job->task;
		link = &job->task.next;
	}
	*link = NULL;
	loop_post_all(chain);
}

static bool job_has_tables(const struct store_job *job)
{
	for (const struct cpl_store_step *step = job->request.steps; step; step = step->next)
		if (step->store && CPL_CONTAINER(step->store, const struct store_table, store)->missing)
			return false;
	return true;
}

int store_job_start(struct store_job *job, struct cpl_store_call *call, struct cpl_scope *scope, void (*done)(struct cpl_call *call))
{
	int code = storage.service ? 0 : CPL_E_STOPPING;

	if (!code)
		code = cpl_call_begin(&call->call, scope, call_fired, call_cancelled);
	if (code) {
		store_job_destroy(&job);
		return code;
	}
	call->rows = NULL;
	call->count = 0;
	call->complete = false;
	call->total = 0;
	call->error = cpl_code_text(CPL_E_CANCELLED); /* the one way to end that does not come through job_done() */
	call->impl[0] = job;
	call->impl[1] = (void *)done;
	job->call = call;
	job->started_us = microseconds();
	if (!job_has_tables(job)) {
		job_refuse(job, CPL_E_UNSUPPORTED, "the storage driver cannot keep this store");
	} else if (!job->request.steps) {
		job->task.run = job_done;
		job->generation = storage.generation;
		storage.at_driver++;
		loop_post(&job->task);
	} else if (storage.at_former > 0 || storage.waiting_count > 0) {
		cpl_list_append(&storage.waiting, &job->waiting);
		storage.waiting_count++;
	} else {
		job_submit(job);
	}
	return 0;
}
