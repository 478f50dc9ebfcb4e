/* SPDX-License-Identifier: MIT */
/* The functions of <couplet/store.h> that modules call: batches and reads become self-contained requests. */
#include "core/xmpp/store.h"
#include "core/base/account.h"

#include <couplet/session.h>
#include <couplet/time.h>

/* At most this many rows of an archive per query. */
#define QUERY_MAX 1000

struct cpl_batch {
	struct store_job *job;
	struct cpl_store_step *last;
	size_t steps;
	int status; /* of the first step that was wrong */
	bool unmetered;
};

static struct cpl_str str_copy(struct cpl_arena *arena, struct cpl_str s)
{
	return s.ptr ? cpl_arena_copy(arena, s) : CPL_NONE;
}

static struct cpl_jid jid_copy(struct cpl_arena *arena, struct cpl_jid jid)
{
	if (cpl_jid_is_set(jid))
		jid.text = cpl_arena_copy(arena, cpl_jid_str(jid)).ptr;
	return jid;
}

/* ---- batches ---- */

struct cpl_batch *cpl_batch_create(void)
{
	struct account *before = store_memory_enter();
	struct store_job *job = store_job_create();
	struct cpl_batch *batch = cpl_arena_alloc(job->request.arena, sizeof(*batch));

	job->request.write = true;
	batch->job = job;
	store_memory_leave(before);
	return batch;
}

void cpl_batch_destroy(struct cpl_batch **batch)
{
	struct store_job *job = *batch ? (*batch)->job : NULL;

	*batch = NULL;
	store_job_destroy(&job);
}

size_t cpl_batch_steps(const struct cpl_batch *batch)
{
	return batch->steps;
}

/* The caller is inside store_memory_enter(). */
static struct cpl_store_step *step_add(struct cpl_batch *batch, enum cpl_store_op op, struct cpl_jid account)
{
	struct cpl_arena *arena = batch->job->request.arena;
	struct cpl_store_step *step = cpl_arena_alloc(arena, sizeof(*step));

	step->op = op;
	/* Rows in a run usually belong to one account. */
	account = cpl_jid_bare(account);
	if (batch->last && cpl_jid_equal(batch->last->account, account))
		step->account = batch->last->account;
	else
		step->account = jid_copy(arena, account);
	if (!cpl_jid_is_set(account) && !batch->status)
		batch->status = CPL_E_INVALID;
	if (batch->last)
		batch->last->next = step;
	else
		batch->job->request.steps = step;
	batch->last = step;
	batch->steps++;
	return step;
}

/* Sets the step's store; marks the batch as wrong when it was not declared or has another kind. */
static struct store_table *step_table(struct cpl_batch *batch, struct cpl_store_step *step,
				      const struct cpl_store *store)
{
	struct store_table *table = store_table_of(store);

	if (!table) {
		batch->status = batch->status ? batch->status : CPL_E_UNSUPPORTED;
		return NULL;
	}
	step->store = &table->store;
	step->columns = table->columns;
	return table;
}

static bool value_fits(const struct cpl_value *value, enum cpl_column_type type)
{
	return value->type == CPL_VALUE_NULL ||
	       (value->type == CPL_VALUE_INTEGER) == (type == CPL_COLUMN_INTEGER);
}

static void step_values(struct cpl_batch *batch, struct cpl_store_step *step, const struct cpl_value *values)
{
	struct cpl_arena *arena = batch->job->request.arena;

	step->values = cpl_arena_alloc(arena, step->columns * sizeof(*values));
	for (unsigned i = 0; i < step->columns; i++) {
		step->values[i] = values[i];
		if (!value_fits(&values[i], step->store->columns[i].type))
			batch->status = batch->status ? batch->status : CPL_E_INVALID;
		else if (values[i].type == CPL_VALUE_BYTES)
			step->values[i].bytes = cpl_arena_copy(arena, values[i].bytes);
	}
}

