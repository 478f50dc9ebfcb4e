/* SPDX-License-Identifier: MIT */
/* The server: the order of start and stop. Reading is in server_read.c, reload in server_reload.c, listeners in server_listen.c. */
#include "core/server_state.h"

#include "core/admin/command.h"
#include "core/admin/control.h"
#include "core/admin/metrics.h"
#include "core/base/logger.h"
#include "core/base/watchdog.h"
#include "core/hook/dispatch.h"
#include "core/loop/loop.h"
#include "core/loop/worker.h"
#include "core/module/manager.h"
#include "core/module/schedule.h"
#include "core/net/conn_socket.h"
#include "core/net/http.h"
#include "core/net/listener.h"
#include "core/net/tls_context.h"
#include "core/net/tls_tickets.h"
#include "core/process.h"
#include "core/xml/data_form.h"
#include "core/xml/parser.h"
#include "core/xml/strict.h"
#include "core/xmpp/account_state.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/claims.h"
#include "core/xmpp/host.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/router.h"
#include "core/xmpp/session.h"
#include "core/xmpp/store.h"
#include "core/xmpp/user.h"

#include <signal.h>
#include <unistd.h>

/* How long an orderly stop may take, and between two looks at what is left. */
enum { STOP_MS = 10000, STOP_LOOK_MS = 20 };
/* A command of coupletctl may hold the data at the moment of the start. */
enum { LOCK_WAIT_MS = 3000 };
/* Descriptors that are not connections: databases, log, module files, control clients. */
enum { DESCRIPTORS_RESERVED = 128 };
/* One that hashes a password for long holds up no handshake as long as there is another. */
enum { WORKERS_LEAST = 2, WORKERS_MOST = 64 };

struct server server;

const struct config *server_config(void)
{
	return server.config;
}

int64_t server_started_at(void)
{
	return server.started_at;
}

/* ---- judging ---- */

int server_judge(struct server_read *read)
{
	struct config *config = read->config;
	const struct config_schema *schemas;
	const struct config_service *services;
	size_t schema_count, service_count;

	if (!config)
		return CPL_E_INVALID;
	schema_count = manager_open(config, &read->report, &schemas);
	service_count = server_services(&services);
	config_judge(config, schemas, schema_count, services, service_count, &read->report);
	if (geteuid() == 0 && !config->core.user.len)
		config_report_at(&read->report, config->path, 1, false,
				 "user is required when the server is started as root: the process runs as it once its ports are open");
	if (read->report.errors == 0)
		return 0;
	manager_discard();
	return CPL_E_INVALID;
}

int server_prepare(const struct server_options *options, struct config_report *report)
{
	struct server_read read = {.report = *report};
	int status;

	server.options = *options;
	manager_hooks.commands_add = command_add;
	manager_hooks.commands_remove = command_remove;
	manager_hooks.commands_replace = command_replace;
	manager_hooks.commands = command_builtin;
	manager_hooks.server_commands = server_commands;
	manager_init();
	server_read(&read, options->config_path);
	status = server_judge(&read);
	if (status == 0) {
		server.config = read.config;
		server.contexts = read.contexts;
		read.config = NULL;
		read.contexts = NULL;
	}
	*report = read.report;
	read.report = (struct config_report){0};
	server_read_finish(&read);
	return status;
}

/* ---- starting ---- */

int server_apply_log(const struct config *config, struct cpl_error *error)
{
	struct logger_options options = {
		.level = (enum cpl_log_level)config->core.log_level,
		.sink = (enum logger_sink)config->core.log_sink,
		.path = config->core.log_sink == LOGGER_FILE ? config->core.log_file.ptr : NULL,
		.levels = config->core.log_modules.items,
		.level_count = config->core.log_modules.count,
	};

	if (server.options.offline) {
		options.sink = LOGGER_STDERR;
		options.level_count = 0;
		if (server.options.quiet)
			options.level = CPL_LOG_WARN;
	}
	return server.log_started ? logger_change(&options, error) : logger_start(&options, error);
}

