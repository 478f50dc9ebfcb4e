/* SPDX-License-Identifier: MIT */
/* Start and stop as core/server.c does them, without the outside; and how a test fails. */
#include "core/test/testcore.h"

#include "core/admin/certificate.h"
#include "core/admin/command.h"
#include "core/base/account.h"
#include "core/base/clock.h"
#include "core/hook/dispatch.h"
#include "core/loop/worker.h"
#include "core/module/manager.h"
#include "core/module/schedule.h"
#include "core/net/tls_context.h"
#include "core/server_state.h"
#include "core/xml/parser.h"
#include "core/xmpp/account_state.h"
#include "core/xmpp/admission.h"
#include "core/xml/data_form.h"
#include "core/xmpp/claims.h"
#include "core/xmpp/host.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/router.h"
#include "core/xmpp/session.h"
#include "core/xmpp/store.h"
#include "core/xmpp/user.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS_MAX = 200000, STEPS = 20, AFTERWARDS_MS = 60000, DRIVER_MS = 10000 };

void (*testcore_between)(void);

static struct testcore_setup now;
static bool opened, applied;

static struct {
	struct cpl_buf said;
	jmp_buf out;
	bool running; /* a case, which can be left */
	bool turning; /* the loop is on the stack, which cannot */
} outcome;

static struct kept {
	struct kept *next;
	char *text;
} *kept;

/* ---- how a test fails ---- */

__attribute__((format(printf, 1, 0))) static void complain(const char *format, va_list args)
{
	cpl_buf_addv(&outcome.said, format, args);
	if (outcome.said.len && outcome.said.ptr[outcome.said.len - 1] != '\n')
		cpl_buf_add_char(&outcome.said, '\n');
}

void testcore_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
}

static __attribute__((noreturn)) void leave(void)
{
	if (outcome.running && !outcome.turning)
		longjmp(outcome.out, 1);
	fputs(outcome.said.ptr, stderr);
	abort();
}

void testcore_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	leave();
}

void cpl_test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	cpl_buf_addf(&outcome.said, "%s:%d: ", file, line);
	va_start(args, format);
	complain(format, args);
	va_end(args);
	leave();
}

void cpl_test_equal(const char *file, int line, const char *what, int64_t is, int64_t shall)
{
	if (is != shall)
		cpl_test_fail(file, line, "%s is %lld, not %lld", what, (long long)is, (long long)shall);
}

void cpl_test_text(const char *file, int line, const char *what, struct cpl_str is, const char *shall)
{
	if (!cpl_str_is(is, shall))
		cpl_test_fail(file, line, "%s is \"%.*s\", not \"%s\"", what, CPL_ARG(is), shall);
}

bool testcore_run(void (*run)(void))
{
	size_t before = outcome.said.len;
	bool inner = outcome.running;
	jmp_buf outer;

	memcpy(&outer, &outcome.out, sizeof(outer));
	if (setjmp(outcome.out) == 0) {
		outcome.running = true;
		run();
	}
	memcpy(&outcome.out, &outer, sizeof(outer));
	outcome.running = inner;
	return outcome.said.len == before;
}

char *testcore_take_complaints(void)
{
	return outcome.said.len ? cpl_buf_take(&outcome.said) : NULL;
}

const char *testcore_keep(char *text)
{
	struct kept *entry = CPL_NEW(struct kept);

	*entry = (struct kept){kept, text};
	kept = entry;
	return text;
}

/* ---- time ---- */

void cpl_test_settle(void)
{
	unsigned idle = 0, turns = 0;
	int64_t until = clock_system_monotonic() + DRIVER_MS;

	outcome.turning = true;
	for (; idle < 2 && turns < TURNS_MAX; turns++) {
		/* A storage driver that is tested may have threads, which take real time. */
		bool waits = now.driver && store_pending() > 0 && clock_system_monotonic() < until;

		idle = loop_turn(waits ? 1 : 0) || waits ? 0 : idle + 1;
	}
	outcome.turning = false;
	if (turns == TURNS_MAX)
		testcore_fail("the server does not come to rest: something happens in each of %d turns of the loop", TURNS_MAX);
}

void cpl_test_advance(int64_t ms)
{
	for (int i = 0; i < STEPS; i++) {
		loop_advance(ms * (i + 1) / STEPS - ms * i / STEPS);
		cpl_test_settle();
	}
}

/* ---- the configuration ---- */

const struct testcore_setup *testcore_setup(void)
{
	return &now;
}

static bool gives(const char *config, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = config; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, key, len) == 0)
			return true;
	return false;
}

