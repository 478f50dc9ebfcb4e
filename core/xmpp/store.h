/* SPDX-License-Identifier: MIT */
/*
 * The core's side of <couplet/store.h>: which stores there are, which driver keeps them, and the requests
 * under way.
 *
 * A request is one batch of writes or one read; all its memory is in an arena of its own, charged to the
 * core, so that it may cross threads and outlive the module that made it. It is given to the driver, comes
 * back by cpl_store_finished() from any thread, and ends on the session thread in the callback of its call,
 * or silently when the call was cancelled meanwhile.
 *
 * One driver at a time. When another takes its place (a reload), requests that the former still has are
 * finished by it; new ones wait until the last of them is back, so that the order within an account holds.
 * All functions: session thread.
 */
#ifndef CORE_XMPP_STORE_H
#define CORE_XMPP_STORE_H

#include "core/base/account.h"
#include "core/loop/worker.h"
#include <couplet/store.h>

/*
 * Checks a declaration and has the driver make its table ready (blocking; see struct cpl_storage_service), unless it knows the store in this very shape, or a worker
 * has asked it (struct store_declaring). CPL_E_BUSY: a worker asks it of others now, and one thing is asked of a driver at a time.
 * For each store of a module, before the module's first call; there must be a driver (CPL_E_UNSUPPORTED).
 * Declaring again is fine, by the next generation of the module too, as long as the kind is the same
 * (CPL_E_CONFLICT). CPL_E_INVALID: the declaration is wrong. Rows stay when the module goes.
 */
int store_declare(const struct cpl_store *store, struct cpl_error *error);

/*
 * Stores that a worker declares while the driver serves, so that store_declare() finds them done, or failed, and need not wait. All zeros at first.
 */
struct store_declaring {
	void (*done)(struct store_declaring *declaring); /* set by the caller */
	struct worker_job job;
	struct cpl_module *provider;
	const struct cpl_storage_service *service;
	struct account *account; /* of the provider; its code stays until `done` */
	struct store_declared *stores;
	size_t count;
	struct cpl_error error; /* of the one that failed */
	bool pending;		/* started and not done: on a worker, or behind another that is */
	bool working;
	struct store_declaring *next;
};
/* Adds those that the driver does not know yet. The tables and their modules' code stay where they are until store_declaring_finish(). `stores`: ended by NULL; may be NULL. */
void store_declaring_add(struct store_declaring *declaring, const struct cpl_store *const *stores);
/* False: nothing was added, or the driver declares on the session thread only, and nothing begins; else `done` is called in a later turn. */
bool store_declaring_start(struct store_declaring *declaring);
/* When it is done: whether the driver that it has asked is still the one that serves. If not, store_declare() would ask that one. */
bool store_declaring_counts(const struct store_declaring *declaring);
/* Frees what it refers to: from now on what it has declared is declared again. For one that was never started, too. */
void store_declaring_finish(struct store_declaring *declaring);

/* Has a driver open what it needs (blocking), if it has a function for that: for the first driver, before store_set_driver(). */
int store_open_driver(struct cpl_module *provider, const struct cpl_storage_service *service, struct cpl_error *error);

/* A driver that gets ready on a worker to take another's place: it opens what it needs and declares every store that is in use. */
struct store_opening {
	void (*done)(struct store_opening *opening); /* set by the caller */
	int code;				      /* the result */
	struct cpl_error error;
	struct worker_job job;
	struct cpl_module *provider;
	const struct cpl_storage_service *service;
	struct account *account; /* of the provider; its code stays until `done` */
	struct store_opened *stores;
	size_t count;
};
/* False: the driver has no function for that, and nothing begins; else `done` is called in a later turn. The memory stays the caller's, until then untouched. */
bool store_opening_start(struct store_opening *opening, struct cpl_module *provider, const struct cpl_storage_service *service);
/* Frees what it refers to. For one that was never started, too. */
void store_opening_finish(struct store_opening *opening);

/*
 * Has another driver declare every store that is in use, but for those that `opening` (may be NULL) has declared, without switching to it: the step of a
 * reload that may fail. store_set_driver() then switches, cannot fail, and lets requests wait for the former driver as
 * described above. A driver that was not checked before is checked by it; a store that it cannot keep is
 * logged, and requests for it end with CPL_E_UNSUPPORTED. NULL, NULL: there is no driver any more: requests
 * that wait end with CPL_E_STOPPING, and calls are refused with it. The provider must stay valid until its
 * unload, which gives back what it has.
 */
