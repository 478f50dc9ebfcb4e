/* SPDX-License-Identifier: MIT */
/*
 * What a client has read in the archive before it became available is not sent to it once more as an offline message (XEP-0313 6.1.1). The ids are remembered as keyed hashes until a message
 * comes that has not waited: then those that have are through.
 */
#include "modules/mam/mam.h"

/* More come twice. */
enum { SEEN_MAX = 500 };

struct seen {
	uint32_t count;
	uint64_t ids[SEEN_MAX];
};
CPL_SLOT(seen_slot, SESSION, struct seen, 1, NULL);
struct cpl_slot *const mam_slots[] = {&mam_slot, &seen_slot, NULL};

void mam_note_seen(struct cpl_session *session, struct cpl_str id)
{
	struct seen *seen;

	if (session->presence)
		return;
	seen = CPL_SLOT_MAKE(session, seen_slot);
	if (seen->count < SEEN_MAX)
		seen->ids[seen->count++] = cpl_hash(id);
}

/* Stamped by our host, as messages are that have waited here. */
static bool has_waited(const struct cpl_stanza *message, const struct cpl_session *session)
{
	CPL_CHILDREN(child, message->root)
		if (cpl_is(child, &mam_name_delay) && cpl_str_equal(cpl_attr_get(child, "from"), session->host))
			return true;
	return false;
}

enum cpl_flow mam_on_out(struct cpl_module *self, struct cpl_ev_out *ev)
{
	const struct seen *seen = ev->stanza->kind == CPL_MESSAGE ? CPL_SLOT_GET(ev->session, seen_slot) : NULL;
	struct cpl_str id = seen && ev->session->user ? mam_id_of(ev->stanza, ev->session->user) : CPL_NONE;
	uint64_t hash;

	if (!id.ptr || !ev->session->presence)
		return CPL_NEXT;
	if (!has_waited(ev->stanza, ev->session)) {
		CPL_SLOT_CLEAR(ev->session, seen_slot);
		return CPL_NEXT;
	}
	hash = cpl_hash(id);
	for (uint32_t i = 0; i < seen->count; i++)
		if (seen->ids[i] == hash)
			return CPL_DROP;
	return CPL_NEXT;
}