static void write_options(const char *options, struct cpl_buf *text)
{
	struct cpl_str rest = cpl_str_of(options), line;

	if (!options || !*options)
		return;
	cpl_buf_addf(text, "%s:\n", now.module);
	while (cpl_str_split(&rest, '\n', &line))
		cpl_buf_addf(text, "  %.*s\n", CPL_ARG(line));
}

static bool write_config(const char *options, const char *path)
{
	struct cpl_buf text = {0};
	FILE *file = fopen(path, "w");
	bool good;

	/* The options first: what is wrong with one stands on a line that does not depend on the rest. */
	write_options(options, &text);
	cpl_buf_addf(&text, "data: %s\nmodules_path: %s\nlisten: {}\n", now.folder, now.modules_path);
	cpl_buf_addf(&text, "storage: %s\n", now.driver ? now.module : "memory");
	if (!gives(now.config, "modules:"))
		cpl_buf_addf(&text, "modules: [bind, roster, presence, message, iq, disco%s%s]\n", now.driver ? "" : ", ", now.driver ? "" : now.module);
	if (!gives(now.config, "hosts:"))
		cpl_buf_addf(&text, "hosts: {example.org: }\n");
	cpl_buf_addf(&text, "%s\n", now.config ? now.config : "");
	good = file && fwrite(text.ptr, 1, text.len, file) == text.len;
	if (file && fclose(file) != 0)
		good = false;
	cpl_buf_finish(&text);
	return good;
}

struct config *testcore_judge(const char *options, struct cpl_buf *refusal)
{
	char *path = cpl_asprintf("%s/couplet.yml", now.folder);
	struct config_report report = {0};
	const struct config_schema *schemas;
	const struct config_service *services;
	size_t schema_count, service_count;
	struct config *config = NULL;

	if (write_config(options, path))
		config = config_read(path, &report);
	else
		cpl_buf_addf(refusal, "%s cannot be written\n", path);
	cpl_free(path);
	if (config) {
		schema_count = manager_open(config, &report, &schemas);
		service_count = manager_services(&services);
		config_judge(config, schemas, schema_count, services, service_count, &report);
	}
	config_report_print(&report, refusal);
	if (config && report.errors) {
		manager_discard();
		config_destroy(&config);
	}
	config_report_finish(&report);
	return config;
}

bool cpl_test_configure(const char *options)
{
	struct cpl_buf refusal = {0};
	struct cpl_error error = {0};
	struct config *config = testcore_judge(options, &refusal), *before = server.config;
	struct cpl_buf waiting = {0};
	struct cpl_host *host;
	int code;

	cpl_buf_finish(&refusal);
	if (!config)
		return false;
	manager_waiting(config, &waiting);
	cpl_buf_finish(&waiting);
	for (size_t at = 0; (host = cpl_host_next(&at));)
		host_set_config(host, config_host_find(config, host->name));
	code = manager_apply(config, &error);
	if (code < 0)
		testcore_fail("the configuration cannot be applied: %s", error.text);
	server.config = config;
	session_set_options(&server.config->core);
	permission_configure(server.config);
	manager_retire(&before);
	cpl_test_settle();
	return true;
}

/* ---- open ---- */

static void certificate_fault(void *data, size_t host, bool fatal, const char *text)
{
	testcore_complain("the test core's certificate: %s", text);
}

/* Connections are no sockets, so TLS is pretended, but what is offered depends on whether there is a certificate: each host has one where the case asks for it. */
static void install_certificates(void)
{
	static const struct tls_settings settings = {.min_version = "TLSv1.2"};
	struct tls_host *hosts = cpl_alloc((server.config->host_count + 1) * sizeof(*hosts));
	struct cpl_error error = {0};
	char *path = cpl_asprintf("%s/certificate.pem", now.folder);

	if (now.certificates && certificate_generate(server.config->hosts[0].name, path, NULL, &error) != 0)
		testcore_fail("%s", error.text);
	for (size_t i = 0; now.certificates && i < server.config->host_count; i++)
		hosts[i] = (struct tls_host){server.config->hosts[i].name, path, NULL};
	if (now.certificates)
		tls_contexts_install(tls_contexts_create(hosts, server.config->host_count, &settings, certificate_fault, NULL));
	cpl_free(path);
	cpl_free(hosts);
}

