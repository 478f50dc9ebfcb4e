/* SPDX-License-Identifier: MIT */
/* Accounts in memory (loads, lingering, removal), requests of ours, and what modules do with them at unfavourable moments. */
#include "tests/unit/xmpp/probe.h"

#include "core/base/account.h"
#include "core/hook/table.h"
#include "core/module/manager.h"
#include "core/xml/names.h"
#include "core/xmpp/router.h"
#include "core/xmpp/store.h"
#include "core/xmpp/user.h"

static const char config[] = "modules: [probe, tls, bind, roster, presence, message, iq, offline, ping]\n"
			     "hosts: {example.org: {}}\n";

static struct stage_peer romeo, juliet, third;

static int set_up(void **state)
{
	probe_reset();
	stage_open(config, probe_modules);
	stage_account("romeo@example.org");
	stage_account("juliet@example.org");
	return 0;
}

static int tear_down(void **state)
{
	probe = (struct probe){0};
	while (probe_suspended_count > 0)
		cpl_resume(&probe_suspended[--probe_suspended_count], CPL_DROP);
	stage_leave(&romeo);
	stage_leave(&juliet);
	stage_leave(&third);
	stage_close();
	return 0;
}

/* An address that lives as long as the text. */
static struct cpl_jid jid_of(const char *text)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid;

	assert_int_equal(cpl_jid_parse(&jid, cpl_str_of(text), arena), 0);
	assert_ptr_equal(jid.text, text);
	cpl_arena_destroy(&arena);
	return jid;
}

/* ---- loads ---- */

struct loading {
	struct cpl_user_call request;
	int calls, status;
	struct cpl_user *user;
};

static void loaded(struct cpl_call *call)
{
	struct loading *loading = CPL_CONTAINER(call, struct loading, request.call);

	loading->calls++;
	loading->status = call->status;
	loading->user = loading->request.user;
}

static void load(struct loading *loading, const char *account)
{
	*loading = (struct loading){0};
	assert_int_equal(cpl_user_load(&loading->request, NULL, jid_of(account), loaded), 0);
}

static void test_loads_are_joined(void **state)
{
	struct loading a, b, c;

	load(&a, "romeo@example.org");
	user_drop_lingering(false); /* which this one does not */
	load(&b, "romeo@example.org");
	assert_int_equal(a.calls + b.calls, 0);
	stage_settle();
	probe_assert_trace("user_load(romeo)");
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	assert_ptr_equal(a.user, b.user);
	assert_int_equal(user_count(), 1);
	/* The answer comes later also when it is at hand. */
	load(&c, "romeo@example.org");
	assert_int_equal(c.calls, 0);
	stage_settle();
	assert_ptr_equal(c.user, a.user);
	cpl_user_unref(&a.user);
	cpl_user_unref(&b.user);
	cpl_user_unref(&c.user);
	probe_assert_trace("");
}

static void test_no_such_account(void **state)
{
	struct loading a;
	struct cpl_user_call request = {0};

	load(&a, "nobody@example.org");
	stage_settle();
	assert_int_equal(a.status, CPL_E_NOT_FOUND);
	assert_null(a.user);
	assert_int_equal(user_count(), 0);
	assert_int_equal(cpl_user_load(&request, NULL, jid_of("romeo@elsewhere.example"), loaded), CPL_E_NOT_FOUND);
}

static enum cpl_flow refuse_load(struct cpl_ev_user *ev)
{
	return CPL_DROP;
}

static void send_probe(void)
{
	struct cpl_stanza *probe_stanza = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_PROBE);

	cpl_stanza_set_from(probe_stanza, juliet.session->jid);
	cpl_stanza_set_to(probe_stanza, jid_of("romeo@example.org"));
	cpl_send(&probe_stanza);
}