static void batch_require(struct cpl_batch *batch, bool right)
{
	if (!right && !batch->status)
		batch->status = CPL_E_INVALID;
}

static void row_write(struct cpl_batch *batch, enum cpl_store_op op, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key,
		      const struct cpl_value *values)
{
	struct account *before = store_memory_enter();
	struct cpl_store_step *step = step_add(batch, op, account);

	if (step_table(batch, step, store)) {
		batch_require(batch, store->kind != CPL_STORE_ARCHIVE &&
					    (store->kind == CPL_STORE_MAP) == (key.ptr != NULL));
		step->key = str_copy(batch->job->request.arena, key);
		step_values(batch, step, values);
	}
	store_memory_leave(before);
}

void cpl_batch_set(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key, const struct cpl_value *values)
{
	row_write(batch, CPL_OP_SET, store, account, key, values);
}

void cpl_batch_insert(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key, const struct cpl_value *values)
{
	row_write(batch, CPL_OP_INSERT, store, account, key, values);
}

void cpl_batch_expect(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, struct cpl_str key, const struct cpl_value *values)
{
	batch_require(batch, !batch->last || batch->last->op == CPL_OP_EXPECT);
	row_write(batch, CPL_OP_EXPECT, store, account, key, values);
}

void cpl_batch_remove(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account,
		      struct cpl_str key)
{
	struct account *before = store_memory_enter();
	struct cpl_store_step *step = step_add(batch, CPL_OP_REMOVE, account);

	if (step_table(batch, step, store)) {
		batch_require(batch,
			     store->kind == CPL_STORE_MAP || (store->kind == CPL_STORE_KEYVAL && !key.ptr));
		step->key = str_copy(batch->job->request.arena, key);
	}
	store_memory_leave(before);
}

static int64_t append(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, int64_t had, int64_t when, struct cpl_jid with,
		      const struct cpl_value *values)
{
	struct account *before = store_memory_enter();
	struct cpl_store_step *step = step_add(batch, CPL_OP_APPEND, account);
	struct store_table *table = step_table(batch, step, store);

	if (table) {
		batch_require(batch, store->kind == CPL_STORE_ARCHIVE);
		step->when = when;
		store_id_give(store_table_newest(table), step, had);
		if (cpl_jid_is_set(with))
			step->with = cpl_arena_copy(batch->job->request.arena, cpl_jid_str(with));
		step_values(batch, step, values);
	}
	store_memory_leave(before);
	return step->id;
}

int64_t cpl_batch_append(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account,
			 int64_t when, struct cpl_jid with, const struct cpl_value *values)
{
	return append(batch, store, account, 0, when, with, values);
}

void store_append_again(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, int64_t id, int64_t when,
			struct cpl_jid with, const struct cpl_value *values)
{
	append(batch, store, account, id, when, with, values);
}

void cpl_batch_purge(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account,
		     int64_t first, int64_t last)
{
	struct account *before = store_memory_enter();
	struct cpl_store_step *step = step_add(batch, CPL_OP_PURGE, account);

	if (step_table(batch, step, store)) {
		batch_require(batch, store->kind == CPL_STORE_ARCHIVE);
		step->id = first;
		step->last = last;
	}
	store_memory_leave(before);
}

/* The account itself; a host is none. */
static void account_write(struct cpl_batch *batch, enum cpl_store_op op, struct cpl_jid account, int64_t when, bool flag)
{
	struct account *before = store_memory_enter();
	struct cpl_store_step *step = step_add(batch, op, account);

	batch_require(batch, account.local_len > 0);
	step->when = when;
	step->flag = flag;
	store_memory_leave(before);
}

void cpl_batch_account_create(struct cpl_batch *batch, struct cpl_jid account)
{
	account_write(batch, CPL_OP_ACCOUNT_CREATE, account, cpl_now(), false);
}

