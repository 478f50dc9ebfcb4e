/* SPDX-License-Identifier: MIT */
/* What Prosody keeps of an account, as elements of XEP-0227. */
#include "core/migrate/prosody.h"

#include "core/migrate/pie.h"
#include "core/migrate/scram.h"

#include <couplet/time.h>

#include <stdlib.h>
#include <sys/stat.h>

/* ---- stanzas: { name = "message", attr = { ... }, children and texts from 1 on } ---- */

static void write_attributes(struct record *record, const struct lua_value *attributes)
{
	if (!attributes || attributes->type != LUA_TABLE)
		return;
	for (const struct lua_entry *entry = attributes->first; entry; entry = entry->next) {
		struct cpl_str name = entry->key.string, ns = CPL_NONE;
		ptrdiff_t at = name.ptr ? cpl_str_find(name, '\x01') : -1;

		if (entry->key.type != LUA_STRING || !entry->value.string.ptr || cpl_str_is(name, "xmlns"))
			continue;
		if (at >= 0) {
			ns = (struct cpl_str){name.ptr, (size_t)at};
			name = (struct cpl_str){name.ptr + at + 1, name.len - (size_t)at - 1};
		} else if (cpl_str_starts(name, CPL_STR("xml:"))) {
			ns = CPL_STR("http://www.w3.org/XML/1998/namespace");
			name = (struct cpl_str){name.ptr + 4, name.len - 4};
		} else if (cpl_str_find(name, ':') >= 0) {
			continue;
		}
		record_attribute(record, ns, name, entry->value.string);
	}
}

/* The start tag with its attributes; false when it is no element. */
static bool open_stanza(struct record *record, const struct lua_value *stanza, struct cpl_str outer)
{
	const struct lua_value *attributes = lua_get(stanza, "attr");
	struct cpl_str name = lua_text(stanza, "name"), ns = lua_text(attributes, "xmlns");

	if (!name.len || cpl_str_find(name, ' ') >= 0 || cpl_str_find(name, '<') >= 0 || cpl_str_find(name, ':') >= 0) {
		record_fault(record, "a part of it is no element: it has no name, or one that no element has");
		return false;
	}
	if (!record_open(record, ns.ptr ? ns : outer, name)) {
		record_fault(record, "elements are nested more than %d deep", RECORD_DEPTH);
		return false;
	}
	write_attributes(record, attributes);
	return true;
}

static void write_children(struct record *record, const struct lua_value *stanza)
{
	for (const struct lua_entry *entry = stanza->first; entry; entry = entry->next) {
		if (entry->key.type != LUA_NUMBER)
			continue;
		if (entry->value.type == LUA_TABLE)
			prosody_stanza(record, &entry->value, CPL_NONE);
		else if (entry->value.string.ptr)
			record_text(record, entry->value.string);
	}
}

/* Not deeper than the parser lets tables be. */
void prosody_stanza(struct record *record, const struct lua_value *stanza, struct cpl_str outer)
{
	if (!open_stanza(record, stanza, outer))
		return;
	write_children(record, stanza);
	record_close(record);
}

/* ---- credentials ---- */

struct cpl_str prosody_password(const struct lua_value *account)
{
	struct cpl_str password = lua_text(account, "password");

	return password.len ? password : CPL_NONE;
}

static struct cpl_str hex_to_base64(struct cpl_str hex, struct cpl_arena *arena)
{
	struct cpl_str bytes;

	return hex.ptr && cpl_hex_decode(arena, hex, &bytes) ? cpl_base64_encode(arena, bytes.ptr, bytes.len) : CPL_NONE;
}