static void test_load_fails(void **state)
{
	struct loading a, b;

	probe.load = refuse_load;
	load(&a, "romeo@example.org");
	load(&b, "romeo@example.org");
	stage_settle();
	assert_int_equal(a.status, CPL_E_IO);
	assert_int_equal(b.status, CPL_E_IO);
	assert_null(a.user);
	assert_int_equal(user_count(), 0);
	/* A message to it is answered, not lost. */
	stage_account("third@example.org");
	probe.load = NULL;
	stage_login(&juliet, "juliet@example.org/a");
	probe.load = refuse_load;
	stage_send(&juliet, "<message type='chat' id='m' to='romeo@example.org'><body>x</body></message>");
	stage_settle();
	assert_received(&juliet, "<internal-server-error");
	/* A probe is not: whatever one said of a roster that cannot be read could be wrong (RFC 6121 4.3.2). */
	send_probe();
	stage_settle();
	assert_received(&juliet, NULL);
	/* A failure is not remembered. */
	probe.load = NULL;
	load(&a, "romeo@example.org");
	stage_settle();
	assert_int_equal(a.status, 0);
	cpl_user_unref(&a.user);
}

static void test_load_cancelled(void **state)
{
	struct loading a, b;

	load(&a, "romeo@example.org");
	load(&b, "romeo@example.org");
	cpl_call_cancel(&a.request.call);
	stage_settle();
	assert_int_equal(a.status, CPL_E_CANCELLED);
	assert_null(a.user);
	assert_int_equal(b.status, 0);
	cpl_user_unref(&b.user);
}

static enum cpl_flow suspend_load(struct cpl_ev_user *ev)
{
	return probe_suspend(&ev->event);
}

static void test_load_suspended(void **state)
{
	struct loading a;

	stage_login(&juliet, "juliet@example.org/a");
	probe.load = suspend_load;
	load(&a, "romeo@example.org");
	stage_send(&juliet, "<message type='chat' to='romeo@example.org'><body>x</body></message>");
	stage_settle();
	assert_int_equal(a.calls, 0);
	assert_null(cpl_user_find(juliet.session->served, CPL_STR("romeo")));
	cpl_resume(&probe_suspended[--probe_suspended_count], CPL_NEXT);
	stage_settle();
	assert_int_equal(a.status, 0);
	cpl_user_unref(&a.user);
	probe.load = NULL;
	stage_login(&romeo, "romeo@example.org/a");
	stage_send(&romeo, "<presence/>");
	stage_settle();
	assert_received(&romeo, "<body>x</body>");
}

/* ---- lingering ---- */

static void test_lingering(void **state)
{
	struct loading a;

	load(&a, "romeo@example.org");
	stage_settle();
	cpl_user_unref(&a.user);
	probe_forget_trace();
	stage_pass(USER_LINGER_MS - 1000);
	assert_int_equal(user_count(), 1);
	load(&a, "romeo@example.org");
	stage_settle();
	stage_pass(USER_LINGER_MS * 2);
	assert_int_equal(user_count(), 1);
	probe_assert_trace("");
	cpl_user_unref(&a.user);
	stage_pass(USER_LINGER_MS + 1000);
	assert_int_equal(user_count(), 0);
	probe_assert_trace("user_unload(romeo)");
}

static struct cpl_user *kept;

static void reference_in_unload(struct cpl_ev_user *ev)
{
	struct cpl_user *user = cpl_user_ref(ev->user);

	cpl_user_unref(&user);
}

static void keep_in_unload(struct cpl_ev_user *ev)
{
	kept = cpl_user_ref(ev->user);
}

/* A handler of user_unload that takes a reference must not bring the account back, nor free it twice. */
static void test_referenced_while_unloaded(void **state)
{
	struct loading a;

	probe.unload = reference_in_unload;
	load(&a, "romeo@example.org");
	stage_settle();
	cpl_user_unref(&a.user);
	user_drop_lingering(false);
	assert_int_equal(user_count(), 0);
	probe.unload = keep_in_unload;
	load(&a, "romeo@example.org");
	stage_settle();
	probe_forget_trace();
	cpl_user_unref(&a.user);
	user_drop_lingering(false);
	assert_int_equal(user_count(), 1);
	assert_str(kept->username, "romeo");
	probe.unload = NULL;
	cpl_user_unref(&kept);
	assert_int_equal(user_count(), 0);
	probe_assert_trace("user_unload(romeo)");
}

/* ---- the module that asked goes ---- */