void server_apply_bounds(const struct config *config)
{
	size_t connections = (size_t)config->core.max_connections;

	if (connections == 0 || connections + DESCRIPTORS_RESERVED > server.descriptors)
		connections = server.descriptors > 2 * DESCRIPTORS_RESERVED ? server.descriptors - DESCRIPTORS_RESERVED : server.descriptors / 2;
	listener_set_max_connections(connections);
	admission_set_bounds((size_t)config->core.unauthenticated_per_address, (size_t)config->core.unauthenticated_total);
	session_set_options(&config->core);
	tls_tickets_start(config->core.tls_tickets);
	strict_mode = (enum strict_mode)config->core.parser;
	suspension_set_timeout(config->core.suspend_timeout);
	watchdog_set(config->core.slow_callback);
}

static int open_folders(const struct config *config, struct cpl_error *error)
{
	const char *user = config->core.user.len ? config->core.user.ptr : NULL;
	int status = process_make_folder(config->core.data.ptr, user, error);

	if (status == 0)
		status = process_make_folder(config->core.run.ptr, user, error);
	if (status == 0 && server.options.offline)
		status = process_become_owner(config->core.data.ptr, error);
	if (status == 0)
		status = process_lock(config->core.data.ptr, server.options.offline ? 0 : LOCK_WAIT_MS, error);
	return status;
}

static void hang_up(void)
{
	struct cpl_ev_host ev;
	size_t at = 0;

	logger_reopen();
	while ((ev.host = cpl_host_next(&at)))
		if (!ev.host->stopping)
			cpl_fire_hangup(ev.host, &ev);
}

static void signal_caught(int signum)
{
	if (signum == SIGHUP)
		hang_up();
	else
		server_stop();
}

static unsigned workers_of(const struct config *config)
{
	unsigned processors = process_processors();

	if (config->core.workers)
		return (unsigned)config->core.workers;
	return processors < WORKERS_LEAST ? WORKERS_LEAST : processors > WORKERS_MOST ? WORKERS_MOST : processors;
}

/* Blocked from the beginning of the end on, over a restart, until they are taken again. */
static void mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

