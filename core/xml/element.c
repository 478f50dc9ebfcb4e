/* SPDX-License-Identifier: MIT */
/* Element trees: looking and changing. */
#include "core/xml/element.h"
#include "core/xml/names.h"
#include <assert.h>

/* ---- looking ---- */

static struct cpl_element *next_element(const struct cpl_node *node)
{
	while (node && node->kind != CPL_NODE_ELEMENT)
		node = node->next;
	return node ? as_element(node) : NULL;
}

struct cpl_element *cpl_first_child(const struct cpl_element *parent)
{
	return next_element(parent->first);
}

struct cpl_element *cpl_next_child(const struct cpl_element *e)
{
	return next_element(e->node.next);
}

struct cpl_element *cpl_child(const struct cpl_element *parent, const struct cpl_name *name)
{
	CPL_CHILDREN(child, parent)
		if (cpl_is(child, name))
			return child;
	return NULL;
}

unsigned cpl_child_count(const struct cpl_element *parent)
{
	unsigned count = 0;

	CPL_CHILDREN(child, parent)
		count++;
	return count;
}

struct cpl_str cpl_attr_get(const struct cpl_element *e, const char *name)
{
	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next)
		if (!attr->ns.ptr && cpl_str_is(attr->name, name))
			return attr->value;
	return CPL_NONE;
}

struct cpl_str cpl_text_of(const struct cpl_element *e, struct cpl_arena *arena)
{
	const struct cpl_text *only = NULL;
	size_t total = 0;
	unsigned count = 0;
	char *joined;

	for (const struct cpl_node *node = e->first; node; node = node->next) {
		if (node->kind != CPL_NODE_TEXT)
			continue;
		only = as_text(node);
		total += only->text.len;
		count++;
	}
	if (count == 0)
		return CPL_STR("");
	if (count == 1)
		return only->text;
	joined = cpl_arena_alloc(arena, total + 1);
	total = 0;
	for (const struct cpl_node *node = e->first; node; node = node->next) {
		if (node->kind != CPL_NODE_TEXT)
			continue;
		memcpy(joined + total, as_text(node)->text.ptr, as_text(node)->text.len);
		total += as_text(node)->text.len;
	}
	return (struct cpl_str){joined, total};
}

struct cpl_str cpl_child_text(const struct cpl_element *parent, const struct cpl_name *name,
			      struct cpl_arena *arena)
{
	const struct cpl_element *child = cpl_child(parent, name);

	return child ? cpl_text_of(child, arena) : CPL_NONE;
}

/* ---- making ---- */

static void append(struct cpl_element *parent, struct cpl_node *node)
{
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

struct cpl_element *element_add(struct cpl_arena *arena, struct cpl_element *parent, uint16_t ns_id,
				struct cpl_str ns, uint16_t name_id, struct cpl_str name)
{
	struct cpl_element *e = cpl_arena_alloc(arena, sizeof *e);

	e->node.kind = CPL_NODE_ELEMENT;
	e->ns_id = ns_id;
	e->name_id = name_id;
	e->ns = ns;
	e->name = name;
	e->parent = parent;
	if (parent)
		append(parent, &e->node);
	return e;
}

void element_add_text(struct cpl_arena *arena, struct cpl_element *parent, struct cpl_str text)
{
	struct cpl_text *node;
	char *bytes;

	if (text.len == 0)
		return;
	node = cpl_arena_alloc(arena, sizeof *node + text.len + 1);
	bytes = (char *)(node + 1);
	memcpy(bytes, text.ptr, text.len);
	node->node.kind = CPL_NODE_TEXT;
	node->text = (struct cpl_str){bytes, text.len};
	append(parent, &node->node);
}

struct cpl_attr **element_add_attr(struct cpl_arena *arena, struct cpl_attr **link, struct cpl_str ns,
				   struct cpl_str name, struct cpl_str value)
{
	struct cpl_attr *attr = cpl_arena_alloc(arena, sizeof *attr + name.len + value.len + 2);
	char *bytes = (char *)(attr + 1);

	if (value.len)
		memcpy(bytes, value.ptr, value.len);
	attr->value = (struct cpl_str){bytes, value.len};
	bytes += value.len + 1;
	memcpy(bytes, name.ptr, name.len);
	attr->name = (struct cpl_str){bytes, name.len};
	attr->ns = ns;
	*link = attr;
	return &attr->next;
}

struct cpl_element *cpl_add(struct cpl_stanza *stanza, struct cpl_element *parent,
			    const struct cpl_name *name)
{
	assert(stanza->arena && name->local_id && name->ns_id);
	return element_add(stanza->arena, parent, name->ns_id, names_ns_text(name->ns_id), name->local_id,
			   names_local_text(name->local_id));
}

struct cpl_element *cpl_add_named(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str ns,
				  struct cpl_str name)
{
	uint16_t name_id = names_local(name);
	uint16_t ns_id = parent->ns_id;

	assert(stanza->arena);
	name = name_id ? names_local_text(name_id) : cpl_arena_copy(stanza->arena, name);
	if (!ns.ptr) {
		ns = parent->ns;
	} else {
		ns_id = names_ns(ns);
		ns = ns_id ? names_ns_text(ns_id) : cpl_arena_copy(stanza->arena, ns);
	}
	return element_add(stanza->arena, parent, ns_id, ns, name_id, name);
}

void cpl_add_text(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str text)
{
	assert(stanza->arena);
	element_add_text(stanza->arena, parent, text);
}

struct cpl_element *cpl_add_with_text(struct cpl_stanza *stanza, struct cpl_element *parent,
				      const struct cpl_name *name, struct cpl_str text)
{
	struct cpl_element *e = cpl_add(stanza, parent, name);

	cpl_add_text(stanza, e, text);
	return e;
}

void cpl_attr_set(struct cpl_stanza *stanza, struct cpl_element *e, const char *name, struct cpl_str value)
{
	struct cpl_attr **link = &e->attrs;

	assert(stanza->arena);
	while (*link && ((*link)->ns.ptr || !cpl_str_is((*link)->name, name)))
		link = &(*link)->next;
	if (!value.ptr) {
		if (*link)
			*link = (*link)->next;
	} else if (*link) {
		(*link)->value = cpl_arena_copy(stanza->arena, value);
	} else {
		element_add_attr(stanza->arena, link, CPL_NONE, cpl_str_of(name), value);
	}
}

void cpl_remove(struct cpl_element *child)
{
	struct cpl_element *parent = child->parent;
	struct cpl_node **link = &parent->first, *before = NULL;

	while (*link != &child->node) {
		before = *link;
		link = &before->next;
	}
	*link = child->node.next;
	if (parent->last == &child->node)
		parent->last = before;
	child->node.next = NULL;
	child->parent = NULL;
}

/* ---- copying ---- */

static struct cpl_element *copy_one(struct cpl_arena *arena, struct cpl_element *parent,
				    const struct cpl_element *e, uint16_t content)
{
	uint16_t ns_id = e->ns_id == CPL_NS_CONTENT ? content : e->ns_id;
	struct cpl_str ns = ns_id ? names_ns_text(ns_id) : cpl_arena_copy(arena, e->ns);
	struct cpl_str name = e->name_id ? names_local_text(e->name_id) : cpl_arena_copy(arena, e->name);
	struct cpl_element *copy = element_add(arena, parent, ns_id, ns, e->name_id, name);
	struct cpl_attr **link = &copy->attrs;

	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next) {
		struct cpl_str attr_ns = attr->ns.ptr ? cpl_arena_copy(arena, attr->ns) : CPL_NONE;

		link = element_add_attr(arena, link, attr_ns, attr->name, attr->value);
	}
	return copy;
}