static struct loading module_load;
static struct loading module_removal;

/* What a module has begun itself is one call; what follows from it is the core's, and neither refused nor cancelled with the module. */
static void start_load(struct cpl_module *self)
{
	uint64_t before = manager_account(self)->calls_started;

	load(&module_load, "romeo@example.org");
	assert_int_equal(manager_account(self)->calls_started, before + 1);
}

static void start_removal(struct cpl_module *self)
{
	uint64_t before = manager_account(self)->calls_started;

	module_removal = (struct loading){0};
	assert_int_equal(cpl_user_remove(&module_removal.request, NULL, jid_of("romeo@example.org"), loaded), 0);
	assert_int_equal(manager_account(self)->calls_started, before + 1);
}

static void answered(struct manager_request *request, int status, const char *text)
{
	request->done = NULL;
}

/* Whoever began it, a load is the account's: others wait for it, too. */
static void test_loader_unloaded(void **state)
{
	struct manager_request request = {answered};
	struct cpl_error error;
	struct loading other;

	probe_run(start_load);
	load(&other, "romeo@example.org");
	assert_int_equal(manager_unload(CPL_STR("probe"), &request, &error), 0);
	stage_settle();
	assert_null(request.done);
	assert_int_equal(module_load.status, CPL_E_CANCELLED);
	assert_int_equal(other.status, 0);
	cpl_user_unref(&other.user);
}

static void test_remover_unloaded(void **state)
{
	struct manager_request request = {answered};
	struct cpl_error error;
	struct loading other;

	probe_run(start_removal);
	stage_settle();
	assert_int_equal(module_removal.status, 0);
	stage_account("romeo@example.org");
	probe_run(start_removal);
	assert_int_equal(manager_unload(CPL_STR("probe"), &request, &error), 0);
	stage_settle();
	assert_int_equal(module_removal.status, CPL_E_CANCELLED);
	load(&other, "romeo@example.org");
	stage_settle();
	assert_int_equal(other.status, CPL_E_NOT_FOUND);
}

/* ---- removal ---- */

static void test_removed_with_session(void **state)
{
	struct loading removal = {0}, second = {0};

	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	stage_send(&romeo, "<presence/>");
	probe_forget_trace();
	assert_int_equal(cpl_user_remove(&removal.request, NULL, jid_of("romeo@example.org"), loaded), 0);
	assert_int_equal(cpl_user_remove(&second.request, NULL, jid_of("romeo@example.org"), loaded), 0);
	stage_send(&juliet, "<message type='chat' id='m' to='romeo@example.org'><body>x</body></message>");
	stage_pass(1000);
	assert_int_equal(removal.status, 0);
	assert_int_equal(removal.calls, 1);
	assert_int_equal(second.status, CPL_E_BUSY);
	probe_assert_trace("session_unavailable(c2s romeo@example.org/a) session_unbound(c2s romeo@example.org/a) "
			   "session_destroyed(c2s romeo@example.org/a) account_removing(romeo) account_removed(romeo@example.org) "
			   "user_unload(romeo)");
	assert_received(&romeo, "<not-authorized");
	assert_received(&juliet, "<service-unavailable");
	stage_leave(&romeo);
	load(&second, "romeo@example.org");
	stage_settle();
	assert_int_equal(second.status, CPL_E_NOT_FOUND);
}

/* The session that wishes it is there until the commit, and no longer available. */
static void test_removed_by_itself(void **state)
{
	struct loading removal = {0};

	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&third, "romeo@example.org/b");
	stage_send(&romeo, "<presence/>");
	probe_forget_trace();
	assert_int_equal(cpl_user_remove_by(&removal.request, NULL, romeo.session, loaded), 0);
	stage_pass(1000);
	assert_int_equal(removal.status, 0);
	probe_assert_trace("session_unbound(c2s romeo@example.org/b) session_destroyed(c2s romeo@example.org/b) "
			   "session_unavailable(c2s romeo@example.org/a) account_removing(romeo) account_removed(romeo@example.org)");
	assert_received(&third, "<not-authorized");
	assert_false(romeo.session->closing);
	stage_send(&romeo, "<iq type='get' id='late'><x xmlns='urn:x'/></iq>");
	assert_received(&romeo, "late");
	cpl_session_close(romeo.session, CPL_STREAM_NOT_AUTHORIZED, NULL);
	stage_settle();
	stage_leave(&romeo);
}

