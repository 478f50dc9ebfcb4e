/* SPDX-License-Identifier: MIT */
/*
 * Namespaces in scope while a frame is parsed (Namespaces in XML 1.0): the default namespace of each open
 * element and a stack of declared prefixes. "xml" and "stream" are always declared; below the stack come the
 * prefixes of the stream header. Texts are borrowed.
 */
#ifndef CORE_XML_SCOPE_H
#define CORE_XML_SCOPE_H

#include "core/xml/parser.h"

/* A namespace: its id, or 0 and the text decides. */
struct scope_ns {
	uint16_t id;
	struct cpl_str text;
};

struct scope_binding {
	struct cpl_str prefix;
	struct scope_ns ns;
};

/* One heap block: the bindings, then their texts. */
struct xml_prefixes {
	unsigned count;
	struct scope_binding items[];
};

/* Declared prefixes live at one time; more are a policy-violation. It bounds the cost of a look-up. */
enum { SCOPE_BINDINGS_MAX = 64 };

struct scope_level {
	struct scope_ns ns; /* the default namespace */
	unsigned bindings;  /* prefixes declared up to here */
};

struct scope {
	const struct xml_prefixes *outer;
	unsigned depth; /* open elements */
	struct scope_level levels[XML_DEPTH_MAX + 1];
	struct scope_binding bindings[SCOPE_BINDINGS_MAX];
};

/* A qualified name taken apart; prefix is CPL_NONE where there is none. */
struct scope_name {
	struct cpl_str prefix;
	struct cpl_str local;
};

void scope_init(struct scope *scope, struct scope_ns ns, const struct xml_prefixes *outer);
/* Opens an element; false when it is one too many. */
bool scope_push(struct scope *scope);
void scope_pop(struct scope *scope);
/* True for "xmlns" and "xmlns:...": a declaration, not an attribute. */
static inline bool scope_is_declaration(const char *name)
{
	return name[0] == 'x' && strncmp(name, "xmlns", 5) == 0 && (name[5] == '\0' || name[5] == ':');
}
/* Takes a declaration into the innermost element. The name and the value are copied to the arena where they
 * are not interned. */
enum cpl_stream_error scope_declare(struct scope *scope, const char *name, const char *value,
				    struct cpl_arena *arena);
/* Takes a name apart and judges it; CPL_STREAM_OK or the error. */
enum cpl_stream_error scope_split(const char *name, struct scope_name *out);
/* The namespace of a prefix; NULL when it is not declared. The empty prefix (CPL_NONE) is the default
 * namespace. */
const struct scope_ns *scope_find(const struct scope *scope, struct cpl_str prefix);
/* What the innermost element declares, to be kept beyond the frame; NULL when that is nothing. */
struct xml_prefixes *scope_keep(const struct scope *scope);

#endif
