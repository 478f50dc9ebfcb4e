/* SPDX-License-Identifier: MIT */
/* What blocking and unblocking an address means for presence (XEP-0191 3.3, 3.4). */
#include "modules/presence/presence.h"

/* One contact that the address stands for; `to` is the contact, or the one resource of it that is meant. */
static void tell(struct cpl_user *user, const struct cpl_roster_item *item, struct cpl_jid to, bool blocked)
{
	if (item->subscription & CPL_SUB_FROM)
		presence_send_all(user, to, blocked);
	if (blocked || !(item->subscription & CPL_SUB_TO))
		return;
	/* What became of the contact in the meantime has not been let in. */
	CPL_SESSIONS(session, user)
	{
		if (session->presence)
			presence_send_type(session->jid, to, CPL_TYPE_PROBE);
	}
}

static void tell_contacts(struct cpl_user *user, struct cpl_jid jid, bool blocked)
{
	const struct cpl_roster_item *item = jid.local_len ? cpl_roster_find(user->roster, jid) : NULL;
	size_t at = 0;

	if (item && cpl_user_blocks(user, jid) == blocked)
		tell(user, item, jid, blocked);
	if (jid.local_len || jid.resource_len)
		return;
	while ((item = cpl_roster_next(user->roster, &at)))
		if (cpl_block_matches(jid, item->jid) && cpl_user_blocks(user, item->jid) == blocked)
			tell(user, item, item->jid, blocked);
}

void presence_on_block_changed(struct cpl_module *self, struct cpl_ev_block *ev)
{
	tell_contacts(ev->user, ev->jid, ev->blocked);
	if (!ev->blocked)
		return;
	CPL_SESSIONS(session, ev->user)
	{
		presence_leave_directed(session, ev->jid);
	}
}