void cpl_batch_account_remove(struct cpl_batch *batch, struct cpl_jid account)
{
	account_write(batch, CPL_OP_ACCOUNT_REMOVE, account, 0, false);
}

void cpl_batch_account_disable(struct cpl_batch *batch, struct cpl_jid account, bool disabled)
{
	account_write(batch, CPL_OP_ACCOUNT_DISABLE, account, 0, disabled);
}

void cpl_batch_account_disable_until(struct cpl_batch *batch, struct cpl_jid account, int64_t until)
{
	batch_require(batch, until > 0);
	account_write(batch, CPL_OP_ACCOUNT_DISABLE, account, until, true);
}

void cpl_batch_account_quota(struct cpl_batch *batch, struct cpl_jid account, int64_t bytes)
{
	account_write(batch, CPL_OP_ACCOUNT_QUOTA, account, 0, false);
	batch->last->quota = bytes < 0 ? -1 : bytes;
}

void cpl_batch_unmetered(struct cpl_batch *batch)
{
	batch->unmetered = true;
}

/* Hosts' own rows have no quota. */
static void quotas_set(struct cpl_batch *batch)
{
	for (struct cpl_store_step *step = batch->job->request.steps; step; step = step->next) {
		const struct cpl_host *host = step->store && step->account.local_len ? cpl_host_find(cpl_jid_domain(step->account)) : NULL;

		if (step->store)
			step->quota = batch->unmetered || !step->account.local_len ? -1 : host ? host->quota : 0;
	}
}

int cpl_batch_commit(struct cpl_store_call *request, struct cpl_scope *scope, struct cpl_batch **batch,
		     void (*done)(struct cpl_call *call))
{
	struct store_job *job = (*batch)->job;
	int status = (*batch)->status;

	quotas_set(*batch);
	*batch = NULL;
	if (status) {
		store_job_destroy(&job);
		return status;
	}
	return store_job_start(job, request, scope, done);
}

/* ---- reads ---- */

/* A job with one step; NULL and *code when the store is not as the operation needs it. store NULL: accounts.
 */
static struct store_job *read_create(enum cpl_store_op op, const struct cpl_store *store,
				     struct cpl_jid account, int *code)
{
	struct store_table *table = store ? store_table_of(store) : NULL;
	struct account *before;
	struct store_job *job;
	struct cpl_store_step *step;

	*code = store && !table ? CPL_E_UNSUPPORTED : !cpl_jid_is_set(account) ? CPL_E_INVALID : 0;
	if (*code)
		return NULL;
	before = store_memory_enter();
	job = store_job_create();
	step = cpl_arena_alloc(job->request.arena, sizeof(*step));
	job->request.steps = step;
	step->op = op;
	step->account = jid_copy(job->request.arena, cpl_jid_bare(account));
	if (table) {
		step->store = &table->store;
		step->columns = table->columns;
	}
	store_memory_leave(before);
	return job;
}

int cpl_store_get(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store,
		  struct cpl_jid account, struct cpl_str key, void (*done)(struct cpl_call *call))
{
	struct account *before;
	struct store_job *job;
	int code;

	if (store->kind == CPL_STORE_ARCHIVE || (store->kind == CPL_STORE_MAP) != (key.ptr != NULL))
		return CPL_E_INVALID;
	job = read_create(CPL_OP_GET, store, account, &code);
	if (!job)
		return code;
	before = store_memory_enter();
	job->request.steps->key = str_copy(job->request.arena, key);
	store_memory_leave(before);
	return store_job_start(job, request, scope, done);
}

int cpl_store_all(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store,
		  struct cpl_jid account, size_t limit, void (*done)(struct cpl_call *call))
{
	return cpl_store_page(request, scope, store, account, CPL_NONE, limit, done);
}

int cpl_store_page(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store, struct cpl_jid account,
		   struct cpl_str after, size_t limit, void (*done)(struct cpl_call *call))
{
	struct account *before;
	struct store_job *job;
	int code;

