/* SPDX-License-Identifier: MIT */
/* What the files of the module archive share: the stores, ids, and removing what is too old. */
#ifndef MODULES_ARCHIVE_ARCHIVE_H
#define MODULES_ARCHIVE_ARCHIVE_H

#include <couplet/module.h>

struct archive_config {
	int64_t expire;
	int64_t max_messages;
};

/* Columns of the store archive, behind its id, time and address. */
enum { ARCHIVE_STANZA, ARCHIVE_TAG, ARCHIVE_COLUMNS };
extern const struct cpl_store archive_store, archive_preferences_store;

/* Rows that are read, or removed, at a time. */
enum { ARCHIVE_SLICE = 50, ARCHIVE_PURGE_SLICE = 200 };

/* An id as the service gives it is the row's id and a random number in hexadecimal: so it is found at once, and cannot be guessed. */
struct archive_id {
	int64_t row;
	int64_t tag;
};
void archive_id_write(struct archive_id id, char text[CPL_ARCHIVE_ID_MAX + 1]);
/* False for what archive_id_write() has not made. */
bool archive_id_read(struct cpl_str text, struct archive_id *id);
struct archive_id archive_id_of(const struct cpl_row *row);

/* ---- the functions of the service ---- */

int archive_append(struct cpl_module *self, struct cpl_archive_append *request, struct cpl_scope *scope, struct cpl_jid account, int64_t when,
		   struct cpl_jid with, const struct cpl_stanza *stanza, void (*done)(struct cpl_call *call));
int archive_ask(struct cpl_module *self, struct cpl_archive_page *request, struct cpl_scope *scope, struct cpl_jid account,
		const struct cpl_archive_question *question, void (*done)(struct cpl_call *call));
int archive_purge(struct cpl_module *self, struct cpl_archive_purge *request, struct cpl_scope *scope, struct cpl_jid account, int64_t before,
		  void (*done)(struct cpl_call *call));
int archive_preferences_get(struct cpl_module *self, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			    void (*done)(struct cpl_call *call));
int archive_preferences_set(struct cpl_module *self, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			    const struct cpl_archive_preferences *preferences, void (*done)(struct cpl_call *call));

/* ---- purge.c: removing rows in batches of bounded size ---- */

struct archive_removal {
	struct cpl_store_call call;
	struct cpl_scope *scope;
	struct cpl_jid account;
	int64_t before;   /* ms; 0: whatever its age */
	int64_t last;     /* id of the newest row that may go; 0: any */
	uint64_t most;    /* rows to be removed in all, the oldest; UINT64_MAX: any number */
	uint64_t removed;
	size_t slice;     /* on their way */
	void (*done)(struct archive_removal *removal, int status); /* frees it */
};
/* A negative return: `done` never comes. Its memory, and that of the account's address, is the caller's. */
int archive_removal_start(struct archive_removal *removal);

/* ---- expire.c ---- */

void archive_expire(struct cpl_module *self, struct cpl_run *run);

/* ---- transfer.c ---- */

extern struct cpl_name archive_name_archive, archive_name_result, archive_name_forwarded, archive_name_delay, archive_name_message, archive_name_prefs,
	archive_name_always, archive_name_never, archive_name_jid;
extern const struct cpl_transfer_row archive_transfers[];
/* Addresses in a column: one a line. */
struct cpl_value archive_addresses(const struct cpl_str *items, size_t count, struct cpl_arena *arena);

#endif
