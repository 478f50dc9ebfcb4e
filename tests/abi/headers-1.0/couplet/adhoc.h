/* SPDX-License-Identifier: MIT */
/*
 * Commands of coupletctl under a name and with a form that a specification gives them (XEP-0133, for example), offered by the module adhoc beside those under their own
 * words. A module describes them in a table and adds it to the event adhoc.commands:
 *
 *     static void on_commands(struct cpl_module *self, struct cpl_adhoc_commands *ev)
 *     {
 *         cpl_adhoc_add(ev, commands);
 *     }
 *     static const struct cpl_hear_row hears[] = {CPL_HEAR(adhoc, commands, on_commands, FEATURE, 0), CPL_HEAR_END};
 *
 * What is run is the command itself, and who may run it is asked for the command itself ("command.user.disable"). A row whose command is not there now is not offered. The tables
 * live as long as the module.
 */
#ifndef COUPLET_ADHOC_H
#define COUPLET_ADHOC_H

#include <couplet/module.h>

enum {
	CPL_ADHOC_REQUIRED = 1,
	CPL_ADHOC_EACH = 2,   /* several values: the command is run for each of them in turn; at most one field of a form */
	CPL_ADHOC_LINES = 4,  /* several values are the lines of one text */
	CPL_ADHOC_WORDS = 8,  /* several values are the words of one text */
	CPL_ADHOC_SAME = 16,  /* must be what the field before it is, and goes nowhere: a password typed once more */
	CPL_ADHOC_HOST = 32,  /* is not asked: the host that the command was sent to */
	CPL_ADHOC_FIXED = 64, /* is not asked: `value` */
};

/* Which cells of a table: those of `column`, of all rows or of those that have `is` in the column `where`. */
struct cpl_adhoc_pick {
	const char *column, *where, *is;
};

/* What a form asks for, and where it goes. */
struct cpl_adhoc_field {
	const char *hole; /* the label or type of the command's argument, the name of its option, or "password" for its password */
	const char *var, *type, *label;
	unsigned flags;
	const char *value;                /* FIXED; else what the form has filled in, may be NULL */
	const char *const *choices;       /* of a list-single: value, label, value, label ... NULL */
	struct cpl_adhoc_pick filled;     /* column not NULL: filled in with what the command `fill` prints */
};

/* What of the command's table is answered under which name; it may be several values. */
struct cpl_adhoc_result {
	const char *var, *label;
	struct cpl_adhoc_pick pick;
};

struct cpl_adhoc_command {
	const char *node, *title, *instructions;
	const char *words;                    /* of the command */
	const struct cpl_adhoc_field *fields; /* ended by a row without a hole; NULL: none */
	const struct cpl_adhoc_result *results; /* ended by a row without a var; NULL: none, the table is not shown */
	const char *form_type;
	const char *fill; /* words of a command with the host as its first argument, run before the form is shown; NULL: none */
	bool roster;      /* the table has the columns jid, name, subscription, groups (with commas between, as cpl_commas_add() makes them) and is answered as <query xmlns='jabber:iq:roster'/> */
};

enum { CPL_ADHOC_TABLES_MAX = 16 };
struct cpl_adhoc_commands {
	size_t size;
	const struct cpl_adhoc_command *tables[CPL_ADHOC_TABLES_MAX]; /* each ended by a row without a node */
	size_t count;
};
/* Fired on a host whenever its commands are asked for. */
CPL_PUBLIC_EVENT(adhoc, commands, struct cpl_adhoc_commands, COLLECT);

/* For handlers of the event; more than CPL_ADHOC_TABLES_MAX tables are not taken. */
static inline void cpl_adhoc_add(struct cpl_adhoc_commands *ev, const struct cpl_adhoc_command *table)
{
	if (ev->count < CPL_ADHOC_TABLES_MAX)
		ev->tables[ev->count++] = table;
}

/* For the module adhoc: fires the event on a host, which fills in the tables. */
static inline void cpl_adhoc_collect(struct cpl_host *host, struct cpl_adhoc_commands *ev)
{
	*ev = (struct cpl_adhoc_commands){0};
	cpl_publish_adhoc_commands(host, ev);
}

#endif