static enum cpl_flow suspend_marked(enum cpl_event_id id, struct cpl_ev_stanza *ev)
{
	return id == CPL_EVENT_pre_message ? probe_suspend(&ev->event) : CPL_NEXT;
}

/* A session that does not come to its end in time stays behind: the account goes, and another of its name is another object. */
static void test_removed_while_suspended(void **state)
{
	struct loading removal = {0};

	stage_login(&romeo, "romeo@example.org/a");
	probe.stanza = suspend_marked;
	stage_send(&romeo, "<presence/><message><body>1</body></message>");
	assert_int_equal(cpl_user_remove(&removal.request, NULL, jid_of("romeo@example.org"), loaded), 0);
	for (int i = 0; i < 30; i++)
		stage_pass(100);
	assert_int_equal(removal.calls, 1);
	assert_int_equal(removal.status, 0);
	assert_int_equal(romeo.session->type, CPL_SESSION_C2S);
	stage_account("romeo@example.org");
	stage_login(&third, "romeo@example.org/a");
	probe.stanza = NULL;
	cpl_resume(&probe_suspended[--probe_suspended_count], CPL_NEXT);
	stage_settle();
	assert_int_equal(romeo.session->type, CPL_SESSION_DESTROYED);
	assert_ptr_equal(cpl_session_find(third.session->jid), third.session);
	assert_int_equal(third.session->user->session_count, 1);
}

/* ---- requests of ours ---- */

struct asking {
	struct cpl_iq_call request;
	int calls, status;
	bool with_answer;
};

static void asked(struct cpl_call *call)
{
	struct asking *asking = CPL_CONTAINER(call, struct asking, request.call);

	asking->calls++;
	asking->status = call->status;
	asking->with_answer = asking->request.answer != NULL;
}

static void ask(struct asking *asking, struct cpl_jid to)
{
	static struct cpl_name name = {"urn:xmpp:ping", "ping", 0, 0};
	struct cpl_stanza *iq = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);

	names_add(&name);
	cpl_add(iq, iq->root, &name);
	cpl_stanza_set_from(iq, jid_of("example.org"));
	cpl_stanza_set_to(iq, to);
	*asking = (struct asking){0};
	assert_int_equal(cpl_iq_send(&asking->request, NULL, &iq, 10000, asked), 0);
	stage_settle();
}

static void answer(struct stage_peer *peer, const char *type, struct cpl_str id)
{
	char text[512];

	snprintf(text, sizeof(text), "<iq type='%s' to='example.org' id='%.*s'/>", type, CPL_ARG(id));
	stage_send(peer, text);
	stage_settle();
}

static void test_iq_answers(void **state)
{
	struct asking asking;

	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	ask(&asking, romeo.session->jid);
	assert_received(&romeo, "urn:xmpp:ping");
	/* Somebody else's answer, and one to another question, are none. */
	answer(&juliet, "result", asking.request.id);
	answer(&romeo, "result", CPL_STR("other"));
	assert_int_equal(asking.calls, 0);
	answer(&romeo, "result", asking.request.id);
	assert_int_equal(asking.calls, 1);
	assert_int_equal(asking.status, 0);
	assert_true(asking.with_answer);
	ask(&asking, romeo.session->jid);
	answer(&romeo, "error", asking.request.id);
	assert_int_equal(asking.status, CPL_E_REFUSED);
	assert_true(asking.with_answer);
	/* Its own server answers for who is not there. */
	ask(&asking, jid_of("juliet@example.org/none"));
	assert_int_equal(asking.status, CPL_E_REFUSED);
	assert_int_equal(iq_pending(), 0);
}

