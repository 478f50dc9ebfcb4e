/* SPDX-License-Identifier: MIT */
/* Namespaces in scope. */
#include "core/xml/scope.h"
#include "core/xml/names.h"

static struct scope_binding builtin[] = {
	{{"xml", 3}, {CPL_NS_XML, {NULL, 0}}},
	{{"stream", 6}, {CPL_NS_STREAM, {NULL, 0}}},
};

void scope_init(struct scope *scope, struct scope_ns ns, const struct xml_prefixes *outer)
{
	if (!builtin[0].ns.text.ptr)
		for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
			builtin[i].ns.text = names_ns_text(builtin[i].ns.id);
	scope->outer = outer;
	scope->depth = 0;
	scope->levels[0] = (struct scope_level){ns, 0};
}

bool scope_push(struct scope *scope)
{
	if (scope->depth == XML_DEPTH_MAX)
		return false;
	scope->levels[scope->depth + 1] = scope->levels[scope->depth];
	scope->depth++;
	return true;
}

void scope_pop(struct scope *scope)
{
	scope->depth--;
}

static struct scope_ns intern(struct cpl_str text, struct cpl_arena *arena)
{
	uint16_t id = names_ns(text);

	return (struct scope_ns){id, id ? names_ns_text(id) : cpl_arena_copy(arena, text)};
}

enum cpl_stream_error scope_declare(struct scope *scope, const char *name, const char *value,
				    struct cpl_arena *arena)
{
	struct scope_level *level = &scope->levels[scope->depth];
	struct scope_ns ns = intern(cpl_str_of(value), arena);
	struct cpl_str prefix;

	/* Namespaces in XML 1.0, section 3: what may not be bound, and to what. */
	if (cpl_str_is(ns.text, "http://www.w3.org/2000/xmlns/"))
		return CPL_STREAM_NOT_WELL_FORMED;
	if (name[5] == '\0') {
		if (ns.id == CPL_NS_XML)
			return CPL_STREAM_NOT_WELL_FORMED;
		level->ns = ns;
		return CPL_STREAM_OK;
	}
	prefix = cpl_str_of(name + 6);
	if (prefix.len == 0 || memchr(prefix.ptr, ':', prefix.len) || cpl_str_is(prefix, "xmlns") ||
	    ns.id == CPL_NS_NONE || (ns.id == CPL_NS_XML) != cpl_str_is(prefix, "xml"))
		return CPL_STREAM_NOT_WELL_FORMED;
	if (prefix.len > XML_NAME_MAX || level->bindings == SCOPE_BINDINGS_MAX)
		return CPL_STREAM_POLICY_VIOLATION;
	scope->bindings[level->bindings++] = (struct scope_binding){cpl_arena_copy(arena, prefix), ns};
	return CPL_STREAM_OK;
}

enum cpl_stream_error scope_split(const char *name, struct scope_name *out)
{
	size_t len = strlen(name);
	const char *colon = memchr(name, ':', len);
	struct cpl_str local;

	if (len > XML_NAME_MAX)
		return CPL_STREAM_POLICY_VIOLATION;
	if (!colon) {
		*out = (struct scope_name){CPL_NONE, {name, len}};
		return CPL_STREAM_OK;
	}
	local = (struct cpl_str){colon + 1, len - (size_t)(colon + 1 - name)};
	if (colon == name || local.len == 0 || memchr(local.ptr, ':', local.len))
		return CPL_STREAM_NOT_WELL_FORMED;
	/*
	 * Behind a colon expat accepts any name character, also one that may not begin a name; written
	 * without its prefix the name would be broken. No protocol has a name like that in other letters, so
	 * those are refused unseen.
	 */
	if ((unsigned char)local.ptr[0] >= 0x80)
		return CPL_STREAM_POLICY_VIOLATION;
	if (local.ptr[0] != '_' && (unsigned)((local.ptr[0] | 0x20) - 'a') > 'z' - 'a')
		return CPL_STREAM_NOT_WELL_FORMED;
	*out = (struct scope_name){{name, (size_t)(colon - name)}, local};
	return CPL_STREAM_OK;
}

static const struct scope_ns *find_in(const struct scope_binding *items, unsigned count,
				      struct cpl_str prefix)
{
	while (count--)
		if (cpl_str_equal(items[count].prefix, prefix))
			return &items[count].ns;
	return NULL;
}

const struct scope_ns *scope_find(const struct scope *scope, struct cpl_str prefix)
{
	const struct scope_level *level = &scope->levels[scope->depth];
	const struct scope_ns *ns;

	if (!prefix.ptr)
		return &level->ns;
	ns = find_in(scope->bindings, level->bindings, prefix);
	if (!ns && scope->outer)
		ns = find_in(scope->outer->items, scope->outer->count, prefix);
	return ns ? ns : find_in(builtin, sizeof builtin / sizeof *builtin, prefix);
}

static bool is_builtin(const struct scope_binding *binding)
{
	const struct scope_ns *ns = find_in(builtin, sizeof builtin / sizeof *builtin, binding->prefix);

	return ns && ns->id == binding->ns.id;
}

struct xml_prefixes *scope_keep(const struct scope *scope)
{
	unsigned declared = scope->levels[scope->depth].bindings, count = 0;
	size_t bytes = sizeof(struct xml_prefixes);
	struct xml_prefixes *kept;
	char *at;

	for (unsigned i = 0; i < declared; i++) {
		const struct scope_binding *b = &scope->bindings[i];

		if (is_builtin(b))
			continue;
		count++;
		bytes += sizeof *b + b->prefix.len + (b->ns.id ? 0 : b->ns.text.len);
	}
	if (!count)
		return NULL;
	kept = cpl_alloc(bytes);
	at = (char *)(kept->items + count);
	for (unsigned i = 0; i < declared; i++) {
		struct scope_binding *b = &kept->items[kept->count];

		if (is_builtin(&scope->bindings[i]))
			continue;
		*b = scope->bindings[i];
		b->prefix.ptr = memcpy(at, b->prefix.ptr, b->prefix.len);
		at += b->prefix.len;
		if (!b->ns.id) {
			b->ns.text.ptr = memcpy(at, b->ns.text.ptr, b->ns.text.len);
			at += b->ns.text.len;
		}
		kept->count++;
	}
	return kept;
}

void xml_prefixes_destroy(struct xml_prefixes **prefixes)
{
	CPL_FREE(*prefixes);
}
