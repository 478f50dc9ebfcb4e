/* SPDX-License-Identifier: MIT */
/*
 * Serialising, straight into the buffer. Nearly every element is written without a prefix, so the default
 * namespace inside an element is its own, and a declaration is due exactly where a child's namespace differs
 * from its parent's.
 */
#include "core/xml/element.h"
#include "core/xml/names.h"

struct writer {
	struct cpl_buf *out;
	enum cpl_ns content;
	bool prefixed; /* elements of the stream's namespace use the prefix that every stream header declares
			  (RFC 6120 4.8.5) */
};

static inline void put(struct cpl_buf *out, const char *bytes, size_t len)
{
	if (out->size - out->len <= len)
		cpl_buf_reserve(out, len + 1);
	memcpy(out->ptr + out->len, bytes, len);
	out->len += len;
}

#define PUT(out, literal) put(out, "" literal, sizeof(literal) - 1)

static inline void put_str(struct cpl_buf *out, struct cpl_str s)
{
	put(out, s.ptr, s.len);
}

/*
 * What must be escaped: 1 in text and attributes, 2 in attributes only (a parser makes spaces of them).
 * Control characters are in no XML document; text that holds one all the same is written with U+FFFD in its
 * place.
 */
static const unsigned char special[256] = {
	1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1,	     1,		1,	   1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ['&'] = 1, ['<'] = 1, ['>'] = 1, ['\''] = 2,
};

static struct cpl_str escape_of(unsigned char c)
{
	switch (c) {
	case '&':
		return CPL_STR("&amp;");
	case '<':
		return CPL_STR("&lt;");
	case '>':
		return CPL_STR("&gt;");
	case '\'':
		return CPL_STR("&apos;");
	case '\t':
		return CPL_STR("&#9;");
	case '\n':
		return CPL_STR("&#10;");
	case '\r':
		return CPL_STR("&#13;");
	default:
		return CPL_STR("\xEF\xBF\xBD");
	}
}

static inline void put_escaped(struct cpl_buf *out, struct cpl_str s, unsigned char mask)
{
	const char *run = s.ptr, *end = s.ptr + s.len;

	for (const char *at = s.ptr; at < end; at++) {
		if (__builtin_expect(!(special[(unsigned char)*at] & mask), 1))
			continue;
		put(out, run, (size_t)(at - run));
		put_str(out, escape_of((unsigned char)*at));
		run = at + 1;
	}
	put(out, run, (size_t)(end - run));
}

static void put_value(struct cpl_buf *out, struct cpl_str value)
{
	put_escaped(out, value, 3);
	PUT(out, "'");
}

/* The namespaces with a prefix of their own; that of XML may not even be a default one. */
static inline bool has_prefix(const struct writer *w, const struct cpl_element *e)
{
	return e->ns_id == CPL_NS_XML || (e->ns_id == CPL_NS_STREAM && w->prefixed);
}

static void put_tag_name(const struct writer *w, const struct cpl_element *e)
{
	if (e->ns_id == CPL_NS_XML)
		PUT(w->out, "xml:");
	else if (has_prefix(w, e))
		PUT(w->out, "stream:");
	put_str(w->out, e->name);
}

/* True when `e` stands where its namespace is the default one already. */
static bool in_scope(const struct writer *w, const struct cpl_element *e)
{
	const struct cpl_element *outer = e->parent;

	while (outer && has_prefix(w, outer))
		outer = outer->parent;
	if (!outer)
		return e->ns_id == CPL_NS_CONTENT || e->ns_id == w->content;
	return e->ns_id == outer->ns_id && (e->ns_id || cpl_str_equal(e->ns, outer->ns));
}

static void put_namespace(const struct writer *w, const struct cpl_element *e)
{
	if (has_prefix(w, e) || in_scope(w, e))
		return;
	PUT(w->out, " xmlns='");
	put_value(w->out, e->ns_id == CPL_NS_CONTENT ? names_ns_text((uint16_t)w->content) : e->ns);
}

/* An attribute in a namespace gets a prefix declared on the spot; the number is that of the first attribute
 * with this namespace. */
static void put_prefix(const struct writer *w, const struct cpl_element *e, const struct cpl_attr *attr)
{
	const struct cpl_attr *first = e->attrs;
	unsigned number = 0;

	if (cpl_str_equal(attr->ns, names_ns_text(CPL_NS_XML))) {
		PUT(w->out, " xml:");
		return;
	}
	for (; !first->ns.ptr || !cpl_str_equal(first->ns, attr->ns); first = first->next)
		number++;
	if (first == attr) {
		cpl_buf_addf(w->out, " xmlns:a%u='", number);
		put_value(w->out, attr->ns);
	}
	cpl_buf_addf(w->out, " a%u:", number);
}

