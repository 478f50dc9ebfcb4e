/* SPDX-License-Identifier: MIT */
/* Reading back what was stored or forwarded. Here and not in core/xml because addresses are parsed. */
#include "core/base/account.h"
#include "core/xml/element.h"
#include "core/xml/names.h"
#include "core/xml/parser.h"
#include "core/xmpp/claims.h"
#include <couplet/stanza.h>

static bool read_address(struct cpl_jid *jid, struct cpl_str text, struct cpl_arena *arena)
{
	return !text.ptr || cpl_jid_parse(jid, text, arena) == 0;
}

struct cpl_stanza *cpl_stanza_read(struct cpl_str bytes, struct cpl_error *error)
{
	struct cpl_stanza *stanza;
	enum cpl_stream_error broken = xml_parse_child(bytes, CPL_NS_CLIENT, NULL, &stanza);

	if (broken) {
		cpl_fail(error, CPL_E_CORRUPT, "the stored stanza is not XML that can be read: %s",
			 cpl_stream_error_name(broken));
		return NULL;
	}
	if (stanza->kind == CPL_NONZA)
		cpl_fail(error, CPL_E_CORRUPT, "the stored element <%.*s/> is not a stanza",
			 CPL_ARG(stanza->root->name));
	else if (!read_address(&stanza->to, stanza->to_text, stanza->arena))
		cpl_fail(error, CPL_E_CORRUPT, "the stored stanza's 'to' is not an address");
	else if (!read_address(&stanza->from, stanza->from_text, stanza->arena))
		cpl_fail(error, CPL_E_CORRUPT, "the stored stanza's 'from' is not an address");
	else
		return stanza;
	cpl_stanza_unref(&stanza);
	return NULL;
}

struct cpl_element *cpl_add_xml(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str xml, struct cpl_error *error)
{
	struct cpl_element *last = NULL, *first = NULL;
	enum cpl_stream_error broken;
	struct cpl_stanza *wrapped;
	struct cpl_buf text = {0};
	struct account *caller;

	cpl_buf_add(&text, CPL_STR("<stored xmlns='urn:stored'>"));
	cpl_buf_add(&text, xml);
	cpl_buf_add(&text, CPL_STR("</stored>"));
	caller = account_as_core();
	broken = xml_parse_child(cpl_buf_str(&text), CPL_NS_CLIENT, NULL, &wrapped);
	account_back(caller);
	cpl_buf_finish(&text);
	if (broken) {
		cpl_fail(error, CPL_E_CORRUPT, "the stored text is not XML that can be read: %s", cpl_stream_error_name(broken));
		return NULL;
	}
	CPL_CHILDREN(child, wrapped->root)
	{
		last = cpl_add_copy(stanza, parent, child);
		first = first ? first : last;
	}
	if (!first)
		cpl_fail(error, CPL_E_CORRUPT, "the stored text has no element");
	cpl_stanza_unref(&wrapped);
	return first;
}

/* ---- forwarded ones ---- */

/* jabber:client was a namespace of its own inside the other stanza; in this one it is the content. */
static void make_content(struct cpl_element *e)
{
	if (e->ns_id != CPL_NS_CLIENT)
		return;
	e->ns_id = CPL_NS_CONTENT;
	e->ns = CPL_NONE;
	CPL_CHILDREN(child, e)
		make_content(child);
}

static void take_attribute(struct cpl_stanza *stanza, const struct cpl_attr *attr, bool *good)
{
	struct cpl_str value = cpl_arena_copy(stanza->arena, attr->value);

	if (attr->ns.ptr) {
		if (cpl_str_is(attr->name, "lang") && cpl_str_equal(attr->ns, names_ns_text(CPL_NS_XML)))
			stanza->lang = value;
	} else if (cpl_str_is(attr->name, "to")) {
		*good = *good && read_address(&stanza->to, value, stanza->arena);
	} else if (cpl_str_is(attr->name, "from")) {
		*good = *good && read_address(&stanza->from, value, stanza->arena);
	} else if (cpl_str_is(attr->name, "id")) {
		stanza->id = value;
	} else if (cpl_str_is(attr->name, "type")) {
		stanza->type = type_of(stanza->kind, value);
		if (stanza->type == CPL_TYPE_UNKNOWN && stanza->kind == CPL_MESSAGE)
			stanza->type = CPL_TYPE_NORMAL;
		*good = *good && stanza->type != CPL_TYPE_UNKNOWN;
	}
}

struct cpl_stanza *cpl_stanza_restore(const struct cpl_element *e)
{
	struct cpl_stanza *stanza;
	enum cpl_kind kind = CPL_MESSAGE;
	bool good = true;

	while (kind < CPL_NONZA && !cpl_str_equal(e->name, kind_text(kind)))
		kind++;
	if (e->ns_id != CPL_NS_CLIENT || kind == CPL_NONZA)
		return NULL;
	stanza = cpl_stanza_create(kind, CPL_TYPE_NONE);
	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next)
		take_attribute(stanza, attr, &good);
	for (const struct cpl_node *node = e->first; node; node = node->next) {
		if (node->kind == CPL_NODE_TEXT)
			element_add_text(stanza->arena, stanza->root, as_text(node)->text);
		else
			make_content(element_copy(stanza->arena, stanza->root, as_element(node), CPL_NS_CONTENT));
	}
	if (!good)
		cpl_stanza_unref(&stanza);
	return stanza;
}

struct cpl_stanza *cpl_stanza_unwrap(const struct cpl_element *e)
{
	struct cpl_stanza *stanza = cpl_stanza_restore(e);

	if (stanza && stanza->kind != CPL_IQ)
		claims_strip(stanza, NULL);
	return stanza;
}
