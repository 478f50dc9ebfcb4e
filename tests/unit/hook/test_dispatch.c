/* SPDX-License-Identifier: MIT */
/* Dispatch tables and firing: order, flows, claims, services, features, recursion. */
#include "fixture.h"

#include <couplet/module.h>

/* ---- order ---- */

#define TRACER(function, text)                                                                                                   \
	static enum cpl_flow function(struct cpl_module *self, struct cpl_ev_stanza *ev)                                         \
	{                                                                                                                        \
		trace_add(text);                                                                                                 \
		assert_ptr_equal(account_now.module, self);                                                                      \
		return CPL_NEXT;                                                                                                 \
	}
TRACER(a_policy, "a.policy")
TRACER(a_deliver, "a.deliver")
TRACER(b_validate, "b.validate")
TRACER(b_policy, "b.policy")
TRACER(b_policy_early, "b.policy-5")
TRACER(g_policy, "g.policy")

static const struct cpl_event_row a_rows[] = {
	CPL_ON(message, a_deliver, DELIVER, 0),
	CPL_ON(message, a_policy, POLICY, 0),
	CPL_ON_END,
};
static const struct cpl_event_row b_rows[] = {
	CPL_ON(message, b_policy, POLICY, 0),
	CPL_ON(message, b_policy_early, POLICY, -5),
	CPL_ON(message, b_validate, VALIDATE, 0),
	CPL_ON_END,
};
static const struct cpl_event_row g_rows[] = {CPL_ON(message, g_policy, POLICY, 0), CPL_ON_END};
static const struct cpl_descriptor a_order = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = a_rows};
static const struct cpl_descriptor b_order = {CPL_MODULE_HEAD("beta", "1", "b"), .events = b_rows};
static const struct cpl_descriptor g_order = {CPL_MODULE_HEAD("gamma", "1", "g"), .events = g_rows};

static enum cpl_flow result;
static unsigned results;

static void done(struct cpl_event *event, enum cpl_flow flow)
{
	result = flow;
	results++;
}

static void start_message(struct cpl_ev_stanza *ev)
{
	result = CPL_FAILED;
	results = 0;
	*ev = (struct cpl_ev_stanza){.host = &host};
	cpl_fire_message(&host, ev, done);
}

static void orders_by_stage_number_name(void **state)
{
	/* Whatever the order in which the modules come. */
	const struct dispatch_entry entries[] = {{&gamma_, &g_order, NULL, 2}, {&beta, &b_order, NULL, 1}, {&alpha, &a_order, NULL, 0}};
	struct dispatch_listing rows[10];
	struct cpl_ev_stanza ev;

	install(entries, 3);
	start_message(&ev);
	assert_string_equal(trace, "b.validate b.policy-5 a.policy b.policy g.policy a.deliver");
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_NEXT);
	assert_int_equal(dispatch_list(&host, CPL_EVENT_message, rows, 10), 6);
	assert_string_equal(rows[1].module, "beta");
	assert_int_equal(rows[1].number, -5);
	assert_int_equal(rows[1].stage, CPL_STAGE_POLICY);
	assert_int_equal(dispatch_list(&host, CPL_EVENT_message, rows, 2), 2);
	assert_int_equal(dispatch_list(&host, CPL_EVENT_iq, rows, 10), 0);
	assert_true(cpl_event_wanted(&host, CPL_EVENT_message));
	assert_false(cpl_event_wanted(&host, CPL_EVENT_iq));
	assert_int_equal(account_sum(alpha.account).calls, 2);
	assert_int_equal(account_sum(alpha.account).stops, 0);
}

static void names_and_ids_agree(void **state)
{
	for (uint16_t id = 0; id < CPL_EVENT_COUNT; id++)
		assert_int_equal(dispatch_event_id(cpl_str_of(dispatch_event_name(id))), id);
	assert_int_equal(dispatch_event_id(CPL_STR("no_such_event")), CPL_EVENT_COUNT);
}

static void on_unbound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	trace_add(self->name);
}

static void teardown_runs_in_reverse(void **state)
{
	static const struct cpl_event_row rows[] = {
		CPL_ON(session_unbound, on_unbound, FEATURE, 0),
		CPL_ON(session_bound, on_unbound, FEATURE, 0),
		CPL_ON_END,
	};
	static const struct cpl_descriptor a = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = rows};
	static const struct cpl_descriptor b = {CPL_MODULE_HEAD("beta", "1", "b"), .events = rows};
	const struct dispatch_entry entries[] = {{&alpha, &a, NULL, 0}, {&beta, &b, NULL, 1}};
	struct cpl_ev_session ev = {NULL};

	install(entries, 2);
	cpl_fire_session_bound(&host, &ev);
	cpl_fire_session_unbound(&host, &ev);
	assert_string_equal(trace, "alpha beta beta alpha");
}

