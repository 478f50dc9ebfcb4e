/* SPDX-License-Identifier: MIT */
/* Rosters on the move with their accounts (XEP-0227 3.4), and the requests that wait for an answer (3.8). */
#include "modules/roster/roster.h"

/* ---- contacts ---- */

static void write_item(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_roster_item item;

	if (roster_item_of_row(&item, row, out->arena))
		roster_add_item(out, parent, &item, false);
	else
		cpl_log_error("roster row is no address jid=%.*s", CPL_ARG(row->account));
}

static bool read_subscription(struct cpl_str text, uint8_t *out)
{
	static const char *const names[] = {"none", "to", "from", "both"};

	for (uint8_t i = 0; i < 4; i++)
		if (text.ptr ? cpl_str_is(text, names[i]) : i == CPL_SUB_NONE) {
			*out = i;
			return true;
		}
	return false;
}

static bool is_true(struct cpl_str text)
{
	return cpl_str_is(text, "true") || cpl_str_is(text, "1");
}

/* RFC 6121 2.1.2.6: a group counts once and has a name. */
static void read_groups(struct cpl_import *in, struct cpl_roster_item *item, const struct cpl_element *e)
{
	item->groups = cpl_arena_alloc(cpl_import_arena(in), ROSTER_GROUPS_MAX * sizeof(struct cpl_str));
	CPL_CHILDREN(child, e) {
		struct cpl_str name = cpl_is(child, &roster_name_group) ? cpl_text_of(child, cpl_import_arena(in)) : CPL_STR("");
		bool known = name.len == 0;

		for (unsigned i = 0; i < item->group_count; i++)
			known = known || cpl_str_equal(item->groups[i], name);
		if (known)
			continue;
		if (item->group_count == ROSTER_GROUPS_MAX || name.len > ROSTER_GROUP_MAX)
			cpl_import_fault(in, "the contact %.*s has a group too many, of %d, or too long, of %d bytes", CPL_ARG(cpl_jid_str(item->jid)),
					 ROSTER_GROUPS_MAX, ROSTER_GROUP_MAX);
		else
			item->groups[item->group_count++] = name;
	}
}

static void read_item(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_str jid = cpl_attr_get(e, "jid"), subscription = cpl_attr_get(e, "subscription");
	struct cpl_roster_item item = {.name = cpl_attr_get(e, "name"), .listed = true};
	struct cpl_value values[ROSTER_COLUMNS];

	if (!cpl_is(e, &roster_name_item) || cpl_str_is(subscription, "remove"))
		return;
	if (!jid.ptr || cpl_jid_parse(&item.jid, jid, cpl_import_arena(in)) != 0) {
		cpl_import_fault(in, "the contact \"%.*s\" is no address", CPL_ARG(jid));
		return;
	}
	if (!read_subscription(subscription, &item.subscription)) {
		cpl_import_fault(in, "the subscription \"%.*s\" of the contact %.*s is none of none, to, from, both", CPL_ARG(subscription), CPL_ARG(jid));
		return;
	}
	if (item.name.len > ROSTER_NAME_MAX) {
		cpl_import_fault(in, "the name of the contact %.*s is longer than %d bytes", CPL_ARG(jid), ROSTER_NAME_MAX);
		return;
	}
	item.jid = cpl_jid_bare(item.jid);
	item.ask = cpl_str_is(cpl_attr_get(e, "ask"), "subscribe");
	item.approved = is_true(cpl_attr_get(e, "approved"));
	read_groups(in, &item, e);
	roster_item_values(&item, values, cpl_import_arena(in));
	cpl_import_set(in, cpl_jid_str(item.jid), values);
}

/* ---- requests ---- */

static void write_request(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_error error;
	struct cpl_stanza *stanza = cpl_stanza_read(row->values[0].bytes, &error);

	if (stanza)
		cpl_add_stanza(out, parent, stanza);
	else
		cpl_log_error("stored subscription request cannot be read jid=%.*s reason=%s", CPL_ARG(row->account), error.text);
	cpl_stanza_unref(&stanza);
}

static void read_request(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_stanza *stanza = cpl_stanza_restore(e);
	struct cpl_buf text = {0};
	struct cpl_value value;

	if (stanza && stanza->type == CPL_TYPE_SUBSCRIBE && cpl_jid_is_set(stanza->from)) {
		cpl_stanza_set_from(stanza, cpl_jid_bare(stanza->from));
		cpl_stanza_set_to(stanza, cpl_import_account(in));
		cpl_stanza_write(stanza, CPL_NS_CLIENT, &text);
		value = CPL_BYTES(cpl_arena_copy(cpl_import_arena(in), cpl_buf_str(&text)));
		cpl_import_set(in, cpl_jid_str(stanza->from), &value);
	} else {
		cpl_import_fault(in, "a <presence/> is no subscription request with the address that it is from");
	}
	cpl_buf_finish(&text);
	cpl_stanza_unref(&stanza);
}

/* ---- the version: clients that know an older one shall see what is new (RFC 6121 2.6) ---- */

static void read_version(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	const struct cpl_value *kept = cpl_import_kept(in, CPL_NONE);
	struct cpl_value version = CPL_INTEGER((kept ? kept->integer : 0) + 1);

	if (cpl_import_changes(in, &roster_store))
		cpl_import_set(in, CPL_NONE, &version);
}

const struct cpl_transfer_row roster_transfers[] = {
	{.store = &roster_store, .what = "contacts", .element = &roster_name_query, .list = true, .write = write_item, .read = read_item},
	{.store = &roster_request_store, .what = "subscription requests", .element = &roster_name_presence, .write = write_request, .read = read_request},
	{.store = &roster_version_store, .read = read_version},
	CPL_TRANSFER_END,
};
