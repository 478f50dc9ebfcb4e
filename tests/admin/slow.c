/* SPDX-License-Identifier: MIT */
/*
 * A module that keeps the session thread: what the watchdog, top, module info and metrics are tested with (tests/admin/ctl). Not to be
 * imitated: a module that has to wait starts a call.
 *
 *   the event session_created   sleeps for the option `session`, at most: until there is the file that the option `gate` names
 *   the command `slow`          sleeps for its argument, in the same way
 *   the command `heap`          keeps that many bytes, and what it had no more
 *   the element <nap/>          answers nothing: it is taken care of, or (wrong=) answered as nothing may be, or (long=) suspended for good
 *
 * Besides it has one resource of each kind.
 */
#include <couplet/module.h>
#include <time.h>
#include <unistd.h>

struct slow_config {
	int64_t session;
	struct cpl_str gate, word;
};
static const struct cpl_option slow_options[] = {
	CPL_OPT_TIME(struct slow_config, session, "0", "0", "1m", CPL_RELOADABLE, "How long a new session keeps everybody waiting."),
	CPL_OPT_STRING(struct slow_config, gate, NULL, CPL_RELOADABLE, "A file that wakes it."),
	CPL_OPT_SECRET(struct slow_config, word, CPL_RELOADABLE, "Nobody is told."),
	CPL_OPT_END,
};

struct slow {
	struct cpl_metric *visits, *last, *times;
	struct cpl_call hour;
	void *heap;
};

static void doze(struct cpl_module *self, int64_t ms)
{
	struct slow *slow = cpl_module_data(self);
	struct cpl_str gate = CPL_CONFIG(self, NULL, struct slow_config)->gate;
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, piece = {.tv_nsec = 10000000};

	if (!gate.len)
		nanosleep(&pause, NULL);
	for (int64_t slept = 0; gate.len && slept < ms && access(gate.ptr, F_OK) != 0; slept += 10)
		nanosleep(&piece, NULL);
	cpl_metric_add(slow->visits, 1);
	cpl_metric_set(slow->last, ms);
	cpl_metric_observe(slow->times, ms);
}

static void on_session_created(struct cpl_module *self, struct cpl_ev_session *ev)
{
	doze(self, CPL_CONFIG(self, NULL, struct slow_config)->session);
}
static const struct cpl_event_row slow_events[] = {
	CPL_ON(session_created, on_session_created, OBSERVE, 0),
	CPL_ON_END,
};

static void run_slow(struct cpl_module *self, struct cpl_invocation *in)
{
	doze(self, cpl_arg_int(in, 0));
	cpl_done(in);
}
static void run_heap(struct cpl_module *self, struct cpl_invocation *in)
{
	struct slow *slow = cpl_module_data(self);

	CPL_FREE(slow->heap);
	if (cpl_arg_int(in, 0) > 0)
		slow->heap = cpl_alloc((size_t)cpl_arg_int(in, 0));
	cpl_done(in);
}
static const struct cpl_command slow_commands[] = {
	{"heap <int:bytes>", "Keeps some memory.", NULL, NULL, 0, run_heap},
	{"slow <int:milliseconds>", "Keeps the server busy.", NULL, NULL, 0, run_slow},
	CPL_COMMAND_END,
};

/* ---- one of each kind ---- */

CPL_NAME(nap_name, "urn:example:slow", "nap");
CPL_NAME(query_name, "urn:example:slow", "query");
static struct cpl_name *const slow_names[] = {&nap_name, &query_name, NULL};

static enum cpl_flow on_nap(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	if (cpl_attr_get(ev->nonza->root, "wrong").ptr)
		return (enum cpl_flow)99;
	if (!cpl_attr_get(ev->nonza->root, "long").ptr)
		return CPL_HANDLED;
	cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}
static const struct cpl_nonza_row slow_nonzas[] = {{&nap_name, CPL_IN(C2S_UNAUTHED), on_nap}, {NULL, 0, NULL}};

static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return cpl_iq_error(ev, CPL_NOT_ALLOWED, NULL);
}
static const struct cpl_iq_row slow_iqs[] = {{CPL_IQ_GET, CPL_TO_HOST, &query_name, on_query, 0}, {0, 0, NULL, NULL, 0}};

static const struct cpl_feature_row slow_features[] = {{"urn:example:slow", CPL_OF_HOST}, {NULL, 0}};
static const struct cpl_identity_row slow_identities[] = {{"automation", "slow", NULL, CPL_OF_HOST}, {NULL, NULL, NULL, 0}};
static const struct cpl_column slow_columns[] = {{"naps", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store slow_store = {"slow", CPL_STORE_KEYVAL, 1, slow_columns, NULL};
static const struct cpl_store *const slow_stores[] = {&slow_store, NULL};
CPL_SLOT(slow_slot, HOST, struct slow, 1, NULL);
static struct cpl_slot *const slow_slots[] = {&slow_slot, NULL};
static const struct cpl_provide_row slow_provides[] = {{"slowness", 1, &slow_store}, {NULL, 0, NULL}};
CPL_SERVICE_REF(haste, "haste", 1);
static const struct cpl_need_row slow_needs[] = {{&haste, true}, {NULL, false}};
static const struct cpl_listen_row slow_listens[] = {{"slow", 5299, CPL_SESSION_C2S_UNAUTHED, false}, {NULL, 0, CPL_SESSION_C2S_UNAUTHED, false}};

/* An hour has gone, or the module goes. */
static void on_hour(struct cpl_call *call)
{
}

static int slow_load(struct cpl_module *self, struct cpl_error *error)
{
	static const int64_t bounds[] = {1, 10, 100, 1000};
	struct slow *slow = CPL_NEW(struct slow);

	cpl_module_set_data(self, slow);
	slow->visits = cpl_metric_counter(self, "visits", "Times that it kept the server.", NULL, CPL_NONE);
	slow->last = cpl_metric_gauge(self, "last_milliseconds", "The last time.", "how", CPL_STR("\"asleep\""));
	slow->times = cpl_metric_histogram(self, "milliseconds", "All times.", NULL, CPL_NONE, bounds, 4);
	if (!slow->visits || !slow->last || !slow->times || cpl_metric_counter(self, "no name", "", NULL, CPL_NONE) ||
	    cpl_metric_gauge(self, "visits", "", NULL, CPL_NONE))
		return cpl_fail(error, CPL_E_INVALID, "the metrics are not as they should be");
	return cpl_timer_start(&slow->hour, cpl_module_scope(self), 3600000, on_hour);
}

static void slow_unload(struct cpl_module *self)
{
	struct slow *slow = cpl_module_data(self);

	cpl_free(slow->heap);
	cpl_free(slow);
}

CPL_MODULE(slow) = {
	CPL_MODULE_HEAD("slow", "1.0", "Keeps the session thread, for tests"),
	.options = slow_options,
	.config_size = sizeof(struct slow_config),
	.events = slow_events,
	.commands = slow_commands,
	.names = slow_names,
	.nonzas = slow_nonzas,
	.iqs = slow_iqs,
	.features = slow_features,
	.identities = slow_identities,
	.stores = slow_stores,
	.slots = slow_slots,
	.provides = slow_provides,
	.needs = slow_needs,
	.listens = slow_listens,
	.load = slow_load,
	.unload = slow_unload,
};