static void global_table_serves_no_host(void **state)
{
	static const struct cpl_event_row rows[] = {CPL_ON(session_created, on_unbound, FEATURE, 0), CPL_ON_END};
	static const struct cpl_descriptor a = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = rows};
	const struct dispatch_entry entries[] = {{&alpha, &a, NULL, 0}};
	struct cpl_ev_session ev = {NULL};

	cpl_fire_session_created(NULL, &ev);
	assert_string_equal(trace, "");
	dispatch_set_global(dispatch_create(NULL, entries, 1, NULL));
	cpl_fire_session_created(NULL, &ev);
	cpl_fire_session_created(&host, &ev);
	assert_string_equal(trace, "alpha");
}

/* ---- flows ---- */

static enum cpl_flow answer_a;
static enum cpl_answer opinion_a, opinion_b;

static enum cpl_flow a_out(struct cpl_module *self, struct cpl_ev_out *ev)
{
	trace_add("a");
	return answer_a;
}

static enum cpl_flow b_out(struct cpl_module *self, struct cpl_ev_out *ev)
{
	trace_add("b");
	return CPL_NEXT;
}

static enum cpl_answer a_see(struct cpl_module *self, struct cpl_ev_see *ev)
{
	return opinion_a;
}

static enum cpl_answer b_see(struct cpl_module *self, struct cpl_ev_see *ev)
{
	trace_add("b");
	return opinion_b;
}

static enum cpl_flow a_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	trace_add("a");
	return answer_a;
}

static enum cpl_flow b_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	trace_add("b");
	return CPL_NEXT;
}

static const struct cpl_event_row a_flow_rows[] = {
	CPL_ON(session_out, a_out, FEATURE, 0),
	CPL_ON(may_see_account, a_see, POLICY, 0),
	CPL_ON(message, a_message, POLICY, 0),
	CPL_ON_END,
};
static const struct cpl_event_row b_flow_rows[] = {
	CPL_ON(session_out, b_out, FEATURE, 0),
	CPL_ON(may_see_account, b_see, POLICY, 0),
	CPL_ON(message, b_message, POLICY, 0),
	CPL_ON_END,
};
static const struct cpl_descriptor a_flow = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = a_flow_rows};
static const struct cpl_descriptor b_flow = {CPL_MODULE_HEAD("beta", "1", "b"), .events = b_flow_rows};
static const struct dispatch_entry flow_entries[] = {{&alpha, &a_flow, NULL, 0}, {&beta, &b_flow, NULL, 1}};

static void filter_stops_at_first_answer(void **state)
{
	struct cpl_ev_out out = {0};
	struct cpl_ev_stanza ev;

	install(flow_entries, 2);
	answer_a = CPL_NEXT;
	assert_int_equal(cpl_fire_session_out(&host, &out), CPL_NEXT);
	answer_a = CPL_HANDLED;
	assert_int_equal(cpl_fire_session_out(&host, &out), CPL_HANDLED);
	answer_a = CPL_DROP;
	assert_int_equal(cpl_fire_session_out(&host, &out), CPL_DROP);
	assert_string_equal(trace, "a b a a");
	start_message(&ev);
	assert_int_equal(result, CPL_DROP);
	answer_a = CPL_HANDLED;
	start_message(&ev);
	assert_int_equal(result, CPL_HANDLED);
	assert_int_equal(results, 1);
	assert_string_equal(trace, "a b a a a a");
	assert_int_equal(account_sum(alpha.account).stops, 4);
	assert_logged(NULL);
}

static void filter_answers_that_are_none_drop(void **state)
{
	struct cpl_ev_out out = {0};
	struct cpl_ev_stanza ev;

	install(flow_entries, 2);
	answer_a = CPL_SUSPENDED;
	assert_int_equal(cpl_fire_session_out(&host, &out), CPL_DROP);
	assert_logged("module=alpha event=session_out");
	/* Says that it has suspended the event, and has not. */
	start_message(&ev);
	assert_int_equal(result, CPL_DROP);
	assert_int_equal(results, 1);
	assert_logged("event=message module=alpha");
}

