/* SPDX-License-Identifier: MIT */
/*
 * Commands of coupletctl, declared once in tables by the core and by modules.
 *
 * A row's form is a template with typed holes: words in lower case stand for themselves, <type> or <type:label> is an argument, [..] around one or more makes
 * them optional, [--flag] and [--flag <type>] are options. Types: jid (bare), account (bare JID with a localpart on one of our hosts), full (full JID), host (one of ours), module, file,
 * int, word, text (the rest of the line).   Example: "session close <jid> [--reason <text>]".
 *
 * A command runs on the session thread, with the server running or, with CPL_COMMAND_OFFLINE, in a process of its own that holds the data
 * (the result is the same). It may finish later: it must end with exactly one of cpl_done() and cpl_refuse().
 */
#ifndef COUPLET_COMMAND_H
#define COUPLET_COMMAND_H

#include <couplet/call.h>
#include <couplet/jid.h>

struct cpl_host;
struct cpl_invocation;
struct cpl_user;

enum {
	CPL_COMMAND_OFFLINE = 1,  /* works with the server stopped, too */
	CPL_COMMAND_PASSWORD = 2, /* the client asks for a password (twice, echo off), or takes it from --password-stdin; see cpl_password() */
	CPL_COMMAND_INPUT = 4,    /* the client sends the file named by the <file> argument ("-": its standard input), line by line; see cpl_next_line() */
	CPL_COMMAND_CONFIRM = 8,  /* the client asks "are you sure" on a terminal unless --yes */
	CPL_COMMAND_ADHOC = 16,   /* can be run over XMPP, too (XEP-0050, the module adhoc); not together with INPUT */
	CPL_COMMAND_LIVE = 32,    /* goes on until the client goes away: each row is shown as it comes, and an interrupt is no failure */
};
/*
 * Flags of a command that can be run over XMPP, and by whom: CPL_COMMAND_FOR(CPL_ROLE_ADMIN) of <couplet/permission.h>; CPL_COMMAND_ADHOC alone: operators only. The action that
 * it declares so has the command's words: "command.session.list" for the form "session list [--host <host>]".
 */
#define CPL_COMMAND_FOR(role) (CPL_COMMAND_ADHOC | ((unsigned)(role) + 1) << CPL_COMMAND_ROLE_SHIFT)
#define CPL_COMMAND_ROLE_SHIFT 8

struct cpl_command {
	const char *form;
	const char *summary; /* one sentence for `help` */
	const char *detail;  /* a paragraph or two for `help COMMAND` and the manual; may be NULL */
	const char *columns; /* for commands that print a table: comma-separated names, "jid,address,priority"; else NULL */
	unsigned flags;
	void (*run)(struct cpl_module *self, struct cpl_invocation *in);
};
#define CPL_COMMAND_END                                                                                                          \
	{                                                                                                                        \
		NULL, NULL, NULL, NULL, 0, NULL                                                                                  \
	}

#pragma GCC visibility push(default)

/* The n-th argument (holes counted from 0, in the order of the form, options apart); CPL_NONE when an optional one was left out. */
struct cpl_str cpl_arg(const struct cpl_invocation *in, unsigned n);
/* Typed views of the same; only for holes of that type. */
struct cpl_jid cpl_arg_jid(const struct cpl_invocation *in, unsigned n);
struct cpl_host *cpl_arg_host(const struct cpl_invocation *in, unsigned n);
int64_t cpl_arg_int(const struct cpl_invocation *in, unsigned n);
/* True when the flag (without dashes) was given; its argument if it has one. */
bool cpl_flag(const struct cpl_invocation *in, const char *name);
struct cpl_str cpl_flag_value(const struct cpl_invocation *in, const char *name);
/* The password (CPL_COMMAND_PASSWORD); its memory is wiped after the command. */
struct cpl_str cpl_password(const struct cpl_invocation *in);
/* The next line of the input (CPL_COMMAND_INPUT), without its newline; false at the end. The whole input is there when the command starts, at most 64 MiB. */
bool cpl_next_line(struct cpl_invocation *in, struct cpl_str *line);
/* How many lines it has in all. */
size_t cpl_input_lines(const struct cpl_invocation *in);

/* Lives as long as the invocation. */
struct cpl_arena *cpl_invocation_arena(struct cpl_invocation *in);
/* Ends when the client goes away or the command has finished. */
struct cpl_scope *cpl_invocation_scope(struct cpl_invocation *in);
/*
 * Since 1.1. For commands about an account: loads the one that the n-th argument names (a hole of the type account) and goes on in `loaded`, in a later turn. The reference is the
 * invocation's, so that the account stays in memory until the command has ended, or calls this again. An account that is not there or cannot be read ends the command with a
 * reason that says so, and `loaded` never comes. `self`: the module whose command it is.
 */
void cpl_invocation_load_account(struct cpl_invocation *in, unsigned n,
				 void (*loaded)(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user));
/* Who runs the command: the address that asked for it over XMPP; not set for coupletctl. Lives as long as the invocation. */
struct cpl_jid cpl_invocation_actor(const struct cpl_invocation *in);
/* The module's own. */
void cpl_invocation_set_data(struct cpl_invocation *in, void *data);
void *cpl_invocation_data(const struct cpl_invocation *in);

/* One row of the table: as many strings as columns; numbers that are to be numbers in JSON go through cpl_row_int(). begin, add cells, end. */
void cpl_row_begin(struct cpl_invocation *in);
void cpl_row_text(struct cpl_invocation *in, struct cpl_str text); /* CPL_NONE: empty, null in JSON */
void cpl_row_int(struct cpl_invocation *in, int64_t number);
void cpl_row_bool(struct cpl_invocation *in, bool value);
void cpl_row_end(struct cpl_invocation *in);
/* A line of text for people (not for commands that print a table). */
void cpl_say(struct cpl_invocation *in, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line on stderr that is not the end: a warning, a skipped row. */
void cpl_complain(struct cpl_invocation *in, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * How far long work has come: `done` of `total` (0: unknown) rows, accounts or whatever the command counts. The client shows it on a terminal with the rate; call it as often as you
 * like. A client that is interrupted goes away, which ends the scope: what has been done until then stays.
 */
void cpl_progress(struct cpl_invocation *in, uint64_t done, uint64_t total);
/* Ends: exit 0. */
void cpl_done(struct cpl_invocation *in);
/* Ends: exit 1 with the reason on stderr. */
void cpl_refuse(struct cpl_invocation *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop

#endif
