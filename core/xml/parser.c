/* SPDX-License-Identifier: MIT */
/* Parsing of a framed child of the stream into a stanza's tree. */
#include "core/xml/parser.h"
#include "core/xml/element.h"
#include "core/xml/lease.h"
#include "core/xml/names.h"
#include "core/xml/scope.h"
#include "core/xml/strict.h"

#include <stdlib.h>

struct build {
	struct lease_frame frame;
	struct cpl_stanza *stanza;
	struct cpl_arena *arena;
	struct cpl_element *open; /* the innermost open element */
	struct cpl_buf *text;	  /* of it, since its last tag */
	enum cpl_ns content;
};

static _Thread_local struct scope scope;

static void flush_text(struct build *build)
{
	if (!build->text->len)
		return;
	element_add_text(build->arena, build->open, cpl_buf_str(build->text));
	cpl_buf_clear(build->text);
}

/*
 * The content namespace is CPL_NS_CONTENT at the root and as far down as no other namespace is crossed; below
 * that it is a namespace like any other, so that a forwarded stanza stays what it is.
 */
static struct cpl_element *open_element(struct build *build, const struct scope_ns *ns, struct cpl_str local)
{
	struct cpl_element *parent = build->open;
	uint16_t name_id = names_local(local);
	uint16_t ns_id = ns->id;
	struct cpl_str ns_text = ns->text;

	if (ns_id == build->content && ns_id && (!parent || parent->ns_id == CPL_NS_CONTENT)) {
		ns_id = CPL_NS_CONTENT;
		ns_text = CPL_NONE;
	}
	local = name_id ? names_local_text(name_id) : cpl_arena_copy(build->arena, local);
	return element_add(build->arena, parent, ns_id, ns_text, name_id, local);
}

static enum cpl_kind kind_of(const struct cpl_element *root)
{
	if (root->ns_id == CPL_NS_CONTENT && root->name_id == NAMES_MESSAGE)
		return CPL_MESSAGE;
	if (root->ns_id == CPL_NS_CONTENT && root->name_id == NAMES_PRESENCE)
		return CPL_PRESENCE;
	if (root->ns_id == CPL_NS_CONTENT && root->name_id == NAMES_IQ)
		return CPL_IQ;
	return CPL_NONZA;
}

/* Takes an attribute of a stanza's root into a member; false when it stays in the list. */
static bool lift(struct build *build, const struct scope_ns *ns, struct cpl_str name, struct cpl_str value)
{
	struct cpl_stanza *stanza = build->stanza;
	struct cpl_str *member = NULL;

	if (ns) {
		if (ns->id == CPL_NS_XML && cpl_str_is(name, "lang"))
			member = &stanza->lang;
	} else if (cpl_str_is(name, "to")) {
		member = &stanza->to_text;
	} else if (cpl_str_is(name, "from")) {
		member = &stanza->from_text;
	} else if (cpl_str_is(name, "id")) {
		member = &stanza->id;
	} else if (cpl_str_is(name, "type")) {
		stanza->type = type_of(stanza->kind, value);
		return stanza->type != CPL_TYPE_UNKNOWN;
	}
	if (!member)
		return false;
	*member = cpl_arena_copy(build->arena, value);
	return true;
}

/* Two prefixes for one namespace can make one attribute twice; expat saw different names. */
static bool is_duplicate(const struct cpl_element *e, const struct scope_ns *ns, struct cpl_str name)
{
	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next)
		if (attr->ns.ptr && cpl_str_equal(attr->name, name) && cpl_str_equal(attr->ns, ns->text))
			return true;
	return false;
}

static enum cpl_stream_error read_attributes(struct build *build, struct cpl_element *e, const char **atts)
{
	bool lifting = !e->parent && build->stanza->kind != CPL_NONZA;
	struct cpl_attr **link = &e->attrs;

	for (; *atts; atts += 2) {
		const struct scope_ns *ns = NULL;
		enum cpl_stream_error error;
		struct scope_name name;
		struct cpl_str value;

		if (scope_is_declaration(atts[0]))
			continue;
		error = scope_split(atts[0], &name);
		if (error)
			return error;
		value = cpl_str_of(atts[1]);
		if (name.prefix.ptr) {
			ns = scope_find(&scope, name.prefix);
			if (!ns || is_duplicate(e, ns, name.local))
				return CPL_STREAM_NOT_WELL_FORMED;
		}
		if (lifting && lift(build, ns, name.local, value))
			continue;
		link = element_add_attr(build->arena, link, ns ? ns->text : CPL_NONE, name.local, value);
	}
	return CPL_STREAM_OK;
}

