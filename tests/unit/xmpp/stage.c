/* SPDX-License-Identifier: MIT */
/* The stage: start and stop as core/server.c does them, without the outside. */
#include "tests/unit/xmpp/stage.h"

#include "core/base/account.h"
#include "core/base/clock.h"
#include "core/hook/dispatch.h"
#include "core/loop/loop.h"
#include "core/loop/worker.h"
#include "core/module/manager.h"
#include "core/server_state.h"
#include "core/xml/names.h"
#include "core/xml/parser.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/claims.h"
#include "core/xmpp/host.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/router.h"
#include "core/xmpp/session.h"
#include "core/xmpp/store.h"
#include "core/xmpp/user.h"

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

#define BUNDLED(X) X(auth) X(bind) X(disco) X(external) X(iq) X(memory) X(message) X(offline) X(ping) X(presence) X(roster) X(time) X(tls) X(version)
#define DECLARE(name) extern const struct cpl_descriptor name##_LTX_cpl_module;
BUNDLED(DECLARE)

enum { SYMBOLS_MAX = 64, TURNS_MAX = 100000 };

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

static void print_and_abort(struct config_report *report)
{
	struct cpl_buf text = {0};

	config_report_print(report, &text);
	fprintf(stderr, "%.*s", (int)text.len, text.ptr);
	abort();
}

static struct config *read_config(const char *text)
{
	struct config_report report = {0};
	const struct config_schema *schemas;
	const struct config_service *services;
	size_t schema_count, service_count;
	struct config *config;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/couplet.yml", folder);
	file = fopen(path, "w");
	CHECK(file);
	fprintf(file, "storage: memory\nlisten: {}\ndata: %s\nmodules_path: %s\n%s", folder, folder, text);
	fclose(file);
	config = config_read(path, &report);
	if (!config)
		print_and_abort(&report);
	schema_count = manager_open(config, &report, &schemas);
	service_count = manager_services(&services);
	config_judge(config, schemas, schema_count, services, service_count, &report);
	if (report.errors)
		print_and_abort(&report);
	config_report_finish(&report);
	return config;
}

void stage_open(const char *config, const struct stage_module *own)
{
	struct cpl_error error = {0};

	snprintf(folder, sizeof(folder), "/tmp/couplet-stage-XXXXXX");
	CHECK(mkdtemp(folder));
	CHECK(loop_init(true) == 0);
	CHECK(worker_init(0) == 0);
	manager_init();
	preopen(own);
	server.config = read_config(config);
	server.started_at = cpl_now();
	admission_set_bounds((size_t)server.config->core.unauthenticated_per_address, (size_t)server.config->core.unauthenticated_total);
	session_set_options(&server.config->core);
	suspension_set_timeout(server.config->core.suspend_timeout);
	claims_init();
	for (size_t i = 0; i < server.config->host_count; i++)
		host_create(&server.config->hosts[i]);
	permission_configure(server.config);
	if (manager_apply(server.config, &error) != 0 || store_declare(&role_store, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		abort();
	}
	stage_settle();
}

void stage_settle(void)
{
	unsigned idle = 0;

	for (unsigned turns = 0; idle < 2; turns++) {
		CHECK(turns < TURNS_MAX);
		idle = loop_turn(0) ? 0 : idle + 1;
	}
}

void stage_pass(int64_t ms)
{
	enum { STEPS = 20 };

	for (int i = 0; i < STEPS; i++) {
		loop_advance(ms * (i + 1) / STEPS - ms * i / STEPS);
		stage_settle();
	}
}

uint64_t stage_calls_open(void)
{
	uint64_t open = 0;

	for (uint32_t id = 0; id < account_count(); id++)
		if (account_by_id(id))
			open += account_by_id(id)->calls_started - account_by_id(id)->calls_fired;
	return open;
}

int64_t stage_bytes(const char *name)
{
	for (uint32_t id = 0; id < account_count(); id++)
		if (account_by_id(id) && strcmp(account_by_id(id)->name, name) == 0)
			return account_by_id(id)->bytes;
	return 0;
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
	struct cpl_host *host;
	size_t at = 0;

	session_close_all();
	stage_settle();
	user_drop_lingering(false);
	stage_settle();
	CHECK(session_alive() == 0 && user_count() == 0 && stage_quiet());
	manager_finish();
	CHECK(stage_quiet());
	while ((host = cpl_host_next(&at))) {
		manager_host_stop(host);
		host_destroy(&host);
		at = 0;
	}
	store_finish();
	worker_finish();
	session_finish();
	xml_finish();
	loop_finish();
	permission_configure(NULL);
	config_destroy(&server.config);
	folder_remove();
}

/* ---- accounts ---- */

static void account_made(struct cpl_call *call)
{
	CHECK(call->status == 0);
}

void stage_account(const char *text)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_store_call request = {0};
	struct cpl_jid jid;

	CHECK(cpl_jid_parse(&jid, cpl_str_of(text), arena) == 0);
	cpl_batch_account_create(batch, jid);
	CHECK(cpl_batch_commit(&request, NULL, &batch, account_made) == 0);
	stage_settle();
	CHECK(!cpl_call_pending(&request.call));
	cpl_arena_destroy(&arena);
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

static void is_authenticated(struct cpl_call *call)
{
	CHECK(call->status == 0);
}

static void send_header(struct stage_peer *peer, struct cpl_jid jid)
{
	char text[1024];

	snprintf(text, sizeof(text), STAGE_HEADER("%.*s"), CPL_ARG(cpl_jid_domain(jid)));
	stage_send(peer, text);
}

/* The proof is taken for granted; everything behind it is as it is for a client. */
static void authenticate(struct stage_peer *peer, struct cpl_jid jid)
{
	static struct cpl_name success = {"urn:ietf:params:xml:ns:xmpp-sasl", "success", 0, 0};
	struct cpl_stanza *nonza;
	struct cpl_authenticate request = {0};

	stage_connect(peer, true);
	send_header(peer, jid);
	names_add(&success);
	nonza = cpl_nonza_create(&success);
	CHECK(cpl_session_authenticate(&request, peer->session, cpl_jid_local(jid), "TEST", nonza, is_authenticated) == 0);
	cpl_stanza_unref(&nonza);
	stage_settle();
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
