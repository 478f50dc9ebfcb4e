/* SPDX-License-Identifier: MIT */
/*
 * Blocking Command (XEP-0191) with Spam Reporting (XEP-0377): what clients send to blocked addresses is refused, what comes from there is not let in. Keeps the store
 * blocklist; sets user->blocklist, by which other modules know.
 */
#include "modules/blocklist/blocklist.h"

static const struct cpl_option options[] = {
	CPL_OPT_INT(struct blocklist_config, max_items, "1000", "1", "100000", CPL_RELOADABLE, "The most addresses that an account may block."),
	CPL_OPT_JID(struct blocklist_config, report_to, CPL_RELOADABLE, "Who gets a message when an account reports whom it blocks; without it, reports are only kept."),
	CPL_OPT_END,
};

static const struct cpl_column columns[] = {
	{"since", CPL_COLUMN_INTEGER, false}, {"reason", CPL_COLUMN_TEXT, false}, {"report", CPL_COLUMN_TEXT, false},
	{"messages", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false},
};
const struct cpl_store blocklist_store = {"blocklist", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&blocklist_store, NULL};

CPL_SLOT_DEFINE(blocklist_slot, 1, blocklist_release, NULL);
CPL_SLOT_DEFINE(blocklist_asked_slot, 1, NULL, NULL);
static struct cpl_slot *const slots[] = {&blocklist_slot, &blocklist_asked_slot, NULL};

/* ---- what clients send ---- */

/* 3.3: an error that names the reason; what may not be answered goes nowhere. */
static enum cpl_flow on_out(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *stanza = ev->stanza, *error;

	if (!ev->user->blocklist || !cpl_jid_is_set(stanza->to) || !cpl_user_blocks(ev->user, stanza->to))
		return CPL_NEXT;
	error = cpl_stanza_error(stanza, CPL_NOT_ACCEPTABLE, NULL);
	if (error) {
		struct cpl_element *child = cpl_first_child(error->root);

		while (cpl_next_child(child))
			child = cpl_next_child(child); /* <error/> is the last one */
		cpl_attr_set(error, child, "type", CPL_STR("cancel"));
		cpl_add(error, child, &blocklist_name_blocked);
		cpl_session_send(ev->session, error);
		cpl_stanza_unref(&error);
	}
	return CPL_HANDLED;
}

/* ---- what comes in ---- */

static bool is_blocked(const struct cpl_ev_stanza *ev)
{
	return ev->user && ev->user->blocklist && cpl_jid_is_set(ev->stanza->from) && cpl_user_blocks(ev->user, ev->stanza->from);
}

/* A room hands on who invites (XEP-0045 7.8.2). */
static bool is_invited_by_blocked(const struct cpl_ev_stanza *ev)
{
	const struct cpl_element *x = ev->user && ev->user->blocklist ? cpl_child(ev->stanza->root, &blocklist_name_muc) : NULL;
	const struct cpl_element *invite = x ? cpl_child(x, &blocklist_name_invite) : NULL;
	struct cpl_jid from;

	return invite && cpl_jid_parse(&from, cpl_attr_get(invite, "from"), ev->stanza->arena) == 0 && cpl_user_blocks(ev->user, from);
}

static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	enum cpl_type type = ev->stanza->type;

	if (!is_blocked(ev) && !is_invited_by_blocked(ev))
		return CPL_NEXT;
	/* An error would put the account out of the room whose occupant it blocks, and nobody answers headlines. */
	if (type != CPL_TYPE_GROUPCHAT && type != CPL_TYPE_HEADLINE)
		cpl_bounce(ev->stanza, CPL_SERVICE_UNAVAILABLE, NULL);
	return CPL_HANDLED;
}

static enum cpl_flow on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return is_blocked(ev) ? CPL_HANDLED : CPL_NEXT;
}

/* 3.3: requests get an error, answers do not arrive. */
static enum cpl_flow on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (!is_blocked(ev))
		return CPL_NEXT;
	return cpl_iq_error(ev, CPL_SERVICE_UNAVAILABLE, NULL);
}

/* Before all else, in both directions. */
static const struct cpl_event_row events[] = {
	CPL_ON(user_load, blocklist_on_user_load, FEATURE, 5),
	CPL_ON(pre_message, on_out, POLICY, -100),
	CPL_ON(pre_presence, on_out, POLICY, -100),
	CPL_ON(pre_iq, on_out, POLICY, -100),
	CPL_ON(message, on_message, POLICY, -100),
	CPL_ON(presence, on_presence, POLICY, -100),
	CPL_ON(iq, on_iq, POLICY, -100),
	CPL_ON(iq_request, on_iq, POLICY, -100),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_SELF, &blocklist_name_list, blocklist_on_get, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &blocklist_name_block, blocklist_on_block, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &blocklist_name_unblock, blocklist_on_unblock, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"urn:xmpp:blocking", CPL_OF_HOST},
	{"urn:xmpp:reporting:1", CPL_OF_HOST},
	{NULL, 0},
};

/* ---- life ---- */

/* The generation before has read the lists of all accounts in memory. */
static void save(struct cpl_module *self, struct cpl_bag *bag)
{
	cpl_bag_put_int(bag, "loaded", 1);
}

static int restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	int64_t loaded;

	if (cpl_bag_get_int(bag, "loaded", &loaded))
		cpl_module_set_data(self, (void *)(uintptr_t)loaded);
	return 0;
}

static void start(struct cpl_module *self, struct cpl_host *host)
{
	struct cpl_user *user;
	size_t at = 0;

	while (!cpl_module_data(self) && (user = cpl_map_next(&host->users, &at)))
		blocklist_load_late(user);
}

CPL_MODULE(blocklist) = {
	CPL_MODULE_HEAD("blocklist", "1.0", "Blocked addresses and reports (XEP-0191, XEP-0377)"),
	.names = blocklist_names,
	.options = options,
	.config_size = sizeof(struct blocklist_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.commands = blocklist_commands,
	.stores = stores,
	.transfers = blocklist_transfers,
	.slots = slots,
	.start = start,
	.save = save,
	.restore = restore,
	.schema = 1,
};
