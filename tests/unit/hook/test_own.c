/* SPDX-License-Identifier: MIT */
/* Events that modules publish: found by name, fired in order, refused where two modules do not agree on them. */
#include "fixture.h"

#include <couplet/publish.h>

struct weather_turned {
	size_t size;
	int degrees;
};
CPL_PUBLIC_EVENT(weather, turned, struct weather_turned, NOTIFY);
struct weather_stay {
	size_t size;
};
CPL_PUBLIC_EVENT(weather, stay, struct weather_stay, ASK);
CPL_PUBLIC_EVENT(weather, gust, struct weather_stay, FILTER);

static const struct cpl_publish_row publishes[] = {
	CPL_PUBLISH(weather, turned, "The weather is another one."),
	CPL_PUBLISH(weather, stay, "Shall we stay at home?"),
	CPL_PUBLISH(weather, gust, "A gust of wind."),
	CPL_PUBLISH_END,
};

static void on_turned(struct cpl_module *self, struct weather_turned *ev)
{
	char text[64];

	snprintf(text, sizeof(text), "%s:%d", self->name, ev->degrees);
	assert_int_equal(ev->size, sizeof(*ev));
	trace_add(text);
}

static enum cpl_answer on_stay(struct cpl_module *self, struct weather_stay *ev)
{
	trace_add(self->name);
	return self == &beta ? CPL_YES : CPL_NO_OPINION;
}

static enum cpl_flow on_gust(struct cpl_module *self, struct weather_stay *ev)
{
	trace_add(self->name);
	return self == &beta ? CPL_HANDLED : CPL_NEXT;
}

/* What makes CPL_HEAR() refuse to compile: no handler of another payload or flow is of the event's type. */
#define FITS(event, function) _Generic((function), cpl_on_##event *: true, default: false)
_Static_assert(FITS(weather_turned, on_turned) && FITS(weather_stay, on_stay) && FITS(weather_gust, on_gust), "handlers");
_Static_assert(!FITS(weather_turned, on_stay) && !FITS(weather_stay, on_turned) && !FITS(weather_stay, on_gust), "strangers");

static const struct cpl_hear_row early[] = {
	CPL_HEAR(weather, stay, on_stay, POLICY, 0),
	CPL_HEAR(weather, gust, on_gust, POLICY, 0),
	CPL_HEAR(weather, turned, on_turned, POLICY, 0),
	CPL_HEAR_END,
};
static const struct cpl_hear_row late[] = {
	CPL_HEAR(weather, turned, on_turned, POLICY, 1),
	CPL_HEAR(weather, gust, on_gust, OBSERVE, 0),
	CPL_HEAR_END,
};

static const struct cpl_descriptor publisher = {.name = "weather", .publishes = publishes};
static const struct cpl_descriptor beta_hears = {.name = "beta", .hears = early};
static const struct cpl_descriptor gamma_hears = {.name = "gamma", .hears = late};

#define ALPHA	{&alpha, &publisher, NULL, 0}
#define BETA	{&beta, &beta_hears, NULL, 1}
#define GAMMA	{&gamma_, &gamma_hears, NULL, 2}

/* As the manager does at load. */
static void declare(void)
{
	cpl_event_weather_turned.id = dispatch_own_id(cpl_event_weather_turned.name);
	cpl_event_weather_stay.id = dispatch_own_id(cpl_event_weather_stay.name);
	cpl_event_weather_gust.id = dispatch_own_id(cpl_event_weather_gust.name);
}

static void assert_trace(const char *expected)
{
	assert_string_equal(trace, expected);
	trace[0] = '\0';
}

static void test_fired_in_order(void **state)
{
	const struct dispatch_entry all[] = {ALPHA, BETA, GAMMA}, reversed[] = {GAMMA, BETA, ALPHA};
	struct weather_turned turned = {.degrees = 7};
	struct weather_stay stay;

	declare();
	install(all, 3);
	cpl_publish_weather_turned(&host, &turned);
	assert_trace("beta:7 gamma:7");
	install(reversed, 3);
	cpl_publish_weather_turned(&host, &turned);
	assert_trace("beta:7 gamma:7");
	assert_int_equal(cpl_publish_weather_stay(&host, &stay), CPL_YES);
	assert_trace("beta");
	assert_int_equal(cpl_publish_weather_gust(&host, &stay), CPL_HANDLED);
	assert_trace("beta");
	assert_true(cpl_event_wanted(&host, cpl_event_weather_turned.id));
}

static void test_one_without_the_other(void **state)
{
	const struct dispatch_entry only_publisher[] = {ALPHA}, only_hearer[] = {BETA};
	struct weather_turned turned = {.degrees = 1};
	struct weather_stay stay;

	declare();
	install(only_publisher, 1);
	cpl_publish_weather_turned(&host, &turned);
	assert_int_equal(cpl_publish_weather_stay(&host, &stay), CPL_NO_OPINION);
	assert_int_equal(cpl_publish_weather_gust(&host, &stay), CPL_NEXT);
	assert_trace("");
	assert_false(cpl_event_wanted(&host, cpl_event_weather_turned.id));
	install(only_hearer, 1);
	assert_true(cpl_event_wanted(&host, cpl_event_weather_turned.id));
}

