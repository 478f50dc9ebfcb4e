/* SPDX-License-Identifier: MIT */
/* Firing events: the loops over a table's handlers. */
#include "core/hook/table.h"

#include <couplet/log.h>
#include <couplet/module.h>

/* Fires within fires on the stack, and through suspensions (struct cpl_event.depth), before one is dropped. */
enum { DEPTH_MAX = 32 };
static unsigned depth;

/*
 * UNSAFE: a handler is called through a pointer type that differs from its own in the type of the payload pointer only; the ABIs that Couplet runs on pass
 * all object pointers alike.
 */
typedef enum cpl_flow filter_handler(struct cpl_module *self, void *payload);
typedef enum cpl_answer ask_handler(struct cpl_module *self, void *payload);
typedef void notify_handler(struct cpl_module *self, void *payload);

const char *event_name(const struct cpl_event *event)
{
	return dispatch_event_name(event->id);
}

_Static_assert(ACCOUNT_WHERES - ACCOUNT_DOORS == CPL_EVENT_COUNT, "accounts have a place for each event");

static unsigned where_of(uint16_t id)
{
	if (__builtin_expect(id < CPL_EVENT_COUNT, 1))
		return ACCOUNT_DOORS + id;
	if (id == EVENT_CLAIM_IQ)
		return ACCOUNT_IN_IQ;
	return id == EVENT_CLAIM_ELEMENT ? ACCOUNT_IN_NONZA : ACCOUNT_IN_PUBLISHED;
}

void event_error(const struct cpl_event *event, struct cpl_module *module)
{
	account_error(module && account_of_module ? account_of_module(module) : NULL, where_of(event->id));
}

bool event_enter(uint16_t id)
{
	if (depth < DEPTH_MAX) {
		depth++;
		return true;
	}
	account_error(account_now.account, where_of(id));
	cpl_log_error("event dropped: fired from within itself too often event=%s depth=%u", dispatch_event_name(id), depth);
	return false;
}

void event_leave(void)
{
	depth--;
}

/* The handlers of an event are [*at, *end) of the table's. NULL when there are none, or *dropped when it is too deep. */
static struct dispatch *enter(const struct cpl_host *host, uint16_t id, uint32_t *at, uint32_t *end, bool *dropped)
{
	struct dispatch *d = dispatch_of(host);

	*dropped = false;
	if (!d || !table_range(d, id, at, end))
		return NULL;
	*dropped = !event_enter(id);
	return *dropped ? NULL : dispatch_ref(d);
}

static void leave(struct dispatch *d)
{
	event_leave();
	dispatch_unref(&d);
}

static enum cpl_flow call_filter(const struct table_handler *h, uint16_t id, void *payload)
{
	struct account_visit visit = account_enter(h->account, h->module, where_of(id));
	enum cpl_flow flow = ((filter_handler *)h->handler.any)(h->module, payload);

	account_leave(&visit);
	if (flow != CPL_NEXT)
		visit.place->stops++;
	return flow;
}

bool cpl_event_wanted(struct cpl_host *host, uint16_t id)
{
	const struct dispatch *d = dispatch_of(host);

	uint32_t at, end;

	return d && table_range(d, id, &at, &end);
}

void cpl_event_notify(struct cpl_host *host, uint16_t id, void *payload)
{
	struct dispatch *d;
	uint32_t at, end;
	bool dropped;

	d = enter(host, id, &at, &end, &dropped);
	if (!d)
		return;
	for (; at < end; at++) {
		const struct table_handler *h = &d->handlers[at];
		struct account_visit visit = account_enter(h->account, h->module, where_of(id));

		((notify_handler *)h->handler.any)(h->module, payload);
		account_leave(&visit);
	}
	leave(d);
}

enum cpl_answer cpl_event_ask(struct cpl_host *host, uint16_t id, void *payload)
{
	enum cpl_answer answer = CPL_NO_OPINION;
	struct dispatch *d;
	uint32_t at, end;
	bool dropped;

