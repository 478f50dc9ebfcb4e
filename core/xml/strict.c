/* SPDX-License-Identifier: MIT */
/*
 * The strict parser. The frame is copied once into the stanza's arena and taken apart in place: names, values and texts are views of the copy, with entities
 * resolved where they stand. The copy ends in NUL, which every scan stops at.
 *
 * UNSAFE: raw pointers move through the copy. Each loop stops at the NUL behind its end; nothing is written but at or before the reading position.
 */
#include "core/xml/strict.h"

#include "core/xml/element.h"
#include "core/xml/names.h"

enum { DEPTH_MAX = 64, ATTRIBUTES_MAX = 32 };

enum strict_mode strict_mode = STRICT_ON;

struct attribute {
	struct cpl_str name;
	struct cpl_str value;
	bool lang; /* xml:lang */
};

struct reader {
	char *at;
	struct cpl_arena *arena;
	struct cpl_stanza *stanza;
	struct cpl_element *open;
	struct attribute attributes[ATTRIBUTES_MAX];
	unsigned count;
	struct cpl_str xmlns; /* declared by the tag at hand */
	unsigned depth;
	uint16_t content;
};

/* Bytes by what may stop a scan. */
enum {
	NAME = 1,    /* may stand in a name */
	INITIAL = 2, /* may begin one */
	TEXT = 4,    /* plain in text */
	VALUE = 8,   /* plain in an attribute value, quotes aside */
	SPACE = 16,
};
#define LETTER (NAME | INITIAL | TEXT | VALUE)
#define PLAIN  (TEXT | VALUE)
static const unsigned char class[256] = {
	['\t'] = SPACE | TEXT, ['\n'] = SPACE | TEXT, ['\r'] = SPACE, [' '] = SPACE | PLAIN,
	['!'] = PLAIN, ['#'] = PLAIN, ['$'] = PLAIN, ['%'] = PLAIN, ['('] = PLAIN, [')'] = PLAIN, ['*'] = PLAIN, ['+'] = PLAIN, [','] = PLAIN,
	['/'] = PLAIN, [':'] = PLAIN, [';'] = PLAIN, ['='] = PLAIN, ['>'] = PLAIN, ['?'] = PLAIN, ['@'] = PLAIN, ['['] = PLAIN, ['\\'] = PLAIN,
	['^'] = PLAIN, ['`'] = PLAIN, ['{'] = PLAIN, ['|'] = PLAIN, ['}'] = PLAIN, ['~'] = PLAIN, [0x7f] = PLAIN,
	['\''] = TEXT, ['"'] = TEXT, [']'] = VALUE,
	['-'] = NAME | PLAIN, ['.'] = NAME | PLAIN, ['0' ... '9'] = NAME | PLAIN,
	['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER, ['_'] = LETTER,
};

static inline bool is(char c, unsigned char what)
{
	return class[(unsigned char)c] & what;
}

/* Length of the well-formed UTF-8 sequence of an XML character at `at`, 0 for anything else. A NUL ends every look ahead. */
static unsigned utf8_length(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	if (b[0] < 0xC2 || b[0] > 0xF4 || (b[1] & 0xC0) != 0x80)
		return 0;
	if (b[0] < 0xE0)
		return 2;
	if ((b[2] & 0xC0) != 0x80)
		return 0;
	if (b[0] < 0xF0) {
		if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) || (b[0] == 0xEF && b[1] == 0xBF && b[2] > 0xBD))
			return 0;
		return 3;
	}
	if ((b[3] & 0xC0) != 0x80 || (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F))
		return 0;
	return 4;
}

/* The character of a predefined entity at "&", and how long its reference is; 0: another one. */
static unsigned entity(const char *at, char *c)
{
	static const struct {
		char text[8];
		unsigned char len;
		char c;
	} entities[] = {{"&amp;", 5, '&'}, {"&lt;", 4, '<'}, {"&gt;", 4, '>'}, {"&apos;", 6, '\''}, {"&quot;", 6, '"'}};

	for (unsigned i = 0; i < sizeof entities / sizeof *entities; i++) {
		if (strncmp(at, entities[i].text, entities[i].len) == 0) {
			*c = entities[i].c;
			return entities[i].len;
		}
	}
	return 0;
}

/*
 * Reads characters of class `plain` up to one that is not, resolving entities in place; false for what is declined. *out is the result, r->at
 * stands at the byte that ended it.
 */
static bool read_characters(struct reader *r, unsigned char plain, struct cpl_str *out)
{
	char *begin = r->at, *from = r->at, *to;

	while (is(*from, plain))
		from++;
	to = from;
	for (;;) {
		unsigned len;

		if (*from == '&') {
			len = entity(from, to);
			if (!len)
				return false;
			to++;
			from += len;
		} else if ((unsigned char)*from >= 0x80) {
			len = utf8_length(from);
			if (!len)
				return false;
			memmove(to, from, len);
			to += len;
			from += len;
		} else if (is(*from, plain)) {
			*to++ = *from++;
		} else {
			break;
		}
	}
	*out = (struct cpl_str){begin, (size_t)(to - begin)};
	r->at = from;
	return true;
}

