/* SPDX-License-Identifier: MIT */
/* Draining: from the last table that a module was in to its unload() and the closing of its file. */
#include "core/base/clock.h"
#include "core/base/poison.h"
#include "core/base/reach.h"
#include "core/hook/slot.h"
#include "core/loop/call.h"
#include "core/loop/loop.h"
#include "core/module/module.h"
#include "core/module/schedule.h"

#include <assert.h>

enum {
	TICK_MS = 500,
	TELL_MS = 5000,      /* then a waiting request is told that it takes long */
	REPLACED_MS = 60000, /* then what a replaced generation still waits for on its own account (timers) is cancelled */
};

static struct loop_hook hook;
static struct loop_timer timer;
static bool active;

static void check(struct loop_hook *unused);

static void tick(struct loop_timer *unused)
{
	loop_timer_start(&timer, TICK_MS, tick);
}

/* This turn's hooks may have run: another turn must not wait. */
static void activate(void)
{
	loop_timer_start(&timer, 0, tick);
	if (active)
		return;
	active = true;
	loop_measure(true);
	loop_hook_add(&hook, check);
}

static void deactivate(void)
{
	active = false;
	loop_measure(false);
	loop_hook_remove(&hook);
	loop_timer_stop(&timer);
}

static void begin(struct cpl_module *module)
{
	module->state = MODULE_DRAINING;
	module->drain_since = cpl_monotonic();
	cpl_list_remove(&module->node);
	cpl_list_append(&modules.draining, &module->node);
	activate();
}

/*
 * The state of a generation that has been replaced is the new one's matter: what the old one would note there is lost. In a build with AddressSanitizer
 * nobody may touch it until unload(), but for the calls in flight that are part of it. A storage driver has to, as long as it works off its requests.
 */
static void hide_state(struct cpl_module *module)
{
	const struct cpl_module *now = module_in(&modules.running, cpl_str_of(module->descriptor.name));
	char *begin = module->data, *end = begin + reach_size(begin);

	if (begin == end || descriptor_provides(&module->descriptor, "storage", 1) || (now && now->data == module->data))
		return;
	module->hidden = (size_t)(end - begin);
	POISON(begin, module->hidden);
	/* The next one is known when this one may be read. */
	for (struct cpl_list *node = module->calls.next; node != &module->calls; node = node->next) {
		char *call = (char *)CPL_CONTAINER(node, struct cpl_call, in_owner);
		size_t most = sizeof(struct cpl_store_call); /* the largest request that a call is part of */

		if (call >= begin && call < end)
			UNPOISON(call, (size_t)(end - call) < most ? (size_t)(end - call) : most);
	}
}

static void show_state(struct cpl_module *module)
{
	UNPOISON(module->data, module->hidden);
	module->hidden = 0;
}

static void cancel_all(struct cpl_module *module)
{
	module->stopping = true;
	suspension_end_module(module);
	cpl_scope_end(&module->scope);
	call_cancel_owned(&module->calls);
}

/* An unload is that of all generations; those that were replaced have cancelled nothing so far. */
static void cancel_former(const struct cpl_module *module)
{
	CPL_LIST_EACH(node, &modules.draining)
		if (module_of(node)->replaced && strcmp(module_of(node)->descriptor.name, module->descriptor.name) == 0)
			cancel_all(module_of(node));
}

void drain_begin(struct cpl_module *module)
{
	/* Not one that has failed to take their place. */
	bool last = module->state == MODULE_STARTED;

	assert(module->tables == 0);
	module->stopping = true;
	schedule_remove(module);
	begin(module);
	cancel_all(module);
	module_commands_remove(module);
	if (last)
		cancel_former(module);
}

void drain_begin_replaced(struct cpl_module *module)
{
	assert(module->tables == 0);
	module->replaced = true;
	schedule_remove(module);
	/* Nothing is cancelled; but what it would start for itself alone is the new generation's to do. */
	module->scope.ended = true;
	begin(module);
	hide_state(module);
}

size_t manager_in_flight(const struct cpl_module *module)
{
	size_t count = suspension_count_of(module) + (module->account ? module->account->jobs : 0);

	for (const struct cpl_list *node = module->calls.next; node != &module->calls; node = node->next)
		count++;
	return count;
}

static bool is_drained(const struct cpl_module *module)
{
	return cpl_list_empty(&module->calls) && module->tables == 0 && module->scope.refs == 0 && manager_in_flight(module) == 0;
}

static void found_pointer(const char *slot, const char *module)
{
	cpl_log_error("slot points into code that was unloaded module=%s slot=%s", module, slot);
}

