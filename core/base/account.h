/* SPDX-License-Identifier: MIT */
/*
 * Accounting: which module runs, and what it has used. A thread-local current-module pointer is set at every
 * door into module code (dispatcher, watchers and timers, call queue, workers, manager) and restored on the
 * way out; allocations, log lines and resources are charged to it.
 *
 * Each account has a place for each event and each other door through which it has been entered: how often,
 * how often it answered something other than CPL_NEXT, errors, and times of one visit in 64. A place is made
 * at the first visit; later ones allocate nothing and look at no text.
 */
#ifndef CORE_BASE_ACCOUNT_H
#define CORE_BASE_ACCOUNT_H

#include "core/base/timing.h"

#include <couplet/list.h>
#include <couplet/str.h>
#include <stdatomic.h>

/*
 * Where module code is entered: doors, and behind them the events in the order of their ids
 * (core/hook/dispatch.h).
 */
enum account_where {
	ACCOUNT_IN_CORE, /* not in a module */
	ACCOUNT_IN_CALL, /* the callback of a call */
	ACCOUNT_IN_IQ,	 /* a claimed request */
	ACCOUNT_IN_NONZA, /* a claimed element of a stream */
	ACCOUNT_IN_WATCHER,
	ACCOUNT_IN_JOB,	 /* what drops a cancelled job's block; its work is on another thread and not measured */
	ACCOUNT_IN_COMMAND,
	ACCOUNT_IN_STORE, /* a storage driver's functions */
	ACCOUNT_IN_SLOT,  /* a slot's release function */
	ACCOUNT_IN_SERVICE,
	ACCOUNT_IN_RESUME,
	ACCOUNT_IN_SUSPENSION,
	ACCOUNT_IN_PUBLISHED, /* an event of another module's */
	ACCOUNT_IN_SCHEDULE,  /* a job at a time */
	ACCOUNT_IN_LOAD,
	ACCOUNT_IN_START,
	ACCOUNT_IN_RECONFIGURE,
	ACCOUNT_IN_SAVE,
	ACCOUNT_IN_RESTORE,
	ACCOUNT_IN_MIGRATE,
	ACCOUNT_IN_STOP,
	ACCOUNT_IN_UNLOAD,
	ACCOUNT_DOORS, /* the first event has this number */
	ACCOUNT_BEFORE_EVENTS = ACCOUNT_DOORS - 1,
#define CPL_EVENT(name, payload, flow, suspend, since, sentence) ACCOUNT_IN_EVENT_##name,
#include <couplet/events.def>
#undef CPL_EVENT
	ACCOUNT_WHERES
};
/* "call", "message" ...; static. */
const char *account_where_name(unsigned where);

/* What has happened at one door or event of one account. Session thread. */
struct account_place {
	uint64_t calls;
	uint64_t stops;	 /* answers other than CPL_NEXT */
	uint64_t errors; /* answers that are not allowed, suspensions not resumed in time, events too deep */
	struct timing timing; /* of the visits that were timed, with what the module called in turn */
};

/*
 * What a module has of the heap, all its generations together: blocks outlive the generation that made them when the next takes them over. One per
 * name, kept while an account of that name exists or a block lives, so that a server whose modules are reloaded for years needs no more of them than it
 * has modules. A block knows it by its id, an index into a table. Id 0 is the core's. The atomic members change on any thread, the others on the session thread.
 */
struct account_memory {
	char name[64];
	uint32_t id;
	unsigned users;		/* accounts */
	_Atomic int64_t bytes;	/* live */
	_Atomic int64_t blocks; /* live */
	_Atomic int64_t peak_bytes;
};

/* One per module name and generation. Id 0 is the core. Session thread. */
struct account {
	char name[64];
	uint32_t id;
	bool used;		       /* false: the place is free */
	struct account_memory *memory; /* who pays; the address is good on any thread */
	/*
	 * Jobs whose work or drop function (module code) may still run, cancelled ones too. The module's code
	 * stays in memory until this is zero and its list of calls is empty. It falls after the module's
	 * function has returned. Session thread.
	 */
	uint64_t jobs;
	uint64_t calls_started, calls_fired; /* struct cpl_call */
	struct account_place *places[ACCOUNT_WHERES]; /* NULL: never entered there */
};

