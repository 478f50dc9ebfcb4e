/* SPDX-License-Identifier: MIT */
/*
 * sample, a module to be loaded, reloaded and unloaded: counts requests per session and in all, and keeps things going that its end has to end. KIND
 * chooses what is built:
 *   1  version 1.0      2  version 2.0: another struct in the slot, another feature, another command, another schema, no job
 *   3  an undefined symbol            4  another major of the API    5  a newer minor of the API
 *   6  an option without which it does not go                        7  load() fails
 *   8  restore() fails                9  a slot of another size with the same layout number
 *   10 check() refuses the options
 */
#include <couplet/module.h>
#include <stdio.h>

struct sample_config {
	int64_t step;
	struct cpl_str key;
};

#define KEY_FLAGS (KIND == 6 ? CPL_REQUIRED : 0)
static const struct cpl_option options[] = {
	CPL_OPT_INT(struct sample_config, step, "1", "1", "100", CPL_RELOADABLE, "What each request adds."),
	CPL_OPT_STRING(struct sample_config, key, NULL, KEY_FLAGS, "A text."),
	CPL_OPT_END,
};

#if KIND == 10
static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	fault(data, "step", "goes badly with the weather");
}
#endif

/* ---- data ---- */

struct sample {
	int64_t count;
	int64_t ticks;
	struct cpl_call tick;
	struct cpl_metric *requests;
	struct cpl_module *self;
};

struct seen {
	int64_t count;
#if KIND == 2
	char note[32];
	int64_t before;
#elif KIND == 9
	int64_t more;
#endif
};

static void release_seen(void *data)
{
	const struct seen *seen = data;

	cpl_log_info("sample %d releases count=%lld", KIND, (long long)seen->count);
	cpl_free(data);
}

#if KIND == 2
/* Of layout 1. */
struct seen_before {
	int64_t count;
};

static void *migrate_seen(unsigned old_layout, void *data)
{
	struct seen *seen = CPL_NEW(struct seen);

	seen->count = seen->before = ((const struct seen_before *)data)->count;
	snprintf(seen->note, sizeof(seen->note), "from layout %u", old_layout);
	cpl_free(data);
	return seen;
}
CPL_SLOT_MIGRATE(seen_slot, SESSION, struct seen, 2, release_seen, migrate_seen);
#else
CPL_SLOT(seen_slot, SESSION, struct seen, 1, release_seen);
#endif
/* What no later generation takes over: freed with the code that knows it. */
struct scratch {
	struct cpl_buf text;
};

static void release_scratch(void *data)
{
	struct scratch *scratch = data;

	cpl_buf_finish(&scratch->text);
	cpl_free(scratch);
}
CPL_SLOT(scratch_slot, SESSION, struct scratch, KIND, release_scratch);
static struct cpl_slot *const slots[] = {&seen_slot, &scratch_slot, NULL};

/* ---- requests ---- */

CPL_NAME(count_name, "urn:example:sample", "count");
CPL_NAME(wait_name, "urn:example:sample", "wait");
static struct cpl_name *const names[] = {&count_name, &wait_name, NULL};

static void set_number(struct cpl_stanza *stanza, struct cpl_element *e, const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	cpl_attr_set(stanza, e, name, cpl_str_of(text));
}

static enum cpl_flow on_count(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct sample *sample = cpl_module_data(self);
	struct seen *seen = CPL_SLOT_MAKE(ev->session, seen_slot);
	struct cpl_stanza *answer = cpl_iq_result(ev);
	struct cpl_element *count = cpl_add(answer, answer->root, &count_name);

	cpl_buf_addf(&CPL_SLOT_MAKE(ev->session, scratch_slot)->text, "a line in memory that the slot alone knows of\n");
	sample->count += CPL_CONFIG(self, ev->event.host, struct sample_config)->step;
	cpl_metric_add(sample->requests, 1);
	set_number(answer, count, "all", sample->count);
	set_number(answer, count, "session", ++seen->count);
	set_number(answer, count, "kind", KIND);
#if KIND == 2
	set_number(answer, count, "before", seen->before);
	cpl_attr_set(answer, count, "note", cpl_str_of(seen->note));
#endif
	cpl_send(&answer);
	return CPL_HANDLED;
}

/* Suspended, with a call that takes an hour. */
struct wait {
	struct cpl_call call;
	struct cpl_suspension *suspension;
};

static void on_waited(struct cpl_call *call)
{
	struct wait *wait = CPL_CONTAINER(call, struct wait, call);

	cpl_log_info("sample %d has waited status=%d", KIND, call->status);
	cpl_resume(&wait->suspension, CPL_NEXT);
	cpl_free(wait);
}

