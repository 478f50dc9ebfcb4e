/* SPDX-License-Identifier: MIT */
/* Accounts and the current module of each thread. */
#include "core/base/account.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One visit in so many is timed; a power of two. */
#define SAMPLING 64

/* A visit's word, from the lowest bit: where, the account's id, a serial number that starts at 1. */
#define WHERE_BITS 10
#define ID_BITS	   10
_Static_assert(ACCOUNT_WHERES <= 1 << WHERE_BITS && ACCOUNT_MAX <= 1 << ID_BITS, "a visit fits into its word");

/* Static, so that a block's is found by its id from any thread without a lock. */
static struct account_memory memories[ACCOUNT_MAX] = {[0] = {.name = "core", .users = 1}};
static uint32_t memories_end = 1;
static struct account accounts[ACCOUNT_MAX] = {[0] = {.name = "core", .used = true, .memory = &memories[0]}};
static uint32_t accounts_end = 1;
/* Of the names, which another thread may read. */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

_Thread_local struct account_current account_now = {&accounts[0], NULL, 0};
bool account_trace;
_Atomic uint64_t account_running, account_outermost;
static uint64_t serial;

struct account *(*account_of_module)(struct cpl_module *module);
bool (*account_module_stopping)(struct cpl_module *module);
struct cpl_list *(*account_module_calls)(struct cpl_module *module);

const char *account_where_name(unsigned where)
{
	static const char *const names[ACCOUNT_WHERES] = {
		[ACCOUNT_IN_CORE] = "core",
		[ACCOUNT_IN_CALL] = "call",
		[ACCOUNT_IN_IQ] = "claimed iq",
		[ACCOUNT_IN_NONZA] = "claimed element",
		[ACCOUNT_IN_WATCHER] = "watcher",
		[ACCOUNT_IN_JOB] = "job",
		[ACCOUNT_IN_COMMAND] = "command",
		[ACCOUNT_IN_STORE] = "store",
		[ACCOUNT_IN_SLOT] = "slot",
		[ACCOUNT_IN_SERVICE] = "service",
		[ACCOUNT_IN_RESUME] = "resume",
		[ACCOUNT_IN_SUSPENSION] = "suspension",
		[ACCOUNT_IN_PUBLISHED] = "published event",
		[ACCOUNT_IN_SCHEDULE] = "schedule",
		[ACCOUNT_IN_LOAD] = "load",
		[ACCOUNT_IN_START] = "start",
		[ACCOUNT_IN_RECONFIGURE] = "reconfigure",
		[ACCOUNT_IN_SAVE] = "save",
		[ACCOUNT_IN_RESTORE] = "restore",
		[ACCOUNT_IN_MIGRATE] = "migrate",
		[ACCOUNT_IN_STOP] = "stop",
		[ACCOUNT_IN_UNLOAD] = "unload",
#define CPL_EVENT(name, payload, flow, suspend, since, sentence) [ACCOUNT_IN_EVENT_##name] = #name,
#include <couplet/events.def>
#undef CPL_EVENT
	};

	return where < ACCOUNT_WHERES && names[where] ? names[where] : "?";
}

/* ---- the table ---- */

static bool is_free(const struct account_memory *memory)
{
	return memory->users == 0 && atomic_load_explicit(&memory->blocks, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&memory->bytes, memory_order_relaxed) == 0;
}

/* That of the name, else a free one; NULL when there is none. */
static struct account_memory *memory_for(const char *name)
{
	struct account_memory *found = NULL;

	for (uint32_t i = 1; i < memories_end; i++)
		if (is_free(&memories[i]))
			found = found ? found : &memories[i];
		else if (strncmp(memories[i].name, name, sizeof(memories[i].name) - 1) == 0)
			return &memories[i];
	if (!found && memories_end < ACCOUNT_MAX)
		found = &memories[memories_end++];
	if (!found)
		return NULL;
	memset(found, 0, sizeof(*found));
	found->id = (uint32_t)(found - memories);
	snprintf(found->name, sizeof(found->name), "%s", name);
	return found;
}

