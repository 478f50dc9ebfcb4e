/* SPDX-License-Identifier: MIT */
/* What the files server*.c share: the one server object and the steps that start and reload have in common. */
#ifndef CORE_SERVER_STATE_H
#define CORE_SERVER_STATE_H

#include "core/loop/loop.h"
#include "core/server.h"
#include <couplet/command.h>

enum server_state { SERVER_NEW, SERVER_OPEN, SERVER_STOPPING, SERVER_STOP_NOW };

struct tls_contexts;
struct server_listener;

struct server {
	struct server_options options;
	struct config *config;
	struct tls_contexts *contexts; /* judged, not yet installed */
	struct server_listener *listeners;
	size_t listener_count;
	enum server_state state;
	int exit_code;
	int64_t started_at;
	int64_t stopping_since;
	struct loop_timer stop_timer;
	size_t descriptors;
	bool loop_started, log_started, workers_started, sockets_started;
	bool again; /* run the program anew after the end */
};
extern struct server server;

/* Reads and judges a file; NULL when the report has errors. The certificates' contexts are handed out with it. */
struct config *server_judge(const char *path, struct config_report *report, struct tls_contexts **contexts);
struct tls_contexts *server_judge_certificates(const struct config *config, struct config_report *report);
int server_apply_log(const struct config *config, struct cpl_error *error);
void server_apply_bounds(const struct config *config);

/* ---- server_commands.c ---- */

extern const struct cpl_command server_commands[]; /* status, reload, shutdown, config diff */

/* ---- server_trim.c ---- */

/* Memory of connections that have gone goes back to the system while the loop turns. */
void server_trim_begin(void);
void server_trim_end(void);

/* ---- server_listen.c ---- */

/* The names that may stand under listen:, the core's and those of open modules. Lives until the next call. */
size_t server_services(const struct config_service **services);
/*
 * Opens what the configuration lists and is not open, then closes what is not listed any more. On failure nothing has changed, unless
 * stop_on_listen_failure is false: then a port that cannot be opened is logged.
 */
int server_listen(const struct config *config, struct cpl_error *error);
void server_unlisten(void);
/* The end: no connection is left. */
void server_listen_finish(void);

#endif
