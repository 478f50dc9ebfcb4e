/* SPDX-License-Identifier: MIT */
/*
 * Changes of a roster, in order. While one commit is under way further changes wait; then all that wait are computed one after another, each on top of
 * the one before, and committed as one batch. When it is durable, each becomes visible, is pushed, and calls back, in order; when it fails,
 * nothing has changed and each caller gets the code.
 */
#include "modules/roster/roster.h"

struct roster_pending {
	struct cpl_roster_change *change; /* NULL once cancelled: what was computed is finished all the same */
	struct cpl_module *self;
	struct roster *roster;
	struct cpl_user *user; /* referenced */
	struct cpl_jid contact;
	struct cpl_roster_item *result; /* the new state, NULL: the same as before */
	struct cpl_roster_item before, after;
	bool changed, pushed;
	int refused;           /* this change alone: a code */
	struct cpl_list node;  /* in the queue of the roster or the group of a commit */
};

static void group_start(struct roster *roster);

/* The callback of the change's owner; then what the change had of ours. */
static void change_fired(struct cpl_call *call)
{
	struct cpl_roster_change *change = CPL_CONTAINER(call, struct cpl_roster_change, call);
	struct cpl_user *user = change->user;
	struct cpl_jid contact = change->contact;
	union {
		void *object;
		void (*function)(struct cpl_call *call);
	} done = {.object = change->impl[0]};

	done.function(call); /* may free the change */
	cpl_jid_free(&contact);
	cpl_user_unref(&user);
}

static void pending_free(struct roster_pending *pending)
{
	cpl_list_remove(&pending->node);
	roster_item_free(&pending->result);
	cpl_jid_free(&pending->contact);
	cpl_user_unref(&pending->user);
	cpl_free(pending);
}

struct cpl_roster_item roster_summary(const struct cpl_roster_item *item)
{
	return (struct cpl_roster_item){.subscription = item->subscription,
					.ask = item->ask,
					.approved = item->approved,
					.listed = item->listed,
					.shared = item->shared,
					.request = item->request};
}

static bool same_groups(const struct cpl_roster_item *a, const struct cpl_roster_item *b)
{
	if (a->group_count != b->group_count)
		return false;
	for (unsigned i = 0; i < a->group_count; i++)
		if (!cpl_str_equal(a->groups[i], b->groups[i]))
			return false;
	return true;
}

bool roster_differs(const struct cpl_roster_item *a, const struct cpl_roster_item *b)
{
	if (a->listed != b->listed)
		return true;
	return a->listed && (a->subscription != b->subscription || a->ask != b->ask || a->approved != b->approved ||
			     !cpl_str_equal(a->name, b->name) || !same_groups(a, b));
}

/* ---- computing ---- */

struct group_build {
	struct roster *roster;
	struct cpl_batch *batch;
	struct cpl_arena *arena;
	struct cpl_map staged; /* contact -> struct cpl_roster_item, the latest of this group */
	size_t listed;
	uint64_t version;
};

static void build_write(struct group_build *build, const struct roster_pending *pending, const struct cpl_roster_item *item)
{
	struct cpl_str key = cpl_jid_str(pending->contact);
	struct cpl_jid account = build->roster->user->jid;
	struct cpl_value values[ROSTER_COLUMNS];

	if (item->listed) {
		roster_item_values(item, values, build->arena);
		cpl_batch_set(build->batch, &roster_store, account, key, values);
	} else if (pending->before.listed) {
		cpl_batch_remove(build->batch, &roster_store, account, key);
	}
	if (item->request && item->request != pending->before.request) {
		struct cpl_buf text = {0};

		cpl_stanza_write(item->request, CPL_NS_CLIENT, &text);
		values[0] = CPL_BYTES(cpl_buf_str(&text));
		cpl_batch_set(build->batch, &roster_request_store, account, key, values);
		cpl_buf_finish(&text);
	} else if (!item->request && pending->before.request) {
		cpl_batch_remove(build->batch, &roster_request_store, account, key);
	}
}

static void build_one(struct group_build *build, struct roster_pending *pending)
{
	struct cpl_str key = cpl_jid_str(pending->contact);
	const struct cpl_roster_item *now = cpl_map_get(&build->staged, key);
	struct cpl_roster_item item = {.jid = pending->contact};
	const struct roster_config *config = CPL_CONFIG(pending->self, pending->user->host, struct roster_config);

	if (!pending->change)
		return;
	if (!now)
		now = roster_own(build->roster, key);
	if (now)
		item = *now;
	pending->before = pending->after = roster_summary(&item);
	pending->changed = pending->change->compute(pending->change, &item, build->arena);
	if (!pending->changed)
		return;
	/* A new request came with a reference, which the item on the heap takes as one of its own. */
	pending->result = roster_item_dup(&item);
	if (item.request && item.request != pending->before.request)
		cpl_stanza_unref(&item.request);
	if (item.listed && !pending->before.listed && config && build->listed >= (size_t)config->max_items) {
		roster_item_free(&pending->result);
		pending->refused = CPL_E_FULL;
		pending->changed = false;
		return;
	}
	build->listed = build->listed + item.listed - pending->before.listed;
	pending->after = roster_summary(pending->result);
	pending->pushed = now ? roster_differs(now, pending->result) : pending->result->listed;
	build->version += pending->pushed;
	build_write(build, pending, pending->result);
	cpl_map_put(&build->staged, cpl_jid_str(pending->result->jid), pending->result);
}

