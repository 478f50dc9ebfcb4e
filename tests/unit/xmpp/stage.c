/* SPDX-License-Identifier: MIT */
/* The stage: the test core with the bundled modules linked in. */
#include "tests/unit/xmpp/stage.h"

#include "core/hook/dispatch.h"
#include "core/loop/worker.h"
#include "core/test/testcore.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/router.h"
#include "core/xmpp/session.h"
#include "core/xmpp/store.h"

#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

#define BUNDLED(X) X(archive) X(auth) X(bind) X(disco) X(external) X(iq) X(mam) X(memory) X(message) X(offline) X(ping) X(presence) X(roster) X(time) X(tls) X(version)
#define DECLARE(name) extern const struct cpl_descriptor name##_LTX_cpl_module;
BUNDLED(DECLARE)

enum { SYMBOLS_MAX = 64 };

static lt_dlsymlist symbols[SYMBOLS_MAX];
static char own_names[STAGE_MODULES_MAX][2][64];
static char folder[] = "/tmp/couplet-stage-XXXXXX";

/* UNSAFE: libltdl's table has addresses that are not const; nobody writes through them. */
static void *address_of(const struct cpl_descriptor *descriptor)
{
	return (void *)(uintptr_t)descriptor;
}

static void preopen(const struct stage_module *own)
{
	size_t at = 0;

	symbols[at++] = (lt_dlsymlist){"@PROGRAM@", NULL};
#define PREOPEN(name)                                                                                                            \
	symbols[at++] = (lt_dlsymlist){#name ".a", NULL};                                                                        \
	symbols[at++] = (lt_dlsymlist){#name "_LTX_cpl_module", address_of(&name##_LTX_cpl_module)};
	BUNDLED(PREOPEN)
	for (size_t i = 0; own && own[i].name; i++) {
		CHECK(i < STAGE_MODULES_MAX);
		snprintf(own_names[i][0], sizeof(own_names[i][0]), "%s.a", own[i].name);
		snprintf(own_names[i][1], sizeof(own_names[i][1]), "%s_LTX_cpl_module", own[i].name);
		symbols[at++] = (lt_dlsymlist){own_names[i][0], NULL};
		symbols[at++] = (lt_dlsymlist){own_names[i][1], address_of(own[i].descriptor)};
	}
	symbols[at] = (lt_dlsymlist){NULL, NULL};
	CHECK(lt_dlpreload(symbols) == 0);
}

static const struct stage_module *own_modules;

static void preopen_all(void)
{
	preopen(own_modules);
}

void stage_open(const char *config, const struct stage_module *own)
{
	struct testcore_setup setup = {.folder = folder, .modules_path = folder, .config = config, .preopen = preopen_all};
	struct cpl_buf refusal = {0};

	snprintf(folder, sizeof(folder), "/tmp/couplet-stage-XXXXXX");
	CHECK(mkdtemp(folder));
	own_modules = own;
	if (testcore_open(&setup, &refusal))
		return;
	fprintf(stderr, "%s", refusal.ptr);
	abort();
}

void stage_settle(void)
{
	cpl_test_settle();
}

void stage_pass(int64_t ms)
{
	cpl_test_advance(ms);
}

uint64_t stage_calls_open(void)
{
	return testcore_calls_open();
}

int64_t stage_bytes(const char *name)
{
	return testcore_bytes(name);
}

bool stage_quiet(void)
{
	return stage_calls_open() == 0 && router_pending() == 0 && iq_pending() == 0 && store_pending() == 0 && worker_pending() == 0 &&
	       suspension_count() == 0 && admission_count() == 0;
}

static void folder_remove(void)
{
	static const char *const files[] = {"couplet.yml", "auth.secret"};
	char path[64];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	CHECK(rmdir(folder) == 0);
}

void stage_close(void)
{
	char *complaints;

	testcore_close();
	complaints = testcore_take_complaints();
	if (complaints) {
		fputs(complaints, stderr);
		abort();
	}
	folder_remove();
}

void stage_account(const char *jid)
{
	cpl_test_account(jid);
}

/* ---- peers ---- */

static void connect_as(struct stage_peer *peer, enum cpl_session_type type, const char *service, bool secure)
{
	struct conn_script_options options = {
		.events = &session_conn_events, .service = service, .secure = secure, .binding = secure ? CPL_STR("binding data") : CPL_NONE};
	struct admission *admission;

	peer->script = conn_script_create(&options);
	admission = admission_take(conn_script_conn(peer->script)->address);
	CHECK(admission);
	peer->session = cpl_session_ref(session_create(conn_script_conn(peer->script), type, admission));
}

void stage_connect(struct stage_peer *peer, bool secure)
{
	connect_as(peer, CPL_SESSION_C2S_UNAUTHED, "c2s", secure);
}

void stage_connect_component(struct stage_peer *peer)
{
	connect_as(peer, CPL_SESSION_COMPONENT_UNAUTHED, "component", false);
}

void stage_send_bytes(struct stage_peer *peer, struct cpl_str text)
{
	conn_script_feed(peer->script, text);
}

void stage_send(struct stage_peer *peer, const char *text)
{
	stage_send_bytes(peer, cpl_str_of(text));
}

char *stage_take(struct stage_peer *peer)
{
	return conn_script_take(peer->script);
}

static void send_header(struct stage_peer *peer, struct cpl_jid jid)
{
	char text[1024];

	snprintf(text, sizeof(text), STAGE_HEADER("%.*s"), CPL_ARG(cpl_jid_domain(jid)));
	stage_send(peer, text);
}

static void authenticate(struct stage_peer *peer, struct cpl_jid jid)
{
	stage_connect(peer, true);
	send_header(peer, jid);
	CHECK(peer_authenticate(peer->session, jid));
	CHECK(peer->session->type == CPL_SESSION_C2S_UNBOUND);
	send_header(peer, jid);
}

static struct cpl_jid jid_of(const char *text, struct cpl_arena *arena)
{
	struct cpl_jid jid;

	CHECK(cpl_jid_parse(&jid, cpl_str_of(text), arena) == 0);
	return jid;
}

void stage_authenticate(struct stage_peer *peer, const char *text)
{
	struct cpl_arena *arena = cpl_arena_create();

	authenticate(peer, jid_of(text, arena));
	cpl_free(stage_take(peer));
	cpl_arena_destroy(&arena);
}

void stage_login(struct stage_peer *peer, const char *text)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid = jid_of(text, arena);
	struct cpl_str bind = cpl_arena_printf(
		arena, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%.*s</resource></bind></iq>",
		CPL_ARG(cpl_jid_resource(jid)));

	authenticate(peer, jid);
	stage_send_bytes(peer, bind);
	stage_settle();
	CHECK(cpl_str_is(peer->session->full_jid, text));
	cpl_free(stage_take(peer));
	cpl_arena_destroy(&arena);
}

void stage_leave(struct stage_peer *peer)
{
	if (!peer->script)
		return;
	conn_script_lose(peer->script, CPL_END_RESET);
	stage_settle();
	CHECK(conn_script_closed(peer->script));
	cpl_session_unref(&peer->session);
	conn_script_destroy(&peer->script);
}
