/* SPDX-License-Identifier: MIT */
/*
 * holder, a module that suspends messages: a timer of a second, then it says how the timer ended and resumes. It needs the counter and looks at it in its
 * callback. Its own clock ticks as long as it is let. With KIND 2 it has a sundial.
 */
#include "note.h"

CPL_SERVICE_REF(counter, "counter", 1);
static const struct cpl_need_row needs[] = {{&counter, false}, {0}};

CPL_NAME(ask, "urn:example:holder", "ask");
static struct cpl_name *const names[] = {&ask, NULL};

struct wait {
	struct cpl_call call;
	struct cpl_suspension *suspension;
	struct cpl_host *host;
};

struct holder {
	struct cpl_call clock;
	char room[2 * sizeof(struct cpl_store_call)]; /* more than what may be touched together with the clock */
};

static void waited(struct cpl_call *call)
{
	struct wait *wait = CPL_CONTAINER(call, struct wait, call);
	struct cpl_module *provider = NULL;
	const struct counter_service *service = cpl_service_find(wait->host, &counter, &provider);

	test_note("holder.waited(%d,%d)", call->status, service ? (int)service->count(provider) : -1);
	cpl_resume(&wait->suspension, call->status == 0 ? CPL_NEXT : CPL_DROP);
	cpl_free(wait);
}

static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct wait *wait = CPL_NEW(struct wait);

	wait->host = ev->event.host;
	if (cpl_timer_start(&wait->call, &ev->event.host->scope, 1000, waited) < 0) {
		cpl_free(wait);
		return CPL_DROP;
	}
	wait->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static const struct cpl_event_row events[] = {CPL_ON(message, on_message, FEATURE, 0), CPL_ON_END};

static enum cpl_flow on_ask(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {{CPL_IQ_GET, CPL_TO_HOST, &ask, on_ask, 0}, {0}};

static void ticked(struct cpl_call *call)
{
	struct holder *holder = CPL_CONTAINER(call, struct holder, clock);

	if (call->status == 0)
		cpl_timer_start(&holder->clock, NULL, 7000, ticked);
}

static int holder_load(struct cpl_module *self, struct cpl_error *error)
{
	struct holder *holder = CPL_NEW(struct holder);

	test_note("holder.load");
	cpl_module_set_data(self, holder);
	return cpl_timer_start(&holder->clock, NULL, 7000, ticked);
}

static void holder_start(struct cpl_module *self, struct cpl_host *host)
{
	test_note("holder.start(%.*s)", CPL_ARG(host->name));
}

static void holder_stop(struct cpl_module *self, struct cpl_host *host)
{
	test_note("holder.stop(%.*s)", CPL_ARG(host->name));
}

static void holder_unload(struct cpl_module *self)
{
	test_note("holder.unload");
	cpl_free(cpl_module_data(self));
}

static const struct {
	size_t size;
} sundial = {sizeof(sundial)};
static const struct cpl_provide_row provides[] = {{"sundial", 1, &sundial}, {0}};

CPL_MODULE(holder) = {
	CPL_MODULE_HEAD("holder", "1.0", "Holds messages, for tests"),
	.names = names,
	.events = events,
	.iqs = iqs,
	.needs = needs,
	.provides = KIND == 2 ? provides : NULL,
	.load = holder_load,
	.start = holder_start,
	.stop = holder_stop,
	.unload = holder_unload,
};
