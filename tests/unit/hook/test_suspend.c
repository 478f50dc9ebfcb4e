/* SPDX-License-Identifier: MIT */
/* Suspended events: resume in the table that is current then, time-out, unload, misuse; each ends exactly once. */
#include "fixture.h"

#include <couplet/module.h>

static struct cpl_suspension *kept; /* by beta */
static enum cpl_flow result;
static unsigned results;

static void done(struct cpl_event *event, enum cpl_flow flow)
{
	assert_null(event->suspension);
	result = flow;
	results++;
}

static enum cpl_flow passes(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	trace_add(self->name);
	return CPL_NEXT;
}

static enum cpl_flow suspends(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	trace_add("suspend");
	kept = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static const struct cpl_event_row passing_rows[] = {CPL_ON(message, passes, FEATURE, 0), CPL_ON_END};
static const struct cpl_event_row suspending_rows[] = {CPL_ON(message, suspends, FEATURE, 0), CPL_ON_END};
static const struct cpl_descriptor a = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = passing_rows};
static const struct cpl_descriptor b = {CPL_MODULE_HEAD("beta", "1", "b"), .events = suspending_rows};
static const struct cpl_descriptor g = {CPL_MODULE_HEAD("gamma", "1", "g"), .events = passing_rows};
static const struct dispatch_entry entries[] = {{&alpha, &a, NULL, 0}, {&beta, &b, NULL, 1}, {&gamma_, &g, NULL, 2}};

static void fire(struct cpl_ev_stanza *ev, struct cpl_stanza *stanza)
{
	result = CPL_FAILED;
	results = 0;
	*ev = (struct cpl_ev_stanza){.host = &host, .stanza = stanza, .event = {.stanza = stanza}};
	cpl_fire_message(&host, ev, done);
}

/* As a callback of the module would do it. */
static void resume(enum cpl_flow flow)
{
	struct account_visit visit = account_enter(beta.account, &beta, ACCOUNT_IN_CALL);

	cpl_resume(&kept, flow);
	assert_null(kept);
	account_leave(&visit);
}

static void turns(void)
{
	while (loop_turn(0))
		;
}

static void resumes_behind_itself(void **state)
{
	struct cpl_stanza *stanza = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_CHAT);
	struct cpl_ev_stanza ev;

	install(entries, 3);
	fire(&ev, stanza);
	assert_int_equal(results, 0);
	assert_int_equal(suspension_count(), 1);
	assert_int_equal(suspension_count_of(&beta), 1);
	assert_int_equal(suspension_count_of(&alpha), 0);
	assert_true(cpl_suspension_alive(kept));
	assert_int_equal(stanza->refs, 2);
	turns();
	assert_int_equal(results, 0);
	resume(CPL_NEXT);
	/* Not inside the call. */
	assert_int_equal(results, 0);
	assert_int_equal(suspension_count_of(&beta), 1);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_NEXT);
	assert_string_equal(trace, "alpha suspend gamma");
	assert_int_equal(stanza->refs, 1);
	assert_int_equal(suspension_count(), 0);
	cpl_stanza_unref(&stanza);
	/* Nothing comes later. */
	loop_advance(100000);
	turns();
	assert_int_equal(results, 1);
	assert_logged(NULL);
}

static void answers_end_the_event(void **state)
{
	struct cpl_ev_stanza ev;

	install(entries, 3);
	fire(&ev, NULL);
	resume(CPL_HANDLED);
	turns();
	assert_int_equal(result, CPL_HANDLED);
	fire(&ev, NULL);
	resume(CPL_DROP);
	turns();
	assert_int_equal(result, CPL_DROP);
	assert_int_equal(results, 1);
	assert_string_equal(trace, "alpha suspend alpha suspend");
}

static void goes_on_in_the_table_of_then(void **state)
{
	static const struct cpl_event_row late_rows[] = {CPL_ON(message, passes, OBSERVE, 0), CPL_ON_END};
	static const struct cpl_event_row early_rows[] = {CPL_ON(message, passes, POLICY, 0), CPL_ON_END};
	static const struct cpl_descriptor late = {CPL_MODULE_HEAD("alpha", "1", "a"), .events = late_rows};
	static const struct cpl_descriptor early = {CPL_MODULE_HEAD("gamma", "1", "g"), .events = early_rows};
	const struct dispatch_entry other[] = {{&alpha, &late, NULL, 0}, {&beta, &b, NULL, 1}, {&gamma_, &early, NULL, 2}};
	struct cpl_ev_stanza ev;

	install(entries, 3);
	fire(&ev, NULL);
	install(other, 3);
	resume(CPL_NEXT);
	turns();
	/* alpha is behind beta now, gamma before it. */
	assert_string_equal(trace, "alpha suspend alpha");
	assert_int_equal(result, CPL_NEXT);
	/* And where there is nothing any more, the event is at its end. */
	fire(&ev, NULL);
	dispatch_unref(&host.dispatch);
	resume(CPL_NEXT);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_NEXT);
}

static void times_out_as_failed(void **state)
{
	struct cpl_ev_stanza first, second;
	struct cpl_suspension *of_first;

	install(entries, 3);
	suspension_set_timeout(1000);
	fire(&first, NULL);
	of_first = kept;
	loop_advance(400);
	fire(&second, NULL);
	loop_advance(599);
	turns();
	assert_int_equal(results, 0);
	loop_advance(1);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_FAILED);
	assert_false(cpl_suspension_alive(of_first));
	assert_true(cpl_suspension_alive(kept));
	assert_logged("event=message module=beta");
	assert_int_equal(account_sum(beta.account).errors, 1);
	/* The module still gives it back, to no effect. */
	cpl_resume(&of_first, CPL_NEXT);
	turns();
	assert_int_equal(results, 1);
	loop_advance(400);
	turns();
	assert_int_equal(results, 2);
	resume(CPL_NEXT);
	assert_int_equal(suspension_count(), 0);
	assert_logged("event=message");
	suspension_set_timeout(30000);
}

