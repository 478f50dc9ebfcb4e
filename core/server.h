/* SPDX-License-Identifier: MIT */
/*
 * The server object: the order of start, reload and stop. There is one per process. Session thread.
 */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include "core/config/config.h"

struct tls_contexts;

struct server_options {
	const char *config_path;
	bool offline; /* no listeners and no control socket: for coupletctl with the server stopped */
	bool quiet;   /* offline: log only warnings and errors */
};

/* The configuration that is in force. */
const struct config *server_config(void);
/* cpl_now() of the start. */
int64_t server_started_at(void);

/*
 * Reads and judges the configuration, opens storage, modules, hosts and listeners. On failure the report says all that is wrong and everything is
 * released again. In two parts, so that a daemon can detach between them: prepare judges and touches nothing outside; open acts.
 */
int server_prepare(const struct server_options *options, struct config_report *report);
int server_open(struct config_report *report);
/* Runs the loop until server_stop(). Returns the exit code. */
int server_run(void);
/* The same end; then server_restarts() is true until server_close(), and the program is to be run again. */
void server_restart(void);
bool server_restarts(void);
/* Orderly stop: listeners close, streams get system-shutdown, holds and storage drain (at most 10 s). A second call skips the wait. */
void server_stop(void);
/* A configuration that has been read anew, with its certificates, and not been judged. NULL members: the report says why. */
struct server_read {
	struct config_report report;
	struct config *config;
	struct tls_contexts *contexts;
};
/*
 * Has a worker read the configuration, and the files of the modules that it names; then calls `then`, once, at the idle point of a later turn. It frees what that leaves in `read`.
 * `apply`: for server_reload(), so that, if there is no fault in it, a worker also declares the stores of modules that are new in it.
 */
void server_read_start(bool apply, void (*then)(struct server_read *read, void *data), void *data);
/* Judges the configuration whole, applies what can be applied. waits_for_restart gets one option name a line. Nonzero: nothing changed, see the report. */
int server_reload(struct server_read *read, struct cpl_buf *waits_for_restart);
/* One thing that a reload would change. Strings are borrowed for the call; `before` and `after` are empty where there is nothing. */
struct server_difference {
	const char *what;     /* "host", "module", "option", "listener", "certificate" */
	struct cpl_str scope; /* the host; CPL_NONE: for all */
	struct cpl_str name, before, after;
	bool waits; /* for a restart */
};
/* Calls tell() for each thing that server_reload() would change now, and changes nothing. Nonzero: the file has faults, see the report. */
int server_diff(struct server_read *read, void (*tell)(void *data, const struct server_difference *difference), void *data);
void server_close(void);

#endif
