/* SPDX-License-Identifier: MIT */
/* Literal tables of Lua. */
#include "core/migrate/lua.h"

#include <stdlib.h>

struct parser {
	struct cpl_str text;
	size_t at;
	unsigned line;
	unsigned depth;
	size_t values;
	struct cpl_arena *arena;
	struct cpl_error *error;
};

static bool wrong(struct parser *p, const char *what)
{
	if (!p->error->code)
		cpl_fail(p->error, CPL_E_CORRUPT, "line %u: %s", p->line, what);
	return false;
}

/* ---- tables ---- */

struct lua_value *lua_table(struct cpl_arena *arena)
{
	struct lua_value *table = cpl_arena_alloc(arena, sizeof *table);

	table->type = LUA_TABLE;
	table->last = &table->first;
	return table;
}

struct lua_value *lua_add(struct lua_value *table, struct lua_value key, struct cpl_arena *arena)
{
	struct lua_entry *entry = cpl_arena_alloc(arena, sizeof *entry);

	entry->key = key;
	*table->last = entry;
	table->last = &entry->next;
	return &entry->value;
}

static const struct lua_value *find(const struct lua_value *table, bool (*fits)(const struct lua_value *key, const void *wanted), const void *wanted)
{
	const struct lua_value *found = NULL;

	if (!table || table->type != LUA_TABLE)
		return NULL;
	for (const struct lua_entry *entry = table->first; entry; entry = entry->next)
		if (fits(&entry->key, wanted))
			found = &entry->value;
	return found;
}

static bool is_name(const struct lua_value *key, const void *wanted)
{
	return key->type == LUA_STRING && cpl_str_is(key->string, wanted);
}

static bool is_number(const struct lua_value *key, const void *wanted)
{
	return key->type == LUA_NUMBER && key->number == (double)*(const size_t *)wanted;
}

static bool is_false(const struct lua_value *key, const void *wanted)
{
	(void)wanted;
	return key->type == LUA_BOOLEAN && !key->boolean;
}

const struct lua_value *lua_get(const struct lua_value *table, const char *name)
{
	return find(table, is_name, name);
}

const struct lua_value *lua_index(const struct lua_value *table, size_t index)
{
	return find(table, is_number, &index);
}

const struct lua_value *lua_false(const struct lua_value *table)
{
	return find(table, is_false, NULL);
}

struct cpl_str lua_text(const struct lua_value *table, const char *name)
{
	const struct lua_value *value = lua_get(table, name);

	return value && (value->type == LUA_STRING || value->type == LUA_NUMBER) ? value->string : CPL_NONE;
}

/* ---- tokens ---- */

static int peek(const struct parser *p)
{
	return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static void skip_space(struct parser *p)
{
	for (;; p->at++) {
		int c = peek(p);

		if (c == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] == '-') {
			while (peek(p) >= 0 && peek(p) != '\n')
				p->at++;
			c = peek(p);
		}
		if (c == '\n')
			p->line++;
		else if (c != ' ' && c != '\t' && c != '\r')
			return;
	}
}

