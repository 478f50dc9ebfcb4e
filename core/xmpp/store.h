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

#include "core/loop/loop.h"
#include <couplet/store.h>

/*
 * Checks a declaration and has the driver make its table ready (blocking; see struct cpl_storage_service).
 * For each store of a module, before the module's first call; there must be a driver (CPL_E_UNSUPPORTED).
 * Declaring again is fine, by the next generation of the module too, as long as the kind is the same
 * (CPL_E_CONFLICT). CPL_E_INVALID: the declaration is wrong. Rows stay when the module goes.
 */
int store_declare(const struct cpl_store *store, struct cpl_error *error);

/*
 * Has another driver declare every store that is in use, without switching to it: the step of a reload that
 * may fail. store_set_driver() then switches, cannot fail, and lets requests wait for the former driver as
 * described above. A driver that was not checked before is checked by it; a store that it cannot keep is
 * logged, and requests for it end with CPL_E_UNSUPPORTED. NULL, NULL: there is no driver any more: requests
 * that wait end with CPL_E_STOPPING, and calls are refused with it. The provider must stay valid until its
 * unload, which gives back what it has.
 */
int store_check_driver(struct cpl_module *provider, const struct cpl_storage_service *service,
		       struct cpl_error *error);
void store_set_driver(struct cpl_module *provider, const struct cpl_storage_service *service);

/* Requests under way: at a driver, or waiting for one. For the drain at stop. */
size_t store_pending(void);

/* Forgets stores and driver. Nothing may be pending. */
void store_finish(void);

/* ---- between store.c and store_calls.c ---- */

/* A store as the core knows it. Never freed before store_finish(): requests point to `store`, which is the
 * core's own copy. */
struct store_table {
	struct cpl_store store; /* without migrate */
	unsigned columns;
	int64_t last_id;	   /* of archives: the last one given out */
	bool missing;		   /* the present driver could not declare it */
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
/* The newest shape of the same store, which gives out the ids. */
struct store_table *store_table_newest(const struct store_table *table);
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
