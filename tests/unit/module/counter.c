/* SPDX-License-Identifier: MIT */
/*
 * counter, a module to be loaded, reloaded and spoilt. It counts messages, notes what happens to it, and provides its count as a service. KIND chooses what is
 * built:
 *   1  version 1.0         2  version 2.0: another slot layout, another feature, one more store
 *   3  load() fails        4  other API major         5  newer API minor        6  descriptor too short
 *   7  undefined symbol    8  restore() fails         9  does not provide the service any more
 *   10 a pointer to its own text in its slot, 11 behind a pointer there, 12 handed over in the bag
 *   13 another version of its store                  14 needs a service that nobody provides        15 needs itself a newer version than there is
 *   16 would like a sundial   17 no end of its options, 18 of its stores            19 load() fails and does not say why
 */
#include "note.h"

#include <string.h>

struct counter_config {
	int64_t step;
	struct cpl_str label;
};

static const struct cpl_option options[] = {
	CPL_OPT_INT(struct counter_config, step, "1", "1", "100", CPL_RELOADABLE, "What each message adds."),
	CPL_OPT_STRING(struct counter_config, label, "plain", 0, "A text."),
#if KIND == 17
	{.name = (const char *)16},
#endif
	CPL_OPT_END,
};

struct counter {
	int64_t count;
	int64_t text; /* an address, as a number */
};

struct visits {
	int number;
#if KIND == 2
	int more;
#endif
#if KIND == 10
	const char *text;
#elif KIND == 11
	const char **text;
#endif
};

static void release_visits(void *data)
{
	test_note("release%d", ((struct visits *)data)->number);
#if KIND == 11
	cpl_free(((struct visits *)data)->text);
#endif
	cpl_free(data);
}

#if KIND == 2
static void *migrate_visits(unsigned old_layout, void *data)
{
	struct visits *visits = CPL_NEW(struct visits);

	memcpy(&visits->number, data, sizeof(visits->number));
	visits->more = (int)old_layout;
	cpl_free(data);
	return visits;
}
CPL_SLOT_MIGRATE(visits_slot, HOST, struct visits, 2, release_visits, migrate_visits);
#elif KIND == 10 || KIND == 11
CPL_SLOT(visits_slot, HOST, struct visits, KIND, release_visits);
#else
CPL_SLOT(visits_slot, HOST, struct visits, 1, release_visits);
#endif
static struct cpl_slot *const slots[] = {&visits_slot, NULL};

static struct counter *counter_of(const struct cpl_module *self)
{
	return cpl_module_data(self);
}

static int64_t counter_count(struct cpl_module *self)
{
	return counter_of(self)->count;
}

static int64_t counter_step(struct cpl_module *self, struct cpl_host *host)
{
	return CPL_CONFIG(self, host, struct counter_config)->step;
}

static int counter_visits(struct cpl_module *self, struct cpl_host *host)
{
	struct visits *visits = CPL_SLOT_MAKE(host, visits_slot);

#if KIND == 10
	visits->text = "a literal that will be unmapped";
#endif
	return ++visits->number;
}

#if KIND >= 14 && KIND <= 16
CPL_SERVICE_REF(wanted, KIND == 15 ? "counter" : "sundial", KIND == 15 ? 2 : 1);
static const struct cpl_need_row needs[] = {{&wanted, KIND == 16}, {0}};
#endif

