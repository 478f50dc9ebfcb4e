/* SPDX-License-Identifier: MIT */
/*
 * What Prosody keeps in PEP nodes and has a place in other stores: the vCard (XEP-0292) with nickname (XEP-0172) and avatar (XEP-0084) as vcard-temp, and bookmarks (XEP-0402)
 * as private XML (XEP-0048). Prosody's own modules show them to clients in these forms as well.
 */
#include "core/migrate/prosody.h"

#define NODE_VCARD "urn:xmpp:vcard4"
#define NODE_NICK "http://jabber.org/protocol/nick"
#define NODE_METADATA "urn:xmpp:avatar:metadata"
#define NODE_AVATAR "urn:xmpp:avatar:data"
#define NODE_BOOKMARKS "urn:xmpp:bookmarks:1"
#define NODE_STORAGE "storage:bookmarks"

/* ---- looking into stanzas ---- */

static const struct lua_entry *next_child(const struct lua_entry *entry)
{
	while (entry && !(entry->key.type == LUA_NUMBER && entry->value.type == LUA_TABLE))
		entry = entry->next;
	return entry;
}

#define EACH_CHILD(entry, stanza)                                                                                                \
	for (const struct lua_entry *entry = next_child((stanza) ? (stanza)->first : NULL); entry; entry = next_child(entry->next))

static bool is(const struct lua_value *stanza, const char *name)
{
	return cpl_str_is(lua_text(stanza, "name"), name);
}

static const struct lua_value *child_of(const struct lua_value *stanza, const char *name)
{
	EACH_CHILD(entry, stanza)
		if (is(&entry->value, name))
			return &entry->value;
	return NULL;
}

/* All text that stands in it; empty when there is none. */
static struct cpl_str text_in(const struct lua_value *stanza, struct cpl_arena *arena)
{
	struct cpl_buf text = {0};
	struct cpl_str copy;

	for (const struct lua_entry *entry = stanza ? stanza->first : NULL; entry; entry = entry->next)
		if (entry->key.type == LUA_NUMBER && entry->value.type == LUA_STRING)
			cpl_buf_add(&text, entry->value.string);
	copy = cpl_arena_copy(arena, cpl_buf_str(&text));
	cpl_buf_finish(&text);
	return copy;
}

/* The value of a property, whatever its type is called (<text/>, <uri/>, <date/>). */
static struct cpl_str value_of(const struct lua_value *property, struct cpl_arena *arena)
{
	EACH_CHILD(entry, property)
		if (!is(&entry->value, "parameters"))
			return text_in(&entry->value, arena);
	return CPL_STR("");
}

static struct cpl_str without(struct cpl_str text, const char *prefix)
{
	struct cpl_str start = cpl_str_of(prefix);

	return cpl_str_starts(text, start) ? (struct cpl_str){text.ptr + start.len, text.len - start.len} : text;
}

/* The items of a node: the last one, or the one with an id. In the arena. */
struct search {
	struct cpl_str id; /* CPL_NONE: the last */
	const struct lua_value *found;
};

static void look(void *data, struct cpl_str key, const struct lua_value *item)
{
	struct search *search = data;

	if (!search->id.ptr || cpl_str_equal(search->id, key))
		search->found = item;
}

static const struct lua_value *item_of(struct prosody_source *source, const char *node, struct cpl_str id, struct cpl_arena *arena)
{
	struct search search = {id, NULL};

	source->each_item(source, node, arena, look, &search);
	return search.found;
}

/* ---- vCard4 to vcard-temp ---- */

static void leaf(struct record *record, const char *name, struct cpl_str text)
{
	if (text.len)
		record_leaf(record, name, text);
}

static void empty(struct record *record, const char *name)
{
	record_leaf(record, name, CPL_STR(""));
}

/* <parameters><type><text>home</text></type></parameters> to <HOME/>. */
static void write_place(struct record *record, const struct lua_value *property, struct cpl_arena *arena)
{
	EACH_CHILD(entry, child_of(child_of(property, "parameters"), "type")) {
		struct cpl_str type = text_in(&entry->value, arena);

		if (cpl_str_is(type, "home"))
			empty(record, "HOME");
		else if (cpl_str_is(type, "work"))
			empty(record, "WORK");
	}
}

