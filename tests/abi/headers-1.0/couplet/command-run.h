/* SPDX-License-Identifier: MIT */
/*
 * Running commands: for modules that offer the commands of coupletctl in other ways, such as XEP-0050. Only commands whose row has CPL_COMMAND_ADHOC are seen here. Whether somebody may
 * run one is for the caller to ask: cpl_may(who, view.action). Session thread only.
 */
#ifndef COUPLET_COMMAND_RUN_H
#define COUPLET_COMMAND_RUN_H

#include <couplet/command.h>
#include <couplet/permission.h>

/* Types of holes; see <couplet/command.h>. FLAG: an option without a value, "true" or left out. Append-only. */
enum cpl_hole {
	CPL_HOLE_JID,
	CPL_HOLE_ACCOUNT,
	CPL_HOLE_FULL,
	CPL_HOLE_HOST,
	CPL_HOLE_MODULE,
	CPL_HOLE_FILE,
	CPL_HOLE_INT,
	CPL_HOLE_WORD,
	CPL_HOLE_TEXT,
	CPL_HOLE_FLAG,
};
struct cpl_command_field {
	struct cpl_str name; /* a hole's label, or its type; an option's name */
	enum cpl_hole type;
	bool required;
	bool option;
};
enum { CPL_COMMAND_FIELDS_MAX = 24 };

/* A command, filled in by the core; its texts live until the next load or unload of a module. The size is frozen per API major. */
struct cpl_command_view {
	const char *words; /* "session list" */
	const struct cpl_command *command;
	const struct cpl_permission *action; /* "command.session.list" */
	struct cpl_module *owner;            /* NULL: the core */
	struct cpl_command_field fields[CPL_COMMAND_FIELDS_MAX]; /* arguments in their order, then options */
	size_t field_count;
	void *reserved[4];
};

/* A run. The results are valid until the callback returns. The size is frozen per API major. */
struct cpl_command_run {
	/* Status 0: the command has ended, well or not, see exit_code. CPL_E_CANCELLED: the command goes on or has been cut off, nobody knows. */
	struct cpl_call call;
	int exit_code;         /* as coupletctl's: 0, 1 refused, 2 the values are not what the command wants */
	struct cpl_str reason; /* when that is not 0 */
	struct cpl_str text;   /* the lines that it has said, each with its newline */
	struct cpl_str complaints;
	const struct cpl_str *columns; /* NULL: it prints no table */
	size_t column_count;
	const struct cpl_str *cells; /* column c of row r is cells[r * column_count + c]; CPL_NONE: empty */
	size_t row_count;
	bool cut; /* there were more rows than max_rows */
	void *impl[4];
};

#pragma GCC visibility push(default)

/* All commands of this kind, in the order in which they were added: *at = 0 at first; false at the end. */
bool cpl_command_next(size_t *at, struct cpl_command_view *view);
/* The one with these words; false when there is none. */
bool cpl_command_find(struct cpl_str words, struct cpl_command_view *view);
/*
 * Runs the command of these words. `values` has one entry per field, CPL_NONE for what is left out; all is copied. `actor`: on whose behalf, see
 * cpl_invocation_actor(). CPL_E_NOT_FOUND: there is no such command now.
 */
int cpl_command_run(struct cpl_command_run *run, struct cpl_scope *scope, struct cpl_str words, const struct cpl_str *values, struct cpl_str password,
		    struct cpl_jid actor, size_t max_rows, void (*done)(struct cpl_call *call));

#pragma GCC visibility pop

#endif
