/* SPDX-License-Identifier: MIT */
/*
 * Prosody's accounts: from its data directory (storage "internal") or its SQLite database (storage "sql"). What an account has comes as literal tables from either, and
 * becomes elements here.
 */
#ifndef CORE_MIGRATE_PROSODY_H
#define CORE_MIGRATE_PROSODY_H

#include "core/migrate/lua.h"
#include "core/migrate/record.h"

#define PROSODY_PRIVATE "jabber:iq:private"

/* Where the data come from. */
struct prosody_source {
	/* The data of a store, in the arena; NULL: none, or with *error that cannot be read. */
	const struct lua_value *(*load)(struct prosody_source *source, const char *store, struct cpl_arena *arena, struct cpl_error *error);
	/* Calls write() for each stanza that waits, oldest first, or write_xml() where it is kept as text; `when` in seconds. */
	void (*each_offline)(struct prosody_source *source, struct record *record);
	/* Calls item() for each item of a PEP node, oldest first, with what stands in it; all in the arena. */
	void (*each_item)(struct prosody_source *source, const char *node, struct cpl_arena *arena,
			  void (*item)(void *data, struct cpl_str key, const struct lua_value *stanza), void *data);
};

/* An account that is begun in the record: all its parts. */
void prosody_account(struct prosody_source *source, struct record *record, const struct lua_value *account);
/* Keys, or the password, of an account; CPL_NONE when there is none. */
struct cpl_str prosody_password(const struct lua_value *account);
/* A message that waited. */
void prosody_offline(struct record *record, const struct lua_value *stanza, int64_t when);
void prosody_offline_xml(struct record *record, struct cpl_str xml, int64_t when);

/* A stanza as Prosody keeps it, to elements; `outer`: its namespace when it does not say one, CPL_NONE: that of the element around. */
void prosody_stanza(struct record *record, const struct lua_value *stanza, struct cpl_str outer);
/* Text of an element to such a stanza, in the arena; NULL: it is no XML. */
const struct lua_value *prosody_parse(struct cpl_str xml, struct cpl_arena *arena);

/* ---- prosody_pep.c ---- */

/* Writes the vCard that PEP nodes hold; one with nothing but an avatar or a nickname only when there is no other. False: nothing was written. */
bool prosody_pep_vcard(struct prosody_source *source, struct record *record, bool has_another);
/* Writes the bookmarks that PEP nodes hold, as a child of private XML, whose element it opens unless that `is_open`. False: there are none, and nothing was opened. */
bool prosody_pep_bookmarks(struct prosody_source *source, struct record *record, bool is_open);
/* True when there are nodes besides these. */
bool prosody_pep_others(struct prosody_source *source);

/* The whole of a directory or file. *reason as in pie.h. */
void prosody_read(struct record *record, const char *path, char **reason);
void prosody_read_directory(struct record *record, const char *path, char **reason);
void prosody_read_sqlite(struct record *record, const char *path, char **reason);

#endif
