/* SPDX-License-Identifier: MIT */
/* Interned names: two tables from text to a small integer, open addressing, never more than half full. */
#include "core/xml/names.h"

#include "core/base/account.h"
#include <couplet/memory.h>

enum { IDS_MAX = UINT16_MAX, FIRST_SIZE = 512 };

struct table {
	struct cpl_str *texts; /* by id */
	uint16_t *places;      /* ids by hash; 0: free */
	uint32_t size;	       /* of places, a power of two */
	uint32_t room;	       /* of texts */
	uint32_t next;	       /* the next id */
};

static struct table locals, namespaces;

static inline uint64_t half(const char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof value);
	return value;
}

static inline uint64_t word(const char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof value);
	return value;
}

/*
 * Not keyed: peers only look up, so the longest cluster of the table as loaded bounds what a hostile name
 * costs. Whole words, the last one overlapping, because this runs once for each element.
 */
static inline uint32_t hash(struct cpl_str s)
{
	const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
	uint64_t h = s.len * factor;

	if (s.len >= 8) {
		for (size_t i = 0; i + 8 < s.len; i += 8)
			h = (h ^ word(s.ptr + i)) * factor, h ^= h >> 32;
		h = (h ^ word(s.ptr + s.len - 8)) * factor;
	} else if (s.len >= 4) {
		h = (h ^ (half(s.ptr) << 32 | half(s.ptr + s.len - 4))) * factor;
	} else if (s.len) {
		h = (h ^ ((uint64_t)(unsigned char)s.ptr[0] << 16 |
			  (uint64_t)(unsigned char)s.ptr[s.len / 2] << 8 | (unsigned char)s.ptr[s.len - 1])) *
		    factor;
	}
	return (uint32_t)(h >> 32);
}

static inline uint16_t find(const struct table *t, struct cpl_str text)
{
	uint32_t mask = t->size - 1;

	for (uint32_t i = hash(text) & mask; t->places[i]; i = (i + 1) & mask)
		if (cpl_str_equal(t->texts[t->places[i]], text))
			return t->places[i];
	return 0;
}

static void place(struct table *t, uint16_t id)
{
	uint32_t mask = t->size - 1;
	uint32_t i = hash(t->texts[id]) & mask;

	while (t->places[i])
		i = (i + 1) & mask;
	t->places[i] = id;
}

static void make_room(struct table *t)
{
	if (t->next >= t->room) {
		t->room = t->room ? t->room * 2 : FIRST_SIZE / 2;
		t->texts = cpl_realloc(t->texts, t->room * sizeof *t->texts);
	}
	if (t->next * 2 < t->size)
		return;
	cpl_free(t->places);
	t->size = t->size ? t->size * 2 : FIRST_SIZE;
	t->places = cpl_alloc(t->size * sizeof *t->places);
	for (uint32_t id = 1; id < t->next; id++)
		if (t->texts[id].ptr)
			place(t, (uint16_t)id);
}

static uint16_t add(struct table *t, struct cpl_str text)
{
	uint16_t id = t->size ? find(t, text) : 0;

	if (id || t->next > IDS_MAX)
		return id;
	make_room(t);
	id = (uint16_t)t->next++;
	t->texts[id] = (struct cpl_str){cpl_strdup(text), text.len};
	place(t, id);
	return id;
}

static void add_reserved(uint16_t id, struct cpl_str ns)
{
	namespaces.next = id;
	add(&namespaces, ns);
}

static void prepare(void)
{
	locals.next = 1;
	add(&locals, CPL_STR("message"));
	add(&locals, CPL_STR("presence"));
	add(&locals, CPL_STR("iq"));
	add(&locals, CPL_STR("error"));
	namespaces.next = 1;
	make_room(&namespaces);
	add_reserved(CPL_NS_NONE, CPL_STR(""));
	add_reserved(CPL_NS_XML, CPL_STR("http://www.w3.org/XML/1998/namespace"));
	add_reserved(CPL_NS_CLIENT, CPL_STR("jabber:client"));
	add_reserved(CPL_NS_SERVER, CPL_STR("jabber:server"));
	add_reserved(CPL_NS_COMPONENT, CPL_STR("jabber:component:accept"));
	add_reserved(CPL_NS_STREAM, CPL_STR("http://etherx.jabber.org/streams"));
	add_reserved(CPL_NS_STREAM_ERROR, CPL_STR("urn:ietf:params:xml:ns:xmpp-streams"));
	add_reserved(CPL_NS_STANZA_ERROR, CPL_STR("urn:ietf:params:xml:ns:xmpp-stanzas"));
	namespaces.next = CPL_NS_FIRST_FREE;
}

int names_add(struct cpl_name *name)
{
	if (!locals.size)
		prepare();
	name->local_id = add(&locals, cpl_str_of(name->local));
	name->ns_id = name->ns ? add(&namespaces, cpl_str_of(name->ns)) : CPL_NS_CONTENT;
	return name->local_id && name->ns_id ? 0 : CPL_E_FULL;
}

int cpl_name_add(struct cpl_name *name)
{
	/* The texts outlive the module. */
	struct account *before = account_as_core();
	int status;

	if (name->local) {
		status = names_add(name);
	} else {
		name->ns_id = name->ns ? names_add_ns(cpl_str_of(name->ns)) : CPL_NS_CONTENT;
		status = name->ns_id ? 0 : CPL_E_FULL;
	}
	account_back(before);
	return status;
}

uint16_t names_add_ns(struct cpl_str ns)
{
	if (!locals.size)
		prepare();
	return add(&namespaces, ns);
}

uint16_t names_ns(struct cpl_str ns)
{
	if (!locals.size)
		prepare();
	return find(&namespaces, ns);
}

uint16_t names_local(struct cpl_str local)
{
	if (!locals.size)
		prepare();
	return find(&locals, local);
}

struct cpl_str names_ns_text(uint16_t id)
{
	if (!locals.size)
		prepare();
	return id < namespaces.next ? namespaces.texts[id] : CPL_NONE;
}

struct cpl_str names_local_text(uint16_t id)
{
	return id < locals.next ? locals.texts[id] : CPL_NONE;
}
