/* SPDX-License-Identifier: MIT */
/* Lists on the move with their accounts: as XEP-0191 has them, and what of the default privacy list (XEP-0227 3.9, XEP-0016) says the same. */
#include "modules/blocklist/blocklist.h"

struct cpl_name blocklist_name_privacy = {"jabber:iq:privacy", "query", 0, 0};

static void write_item(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	cpl_attr_set(out, cpl_add(out, parent, &blocklist_name_item), "jid", row->key);
}

static void give(struct cpl_import *in, struct cpl_str address)
{
	struct cpl_value values[BLOCKLIST_COLUMNS] = {[BLOCKLIST_SINCE] = CPL_INTEGER(cpl_now())};
	struct cpl_jid jid;

	if (!address.ptr || cpl_jid_parse(&jid, address, cpl_import_arena(in)) != 0)
		cpl_import_fault(in, "the blocked \"%.*s\" is no address", CPL_ARG(address));
	else
		cpl_import_set(in, cpl_jid_str(jid), values);
}

static void read_item(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	if (cpl_is(e, &blocklist_name_item))
		give(in, cpl_attr_get(e, "jid"));
}

/* Since when, and what was reported, is known here only. */
static void merge_item(struct cpl_module *self, struct cpl_import *in, struct cpl_value *given, const struct cpl_value *kept)
{
	memcpy(given, kept, BLOCKLIST_COLUMNS * sizeof *given);
}

/* Items that deny everything from and to an address; others have no counterpart here. */
static void read_list(struct cpl_import *in, const struct cpl_element *list)
{
	CPL_CHILDREN(item, list)
		if (cpl_str_is(cpl_attr_get(item, "type"), "jid") && cpl_str_is(cpl_attr_get(item, "action"), "deny") && !cpl_first_child(item))
			give(in, cpl_attr_get(item, "value"));
}

static void read_privacy(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_str chosen = CPL_NONE;

	CPL_CHILDREN(child, e)
		if (cpl_str_is(child->name, "default"))
			chosen = cpl_attr_get(child, "name");
	CPL_CHILDREN(child, e)
		if (chosen.ptr && cpl_str_is(child->name, "list") && cpl_str_equal(cpl_attr_get(child, "name"), chosen))
			read_list(in, child);
}

const struct cpl_transfer_row blocklist_transfers[] = {
	{.store = &blocklist_store, .what = "blocked addresses", .element = &blocklist_name_list, .list = true, .write = write_item, .read = read_item,
	 .merge = merge_item},
	{.store = &blocklist_store, .what = "blocked addresses", .element = &blocklist_name_privacy, .read = read_privacy, .merge = merge_item},
	CPL_TRANSFER_END,
};
