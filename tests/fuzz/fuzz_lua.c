/* SPDX-License-Identifier: MIT */
/* Prosody's literal tables, as a file and as a list: what is read views memory that is there, and a list comes to its end. */
#include "core/migrate/lua.h"
#include "tests/fuzz/fuzz.h"

static size_t check(const struct lua_value *value, unsigned depth)
{
	size_t bytes = 0;

	CHECK(depth <= LUA_DEPTH);
	for (size_t i = 0; i < value->string.len; i++)
		bytes += (unsigned char)value->string.ptr[i];
	for (const struct lua_entry *entry = value->type == LUA_TABLE ? value->first : NULL; entry; entry = entry->next) {
		CHECK(entry->key.type != LUA_NIL && entry->key.type != LUA_TABLE);
		bytes += check(&entry->key, depth) + check(&entry->value, depth + 1);
	}
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpl_str text = {(const char *)data, size};
	struct cpl_arena *arena = cpl_arena_create();
	struct lua_list list = {.text = text};
	struct cpl_error error;
	const struct lua_value *value = lua_parse(text, arena, &error);
	size_t before = 0;

	CHECK(value ? !error.code : error.code && error.text[0]);
	if (value)
		check(value, 0);
	while ((value = lua_next(&list, arena, &error))) {
		check(value, 0);
		CHECK(list.at > before && list.at <= size);
		before = list.at;
	}
	cpl_arena_destroy(&arena);
	return 0;
}
