/* SPDX-License-Identifier: MIT */
/* Compacted stanzas whose elements are shared. */
#include "core/xml/alike.h"
#include "core/base/memory.h"
#include "core/xml/compact.h"
#include "core/xml/element.h"

#include <couplet/memory.h>
#include <couplet/time.h>

/* Stands before the tree in its block. */
struct alike {
	uint32_t users;
	uint32_t size; /* of the tree as written down */
	uint64_t hash;
};

static struct {
	uint64_t hash;
	struct alike *alike; /* NULL: seen once, or not kept any more; borrowed */
} places[ALIKE_PLACES];
static size_t count;

/* UNSAFE: the tree's root is the first thing behind the struct. */
static struct cpl_element *tree_of(struct alike *alike)
{
	return (struct cpl_element *)(void *)(alike + 1);
}

static struct alike *alike_of(struct cpl_element *root)
{
	return (struct alike *)(void *)root - 1;
}

/* ---- a tree written down, so that two are equal exactly when their texts are: words that say what comes, and what it says ---- */

struct text {
	char bytes[ALIKE_BYTES];
	size_t len;
	bool full;
};

enum mark { MARK_END, MARK_ELEMENT, MARK_ATTR, MARK_TEXT, MARK_STR, MARK_NO_STR };

struct word {
	uint16_t mark;
	uint16_t ns_id, name_id;
	uint16_t len; /* of what follows; none of what fits is longer */
};

static inline void put_word(struct text *text, struct word word, const char *bytes)
{
	if (text->full || word.len > sizeof(text->bytes) - sizeof(word) || text->len > sizeof(text->bytes) - sizeof(word) - word.len) {
		text->full = true;
		return;
	}
	memcpy(text->bytes + text->len, &word, sizeof(word));
	text->len += sizeof(word);
	if (word.len)
		memcpy(text->bytes + text->len, bytes, word.len);
	text->len += word.len;
}

static void put_str(struct text *text, enum mark mark, struct cpl_str s)
{
	if (s.len > sizeof(text->bytes))
		text->full = true;
	else
		put_word(text, (struct word){.mark = s.ptr ? (uint16_t)mark : MARK_NO_STR, .len = (uint16_t)s.len}, s.ptr);
}

/* What has a number needs no text. A name interned since the other tree was made has a number here and none there, and whoever looks for it would find it only here: they differ. */
static void put_element(struct text *text, const struct cpl_element *e)
{
	put_word(text, (struct word){.mark = MARK_ELEMENT, .ns_id = e->ns_id, .name_id = e->name_id}, "");
	if (!e->ns_id)
		put_str(text, MARK_STR, e->ns);
	if (!e->name_id)
		put_str(text, MARK_STR, e->name);
	for (const struct cpl_attr *attr = e->attrs; attr; attr = attr->next) {
		put_str(text, MARK_ATTR, attr->name);
		put_str(text, MARK_STR, attr->ns);
		put_str(text, MARK_STR, attr->value);
	}
}

static void put_tree(struct text *text, const struct cpl_element *root)
{
	const struct cpl_element *e = root;
	const struct cpl_node *node = root->first;

	put_element(text, root);
	while (node || e != root) {
		if (!node) {
			put_word(text, (struct word){.mark = MARK_END}, "");
			node = e->node.next;
			e = e->parent;
		} else if (node->kind == CPL_NODE_TEXT) {
			put_str(text, MARK_TEXT, as_text(node)->text);
			node = node->next;
		} else {
			e = as_element(node);
			put_element(text, e);
			node = e->first;
		}
		if (text->full)
			return;
	}
}

/* ---- the table ---- */

/* Quick, and no more than a guess: who is like whom is looked at, and a collision only costs what sharing would have saved. */
static uint64_t hash_of(const struct text *text)
{
	static uint64_t key;
	uint64_t hash, word;
	size_t at = 0;

	while (!key)
		cpl_random_bytes(&key, sizeof(key));
	hash = key ^ text->len;
	for (; text->len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, text->bytes + at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, text->bytes + at, text->len - at);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

static bool is_alike(struct alike *alike, const struct text *text)
{
	struct text other;

	if (alike->size != text->len)
		return false;
	other.len = 0;
	other.full = false;
	put_tree(&other, tree_of(alike));
	return !other.full && other.len == text->len && memcmp(other.bytes, text->bytes, text->len) == 0;
}

static struct alike *alike_create(const struct cpl_element *root, const struct text *text, uint64_t hash)
{
	struct alike *alike = compact_tree(root, sizeof *alike);

	alike->size = (uint32_t)text->len;
	alike->hash = hash;
	count++;
	return alike;
}

struct cpl_stanza *alike_compact(const struct cpl_stanza *stanza)
{
	struct text text;
	uint64_t hash;
	size_t at;

	text.len = 0;
	text.full = false;
	put_tree(&text, stanza->root);
	if (text.full)
		return cpl_stanza_compact(stanza);
	hash = hash_of(&text);
	at = hash % ALIKE_PLACES;
	if (places[at].hash != hash) {
		places[at].hash = hash;
		places[at].alike = NULL;
		return cpl_stanza_compact(stanza);
	}
	if (!places[at].alike)
		places[at].alike = alike_create(stanza->root, &text, hash);
	else if (!is_alike(places[at].alike, &text))
		return cpl_stanza_compact(stanza);
	places[at].alike->users++;
	return compact_around(stanza, tree_of(places[at].alike));
}

void alike_unref(struct cpl_element *root)
{
	struct alike *alike = alike_of(root);
	size_t at = alike->hash % ALIKE_PLACES;

	if (--alike->users)
		return;
	if (places[at].alike == alike)
		places[at].alike = NULL;
	count--;
	cpl_free(alike);
}

size_t alike_count(void)
{
	return count;
}

size_t alike_held(const struct cpl_element *root, unsigned *users)
{
	const struct alike *alike = alike_of((struct cpl_element *)root);

	*users = alike->users;
	return memory_held(alike);
}
