/* SPDX-License-Identifier: MIT */
/*
 * Prosody's SQLite database: the table prosody has a row for each name in the data of a store (type "json" for tables, and the key "" for what has no name), prosodyarchive
 * one for each stanza that waits, as text. SQLite itself reads the JSON.
 */
#include "core/migrate/prosody.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

struct database {
	struct prosody_source source;
	struct record *record;
	sqlite3 *db;
	sqlite3_stmt *data, *tree, *offline, *items;
	struct cpl_str host, user;
};

static struct cpl_str column(sqlite3_stmt *statement, int n)
{
	const char *text = (const char *)sqlite3_column_text(statement, n);

	return (struct cpl_str){text, text ? (size_t)sqlite3_column_bytes(statement, n) : 0};
}

static void bind(sqlite3_stmt *statement, int n, struct cpl_str text)
{
	sqlite3_bind_text(statement, n, text.ptr, (int)text.len, SQLITE_TRANSIENT);
}

/* ---- JSON to values ---- */

static struct lua_value text_value(struct cpl_str text, struct cpl_arena *arena)
{
	return (struct lua_value){.type = LUA_STRING, .string = cpl_arena_copy(arena, text)};
}

static struct lua_value scalar(struct cpl_str type, struct cpl_str text, struct cpl_arena *arena)
{
	struct lua_value value = text_value(text.ptr ? text : CPL_STR(""), arena);

	if (cpl_str_is(type, "true") || cpl_str_is(type, "false") || cpl_str_is(type, "boolean"))
		return (struct lua_value){.type = LUA_BOOLEAN, .boolean = cpl_str_is(type, "true") || cpl_str_is(text, "true")};
	if (cpl_str_is(type, "integer") || cpl_str_is(type, "real") || cpl_str_is(type, "number")) {
		value.type = LUA_NUMBER;
		value.number = strtod(value.string.ptr, NULL);
	} else if (cpl_str_is(type, "null")) {
		value = (struct lua_value){.type = LUA_NIL};
	}
	return value;
}

/* A table that json.encode() has made: "__array" has what stands under numbers, "__hash" keys that are no names, each followed by its value. */
static void lift(struct lua_value *table, struct cpl_arena *arena)
{
	const struct lua_value *array = lua_get(table, "__array"), *hash = lua_get(table, "__hash");
	size_t index = 1;

	for (const struct lua_entry *entry = array && array->type == LUA_TABLE ? array->first : NULL; entry; entry = entry->next, index++)
		*lua_add(table, (struct lua_value){.type = LUA_NUMBER, .number = (double)index}, arena) = entry->value;
	for (const struct lua_entry *entry = hash && hash->type == LUA_TABLE ? hash->first : NULL; entry && entry->next; entry = entry->next->next)
		*lua_add(table, entry->value, arena) = entry->next->value;
	for (struct lua_entry *entry = table->first; entry; entry = entry->next)
		if (&entry->value == array || &entry->value == hash)
			entry->key = (struct lua_value){.type = LUA_NIL};
}

