/* SPDX-License-Identifier: MIT */
/*
 * Blocked addresses of accounts (XEP-0191). The bundled provider is the module blocklist, which loads the list with the account, changes it, and stops what is addressed
 * from a client to a blocked address or from there to the account. A module that makes stanzas in an account's name, or hands over what was kept for it, asks
 * cpl_user_blocks() first. When the list has changed and is on disk, block_changed is fired for each address.
 */
#ifndef COUPLET_BLOCKLIST_H
#define COUPLET_BLOCKLIST_H

#include <couplet/session.h>

/* Which kinds of addresses a list has, so that only these are looked for. */
enum { CPL_BLOCKS_DOMAIN = 1, CPL_BLOCKS_BARE = 2, CPL_BLOCKS_FULL = 4 };

/* user->blocklist: NULL for an account that blocks nobody. */
struct cpl_blocklist {
	struct cpl_map items; /* an address as text -> anything; the bare ones have a localpart */
	unsigned kinds;       /* CPL_BLOCKS_... */
};

/* True when `item` of a list stands for `who` (XEP-0191 5): that resource, any resource of that account, or any address of that domain. */
static inline bool cpl_block_matches(struct cpl_jid item, struct cpl_jid who)
{
	if (item.resource_len)
		return cpl_jid_equal(item, who);
	return item.local_len ? cpl_jid_equal_bare(item, who) : cpl_str_equal(cpl_jid_domain(item), cpl_jid_domain(who));
}

/*
 * True when the account blocks the address, or one that stands for it. A bare address is not blocked because one of its resources is. An account's own
 * addresses are never blocked. A load and a branch where the list is empty, else at most three look-ups.
 */
static inline bool cpl_user_blocks(const struct cpl_user *user, struct cpl_jid who)
{
	const struct cpl_blocklist *list = user->blocklist;

	if (__builtin_expect(!list, 1))
		return false;
	return ((list->kinds & CPL_BLOCKS_BARE && who.local_len && cpl_map_get(&list->items, cpl_jid_str(cpl_jid_bare(who)))) ||
		(list->kinds & CPL_BLOCKS_DOMAIN && cpl_map_get(&list->items, cpl_jid_domain(who))) ||
		(list->kinds & CPL_BLOCKS_FULL && who.resource_len && cpl_map_get(&list->items, cpl_jid_str(who)))) &&
	       !cpl_jid_equal_bare(who, user->jid);
}

/* For the provider. */
#pragma GCC visibility push(default)
void cpl_user_set_blocklist(struct cpl_user *user, const struct cpl_blocklist *list);
#pragma GCC visibility pop

#endif