static enum cpl_flow on_wait(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct wait *wait = CPL_NEW(struct wait);

	if (cpl_timer_start(&wait->call, &ev->event.host->scope, 3600000, on_waited) < 0) {
		cpl_free(wait);
		return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, NULL);
	}
	wait->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &count_name, on_count, 0},
	{CPL_IQ_GET, CPL_TO_HOST, &wait_name, on_wait, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{KIND == 2 ? "urn:example:sample:2" : "urn:example:sample", CPL_OF_HOST},
	{NULL, 0},
};

static enum cpl_flow on_pre_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return CPL_NEXT;
}

static const struct cpl_event_row events[] = {
	CPL_ON(pre_message, on_pre_message, OBSERVE, KIND),
	CPL_ON_END,
};

static void run_count(struct cpl_module *self, struct cpl_invocation *in)
{
	const struct sample *sample = cpl_module_data(self);

	cpl_say(in, "%lld of %d", (long long)sample->count, KIND);
	cpl_done(in);
}

static const struct cpl_command commands[] = {
	{"sample count", "Shows how many requests there were.", NULL, NULL, 0, run_count},
#if KIND == 2
	{"sample again", "Shows the same.", NULL, NULL, 0, run_count},
#endif
	CPL_COMMAND_END,
};

/* Runs that do not come to an end by themselves. Another generation has no such job. */
#if KIND != 2
static void run_sweep(struct cpl_module *self, struct cpl_run *run)
{
}
#endif

static const struct cpl_schedule_row schedule[] = {
#if KIND != 2
	{.name = "sweep", .period_ms = 3600000, .jitter_ms = -1, .run = run_sweep, .summary = "Takes for ever."},
#endif
	CPL_SCHEDULE_END,
};

/* ---- its life ---- */

static void on_tick(struct cpl_call *call)
{
	struct sample *sample = CPL_CONTAINER(call, struct sample, tick);

	if (call->status < 0)
		return;
	sample->ticks++;
	/* Refused once another generation has taken over, which ticks then. */
	cpl_timer_start(&sample->tick, cpl_module_scope(sample->self), 20, on_tick);
}

static int sample_load(struct cpl_module *self, struct cpl_error *error)
{
#if KIND == 7
	return cpl_fail(error, CPL_E_IO, "the sample is out of order");
#endif
	cpl_module_set_data(self, CPL_NEW(struct sample));
	((struct sample *)cpl_module_data(self))->self = self;
	((struct sample *)cpl_module_data(self))->requests = cpl_metric_counter(self, "requests", "Requests for the count.", NULL, CPL_NONE);
	return 0;
}

static void sample_start(struct cpl_module *self, struct cpl_host *host)
{
	struct sample *sample = cpl_module_data(self);

	if (!cpl_call_pending(&sample->tick))
		cpl_timer_start(&sample->tick, cpl_module_scope(self), 20, on_tick);
}

static void sample_save(struct cpl_module *self, struct cpl_bag *bag)
{
	const struct sample *sample = cpl_module_data(self);

	cpl_bag_put_int(bag, KIND == 2 ? "total" : "count", sample->count);
}

static int sample_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	struct sample *sample = cpl_module_data(self);

	if (KIND == 8)
		return cpl_fail(error, CPL_E_CORRUPT, "what was saved with schema %u makes no sense", schema);
	if (!cpl_bag_get_int(bag, schema == 2 ? "total" : "count", &sample->count))
		return cpl_fail(error, CPL_E_CORRUPT, "there is no count");
	return 0;
}

#if KIND == 3
void cpl_no_such_function(void);
#endif

static void sample_unload(struct cpl_module *self)
{
	const struct sample *sample = cpl_module_data(self);

#if KIND == 3
	cpl_no_such_function();
#endif
	cpl_log_info("sample %d unloads count=%lld", KIND, (long long)sample->count);
	cpl_free(cpl_module_data(self));
}

#if KIND == 4
#undef CPL_API_MAJOR
#define CPL_API_MAJOR 2
#elif KIND == 5
#undef CPL_API_MINOR
#define CPL_API_MINOR 99
#endif

CPL_MODULE(sample) = {
	CPL_MODULE_HEAD("sample", KIND == 2 ? "2.0" : "1.0", "A sample for tests of reload"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct sample_config),
#if KIND == 10
	.check = check,
#endif
	.events = events,
	.iqs = iqs,
	.features = features,
	.commands = commands,
	.slots = slots,
	.schedule = schedule,
	.load = sample_load,
	.start = sample_start,
	.save = sample_save,
	.restore = sample_restore,
	.unload = sample_unload,
	.schema = KIND == 2 ? 2 : 1,
};