static const struct part {
	const char *property, *part, *element;
} parts[] = {
	{"n", "surname", "FAMILY"},	{"n", "given", "GIVEN"},	  {"n", "additional", "MIDDLE"}, {"n", "prefix", "PREFIX"},	{"n", "suffix", "SUFFIX"},
	{"adr", "pobox", "POBOX"},	{"adr", "ext", "EXTADD"},	  {"adr", "street", "STREET"},	 {"adr", "locality", "LOCALITY"}, {"adr", "region", "REGION"},
	{"adr", "code", "PCODE"},	{"adr", "country", "CTRY"},
};

static void write_parts(struct record *record, const struct lua_value *property, struct cpl_arena *arena)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (is(property, parts[i].property))
			leaf(record, parts[i].element, text_in(child_of(property, parts[i].part), arena));
}

/* The first text is the name, others are units of it. */
static void write_organisation(struct record *record, const struct lua_value *property, struct cpl_arena *arena)
{
	const char *name = "ORGNAME";

	EACH_CHILD(entry, property) {
		if (!is(&entry->value, "text"))
			continue;
		leaf(record, name, text_in(&entry->value, arena));
		name = "ORGUNIT";
	}
}

static const char *const same[][2] = {{"fn", "FN"},	{"nickname", "NICKNAME"}, {"bday", "BDAY"}, {"title", "TITLE"}, {"role", "ROLE"},
				      {"note", "NOTE"}, {"url", "URL"},		  {"tz", "TZ"},	    {"uid", "UID"},	{"rev", "REV"}};

static void write_property(struct record *record, const struct lua_value *property, struct cpl_arena *arena)
{
	struct cpl_str value = value_of(property, arena);

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (is(property, same[i][0]))
			leaf(record, same[i][1], value);
	if (is(property, "impp") && cpl_str_starts(value, CPL_STR("xmpp:")))
		leaf(record, "JABBERID", without(value, "xmpp:"));
	if (is(property, "n") && record_open(record, CPL_NONE, CPL_STR("N"))) {
		write_parts(record, property, arena);
		record_close(record);
	} else if (is(property, "adr") && record_open(record, CPL_NONE, CPL_STR("ADR"))) {
		write_place(record, property, arena);
		write_parts(record, property, arena);
		record_close(record);
	} else if (is(property, "email") && value.len && record_open(record, CPL_NONE, CPL_STR("EMAIL"))) {
		write_place(record, property, arena);
		empty(record, "INTERNET");
		leaf(record, "USERID", value);
		record_close(record);
	} else if (is(property, "tel") && value.len && record_open(record, CPL_NONE, CPL_STR("TEL"))) {
		write_place(record, property, arena);
		leaf(record, "NUMBER", without(value, "tel:"));
		record_close(record);
	} else if (is(property, "org") && record_open(record, CPL_NONE, CPL_STR("ORG"))) {
		write_organisation(record, property, arena);
		record_close(record);
	} else if (is(property, "categories") && record_open(record, CPL_NONE, CPL_STR("CATEGORIES"))) {
		leaf(record, "KEYWORD", value);
		record_close(record);
	}
}

/* XEP-0084: the metadata's item says which one of the data it is. */
static void write_photo(struct prosody_source *source, struct record *record, const struct lua_value *info, struct cpl_arena *arena)
{
	const struct lua_value *attributes = lua_get(info, "attr");
	struct cpl_str url = lua_text(attributes, "url"), id = lua_text(attributes, "id"), data = CPL_STR("");

	if (!url.len && id.len)
		data = text_in(item_of(source, NODE_AVATAR, id, arena), arena);
	if ((!url.len && !data.len) || !record_open(record, CPL_NONE, CPL_STR("PHOTO")))
		return;
	leaf(record, "TYPE", lua_text(attributes, "type"));
	leaf(record, "EXTVAL", url);
	leaf(record, "BINVAL", data);
	record_close(record);
}