static int open_all(struct cpl_error *error)
{
	const struct config *config = server.config;
	int status = open_folders(config, error);

	if (status != 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	server.descriptors = process_raise_descriptors();
	status = loop_init(false);
	if (status != 0)
		return cpl_fail(error, status, "the event loop cannot be made");
	server.loop_started = true;
	server.started_at = cpl_now();
	if (!server.options.offline) {
		loop_signal(SIGTERM, signal_caught);
		loop_signal(SIGINT, signal_caught);
		loop_signal(SIGHUP, signal_caught);
		mask_signals(SIG_UNBLOCK);
	}
	if (!server.options.offline)
		status = server_listen(config, error);
	if (status == 0 && !server.options.offline && config->core.user.len)
		status = process_become(config->core.user.ptr, error);
	if (status == 0 && !server.options.offline)
		status = control_open(config->core.run, error);
	if (status == 0)
		status = server_apply_log(config, error);
	if (status != 0)
		return status;
	server.log_started = true;
	status = worker_init(workers_of(config));
	if (status != 0)
		return cpl_fail(error, status, "the worker threads cannot be started");
	server.workers_started = true;
	/* An offline run has no sessions to keep waiting, and its stderr is the administrator's. */
	if (!server.options.offline)
		status = watchdog_start(config->core.slow_callback, error);
	if (status != 0)
		return status;
	server_apply_bounds(config);
	claims_init();
	data_form_init();
	tls_contexts_install(server.contexts);
	server.contexts = NULL;
	for (size_t i = 0; i < config->host_count; i++)
		host_create(&config->hosts[i]);
	command_add_builtin();
	status = command_add(NULL, server_commands, error);
	if (status != 0)
		return status;
	permission_configure(config);
	status = schedule_open(config->core.data.ptr, !server.options.offline, error);
	if (status == 0)
		status = manager_apply(config, error);
	if (status == 0)
		status = store_declare(&role_store, error);
	if (status == 0)
		status = store_declare(&disabled_store, error);
	if (status != 0)
		return status;
	conn_socket_init();
	server.sockets_started = true;
	server_trim_begin();
	return 0;
}

int server_open(struct config_report *report)
{
	struct cpl_error error = {0};
	int status = open_all(&error);

	if (status != 0) {
		config_report_at(report, NULL, 0, false, "%s", error.text);
		return status;
	}
	server.state = SERVER_OPEN;
	if (server.options.offline)
		return 0;
	cpl_log_info("couplet %s started hosts=%zu listeners=%zu pid=%ld", COUPLET_VERSION, host_count(), server.listener_count, (long)getpid());
	return 0;
}

int server_run(void)
{
	loop_run();
	return server.exit_code;
}

/* ---- stopping ---- */

static bool drained(void)
{
	return session_count() == 0 && conn_socket_count() == 0 && store_pending() == 0 && router_pending() == 0;
}

static void stop_look(struct loop_timer *timer)
{
	bool late = cpl_monotonic() - server.stopping_since > STOP_MS;

	if (drained() || server.state == SERVER_STOP_NOW || late) {
		if (late && !drained())
			cpl_log_warn("stopping with work left sessions=%zu connections=%zu storage=%zu stanzas=%zu", session_count(),
				     conn_socket_count(), store_pending(), router_pending());
		loop_stop();
		return;
	}
	loop_timer_start(timer, STOP_LOOK_MS, stop_look);
}

void server_stop(void)
{
	if (server.state == SERVER_STOPPING) {
		server.state = SERVER_STOP_NOW;
		return;
	}
	if (server.state != SERVER_OPEN)
		return;
	cpl_log_info("couplet is stopping sessions=%zu", session_count());
	/* To systemd one that stops and stays is a service that hangs. */
	if (!server.again)
		process_notify("STOPPING=1");
	server.state = SERVER_STOPPING;
	server.stopping_since = cpl_monotonic();
	server_unlisten();
	session_close_all();
	loop_timer_start(&server.stop_timer, 0, stop_look);
}

void server_restart(void)
{
	if (server.state == SERVER_OPEN)
		server.again = true;
	server_stop();
}

bool server_restarts(void)
{
	return server.again;
}

/* Sessions that would not go in time lose their connections. */
static void end_sessions(void)
{
	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s))
		if (s->conn)
			s->conn->ops->end(s->conn, 0);
	user_drop_lingering(true);
	for (int turns = 0; turns < 1000 && !(drained() && session_alive() == 0 && user_count() == 0); turns++)
		loop_turn(1);
}

void server_close(void)
{
	struct cpl_host *host;
	size_t at = 0;

	/* From here on the end is certain: a further signal must not turn it into a death. */
	mask_signals(SIG_BLOCK);
	control_close();
	server_read_wait();
	server_unlisten();
	if (server.sockets_started) {
		server_trim_end();
		end_sessions();
	}
	manager_finish();
	schedule_finish();
	if (server.sockets_started)
		conn_socket_finish();
	while ((host = cpl_host_next(&at))) {
		manager_host_stop(host);
		host_destroy(&host);
		at = 0;
	}
	store_finish();
	http_finish();
	if (server.workers_started)
		worker_finish();
	watchdog_finish();
	metrics_finish();
	session_finish();
	xml_finish();
	tls_tickets_finish();
	tls_contexts_install(NULL);
	tls_contexts_unref(&server.contexts);
	if (server.log_started) {
		if (server.state != SERVER_NEW && !server.options.offline)
			cpl_log_info("couplet has stopped");
		logger_finish();
	}
	command_remove(NULL);
	server_listen_finish();
	if (server.loop_started)
		loop_finish();
	permission_configure(NULL);
	permission_finish();
	config_destroy(&server.config);
	server = (struct server){0};
}
