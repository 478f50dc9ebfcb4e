/* SPDX-License-Identifier: MIT */
/* Accounts and the current module of each thread. */
#include "core/base/account.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

/* Static, so that a block's account is found by its id from any thread without a lock. */
static struct account accounts[ACCOUNT_MAX] = {[0] = {.name = "core", .used = true}};
static uint32_t accounts_end = 1;

_Thread_local struct account_current account_now = {&accounts[0], NULL, "core"};
bool account_trace;

struct account *(*account_of_module)(struct cpl_module *module);
bool (*account_module_stopping)(struct cpl_module *module);
struct cpl_list *(*account_module_calls)(struct cpl_module *module);

static bool account_idle(const struct account *account)
{
	return atomic_load_explicit(&account->blocks, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&account->bytes, memory_order_relaxed) == 0;
}

struct account *account_create(const char *name)
{
	uint32_t id = 1;
	struct account *account;

	for (uint32_t i = 1; i < accounts_end; i++)
		if (accounts[i].released && account_idle(&accounts[i]))
			accounts[i].used = accounts[i].released = false;
	while (id < ACCOUNT_MAX && accounts[id].used)
		id++;
	if (id == ACCOUNT_MAX)
		return NULL;
	if (id == accounts_end)
		accounts_end++;
	account = &accounts[id];
	memset(account, 0, sizeof(*account));
	account->id = id;
	account->used = true;
	snprintf(account->name, sizeof(account->name), "%s", name);
	return account;
}

void account_release(struct account **account)
{
	struct account *gone = *account;

	if (!gone)
		return;
	assert(gone->id != 0 && gone->used && !gone->released);
	*account = NULL;
	if (account_idle(gone))
		gone->used = false;
	else
		gone->released = true;
}

struct account *account_core(void)
{
	return &accounts[0];
}

struct account *account_by_id(uint32_t id)
{
	return id < ACCOUNT_MAX && accounts[id].used ? &accounts[id] : NULL;
}

uint32_t account_count(void)
{
	return accounts_end;
}

static int64_t nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct account_visit account_enter(struct account *account, struct cpl_module *module, const char *where)
{
	struct account_visit visit = {.before = account_now};

	if (!account)
		account = &accounts[0];
	account->entries++;
	account_now = (struct account_current){account, module, where};
	if (account_trace || account->entries % 64 == 0)
		visit.started_ns = nanoseconds();
	return visit;
}

void account_leave(const struct account_visit *visit)
{
	struct account *account = account_now.account;

	if (visit->started_ns) {
		uint64_t spent = (uint64_t)(nanoseconds() - visit->started_ns);

		account->sampled++;
		account->sampled_ns += spent;
		if (spent > account->sampled_max_ns) {
			account->sampled_max_ns = spent;
			account->slowest = account_now.where;
		}
	}
	account_now = visit->before;
}
