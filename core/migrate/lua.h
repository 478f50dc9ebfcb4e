/* SPDX-License-Identifier: MIT */
/*
 * Values as Prosody writes them to its files: literal tables of Lua, and nothing that would have to be executed. A file is "return VALUE;", a list is any number of
 * "item(VALUE);". What is not such a literal, is nested deeper than LUA_DEPTH or has more than LUA_VALUES values is refused with its line.
 */
#ifndef CORE_MIGRATE_LUA_H
#define CORE_MIGRATE_LUA_H

#include <couplet/error.h>
#include <couplet/memory.h>

enum { LUA_DEPTH = 200, LUA_VALUES = 2000000 };

enum lua_type { LUA_NIL, LUA_BOOLEAN, LUA_NUMBER, LUA_STRING, LUA_TABLE };

struct lua_entry;
struct lua_value {
	enum lua_type type;
	bool boolean;
	double number;
	struct cpl_str string;   /* also of a number: as it was written */
	struct lua_entry *first, **last; /* of a table, in their order */
};
struct lua_entry {
	struct lua_entry *next;
	struct lua_value key, value;
};

/* The value of a file, in the arena, which must outlive it as the text must; NULL and *error. */
struct lua_value *lua_parse(struct cpl_str text, struct cpl_arena *arena, struct cpl_error *error);
/* The items of a list, one call each; `next` moves through the text. NULL at the end (*error.code 0) or at what is wrong. */
struct lua_list {
	struct cpl_str text;
	size_t at;
	unsigned line;
};
struct lua_value *lua_next(struct lua_list *list, struct cpl_arena *arena, struct cpl_error *error);

/* An empty table, and adding to one; the later of two equal keys counts. */
struct lua_value *lua_table(struct cpl_arena *arena);
struct lua_value *lua_add(struct lua_value *table, struct lua_value key, struct cpl_arena *arena);
/* Of a table (NULL is none): the value of a name, of an index from 1, of the key false; NULL when there is none. */
const struct lua_value *lua_get(const struct lua_value *table, const char *name);
const struct lua_value *lua_index(const struct lua_value *table, size_t index);
const struct lua_value *lua_false(const struct lua_value *table);
/* The text of a string or number under a name, or CPL_NONE. */
struct cpl_str lua_text(const struct lua_value *table, const char *name);

#endif
