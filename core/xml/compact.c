/* SPDX-License-Identifier: MIT */
/* Compaction: a whole stanza in one heap block, structures first, then the bytes of the strings. Interned
 * names are not copied. */
#include "core/xml/compact.h"
#include "core/xml/element.h"
#include "core/xml/names.h"

/* Where the next structure and the next string go; with `block` NULL it only counts. */
struct packer {
	char *block;
	size_t structs;
	size_t bytes;
	struct cpl_element *root; /* the tree is there already */
};

static void *pack_struct(struct packer *packer, size_t size)
{
	void *at = packer->block ? packer->block + packer->structs : NULL;

	packer->structs += size;
	return at;
}

static struct cpl_str pack_str(struct packer *packer, struct cpl_str s)
{
	char *at = packer->block ? packer->block + packer->bytes : NULL;

	if (!s.ptr)
		return s;
	packer->bytes += s.len + 1;
	if (at && s.len)
		memcpy(at, s.ptr, s.len);
	return (struct cpl_str){at, s.len};
}

static struct cpl_jid pack_jid(struct packer *packer, struct cpl_jid jid)
{
	if (cpl_jid_is_set(jid))
		jid.text = pack_str(packer, cpl_jid_str(jid)).ptr;
	return jid;
}

static struct cpl_str pack_local(struct packer *packer, struct cpl_str name)
{
	uint16_t id = names_local(name);

	return id ? names_local_text(id) : pack_str(packer, name);
}

static struct cpl_str pack_ns(struct packer *packer, struct cpl_str ns)
{
	uint16_t id = ns.ptr ? names_ns(ns) : 0;

	return id ? names_ns_text(id) : pack_str(packer, ns);
}

static struct cpl_attr *pack_attrs(struct packer *packer, const struct cpl_attr *attrs)
{
	struct cpl_attr *first = NULL, **link = &first;

	for (const struct cpl_attr *attr = attrs; attr; attr = attr->next) {
		struct cpl_attr *copy = pack_struct(packer, sizeof *copy);
		struct cpl_attr packed = {NULL, pack_local(packer, attr->name), pack_str(packer, attr->value),
					  pack_ns(packer, attr->ns)};

		if (copy) {
			*copy = packed;
			*link = copy;
			link = &copy->next;
		}
	}
	return first;
}

/* Links a copied node behind its parent's last one; nothing while only counting. */
static void link_node(struct cpl_element *parent, struct cpl_node *node)
{
	if (!parent)
		return;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

static struct cpl_element *pack_element(struct packer *packer, struct cpl_element *parent,
					const struct cpl_element *e)
{
	struct cpl_element *copy = pack_struct(packer, sizeof *copy);
	struct cpl_str ns = e->ns_id ? names_ns_text(e->ns_id) : pack_str(packer, e->ns);
	struct cpl_str name = e->name_id ? names_local_text(e->name_id) : pack_str(packer, e->name);
	struct cpl_attr *attrs = pack_attrs(packer, e->attrs);

	if (copy) {
		*copy = (struct cpl_element){
			{NULL, CPL_NODE_ELEMENT}, e->ns_id, e->name_id, ns, name, attrs, NULL, NULL, parent};
		link_node(parent, &copy->node);
	}
	return copy;
}

static void pack_text(struct packer *packer, struct cpl_element *parent, const struct cpl_text *text)
{
	struct cpl_text *copy = pack_struct(packer, sizeof *copy);
	struct cpl_str bytes = pack_str(packer, text->text);

	if (copy) {
		*copy = (struct cpl_text){{NULL, CPL_NODE_TEXT}, bytes};
		link_node(parent, &copy->node);
	}
}

static struct cpl_element *pack_tree(struct packer *packer, const struct cpl_element *root)
{
	struct cpl_element *top = pack_element(packer, NULL, root), *into = top;
	const struct cpl_element *from = root;
	const struct cpl_node *node = root->first;

	for (;;) {
		if (!node) {
			if (from == root)
				return top;
			node = from->node.next;
			from = from->parent;
			into = into ? into->parent : NULL;
		} else if (node->kind == CPL_NODE_TEXT) {
			pack_text(packer, into, as_text(node));
			node = node->next;
		} else {
			from = as_element(node);
			into = pack_element(packer, into, from);
			node = from->first;
		}
	}
}

static struct cpl_stanza *pack(struct packer *packer, const struct cpl_stanza *stanza)
{
	struct cpl_stanza *copy = pack_struct(packer, sizeof *copy);
	struct cpl_stanza packed = {
		.kind = stanza->kind,
		.type = stanza->type,
		.from = pack_jid(packer, stanza->from),
		.to = pack_jid(packer, stanza->to),
		.id = pack_str(packer, stanza->id),
		.lang = pack_str(packer, stanza->lang),
		.refs = 1,
		.wire_size = stanza->wire_size,
	};

	/* A text is of use only where it did not become an address. */
	if (!cpl_jid_is_set(stanza->from))
		packed.from_text = pack_str(packer, stanza->from_text);
	if (!cpl_jid_is_set(stanza->to))
		packed.to_text = pack_str(packer, stanza->to_text);
	packed.alike = packer->root != NULL;
	packed.root = packer->root ? packer->root : pack_tree(packer, stanza->root);
	if (copy)
		*copy = packed;
	return copy;
}

size_t cpl_stanza_size(const struct cpl_stanza *stanza)
{
	struct packer packer = {0};

	pack(&packer, stanza);
	return packer.structs + packer.bytes;
}

static struct cpl_stanza *compact(const struct cpl_stanza *stanza, struct cpl_element *root)
{
	struct packer counted = {.root = root}, packer = {.root = root};

	pack(&counted, stanza);
	packer.block = cpl_alloc(counted.structs + counted.bytes);
	packer.bytes = counted.structs;
	return pack(&packer, stanza);
}

struct cpl_stanza *cpl_stanza_compact(const struct cpl_stanza *stanza)
{
	return compact(stanza, NULL);
}

struct cpl_stanza *compact_around(const struct cpl_stanza *stanza, struct cpl_element *root)
{
	return compact(stanza, root);
}

void *compact_tree(const struct cpl_element *root, size_t head)
{
	struct packer counted = {.structs = head}, packer = {.structs = head};

	pack_tree(&counted, root);
	packer.block = cpl_alloc(counted.structs + counted.bytes);
	packer.bytes = counted.structs;
	pack_tree(&packer, root);
	return packer.block;
}