/* No recursion here or wherever a tree is walked: its depth is a peer's choice. */
struct cpl_element *element_copy(struct cpl_arena *arena, struct cpl_element *parent,
				 const struct cpl_element *e, uint16_t content)
{
	struct cpl_element *top = copy_one(arena, parent, e, content), *into = top;
	const struct cpl_element *from = e;
	const struct cpl_node *node = e->first;

	for (;;) {
		if (!node) {
			if (from == e)
				return top;
			node = from->node.next;
			from = from->parent;
			into = into->parent;
		} else if (node->kind == CPL_NODE_TEXT) {
			element_add_text(arena, into, as_text(node)->text);
			node = node->next;
		} else {
			from = as_element(node);
			into = copy_one(arena, into, from, content);
			node = from->first;
		}
	}
}

struct cpl_element *cpl_add_copy(struct cpl_stanza *stanza, struct cpl_element *parent,
				 const struct cpl_element *e)
{
	assert(stanza->arena);
	return element_copy(stanza->arena, parent, e, CPL_NS_CONTENT);
}

/* ---- kinds and types ---- */

static const struct {
	struct cpl_str text;
	unsigned kinds; /* bits of enum cpl_kind */
} types[] = {
	[CPL_TYPE_NONE] = {{NULL, 0}, 0},
	[CPL_TYPE_ERROR] = {{"error", 5}, 1 << CPL_MESSAGE | 1 << CPL_PRESENCE | 1 << CPL_IQ},
	[CPL_TYPE_CHAT] = {{"chat", 4}, 1 << CPL_MESSAGE},
	[CPL_TYPE_GROUPCHAT] = {{"groupchat", 9}, 1 << CPL_MESSAGE},
	[CPL_TYPE_HEADLINE] = {{"headline", 8}, 1 << CPL_MESSAGE},
	[CPL_TYPE_NORMAL] = {{"normal", 6}, 1 << CPL_MESSAGE},
	[CPL_TYPE_GET] = {{"get", 3}, 1 << CPL_IQ},
	[CPL_TYPE_SET] = {{"set", 3}, 1 << CPL_IQ},
	[CPL_TYPE_RESULT] = {{"result", 6}, 1 << CPL_IQ},
	[CPL_TYPE_UNAVAILABLE] = {{"unavailable", 11}, 1 << CPL_PRESENCE},
	[CPL_TYPE_SUBSCRIBE] = {{"subscribe", 9}, 1 << CPL_PRESENCE},
	[CPL_TYPE_SUBSCRIBED] = {{"subscribed", 10}, 1 << CPL_PRESENCE},
	[CPL_TYPE_UNSUBSCRIBE] = {{"unsubscribe", 11}, 1 << CPL_PRESENCE},
	[CPL_TYPE_UNSUBSCRIBED] = {{"unsubscribed", 12}, 1 << CPL_PRESENCE},
	[CPL_TYPE_PROBE] = {{"probe", 5}, 1 << CPL_PRESENCE},
	[CPL_TYPE_UNKNOWN] = {{NULL, 0}, 0},
};

enum cpl_type type_of(enum cpl_kind kind, struct cpl_str text)
{
	for (unsigned type = CPL_TYPE_ERROR; type < CPL_TYPE_UNKNOWN; type++)
		if ((types[type].kinds & 1u << kind) && cpl_str_equal(types[type].text, text))
			return (enum cpl_type)type;
	return CPL_TYPE_UNKNOWN;
}

struct cpl_str type_text(enum cpl_type type)
{
	return types[type].text;
}

struct cpl_str kind_text(enum cpl_kind kind)
{
	static const struct cpl_str texts[] = {{"message", 7}, {"presence", 8}, {"iq", 2}, {NULL, 0}};

	return texts[kind];
}
