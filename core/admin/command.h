/* SPDX-License-Identifier: MIT */
/*
 * Commands: the registry of their tables, the matching of words against forms, and one invocation. Control socket and offline runs are two sinks for the
 * same invocations. Session thread.
 */
#ifndef CORE_ADMIN_COMMAND_H
#define CORE_ADMIN_COMMAND_H

#include <couplet/command-run.h>

/* Adds a table (ended by CPL_COMMAND_END) that belongs to a module (NULL: the core). Two commands with the same words: CPL_E_CONFLICT. */
int command_add(struct cpl_module *owner, const struct cpl_command *table, struct cpl_error *error);
/* Takes the module's commands away; its running invocations are refused with a reason. */
void command_remove(struct cpl_module *owner);
/* The commands of a module's next generation (`table` may be NULL) in place of its own, all or, with a code, none; running invocations go on in the former one's code. */
int command_replace(struct cpl_module *before, struct cpl_module *now, const struct cpl_command *table, struct cpl_error *error);
/* The core's own commands (status, session, host, module, events, reload, stop, ...). */
void command_add_builtin(void);
/* Their tables, ended by NULL. */
extern const struct cpl_command *const command_builtin[];

/* Where an invocation's output goes. All strings are borrowed for the call. */
struct command_sink {
	void (*columns)(struct command_sink *sink, struct cpl_str comma_separated);
	void (*row)(struct command_sink *sink, struct cpl_str json_array);
	void (*text)(struct command_sink *sink, struct cpl_str line);
	void (*complaint)(struct command_sink *sink, struct cpl_str line);
	void (*end)(struct command_sink *sink, int exit_code, struct cpl_str reason); /* the last call; exactly once */
	/* Instead of row(), the cells as plain text (CPL_NONE: empty); may be NULL. */
	void (*cells)(struct command_sink *sink, const struct cpl_str *cells, size_t count);
	/* Bytes that wait for whoever reads; NULL: never any. */
	size_t (*waiting)(struct command_sink *sink);
	/* See cpl_progress(); may be NULL. */
	void (*progress)(struct command_sink *sink, uint64_t done, uint64_t total);
	/* For the commands below; NULL where the client can do none of it: such commands are refused then. */
	void (*ask)(struct command_sink *sink);                             /* the next record, for invocation_take() */
	void (*save)(struct command_sink *sink, struct cpl_str bytes);
	bool (*drain)(struct command_sink *sink);                           /* false: invocation_drained() will come */
};

/* Flags of the core's own commands, beside those of <couplet/command.h>. Both name their file with <file>. */
enum {
	COMMAND_RECORDS = 1 << 20, /* the client reads accounts from the file and sends one after another, as invocation_ask() wants them */
	COMMAND_SAVE = 1 << 21,    /* the client writes invocation_save() to the file */
};

/*
 * Runs words as a command; `password` and `input` as the flags of the command ask. Usage faults end with exit code 2 and the usage line. Returns the invocation
 * for command_abandon(), or NULL when it has already ended.
 */
struct cpl_invocation *command_run(const struct cpl_str *words, size_t count, struct cpl_str password, struct cpl_str input, struct command_sink *sink);
/*
 * The same for the command of exactly these words (up to its first hole) with a value for each field of its view; `actor` may be not set. *found: false when there
 * is none, then nothing else has happened.
 */
struct cpl_invocation *command_run_values(struct cpl_str words, const struct cpl_str *values, struct cpl_str password, struct cpl_jid actor,
					  struct command_sink *sink, bool *found);
/* The client has gone: the invocation's scope ends; the sink is not called again. */
void command_abandon(struct cpl_invocation *in);
/*
 * The row that words would run, for the client's questions (needs a password? input? offline?); NULL when there is none. *file_word: index of the
 * word that fills the <file> hole, or -1. Arguments are not looked at beyond their number.
 */
const struct cpl_command *command_match(const struct cpl_str *words, size_t count, ptrdiff_t *file_word);
/* The command `commands`: all forms as rows. Ends the invocation. */
void command_list(struct cpl_invocation *in);
/* The command `help`: all commands, or those that begin with the words of `about`. Ends the invocation. */
void command_help(struct cpl_invocation *in, struct cpl_str about);

#endif