static const struct cpl_column columns[] = {{"count", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store store = {"counter", CPL_STORE_KEYVAL, KIND == 13 ? 2 : 1, columns, NULL};
static const struct cpl_store more = {"more", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&store, KIND == 2 ? &more : KIND == 18 ? (const struct cpl_store *)16 : NULL, NULL};

static const struct counter_service service = {sizeof(service), counter_count, counter_step, counter_visits};
static const struct cpl_provide_row provides[] = {{KIND == 9 ? "abacus" : "counter", 1, &service}, {0}};

static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	counter_of(self)->count += counter_step(self, ev->event.host);
#if KIND == 11
	struct visits *visits = CPL_SLOT_MAKE(ev->event.host, visits_slot);

	if (!visits->text)
		visits->text = cpl_alloc(sizeof(*visits->text));
	*visits->text = "a literal that will be unmapped";
#endif
	return CPL_NEXT;
}

static void on_features_changed(struct cpl_module *self, struct cpl_ev_host *ev)
{
	test_note("changed(%.*s)", CPL_ARG(ev->host->name));
}

static const struct cpl_event_row events[] = {
	CPL_ON(message, on_message, OBSERVE, 0),
	CPL_ON(features_changed, on_features_changed, OBSERVE, 0),
	CPL_ON_END,
};

static const struct cpl_feature_row features[] = {
	{KIND == 2 ? "urn:example:counter:2" : "urn:example:counter", CPL_OF_HOST},
	{0},
};

static int counter_load(struct cpl_module *self, struct cpl_error *error)
{
	test_note("counter.load(%.*s)", CPL_ARG(CPL_CONFIG(self, NULL, struct counter_config)->label));
#if KIND == 19
	return CPL_E_IO;
#elif KIND == 3
	return cpl_fail(error, CPL_E_IO, "the counter is out of order");
#endif
	cpl_module_set_data(self, CPL_NEW(struct counter));
	return 0;
}

static void counter_start(struct cpl_module *self, struct cpl_host *host)
{
	test_note("counter.start(%.*s)", CPL_ARG(host->name));
}

static void counter_reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	const struct counter_config *a = before, *b = now;

	test_note("counter.reconfigure(%.*s,%d,%d)", CPL_ARG(host ? host->name : CPL_STR("all")), (int)a->step, (int)b->step);
}

static void counter_save(struct cpl_module *self, struct cpl_bag *bag)
{
	cpl_bag_put_int(bag, "count", counter_of(self)->count);
	cpl_bag_put_bytes(bag, "text", CPL_STR("kept"));
	if (KIND == 12)
		cpl_bag_put_int(bag, "address", (int64_t)(intptr_t)"a literal that will be unmapped");
}

static int counter_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	struct cpl_str text = CPL_NONE;
	int64_t absent;

	if (KIND == 8)
		return cpl_fail(error, CPL_E_CORRUPT, "what was saved with schema %u makes no sense", schema);
	if (!cpl_bag_get_int(bag, "count", &counter_of(self)->count) || !cpl_bag_get_bytes(bag, "text", &text))
		return cpl_fail(error, CPL_E_CORRUPT, "count or text is missing");
	if (!cpl_str_is(text, "kept") || cpl_bag_get_int(bag, "text", &absent) || cpl_bag_get_int(bag, "absent", &absent))
		return cpl_fail(error, CPL_E_CORRUPT, "text is wrong");
	cpl_bag_get_int(bag, "address", &counter_of(self)->text);
	test_note("counter.restore(%u)", schema);
	return 0;
}

static void counter_stop(struct cpl_module *self, struct cpl_host *host)
{
	test_note("counter.stop(%.*s)", CPL_ARG(host->name));
}

#if KIND == 7
void cpl_no_such_function(void);
#endif

static void counter_unload(struct cpl_module *self)
{
	test_note("counter.unload");
#if KIND == 7
	cpl_no_such_function();
#endif
	cpl_free(cpl_module_data(self));
}

#if KIND == 4
#undef CPL_API_MAJOR
#define CPL_API_MAJOR 2
#elif KIND == 5
#undef CPL_API_MINOR
#define CPL_API_MINOR 99
#elif KIND == 6
#undef CPL_MODULE_HEAD
#define CPL_MODULE_HEAD(n, v, s) .size = 64, .api_major = CPL_API_MAJOR, .api_minor = CPL_API_MINOR, .name = n, .version = v, .summary = s
#endif

CPL_MODULE(counter) = {
	CPL_MODULE_HEAD("counter", KIND == 2 ? "2.0" : "1.0", "A counter, for tests"),
	.options = options,
	.config_size = sizeof(struct counter_config),
	.events = events,
	.features = features,
#if KIND >= 14 && KIND <= 16
	.needs = needs,
#endif
	.stores = stores,
	.slots = slots,
	.provides = provides,
	.load = counter_load,
	.start = counter_start,
	.reconfigure = counter_reconfigure,
	.save = counter_save,
	.restore = counter_restore,
	.stop = counter_stop,
	.unload = counter_unload,
	.schema = 7,
};
