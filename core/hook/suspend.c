/* SPDX-License-Identifier: MIT */
/* Suspended events: from cpl_suspend() over the one end to the continuation. */
#include "core/hook/table.h"
#include "core/loop/loop.h"

#include <assert.h>
#include <couplet/log.h>
#include <couplet/module.h>

enum state {
	WAITING, /* for its module */
	RESUMED, /* given back by its module, waits for its turn */
	DEAD,    /* the event has ended; the module still holds the pointer */
};

struct cpl_suspension {
	struct cpl_list node; /* in `waiting`, `resumed` or `dead` */
	struct cpl_event *event;
	struct cpl_module *module;
	struct cpl_stanza *stanza; /* a reference, as the payload lives in it */
	enum state state;
	enum cpl_flow flow; /* RESUMED: the module's answer */
	int64_t deadline;
};

static struct cpl_list waiting = {&waiting, &waiting}; /* oldest first, so the first is due first */
static struct cpl_list resumed = {&resumed, &resumed};
static struct cpl_list dead = {&dead, &dead};
static size_t live; /* waiting or resumed */
static int64_t timeout = 30000;
static struct loop_timer timer;
static struct cpl_call turn; /* brings the resumed ones to the next turn */

static struct cpl_suspension *suspension_of(struct cpl_list *node)
{
	return CPL_CONTAINER(node, struct cpl_suspension, node);
}

void suspension_set_timeout(int64_t ms)
{
	timeout = ms;
}

size_t suspension_count(void)
{
	return live;
}

static size_t count_in(const struct cpl_list *list, const struct cpl_module *module)
{
	size_t count = 0;

	for (const struct cpl_list *node = list->next; node != list; node = node->next)
		count += CPL_CONTAINER(node, struct cpl_suspension, node)->module == module;
	return count;
}

/* Events that the module has fired and others have suspended: their end is its code. */
static size_t count_started(const struct cpl_module *module)
{
	const struct cpl_list *lists[] = {&waiting, &resumed};
	size_t count = 0;

	for (size_t i = 0; i < 2; i++)
		for (const struct cpl_list *node = lists[i]->next; node != lists[i]; node = node->next) {
			const struct cpl_suspension *s = CPL_CONTAINER(node, struct cpl_suspension, node);

			count += s->event->starter == module && s->module != module;
		}
	return count;
}

size_t suspension_count_of(const struct cpl_module *module)
{
	return live ? count_in(&waiting, module) + count_in(&resumed, module) + count_started(module) : 0;
}

/* The event goes its own way from here; the object is the module's until it gives it back. */
static struct cpl_event *detach(struct cpl_suspension *s, struct cpl_stanza **stanza)
{
	struct cpl_event *event = s->event;

	cpl_list_remove(&s->node);
	live--;
	*stanza = s->stanza;
	s->stanza = NULL;
	s->event = NULL;
	event->suspension = NULL;
	if (s->state == RESUMED) {
		cpl_free(s);
	} else {
		s->state = DEAD;
		cpl_list_append(&dead, &s->node);
	}
	return event;
}

static void fail(struct cpl_suspension *s)
{
	struct cpl_stanza *stanza;
	struct cpl_event *event = detach(s, &stanza);
	struct account_visit visit = account_enter(NULL, NULL, ACCOUNT_IN_SUSPENSION);

	event_finish(event, CPL_FAILED);
	cpl_stanza_unref(&stanza);
	account_leave(&visit);
}

static void expired(struct loop_timer *unused)
{
	while (!cpl_list_empty(&waiting)) {
		struct cpl_suspension *s = suspension_of(waiting.next);

		if (s->deadline > cpl_monotonic()) {
			loop_timer_start(&timer, s->deadline - cpl_monotonic(), expired);
			return;
		}
		event_error(s->event, s->module);
		cpl_log_warn("suspended event not resumed in time event=%s module=%s", event_name(s->event), s->event->module);
		fail(s);
	}
}

struct cpl_suspension *cpl_suspend(struct cpl_event *event)
{
	struct cpl_suspension *s = CPL_NEW(struct cpl_suspension);

	assert(!event->suspension);
	s->event = event;
	s->module = account_now.module;
	s->stanza = event->stanza ? cpl_stanza_ref(event->stanza) : NULL;
	s->deadline = cpl_monotonic() + timeout;
	cpl_list_append(&waiting, &s->node);
	live++;
	event->suspension = s;
	if (!loop_timer_active(&timer))
		loop_timer_start(&timer, timeout, expired);
	return s;
}

