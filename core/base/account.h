/* SPDX-License-Identifier: MIT */
/*
 * Accounting: which module runs, and what it has used. A thread-local current-module pointer is set at every
 * door into module code (dispatcher, watchers and timers, call queue, workers, manager) and restored on the
 * way out; allocations, log lines and resources are charged to it.
 */
#ifndef CORE_BASE_ACCOUNT_H
#define CORE_BASE_ACCOUNT_H

#include <couplet/list.h>
#include <couplet/str.h>
#include <stdatomic.h>

/*
 * One per module name and generation; never freed while blocks charged to it live (the ids are an index into
 * a table, and the memory is given to another account only then). Id 0 is the core. The atomic members change
 * on any thread, the others on the session thread.
 */
struct account {
	char name[64];
	uint32_t id;
	bool used;		/* false: the place is free */
	bool released;		/* account_release() was called while blocks were live */
	_Atomic int64_t bytes;	/* live */
	_Atomic int64_t blocks; /* live */
	_Atomic int64_t peak_bytes;
	/*
	 * Jobs whose work or drop function (module code) may still run, cancelled ones too. The module's code
	 * stays in memory until this is zero and its list of calls is empty. It falls after the module's
	 * function has returned. Session thread.
	 */
	uint64_t jobs;
	uint64_t calls_started, calls_fired; /* struct cpl_call */
	uint64_t entries;		     /* times module code was entered */
	uint64_t stops;			     /* answers other than CPL_NEXT */
	uint64_t errors;
	uint64_t sampled, sampled_ns, sampled_max_ns;
	const char *slowest; /* name of the event or door of sampled_max_ns */
};

/* The most accounts that exist at a time, the core's included. */
#define ACCOUNT_MAX 1024

/*
 * A fresh account; names longer than the member are cut. NULL when ACCOUNT_MAX accounts exist. Session
 * thread.
 */
struct account *account_create(const char *name);
/*
 * Gives the id back once bytes and blocks are zero; a leak keeps it, and account_by_id() still shows it.
 * Accepts a pointer to NULL and nulls the pointer. Session thread.
 */
void account_release(struct account **account);
struct account *account_core(void);
/* By id, NULL when there is none; for listing, ids run from 0 to account_count() - 1. */
struct account *account_by_id(uint32_t id);
uint32_t account_count(void);

struct cpl_module;
/* What runs now on this thread. module is NULL for the core. */
struct account_current {
	struct account *account;
	struct cpl_module *module;
	const char *where; /* event or door */
};
extern _Thread_local struct account_current account_now; /* at first the core on every thread */

/*
 * Enter module code; returns what to hand to account_leave() (innermost first). `account` NULL means the
 * core; `where` is static text or outlives the account. Time is sampled 1 in 64 (all when account_trace) and
 * includes what the module calls in turn. Session thread; a worker sets account_now itself, so that only
 * allocations and log lines are charged there.
 */
struct account_visit {
	struct account_current before;
	int64_t started_ns; /* 0 when this visit is not sampled */
};
extern bool account_trace;
struct account_visit account_enter(struct account *account, struct cpl_module *module, const char *where);
void account_leave(const struct account_visit *visit);

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
 * For core code that knows a module only as an opaque pointer: core/module sets these at start.
 * account_of_module(module): its account. account_module_stopping(module): true once it starts no new calls.
 * Each pointer is NULL until then, and is never called with a NULL module.
 */
extern struct account *(*account_of_module)(struct cpl_module *module);
extern bool (*account_module_stopping)(struct cpl_module *module);
/* Where calls in flight of a module are listed (struct cpl_call.in_owner); NULL for none. */
extern struct cpl_list *(*account_module_calls)(struct cpl_module *module);

#endif
