/* SPDX-License-Identifier: MIT */
/*
 * coupletctl: the client. It knows no command but those of core/admin/local.h: what is typed goes to the server, or with the server stopped to an offline run of couplet,
 * and what comes back is printed. It links little, so that a call takes a few milliseconds.
 *
 *   ctl.c          the command line, one exchange with a server
 *   ctl_link.c     the connection: control socket, or an offline run at the other end of a socket pair
 *   ctl_input.c    passwords, questions, files
 *   ctl_progress.c how far long work has come
 *   ctl_table.c    rows to a terminal, a pipe or JSON
 *   ctl_top.c      top on a terminal
 *   ctl_process.c  start, stop, restart, config check, cert generate
 *
 * Exit codes: 0 done; 1 refused, with the reason on stderr; 2 wrong usage.
 */
#ifndef CORE_ADMIN_CTL_H
#define CORE_ADMIN_CTL_H

#include "core/admin/form.h"
#include "core/admin/frame.h"
#include <stdio.h>
#include <sys/types.h>

/* How long a running server may take to say hello. */
#define CTL_HELLO_MS 5000

struct ctl {
	const char *config_path; /* absolute where it exists */
	char *run;               /* folder of the control socket */
	bool json, yes, password_stdin;
	struct cpl_str words[FORM_WORDS];
	size_t count;
};

/* One line on stderr, "coupletctl: ..."; returns 1, the exit code for it. */
int ctl_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- ctl_link.c ---- */

struct ctl_link {
	int fd;
	bool offline;
	pid_t child;  /* of an offline run */
	pid_t server; /* of a running one */
	struct cpl_buf in;
	size_t taken; /* bytes of `in` that have been handed out */
	char version[64];
};

enum ctl_state { CTL_RUNNING, CTL_STOPPED, CTL_UNKNOWN };
/*
 * Connects to the running server and hears its hello. CTL_STOPPED: there is none. CTL_UNKNOWN: it may not be asked, or does not answer; the reason has been
 * printed.
 */
enum ctl_state ctl_link_open(const struct ctl *ctl, struct ctl_link *link);
/* The same with an offline run. False: the reason has been printed. */
bool ctl_link_open_offline(const struct ctl *ctl, struct ctl_link *link);
bool ctl_link_send(struct ctl_link *link, enum frame_type type, struct cpl_str payload);
/* The next frame, valid until the next call; waits at most ms (-1: without end). False: the connection has ended, or nothing came. */
bool ctl_link_receive(struct ctl_link *link, struct frame *frame, int ms);
/* Ends an offline run and waits for it; false when it failed. */
bool ctl_link_close(struct ctl_link *link);

/* ---- ctl_input.c ---- */

/* Asks twice without echo, or takes the first line of the standard input. False: printed. The buffer is to be wiped. */
bool ctl_read_password(const struct ctl *ctl, char password[FRAME_PASSWORD_MAX + 1]);
/* True when the answer is yes, or nobody can be asked. */
bool ctl_confirm(const struct ctl *ctl);
/* Sends a file ("-": the standard input) as FRAME_INPUT. False: printed. */
bool ctl_send_file(struct ctl_link *link, const char *path);

/* ---- ctl_progress.c ---- */

/* A line on stderr about long work, written over again and again; nothing where stderr is no terminal. */
struct ctl_progress {
	int64_t begun, shown_at; /* ms */
	int64_t begun_with;      /* what had been done at the first report */
	bool shown;
};
void ctl_progress_show(struct ctl_progress *progress, struct cpl_str text);
/* Before anything else is printed. */
void ctl_progress_clear(struct ctl_progress *progress);

/* ---- ctl_table.c ---- */

struct ctl_table {
	bool json, terminal;
	char **names;
	size_t columns;
	char **cells; /* of a terminal's table, whole; row after row */
	size_t rows, size;
};
void ctl_table_begin(struct ctl_table *table, bool json, struct cpl_str comma_separated);
/* Takes one JSON array. False: it is none. */
bool ctl_table_row(struct ctl_table *table, struct cpl_str json_array);
void ctl_table_end(struct ctl_table *table);
/* Frees it without printing what it keeps. */
void ctl_table_drop(struct ctl_table *table);
/* A line for people: on a terminal without control characters. */
void ctl_print_line(FILE *out, struct cpl_str line);

/* ---- ctl_top.c ---- */

/* The command top on a terminal, drawn anew every second until q is pressed. The exit code. */
int ctl_top(const struct ctl *ctl);

/* ---- ctl_process.c ---- */

/* Runs `couplet -c FILE` with further arguments (NULL-terminated) and waits. Its exit code; 1 when it cannot be run. */
int ctl_run_couplet(const struct ctl *ctl, const char *const *arguments);
/* Replaces this process by couplet; only returns when it cannot. `arguments` as above. */
void ctl_exec_couplet(const struct ctl *ctl, const char *const *arguments);
int ctl_start(const struct ctl *ctl);
int ctl_stop(const struct ctl *ctl);
int ctl_restart(const struct ctl *ctl);

#endif