/* A table that was made before the event had a number knows nothing of it. */
static void test_newer_than_the_table(void **state)
{
	const struct dispatch_entry all[] = {ALPHA, BETA};
	struct cpl_event_ref fresh = {"weather.fresh", CPL_FLOW_NOTIFY, sizeof(struct weather_stay), 0};
	struct weather_stay stay = {sizeof(stay)};

	declare();
	install(all, 2);
	fresh.id = dispatch_own_id(fresh.name);
	assert_false(cpl_event_wanted(&host, fresh.id));
	cpl_event_notify(&host, fresh.id, &stay);
	assert_trace("");
}

static void test_undeclared_fires_nothing(void **state)
{
	const struct dispatch_entry all[] = {ALPHA, BETA};
	struct weather_turned turned = {.degrees = 1};
	struct weather_stay stay;

	declare();
	install(all, 2);
	cpl_event_weather_turned.id = cpl_event_weather_stay.id = cpl_event_weather_gust.id = 0;
	cpl_publish_weather_turned(&host, &turned);
	assert_int_equal(cpl_publish_weather_stay(&host, &stay), CPL_NO_OPINION);
	assert_int_equal(cpl_publish_weather_gust(&host, &stay), CPL_NEXT);
	assert_trace("");
}

static struct cpl_event_ref other_ref;
static const struct cpl_hear_row other_row[] = {{&other_ref, CPL_STAGE_POLICY, 0, (void (*)(void))on_turned}, CPL_HEAR_END};
static const struct cpl_descriptor other = {.name = "gamma", .hears = other_row};

static void refuse(const char *reason)
{
	const struct dispatch_entry all[] = {ALPHA, {&gamma_, &other, NULL, 2}};
	struct cpl_error error = {0};

	assert_null(dispatch_create(&host, all, 2, &error));
	assert_int_equal(error.code, CPL_E_CONFLICT);
	if (!strstr(error.text, "weather") || !strstr(error.text, "gamma") || !strstr(error.text, reason))
		fail_msg("%s", error.text);
}

static void test_modules_that_do_not_agree(void **state)
{
	declare();
	other_ref = cpl_event_weather_turned;
	other_ref.flow = CPL_FLOW_ASK;
	refuse("another flow");
	other_ref = cpl_event_weather_turned;
	other_ref.size += 8;
	refuse("newer module");
	/* A hearer that knows a shorter payload is welcome. */
	other_ref = cpl_event_weather_turned;
	other_ref.size = sizeof(size_t);
	const struct dispatch_entry all[] = {ALPHA, {&gamma_, &other, NULL, 2}};
	struct weather_turned turned = {.degrees = 3};

	install(all, 2);
	cpl_publish_weather_turned(&host, &turned);
	assert_trace("gamma:3");
}

static void test_listed_by_name(void **state)
{
	const struct dispatch_entry all[] = {ALPHA, BETA, GAMMA};
	struct dispatch_listing rows[8];
	const char *names[CPL_EVENT_COUNT + 16];
	bool seen = false;

	declare();
	install(all, 3);
	assert_int_equal(dispatch_event_id(CPL_STR("weather.turned")), cpl_event_weather_turned.id);
	assert_int_equal(dispatch_event_id(CPL_STR("weather.none")), CPL_EVENT_COUNT);
	assert_string_equal(dispatch_event_name(cpl_event_weather_turned.id), "weather.turned");
	assert_int_equal(dispatch_list(&host, cpl_event_weather_turned.id, rows, 8), 2);
	assert_string_equal(rows[0].module, "beta");
	assert_string_equal(rows[1].module, "gamma");
	assert_int_equal(rows[1].number, 1);
	for (size_t i = 0, count = dispatch_event_names(names, CPL_EVENT_COUNT + 16); i < count; i++)
		seen = seen || strcmp(names[i], "weather.turned") == 0;
	assert_true(seen);
}

/* The core's events are not disturbed by handlers behind theirs. */
static void on_host(struct cpl_module *self, struct cpl_ev_host *ev)
{
	trace_add(self->name);
}
static const struct cpl_event_row rows_of_core[] = {CPL_ON(host_started, on_host, OBSERVE, 0), CPL_ON_END};
static const struct cpl_descriptor both = {.name = "beta", .events = rows_of_core, .hears = early};

static void test_beside_the_core(void **state)
{
	const struct dispatch_entry all[] = {ALPHA, {&beta, &both, NULL, 1}, GAMMA};
	struct weather_turned turned = {.degrees = 2};
	struct cpl_ev_host ev = {&host};

	declare();
	install(all, 3);
	cpl_fire_host_started(&host, &ev);
	assert_trace("beta");
	cpl_publish_weather_turned(&host, &turned);
	assert_trace("beta:2 gamma:2");
	cpl_fire_features_changed(&host, &ev);
	assert_trace("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fired_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_without_the_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_newer_than_the_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_undeclared_fires_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_modules_that_do_not_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_listed_by_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_beside_the_core, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("events of modules", tests, NULL, NULL);
}
