/* SPDX-License-Identifier: MIT */
/* What the parser, the builders and the copiers share: adding to an element tree in an arena, and the texts
 * of kinds and types. */
#ifndef CORE_XML_ELEMENT_H
#define CORE_XML_ELEMENT_H

#include <couplet/stanza.h>

/* UNSAFE: the two kinds of node, told apart by node->kind; node is their first member. */
static inline struct cpl_element *as_element(const struct cpl_node *node)
{
	return CPL_CONTAINER(node, struct cpl_element, node);
}

static inline struct cpl_text *as_text(const struct cpl_node *node)
{
	return CPL_CONTAINER(node, struct cpl_text, node);
}

/* Adds an element as last child (parent NULL: a root). The texts are borrowed. */
struct cpl_element *element_add(struct cpl_arena *arena, struct cpl_element *parent, uint16_t ns_id,
				struct cpl_str ns, uint16_t name_id, struct cpl_str name);
/* Adds text, copied, as last node; nothing when it is empty. */
void element_add_text(struct cpl_arena *arena, struct cpl_element *parent, struct cpl_str text);
/* Adds an attribute at *link, name and value copied, ns borrowed; returns where the next one goes. */
struct cpl_attr **element_add_attr(struct cpl_arena *arena, struct cpl_attr **link, struct cpl_str ns,
				   struct cpl_str name, struct cpl_str value);
/* Adds a deep copy as last child (parent NULL: a root); `content` is the namespace id that elements in
 * CPL_NS_CONTENT get. */
struct cpl_element *element_copy(struct cpl_arena *arena, struct cpl_element *parent,
				 const struct cpl_element *e, uint16_t content);
/* A stanza in a new arena, one reference, no root yet. */
struct cpl_stanza *stanza_blank(void);

/* CPL_TYPE_UNKNOWN for a text that this kind may not have. */
enum cpl_type type_of(enum cpl_kind kind, struct cpl_str text);
/* CPL_NONE for CPL_TYPE_NONE and CPL_TYPE_UNKNOWN. */
struct cpl_str type_text(enum cpl_type type);
/* "message", "presence", "iq"; CPL_NONE for CPL_NONZA. */
struct cpl_str kind_text(enum cpl_kind kind);

#endif