/* Depth first, as json_tree() walks: a node comes after its parent, and is done when one comes that is none of its own. */
static bool read_json(struct database *db, struct cpl_str json, struct lua_value *out, struct cpl_arena *arena, struct cpl_error *error)
{
	struct lua_value *open[LUA_DEPTH];
	int64_t ids[LUA_DEPTH];
	unsigned depth = 0;
	size_t values = 0;
	int status;

	sqlite3_reset(db->tree);
	bind(db->tree, 1, json);
	while ((status = sqlite3_step(db->tree)) == SQLITE_ROW) {
		struct cpl_str type = column(db->tree, 3);
		bool container = cpl_str_is(type, "object") || cpl_str_is(type, "array");
		struct lua_value key, *value = out;

		if (++values > LUA_VALUES || (container && depth == LUA_DEPTH)) {
			cpl_fail(error, CPL_E_FULL, "it has too many values, or they are nested too deep");
			break;
		}
		if (sqlite3_column_type(db->tree, 1) != SQLITE_NULL) {
			while (depth && ids[depth - 1] != sqlite3_column_int64(db->tree, 1))
				lift(open[--depth], arena);
			if (!depth)
				break;
			key = sqlite3_column_type(db->tree, 2) == SQLITE_INTEGER
				      ? (struct lua_value){.type = LUA_NUMBER, .number = (double)sqlite3_column_int64(db->tree, 2) + 1}
				      : text_value(column(db->tree, 2), arena);
			value = lua_add(open[depth - 1], key, arena);
		}
		if (container) {
			*value = (struct lua_value){.type = LUA_TABLE};
			value->last = &value->first;
			open[depth] = value;
			ids[depth++] = sqlite3_column_int64(db->tree, 0);
		} else {
			*value = scalar(type, column(db->tree, 4), arena);
		}
	}
	while (depth)
		lift(open[--depth], arena);
	if (status != SQLITE_DONE && !error->code)
		cpl_fail(error, CPL_E_CORRUPT, "it is not JSON that can be read: %s", sqlite3_errmsg(db->db));
	sqlite3_reset(db->tree);
	return !error->code;
}

/* ---- stores ---- */

static void merge(struct lua_value *table, const struct lua_value *more, struct cpl_arena *arena)
{
	if (more->type == LUA_TABLE)
		for (const struct lua_entry *entry = more->first; entry; entry = entry->next)
			*lua_add(table, entry->key, arena) = entry->value;
}

static const struct lua_value *load(struct prosody_source *source, const char *store, struct cpl_arena *arena, struct cpl_error *error)
{
	struct database *db = CPL_CONTAINER(source, struct database, source);
	struct lua_value *table = lua_table(arena);
	int status;

	sqlite3_reset(db->data);
	bind(db->data, 1, db->host);
	bind(db->data, 2, db->user);
	bind(db->data, 3, cpl_str_of(store));
	while ((status = sqlite3_step(db->data)) == SQLITE_ROW && !error->code) {
		struct cpl_str key = cpl_arena_copy(arena, column(db->data, 0)), type = column(db->data, 1);
		struct lua_value value = {0};

		if (cpl_str_is(type, "json"))
			read_json(db, column(db->data, 2), &value, arena, error);
		else
			value = scalar(type, column(db->data, 2), arena);
		if (!key.len)
			merge(table, &value, arena);
		else
			*lua_add(table, text_value(key, arena), arena) = value;
	}
	if (status != SQLITE_ROW && status != SQLITE_DONE && !error->code)
		cpl_fail(error, CPL_E_IO, "%s", sqlite3_errmsg(db->db));
	sqlite3_reset(db->data);
	return table->first && !error->code ? table : NULL;
}

static void each_offline(struct prosody_source *source, struct record *record)
{
	struct database *db = CPL_CONTAINER(source, struct database, source);
	int status;

	sqlite3_reset(db->offline);
	bind(db->offline, 1, db->host);
	bind(db->offline, 2, db->user);
	while ((status = sqlite3_step(db->offline)) == SQLITE_ROW) {
		int64_t when = sqlite3_column_int64(db->offline, 0);
		struct cpl_arena *arena;
		struct lua_value stanza;
		struct cpl_error error = {0};

		if (!cpl_str_is(column(db->offline, 1), "json")) {
			prosody_offline_xml(record, column(db->offline, 2), when);
			continue;
		}
		arena = cpl_arena_create();
		if (read_json(db, column(db->offline, 2), &stanza, arena, &error))
			prosody_offline(record, &stanza, when);
		else
			record_fault(record, "an offline message cannot be read: %s", error.text);
		cpl_arena_destroy(&arena);
	}
	if (status != SQLITE_DONE)
		record_fault(record, "its offline messages cannot be read: %s", sqlite3_errmsg(db->db));
	sqlite3_reset(db->offline);
}