bool prosody_pep_vcard(struct prosody_source *source, struct record *record, bool has_another)
{
	struct cpl_arena *arena = cpl_arena_create();
	const struct lua_value *vcard = item_of(source, NODE_VCARD, CPL_NONE, arena);
	const struct lua_value *info = child_of(item_of(source, NODE_METADATA, CPL_NONE, arena), "info");
	const struct lua_value *nick = vcard ? NULL : item_of(source, NODE_NICK, CPL_NONE, arena);
	bool taken = vcard || (!has_another && (info || nick));

	if (taken && record_open(record, CPL_STR("vcard-temp"), CPL_STR("vCard"))) {
		EACH_CHILD(entry, vcard)
			write_property(record, &entry->value, arena);
		leaf(record, "NICKNAME", text_in(nick, arena));
		if (info)
			write_photo(source, record, info, arena);
		record_close(record);
	}
	cpl_arena_destroy(&arena);
	return taken;
}

/* ---- bookmarks ---- */

struct bookmarks {
	struct record *record;
	bool is_open, begun;
};

static void open_private(struct bookmarks *bookmarks)
{
	if (!bookmarks->is_open)
		record_open(bookmarks->record, CPL_STR(PROSODY_PRIVATE), CPL_STR("query"));
	bookmarks->is_open = true;
}

static void write_bookmark(void *data, struct cpl_str key, const struct lua_value *item)
{
	struct bookmarks *bookmarks = data;
	struct record *record = bookmarks->record;
	const struct lua_value *attributes = lua_get(item, "attr");

	open_private(bookmarks);
	if (!bookmarks->begun)
		bookmarks->begun = record_open(record, CPL_STR(NODE_STORAGE), CPL_STR("storage"));
	if (!bookmarks->begun || !is(item, "conference") || !record_open(record, CPL_NONE, CPL_STR("conference")))
		return;
	record_attribute(record, CPL_NONE, CPL_STR("jid"), key);
	if (lua_text(attributes, "name").len)
		record_attribute(record, CPL_NONE, CPL_STR("name"), lua_text(attributes, "name"));
	if (lua_text(attributes, "autojoin").len)
		record_attribute(record, CPL_NONE, CPL_STR("autojoin"), lua_text(attributes, "autojoin"));
	EACH_CHILD(entry, item)
		prosody_stanza(record, &entry->value, CPL_STR(NODE_STORAGE));
	record_close(record);
}

bool prosody_pep_bookmarks(struct prosody_source *source, struct record *record, bool is_open)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct bookmarks bookmarks = {record, is_open, false};
	const struct lua_value *storage;

	source->each_item(source, NODE_BOOKMARKS, arena, write_bookmark, &bookmarks);
	if (bookmarks.begun) {
		record_close(record);
	} else if ((storage = item_of(source, NODE_STORAGE, CPL_NONE, arena))) {
		open_private(&bookmarks);
		prosody_stanza(record, storage, CPL_STR(NODE_STORAGE));
		bookmarks.begun = true;
	}
	cpl_arena_destroy(&arena);
	return bookmarks.begun;
}

/* ---- what has no place ---- */

bool prosody_pep_others(struct prosody_source *source)
{
	static const char *const known[] = {NODE_VCARD, NODE_NICK, NODE_METADATA, NODE_AVATAR, NODE_BOOKMARKS, NODE_STORAGE};
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_error error = {0};
	const struct lua_value *nodes = source->load(source, "pep", arena, &error);
	bool others = false;

	for (const struct lua_entry *entry = nodes && nodes->type == LUA_TABLE ? nodes->first : NULL; entry; entry = entry->next) {
		const struct lua_value *persist = lua_get(lua_get(&entry->value, "config"), "persist_items");
		bool another = entry->key.type == LUA_STRING && !(persist && persist->type == LUA_BOOLEAN && !persist->boolean);

		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			another = another && !cpl_str_is(entry->key.string, known[i]);
		others = others || another;
	}
	cpl_arena_destroy(&arena);
	return others;
}