static void test_iq_without_answer(void **state)
{
	struct asking asking;

	stage_login(&romeo, "romeo@example.org/a");
	ask(&asking, romeo.session->jid);
	stage_pass(9000);
	assert_int_equal(asking.calls, 0);
	stage_pass(2000);
	assert_int_equal(asking.status, CPL_E_TIMEOUT);
	assert_false(asking.with_answer);
	ask(&asking, romeo.session->jid);
	cpl_call_cancel(&asking.request.call);
	stage_settle();
	assert_int_equal(asking.status, CPL_E_CANCELLED);
	assert_int_equal(iq_pending(), 0);
}

/* ---- presence that is answered at once ---- */

/* What a room does with presence of somebody who is not in it. */
static void refuse_presence(struct cpl_ev_stanza *ev)
{
	if (ev->stanza->type == CPL_TYPE_UNAVAILABLE && cpl_jid_is_full(ev->stanza->to))
		cpl_bounce(ev->stanza, CPL_NOT_ACCEPTABLE, NULL);
}

static void test_directed_presence_refused(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&juliet, "juliet@example.org/a");
	stage_send(&romeo, "<presence to='juliet@example.org/a'/><presence to='juliet@example.org/b'/><presence to='juliet@example.org'/>");
	probe.presence = refuse_presence;
	stage_leave(&romeo);
	assert_received(&juliet, "type='unavailable'");
}

/* ---- offline messages go to whoever is there ---- */

static void test_flush_passes_on(void **state)
{
	stage_login(&juliet, "juliet@example.org/a");
	stage_send(&juliet, "<message type='chat' to='romeo@example.org'><body>kept</body></message>");
	stage_settle();
	stage_login(&romeo, "romeo@example.org/a");
	stage_login(&third, "romeo@example.org/b");
	/* The one that the messages are read for goes before they come. */
	stage_send(&romeo, "<presence/>");
	stage_send(&third, "<presence/>");
	stage_leave(&romeo);
	assert_received(&third, "<body>kept</body>");
}

/* ---- changes of rosters ---- */

static struct changing {
	struct cpl_roster_change change;
	int calls, status;
	char seen[64];
} changing;

static bool compute(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	item->listed = true;
	return true;
}

static void changed(struct cpl_call *call)
{
	changing.calls++;
	changing.status = call->status;
	snprintf(changing.seen, sizeof(changing.seen), "%.*s %.*s", CPL_ARG(changing.change.user->username),
		 CPL_ARG(cpl_jid_str(changing.change.contact)));
}

static void start_change(struct cpl_module *self)
{
	static struct cpl_service_ref rosters = {"roster", 1, 0};
	struct cpl_module *provider;
	const struct cpl_roster_service *service;

	rosters.id = service_id(rosters.name);
	service = cpl_service_find(romeo.session->served, &rosters, &provider);
	changing = (struct changing){.change.compute = compute};
	assert_int_equal(service->change(provider, &changing.change, NULL, romeo.session->user, jid_of("nurse@example.net/x"), changed), 0);
}

/* The change's own copies are there until its callback has returned, whatever has ended before. */
static void test_change_keeps_its_parts(void **state)
{
	stage_login(&romeo, "romeo@example.org/a");
	probe_run(start_change);
	stage_settle();
	assert_int_equal(changing.status, 0);
	assert_string_equal(changing.seen, "romeo nurse@example.net");
	probe_run(start_change);
	cpl_call_cancel(&changing.change.call);
	stage_settle();
	assert_int_equal(changing.status, CPL_E_CANCELLED);
	assert_string_equal(changing.seen, "romeo nurse@example.net");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_loads_are_joined),
		TEST(test_no_such_account),
		TEST(test_load_fails),
		TEST(test_load_cancelled),
		TEST(test_load_suspended),
		TEST(test_lingering),
		TEST(test_referenced_while_unloaded),
		TEST(test_loader_unloaded),
		TEST(test_remover_unloaded),
		TEST(test_removed_with_session),
		TEST(test_removed_by_itself),
		TEST(test_removed_while_suspended),
		TEST(test_iq_answers),
		TEST(test_iq_without_answer),
		TEST(test_directed_presence_refused),
		TEST(test_flush_passes_on),
		TEST(test_change_keeps_its_parts),
	};

	cpl_log_threshold = CPL_LOG_ERROR + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