static void places_free(struct account *account)
{
	for (unsigned i = 0; i < ACCOUNT_WHERES; i++) {
		free(account->places[i]);
		account->places[i] = NULL;
	}
}

struct account *account_create(const char *name)
{
	uint32_t id = 1;
	struct account_memory *memory;
	struct account *account;

	while (id < ACCOUNT_MAX && accounts[id].used)
		id++;
	memory = id < ACCOUNT_MAX ? memory_for(name) : NULL;
	if (!memory)
		return NULL;
	memory->users++;
	if (id == accounts_end)
		accounts_end++;
	account = &accounts[id];
	pthread_mutex_lock(&names_lock);
	memset(account, 0, sizeof(*account));
	snprintf(account->name, sizeof(account->name), "%s", name);
	pthread_mutex_unlock(&names_lock);
	account->id = id;
	account->used = true;
	account->memory = memory;
	return account;
}

void account_release(struct account **account)
{
	struct account *gone = *account;

	if (!gone)
		return;
	assert(gone->id != 0 && gone->used);
	*account = NULL;
	places_free(gone);
	gone->used = false;
	gone->memory->users--;
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

struct account_memory *account_memory_by_id(uint32_t id)
{
	return id < ACCOUNT_MAX && memories[id].name[0] ? &memories[id] : NULL;
}

uint32_t account_memory_count(void)
{
	return memories_end;
}

/* ---- places ---- */

/* On the plain heap: what is measured is not charged to anybody. */
static __attribute__((noinline)) struct account_place *place_make(struct account *account, unsigned where)
{
	struct account_place *place = calloc(1, sizeof(*place));

	if (!place) {
		fputs("couplet: out of memory\n", stderr);
		abort();
	}
	account->places[where] = place;
	return place;
}

static inline struct account_place *place_of(struct account *account, unsigned where)
{
	struct account_place *place = account->places[where];

	return __builtin_expect(place != NULL, true) ? place : place_make(account, where);
}

struct account_place account_sum(const struct account *account)
{
	struct account_place sum = {0};

	for (unsigned i = 0; i < ACCOUNT_WHERES; i++) {
		const struct account_place *place = account->places[i];

		if (!place)
			continue;
		sum.calls += place->calls;
		sum.stops += place->stops;
		sum.errors += place->errors;
		timing_merge(&sum.timing, &place->timing);
	}
	return sum;
}

void account_error(struct account *account, unsigned where)
{
	place_of(account ? account : &accounts[0], where)->errors++;
}

/* ---- visits ---- */

static int64_t nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct account_visit account_enter(struct account *account, struct cpl_module *module, unsigned where)
{
	struct account_visit visit = {.before = account_now};
	uint64_t word;

	if (!account)
		account = &accounts[0];
	visit.place = place_of(account, where);
	word = ++serial << (WHERE_BITS + ID_BITS) | (uint64_t)account->id << WHERE_BITS | where;
	account_now = (struct account_current){account, module, word};
	if (!visit.before.visit)
		atomic_store_explicit(&account_outermost, word, memory_order_relaxed);
	atomic_store_explicit(&account_running, word, memory_order_relaxed);
	if (visit.place->calls++ % SAMPLING == 0 || account_trace)
		visit.started_ns = nanoseconds();
	return visit;
}

void account_leave(const struct account_visit *visit)
{
	if (visit->started_ns)
		timing_add(&visit->place->timing, (uint64_t)(nanoseconds() - visit->started_ns));
	if (!visit->before.visit)
		atomic_store_explicit(&account_outermost, 0, memory_order_relaxed);
	atomic_store_explicit(&account_running, visit->before.visit, memory_order_relaxed);
	account_now = visit->before;
}

const char *account_visit_name(uint64_t word, char name[64])
{
	uint32_t id = (uint32_t)(word >> WHERE_BITS) & ((1u << ID_BITS) - 1);

	pthread_mutex_lock(&names_lock);
	memcpy(name, accounts[id].name, sizeof(accounts[id].name));
	pthread_mutex_unlock(&names_lock);
	return account_where_name((unsigned)word & ((1u << WHERE_BITS) - 1));
}