static void put_attrs(const struct writer *w, const struct cpl_element *e, const struct cpl_stanza *members)
{
	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next) {
		/* What the stanza's members say counts; an unknown type has no member that could say it. */
		if (members && !attr->ns.ptr &&
		    (cpl_str_is(attr->name, "to") || cpl_str_is(attr->name, "from") ||
		     cpl_str_is(attr->name, "id") ||
		     (cpl_str_is(attr->name, "type") && members->type != CPL_TYPE_UNKNOWN)))
			continue;
		if (attr->ns.ptr)
			put_prefix(w, e, attr);
		else
			PUT(w->out, " ");
		put_str(w->out, attr->name);
		PUT(w->out, "='");
		put_value(w->out, attr->value);
	}
}

static void put_address(struct cpl_buf *out, const char *name, struct cpl_jid given, struct cpl_jid own,
			struct cpl_str text)
{
	if (cpl_jid_is_set(given))
		text = cpl_jid_str(given);
	else if (cpl_jid_is_set(own))
		text = cpl_jid_str(own);
	if (!text.ptr)
		return;
	put(out, name, strlen(name));
	put_value(out, text);
}

static void put_members(struct cpl_buf *out, const struct cpl_stanza *stanza, struct cpl_jid from,
			struct cpl_jid to)
{
	struct cpl_str type = type_text(stanza->type);

	put_address(out, " from='", from, stanza->from, stanza->from_text);
	put_address(out, " to='", to, stanza->to, stanza->to_text);
	if (stanza->id.ptr) {
		PUT(out, " id='");
		put_value(out, stanza->id);
	}
	if (type.ptr) {
		PUT(out, " type='");
		put_str(out, type);
		PUT(out, "'");
	}
	if (stanza->lang.ptr) {
		PUT(out, " xml:lang='");
		put_value(out, stanza->lang);
	}
}

static void open_tag(const struct writer *w, const struct cpl_element *e)
{
	PUT(w->out, "<");
	put_tag_name(w, e);
	put_namespace(w, e);
}

static void close_element(const struct writer *w, const struct cpl_element *e)
{
	PUT(w->out, "</");
	put_tag_name(w, e);
	PUT(w->out, ">");
}

/* The inside of `root`, element by element; no recursion, as depth is a peer's choice. */
static void put_inside(const struct writer *w, const struct cpl_element *root)
{
	const struct cpl_element *e = root;
	const struct cpl_node *node = root->first;

	for (;;) {
		if (!node) {
			if (e == root)
				return;
			close_element(w, e);
			node = e->node.next;
			e = e->parent;
		} else if (node->kind == CPL_NODE_TEXT) {
			put_escaped(w->out, as_text(node)->text, 1);
			node = node->next;
		} else {
			const struct cpl_element *child = as_element(node);

			open_tag(w, child);
			if (child->attrs)
				put_attrs(w, child, NULL);
			if (child->first) {
				PUT(w->out, ">");
				e = child;
				node = child->first;
			} else {
				PUT(w->out, "/>");
				node = node->next;
			}
		}
	}
}

void cpl_stanza_write_to(const struct cpl_stanza *stanza, enum cpl_ns content, struct cpl_jid from,
			 struct cpl_jid to, struct cpl_str suffix, struct cpl_buf *out)
{
	const struct writer w = {out, content, stanza->kind == CPL_NONZA};
	const struct cpl_element *root = stanza->root;

	open_tag(&w, root);
	if (stanza->kind != CPL_NONZA)
		put_members(out, stanza, from, to);
	if (root->attrs)
		put_attrs(&w, root, stanza->kind != CPL_NONZA ? stanza : NULL);
	if (!root->first && !suffix.len) {
		PUT(out, "/>");
	} else {
		PUT(out, ">");
		put_inside(&w, root);
		if (suffix.len)
			put_str(out, suffix);
		close_element(&w, root);
	}
	out->ptr[out->len] = '\0';
}

void cpl_stanza_write(const struct cpl_stanza *stanza, enum cpl_ns content, struct cpl_buf *out)
{
	cpl_stanza_write_to(stanza, content, (struct cpl_jid){0}, (struct cpl_jid){0}, CPL_NONE, out);
}

void cpl_element_write(const struct cpl_element *e, struct cpl_buf *out)
{
	const struct writer w = {out, CPL_NS_CLIENT, false};

	PUT(out, "<");
	put_tag_name(&w, e);
	if (e->ns_id != CPL_NS_XML) {
		PUT(out, " xmlns='");
		put_value(out, e->ns_id == CPL_NS_CONTENT ? names_ns_text(CPL_NS_CLIENT) : e->ns);
	}
	put_attrs(&w, e, NULL);
	if (e->first) {
		PUT(out, ">");
		put_inside(&w, e);
		close_element(&w, e);
	} else {
		PUT(out, "/>");
	}
	out->ptr[out->len] = '\0';
}
