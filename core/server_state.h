/* SPDX-License-Identifier: MIT */
/* What the files server*.c share: the one server object and the steps that start and reload have in common. */
#ifndef CORE_SERVER_STATE_H
#define CORE_SERVER_STATE_H

#include "core/loop/loop.h"
#include "core/server.h"
#include <couplet/command.h>

enum server_state { SERVER_NEW, SERVER_OPEN, SERVER_STOPPING, SERVER_STOP_NOW };

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

/*
 * Everything that can be judged of a configuration without acting: 0, or CPL_E_INVALID, and its report says why. The modules that it names are open then
 * (manager_discard() closes those that nobody loads), and after a failure those that ran before.
 */
int server_judge(struct server_read *read);
int server_apply_log(const struct config *config, struct cpl_error *error);
void server_apply_bounds(const struct config *config);

/* ---- server_read.c ---- */

/* Reads a file and what it includes, and the certificates that it names. Any thread. The report may have something in it already. */
void server_read(struct server_read *read, const char *path);
/* Frees what has not been taken out of it. */
void server_read_finish(struct server_read *read);
struct tls_contexts *server_judge_certificates(const struct config *config, struct config_report *report);
/* Turns the loop until nothing is being read. */
void server_read_wait(void);

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