/*
 * Kept data may not point into what is about to be unmapped: string literals, functions. Looked for when the log shows what is for developers, and in a
 * build with AddressSanitizer, where the state of the running generation is looked through, too.
 */
static void scan(const struct cpl_module *module, const struct cpl_descriptor *raw)
{
	const struct cpl_module *now = module_in(&modules.running, cpl_str_of(module->descriptor.name));
	uintptr_t low, high;

	if ((cpl_log_threshold != CPL_LOG_DEBUG && !POISONED_BUILD) || !module->replaced || !now || !loader_range(raw, &low, &high))
		return;
	slot_scan(now, low, high, found_pointer);
	if (reach_size(now->data) && reach_into(now->data, now->account->memory, low, high))
		cpl_log_error("state points into code that was unloaded module=%s", now->descriptor.name);
}

/* Another generation that drains: whoever waits for an unload waits for all. */
static struct cpl_module *former_of(const struct cpl_module *module)
{
	CPL_LIST_EACH(node, &modules.draining)
		if (module_of(node) != module && strcmp(module_of(node)->descriptor.name, module->descriptor.name) == 0)
			return module_of(node);
	return NULL;
}

static void finish(struct cpl_module *module)
{
	struct manager_request *request = module->waiting;
	struct cpl_module *former = request ? former_of(module) : NULL;
	char *text = cpl_asprintf("%s %s unloaded", module->descriptor.name, module->descriptor.version);

	if (former) {
		former->waiting = request;
		former->drain_since = module->drain_since;
		request = NULL;
	}

	show_state(module);
	/* An invocation of a command that nothing of this code will end any more. */
	if (module->replaced && module->descriptor.commands && manager_hooks.commands_remove)
		manager_hooks.commands_remove(module);
	/* Slots' data first: releasing it is the module's code, which may use what unload() frees. */
	module_release(module);
	if (module->loaded && module->descriptor.unload) {
		struct account_visit visit = account_enter(module->account, module, ACCOUNT_IN_UNLOAD);

		module->descriptor.unload(module);
		account_leave(&visit);
	}
	scan(module, module->file.descriptor);
	cpl_log_info("module closed name=%s version=%s generation=%u", module->descriptor.name, module->descriptor.version, module->generation);
	module_close(&module);
	if (request)
		request->done(request, 0, text);
	cpl_free(text);
}

static void check_time(struct cpl_module *module)
{
	int64_t spent = cpl_monotonic() - module->drain_since;
	struct manager_request *request = module->waiting;

	if (request && spent >= TELL_MS) {
		char *text = cpl_asprintf("%s %s stopped; its code stays in memory until what is in flight of it has ended (%zu)",
					  module->descriptor.name, module->descriptor.version, manager_in_flight(module));

		module->waiting = NULL;
		request->done(request, 0, text);
		cpl_free(text);
	}
	if (!module->replaced || module->stopping || spent < REPLACED_MS)
		return;
	module->stopping = true;
	CPL_LIST_EACH(node, &module->calls) {
		struct cpl_call *call = CPL_CONTAINER(node, struct cpl_call, in_owner);

		if (!call->scope || call->scope == &module->scope)
			cpl_call_cancel(call);
	}
}

/* The list is looked at anew each time, as what a module's end sets off may change it. */
static bool finish_next(void)
{
	CPL_LIST_EACH(node, &modules.draining) {
		if (!is_drained(module_of(node)))
			continue;
		finish(module_of(node));
		return true;
	}
	return false;
}

static void check(struct loop_hook *unused)
{
	bool closed = false;

	CPL_LIST_EACH(node, &modules.draining)
		check_time(module_of(node));
	while (finish_next()) {
		closed = true;
		if (loop_turn_busy()) {
			/* The next turn must not wait. */
			loop_timer_start(&timer, 0, tick);
			break;
		}
	}
	if (closed)
		manager_sweep();
	if (cpl_list_empty(&modules.draining))
		deactivate();
}

static bool is_draining(const struct cpl_module *module)
{
	for (const struct cpl_list *node = modules.draining.next; node != &modules.draining; node = node->next)
		if (!module || node == &module->node)
			return true;
	return false;
}

bool drain_wait(const struct cpl_module *module, int64_t ms)
{
	int64_t until = clock_system_monotonic() + ms;
	bool ran = true;

	/* It sleeps only when nothing was there to do. */
	while (is_draining(module) && clock_system_monotonic() < until)
		ran = loop_turn(ran ? 0 : 1);
	return !is_draining(module);
}
