/* SPDX-License-Identifier: MIT */
/* Archives on the move with their accounts (XEP-0227 3.12): the messages as XEP-0313 has them, and beside them the preferences as XEP-0441 has them. */
#include "modules/archive/archive.h"

struct cpl_name archive_name_archive = {"urn:xmpp:pie:0#mam", "archive", 0, 0};
struct cpl_name archive_name_result = {"urn:xmpp:mam:2", "result", 0, 0};
struct cpl_name archive_name_forwarded = {"urn:xmpp:forward:0", "forwarded", 0, 0};
struct cpl_name archive_name_delay = {"urn:xmpp:delay", "delay", 0, 0};
struct cpl_name archive_name_message = {"jabber:client", "message", 0, 0};
struct cpl_name archive_name_prefs = {"urn:xmpp:mam:2", "prefs", 0, 0};
struct cpl_name archive_name_always = {"urn:xmpp:mam:2", "always", 0, 0};
struct cpl_name archive_name_never = {"urn:xmpp:mam:2", "never", 0, 0};
struct cpl_name archive_name_jid = {"urn:xmpp:mam:2", "jid", 0, 0};

/* ---- messages ---- */

static void write_result(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_error error;
	struct cpl_stanza *stanza = cpl_stanza_read(row->values[ARCHIVE_STANZA].bytes, &error);
	char id[CPL_ARCHIVE_ID_MAX + 1], stamp[CPL_TIME_TEXT];
	struct cpl_element *result, *forwarded;

	if (!stanza) {
		cpl_log_error("archived message cannot be read jid=%.*s reason=%s", CPL_ARG(row->account), error.text);
		return;
	}
	archive_id_write(archive_id_of(row), id);
	result = cpl_add(out, parent, &archive_name_result);
	cpl_attr_set(out, result, "id", cpl_str_of(id));
	forwarded = cpl_add(out, result, &archive_name_forwarded);
	cpl_attr_set(out, cpl_add(out, forwarded, &archive_name_delay), "stamp", cpl_time_format(row->when, stamp));
	cpl_add_stanza(out, forwarded, stanza);
	cpl_stanza_unref(&stanza);
}

/* What has an id of ours keeps it. Else the row gets a new one, and its tag is made of the former id, so that the same message is the same when it is imported again. */
static struct archive_id id_of(struct cpl_str id)
{
	struct archive_id ours;
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	if (archive_id_read(id, &ours))
		return ours;
	for (size_t i = 0; i < id.len; i++)
		hash = (hash ^ (unsigned char)id.ptr[i]) * 1099511628211u;
	return (struct archive_id){0, (int64_t)hash};
}

/* Whom it was exchanged with: the sender, or for what the account has sent the recipient. */
static struct cpl_jid remote_of(const struct cpl_stanza *stanza, struct cpl_jid account)
{
	bool sent = cpl_jid_is_set(stanza->from) && cpl_jid_equal_bare(stanza->from, account);

	return sent && cpl_jid_is_set(stanza->to) ? stanza->to : cpl_jid_is_set(stanza->from) ? stanza->from : account;
}

static void read_result(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	const struct cpl_element *forwarded = cpl_is(e, &archive_name_result) ? cpl_child(e, &archive_name_forwarded) : NULL;
	const struct cpl_element *delay = forwarded ? cpl_child(forwarded, &archive_name_delay) : NULL;
	const struct cpl_element *message = forwarded ? cpl_child(forwarded, &archive_name_message) : NULL;
	struct cpl_stanza *stanza = message ? cpl_stanza_restore(message) : NULL;
	struct archive_id id = id_of(cpl_attr_get(e, "id"));
	struct cpl_value values[ARCHIVE_COLUMNS];
	struct cpl_buf text = {0};
	struct cpl_jid with;
	int64_t when;

	if (!stanza || stanza->kind != CPL_MESSAGE) {
		cpl_import_fault(in, "an archived message is no <result/> with a forwarded <message/> of jabber:client, or has an address that is none");
	} else if (!delay || !cpl_time_parse(cpl_attr_get(delay, "stamp"), &when)) {
		cpl_import_fault(in, "an archived message has no <delay/> with the time when it was sent");
	} else {
		cpl_stanza_write(stanza, CPL_NS_CLIENT, &text);
		values[ARCHIVE_STANZA] = CPL_BYTES(cpl_arena_copy(cpl_import_arena(in), cpl_buf_str(&text)));
		values[ARCHIVE_TAG] = CPL_INTEGER(id.tag);
		with = remote_of(stanza, cpl_import_account(in));
		with.text = cpl_arena_copy(cpl_import_arena(in), cpl_jid_str(with)).ptr;
		cpl_import_append_again(in, id.row, when, with, values);
		cpl_buf_finish(&text);
	}
	cpl_stanza_unref(&stanza);
}

