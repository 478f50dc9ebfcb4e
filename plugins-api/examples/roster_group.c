/* SPDX-License-Identifier: MIT */
/*
 * roster_group: rosters that the administrator gives, instead of the bundled module `roster`, which it replaces: everybody in a group has everybody else of it on the roster and sees
 * when they are there. Accounts cannot change them. Provides the service "roster", for the module presence and others.
 *
 *     modules: [tls, auth, bind, roster_group, presence, message, iq]
 *     roster_group: {groups: ["Montague romeo benvolio", "Capulet juliet nurse tybalt"]}
 */
#include <couplet/module.h>

struct group_config {
	struct cpl_str_list groups;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct group_config, groups, NULL, CPL_REQUIRED, "Groups: a name without blanks, and behind it the localparts of its members, each behind a blank."),
	CPL_OPT_END,
};

static void check_options(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct group_config *config = values;

	for (size_t i = 0; i < config->groups.count; i++)
		if (cpl_str_find(cpl_str_trim(config->groups.items[i]), ' ') < 0)
			fault(data, "groups", "wants a name and the localparts of members, such as \"Montague romeo benvolio\"");
}

CPL_NAME(name_query, "jabber:iq:roster", "query");
CPL_NAME(name_item, "jabber:iq:roster", "item");
CPL_NAME(name_group, "jabber:iq:roster", "group");
static struct cpl_name *const names[] = {&name_query, &name_item, &name_group, NULL};

/* ---- the roster of an account, in its slot ---- */

struct account {
	struct cpl_roster roster;
	struct cpl_arena *arena; /* of all items */
};

static void release(void *data)
{
	struct account *account = data;

	cpl_map_finish(&account->roster.items);
	cpl_arena_destroy(&account->arena);
	cpl_free(account);
}
CPL_SLOT(account_slot, USER, struct account, 1, release);
static struct cpl_slot *const slots[] = {&account_slot, NULL};

/* One who is in two groups with the account is one item with two groups. */
static void add_item(struct account *account, struct cpl_jid jid, struct cpl_str group)
{
	struct cpl_roster_item *item = cpl_map_get(&account->roster.items, cpl_jid_str(jid));
	struct cpl_str *groups;

	if (!item) {
		item = cpl_arena_alloc(account->arena, sizeof(*item));
		*item = (struct cpl_roster_item){.jid = jid, .subscription = CPL_SUB_BOTH, .listed = true};
		cpl_map_put(&account->roster.items, cpl_jid_str(jid), item);
		account->roster.listed++;
	}
	groups = cpl_arena_alloc(account->arena, (item->group_count + 1u) * sizeof(*groups));
	for (unsigned i = 0; i < item->group_count; i++)
		groups[i] = item->groups[i];
	groups[item->group_count++] = cpl_arena_copy(account->arena, group);
	item->groups = groups;
}

static void add_group(struct account *account, const struct cpl_user *user, struct cpl_str entry)
{
	struct cpl_str rest = cpl_str_trim(entry), members, group, name;
	bool member = false;
	struct cpl_jid jid;

	cpl_str_split(&rest, ' ', &group);
	for (members = rest; cpl_str_split(&members, ' ', &name);)
		member = member || cpl_str_equal(name, user->username);
	while (member && cpl_str_split(&rest, ' ', &name))
		if (name.len && !cpl_str_equal(name, user->username) &&
		    cpl_jid_make(&jid, name, user->host->name, CPL_NONE, account->arena) == 0)
			add_item(account, jid, group);
}

static void give_roster(struct cpl_module *self, struct cpl_user *user)
{
	const struct group_config *config = CPL_CONFIG(self, user->host, struct group_config);
	struct account *account = CPL_SLOT_GET(user, account_slot);

	if (account)
		return; /* the former generation has seen to it */
	account = CPL_SLOT_MAKE(user, account_slot);
	account->arena = cpl_arena_create();
	for (size_t i = 0; i < config->groups.count; i++)
		add_group(account, user, config->groups.items[i]);
	cpl_user_set_roster(user, &account->roster);
}

static enum cpl_flow on_user_load(struct cpl_module *self, struct cpl_ev_user *ev)
{
	give_roster(self, ev->user);
	return CPL_NEXT;
}
static const struct cpl_event_row events[] = {
	CPL_ON(user_load, on_user_load, FEATURE, 0),
	CPL_ON_END,
};

/* Accounts that were in use before the module was loaded. */
static void start(struct cpl_module *self, struct cpl_host *host)
{
	struct cpl_user *user;

	for (size_t at = 0; (user = cpl_map_next(&host->users, &at));)
		give_roster(self, user);
}

static void stop(struct cpl_module *self, struct cpl_host *host)
{
	struct cpl_user *user;

	for (size_t at = 0; (user = cpl_map_next(&host->users, &at));)
		if (CPL_SLOT_GET(user, account_slot))
			cpl_user_set_roster(user, NULL);
}

/* ---- what clients ask (RFC 6121 2) ---- */

static enum cpl_flow on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result = cpl_iq_result(ev);
	struct cpl_element *query = cpl_add(result, result->root, &name_query);
	const struct cpl_roster_item *item;

	for (size_t at = 0; (item = cpl_roster_next(ev->user->roster, &at));) {
		struct cpl_element *e = cpl_add(result, query, &name_item);

		cpl_attr_set(result, e, "jid", cpl_jid_str(item->jid));
		cpl_attr_set(result, e, "subscription", CPL_STR("both"));
		for (unsigned i = 0; i < item->group_count; i++)
			cpl_add_with_text(result, e, &name_group, item->groups[i]);
	}
	if (ev->session)
		cpl_session_set_interested(ev->session);
	cpl_send(&result);
	return CPL_HANDLED;
}

static enum cpl_flow on_set(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return cpl_iq_error(ev, CPL_NOT_ALLOWED, "The administrator gives the rosters here");
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_SELF, &name_query, on_get, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &name_query, on_set, 0},
	{0, 0, NULL, NULL, 0},
};

/* ---- what other modules ask: the service ---- */

static int change(struct cpl_module *provider, struct cpl_roster_change *change, struct cpl_scope *scope, struct cpl_user *user,
		  struct cpl_jid contact, void (*done)(struct cpl_call *call))
{
	int status = cpl_call_begin(&change->call, scope, done, NULL);

	if (status == 0)
		cpl_call_complete(&change->call, CPL_E_DENIED);
	return status;
}

static const struct cpl_roster_service service = {
	.size = offsetof(struct cpl_roster_service, answer), /* no more than `change` */
	.change = change,
};
static const struct cpl_provide_row provides[] = {{"roster", 1, &service}, {NULL, 0, NULL}};

CPL_MODULE(roster_group) = {
	CPL_MODULE_HEAD("roster_group", "1.0", "Rosters that the administrator gives"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct group_config),
	.check = check_options,
	.events = events,
	.iqs = iqs,
	.slots = slots,
	.provides = provides,
	.start = start,
	.stop = stop,
};
