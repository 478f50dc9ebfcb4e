/* SPDX-License-Identifier: MIT */
/*
 * Shared groups: accounts that are in a group have one another in their rosters, with subscription both, and have not asked for it. The groups are those of a file and
 * those that commands have made. Uses the service roster, to whose provider the contacts are given (roster_share) when an account is loaded; keeps the store groups, rows of the host.
 */
#include "modules/groups/groups.h"

static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct groups_config, file, NULL, CPL_RELOADABLE,
		       "A file of groups: a line with a name in [brackets], then a line for each member: its address, and after a blank perhaps its name."),
	CPL_OPT_END,
};

enum { ROWS_MAX = 1000000 };

static const struct cpl_column columns[] = {{"name", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
const struct cpl_store groups_store = {"groups", CPL_STORE_MAP, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&groups_store, NULL};

static void release(void *data)
{
	struct groups_host *groups = data;

	groups_clear(&groups->file);
	groups_clear(&groups->stored);
	cpl_free(groups);
}
CPL_SLOT_DEFINE(groups_slot, 1, release, NULL);
static struct cpl_slot *const slots[] = {&groups_slot, NULL};

CPL_SERVICE_REF(roster_ref, "roster", 1);
static const struct cpl_need_row needs[] = {{&roster_ref, false}, {NULL, false}};

/* ---- who is whose contact ---- */

struct contacts {
	struct cpl_map items; /* address -> struct cpl_roster_item in the arena */
	struct cpl_arena *arena;
	struct cpl_jid account;
	size_t groups; /* the most that one contact can have */
};

static void add_members(struct contacts *contacts, const struct group *group)
{
	const struct groups_member *member;
	size_t at = 0;

	while (group && (member = cpl_map_next(&group->members, &at))) {
		struct cpl_roster_item *item = cpl_map_get(&contacts->items, cpl_jid_str(member->jid));

		if (cpl_jid_equal(member->jid, contacts->account))
			continue;
		if (!item) {
			item = cpl_arena_alloc(contacts->arena, sizeof *item);
			item->jid = member->jid;
			item->groups = cpl_arena_alloc(contacts->arena, contacts->groups * sizeof(struct cpl_str));
			cpl_map_put(&contacts->items, cpl_jid_str(member->jid), item);
		}
		if (!item->name.ptr)
			item->name = member->name;
		/* A group of both sets comes twice. */
		if (!item->group_count || !cpl_str_equal(item->groups[item->group_count - 1], group->name))
			item->groups[item->group_count++] = group->name;
	}
}

static void collect(struct contacts *contacts, const struct groups_host *groups)
{
	const struct group *group;
	struct cpl_str account = cpl_jid_str(contacts->account);
	size_t at = 0;

	contacts->groups = groups->file.by_name.count + groups->stored.by_name.count;
	while ((group = cpl_map_next(&groups->file.by_name, &at))) {
		const struct group *other = cpl_map_get(&groups->stored.by_name, group->name);

		if (!cpl_map_get(&group->members, account) && !(other && cpl_map_get(&other->members, account)))
			continue;
		add_members(contacts, group);
		add_members(contacts, other);
	}
	at = 0;
	while ((group = cpl_map_next(&groups->stored.by_name, &at)))
		if (!cpl_map_get(&groups->file.by_name, group->name) && cpl_map_get(&group->members, account))
			add_members(contacts, group);
}

/* ---- giving ---- */

static void share(struct cpl_user *user, struct cpl_jid contact, const struct cpl_roster_item *item)
{
	struct cpl_ev_share ev = {.user = user, .contact = contact, .item = item};

	cpl_fire_roster_share(user->host, &ev);
}

/* Takes back what is not in the groups any more; a change of the roster ends the walk, which then begins anew. */
static void take_back(struct cpl_user *user, const struct contacts *contacts)
{
	const struct cpl_roster_item *item;
	struct cpl_jid contact;
	size_t at = 0;

	while ((item = cpl_roster_next(user->roster, &at))) {
		if (!item->shared || cpl_map_get(&contacts->items, cpl_jid_str(item->jid)))
			continue;
		contact = cpl_jid_dup(item->jid);
		share(user, contact, NULL);
		item = cpl_roster_find(user->roster, contact);
		cpl_jid_free(&contact);
		if (item && item->shared)
			return; /* who provides the roster knows nothing of it */
		at = 0;
	}
}

static void give(struct cpl_user *user, const struct groups_host *groups)
{
	struct contacts contacts = {.account = user->jid};
	const struct cpl_roster_item *item;
	size_t at = 0;

	if (!user->roster)
		return;
	contacts.arena = cpl_arena_create();
	if (groups)
		collect(&contacts, groups);
	take_back(user, &contacts);
	while ((item = cpl_map_next(&contacts.items, &at)))
		share(user, item->jid, item);
	cpl_map_finish(&contacts.items);
	cpl_arena_destroy(&contacts.arena);
}

static void give_all(struct cpl_host *host, const struct groups_host *groups)
{
	struct cpl_user **users = cpl_alloc((host->users.count + 1) * sizeof(struct cpl_user *)), *user;
	size_t count = 0, at = 0;

	/* Presence that follows may load and unload accounts. */
	while ((user = cpl_map_next(&host->users, &at)))
		users[count++] = cpl_user_ref(user);
	for (size_t i = 0; i < count; i++) {
		give(users[i], groups);
		cpl_user_unref(&users[i]);
	}
	cpl_free(users);
}

void groups_apply(struct cpl_host *host)
{
	give_all(host, CPL_SLOT_MAKE(host, groups_slot));
}

static enum cpl_flow on_user_load(struct cpl_module *self, struct cpl_ev_user *ev)
{
	const struct groups_host *groups = CPL_SLOT_GET(ev->user->host, groups_slot);

	if (groups)
		give(ev->user, groups);
	return CPL_NEXT;
}

/* ---- the file and the rows ---- */

static void read_file(struct cpl_module *self, struct cpl_host *host)
{
	const struct groups_config *config = CPL_CONFIG(self, host, struct groups_config);
	struct groups_host *groups = CPL_SLOT_MAKE(host, groups_slot);
	struct groups fresh = {0};
	struct cpl_error error = {0};

	/* It has been judged; what has become of it since is said in the log, and changes nothing. */
	if (config->file.len && groups_read_file(&fresh, config->file.ptr, &error) != 0) {
		cpl_log_error("groups not taken, the former ones stay host=%.*s error=\"%s\"", CPL_ARG(host->name), error.text);
		groups_clear(&fresh);
		return;
	}
	groups_clear(&groups->file);
	groups->file = fresh;
}

static void on_reloaded(struct cpl_module *self, struct cpl_ev_host *ev)
{
	read_file(self, ev->host);
	groups_apply(ev->host);
}

struct cpl_str groups_key(struct cpl_str group, struct cpl_jid jid, struct cpl_arena *arena)
{
	return cpl_arena_printf(arena, "%.*s\n%.*s", CPL_ARG(group), CPL_ARG(cpl_jid_str(jid)));
}

struct loading {
	struct cpl_store_call rows;
	struct cpl_host *host;
};

static void load_row(struct groups_host *groups, const struct cpl_row *row, struct cpl_arena *arena)
{
	struct cpl_str text = row->key, group;
	struct cpl_jid jid;

	if (cpl_str_split(&text, '\n', &group) && text.ptr && cpl_jid_parse(&jid, text, arena) == 0)
		groups_add(&groups->stored, group, jid, row->values[0].bytes);
	else
		cpl_log_error("a stored member of a group is no address");
}

static void loaded(struct cpl_call *call)
{
	struct loading *loading = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct loading, rows);
	struct cpl_arena *arena = cpl_arena_create();

	if (call->status == 0) {
		struct groups_host *groups = CPL_SLOT_MAKE(loading->host, groups_slot);

		groups_clear(&groups->stored);
		for (size_t i = 0; i < loading->rows.count; i++)
			load_row(groups, &loading->rows.rows[i], arena);
		groups_apply(loading->host);
	} else if (call->status != CPL_E_CANCELLED) {
		cpl_log_error("the groups cannot be read host=%.*s reason=%s", CPL_ARG(loading->host->name), loading->rows.error);
	}
	cpl_arena_destroy(&arena);
	cpl_free(loading);
}

static void start(struct cpl_module *self, struct cpl_host *host)
{
	struct loading *loading = CPL_NEW(struct loading);

	read_file(self, host);
	loading->host = host;
	if (cpl_store_all(&loading->rows, &host->scope, &groups_store, host->jid, ROWS_MAX, loaded) != 0)
		cpl_free(loading);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	if (!host)
		return;
	read_file(self, host);
	groups_apply(host);
}

static void stop(struct cpl_module *self, struct cpl_host *host)
{
	give_all(host, NULL);
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct groups_config *config = values;
	struct groups groups = {0};
	struct cpl_error error = {0};

	if (config->file.len && groups_read_file(&groups, config->file.ptr, &error) != 0)
		fault(data, "file", error.text);
	groups_clear(&groups);
}

/* ---- accounts that are gone ---- */

static void removal_written(struct cpl_call *call)
{
	struct cpl_store_call *removal = CPL_CONTAINER(call, struct cpl_store_call, call);

	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log(cpl_commit_log_level(call->status), "an account that is gone stays in the stored groups reason=%s", removal->error);
	cpl_free(removal);
}

/* Nobody shall be in a group by the name of somebody else who had it before. */
static void on_account_removed(struct cpl_module *self, struct cpl_ev_account *ev)
{
	struct groups_host *groups = CPL_SLOT_MAKE(ev->host, groups_slot);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_store_call *removal;
	const struct group *group;
	size_t at = 0;

	while ((group = cpl_map_next(&groups->stored.by_name, &at))) {
		struct cpl_str name = cpl_arena_copy(arena, group->name);

		if (!cpl_map_get(&group->members, cpl_jid_str(ev->jid)))
			continue;
		cpl_batch_remove(batch, &groups_store, ev->host->jid, groups_key(name, ev->jid, arena));
		groups_remove(&groups->stored, name, ev->jid);
		at = 0;
	}
	cpl_arena_destroy(&arena);
	if (!cpl_batch_steps(batch)) {
		cpl_batch_destroy(&batch);
		return;
	}
	groups_apply(ev->host);
	removal = CPL_NEW(struct cpl_store_call);
	if (cpl_batch_commit(removal, &ev->host->scope, &batch, removal_written) != 0)
		cpl_free(removal);
}

static const struct cpl_event_row events[] = {
	CPL_ON(account_removed, on_account_removed, FEATURE, 0),
	CPL_ON(user_load, on_user_load, OBSERVE, 1001), /* behind the roster, also behind one that comes late */
	CPL_ON(configuration_reloaded, on_reloaded, FEATURE, 0),
	CPL_ON(hangup, on_reloaded, FEATURE, 0),
	CPL_ON_END,
};

CPL_MODULE(groups) = {
	CPL_MODULE_HEAD("groups", "1.0", "Groups of accounts that have one another in their rosters"),
	.options = options,
	.config_size = sizeof(struct groups_config),
	.check = check,
	.events = events,
	.commands = groups_commands,
	.stores = stores,
	.slots = slots,
	.needs = needs,
	.start = start,
	.reconfigure = reconfigure,
	.stop = stop,
};