	if (store->kind != CPL_STORE_MAP || limit == 0)
		return CPL_E_INVALID;
	job = read_create(CPL_OP_ALL, store, account, &code);
	if (!job)
		return code;
	before = store_memory_enter();
	job->request.steps->key = str_copy(job->request.arena, after);
	store_memory_leave(before);
	job->request.steps->limit = limit;
	return store_job_start(job, request, scope, done);
}

static int archive_read(enum cpl_store_op op, struct cpl_store_call *request, struct cpl_scope *scope,
			const struct cpl_store *store, struct cpl_jid account,
			const struct cpl_archive_query *query, void (*done)(struct cpl_call *call))
{
	struct account *before;
	struct cpl_store_step *step;
	struct store_job *job;
	int code;

	if (store->kind != CPL_STORE_ARCHIVE)
		return CPL_E_INVALID;
	job = read_create(op, store, account, &code);
	if (!job)
		return code;
	step = job->request.steps;
	step->query = *query;
	step->limit = query->limit;
	before = store_memory_enter();
	step->query.with = jid_copy(job->request.arena, query->with);
	store_memory_leave(before);
	return store_job_start(job, request, scope, done);
}

int cpl_archive_query(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store,
		      struct cpl_jid account, const struct cpl_archive_query *query,
		      void (*done)(struct cpl_call *call))
{
	if (query->limit == 0 || query->limit > QUERY_MAX)
		return CPL_E_INVALID;
	return archive_read(CPL_OP_QUERY, request, scope, store, account, query, done);
}

int cpl_archive_count(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store,
		      struct cpl_jid account, const struct cpl_archive_query *query,
		      void (*done)(struct cpl_call *call))
{
	return archive_read(CPL_OP_COUNT, request, scope, store, account, query, done);
}

int cpl_account_get(struct cpl_store_call *request, struct cpl_scope *scope, struct cpl_jid account,
		    void (*done)(struct cpl_call *call))
{
	int code = account.local_len ? 0 : CPL_E_NOT_FOUND;
	struct store_job *job = code ? NULL : read_create(CPL_OP_ACCOUNT_GET, NULL, account, &code);

	return job ? store_job_start(job, request, scope, done) : code;
}

/* Of all accounts of a domain: the step's address is the domain, its key the localpart to begin behind. */
static int list_start(enum cpl_store_op op, struct cpl_store_call *request, struct cpl_scope *scope,
		      const struct cpl_store *store, struct cpl_str domain, struct cpl_str after, size_t limit,
		      void (*done)(struct cpl_call *call))
{
	struct account *before;
	struct store_job *job;
	int code;

	if (domain.len == 0 || domain.len > CPL_JID_PART_MAX || limit == 0)
		return CPL_E_INVALID;
	job = read_create(op, store, (struct cpl_jid){domain.ptr, 0, (uint16_t)domain.len, 0, 0}, &code);
	if (!job)
		return code;
	before = store_memory_enter();
	job->request.steps->key = str_copy(job->request.arena, after);
	store_memory_leave(before);
	job->request.steps->limit = limit;
	return store_job_start(job, request, scope, done);
}

int cpl_account_list(struct cpl_store_call *request, struct cpl_scope *scope, struct cpl_str domain,
		     struct cpl_str after, size_t limit, void (*done)(struct cpl_call *call))
{
	return list_start(CPL_OP_ACCOUNT_LIST, request, scope, NULL, domain, after, limit, done);
}

int cpl_store_list(struct cpl_store_call *request, struct cpl_scope *scope, const struct cpl_store *store,
		   struct cpl_str domain, struct cpl_str after, size_t limit, void (*done)(struct cpl_call *call))
{
	if (store->kind != CPL_STORE_KEYVAL)
		return CPL_E_INVALID;
	return list_start(CPL_OP_LIST, request, scope, store, domain, after, limit, done);
}