int store_check_driver(struct cpl_module *provider, const struct cpl_storage_service *service, const struct store_opening *opening,
		       struct cpl_error *error);
/* A driver that was opened and does not take the other's place after all: its leave() runs on a worker. */
void store_drop_driver(struct cpl_module *provider, const struct cpl_storage_service *service);
void store_set_driver(struct cpl_module *provider, const struct cpl_storage_service *service);

/* Requests under way: at a driver, or waiting for one. For the drain at stop. */
size_t store_pending(void);

/* Forgets stores and driver. Nothing may be pending. */
void store_finish(void);

/* ---- between store.c and the other files of stores ---- */

/* A store as the core knows it. Never freed before store_finish(): requests point to `store`, which is the
 * core's own copy. */
struct store_table {
	struct cpl_store store; /* without migrate */
	unsigned columns;
	int64_t last_id;	   /* of archives: the last one given out */
	bool missing;		   /* the present driver could not declare it */
	const struct cpl_module *ready; /* the driver to come that has declared it */
	int64_t ready_last_id;		/* what that one says */
	struct store_table *older; /* former shapes of the same name */
};

/* A request and what the core knows of it; lives in request.arena. */
struct store_job {
	struct cpl_store_request request;
	struct loop_task task;
	struct cpl_store_call *call; /* NULL once cancelled */
	struct cpl_list waiting;
	unsigned generation; /* of the driver that has it */
	int64_t started_us;
};

/* NULL when it was not declared, or with another number of columns. */
struct store_table *store_table_of(const struct cpl_store *store);
/* Judges a declaration and counts its columns. `known`: the store as it was declared before, or NULL. */
int store_check(const struct cpl_store *store, const struct store_table *known, unsigned *columns, struct cpl_error *error);
/* All stores by their newest shapes: start with *at = 0; NULL at the end. */
struct store_table *store_table_next(size_t *at);
struct store_opened {
	struct store_table *table;
	int64_t last_id;
};
struct store_declared {
	const struct cpl_store *store;
	int64_t last_id;
	int code;
	bool tried;
};
/* What a worker has found for a store; NULL when none of this provider's was asked. *error is set when it failed. */
const struct store_declared *store_declared_find(const struct cpl_module *provider, const struct cpl_store *store, struct cpl_error *error);
/* Whether a worker declares stores to this provider, or is about to. */
bool store_declaring_busy(const struct cpl_module *provider);
/* One of these has come to its end: a driver that was replaced meanwhile may leave. */
void store_declaring_over(void);
/* True when the present driver has declared this very shape. */
bool store_is_ready(const struct cpl_store *store);
/* The present driver; NULL when there is none. */
const struct cpl_storage_service *store_driver(struct cpl_module **provider);
/* What the driver says of an archive, 0 of others. */
int64_t store_last_id(struct cpl_module *provider, const struct cpl_storage_service *service, const struct cpl_store *store);
/* A driver is a module: entering it is accounted like any other entry. Ends with account_leave(). */
struct account_visit store_driver_enter(struct cpl_module *provider);
/* An optional function, which came to the service later. */
#define STORE_DRIVER_HAS(service, member) ((service)->size > offsetof(struct cpl_storage_service, member) && (service)->member)
/* The newest shape of the same store, which gives out the ids. */
struct store_table *store_table_newest(const struct store_table *table);
/* Gives a step that appends, and has its time, its id. had: the id of a row that comes back; 0: it is new. */
void store_id_give(struct store_table *newest, struct cpl_store_step *step, int64_t had);
/* cpl_batch_append() of a row that comes back. */
void store_append_again(struct cpl_batch *batch, const struct cpl_store *store, struct cpl_jid account, int64_t id, int64_t when,
			struct cpl_jid with, const struct cpl_value *values);
/* An empty request with its arena; destroys it, too, if it is not started. */
struct store_job *store_job_create(void);
void store_job_destroy(struct store_job **job);
/* Begins the call and submits the job, which it takes over in any case. 0, or a code: then `done` is never
 * called. */
int store_job_start(struct store_job *job, struct cpl_store_call *call, struct cpl_scope *scope,
		    void (*done)(struct cpl_call *call));
/* While one makes requests in a module's name, their memory is charged to the core. Returns what
 * store_memory_leave() needs. */
struct account *store_memory_enter(void);
void store_memory_leave(struct account *before);

#endif
