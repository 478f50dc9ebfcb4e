/* SPDX-License-Identifier: MIT */
/* The commands: roster show, add, remove, push. */
#include "modules/roster/roster.h"

/* In the invocation's arena. */
struct request {
	struct cpl_roster_change change;
	struct cpl_invocation *in;
	int subscription;        /* add: -1, as it is */
	struct cpl_str *groups;  /* add: NULL, as they are */
	unsigned group_count;
	bool absent;
};

static const char *const subscriptions[] = {"none", "to", "from", "both"};

static void refuse(struct cpl_invocation *in, int status)
{
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0));

	if (status == CPL_E_FULL)
		cpl_refuse(in, "the roster of %.*s would be longer than the option max_items allows, or the disk is full", CPL_ARG(account));
	else
		cpl_refuse(in, "the roster of %.*s: %s", CPL_ARG(account), cpl_code_text(status));
}

static bool has_roster(struct cpl_invocation *in, const struct cpl_user *user)
{
	if (!user->roster)
		refuse(in, CPL_E_UNSUPPORTED);
	return user->roster != NULL;
}

/* ---- show, push ---- */

static void show(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	const struct cpl_roster_item *item;
	size_t at = 0;

	if (!has_roster(in, user))
		return;
	while ((item = cpl_roster_next(user->roster, &at))) {
		struct cpl_buf groups = {0};

		for (unsigned i = 0; i < item->group_count; i++)
			cpl_commas_add(&groups, item->groups[i]);
		cpl_row_begin(in);
		cpl_row_text(in, cpl_jid_str(item->jid));
		cpl_row_text(in, item->name);
		cpl_row_text(in, cpl_str_of(subscriptions[item->subscription & CPL_SUB_BOTH]));
		cpl_row_text(in, item->request ? CPL_STR("in") : item->ask ? CPL_STR("out") : item->approved ? CPL_STR("approved") : CPL_NONE);
		cpl_row_text(in, groups.len ? cpl_buf_str(&groups) : CPL_NONE);
		cpl_row_bool(in, item->shared);
		cpl_row_end(in);
		cpl_buf_finish(&groups);
	}
	cpl_done(in);
}

static void push(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	const struct cpl_roster_item *item;
	unsigned items = 0, resources = 0;
	size_t at = 0;

	if (!has_roster(in, user))
		return;
	CPL_SESSIONS(session, user)
	{
		resources += session->interested;
	}
	while (resources && (item = cpl_roster_next(user->roster, &at))) {
		if (!item->listed)
			continue;
		roster_push(user, item, false);
		items++;
	}
	cpl_say(in, "%u contacts pushed to %u resources", items, resources);
	cpl_done(in);
}

/* ---- add, remove ---- */

static bool compute_add(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	struct request *request = CPL_CONTAINER(change, struct request, change);
	struct cpl_str name = cpl_flag_value(request->in, "name");

	item->listed = true;
	if (name.ptr)
		item->name = name.len ? name : CPL_NONE;
	if (request->groups) {
		item->groups = request->groups;
		item->group_count = (uint16_t)request->group_count;
	}
	if (request->subscription >= 0) {
		item->subscription = (uint8_t)request->subscription;
		item->ask = item->ask && !(item->subscription & CPL_SUB_TO);
		if (item->subscription & CPL_SUB_FROM)
			item->request = NULL;
	}
	return true;
}

static bool compute_remove(struct cpl_roster_change *change, struct cpl_roster_item *item, struct cpl_arena *arena)
{
	struct request *request = CPL_CONTAINER(change, struct request, change);

	request->absent = !item->listed && !item->request;
	*item = (struct cpl_roster_item){.jid = item->jid};
	return !request->absent;
}

static void changed(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_roster_change, call), struct request, change);
	struct cpl_invocation *in = request->in;
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0)), contact = cpl_jid_str(cpl_arg_jid(in, 1));

	if (call->status != 0) {
		refuse(in, call->status);
	} else if (request->absent) {
		cpl_refuse(in, "%.*s is not in the roster of %.*s", CPL_ARG(contact), CPL_ARG(account));
	} else {
		cpl_say(in, "%.*s %s the roster of %.*s", CPL_ARG(contact), request->change.after.listed ? "is in" : "removed from", CPL_ARG(account));
		cpl_done(in);
	}
}