static void write_keys(struct record *record, const struct lua_value *account)
{
	struct cpl_str salt = lua_text(account, "salt"), iterations = lua_text(account, "iteration_count"), stored = lua_text(account, "stored_key");
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str stored_key = hex_to_base64(stored, arena), server_key = hex_to_base64(lua_text(account, "server_key"), arena);
	const char *mechanism = stored.len == 40 ? "SCRAM-SHA-1" : stored.len == 64 ? "SCRAM-SHA-256" : NULL;

	/* Nothing of keys at all: the import says that there is no password. */
	if (stored.ptr && (!mechanism || !stored_key.ptr || !server_key.ptr || !salt.len || !iterations.len))
		record_fault(record, "its keys are not those of SCRAM-SHA-1 or SCRAM-SHA-256: the account has no password, set one with coupletctl passwd");
	else if (stored.ptr)
		scram_write(record, mechanism, iterations, cpl_base64_encode(arena, salt.ptr, salt.len), server_key, stored_key);
	cpl_arena_destroy(&arena);
}

/* ---- the roster: [jid] = item, [false] = { version, pending } ---- */

static void write_item(struct record *record, struct cpl_str jid, const struct lua_value *item)
{
	const struct lua_value *groups = lua_get(item, "groups");
	struct cpl_str name = lua_text(item, "name"), subscription = lua_text(item, "subscription"), ask = lua_text(item, "ask");
	const struct lua_value *approved = lua_get(item, "approved");

	if (!record_open(record, CPL_NONE, CPL_STR("item")))
		return;
	record_attribute(record, CPL_NONE, CPL_STR("jid"), jid);
	if (name.len)
		record_attribute(record, CPL_NONE, CPL_STR("name"), name);
	record_attribute(record, CPL_NONE, CPL_STR("subscription"), subscription.ptr ? subscription : CPL_STR("none"));
	if (ask.ptr)
		record_attribute(record, CPL_NONE, CPL_STR("ask"), ask);
	if (approved && (approved->boolean || cpl_str_is(approved->string, "true")))
		record_attribute(record, CPL_NONE, CPL_STR("approved"), CPL_STR("true"));
	for (const struct lua_entry *entry = groups && groups->type == LUA_TABLE ? groups->first : NULL; entry; entry = entry->next)
		if (entry->key.type == LUA_STRING)
			record_leaf(record, "group", entry->key.string);
	record_close(record);
}

static void write_pending(struct record *record, const struct lua_value *pending)
{
	if (!pending || pending->type != LUA_TABLE)
		return;
	for (const struct lua_entry *entry = pending->first; entry; entry = entry->next) {
		if (entry->key.type != LUA_STRING)
			continue;
		if (lua_get(&entry->value, "name")) {
			prosody_stanza(record, &entry->value, CPL_STR("jabber:client"));
			continue;
		}
		if (!record_open(record, CPL_STR("jabber:client"), CPL_STR("presence")))
			continue;
		record_attribute(record, CPL_NONE, CPL_STR("type"), CPL_STR("subscribe"));
		record_attribute(record, CPL_NONE, CPL_STR("from"), entry->key.string);
		record_close(record);
	}
}

static void write_roster(struct prosody_source *source, struct record *record, const struct lua_value *roster)
{
	const struct lua_value *pending = lua_get(lua_false(roster), "pending");

	if (!roster)
		return;
	record_open(record, CPL_STR("jabber:iq:roster"), CPL_STR("query"));
	for (const struct lua_entry *entry = roster->first; entry; entry = entry->next)
		if (entry->key.type == LUA_STRING && entry->value.type == LUA_TABLE && !cpl_str_is(entry->key.string, "pending"))
			write_item(record, entry->key.string, &entry->value);
	record_close(record);
	write_pending(record, pending ? pending : lua_get(roster, "pending"));
}

/* ---- the other stores ---- */

/* Prosody moves a vCard to PEP nodes when its owner logs in. */
static void write_vcard(struct prosody_source *source, struct record *record, const struct lua_value *vcard)
{
	if (!prosody_pep_vcard(source, record, vcard != NULL) && vcard)
		prosody_stanza(record, vcard, CPL_STR("vcard-temp"));
}

