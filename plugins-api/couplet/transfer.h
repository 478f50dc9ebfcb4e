/* SPDX-License-Identifier: MIT */
/*
 * Export and import of accounts (XEP-0227): how a module's stores become XML and XML becomes rows.
 *
 * A module has a row for each store whose data move with an account. It says nothing of reading, comparing, writing and order, only what a row looks like as XML: the
 * core reads the account's rows and has write() add an element for each; at an import it has read() turn elements into rows, compares these with what is kept, and commits
 * what differs, of all modules at once, an account at a time. So a second import of the same changes nothing, and an account comes whole or not at all. An import adds and
 * replaces; what the account has beyond the import stays. Sessions of an account that an import changes are closed with the stream error reset.
 *
 *     static const struct cpl_transfer_row transfers[] = {
 *         {.store = &notes_store, .what = "notes", .element = &name_notes, .list = true, .write = notes_write, .read = notes_read},
 *         CPL_TRANSFER_END,
 *     };
 *
 * makes of one row of its store, and reads, the note in
 *
 *     <user xmlns='urn:xmpp:pie:0' name='romeo'>
 *       <notes xmlns='urn:example:notes'><note id='1'>Buy apples</note></notes>
 *     </user>
 *
 * Modules of the account's host take part in start order, a module's rows in their order. None of the functions starts anything.
 */
#ifndef COUPLET_TRANSFER_H
#define COUPLET_TRANSFER_H

#include <couplet/stanza.h>
#include <couplet/store.h>

struct cpl_import;
struct cpl_module;

struct cpl_transfer_row {
	const struct cpl_store *store; /* one of the module's */
	const char *what;              /* what is counted, in the plural: "contacts"; NULL: not counted */
	/* The children of <user/> that hold this store's data; listed in `names`. NULL: none, read() is then called once with NULL, after the rows above have been read. */
	struct cpl_name *element;
	bool list;                     /* the rows are the children of one such element; false: each such element is read by itself */
	/* Adds what one row of the store looks like to `parent`: `element`, or with `list` a child of it. NULL: not exported. */
	void (*write)(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row);
	/* Gives rows with cpl_import_set(), cpl_import_append() and cpl_import_append_again(), or says with cpl_import_fault() why that cannot be. */
	void (*read)(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e);
	/* May be NULL. Brings the values given for a row, before they are compared, together with those kept. Memory is that of cpl_import_arena(). */
	void (*merge)(struct cpl_module *self, struct cpl_import *in, struct cpl_value *given, const struct cpl_value *kept);
};
#define CPL_TRANSFER_END                                                                                                         \
	{                                                                                                                        \
		NULL, NULL, NULL, false, NULL, NULL, NULL                                                                        \
	}

#pragma GCC visibility push(default)

/* ---- for read() and merge() ---- */

/* The account that is imported; it need not be there yet. */
struct cpl_jid cpl_import_account(const struct cpl_import *in);
/* Lives until the account is done: for what the values view. Values may as well view the element. */
struct cpl_arena *cpl_import_arena(struct cpl_import *in);
/* The row that the account shall have: of a keyval store (key CPL_NONE) or a map. A second one for the same key takes the place of the first. */
void cpl_import_set(struct cpl_import *in, struct cpl_str key, const struct cpl_value *values);
/* The same for an archive. It is there already when one with the same time, address and values is. `with` may be not set. */
void cpl_import_append(struct cpl_import *in, int64_t when, struct cpl_jid with, const struct cpl_value *values);
/*
 * The same for a row that had this id where it was exported, and is to have it again, so that it stands where it stood. It gets another if a row has it already (one that is free, a little
 * behind it if possible), and a new one if it cannot be right: of a time before `when`, or that is yet to come. Since 1.1.
 */
void cpl_import_append_again(struct cpl_import *in, int64_t id, int64_t when, struct cpl_jid with, const struct cpl_value *values);
/* The values that this import has given for the key so far, to be set anew with more; NULL when it has not. */
const struct cpl_value *cpl_import_given(const struct cpl_import *in, struct cpl_str key);
/* The values of the row as it is kept, or NULL. Not for archives. */
const struct cpl_value *cpl_import_kept(const struct cpl_import *in, struct cpl_str key);
/* True when the import changes rows of another store, of a row of this module further up. */
bool cpl_import_changes(const struct cpl_import *in, const struct cpl_store *store);
/* A part that cannot be imported; the rest goes on. What it is and why, e.g. "the contact \"a@@b\" is no address". */
void cpl_import_fault(struct cpl_import *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop

#endif
