/* SPDX-License-Identifier: MIT */
/* Whether a message is archived: the sender's hints (XEP-0334), what it is (XEP-0313 6.1.1), and what the account wishes (XEP-0441). */
#include "modules/mam/mam.h"

CPL_CONTENT_NAME(name_body, "body");
CPL_CONTENT_NAME(name_subject, "subject");
CPL_NAME(name_store, "urn:xmpp:hints", "store");
CPL_NAME(name_no_store, "urn:xmpp:hints", "no-store");
CPL_NAME(name_no_permanent_store, "urn:xmpp:hints", "no-permanent-store");
CPL_NAME(name_receipt, "urn:xmpp:receipts", "received");
CPL_NAME(name_displayed, "urn:xmpp:chat-markers:0", "displayed");
CPL_NAME(name_marked_received, "urn:xmpp:chat-markers:0", "received");
CPL_NAME(name_acknowledged, "urn:xmpp:chat-markers:0", "acknowledged");
CPL_NAME(name_retract, "urn:xmpp:message-retract:1", "retract");
CPL_NAME(name_reactions, "urn:xmpp:reactions:0", "reactions");
CPL_NAME(name_encryption, "urn:xmpp:eme:0", "encryption");
CPL_NAME(name_omemo, "urn:xmpp:omemo:2", "encrypted");
CPL_NAME(name_axolotl, "eu.siacs.conversations.axolotl", "encrypted");
CPL_NAME(name_openpgp, "urn:xmpp:openpgp:0", "openpgp");
CPL_NAME(name_pgp, "jabber:x:encrypted", "x");
CPL_NAME(name_invitation, "jabber:x:conference", "x");
CPL_NAME(name_call_invite, "urn:xmpp:call-invites:0", "invite");
CPL_NAME(name_propose, "urn:xmpp:jingle-message:0", "propose");

/* What makes a message one that is worth a record. Chat states, requests for receipts and the like do not. */
static const struct cpl_name *const worthy[] = {
	&name_body, &name_subject, &name_store, &name_receipt, &name_displayed, &name_marked_received, &name_acknowledged, &name_retract, &name_reactions,
	&name_encryption, &name_omemo, &name_axolotl, &name_openpgp, &name_pgp, &name_invitation, &name_call_invite, &name_propose,
};

struct cpl_name *const mam_names[] = {
	&mam_name_query, &mam_name_metadata, &mam_name_prefs, &mam_name_stanza_id, &mam_name_always, &mam_name_never, &mam_name_jid, &mam_name_delay, &name_body, &name_subject, &name_store, &name_no_store,
	&name_no_permanent_store, &name_receipt, &name_displayed, &name_marked_received, &name_acknowledged, &name_retract, &name_reactions,
	&name_encryption, &name_omemo, &name_axolotl, &name_openpgp, &name_pgp, &name_invitation, &name_call_invite, &name_propose, NULL,
};

static bool is_worthy(const struct cpl_element *child)
{
	for (size_t i = 0; i < sizeof(worthy) / sizeof(*worthy); i++)
		if (cpl_is(child, worthy[i]))
			return true;
	return false;
}

/* An error may hold the hints of what it answers, but errors are not archived anyway. */
enum cpl_answer mam_heed_hints(struct cpl_module *self, struct cpl_ev_archive *ev)
{
	const struct cpl_element *root = ev->stanza->root;

	return cpl_child(root, &name_no_store) || cpl_child(root, &name_no_permanent_store) ? CPL_NO : CPL_NO_OPINION;
}

/* No headlines, which are news of the moment, and not what is said in rooms, which have archives of their own. */
enum cpl_answer mam_judge_content(struct cpl_module *self, struct cpl_ev_archive *ev)
{
	enum cpl_type type = ev->stanza->type;

	if (type != CPL_TYPE_NONE && type != CPL_TYPE_NORMAL && type != CPL_TYPE_CHAT)
		return CPL_NO;
	CPL_CHILDREN(child, ev->stanza->root)
		if (is_worthy(child))
			return CPL_NO_OPINION;
	return CPL_NO;
}

/* XEP-0441 2.3: an entry without a resource stands for all of them. */
static bool is_listed(const struct cpl_str *items, size_t count, struct cpl_jid jid)
{
	struct cpl_str full = cpl_jid_str(jid), bare = cpl_jid_str(cpl_jid_bare(jid));

	for (size_t i = 0; i < count; i++)
		if (cpl_str_equal(items[i], full) || cpl_str_equal(items[i], bare))
			return true;
	return false;
}

enum cpl_answer mam_heed_preferences(struct cpl_module *self, struct cpl_ev_archive *ev)
{
	const struct mam_config *config = CPL_CONFIG(self, ev->user->host, struct mam_config);
	const struct mam_account *account = CPL_SLOT_GET(ev->user, mam_slot);
	const struct cpl_archive_preferences *wish = account && config->preferences ? account->preferences : NULL;
	const struct cpl_roster_item *item;

	if (!account || !account->known)
		return CPL_NO;
	if (wish && is_listed(wish->never, wish->never_count, ev->with))
		return CPL_NO;
	if (wish && is_listed(wish->always, wish->always_count, ev->with))
		return CPL_YES;
	switch (wish ? (int)wish->policy : config->policy) {
	case CPL_ARCHIVE_NEVER:
		return CPL_NO;
	case CPL_ARCHIVE_ROSTER:
		item = cpl_roster_find(ev->user->roster, ev->with);
		return item && item->listed ? CPL_YES : CPL_NO;
	default:
		return CPL_YES;
	}
}