static void each_item(struct prosody_source *source, const char *node, struct cpl_arena *arena,
		      void (*item)(void *data, struct cpl_str key, const struct lua_value *stanza), void *data)
{
	struct database *db = CPL_CONTAINER(source, struct database, source);
	struct cpl_error error = {0};
	int status;

	sqlite3_reset(db->items);
	bind(db->items, 1, db->host);
	bind(db->items, 2, db->user);
	bind(db->items, 3, cpl_str_of(node));
	while ((status = sqlite3_step(db->items)) == SQLITE_ROW) {
		struct cpl_str key = cpl_arena_copy(arena, column(db->items, 0));
		const struct lua_value *stanza = NULL;
		struct lua_value *value = lua_table(arena);

		if (!cpl_str_is(column(db->items, 1), "json"))
			stanza = prosody_parse(column(db->items, 2), arena);
		else if (read_json(db, column(db->items, 2), value, arena, &error))
			stanza = value;
		if (stanza)
			item(data, key, stanza);
		else
			record_fault(db->record, "an item of the node %s is no element that can be read", node);
	}
	if (status != SQLITE_DONE)
		record_fault(db->record, "its items of the node %s cannot be read: %s", node, sqlite3_errmsg(db->db));
	sqlite3_reset(db->items);
}

/* ---- accounts ---- */

static void read_account(struct database *db, const char *path, int64_t row)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_error error = {0};
	const struct lua_value *account = load(&db->source, "accounts", arena, &error);

	if (account) {
		record_begin(db->record, db->host, db->user, prosody_password(account), path, (unsigned long)row);
		prosody_account(&db->source, db->record, account);
		record_end(db->record);
	} else {
		record_fault(db->record, "%.*s@%.*s: not imported: %s", CPL_ARG(db->user), CPL_ARG(db->host), error.code ? error.text : "it has no data");
	}
	cpl_arena_destroy(&arena);
}

static bool prepare(struct database *db, const char *sql, sqlite3_stmt **statement)
{
	return sqlite3_prepare_v2(db->db, sql, -1, statement, NULL) == SQLITE_OK;
}

static void read_all(struct database *db, const char *path, char **reason)
{
	sqlite3_stmt *accounts = NULL;
	int status = SQLITE_ERROR;

	if (prepare(db, "SELECT DISTINCT host, user FROM prosody WHERE store = 'accounts' ORDER BY host, user", &accounts) &&
	    prepare(db, "SELECT key, type, value FROM prosody WHERE host = ? AND user = ? AND store = ?", &db->data) &&
	    prepare(db, "SELECT id, parent, key, type, atom FROM json_tree(?)", &db->tree) &&
	    prepare(db, "SELECT \"when\", type, value FROM prosodyarchive WHERE host = ? AND user = ? AND store = 'offline' ORDER BY sort_id", &db->offline) &&
	    prepare(db, "SELECT key, type, value FROM prosodyarchive WHERE host = ? AND user = ? AND store = 'pep_' || ? ORDER BY sort_id", &db->items))
		while ((status = sqlite3_step(accounts)) == SQLITE_ROW) {
			db->host = column(accounts, 0);
			db->user = column(accounts, 1);
			read_account(db, path, 0);
		}
	if (status != SQLITE_DONE)
		*reason = cpl_asprintf("%s: %s: is it the database of a Prosody with storage \"sql\"?", path, sqlite3_errmsg(db->db));
	sqlite3_finalize(accounts);
	sqlite3_finalize(db->data);
	sqlite3_finalize(db->tree);
	sqlite3_finalize(db->offline);
	sqlite3_finalize(db->items);
}

void prosody_read_sqlite(struct record *record, const char *path, char **reason)
{
	struct database db = {.source = {load, each_offline, each_item}, .record = record};

	*reason = NULL;
	if (sqlite3_open_v2(path, &db.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		*reason = cpl_asprintf("%s: %s", path, sqlite3_errmsg(db.db));
	else
		read_all(&db, path, reason);
	sqlite3_close(db.db);
}
