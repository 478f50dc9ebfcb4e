/* SPDX-License-Identifier: MIT */
/* An element as text, which Prosody's SQLite has, to the table that Prosody's files have of it. */
#include "core/migrate/prosody.h"

#include "core/xml/lease.h"

struct tree {
	struct lease_frame frame; /* first: it is the handlers' user data */
	struct cpl_arena *arena;
	struct lua_value *open[LUA_DEPTH];
	struct cpl_str ns[LUA_DEPTH]; /* of these */
	double children[LUA_DEPTH];
	unsigned depth;
	struct lua_value *root;
};

static struct lua_value string(struct cpl_str text, struct cpl_arena *arena)
{
	return (struct lua_value){.type = LUA_STRING, .string = cpl_arena_copy(arena, text)};
}

static struct lua_value *add_table(struct lua_value *to, struct lua_value key, struct cpl_arena *arena)
{
	struct lua_value *value = lua_add(to, key, arena);

	*value = (struct lua_value){.type = LUA_TABLE};
	value->last = &value->first;
	return value;
}

static struct lua_value *add_child(struct tree *tree)
{
	struct lua_value *parent = tree->open[tree->depth - 1];

	return lua_add(parent, (struct lua_value){.type = LUA_NUMBER, .number = ++tree->children[tree->depth - 1]}, tree->arena);
}

static void on_start(void *data, const char *tag, const char **attributes)
{
	struct tree *tree = data;
	struct cpl_str name = cpl_str_of(tag), ns = CPL_NONE;
	ptrdiff_t at = cpl_str_find(name, LEASE_SEPARATOR);
	struct lua_value *value, *all;

	if (tree->frame.error)
		return;
	if (tree->depth == LUA_DEPTH) {
		lease_fail(&tree->frame, CPL_STREAM_POLICY_VIOLATION);
		return;
	}
	value = tree->depth ? add_child(tree) : (tree->root = lua_table(tree->arena));
	*value = (struct lua_value){.type = LUA_TABLE};
	value->last = &value->first;
	all = add_table(value, string(CPL_STR("attr"), tree->arena), tree->arena);
	if (at >= 0) {
		ns = cpl_arena_copy(tree->arena, (struct cpl_str){tag, (size_t)at});
		name = (struct cpl_str){tag + at + 1, name.len - (size_t)at - 1};
	}
	/* As Prosody does it: where it is that of the element around, it is not said again. */
	if (ns.ptr && !(tree->depth && cpl_str_equal(ns, tree->ns[tree->depth - 1])))
		*lua_add(all, string(CPL_STR("xmlns"), tree->arena), tree->arena) = string(ns, tree->arena);
	*lua_add(value, string(CPL_STR("name"), tree->arena), tree->arena) = string(name, tree->arena);
	/* Those of a namespace are called NAMESPACE \x01 NAME there, too. */
	for (; attributes[0]; attributes += 2)
		*lua_add(all, string(cpl_str_of(attributes[0]), tree->arena), tree->arena) = string(cpl_str_of(attributes[1]), tree->arena);
	tree->ns[tree->depth] = ns;
	tree->children[tree->depth] = 0;
	tree->open[tree->depth++] = value;
}

static void on_end(void *data, const char *tag)
{
	struct tree *tree = data;

	if (!tree->frame.error)
		tree->depth--;
}

static void on_text(void *data, const char *text, int len)
{
	struct tree *tree = data;

	if (!tree->frame.error && tree->depth)
		*add_child(tree) = string((struct cpl_str){text, (size_t)len}, tree->arena);
}

const struct lua_value *prosody_parse(struct cpl_str xml, struct cpl_arena *arena)
{
	static const struct lease_handlers handlers = {on_start, on_end, on_text, NULL};
	struct tree tree = {.arena = arena};
	bool good = xml.len < INT32_MAX && lease_document(&handlers, &tree.frame) &&
		    XML_Parse(tree.frame.expat, xml.ptr, (int)xml.len, XML_TRUE) == XML_STATUS_OK && !tree.frame.error;

	XML_ParserFree(tree.frame.expat);
	return good ? tree.root : NULL;
}