/* ---- preferences ---- */

static const char *const policies[] = {[CPL_ARCHIVE_ALWAYS] = "always", [CPL_ARCHIVE_ROSTER] = "roster", [CPL_ARCHIVE_NEVER] = "never"};
enum { POLICIES = sizeof(policies) / sizeof(*policies) };

static void write_list(struct cpl_stanza *out, struct cpl_element *parent, struct cpl_str column)
{
	struct cpl_str rest = column, item;

	while (cpl_str_split(&rest, '\n', &item))
		cpl_add_with_text(out, parent, &archive_name_jid, item);
}

static void write_prefs(struct cpl_module *self, struct cpl_stanza *out, struct cpl_element *parent, const struct cpl_row *row)
{
	struct cpl_element *prefs = cpl_add(out, parent, &archive_name_prefs);
	int64_t policy = row->values[0].integer;

	cpl_attr_set(out, prefs, "default", cpl_str_of(policies[policy > 0 && policy < POLICIES ? policy : 0]));
	write_list(out, cpl_add(out, prefs, &archive_name_always), row->values[1].bytes);
	write_list(out, cpl_add(out, prefs, &archive_name_never), row->values[2].bytes);
}

static struct cpl_value read_list(struct cpl_import *in, const struct cpl_element *list)
{
	struct cpl_arena *arena = cpl_import_arena(in);
	struct cpl_str *items = list ? cpl_arena_alloc(arena, (cpl_child_count(list) + 1) * sizeof(*items)) : NULL;
	size_t count = 0;
	struct cpl_jid jid;

	if (!list)
		return CPL_NULL;
	CPL_CHILDREN(child, list)
	{
		struct cpl_str text = cpl_text_of(child, arena);

		if (!cpl_is(child, &archive_name_jid) || cpl_jid_parse(&jid, text, arena) != 0)
			cpl_import_fault(in, "in the archive preferences \"%.*s\" is no address", CPL_ARG(text));
		else
			items[count++] = cpl_jid_str(jid);
	}
	return archive_addresses(items, count, arena);
}

static void read_prefs(struct cpl_module *self, struct cpl_import *in, const struct cpl_element *e)
{
	struct cpl_str policy = cpl_attr_get(e, "default");
	struct cpl_value values[] = {CPL_NULL, read_list(in, cpl_child(e, &archive_name_always)), read_list(in, cpl_child(e, &archive_name_never))};

	for (int i = 0; i < POLICIES; i++)
		if (cpl_str_is(policy, policies[i]))
			values[0] = CPL_INTEGER(i);
	if (values[0].type == CPL_VALUE_NULL)
		cpl_import_fault(in, "the archive preferences' default \"%.*s\" is none of always, roster, never", CPL_ARG(policy));
	else
		cpl_import_set(in, CPL_NONE, values);
}

const struct cpl_transfer_row archive_transfers[] = {
	{.store = &archive_store, .what = "archived messages", .element = &archive_name_archive, .list = true, .write = write_result, .read = read_result},
	{.store = &archive_preferences_store, .what = "archive preferences", .element = &archive_name_prefs, .write = write_prefs, .read = read_prefs},
	CPL_TRANSFER_END,
};