bool suspension_settle(struct cpl_event *event, struct cpl_module *module, const char *name, enum cpl_flow *flow)
{
	struct cpl_suspension *s = event->suspension;
	struct cpl_stanza *stanza = NULL;

	if (*flow == CPL_SUSPENDED && s)
		return true;
	if (s) {
		/* It has the event's continuation and an answer as well: the answer counts. */
		event_error(event, module);
		cpl_log_error("module suspended an event and answered it, too event=%s module=%s", event_name(event), name);
		detach(s, &stanza);
		cpl_stanza_unref(&stanza);
	}
	if (*flow == CPL_NEXT || *flow == CPL_HANDLED || *flow == CPL_DROP)
		return false;
	event_error(event, module);
	cpl_log_error("module answered an event as it may not be answered, dropped event=%s module=%s answer=%d", event_name(event), name,
		      (int)*flow);
	*flow = CPL_DROP;
	return false;
}

bool cpl_suspension_alive(const struct cpl_suspension *suspension)
{
	return suspension && suspension->state == WAITING;
}

static void post(void);

static void run_resumed(struct cpl_call *call)
{
	size_t count = 0;

	/* What is resumed meanwhile has its turn in the next one. */
	for (struct cpl_list *node = resumed.next; node != &resumed; node = node->next)
		count++;
	for (; count > 0 && !cpl_list_empty(&resumed); count--) {
		struct cpl_suspension *s = suspension_of(resumed.next);
		enum cpl_flow flow = s->flow;
		struct cpl_stanza *stanza;
		struct cpl_event *event = detach(s, &stanza);

		if (flow == CPL_NEXT)
			event_continue(event);
		else
			event_finish(event, flow);
		cpl_stanza_unref(&stanza);
		/* Those behind it come in a later turn; but none may be left when a module goes. */
		if (call && loop_turn_over())
			break;
	}
	if (!cpl_list_empty(&resumed))
		post();
}

static void post(void)
{
	struct account_visit visit;

	if (cpl_call_pending(&turn))
		return;
	/* As the core: the call must neither be refused to a stopping module nor be cancelled with it. */
	visit = account_enter(NULL, NULL, ACCOUNT_IN_RESUME);
	cpl_call_begin(&turn, NULL, run_resumed, NULL);
	cpl_call_complete(&turn, 0);
	account_leave(&visit);
}

void cpl_resume(struct cpl_suspension **pointer, enum cpl_flow flow)
{
	struct cpl_suspension *s = *pointer;

	*pointer = NULL;
	if (!s)
		return;
	cpl_list_remove(&s->node);
	if (s->state == DEAD) {
		cpl_free(s);
		return;
	}
	assert(s->state == WAITING);
	s->state = RESUMED;
	s->flow = flow == CPL_NEXT || flow == CPL_HANDLED ? flow : CPL_DROP;
	cpl_list_append(&resumed, &s->node);
	post();
}

/* Gathered first, as the end of one may change the lists that the others are in. */
static void fail_all(struct cpl_list *list, const struct cpl_module *module, const struct cpl_host *host)
{
	struct cpl_list ending = {&ending, &ending};

	CPL_LIST_EACH(node, list) {
		struct cpl_suspension *s = suspension_of(node);

		if (module ? s->module != module : s->event->host != host)
			continue;
		cpl_list_remove(node);
		cpl_list_append(&ending, node);
	}
	while (!cpl_list_empty(&ending))
		fail(suspension_of(ending.next));
}

/* A resumed event has its answer: unloading the module that gave it changes nothing about that, so it ends or goes on first. */
void suspension_end_module(struct cpl_module *module)
{
	if (count_in(&resumed, module))
		run_resumed(NULL);
	fail_all(&waiting, module, NULL);
}

void suspension_end_host(const struct cpl_host *host)
{
	fail_all(&resumed, NULL, host);
	fail_all(&waiting, NULL, host);
}

void suspension_forget_module(struct cpl_module *module)
{
	CPL_LIST_EACH(node, &dead) {
		struct cpl_suspension *s = suspension_of(node);

		if (s->module != module)
			continue;
		cpl_list_remove(node);
		cpl_free(s);
	}
}