/* ---- committing ---- */

static void pending_show(struct roster_pending *pending)
{
	struct roster *roster = pending->roster;
	const struct cpl_roster_item *seen, gone = {.jid = pending->contact};

	if (!pending->result)
		return;
	roster->pub.version += pending->pushed;
	seen = roster_put(roster, pending->result);
	pending->result = NULL;
	if (pending->change) {
		pending->change->changed = pending->changed;
		pending->change->pushed = pending->pushed;
		pending->change->before = pending->before;
		pending->change->after = pending->after;
		if (pending->change->before_push)
			pending->change->before_push(pending->change);
	}
	if (pending->pushed)
		roster_push(roster->user, seen ? seen : &gone, !seen || !seen->listed);
}

static void pending_end(struct roster_pending *pending, int status)
{
	struct cpl_ev_roster ev = {
		.user = pending->user, .contact = pending->contact, .before = &pending->before, .after = &pending->after};

	if (status == 0)
		pending_show(pending);
	ev.forced = pending->change && pending->change->forced;
	if (pending->change) {
		pending->change->call.provider = NULL;
		cpl_call_complete(&pending->change->call, pending->refused ? pending->refused : status);
	}
	if (status == 0 && pending->pushed)
		cpl_fire_roster_changed(pending->user->host, &ev);
	pending_free(pending);
}

/* The changes that are committed together. */
struct roster_commit {
	struct cpl_store_call call;
	struct roster *roster;
	struct cpl_list group; /* struct roster_pending */
};

static void group_end(struct roster_commit *commit, int status)
{
	struct roster *roster = commit->roster;
	struct cpl_list *node;

	while ((node = cpl_list_take(&commit->group)))
		pending_end(CPL_CONTAINER(node, struct roster_pending, node), status);
	cpl_free(commit);
	roster->commit = NULL;
}

static void group_committed(struct cpl_call *call)
{
	struct roster_commit *commit = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct roster_commit, call);
	struct roster *roster = commit->roster;
	struct cpl_user *user = cpl_user_ref(roster->user); /* the changes may hold the last references */

	if (call->status != 0)
		cpl_log(cpl_commit_log_level(call->status), "roster cannot be written jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(user->jid)), commit->call.error);
	group_end(commit, call->status);
	if (!cpl_list_empty(&roster->queue))
		group_start(roster);
	cpl_user_unref(&user);
}

static void group_start(struct roster *roster)
{
	struct group_build build = {
		.roster = roster,
		.batch = cpl_batch_create(),
		.arena = cpl_arena_create(),
		.listed = roster->stored,
		.version = roster->pub.version,
	};
	struct roster_commit *commit = CPL_NEW(struct roster_commit);
	struct cpl_list *node;
	int status;

	commit->roster = roster;
	cpl_list_init(&commit->group);
	roster->commit = commit;
	while ((node = cpl_list_take(&roster->queue))) {
		struct roster_pending *pending = CPL_CONTAINER(node, struct roster_pending, node);

		cpl_list_append(&commit->group, &pending->node);
		build_one(&build, pending);
	}
	if (build.version != roster->pub.version) {
		struct cpl_value version = CPL_INTEGER((int64_t)build.version);

		cpl_batch_set(build.batch, &roster_version_store, roster->user->jid, CPL_NONE, &version);
	}
	cpl_map_finish(&build.staged);
	cpl_arena_destroy(&build.arena);
	status = cpl_batch_commit(&commit->call, &roster->user->scope, &build.batch, group_committed);
	if (status != 0)
		group_end(commit, status);
}

/* ---- the service ---- */

static void change_cancel(struct cpl_call *call)
{
	struct roster_pending *pending = call->provider;

	call->provider = NULL;
	if (pending)
		pending->change = NULL;
}

int roster_change(struct cpl_module *self, struct cpl_roster_change *change, struct cpl_scope *scope, struct cpl_user *user,
		  struct cpl_jid contact, void (*done)(struct cpl_call *call))
{
	struct roster *roster = CPL_SLOT_GET(user, roster_slot);
	union {
		void (*function)(struct cpl_call *call);
		void *object;
	} owner = {.function = done};
	struct roster_pending *pending;
	struct cpl_visit visit;
	int status;

	if (user->removed || !roster || !user->roster)
		return CPL_E_NOT_FOUND;
	status = cpl_call_begin(&change->call, scope, change_fired, change_cancel);
	if (status != 0)
		return status;
	cpl_provider_enter(self, &visit);
	pending = CPL_NEW(struct roster_pending);
	pending->change = change;
	pending->self = self;
	pending->roster = roster;
	pending->user = cpl_user_ref(user);
	pending->contact = cpl_jid_dup(cpl_jid_bare(contact));
	change->call.provider = pending;
	change->impl[0] = owner.object;
	change->user = cpl_user_ref(user);
	change->contact = cpl_jid_dup(pending->contact);
	change->changed = change->pushed = false;
	cpl_list_append(&roster->queue, &pending->node);
	if (!roster->commit)
		group_start(roster);
	cpl_provider_leave(&visit);
	return 0;
}