static void ask_takes_first_opinion(void **state)
{
	struct cpl_ev_see see = {0};

	install(flow_entries, 2);
	opinion_a = CPL_NO_OPINION;
	opinion_b = CPL_NO_OPINION;
	assert_int_equal(cpl_fire_may_see_account(&host, &see), CPL_NO_OPINION);
	opinion_b = CPL_YES;
	assert_int_equal(cpl_fire_may_see_account(&host, &see), CPL_YES);
	opinion_a = CPL_NO;
	assert_int_equal(cpl_fire_may_see_account(&host, &see), CPL_NO);
	assert_string_equal(trace, "b b");
}

static void no_table_means_nobody(void **state)
{
	struct cpl_ev_see see = {0};
	struct cpl_ev_out out = {0};
	struct cpl_ev_stanza ev;

	assert_int_equal(cpl_fire_may_see_account(&host, &see), CPL_NO_OPINION);
	assert_int_equal(cpl_fire_session_out(&host, &out), CPL_NEXT);
	assert_false(cpl_event_wanted(&host, CPL_EVENT_message));
	start_message(&ev);
	assert_int_equal(result, CPL_NEXT);
}

/* ---- recursion ---- */

static unsigned depth_reached;

static enum cpl_flow on_out_again(struct cpl_module *self, struct cpl_ev_out *ev)
{
	depth_reached++;
	return cpl_fire_session_out(&host, ev);
}

static enum cpl_flow on_message_again(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_ev_stanza inner;

	depth_reached++;
	start_message(&inner);
	return result;
}

static void endless_recursion_is_dropped(void **state)
{
	static const struct cpl_event_row rows[] = {
		CPL_ON(session_out, on_out_again, FEATURE, 0),
		CPL_ON(message, on_message_again, FEATURE, 0),
		CPL_ON_END,
	};
	static const struct cpl_descriptor a = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = rows};
	const struct dispatch_entry entries[] = {{&alpha, &a, NULL, 0}};
	struct cpl_ev_out out = {0};
	struct cpl_ev_stanza ev;

	install(entries, 1);
	depth_reached = 0;
	assert_int_equal(cpl_fire_session_out(&host, &out), CPL_DROP);
	assert_int_equal(depth_reached, 32);
	assert_logged("event=session_out depth=32");
	assert_int_equal(account_sum(alpha.account).errors, 1);
	depth_reached = 0;
	start_message(&ev);
	assert_int_equal(result, CPL_DROP);
	assert_int_equal(depth_reached, 32);
	assert_logged("event=message");
	/* The depth is back where it was. */
	depth_reached = 0;
	cpl_fire_session_out(&host, &out);
	assert_int_equal(depth_reached, 32);
	assert_logged("event=session_out");
}

/* ---- claims ---- */

CPL_NAME(ping_name, "urn:xmpp:ping", "ping");
CPL_NAME(auth_name, "urn:ietf:params:xml:ns:xmpp-sasl", "auth");
CPL_NAME(other_name, "urn:example:other", "other");

static enum cpl_flow on_ping(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	trace_add(self->name);
	return CPL_HANDLED;
}

static enum cpl_flow on_auth(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	trace_add("auth");
	return CPL_NEXT;
}

static const struct cpl_iq_row ping_host_rows[] = {{CPL_IQ_GET, CPL_TO_HOST | CPL_TO_SELF, &ping_name, on_ping, 0}, {0}};
static const struct cpl_iq_row ping_set_rows[] = {{CPL_IQ_SET, CPL_TO_HOST, &ping_name, on_ping, CPL_IN(C2S_UNBOUND)}, {0}};
static const struct cpl_nonza_row auth_rows[] = {{&auth_name, CPL_IN(C2S_UNAUTHED), on_auth}, {0}};
static const struct cpl_descriptor a_claim = {CPL_MODULE_HEAD("alpha", "1", "a"), .iqs = ping_host_rows, .nonzas = auth_rows};
static const struct cpl_descriptor b_claim = {CPL_MODULE_HEAD("beta", "1", "b"), .iqs = ping_set_rows};

static bool start_iq(struct cpl_stanza *iq, unsigned target, struct cpl_session *session)
{
	struct cpl_ev_stanza ev = {.stanza = iq, .session = session};

	result = CPL_FAILED;
	results = 0;
	return dispatch_iq_start(&host, &ev, target, cpl_first_child(iq->root), done);
}

