/* SPDX-License-Identifier: MIT */
/* Disabling and enabling accounts: what is in memory and on disk, times, and calls that are cancelled. */
#include "tests/unit/xmpp/probe.h"

#include <couplet/module.h>

static const char config[] = "modules: [probe, tls, bind, roster, presence, message, iq, offline, ping]\n"
			     "hosts: {example.org: {}}\n";

static struct stage_peer romeo;

static int set_up(void **state)
{
	probe_reset();
	stage_open(config, probe_modules);
	stage_account("romeo@example.org");
	return 0;
}

static int tear_down(void **state)
{
	stage_leave(&romeo);
	stage_close();
	return 0;
}

/* An address that lives as long as the text. */
static struct cpl_jid jid_of(const char *text)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid;

	assert_int_equal(cpl_jid_parse(&jid, cpl_str_of(text), arena), 0);
	cpl_arena_destroy(&arena);
	return jid;
}

/* A call and what came of it; texts are copied. */
struct asked {
	struct cpl_account_call request;
	int calls, status;
	struct cpl_account_state state;
	char reason[CPL_REASON_MAX + 1], actor[64];
};

static void answered(struct cpl_call *call)
{
	struct asked *asked = CPL_CONTAINER(call, struct asked, request.call);

	asked->calls++;
	asked->status = call->status;
	asked->state = asked->request.state;
	snprintf(asked->reason, sizeof(asked->reason), "%.*s", CPL_ARG(asked->state.reason));
	snprintf(asked->actor, sizeof(asked->actor), "%.*s", CPL_ARG(asked->state.actor));
}

static void disable(struct asked *asked, int64_t until, struct cpl_str reason)
{
	struct cpl_disabling how = {.until = until, .reason = reason, .actor = jid_of("nurse@example.org/hall")};

	*asked = (struct asked){0};
	assert_int_equal(cpl_account_set_disabled(&asked->request, NULL, jid_of("romeo@example.org"), &how, answered), 0);
	assert_int_equal(asked->calls, 0);
	stage_settle();
	assert_int_equal(asked->calls, 1);
}

static void look(struct asked *asked)
{
	*asked = (struct asked){0};
	assert_int_equal(cpl_account_state(&asked->request, NULL, jid_of("romeo@example.org/orchard"), answered), 0);
	stage_settle();
	assert_int_equal(asked->calls, 1);
	assert_int_equal(asked->status, 0);
}

static void test_state(void **state)
{
	struct asked asked;

	look(&asked);
	assert_false(asked.state.disabled);
	assert_true(asked.state.created > 0);
	disable(&asked, 0, CPL_STR("exile"));
	assert_int_equal(asked.status, 0);
	look(&asked);
	assert_true(asked.state.disabled);
	assert_int_equal(asked.state.until, 0);
	assert_int_equal(asked.state.since, cpl_now());
	assert_string_equal(asked.reason, "exile");
	assert_string_equal(asked.actor, "nurse@example.org");
	/* Anew, without a reason. */
	disable(&asked, cpl_now() + 1000, CPL_NONE);
	look(&asked);
	assert_true(asked.state.disabled);
	assert_int_equal(asked.state.until, cpl_now() + 1000);
	assert_null(asked.state.reason.ptr);
	asked = (struct asked){0};
	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("romeo@example.org"), NULL, answered), 0);
	stage_settle();
	assert_int_equal(asked.status, 0);
	look(&asked);
	assert_false(asked.state.disabled);
	assert_int_equal(asked.state.since, 0);
}

/* In memory and read anew. */
static void test_time_is_up(void **state)
{
	struct cpl_host *host = cpl_host_find(CPL_STR("example.org"));
	struct asked asked;

	disable(&asked, cpl_now() + 5000, CPL_NONE);
	assert_true(cpl_user_find(host, CPL_STR("romeo"))->disabled);
	stage_pass(4000);
	look(&asked);
	assert_true(asked.state.disabled);
	stage_pass(1001);
	assert_false(cpl_user_find(host, CPL_STR("romeo"))->disabled);
	look(&asked);
	assert_false(asked.state.disabled);
	assert_int_equal(asked.state.until, 0);
}

static void test_sessions_end(void **state)
{
	struct asked asked;
	char *end;

	stage_login(&romeo, "romeo@example.org/orchard");
	disable(&asked, 0, CPL_NONE);
	end = stage_take(&romeo);
	assert_non_null(strstr(end, "not-authorized"));
}

static void test_wrong(void **state)
{
	struct asked asked = {0};
	struct cpl_disabling past = {.until = cpl_now()}, plain = {0}, lengthy = {0};
	char reason[CPL_REASON_MAX + 1];

	memset(reason, 'a', sizeof(reason));
	lengthy.reason = (struct cpl_str){reason, sizeof(reason)};
	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("romeo@example.org"), &past, answered), CPL_E_INVALID);
	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("romeo@example.org"), &lengthy, answered), CPL_E_INVALID);
	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("romeo@example.com"), &plain, answered), CPL_E_NOT_FOUND);
	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("example.org"), &plain, answered), CPL_E_NOT_FOUND);
	assert_int_equal(asked.calls, 0);
	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("nobody@example.org"), &plain, answered), 0);
	stage_settle();
	assert_int_equal(asked.status, CPL_E_NOT_FOUND);
	asked = (struct asked){0};
	assert_int_equal(cpl_account_state(&asked.request, NULL, jid_of("nobody@example.org"), answered), 0);
	stage_settle();
	assert_int_equal(asked.status, CPL_E_NOT_FOUND);
}

static void test_cancelled(void **state)
{
	struct asked asked = {0}, other;
	struct cpl_disabling plain = {0};

	assert_int_equal(cpl_account_set_disabled(&asked.request, NULL, jid_of("romeo@example.org"), &plain, answered), 0);
	cpl_call_cancel(&asked.request.call);
	stage_settle();
	assert_int_equal(asked.calls, 1);
	assert_int_equal(asked.status, CPL_E_CANCELLED);
	/* Whoever has asked: what was begun is done. */
	look(&other);
	assert_true(other.state.disabled);
	asked = (struct asked){0};
	assert_int_equal(cpl_account_state(&asked.request, NULL, jid_of("romeo@example.org"), answered), 0);
	cpl_call_cancel(&asked.request.call);
	stage_settle();
	assert_int_equal(asked.calls, 1);
	assert_int_equal(asked.status, CPL_E_CANCELLED);
}

static void test_option_number(void **state)
{
	int64_t number = -1;

	assert_true(cpl_option_number(CPL_OPTION_TIME, CPL_STR("2h"), &number));
	assert_int_equal(number, 7200000);
	assert_true(cpl_option_number(CPL_OPTION_SIZE, CPL_STR("1K"), &number));
	assert_int_equal(number, 1024);
	assert_false(cpl_option_number(CPL_OPTION_TIME, CPL_STR("soon"), &number));
	assert_false(cpl_option_number(CPL_OPTION_BOOL, CPL_STR("1"), &number));
	assert_int_equal(number, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_state), TEST(test_time_is_up), TEST(test_sessions_end), TEST(test_wrong), TEST(test_cancelled), TEST(test_option_number),
	};

	cpl_log_threshold = CPL_LOG_ERROR + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
