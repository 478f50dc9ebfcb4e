/* SPDX-License-Identifier: MIT */
/*
 * Prosody's accounts: from its data directory (storage "internal") or its SQLite database (storage "sql"). What an account has comes as literal tables from either, and
 * becomes elements here.
 */
#ifndef CORE_MIGRATE_PROSODY_H
#define CORE_MIGRATE_PROSODY_H

#include "core/migrate/lua.h"
#include "core/migrate/record.h"

/* Where the data come from. */
struct prosody_source {
	/* The data of a store, in the arena; NULL: none, or with *error that cannot be read. */
	const struct lua_value *(*load)(struct prosody_source *source, const char *store, struct cpl_arena *arena, struct cpl_error *error);
	/* Calls write() for each stanza that waits, oldest first, or write_xml() where it is kept as text; `when` in seconds. */
	void (*each_offline)(struct prosody_source *source, struct record *record);
};

/* An account that is begun in the record: all its parts. */
void prosody_account(struct prosody_source *source, struct record *record, const struct lua_value *account);
/* Keys, or the password, of an account; CPL_NONE when there is none. */
struct cpl_str prosody_password(const struct lua_value *account);
/* A message that waited. */
void prosody_offline(struct record *record, const struct lua_value *stanza, int64_t when);
void prosody_offline_xml(struct record *record, struct cpl_str xml, int64_t when);

/* The whole of a directory or file. *reason as in pie.h. */
void prosody_read(struct record *record, const char *path, char **reason);
void prosody_read_directory(struct record *record, const char *path, char **reason);
void prosody_read_sqlite(struct record *record, const char *path, char **reason);

#endif
