/* SPDX-License-Identifier: MIT */
/* Asynchronous calls: from the start over the completion to the one callback. */
#include "core/loop/call.h"
#include "core/base/account.h"
#include "core/loop/turn.h"

#include <assert.h>

static struct cpl_list queue = {&queue, &queue}; /* posted calls, oldest first */
static uint64_t turn;
static uint64_t late;

static struct account *account_of(struct cpl_module *module)
{
	return module && account_of_module ? account_of_module(module) : account_core();
}

int cpl_call_begin(struct cpl_call *call, struct cpl_scope *scope, void (*done)(struct cpl_call *call),
		   void (*cancel)(struct cpl_call *call))
{
	struct cpl_module *owner = account_now.module;
	struct cpl_list *owned;

	assert(call->state == CPL_CALL_IDLE || call->state == CPL_CALL_FIRED);
	if (owner && account_module_stopping && account_module_stopping(owner))
		return CPL_E_STOPPING;
	if (scope && scope->ended)
		return CPL_E_CANCELLED;
	*call = (struct cpl_call){
		.done = done,
		.state = CPL_CALL_PENDING,
		.scope = scope,
		.owner = owner,
		.cancel = cancel,
		.turn = turn,
	};
	if (scope) {
		scope->refs++;
		cpl_list_append(&scope->calls, &call->in_scope);
	}
	owned = owner && account_module_calls ? account_module_calls(owner) : NULL;
	if (owned)
		cpl_list_append(owned, &call->in_owner);
	account_of(owner)->calls_started++;
	return 0;
}

void cpl_call_complete(struct cpl_call *call, int status)
{
	if (call->state != CPL_CALL_PENDING) {
		late++;
		return;
	}
	call->state = CPL_CALL_POSTED;
	call->status = status;
	cpl_list_remove(&call->in_scope);
	cpl_list_append(&queue, &call->in_queue);
}

void cpl_call_cancel(struct cpl_call *call)
{
	if (call->state != CPL_CALL_PENDING)
		return;
	/* Completed first: whatever the provider does in cancel() can only be late. */
	cpl_call_complete(call, CPL_E_CANCELLED);
	if (call->cancel)
		call->cancel(call);
}

void call_cancel_owned(struct cpl_list *calls)
{
	CPL_LIST_EACH(node, calls)
		cpl_call_cancel(CPL_CONTAINER(node, struct cpl_call, in_owner));
}

struct call_counts call_count_owned(const struct cpl_list *calls)
{
	struct call_counts counts = {0};

	for (const struct cpl_list *node = calls->next; node != calls; node = node->next) {
		const struct cpl_call *call = CPL_CONTAINER(node, const struct cpl_call, in_owner);

		if (call->state == CPL_CALL_PENDING && timer_is(call))
			counts.timers++;
		else
			counts.others++;
	}
	return counts;
}

uint64_t call_late_count(void)
{
	return late;
}

void cpl_scope_init(struct cpl_scope *scope, void (*unref)(struct cpl_scope *scope))
{
	*scope = (struct cpl_scope){.unref = unref};
	cpl_list_init(&scope->calls);
}

void cpl_scope_end(struct cpl_scope *scope)
{
	scope->ended = true;
	while (!cpl_list_empty(&scope->calls))
		cpl_call_cancel(CPL_CONTAINER(scope->calls.next, struct cpl_call, in_scope));
}

void calls_turn(void)
{
	turn++;
}

bool calls_queued(void)
{
	return !cpl_list_empty(&queue);
}

/* The call may be freed or started again by its callback: nothing of it is read afterwards. */
static void call_fire(struct cpl_call *call)
{
	struct cpl_scope *scope = call->scope;
	struct account *account = account_of(call->owner);
	void (*done)(struct cpl_call *) = call->done;
	struct account_visit visit;

	cpl_list_remove(&call->in_owner);
	call->state = CPL_CALL_FIRED;
	/* What is kept of it, in a slot perhaps, may outlive the code. */
	call->done = NULL;
	account->calls_fired++;
	visit = account_enter(account, call->owner, ACCOUNT_IN_CALL);
	done(call);
	account_leave(&visit);
	if (!scope)
		return;
	scope->refs--;
	if (scope->unref)
		scope->unref(scope);
}

unsigned calls_drain(void)
{
	struct cpl_list due = {&due, &due};
	struct cpl_list *node;
	unsigned fired = 0;

	CPL_LIST_EACH(posted, &queue) {
		/* Rule 2: a call that was started and completed in this turn waits for the next. */
		if (CPL_CONTAINER(posted, struct cpl_call, in_queue)->turn == turn)
			continue;
		cpl_list_remove(posted);
		cpl_list_append(&due, posted);
	}
	while ((node = cpl_list_take(&due))) {
		call_fire(CPL_CONTAINER(node, struct cpl_call, in_queue));
		fired++;
		/* One may let a stream go on that has hundreds of stanzas waiting. */
		if (loop_turn_over())
			break;
	}
	/* The others are the first of the next turn. */
	while (!cpl_list_empty(&due)) {
		node = due.prev;
		cpl_list_remove(node);
		cpl_list_prepend(&queue, node);
	}
	return fired;
}