	d = enter(host, id, &at, &end, &dropped);
	if (!d)
		return CPL_NO_OPINION;
	for (; at < end && answer == CPL_NO_OPINION; at++) {
		const struct table_handler *h = &d->handlers[at];
		struct account_visit visit = account_enter(h->account, h->module, where_of(id));

		answer = ((ask_handler *)h->handler.any)(h->module, payload);
		account_leave(&visit);
		if (answer != CPL_NO_OPINION)
			visit.place->stops++;
	}
	leave(d);
	return answer;
}

enum cpl_flow cpl_event_filter(struct cpl_host *host, uint16_t id, void *payload)
{
	enum cpl_flow flow = CPL_NEXT;
	struct dispatch *d;
	uint32_t at, end;
	bool dropped;

	d = enter(host, id, &at, &end, &dropped);
	if (!d)
		return dropped ? CPL_DROP : CPL_NEXT;
	for (; at < end && flow == CPL_NEXT; at++) {
		flow = call_filter(&d->handlers[at], id, payload);
		if (flow == CPL_NEXT || flow == CPL_HANDLED || flow == CPL_DROP)
			continue;
		account_error(d->handlers[at].account, where_of(id));
		cpl_log_error("module answered an event as it may not be answered, dropped module=%s event=%s answer=%d",
			      d->handlers[at].name, dispatch_event_name(id), (int)flow);
		flow = CPL_DROP;
	}
	leave(d);
	return flow;
}

void event_finish(struct cpl_event *event, enum cpl_flow result)
{
	event->done(event, result);
}

/* Runs the handlers from `at` on; `d` is entered. */
static void run(struct cpl_event *event, struct dispatch *d, uint32_t at, uint32_t end)
{
	enum cpl_flow flow = CPL_NEXT;

	for (; at < end && flow == CPL_NEXT; at++) {
		const struct table_handler *h = &d->handlers[at];

		flow = call_filter(h, event->id, event);
		if (flow != CPL_SUSPENDED && !event->suspension)
			continue;
		event->stage = h->stage;
		event->number = h->number;
		event->module = h->name;
		if (suspension_settle(event, h->module, h->name, &flow)) {
			leave(d);
			return;
		}
	}
	leave(d);
	event_finish(event, flow);
}

void cpl_event_start(struct cpl_host *host, uint16_t id, struct cpl_event *event, void (*done)(struct cpl_event *event, enum cpl_flow result))
{
	struct dispatch *d;
	uint32_t at, end;
	bool dropped;

	event->host = host;
	event->done = done;
	event->id = id;
	event->depth = (uint8_t)depth;
	event->suspension = NULL;
	event->starter = account_now.module;
	d = enter(host, id, &at, &end, &dropped);
	if (d)
		run(event, d, at, end);
	else
		event_finish(event, dropped ? CPL_DROP : CPL_NEXT);
}

static bool sorts_after(const struct table_handler *h, const struct cpl_event *event)
{
	if (h->stage != event->stage)
		return h->stage > event->stage;
	if (h->number != event->number)
		return h->number > event->number;
	return strcmp(h->name, event->module) > 0;
}

void event_continue(struct cpl_event *event)
{
	unsigned before = depth;
	struct dispatch *d;
	uint32_t at, end;
	bool dropped;

	event->suspension = NULL;
	if (event->id == EVENT_CLAIM_IQ || event->id == EVENT_CLAIM_ELEMENT) {
		event_finish(event, CPL_NEXT);
		return;
	}
	depth = event->depth;
	d = enter(event->host, event->id, &at, &end, &dropped);
	if (d) {
		while (at < end && !sorts_after(&d->handlers[at], event))
			at++;
		run(event, d, at, end);
	} else {
		event_finish(event, dropped ? CPL_DROP : CPL_NEXT);
	}
	depth = before;
}
