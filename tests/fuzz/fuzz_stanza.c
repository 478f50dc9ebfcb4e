/* SPDX-License-Identifier: MIT */
/* Parse, write, parse: the trees must be equal, and so must copies. The first byte chooses the content
 * namespace. */
#include "core/xml/parser.h"
#include "tests/fuzz/fuzz.h"

static bool same(struct cpl_str a, struct cpl_str b)
{
	return !a.ptr == !b.ptr && cpl_str_equal(a, b);
}

static void compare_elements(const struct cpl_element *a, const struct cpl_element *b);

static void compare_nodes(const struct cpl_node *a, const struct cpl_node *b)
{
	for (; a && b; a = a->next, b = b->next) {
		CHECK(a->kind == b->kind);
		if (a->kind == CPL_NODE_ELEMENT)
			compare_elements((const struct cpl_element *)a, (const struct cpl_element *)b);
		else
			CHECK(same(((const struct cpl_text *)a)->text, ((const struct cpl_text *)b)->text));
	}
	CHECK(!a && !b);
}

/* By order: the writer keeps it. */
static void compare_attrs(const struct cpl_attr *a, const struct cpl_attr *b)
{
	for (; a && b; a = a->next, b = b->next) {
		CHECK(same(a->name, b->name) && same(a->value, b->value) && same(a->ns, b->ns));
		CHECK(a->value.ptr[a->value.len] == '\0' && b->value.ptr[b->value.len] == '\0');
	}
	CHECK(!a && !b);
}

static void compare_elements(const struct cpl_element *a, const struct cpl_element *b)
{
	CHECK(a->ns_id == b->ns_id && a->name_id == b->name_id && same(a->ns, b->ns) &&
	      same(a->name, b->name));
	CHECK(!a->parent == !b->parent && (!a->first == !a->last) && (!a->last || !a->last->next));
	compare_attrs(a->attrs, b->attrs);
	compare_nodes(a->first, b->first);
}

static void compare_stanzas(const struct cpl_stanza *a, const struct cpl_stanza *b)
{
	CHECK(a->kind == b->kind && a->type == b->type);
	CHECK(same(a->id, b->id) && same(a->lang, b->lang) && same(a->to_text, b->to_text) &&
	      same(a->from_text, b->from_text));
	compare_elements(a->root, b->root);
}

static void check_copy(const struct cpl_stanza *stanza, struct cpl_stanza *copy, enum cpl_ns content,
		       struct cpl_str written)
{
	struct cpl_buf again = {0};

	compare_stanzas(stanza, copy);
	cpl_stanza_write(copy, content, &again);
	CHECK(cpl_str_equal(cpl_buf_str(&again), written));
	cpl_buf_finish(&again);
	cpl_stanza_unref(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum cpl_ns contents[] = {CPL_NS_CLIENT, CPL_NS_SERVER, CPL_NS_COMPONENT};
	struct cpl_stanza *stanza, *again, *outer;
	struct cpl_buf written = {0};
	enum cpl_ns content;

	if (size < 1)
		return 0;
	content = contents[data[0] % 3];
	if (xml_parse_child((struct cpl_str){(const char *)data + 1, size - 1}, content, NULL, &stanza)) {
		CHECK(!stanza);
		return 0;
	}
	cpl_stanza_write(stanza, content, &written);
	CHECK(strlen(written.ptr) == written.len);
	CHECK(xml_parse_child(cpl_buf_str(&written), content, NULL, &again) == CPL_STREAM_OK);
	check_copy(stanza, again, content, cpl_buf_str(&written));
	check_copy(stanza, cpl_stanza_copy(stanza), content, cpl_buf_str(&written));
	check_copy(stanza, cpl_stanza_compact(stanza), content, cpl_buf_str(&written));
	outer = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_CHAT);
	cpl_add_stanza(outer,
		       cpl_add_named(outer, outer->root, CPL_STR("urn:xmpp:forward:0"), CPL_STR("forwarded")),
		       stanza);
	cpl_buf_clear(&written);
	cpl_stanza_write(outer, CPL_NS_CLIENT, &written);
	CHECK(xml_parse_child(cpl_buf_str(&written), CPL_NS_CLIENT, NULL, &again) == CPL_STREAM_OK);
	check_copy(outer, again, CPL_NS_CLIENT, cpl_buf_str(&written));
	cpl_stanza_unref(&outer);
	cpl_stanza_unref(&stanza);
	cpl_buf_finish(&written);
	return 0;
}