static void iqs_go_to_their_claim(void **state)
{
	const struct dispatch_entry entries[] = {{&alpha, &a_claim, NULL, 0}, {&beta, &b_claim, NULL, 1}};
	struct cpl_session bound = {.type = CPL_SESSION_C2S}, unbound = {.type = CPL_SESSION_C2S_UNBOUND}, s2s = {.type = CPL_SESSION_S2SIN};
	struct cpl_stanza *get, *set;
	struct cpl_element *payload;

	names_add(&ping_name);
	names_add(&auth_name);
	names_add(&other_name);
	install(entries, 2);
	get = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);
	payload = cpl_add(get, get->root, &ping_name);
	set = cpl_stanza_create(CPL_IQ, CPL_TYPE_SET);
	cpl_add(set, set->root, &ping_name);

	assert_true(start_iq(get, CPL_TO_HOST, &bound));
	assert_int_equal(result, CPL_HANDLED);
	assert_int_equal(results, 1);
	assert_true(start_iq(get, CPL_TO_SELF, NULL));
	assert_true(start_iq(get, CPL_TO_HOST, &s2s));
	assert_false(start_iq(get, CPL_TO_BARE, &bound));
	assert_int_equal(results, 0);
	/* A row without sessions is for bound ones; a row with some is for those only. */
	assert_false(start_iq(get, CPL_TO_HOST, &unbound));
	assert_true(start_iq(set, CPL_TO_HOST, &unbound));
	assert_false(start_iq(set, CPL_TO_HOST, &bound));
	assert_false(start_iq(set, CPL_TO_HOST, NULL));
	assert_string_equal(trace, "alpha alpha alpha beta");

	assert_true(dispatch_iq_claimed(&host, CPL_TYPE_GET, CPL_TO_HOST | CPL_TO_BARE, payload));
	assert_false(dispatch_iq_claimed(&host, CPL_TYPE_GET, CPL_TO_BARE, payload));
	assert_false(dispatch_iq_claimed(&host, CPL_TYPE_RESULT, CPL_TO_HOST, payload));
	cpl_stanza_unref(&get);
	cpl_stanza_unref(&set);
	get = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);
	cpl_add(get, get->root, &other_name);
	assert_false(start_iq(get, CPL_TO_HOST, &bound));
	cpl_stanza_unref(&get);
}

static void nonzas_go_to_their_claim(void **state)
{
	const struct dispatch_entry entries[] = {{&alpha, &a_claim, NULL, 0}};
	struct cpl_session unauthed = {.type = CPL_SESSION_C2S_UNAUTHED}, bound = {.type = CPL_SESSION_C2S};
	struct cpl_ev_nonza ev = {0};

	names_add(&ping_name);
	names_add(&auth_name);
	install(entries, 1);
	ev.nonza = cpl_nonza_create(&auth_name);
	ev.session = &bound;
	assert_false(dispatch_nonza_start(&host, &ev, done));
	ev.session = &unauthed;
	assert_true(dispatch_nonza_start(&host, &ev, done));
	assert_int_equal(result, CPL_NEXT);
	assert_string_equal(trace, "auth");
	cpl_stanza_unref(&ev.nonza);
}