static bool read_name(struct reader *r, struct cpl_str *name)
{
	char *begin = r->at;

	if (!is(*r->at, INITIAL))
		return false;
	while (is(*r->at, NAME))
		r->at++;
	*name = (struct cpl_str){begin, (size_t)(r->at - begin)};
	return name->len <= XML_NAME_MAX;
}

static bool skip_space(struct reader *r)
{
	char *begin = r->at;

	while (is(*r->at, SPACE))
		r->at++;
	return r->at > begin;
}

static bool read_value(struct reader *r, struct cpl_str *value)
{
	char quote;

	if (*r->at != '=')
		return false;
	quote = *++r->at;
	if (quote != '\'' && quote != '"')
		return false;
	r->at++;
	*value = (struct cpl_str){r->at, 0};
	for (;;) {
		struct cpl_str part;

		if (!read_characters(r, VALUE, &part))
			return false;
		if (part.ptr != value->ptr + value->len)
			memmove((char *)value->ptr + value->len, part.ptr, part.len);
		value->len += part.len;
		if (*r->at == quote)
			break;
		if (*r->at != '\'' && *r->at != '"')
			return false;
		/* The other kind of quote is a character like any other. */
		((char *)value->ptr)[value->len++] = *r->at++;
	}
	r->at++;
	((char *)value->ptr)[value->len] = '\0';
	return true;
}

static bool read_attribute(struct reader *r)
{
	struct attribute *attribute = &r->attributes[r->count];

	if (r->count == ATTRIBUTES_MAX || !read_name(r, &attribute->name))
		return false;
	attribute->lang = false;
	if (*r->at == ':') {
		if (!cpl_str_is(attribute->name, "xml") || strncmp(r->at, ":lang=", 6) != 0)
			return false;
		attribute->name = CPL_STR("lang");
		attribute->lang = true;
		r->at += 5;
	}
	if (!read_value(r, &attribute->value))
		return false;
	if (!attribute->lang && cpl_str_is(attribute->name, "xmlns")) {
		if (r->xmlns.ptr || attribute->value.len == 0)
			return false;
		r->xmlns = attribute->value;
		return true;
	}
	for (unsigned i = 0; i < r->count; i++)
		if (r->attributes[i].lang == attribute->lang && cpl_str_equal(r->attributes[i].name, attribute->name))
			return false;
	r->count++;
	return true;
}

/* ---- the tree ---- */

static enum cpl_kind kind_of(const struct cpl_element *root)
{
	if (root->ns_id != CPL_NS_CONTENT)
		return CPL_NONZA;
	return root->name_id == NAMES_MESSAGE	 ? CPL_MESSAGE
	       : root->name_id == NAMES_PRESENCE ? CPL_PRESENCE
	       : root->name_id == NAMES_IQ	 ? CPL_IQ
						 : CPL_NONZA;
}

/* Into a member of the stanza; false when the attribute stays in the list. */
static bool lift(struct cpl_stanza *stanza, const struct attribute *attribute)
{
	if (attribute->lang)
		stanza->lang = attribute->value;
	else if (cpl_str_is(attribute->name, "to"))
		stanza->to_text = attribute->value;
	else if (cpl_str_is(attribute->name, "from"))
		stanza->from_text = attribute->value;
	else if (cpl_str_is(attribute->name, "id"))
		stanza->id = attribute->value;
	else if (cpl_str_is(attribute->name, "type"))
		return (stanza->type = type_of(stanza->kind, attribute->value)) != CPL_TYPE_UNKNOWN;
	else
		return false;
	return true;
}

static void add_attributes(struct reader *r, struct cpl_element *e)
{
	bool lifting = !e->parent && r->stanza->kind != CPL_NONZA;
	struct cpl_attr **link = &e->attrs;

	for (unsigned i = 0; i < r->count; i++) {
		const struct attribute *attribute = &r->attributes[i];
		struct cpl_attr *attr;

		if (lifting && lift(r->stanza, attribute))
			continue;
		attr = cpl_arena_alloc(r->arena, sizeof *attr);
		attr->name = attribute->name;
		attr->value = attribute->value;
		attr->ns = attribute->lang ? names_ns_text(CPL_NS_XML) : CPL_NONE;
		*link = attr;
		link = &attr->next;
	}
}

/* False for namespaces that need expat's judgement: the two reserved ones. */
static bool namespace_of(struct reader *r, uint16_t *id, struct cpl_str *text)
{
	const struct cpl_element *parent = r->open;

	if (r->xmlns.ptr) {
		*id = names_ns(r->xmlns);
		*text = *id ? names_ns_text(*id) : r->xmlns;
		if (*id == CPL_NS_XML || *id == CPL_NS_NONE || cpl_str_is(r->xmlns, "http://www.w3.org/2000/xmlns/"))
			return false;
	} else if (!parent) {
		*id = r->content;
	} else {
		*id = parent->ns_id;
		*text = parent->ns;
		return true;
	}
	if (*id == r->content && (!parent || parent->ns_id == CPL_NS_CONTENT)) {
		*id = CPL_NS_CONTENT;
		*text = CPL_NONE;
	}
	return true;
}