static void unload_ends_as_failed(void **state)
{
	struct cpl_ev_stanza ev;

	install(entries, 3);
	fire(&ev, NULL);
	suspension_end_module(&alpha);
	assert_int_equal(results, 0);
	suspension_end_module(&beta);
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_FAILED);
	assert_int_equal(suspension_count_of(&beta), 0);
	/* Its cancelled callback gives it back; a module that forgets that leaves nothing behind either. */
	resume(CPL_NEXT);
	fire(&ev, NULL);
	suspension_end_module(&beta);
	suspension_forget_module(&beta);
	turns();
	assert_int_equal(results, 1);
}

static void unload_lets_an_answer_count(void **state)
{
	struct cpl_ev_stanza ev;

	install(entries, 3);
	fire(&ev, NULL);
	resume(CPL_HANDLED);
	suspension_end_module(&beta);
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_HANDLED);
	turns();
	assert_int_equal(results, 1);
}

static void host_end_fails_its_events(void **state)
{
	struct cpl_host other = {.name = {"rooms.example.org", 17}};
	struct cpl_ev_stanza ev, elsewhere = {.host = &other};

	install(entries, 3);
	other.dispatch = dispatch_create(&other, entries, 3, NULL);
	fire(&ev, NULL);
	resume(CPL_NEXT);
	cpl_fire_message(&other, &elsewhere, done);
	suspension_end_host(&host);
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_FAILED);
	assert_int_equal(suspension_count(), 1);
	suspension_end_host(&other);
	assert_int_equal(results, 2);
	resume(CPL_NEXT);
	turns();
	assert_int_equal(results, 2);
	dispatch_unref(&other.dispatch);
}

/* ---- misuse ---- */

static enum cpl_flow suspends_and_answers(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	kept = cpl_suspend(&ev->event);
	return CPL_HANDLED;
}

static void suspend_and_answer_counts_as_answer(void **state)
{
	static const struct cpl_event_row rows[] = {CPL_ON(message, suspends_and_answers, FEATURE, 0), CPL_ON_END};
	static const struct cpl_descriptor wrong = {CPL_MODULE_HEAD("beta", "1", "b"), .events = rows};
	const struct dispatch_entry one[] = {{&beta, &wrong, NULL, 1}};
	struct cpl_ev_stanza ev;

	install(one, 1);
	fire(&ev, NULL);
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_HANDLED);
	assert_logged("event=message module=beta");
	assert_false(cpl_suspension_alive(kept));
	resume(CPL_DROP);
	turns();
	assert_int_equal(results, 1);
}

/* ---- claims suspend, too ---- */

CPL_NAME(query_name, "urn:example:suspend", "query");

static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	kept = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static void claim_suspends(void **state)
{
	static const struct cpl_iq_row rows[] = {{CPL_IQ_GET, CPL_TO_HOST, &query_name, on_query, 0}, {0}};
	static const struct cpl_descriptor claim = {CPL_MODULE_HEAD("beta", "1", "b"), .iqs = rows, .events = passing_rows};
	const struct dispatch_entry one[] = {{&beta, &claim, NULL, 1}};
	struct cpl_stanza *iq;
	struct cpl_ev_stanza ev = {.host = &host};

	names_add(&query_name);
	install(one, 1);
	iq = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);
	cpl_add(iq, iq->root, &query_name);
	ev.stanza = ev.event.stanza = iq;
	results = 0;
	assert_true(dispatch_iq_start(&host, &ev, CPL_TO_HOST, cpl_first_child(iq->root), done));
	assert_int_equal(results, 0);
	resume(CPL_NEXT);
	turns();
	assert_int_equal(results, 1);
	assert_int_equal(result, CPL_NEXT);
	cpl_stanza_unref(&iq);
}

/* A loop of events through suspensions is bounded like one on the stack. */
static struct cpl_ev_stanza chain[64];
static unsigned links;

static void chain_done(struct cpl_event *event, enum cpl_flow flow)
{
	result = flow;
}

static enum cpl_flow next_link(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	assert_in_range(links, 0, 62);
	chain[++links].host = &host;
	cpl_fire_message(&host, &chain[links], chain_done);
	return CPL_HANDLED;
}

static void recursion_through_suspension_is_bounded(void **state)
{
	static const struct cpl_event_row links_rows[] = {CPL_ON(message, next_link, OBSERVE, 0), CPL_ON_END};
	static const struct cpl_descriptor linking = {CPL_MODULE_HEAD("gamma", "1", "g"), .events = links_rows};
	const struct dispatch_entry both[] = {{&beta, &b, NULL, 1}, {&gamma_, &linking, NULL, 2}};

	install(both, 2);
	links = 0;
	cpl_fire_message(&host, &chain[0], chain_done);
	for (int i = 0; i < 60 && kept; i++) {
		resume(CPL_NEXT);
		turns();
	}
	assert_int_equal(result, CPL_HANDLED);
	assert_int_equal(links, 32);
	assert_logged("event=message depth=32");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(resumes_behind_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_end_the_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_on_in_the_table_of_then, set_up, tear_down),
		cmocka_unit_test_setup_teardown(times_out_as_failed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unload_ends_as_failed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unload_lets_an_answer_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(host_end_fails_its_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(suspend_and_answer_counts_as_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(claim_suspends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(recursion_through_suspension_is_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
