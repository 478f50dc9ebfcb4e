/* SPDX-License-Identifier: MIT */
/*
 * mute: a filter of one session, put on by that session while it is connected: an address that it has muted neither reaches it nor hears from it; the account's other sessions go on as
 * before. Shows filters of stanzas in and out of a session: an ordinary handler of pre_message and session_out, and a slot in the session that says what it shall do there. Handlers have their
 * place in the order of all, and go with the module, as does the slot; so there is nothing to take off.
 *
 * <mute xmlns='urn:example:mute' jid='tybalt@example.org'/> and <unmute .../>, sent to the own account.
 *
 *     modules+: [mute]
 */
#include <couplet/module.h>

struct mute_config {
	int64_t max_addresses;
};
static const struct cpl_option options[] = {
	CPL_OPT_INT(struct mute_config, max_addresses, "10", "1", "1000", CPL_RELOADABLE, "How many addresses a session may mute."),
	CPL_OPT_END,
};

CPL_NAME(name_mute, "urn:example:mute", "mute");
CPL_NAME(name_unmute, "urn:example:mute", "unmute");
static struct cpl_name *const names[] = {&name_mute, &name_unmute, NULL};

/* Of a session that has a filter; others have none. */
struct muted {
	struct cpl_map addresses; /* bare JID -> the same text on the heap */
};

static void release(void *data)
{
	struct muted *muted = data;
	char *text;

	for (size_t at = 0; (text = cpl_map_next(&muted->addresses, &at));)
		cpl_free(text);
	cpl_map_finish(&muted->addresses);
	cpl_free(muted);
}
CPL_SLOT(muted_slot, SESSION, struct muted, 1, release);
static struct cpl_slot *const slots[] = {&muted_slot, NULL};

static bool has_muted(const struct cpl_session *session, struct cpl_jid address)
{
	const struct muted *muted = CPL_SLOT_GET(session, muted_slot);

	return muted && cpl_jid_is_set(address) && cpl_map_get(&muted->addresses, cpl_jid_str(cpl_jid_bare(address)));
}

/* ---- the filter ---- */

/* What the session sends; it may be answered, changed (up to stage REWRITE), held or suspended. */
static enum cpl_flow on_pre_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return has_muted(ev->session, ev->stanza->to) ? cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, "You have muted this address") : CPL_NEXT;
}

/* What the session is about to get; it may be dropped, or something added to it. */
static enum cpl_flow on_out(struct cpl_module *self, struct cpl_ev_out *ev)
{
	return ev->stanza->kind == CPL_MESSAGE && ev->stanza->type != CPL_TYPE_ERROR && has_muted(ev->session, ev->stanza->from) ? CPL_DROP : CPL_NEXT;
}

static const struct cpl_event_row events[] = {
	CPL_ON(pre_message, on_pre_message, POLICY, 0),
	CPL_ON(session_out, on_out, POLICY, 0),
	CPL_ON_END,
};

/* ---- putting it on ---- */

static enum cpl_flow on_mute(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *payload = cpl_first_child(ev->stanza->root);
	struct cpl_stanza *result;
	struct muted *muted;
	struct cpl_jid jid;
	struct cpl_str key;
	char *text;

	if (!ev->session || cpl_jid_parse(&jid, cpl_attr_get(payload, "jid"), ev->stanza->arena) != 0)
		return cpl_iq_error(ev, CPL_BAD_REQUEST, "An address is wanted in the attribute jid");
	muted = CPL_SLOT_MAKE(ev->session, muted_slot);
	key = cpl_jid_str(cpl_jid_bare(jid));
	cpl_free(cpl_map_remove(&muted->addresses, key));
	if (cpl_is(payload, &name_mute)) {
		if ((int64_t)muted->addresses.count >= CPL_CONFIG(self, ev->host, struct mute_config)->max_addresses)
			return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, "Too many addresses are muted");
		text = cpl_strdup(key);
		cpl_map_put(&muted->addresses, (struct cpl_str){text, key.len}, text);
	}
	result = cpl_iq_result(ev);
	cpl_send(&result);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_SET, CPL_TO_SELF, &name_mute, on_mute, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &name_unmute, on_mute, 0},
	{0, 0, NULL, NULL, 0},
};

CPL_MODULE(mute) = {
	CPL_MODULE_HEAD("mute", "1.0", "Filters of single sessions"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct mute_config),
	.events = events,
	.iqs = iqs,
	.slots = slots,
};
