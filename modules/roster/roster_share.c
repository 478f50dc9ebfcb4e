/* SPDX-License-Identifier: MIT */
/* Contacts that are given to an account and not stored (shared groups), laid over what it has stored itself. */
#include "modules/roster/roster.h"

static struct cpl_roster_item *given_item(const struct roster *roster, struct cpl_str contact)
{
	return roster->shares ? cpl_map_get(&roster->shares->given, contact) : NULL;
}

const struct cpl_roster_item *roster_given(const struct roster *roster, struct cpl_jid contact)
{
	return given_item(roster, cpl_jid_str(cpl_jid_bare(contact)));
}

const struct cpl_roster_item *roster_own(const struct roster *roster, struct cpl_str contact)
{
	return cpl_map_get(given_item(roster, contact) ? &roster->shares->own : &roster->pub.items, contact);
}

static bool has_group(const struct cpl_roster_item *item, struct cpl_str group)
{
	for (unsigned i = 0; i < item->group_count; i++)
		if (cpl_str_equal(item->groups[i], group))
			return true;
	return false;
}

/* What clients see of both; `own` may be NULL. */
static struct cpl_roster_item *merge(const struct cpl_roster_item *given, const struct cpl_roster_item *own)
{
	struct cpl_roster_item item = *given, *merged;
	unsigned more = own && own->listed ? own->group_count : 0;

	item.subscription = CPL_SUB_BOTH;
	item.listed = item.shared = true;
	item.ask = item.approved = false;
	item.request = NULL;
	item.groups = cpl_alloc((given->group_count + more + 1) * sizeof(struct cpl_str));
	for (unsigned i = 0; i < given->group_count; i++)
		item.groups[i] = given->groups[i];
	for (unsigned i = 0; i < more; i++)
		if (!has_group(given, own->groups[i]))
			item.groups[item.group_count++] = own->groups[i];
	if (own && own->listed && own->name.ptr)
		item.name = own->name;
	merged = roster_item_dup(&item);
	cpl_free(item.groups);
	return merged;
}

/* Puts `item` at its place in the map, or with NULL takes away what is there; returns what was there. */
static struct cpl_roster_item *replace(struct cpl_map *map, struct cpl_str key, struct cpl_roster_item *item)
{
	return item ? cpl_map_put(map, cpl_jid_str(item->jid), item) : cpl_map_remove(map, key);
}

const struct cpl_roster_item *roster_put(struct roster *roster, struct cpl_roster_item *item)
{
	const struct cpl_roster_item *given = roster_given(roster, item->jid), *before = roster_own(roster, cpl_jid_str(item->jid));
	struct cpl_roster_item *old, *kept = item->listed || item->request ? item : NULL, *seen = kept;

	roster->stored = roster->stored + item->listed - (before && before->listed);
	if (given) {
		seen = merge(given, kept);
		old = replace(&roster->shares->own, cpl_jid_str(item->jid), kept);
		roster_item_free(&old);
	} else {
		roster->pub.listed = roster->pub.listed + item->listed - (before && before->listed);
	}
	old = replace(&roster->pub.items, cpl_jid_str(item->jid), seen);
	roster_item_free(&old);
	if (!kept)
		roster_item_free(&item);
	return seen;
}

/* The same for the same item in every run, so that what clients have kept stays good over a restart. */
static uint64_t hash_bytes(uint64_t hash, struct cpl_str bytes)
{
	for (size_t i = 0; i <= bytes.len; i++)
		hash = (hash ^ (i < bytes.len ? (unsigned char)bytes.ptr[i] : 0xffu)) * 0x100000001b3u;
	return hash;
}

static uint64_t hash_of(const struct cpl_roster_item *item)
{
	uint64_t hash = hash_bytes(hash_bytes(0xcbf29ce484222325u, cpl_jid_str(item->jid)), item->name);

	for (unsigned i = 0; i < item->group_count; i++)
		hash = hash_bytes(hash, item->groups[i]);
	return hash;
}

/* Puts what is given in its place, or takes it away; returns what clients saw before, which is the caller's to free. */
static struct cpl_roster_item *lay(struct roster *roster, struct cpl_str key, struct cpl_roster_item *given)
{
	struct cpl_roster_item *seen = cpl_map_get(&roster->pub.items, key), *before = given_item(roster, key), *own;
	struct roster_shares *shares = roster->shares;

	if (!shares)
		shares = roster->shares = CPL_NEW(struct roster_shares);
	if (!before && seen) {
		/* From now on what was seen stands behind. */
		cpl_map_remove(&roster->pub.items, key);
		cpl_map_put(&shares->own, cpl_jid_str(seen->jid), seen);
		seen = roster_item_dup(seen);
	} else if (seen) {
		cpl_map_remove(&roster->pub.items, key);
	}
	own = cpl_map_get(&shares->own, key);
	before = replace(&shares->given, key, given);
	shares->hash ^= (before ? hash_of(before) : 0) ^ (given ? hash_of(given) : 0);
	roster_item_free(&before);
	if (!given)
		own = cpl_map_remove(&shares->own, key);
	own = given ? merge(given, own) : own;
	if (own)
		cpl_map_put(&roster->pub.items, cpl_jid_str(own->jid), own);
	roster->pub.listed = roster->pub.listed + (own && own->listed) - (seen && seen->listed);
	if (shares->given.count == 0)
		roster_share_release(roster);
	return seen;
}

void roster_on_share(struct cpl_module *self, struct cpl_ev_share *share)
{
	struct cpl_user *user = share->user;
	const struct cpl_roster_item *item = share->item;
	struct roster *roster = CPL_SLOT_GET(user, roster_slot);
	struct cpl_jid bare = cpl_jid_dup(cpl_jid_bare(share->contact));
	struct cpl_roster_item given = {.jid = bare}, before = given, after = given, *old;
	const struct cpl_roster_item *seen;
	struct cpl_ev_roster ev = {.user = user, .contact = bare, .before = &before, .after = &after, .forced = true};

	if (!roster || user->roster != &roster->pub || (!item && !roster_given(roster, bare))) {
		cpl_jid_free(&bare);
		return;
	}
	if (item) {
		given.name = item->name;
		given.groups = item->groups;
		given.group_count = item->group_count;
	}
	old = lay(roster, cpl_jid_str(bare), item ? roster_item_dup(&given) : NULL);
	seen = cpl_map_get(&roster->pub.items, cpl_jid_str(bare));
	if (old)
		before = roster_summary(old);
	if (seen)
		after = roster_summary(seen);
	if (old && seen ? roster_differs(old, seen) : before.listed != after.listed) {
		roster_push(user, seen ? seen : &given, !after.listed);
		cpl_fire_roster_changed(user->host, &ev);
	}
	roster_item_free(&old);
	cpl_jid_free(&bare);
}

void roster_share_release(struct roster *roster)
{
	struct roster_shares *shares = roster->shares;

	if (!shares)
		return;
	for (size_t i = 0; i < 2; i++) {
		struct cpl_map *map = i ? &shares->own : &shares->given;
		struct cpl_roster_item *item;
		size_t at = 0;

		while ((item = cpl_map_next(map, &at)))
			roster_item_free(&item);
		cpl_map_finish(map);
	}
	cpl_free(shares);
	roster->shares = NULL;
}