static enum cpl_stream_error declare_namespaces(struct build *build, const char **atts)
{
	for (unsigned i = 0; atts[2 * i]; i++) {
		enum cpl_stream_error error = CPL_STREAM_OK;

		if (i == XML_ATTRIBUTES_MAX)
			return CPL_STREAM_POLICY_VIOLATION;
		if (scope_is_declaration(atts[2 * i]))
			error = scope_declare(&scope, atts[2 * i], atts[2 * i + 1], build->arena);
		if (error)
			return error;
	}
	return CPL_STREAM_OK;
}

static enum cpl_stream_error start_element(struct build *build, const char *raw, const char **atts)
{
	const struct scope_ns *ns;
	struct scope_name name;
	struct cpl_element *e;
	enum cpl_stream_error error;

	if (build->stanza->root && !build->open)
		return CPL_STREAM_NOT_WELL_FORMED; /* a second child */
	if (!scope_push(&scope))
		return CPL_STREAM_POLICY_VIOLATION;
	flush_text(build);
	error = declare_namespaces(build, atts);
	if (!error)
		error = scope_split(raw, &name);
	if (error)
		return error;
	ns = scope_find(&scope, name.prefix);
	if (!ns)
		return CPL_STREAM_NOT_WELL_FORMED;
	e = open_element(build, ns, name.local);
	if (!build->open) {
		build->stanza->root = e;
		build->stanza->kind = kind_of(e);
	}
	build->open = e;
	return read_attributes(build, e, atts);
}

static void on_start(void *data, const char *raw, const char **atts)
{
	struct build *build = data;
	enum cpl_stream_error error;

	if (build->frame.error)
		return;
	error = start_element(build, raw, atts);
	if (error)
		lease_fail(&build->frame, error);
}

static void on_end(void *data, const char *raw)
{
	struct build *build = data;

	if (build->frame.error)
		return;
	if (!build->open) { /* the end tag of the stream itself */
		lease_fail(&build->frame, CPL_STREAM_NOT_WELL_FORMED);
		return;
	}
	flush_text(build);
	scope_pop(&scope);
	build->open = build->open->parent;
	if (build->open)
		return;
	if (lease_at_end(&build->frame))
		build->frame.complete = true;
	else
		lease_fail(&build->frame, CPL_STREAM_NOT_WELL_FORMED);
}

static void on_text(void *data, const char *bytes, int len)
{
	struct build *build = data;

	if (build->frame.error)
		return;
	if (build->open)
		cpl_buf_add(build->text, (struct cpl_str){bytes, (size_t)len});
	else
		lease_fail(&build->frame, CPL_STREAM_NOT_WELL_FORMED);
}

static enum cpl_stream_error expat_parse(struct cpl_str frame, enum cpl_ns content,
					 const struct xml_prefixes *prefixes, struct cpl_stanza **stanza)
{
	static const struct lease_handlers handlers = {on_start, on_end, on_text, NULL};
	struct build build = {.content = content, .text = lease_scratch()};
	struct scope_ns outer = {(uint16_t)content, names_ns_text((uint16_t)content)};

	if (content == CPL_NS_UNKNOWN)
		outer = (struct scope_ns){CPL_NS_NONE, names_ns_text(CPL_NS_NONE)};
	build.stanza = stanza_blank();
	build.stanza->kind = CPL_NONZA;
	build.arena = build.stanza->arena;
	build.stanza->wire_size = (uint32_t)frame.len;
	scope_init(&scope, outer, prefixes);
	if (lease_parse(frame, false, &handlers, &build.frame))
		cpl_stanza_unref(&build.stanza);
	*stanza = build.stanza;
	return build.frame.error;
}

enum cpl_stream_error xml_parse_child(struct cpl_str frame, enum cpl_ns content,
				      const struct xml_prefixes *prefixes, struct cpl_stanza **stanza)
{
	struct cpl_stanza *strict = strict_mode == STRICT_OFF ? NULL : strict_parse(frame, content);
	enum cpl_stream_error error;

	if (strict && strict_mode == STRICT_ON) {
		*stanza = strict;
		return CPL_STREAM_OK;
	}
	error = expat_parse(frame, content, prefixes, stanza);
	/* Only tests compare; there a difference is a bug that must not pass. */
	if (strict && (error != CPL_STREAM_OK || !strict_same(strict, *stanza)))
		abort();
	cpl_stanza_unref(&strict);
	return error;
}