static void change(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	struct request *request = cpl_invocation_data(in);
	struct cpl_jid contact = cpl_arg_jid(in, 1);
	const struct cpl_roster_item *item;
	int status;

	if (!has_roster(in, user))
		return;
	item = cpl_roster_find(user->roster, contact);
	if (request->change.compute == compute_remove && item && item->shared) {
		cpl_refuse(in, "%.*s is in a shared group with %.*s; see group remove", CPL_ARG(cpl_jid_str(contact)), CPL_ARG(cpl_jid_str(user->jid)));
		return;
	}
	status = roster_change(self, &request->change, cpl_invocation_scope(in), user, contact, changed);
	if (status != 0)
		refuse(in, status);
}

/* NULL, or what is wrong with the flags. */
static const char *read_flags(struct request *request)
{
	struct cpl_arena *arena = cpl_invocation_arena(request->in);
	struct cpl_str text = cpl_flag_value(request->in, "subscription"), rest = cpl_flag_value(request->in, "groups"), group;
	struct cpl_buf item = {0};
	const char *fault = NULL;

	for (int i = 0; text.ptr && i <= CPL_SUB_BOTH; i++)
		if (cpl_str_is(text, subscriptions[i]))
			request->subscription = i;
	if (text.ptr && request->subscription < 0)
		return "the subscription is none, to, from or both";
	if (cpl_flag_value(request->in, "name").len > ROSTER_NAME_MAX)
		return "the name is too long: 1023 bytes are the most";
	if (!rest.ptr)
		return NULL;
	request->groups = cpl_arena_alloc(arena, ROSTER_GROUPS_MAX * sizeof(struct cpl_str));
	while (!fault && rest.len && cpl_commas_next(&rest, &item)) {
		group = cpl_str_trim(cpl_buf_str(&item));
		if (!group.len || group.len > ROSTER_GROUP_MAX || request->group_count == ROSTER_GROUPS_MAX)
			fault = "the groups are at most 100 names of 1 to 1023 bytes, with commas between them, and \\, for one in a name";
		for (unsigned i = 0; i < request->group_count; i++)
			if (cpl_str_equal(request->groups[i], group))
				fault = "a group is named twice";
		if (!fault)
			request->groups[request->group_count++] = cpl_arena_copy(arena, group);
	}
	cpl_buf_finish(&item);
	return fault;
}

static void run_change(struct cpl_invocation *in, bool add)
{
	struct request *request = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*request));
	const char *fault;

	request->in = in;
	request->subscription = -1;
	request->change.compute = add ? compute_add : compute_remove;
	request->change.forced = add;
	cpl_invocation_set_data(in, request);
	fault = add ? read_flags(request) : NULL;
	if (!fault && cpl_jid_equal(cpl_arg_jid(in, 0), cpl_arg_jid(in, 1)))
		fault = "an account is not a contact of its own";
	if (fault)
		cpl_refuse(in, "%s", fault);
	else
		cpl_invocation_load_account(in, 0, change);
}

static void run_show(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_invocation_load_account(in, 0, show);
}

static void run_add(struct cpl_module *self, struct cpl_invocation *in)
{
	run_change(in, true);
}

static void run_remove(struct cpl_module *self, struct cpl_invocation *in)
{
	run_change(in, false);
}

static void run_push(struct cpl_module *self, struct cpl_invocation *in)
{
	cpl_invocation_load_account(in, 0, push);
}

const struct cpl_command roster_commands[] = {
	{"roster show <account>", "Show the contacts of an account.", NULL, "jid,name,subscription,pending,groups,shared",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_show},
	{"roster add <account> <jid:contact> [--name <word>] [--groups <word>] [--subscription <word>]", "Put a contact into a roster, or change it there.",
	 "The groups have commas between them (\\, is one in a name). The subscription is none, to, from or both, and what is not given stays as it is. Only this account's roster is "
	 "changed: the contact is not asked, so that for both to see each other the same has to be done for the contact. The account's clients get the change at once.",
	 NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_add},
	{"roster remove <account> <jid:contact>", "Take a contact out of a roster; subscriptions in both directions end.", NULL, NULL,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_remove},
	{"roster push <account>", "Send all contacts of an account to its clients once more.", NULL, NULL, CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_push},
	CPL_COMMAND_END,
};