bool testcore_open(const struct testcore_setup *setup, struct cpl_buf *refusal)
{
	struct cpl_error error = {0};

	now = *setup;
	opened = true;
	if (loop_init(true) != 0 || worker_init(0) != 0)
		testcore_fail("the loop cannot be made");
	manager_hooks.commands_add = command_add;
	manager_hooks.commands_remove = command_remove;
	manager_hooks.commands_replace = command_replace;
	manager_init();
	if (now.preopen)
		now.preopen();
	server.config = testcore_judge(now.options, refusal);
	if (!server.config)
		return false;
	server.started_at = cpl_now();
	admission_set_bounds((size_t)server.config->core.unauthenticated_per_address, (size_t)server.config->core.unauthenticated_total);
	session_set_options(&server.config->core);
	suspension_set_timeout(server.config->core.suspend_timeout);
	claims_init();
	data_form_init();
	install_certificates();
	for (size_t i = 0; i < server.config->host_count; i++)
		host_create(&server.config->hosts[i]);
	command_add_builtin();
	permission_configure(server.config);
	if (schedule_open(now.folder, true, &error) != 0 || manager_apply(server.config, &error) != 0 ||
	    store_declare(&role_store, &error) != 0 || store_declare(&disabled_store, &error) != 0) {
		cpl_buf_addf(refusal, "%s\n", error.text);
		return false;
	}
	applied = true;
	fault_open();
	cpl_test_settle();
	return true;
}

/* ---- close ---- */

int64_t testcore_bytes(const char *name)
{
	int64_t bytes = 0;

	for (uint32_t id = 0; id < account_memory_count(); id++)
		if (account_memory_by_id(id) && strcmp(account_memory_by_id(id)->name, name) == 0)
			bytes += account_memory_by_id(id)->bytes;
	return bytes;
}

uint64_t testcore_calls_open(void)
{
	uint64_t open = 0;

	for (uint32_t id = 0; id < account_count(); id++)
		if (account_by_id(id))
			open += account_by_id(id)->calls_started - account_by_id(id)->calls_fired;
	return open;
}

static void left(size_t count, const char *what)
{
	if (count)
		testcore_complain("left at the end: %zu %s", count, what);
}

void testcore_check_quiet(void)
{
	left(session_alive(), "sessions (somebody holds a reference)");
	left(user_count(), "accounts in memory (somebody holds a reference)");
	left(router_pending(), "stanzas that are not done");
	left(iq_pending(), "requests of the server without an answer");
	left(store_pending(), "requests at the storage driver");
	left(worker_pending(), "jobs");
	left(suspension_count(), "suspended events");
	left(admission_count(), "connections that count as unauthenticated");
}

/* A module's own timers and what it does now and then live as long as it does. */
static void check_calls(void)
{
	struct cpl_module *module;

	for (size_t at = 0; (module = manager_next(&at));) {
		const struct account *account = manager_account(module);
		uint64_t open = account->calls_started - account->calls_fired;

		if (open > manager_in_flight(module))
			testcore_complain("%s: %llu calls have started, have not called back, and are not in flight", account->name,
					  (unsigned long long)(open - manager_in_flight(module)));
	}
}

static void check_accounts(void)
{
	for (uint32_t id = 0; id < account_count(); id++) {
		const struct account *account = account_by_id(id);

		if (!account)
			continue;
		if (account->calls_started != account->calls_fired)
			testcore_complain("%s: %llu calls have started, %llu have called back", account->name,
					  (unsigned long long)account->calls_started, (unsigned long long)account->calls_fired);
	}
	for (uint32_t id = 1; id < account_memory_count(); id++) {
		const struct account_memory *memory = account_memory_by_id(id);

		if (memory && (memory->bytes || memory->blocks))
			testcore_complain("%s: %lld bytes in %lld blocks are left after the unload", memory->name, (long long)memory->bytes,
					  (long long)memory->blocks);
	}
}

static void close_hosts(void)
{
	struct cpl_host *host;
	size_t at = 0;

	while ((host = cpl_host_next(&at))) {
		manager_host_stop(host);
		host_destroy(&host);
		at = 0;
	}
}

static void close_sessions(void)
{
	peers_close();
	session_close_all();
	cpl_test_settle();
	user_drop_lingering(false);
	cpl_test_advance(AFTERWARDS_MS);
	user_drop_lingering(false);
	cpl_test_settle();
	testcore_check_quiet();
	check_calls();
}

void testcore_close(void)
{
	if (!opened)
		return;
	testcore_between = NULL;
	fault_pause(true);
	if (applied)
		close_sessions();
	fault_close();
	manager_finish();
	schedule_finish();
	check_accounts();
	close_hosts();
	store_finish();
	worker_finish();
	session_finish();
	tls_contexts_install(NULL);
	xml_finish();
	command_remove(NULL);
	loop_finish();
	permission_configure(NULL);
	config_destroy(&server.config);
	server = (struct server){0};
	fault_pause(false);
	opened = applied = false;
	while (kept) {
		struct kept *entry = kept;

		kept = entry->next;
		cpl_free(entry->text);
		cpl_free(entry);
	}
}
