/* SPDX-License-Identifier: MIT */
/*
 * What the files of export and import share (XEP-0227, <couplet/transfer.h>).
 *
 *   export.c          the command export: accounts one after another, an archive in pages, never more output than the client takes
 *   import.c          the command import: records from the client, some accounts at a time, what is counted
 *   import_account.c  one account: rows read, compared, collected and committed at once
 *   import_rows.c     what modules say of the rows of an account
 *
 * Files are read and written by the client with its own rights: see core/migrate. A record is what it sends of an account:
 *
 *   <user xmlns='urn:xmpp:pie:0' host='example.org' name='romeo' at='FILE:LINE' part='1' password='...'>...</user>
 *
 * `at` says where it stands, for complaints. An account that is large comes in several records of which each is imported by itself; `part` is absent or above 1 in those
 * that go on with the record before.
 */
#ifndef CORE_ADMIN_TRANSFER_H
#define CORE_ADMIN_TRANSFER_H

#include "core/admin/invocation.h"
#include <couplet/module.h>

#define TRANSFER_NS         "urn:xmpp:pie:0"
#define TRANSFER_COUPLET_NS "urn:couplet:account:0"

enum {
	TRANSFER_PAGE = 200,         /* rows of an archive at a time */
	TRANSFER_ROWS_MAX = 1000000, /* of a map: what is there is read */
	IMPORT_WINDOW = 32,          /* accounts under way */
	IMPORT_BYTES_MAX = 16 * 1024 * 1024, /* of their records, over which no further one is asked for */
	IMPORT_UNKNOWN_MAX = 50,     /* elements that nobody takes, told apart by name */
};

/* Names of the core's, interned by transfer_names(). */
extern struct cpl_name transfer_user, transfer_disabled;
void transfer_names(void);

/* The modules of a host in start order: names, as a module may be another one after each wait. */
struct transfer_modules {
	const char **names;
	size_t count;
};
void transfer_modules_of(struct transfer_modules *out, const struct cpl_host *host, struct cpl_arena *arena);
/* The module of that name if it is still on the host; NULL. */
struct cpl_module *transfer_module(const char *name, const struct cpl_host *host);

/* ---- one account's import ---- */

/* What was counted of one kind of thing. */
struct import_count {
	char *what;
	int64_t given, added, changed;
};
struct import_unknown {
	char *name; /* <vCard xmlns='vcard-temp'/> */
	int64_t accounts;
};

struct import_totals {
	struct import_count *counts;
	size_t count;
	struct import_unknown unknown[IMPORT_UNKNOWN_MAX];
	size_t unknown_count;
	int64_t accounts, added, changed, skipped, faults;
};

struct import_given {
	struct import_given *next;
	struct cpl_str key;
	int64_t when, id; /* id: that it had; 0: none that is known */
	struct cpl_jid with;
	const struct cpl_value *values;
};

struct cpl_import {
	/* Set by the command. */
	struct cpl_invocation *in;
	struct import_totals *totals;
	struct cpl_stanza *record; /* referenced */
	size_t size;               /* bytes of the record */
	struct cpl_jid account;    /* of the arena */
	bool dry, only_new, goes_on;
	void (*done)(struct cpl_import *in);

	struct cpl_arena *arena;
	struct transfer_modules modules;
	size_t module;   /* index of the module whose rows are read, and of the row */
	size_t row;
	struct cpl_module *self;
	const struct cpl_transfer_row *transfer;
	struct cpl_batch *batch;
	bool exists, disabled, created, changed, skipped;
	struct cpl_call wait;
	struct cpl_store_call store;
	struct import_rows *rows; /* of the row at hand */
	int64_t after;            /* the last row of an archive that was looked at */
	const char **changes;     /* names of stores that change */
	size_t change_count;
	int64_t faults;
	unsigned steps;
};

/* Takes over the record; `done` comes later, once, and frees it with import_account_finish(). */
void import_account_begin(struct cpl_import *in);
void import_account_finish(struct cpl_import *in);
/* Adds to a count; what NULL: to none. */
void import_count(struct import_totals *totals, const char *what, int64_t given, int64_t added, int64_t changed);

/* ---- import_rows.c ---- */

/* Begins with the row at hand, which has nothing kept yet. */
void import_rows_begin(struct cpl_import *in);
/* Adds rows that are kept. */
void import_rows_keep(struct cpl_import *in, const struct cpl_row *rows, size_t count);
/* Lets the module read, compares, adds to the batch and counts. */
void import_rows_apply(struct cpl_import *in);
/* Instead of applying. */
void import_rows_drop(struct cpl_import *in);
/* True when the record has an element that the row would read. */
bool import_rows_wanted(const struct cpl_import *in);

#endif
