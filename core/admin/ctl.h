/* SPDX-License-Identifier: MIT */
/*
 * coupletctl: the client. It knows no command but those of core/admin/local.h: what is typed goes to the server, or with the server stopped to an offline run of couplet,
 * and what comes back is printed. It links little, so that a call takes a few milliseconds.
 *
 *   ctl.c          the command line
 *   ctl_run.c      one command: ours, or an exchange with a server
 *   ctl_link.c     the connection: control socket, or an offline run at the other end of a socket pair
 *   ctl_stream.c   import and export: records from couplet-migrate, files that are written
 *   ctl_input.c    passwords, questions, files
 *   ctl_table.c    rows to a terminal, a pipe or JSON
 *   ctl_top.c      top on a terminal
 *   ctl_shell.c    the interactive shell
 *   ctl_process.c  start, stop, restart, config check, cert generate
 *
 * With --json the standard output is one JSON value: an array of objects for a table, an array of strings for lines. Rows that go on without end are one object a line.
 *
 * Exit codes: 0 done; 1 refused, with the reason on stderr; 2 wrong usage; 130 interrupted.
 */
#ifndef CORE_ADMIN_CTL_H
#define CORE_ADMIN_CTL_H

#include "core/admin/form.h"
#include "core/admin/frame.h"
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

/* How long a running server may take to say hello. */
#define CTL_HELLO_MS 5000
/* How long the data folder may be locked with nobody to ask. */
#define CTL_STARTING_MS 2000

struct ctl {
	const char *config_path; /* absolute where it exists */
	char *run;               /* folder of the control socket */
	bool json, yes, password_stdin;
	bool quiet; /* what couplet prints on its standard output is not shown */
	bool shell; /* one command of several: an interrupt ends it, not us */
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
	bool live; /* the command goes on until it is interrupted */
};

/* Set by an interrupt (SIGINT, SIGTERM) while they are caught; ctl_link_receive() ends then. A second one ends the process, but for the shell. */
extern volatile sig_atomic_t ctl_interrupted;
/* Catches interrupts from now on, or gives them back. */
void ctl_catch_interrupts(const struct ctl *ctl, bool on);
/* Waits for bytes, at most ms (-1: without end). False: none came, or an interrupt, which is not lost when it comes just before the wait. */
bool ctl_wait(int fd, int ms);

enum ctl_state { CTL_RUNNING, CTL_STOPPED, CTL_UNKNOWN };
/*
 * Connects to the running server and hears its hello. CTL_STOPPED: there is none. CTL_UNKNOWN: it may not be asked, or does not answer; the reason has been
 * printed.
 */
enum ctl_state ctl_link_open(const struct ctl *ctl, struct ctl_link *link);
/* The same, and with an offline run where there is none: CTL_STOPPED. A server that is about to start or to end is waited for, CTL_STARTING_MS at most. */
enum ctl_state ctl_link_open_any(const struct ctl *ctl, struct ctl_link *link);
/* The same with a run of couplet that carries out our words itself, and says no hello. */
bool ctl_link_open_words(const struct ctl *ctl, struct ctl_link *link);
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

/* ---- ctl_stream.c ---- */

struct ctl_stream {
	pid_t reader;          /* couplet-migrate, which reads what is imported; 0: none */
	struct ctl_link pipe;  /* its messages, as frames */
	int reader_code;       /* -1 while it has more */
	char *reader_reason;
	bool begun;            /* it has said something that is imported */
	const char *path;      /* of the file that is written; NULL: none */
	char *part;            /* its name until it is whole; NULL: the standard output */
	int fd;
};
/* Before the command runs. `kind` is the word before the file: prosody, ejabberd or import. False: printed. */
bool ctl_stream_read(const struct ctl *ctl, struct ctl_stream *stream, struct cpl_str kind, const char *path);
bool ctl_stream_write(struct ctl_stream *stream, const char *path);
/* FRAME_ASK, FRAME_SAVE. False: printed, and the exit code is 1. */
bool ctl_stream_answer(struct ctl_stream *stream, struct ctl_link *link);
bool ctl_stream_save(struct ctl_stream *stream, struct cpl_str bytes);
/* The end with the exit code of the command; returns the exit code of all. Nothing is written where that is not 0. */
int ctl_stream_end(struct ctl_stream *stream, int code);

/* ---- ctl_table.c ---- */

struct ctl_table {
	bool json, terminal;
	bool live;      /* rows are shown as they come */
	size_t *widths; /* of a live table on a terminal, as far as is known */
	char **names;
	size_t columns;
	char **cells; /* of a terminal's table, whole; row after row */
	size_t rows, size;
};
void ctl_table_begin(struct ctl_table *table, bool json, bool live, struct cpl_str comma_separated);
/* Takes one JSON array. False: it is none. */
bool ctl_table_row(struct ctl_table *table, struct cpl_str json_array);
void ctl_table_end(struct ctl_table *table);
/* Frees it without printing what it keeps. */
void ctl_table_drop(struct ctl_table *table);
/* Lines for people as one JSON array of strings: begun by the first, and ended (also where there was none) by ctl_json_end(). */
void ctl_json_line(size_t *count, struct cpl_str line);
void ctl_json_end(size_t count);
/* A line for people: on a terminal without control characters. */
void ctl_print_line(FILE *out, struct cpl_str line);
/* The same on the standard output, with what is longer than the terminal is wide broken at blanks, below the last column of the line's first half. */
void ctl_print_wrapped(struct cpl_str text);

/* ---- ctl_run.c ---- */

/* Runs the command that ctl's words are, ours or the server's. The exit code. */
int ctl_run(const struct ctl *ctl);

/* ---- ctl_shell.c ---- */

/* Commands typed one after another until exit or the end of the input. The exit code of the last. */
int ctl_shell(const struct ctl *ctl);

/* ---- ctl_top.c ---- */

/* The command top on a terminal, drawn anew every second until q is pressed. The exit code. */
int ctl_top(const struct ctl *ctl);

/* ---- ctl_process.c ---- */

/* Runs `couplet -c FILE` with further arguments (NULL-terminated) and waits; with --json its lines are made an array. Its exit code; 1 when it cannot be run. */
int ctl_run_couplet(const struct ctl *ctl, const char *const *arguments);
/* Replaces this process by the program of ours of that name which lies beside us, or in `folder` from there, or at `installed`; returns when it cannot. */
void ctl_exec_beside(const char *name, const char *folder, const char *installed, char *const *argv);
/* Replaces this process by couplet; only returns when it cannot. `arguments` as above. */
void ctl_exec_couplet(const struct ctl *ctl, const char *const *arguments);
int ctl_start(const struct ctl *ctl);
int ctl_stop(const struct ctl *ctl);
int ctl_restart(const struct ctl *ctl);

#endif
