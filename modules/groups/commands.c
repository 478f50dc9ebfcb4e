/* SPDX-License-Identifier: MIT */
/* The commands: group list, show, add, remove. */
#include "modules/groups/groups.h"

/* ---- list, show ---- */

static void list_group(struct cpl_invocation *in, const struct group *group, const char *source)
{
	cpl_row_begin(in);
	cpl_row_text(in, group->name);
	cpl_row_int(in, (int64_t)group->members.count);
	cpl_row_text(in, cpl_str_of(source));
	cpl_row_end(in);
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct groups_host *groups = CPL_SLOT_MAKE(cpl_arg_host(in, 0), groups_slot);
	const struct group *group;
	size_t at = 0;

	while ((group = cpl_map_next(&groups->file.by_name, &at)))
		list_group(in, group, "file");
	at = 0;
	while ((group = cpl_map_next(&groups->stored.by_name, &at)))
		list_group(in, group, "command");
	cpl_done(in);
}

static bool show_members(struct cpl_invocation *in, const struct group *group, const char *source)
{
	const struct groups_member *member;
	size_t at = 0;

	while (group && (member = cpl_map_next(&group->members, &at))) {
		cpl_row_begin(in);
		cpl_row_text(in, cpl_jid_str(member->jid));
		cpl_row_text(in, member->name);
		cpl_row_text(in, cpl_str_of(source));
		cpl_row_end(in);
	}
	return group != NULL;
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	struct groups_host *groups = CPL_SLOT_MAKE(cpl_arg_host(in, 0), groups_slot);
	bool found = show_members(in, cpl_map_get(&groups->file.by_name, cpl_arg(in, 1)), "file");

	found |= show_members(in, cpl_map_get(&groups->stored.by_name, cpl_arg(in, 1)), "command");
	if (found)
		cpl_done(in);
	else
		cpl_refuse(in, "%.*s has no group %.*s; see group list", CPL_ARG(cpl_arg_host(in, 0)->name), CPL_ARG(cpl_arg(in, 1)));
}

/* ---- add, remove ---- */

/* In the invocation's arena. */
struct request {
	struct cpl_store_call commit;
	struct cpl_invocation *in;
	struct cpl_host *host;
	bool add;
};

static void failed(struct cpl_invocation *in, int status)
{
	cpl_refuse(in, "the group cannot be changed: %s", cpl_code_text(status));
}

static void committed(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct request, commit);
	struct groups_host *groups = CPL_SLOT_MAKE(request->host, groups_slot);
	struct cpl_str group = cpl_arg(request->in, 0);
	struct cpl_jid account = cpl_arg_jid(request->in, 1);

	if (call->status != 0) {
		failed(request->in, call->status);
		return;
	}
	if (request->add)
		groups_add(&groups->stored, group, account, cpl_flag_value(request->in, "name"));
	else
		groups_remove(&groups->stored, group, account);
	groups_apply(request->host);
	cpl_say(request->in, "%.*s %s %.*s", CPL_ARG(cpl_jid_str(account)), request->add ? "is in" : "is not any more in", CPL_ARG(group));
	cpl_done(request->in);
}

static void commit(struct cpl_invocation *in, bool add)
{
	struct request *request = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*request));
	struct cpl_str name = add ? cpl_flag_value(in, "name") : CPL_NONE;
	const struct cpl_value value = CPL_BYTES(name);
	struct cpl_str key = groups_key(cpl_arg(in, 0), cpl_arg_jid(in, 1), cpl_invocation_arena(in));
	struct cpl_batch *batch = cpl_batch_create();
	int status;

	request->in = in;
	request->host = cpl_arg_host(in, 1);
	request->add = add;
	if (add)
		cpl_batch_set(batch, &groups_store, request->host->jid, key, &value);
	else
		cpl_batch_remove(batch, &groups_store, request->host->jid, key);
	status = cpl_batch_commit(&request->commit, cpl_invocation_scope(in), &batch, committed);
	if (status != 0)
		failed(in, status);
}

static void commit_add(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	commit(in, true);
}

/* True when it has been refused. */
static bool refused(struct cpl_invocation *in, const struct groups_host *groups, bool add)
{
	struct cpl_str group = cpl_arg(in, 0);
	struct cpl_jid account = cpl_arg_jid(in, 1);
	bool in_file = groups_find(&groups->file, group, account), stored = groups_find(&groups->stored, group, account);

	if (add && (group.len == 0 || group.len > GROUPS_NAME_MAX || cpl_str_find(group, '\n') >= 0))
		cpl_refuse(in, "a group's name has 1 to 1023 bytes and no line break");
	else if (add && cpl_flag_value(in, "name").len > GROUPS_NAME_MAX)
		cpl_refuse(in, "a member's name has at most 1023 bytes");
	else if (add && groups->stored.members >= GROUPS_MEMBERS_MAX)
		cpl_refuse(in, "there are 100000 members already");
	else if (add && (in_file || stored))
		cpl_refuse(in, "%.*s is in %.*s already", CPL_ARG(cpl_jid_str(account)), CPL_ARG(group));
	else if (!add && in_file && !stored)
		cpl_refuse(in, "%.*s is in %.*s by the file of groups: change it there, then coupletctl reload", CPL_ARG(cpl_jid_str(account)), CPL_ARG(group));
	else if (!add && !stored)
		cpl_refuse(in, "%.*s is not in %.*s", CPL_ARG(cpl_jid_str(account)), CPL_ARG(group));
	else
		return false;
	return true;
}

static void run_add(struct cpl_module *self, struct cpl_invocation *in)
{
	if (!refused(in, CPL_SLOT_MAKE(cpl_arg_host(in, 1), groups_slot), true))
		cpl_invocation_load_account(in, 1, commit_add);
}

/* Whoever is taken out may have gone. */
static void run_remove(struct cpl_module *self, struct cpl_invocation *in)
{
	if (!refused(in, CPL_SLOT_MAKE(cpl_arg_host(in, 1), groups_slot), false))
		commit(in, false);
}

const struct cpl_command groups_commands[] = {
	{"group list <host>", "List the shared groups of a host.", NULL, "group,members,source", CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"group show <host> <word:group>", "Show the members of a shared group.", NULL, "jid,name,source", CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_show},
	{"group add <word:group> <account> [--name <word>]", "Put an account into a shared group.",
	 "The group is made with its first member. The members have one another in their rosters at once, under the name that is given. What the file of groups "
	 "says is not changed.",
	 NULL, CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_add},
	{"group remove <word:group> <account>", "Take an account out of a shared group.", NULL, NULL, CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_remove},
	CPL_COMMAND_END,
};