static bool take(struct parser *p, char c)
{
	skip_space(p);
	if (peek(p) != (unsigned char)c)
		return false;
	p->at++;
	return true;
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* A name or a word of the language; CPL_NONE when there is none. */
static struct cpl_str take_word(struct parser *p)
{
	size_t from;

	skip_space(p);
	from = p->at;
	if (!is_letter(peek(p)))
		return CPL_NONE;
	while (is_letter(peek(p)) || is_digit(peek(p)))
		p->at++;
	return (struct cpl_str){p->text.ptr + from, p->at - from};
}

static bool read_number(struct parser *p, struct lua_value *out)
{
	size_t from = p->at;
	char text[64], *end;

	while (is_digit(peek(p)) || is_letter(peek(p)) || peek(p) == '.' || peek(p) == '-' || peek(p) == '+')
		p->at++;
	out->type = LUA_NUMBER;
	out->string = (struct cpl_str){p->text.ptr + from, p->at - from};
	if (out->string.len >= sizeof text)
		return wrong(p, "a number is too long");
	memcpy(text, out->string.ptr, out->string.len);
	text[out->string.len] = 0;
	out->number = strtod(text, &end);
	return (end != text && !*end) || wrong(p, "this is no number");
}

/* \ddd, \xhh and the letters of Lua; *at stands behind the backslash. */
static bool read_escape(struct parser *p, char **out)
{
	static const char letters[] = "abfnrtv\\\"'\n", meanings[] = "\a\b\f\n\r\t\v\\\"'\n";
	int c = peek(p);
	const char *letter = c > 0 ? strchr(letters, c) : NULL;
	unsigned value = 0, digits = 0;

	if (letter) {
		p->line += c == '\n';
		*(*out)++ = meanings[letter - letters];
		p->at++;
		return true;
	}
	if (c == 'x') {
		for (p->at++; digits < 2 && peek(p) > 0 && strchr("0123456789abcdefABCDEF", peek(p)); p->at++, digits++)
			value = value * 16 + (unsigned)(is_digit(peek(p)) ? peek(p) - '0' : (peek(p) | 0x20) - 'a' + 10);
		if (digits != 2)
			return wrong(p, "\\x wants two digits");
	} else {
		for (; digits < 3 && is_digit(peek(p)); p->at++, digits++)
			value = value * 10 + (unsigned)(peek(p) - '0');
		if (!digits || value > 255)
			return wrong(p, "this escape is none of Lua's");
	}
	*(*out)++ = (char)value;
	return true;
}

static bool read_string(struct parser *p, struct lua_value *out)
{
	char quote = (char)peek(p), *bytes, *to;
	size_t end = ++p->at;

	while (end < p->text.len && p->text.ptr[end] != quote)
		end += p->text.ptr[end] == '\\' ? 2 : 1;
	if (end >= p->text.len)
		return wrong(p, "a string does not end");
	bytes = to = cpl_arena_alloc(p->arena, end - p->at + 1);
	while (p->at < end) {
		char c = p->text.ptr[p->at++];

		p->line += c == '\n';
		if (c != '\\')
			*to++ = c;
		else if (!read_escape(p, &to))
			return false;
	}
	p->at++;
	*out = (struct lua_value){.type = LUA_STRING, .string = {bytes, (size_t)(to - bytes)}};
	return true;
}

/* [[...]] and [==[...]==]: a newline at the beginning does not count. */
static bool read_long_string(struct parser *p, struct lua_value *out)
{
	size_t level = 0, from;

	for (p->at++; peek(p) == '='; p->at++)
		level++;
	if (peek(p) != '[')
		return wrong(p, "this is no long string");
	p->at++;
	p->at += peek(p) == '\n';
	from = p->at;
	for (; peek(p) >= 0; p->at++) {
		size_t same = 0;

		p->line += peek(p) == '\n';
		if (peek(p) != ']')
			continue;
		while (p->at + 1 + same < p->text.len && p->text.ptr[p->at + 1 + same] == '=')
			same++;
		if (same == level && p->at + 1 + same < p->text.len && p->text.ptr[p->at + 1 + same] == ']') {
			*out = (struct lua_value){.type = LUA_STRING, .string = {p->text.ptr + from, p->at - from}};
			p->at += level + 2;
			return true;
		}
	}
	return wrong(p, "a string does not end");
}

/* ---- values ---- */

static bool read_value(struct parser *p, struct lua_value *out);

static bool read_key(struct parser *p, struct lua_value *key, size_t *next)
{
	size_t before;
	unsigned line;

	skip_space(p);
	before = p->at;
	line = p->line;
	/* "[[" would be a value. */
	if (peek(p) == '[' && before + 1 < p->text.len && p->text.ptr[before + 1] != '[' && p->text.ptr[before + 1] != '=') {
		p->at++;
		if (!read_value(p, key))
			return false;
		if (key->type == LUA_NIL || key->type == LUA_TABLE)
			return wrong(p, "a key is a string, a number, true or false");
		if (!take(p, ']') || !take(p, '='))
			return wrong(p, "] = is missing behind a key");
		return true;
	}
	*key = (struct lua_value){.type = LUA_STRING, .string = take_word(p)};
	skip_space(p);
	if (key->string.ptr && peek(p) == '=') {
		p->at++;
		return true;
	}
	p->at = before;
	p->line = line;
	*key = (struct lua_value){.type = LUA_NUMBER, .number = (double)(*next)++};
	return true;
}

static bool read_table(struct parser *p, struct lua_value *out)
{
	size_t next = 1;

	if (++p->depth > LUA_DEPTH)
		return wrong(p, "tables are nested too deep");
	p->at++;
	*out = *lua_table(p->arena);
	/* The copy has an end of its own. */
	out->last = &out->first;
	for (;;) {
		struct lua_value key, *value;

		if (take(p, '}'))
			break;
		if (!read_key(p, &key, &next))
			return false;
		value = lua_add(out, key, p->arena);
		if (!read_value(p, value))
			return false;
		if (!take(p, ',') && !take(p, ';')) {
			if (!take(p, '}'))
				return wrong(p, "a table wants , or ; or } here");
			break;
		}
	}
	p->depth--;
	return true;
}

static bool read_word(struct parser *p, struct lua_value *out)
{
	struct cpl_str word = take_word(p);

	*out = (struct lua_value){.type = LUA_NIL};
	if (cpl_str_is(word, "true") || cpl_str_is(word, "false"))
		*out = (struct lua_value){.type = LUA_BOOLEAN, .boolean = word.ptr[0] == 't'};
	else if (!cpl_str_is(word, "nil"))
		return wrong(p, "this is no literal: nothing is executed here");
	return true;
}

static bool read_value(struct parser *p, struct lua_value *out)
{
	int c;

	if (++p->values > LUA_VALUES)
		return wrong(p, "there are too many values");
	skip_space(p);
	c = peek(p);
	*out = (struct lua_value){0};
	if (c == '{')
		return read_table(p, out);
	if (c == '"' || c == '\'')
		return read_string(p, out);
	if (c == '[')
		return read_long_string(p, out);
	if (is_digit(c) || c == '-' || c == '.')
		return read_number(p, out);
	if (is_letter(c))
		return read_word(p, out);
	return wrong(p, c < 0 ? "a value is missing at the end" : "this is no value");
}

struct lua_value *lua_parse(struct cpl_str text, struct cpl_arena *arena, struct cpl_error *error)
{
	struct parser p = {.text = text, .line = 1, .arena = arena, .error = error};
	struct lua_value *value = cpl_arena_alloc(arena, sizeof *value);

	*error = (struct cpl_error){0};
	if (!cpl_str_is(take_word(&p), "return")) {
		wrong(&p, "it does not begin with return");
		return NULL;
	}
	if (!read_value(&p, value))
		return NULL;
	take(&p, ';');
	skip_space(&p);
	if (peek(&p) >= 0)
		wrong(&p, "there is more behind the value");
	return error->code ? NULL : value;
}

struct lua_value *lua_next(struct lua_list *list, struct cpl_arena *arena, struct cpl_error *error)
{
	struct parser p = {.text = list->text, .at = list->at, .line = list->line ? list->line : 1, .arena = arena, .error = error};
	struct lua_value *value = cpl_arena_alloc(arena, sizeof *value);

	*error = (struct cpl_error){0};
	skip_space(&p);
	if (peek(&p) < 0)
		return NULL;
	if (!cpl_str_is(take_word(&p), "item") || !take(&p, '(')) {
		wrong(&p, "a list is made of item(...);");
		return NULL;
	}
	if (!read_value(&p, value))
		return NULL;
	if (!take(&p, ')')) {
		wrong(&p, ") is missing behind an item");
		return NULL;
	}
	take(&p, ';');
	list->at = p.at;
	list->line = p.line;
	return value;
}