/* The most accounts, and names with memory, that exist at a time, the core's included. */
#define ACCOUNT_MAX 1024

/*
 * A fresh account; names longer than the member are cut. NULL when ACCOUNT_MAX accounts exist. Session
 * thread.
 */
struct account *account_create(const char *name);
/* Gives the id back. What lives of its memory is found by account_memory_by_id(). Accepts a pointer to NULL and nulls the pointer. Session thread. */
void account_release(struct account **account);
struct account *account_core(void);
/* By id, NULL when there is none; for listing, ids run from 0 to account_count() - 1. */
struct account *account_by_id(uint32_t id);
uint32_t account_count(void);
/* By id, any thread while a block with that id lives; NULL when there is none. For listing, ids run from 0 to account_memory_count() - 1. */
struct account_memory *account_memory_by_id(uint32_t id);
uint32_t account_memory_count(void);
/* All places of an account as one. */
struct account_place account_sum(const struct account *account);
/* Counts an error at a place. */
void account_error(struct account *account, unsigned where);

struct cpl_module;
/* What runs now on this thread. module is NULL for the core. */
struct account_current {
	struct account *account;
	struct cpl_module *module;
	uint64_t visit; /* the visit's word, see account_running; 0: none */
};
extern _Thread_local struct account_current account_now; /* at first the core on every thread */

/*
 * Enter module code; returns what to hand to account_leave() (innermost first). `account` NULL means the
 * core. Time is sampled 1 in 64, the first visit of a place included (all when account_trace), and includes
 * what the module calls in turn. Session thread; a worker sets account_now itself, so that only allocations
 * and log lines are charged there.
 */
struct account_visit {
	struct account_current before;
	struct account_place *place; /* for counting a stop after the visit */
	int64_t started_ns;	     /* 0 when this visit is not timed */
};
extern bool account_trace;
struct account_visit account_enter(struct account *account, struct cpl_module *module, unsigned where);
void account_leave(const struct account_visit *visit);

/*
 * For another thread that looks at what the session thread does: the words of the innermost visit and of the
 * outermost, 0 when there is none. A word is unique to its visit.
 */
extern _Atomic uint64_t account_running, account_outermost;
/*
 * Whose visit a word is of: its account's name, and the name of the event or door. Any thread. The name is
 * that of the account with this id now, so look whether the visit goes on still after having read it.
 */
const char *account_visit_name(uint64_t word, char name[64]);

/*
 * For core code that a module has called and that allocates what outlives the call and is not the module's (tables, objects of the core): the
 * core pays. Pass what the first returned to the second.
 */
static inline struct account *account_as_core(void)
{
	struct account *before = account_now.account;

	account_now.account = account_core();
	return before;
}
static inline void account_back(struct account *before)
{
	account_now.account = before;
}

/*
 * For core code that a module has called and that does the core's own work from there on: calls that it begins and events that it fires are the core's, so
 * that they are neither refused to a stopping module nor cancelled with it. Pass what the first returned to the second. Who pays stays as it is.
 */
static inline struct cpl_module *account_core_begin(void)
{
	struct cpl_module *before = account_now.module;

	account_now.module = NULL;
	return before;
}
static inline void account_core_end(struct cpl_module *before)
{
	account_now.module = before;
}

/*
 * For core code that knows a module only as an opaque pointer: core/module sets these at start.
 * account_of_module(module): its account. account_module_stopping(module): true once it starts no new calls.
 * Each pointer is NULL until then, and is never called with a NULL module.
 */
extern struct account *(*account_of_module)(struct cpl_module *module);
extern bool (*account_module_stopping)(struct cpl_module *module);
/* Where calls in flight of a module are listed (struct cpl_call.in_owner); NULL for none. */
extern struct cpl_list *(*account_module_calls)(struct cpl_module *module);

#endif
