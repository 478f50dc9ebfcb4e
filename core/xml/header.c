/* SPDX-License-Identifier: MIT */
/* Parsing of a framed stream header (RFC 6120 4.7 and 4.8). */
#include "core/xml/lease.h"
#include "core/xml/names.h"
#include "core/xml/scope.h"
#include "core/xml/strict.h"
#include <stdlib.h>
#include <strings.h>

struct header_build {
	struct lease_frame frame;
	struct cpl_arena *arena;
	struct cpl_stream_header *header;
	struct scope *scope;
};

static enum cpl_ns content_of(const struct scope_ns *ns)
{
	switch (ns->id) {
	case CPL_NS_CLIENT:
	case CPL_NS_SERVER:
	case CPL_NS_COMPONENT:
		return (enum cpl_ns)ns->id;
	default:
		return CPL_NS_UNKNOWN;
	}
}

/* An attribute that the header's struct has no member for is ignored, as RFC 6120 4.7 leaves room for more.
 */
static void read_attribute(struct header_build *build, const struct scope_ns *ns, struct cpl_str name,
			   const char *value)
{
	struct cpl_stream_header *header = build->header;
	struct cpl_str *member = NULL;

	if (ns) {
		if (ns->id == CPL_NS_XML && cpl_str_is(name, "lang"))
			member = &header->lang;
	} else if (cpl_str_is(name, "to")) {
		member = &header->to;
	} else if (cpl_str_is(name, "from")) {
		member = &header->from;
	} else if (cpl_str_is(name, "id")) {
		member = &header->id;
	} else if (cpl_str_is(name, "version")) {
		member = &header->version;
	}
	if (member)
		*member = cpl_arena_copy(build->arena, cpl_str_of(value));
}

static enum cpl_stream_error read_header(struct header_build *build, const char *raw, const char **atts)
{
	enum cpl_stream_error error;
	const struct scope_ns *ns;
	struct scope_name name;

	for (unsigned i = 0; atts[2 * i]; i++) {
		if (i == XML_ATTRIBUTES_MAX)
			return CPL_STREAM_POLICY_VIOLATION;
		error = CPL_STREAM_OK;
		if (scope_is_declaration(atts[2 * i]))
			error = scope_declare(build->scope, atts[2 * i], atts[2 * i + 1], build->arena);
		if (error)
			return error;
	}
	for (unsigned i = 0; atts[2 * i]; i++) {
		if (scope_is_declaration(atts[2 * i]))
			continue;
		error = scope_split(atts[2 * i], &name);
		if (error)
			return error;
		ns = name.prefix.ptr ? scope_find(build->scope, name.prefix) : NULL;
		if (name.prefix.ptr && !ns)
			return CPL_STREAM_NOT_WELL_FORMED;
		read_attribute(build, ns, name.local, atts[2 * i + 1]);
	}
	error = scope_split(raw, &name);
	if (error)
		return error;
	ns = scope_find(build->scope, name.prefix);
	if (!ns)
		return CPL_STREAM_NOT_WELL_FORMED;
	build->header->content = content_of(scope_find(build->scope, CPL_NONE));
	build->header->wrong_namespace = ns->id != CPL_NS_STREAM || !cpl_str_is(name.local, "stream");
	build->header->wrong_prefix = !build->header->wrong_namespace && !cpl_str_is(name.prefix, "stream");
	return CPL_STREAM_OK;
}

static void on_start(void *data, const char *raw, const char **atts)
{
	struct header_build *build = data;
	enum cpl_stream_error error;

	if (build->frame.error)
		return;
	error = build->frame.complete ? CPL_STREAM_NOT_WELL_FORMED : read_header(build, raw, atts);
	if (!error && !lease_at_end(&build->frame))
		error = CPL_STREAM_NOT_WELL_FORMED;
	if (error)
		lease_fail(&build->frame, error);
	else
		build->frame.complete = true;
}

/* "<stream:stream/>": a stream that is over before it began. */
static void on_end(void *data, const char *raw)
{
	struct header_build *build = data;

	if (!build->frame.error)
		lease_fail(&build->frame, CPL_STREAM_NOT_WELL_FORMED);
}

static void on_declaration(void *data, const char *version, const char *encoding, int standalone)
{
	struct header_build *build = data;

	if (!build->frame.error && encoding && strcasecmp(encoding, "UTF-8") != 0)
		lease_fail(&build->frame, CPL_STREAM_UNSUPPORTED_ENCODING);
}

static enum cpl_stream_error expat_parse(struct cpl_str frame, struct cpl_arena *arena,
					 struct cpl_stream_header *header, struct xml_prefixes **prefixes)
{
	static const struct lease_handlers handlers = {on_start, on_end, NULL, on_declaration};
	struct scope *scope = CPL_NEW(struct scope);
	struct header_build build = {.arena = arena, .header = header, .scope = scope};

	*header = (struct cpl_stream_header){0};
	scope_init(scope, (struct scope_ns){CPL_NS_NONE, names_ns_text(CPL_NS_NONE)}, NULL);
	if (!lease_parse(frame, true, &handlers, &build.frame))
		*prefixes = scope_keep(scope);
	cpl_free(scope);
	return build.frame.error;
}

enum cpl_stream_error xml_parse_header(struct cpl_str frame, struct cpl_arena *arena,
				       struct cpl_stream_header *header, struct xml_prefixes **prefixes)
{
	struct cpl_stream_header strict;
	bool taken = strict_mode != STRICT_OFF && strict_parse_header(frame, arena, &strict);
	enum cpl_stream_error error;

	*prefixes = NULL;
	if (taken && strict_mode == STRICT_ON) {
		*header = strict;
		return CPL_STREAM_OK;
	}
	error = expat_parse(frame, arena, header, prefixes);
	/* Only tests compare; there a difference is a bug that must not pass. */
	if (taken && (error != CPL_STREAM_OK || *prefixes || !strict_same_header(&strict, header)))
		abort();
	return error;
}