static bool read_start_tag(struct reader *r)
{
	struct cpl_str name, ns = CPL_NONE;
	uint16_t name_id, ns_id;
	struct cpl_element *e;
	bool space;

	if (r->depth == DEPTH_MAX || !read_name(r, &name))
		return false;
	r->count = 0;
	r->xmlns = CPL_NONE;
	while ((space = skip_space(r)), is(*r->at, INITIAL))
		if (!space || !read_attribute(r))
			return false;
	if (!namespace_of(r, &ns_id, &ns))
		return false;
	name_id = names_local(name);
	e = element_add(r->arena, r->open, ns_id, ns, name_id, name_id ? names_local_text(name_id) : name);
	if (!r->open) {
		r->stanza->root = e;
		r->stanza->kind = kind_of(e);
	}
	add_attributes(r, e);
	if (*r->at == '>') {
		r->at++;
		r->open = e;
		r->depth++;
		return true;
	}
	if (r->at[0] != '/' || r->at[1] != '>')
		return false;
	r->at += 2;
	return true;
}

static bool read_end_tag(struct reader *r)
{
	struct cpl_str name;

	if (!read_name(r, &name) || !cpl_str_equal(name, r->open->name))
		return false;
	skip_space(r);
	if (*r->at != '>')
		return false;
	r->at++;
	r->open = r->open->parent;
	r->depth--;
	return true;
}

/* Text up to the next tag, as one node. A "]" is declined, as it may begin what may not stand there. */
static bool read_text(struct reader *r)
{
	struct cpl_text *node;
	struct cpl_str text;

	if (!read_characters(r, TEXT, &text))
		return false;
	if (*r->at != '<')
		return false;
	if (text.len == 0)
		return true;
	node = cpl_arena_alloc(r->arena, sizeof *node);
	node->node.kind = CPL_NODE_TEXT;
	node->text = text;
	if (r->open->last)
		r->open->last->next = &node->node;
	else
		r->open->first = &node->node;
	r->open->last = &node->node;
	return true;
}

static bool read_all(struct reader *r, const char *end)
{
	if (*r->at++ != '<' || !read_start_tag(r))
		return false;
	while (r->open) {
		if (!read_text(r))
			return false;
		r->at++;
		if (*r->at == '/') {
			r->at++;
			if (!read_end_tag(r))
				return false;
		} else if (!read_start_tag(r)) {
			return false;
		}
	}
	return r->at == end;
}

struct cpl_stanza *strict_parse(struct cpl_str frame, enum cpl_ns content)
{
	struct reader r = {.content = (uint16_t)content};
	char *copy;

	if (content == CPL_NS_UNKNOWN || frame.len == 0)
		return NULL;
	r.stanza = stanza_blank();
	r.stanza->kind = CPL_NONZA;
	r.stanza->wire_size = (uint32_t)frame.len;
	r.arena = r.stanza->arena;
	copy = cpl_arena_alloc(r.arena, frame.len + 1);
	memcpy(copy, frame.ptr, frame.len);
	r.at = copy;
	if (!read_all(&r, copy + frame.len))
		cpl_stanza_unref(&r.stanza);
	return r.stanza;
}

/* ---- comparing ---- */

static bool same_str(struct cpl_str a, struct cpl_str b)
{
	return !a.ptr == !b.ptr && cpl_str_equal(a, b);
}

static bool same_attributes(const struct cpl_attr *a, const struct cpl_attr *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (!same_str(a->name, b->name) || !same_str(a->value, b->value) || !same_str(a->ns, b->ns))
			return false;
	return !a && !b;
}

static bool same_elements(const struct cpl_element *a, const struct cpl_element *b)
{
	const struct cpl_node *x = a->first, *y = b->first;

	if (a->ns_id != b->ns_id || a->name_id != b->name_id || !same_str(a->ns, b->ns) || !same_str(a->name, b->name) ||
	    !same_attributes(a->attrs, b->attrs))
		return false;
	for (; x && y; x = x->next, y = y->next) {
		if (x->kind != y->kind)
			return false;
		if (x->kind == CPL_NODE_TEXT ? !same_str(as_text(x)->text, as_text(y)->text) : !same_elements(as_element(x), as_element(y)))
			return false;
	}
	return !x && !y;
}

bool strict_same(const struct cpl_stanza *a, const struct cpl_stanza *b)
{
	return a->kind == b->kind && a->type == b->type && a->wire_size == b->wire_size && same_str(a->id, b->id) && same_str(a->lang, b->lang) &&
	       same_str(a->to_text, b->to_text) && same_str(a->from_text, b->from_text) && same_elements(a->root, b->root);
}