static void write_private(struct prosody_source *source, struct record *record, const struct lua_value *elements)
{
	bool bookmarks;

	if (elements)
		record_open(record, CPL_STR(PROSODY_PRIVATE), CPL_STR("query"));
	bookmarks = prosody_pep_bookmarks(source, record, elements != NULL);
	if (!elements && !bookmarks)
		return;
	for (const struct lua_entry *entry = elements ? elements->first : NULL; entry; entry = entry->next)
		if (entry->value.type == LUA_TABLE &&
		    !(bookmarks && cpl_str_is(lua_text(lua_get(&entry->value, "attr"), "xmlns"), "storage:bookmarks")))
			prosody_stanza(record, &entry->value, CPL_NONE);
	record_close(record);
}

static void write_blocklist(struct prosody_source *source, struct record *record, const struct lua_value *list)
{
	if (!list)
		return;
	record_open(record, CPL_STR("urn:xmpp:blocking"), CPL_STR("blocklist"));
	for (const struct lua_entry *entry = list->first; entry; entry = entry->next) {
		/* An address that is there with false was blocked once. */
		if (entry->key.type != LUA_STRING || (entry->value.type == LUA_BOOLEAN && !entry->value.boolean))
			continue;
		record_open(record, CPL_NONE, CPL_STR("item"));
		record_attribute(record, CPL_NONE, CPL_STR("jid"), entry->key.string);
		record_close(record);
	}
	record_close(record);
}

static void write_delay(struct record *record, int64_t when)
{
	char stamp[CPL_TIME_TEXT];

	if (!record_open(record, CPL_STR("urn:xmpp:delay"), CPL_STR("delay")))
		return;
	record_attribute(record, CPL_NONE, CPL_STR("from"), cpl_str_of(record->host));
	record_attribute(record, CPL_NONE, CPL_STR("stamp"), cpl_time_format(when * 1000, stamp));
	record_close(record);
}

void prosody_offline(struct record *record, const struct lua_value *stanza, int64_t when)
{
	if (!open_stanza(record, stanza, CPL_STR("jabber:client")))
		return;
	write_children(record, stanza);
	write_delay(record, when);
	record_close(record);
}

static void add_delay(struct record *record, void *when)
{
	write_delay(record, *(int64_t *)when);
}

void prosody_offline_xml(struct record *record, struct cpl_str xml, int64_t when)
{
	if (!pie_copy_element(record, xml, CPL_STR("jabber:client"), add_delay, &when))
		record_fault(record, "an offline message is not XML that can be read");
}

static const struct part {
	const char *store;
	/* `data` NULL: the store has nothing. */
	void (*write)(struct prosody_source *source, struct record *record, const struct lua_value *data);
} parts[] = {{"roster", write_roster}, {"vcard", write_vcard}, {"private", write_private}, {"blocklist", write_blocklist}};

void prosody_account(struct prosody_source *source, struct record *record, const struct lua_value *account)
{
	const struct lua_value *disabled = lua_get(account, "disabled");

	if (disabled && disabled->boolean) {
		record_open(record, CPL_STR("urn:couplet:account:0"), CPL_STR("disabled"));
		record_close(record);
	}
	write_keys(record, account);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct cpl_arena *arena = cpl_arena_create();
		struct cpl_error error = {0};
		const struct lua_value *data = source->load(source, parts[i].store, arena, &error);

		if (error.code || (data && data->type != LUA_TABLE))
			record_fault(record, "its %s cannot be read: %s", parts[i].store, error.code ? error.text : "it is no table");
		else
			parts[i].write(source, record, data);
		cpl_arena_destroy(&arena);
	}
	record->with_nodes += prosody_pep_others(source);
	record_open(record, CPL_STR(PIE_NS), CPL_STR("offline-messages"));
	source->each_offline(source, record);
	record_close(record);
}

void prosody_read(struct record *record, const char *path, char **reason)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		prosody_read_directory(record, path, reason);
	else
		prosody_read_sqlite(record, path, reason);
}