static void double_claims_are_refused(void **state)
{
	const struct dispatch_entry iqs[] = {{&alpha, &a_claim, NULL, 0}, {&gamma_, &a_claim, NULL, 1}};
	static const struct cpl_nonza_row again[] = {{&auth_name, CPL_IN(C2S_UNAUTHED) | CPL_IN(C2S), on_auth}, {0}};
	static const struct cpl_descriptor b = {CPL_MODULE_HEAD("beta", "1", "b"), .nonzas = again};
	const struct dispatch_entry nonzas[] = {{&alpha, &a_claim, NULL, 0}, {&beta, &b, NULL, 1}};
	struct dispatch *global;
	struct cpl_error error;

	names_add(&ping_name);
	names_add(&auth_name);
	assert_null(dispatch_create(&host, iqs, 2, &error));
	assert_int_equal(error.code, CPL_E_CONFLICT);
	assert_string_equal(error.text, "modules alpha and alpha both claim IQ get <ping xmlns='urn:xmpp:ping'/> to the sender's own account");
	assert_null(dispatch_create(&host, nonzas, 2, &error));
	assert_int_equal(error.code, CPL_E_CONFLICT);
	assert_string_equal(error.text,
			    "modules alpha and beta both claim the stream element <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
	/* Where several hosts' modules are together, a claim means nothing. */
	global = dispatch_create(NULL, iqs, 2, &error);
	assert_non_null(global);
	dispatch_unref(&global);
}

/* ---- services, configurations, disco ---- */

static const struct { size_t size; } service_a = {sizeof(service_a)}, service_b = {sizeof(service_b)};
static const struct cpl_provide_row provide_a[] = {{"thing", 2, &service_a}, {0}}, provide_b[] = {{"thing", 1, &service_b}, {0}};
static const struct cpl_feature_row features_a[] = {{"urn:b", CPL_OF_HOST}, {"urn:a", CPL_OF_HOST | CPL_OF_ACCOUNT}, {0}};
static const struct cpl_feature_row features_b[] = {{"urn:a", CPL_OF_HOST}, {"urn:c", CPL_OF_ACCOUNT}, {0}};
static const struct cpl_identity_row identities[] = {{"server", "im", NULL, CPL_OF_HOST}, {0}};
static const struct cpl_descriptor a_provide = {CPL_MODULE_HEAD("alpha", "1", "a"), .provides = provide_a, .features = features_a,
						.identities = identities};
static const struct cpl_descriptor b_provide = {CPL_MODULE_HEAD("beta", "1", "b"), .provides = provide_b, .features = features_b,
						.identities = identities};
CPL_SERVICE_REF(thing, "thing", 1);
CPL_SERVICE_REF(thing_new, "thing", 3);
uint32_t service_id(const char *name);

static void services_are_found(void **state)
{
	const struct dispatch_entry both[] = {{&beta, &b_provide, NULL, 1}, {&alpha, &a_provide, NULL, 0}};
	struct cpl_module *provider = NULL;
	struct cpl_error error;

	thing.id = thing_new.id = service_id("thing");
	assert_null(cpl_service_find(&host, &thing, &provider));
	install(both + 1, 1);
	assert_ptr_equal(cpl_service_find(&host, &thing, &provider), &service_a);
	assert_ptr_equal(provider, &alpha);
	assert_null(cpl_service_find(&host, &thing_new, NULL));
	assert_null(dispatch_create(&host, both, 2, &error));
	assert_string_equal(error.text, "modules beta and alpha both provide the service thing");
	dispatch_set_global(dispatch_create(NULL, both, 2, &error));
	assert_ptr_equal(cpl_service_find(NULL, &thing, &provider), &service_b);
}

static void configurations_by_index(void **state)
{
	static const int one = 1, seven = 7;
	const struct dispatch_entry entries[] = {{&alpha, &a_flow, &one, 0}, {&beta, &b_flow, &seven, 6}};

	install(entries, 2);
	assert_ptr_equal(dispatch_config(&host, 0), &one);
	assert_ptr_equal(dispatch_config(&host, 6), &seven);
	assert_null(dispatch_config(&host, 3));
	assert_null(dispatch_config(&host, 7));
	assert_null(dispatch_config(NULL, 0));
}

static void features_are_sorted_once_each(void **state)
{
	const struct dispatch_entry entries[] = {{&alpha, &a_provide, NULL, 0}, {&beta, &(const struct cpl_descriptor){
		CPL_MODULE_HEAD("beta", "1", "b"), .features = features_b, .identities = identities}, NULL, 1}};
	const struct cpl_identity_row *rows;
	struct cpl_str_list list;

	install(entries, 2);
	list = cpl_host_features(&host, CPL_OF_HOST);
	assert_int_equal(list.count, 2);
	assert_str(list.items[0], "urn:a");
	assert_str(list.items[1], "urn:b");
	list = cpl_host_features(&host, CPL_OF_ACCOUNT);
	assert_int_equal(list.count, 2);
	assert_str(list.items[1], "urn:c");
	assert_int_equal(cpl_host_features(&host, CPL_OF_HOST | CPL_OF_ACCOUNT).count, 3);
	assert_int_equal(cpl_host_identities(&host, CPL_OF_HOST, &rows), 1);
	assert_string_equal(rows[0].category, "server");
	assert_int_equal(cpl_host_identities(&host, CPL_OF_ACCOUNT, &rows), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(orders_by_stage_number_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_and_ids_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(teardown_runs_in_reverse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(global_table_serves_no_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filter_stops_at_first_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filter_answers_that_are_none_drop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ask_takes_first_opinion, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_table_means_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(endless_recursion_is_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(iqs_go_to_their_claim, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonzas_go_to_their_claim, set_up, tear_down),
		cmocka_unit_test_setup_teardown(double_claims_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(services_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(configurations_by_index, set_up, tear_down),
		cmocka_unit_test_setup_teardown(features_are_sorted_once_each, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
