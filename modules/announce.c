/* SPDX-License-Identifier: MIT */
/*
 * Announcements: a message from the host to its accounts, by command (and so by XEP-0133 4.23, see the module admin). To those that are connected it is a headline; to all
 * accounts, or to those that administer, it is a message that waits for those who are not there. Long lists are worked off in slices, one a turn.
 */
#include <couplet/module.h>

enum { SLICE = 200, ADMINS_MAX = 10000, TEXT_MAX = 32768 };

CPL_CONTENT_NAME(subject_name, "subject");
CPL_CONTENT_NAME(body_name, "body");
static struct cpl_name *const names[] = {&subject_name, &body_name, NULL};

/* One command. Memory of the invocation, which lives until its end. */
struct announcing {
	struct cpl_invocation *in;
	struct cpl_jid host;
	struct cpl_str text, subject;
	enum cpl_type type;
	uint64_t sent;
	/* One of these, as the options say. */
	struct cpl_online_call online;
	struct cpl_store_call page;
	struct cpl_command_run roles;
	struct cpl_str after; /* the last account of the page before */
};

static void say_to(struct announcing *a, struct cpl_jid account)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, a->type);
	char id[CPL_ID_TEXT];

	cpl_stanza_set_from(message, a->host);
	cpl_stanza_set_to(message, account);
	cpl_stanza_set_id(message, cpl_random_id(id));
	if (a->subject.len)
		cpl_add_with_text(message, message->root, &subject_name, a->subject);
	cpl_add_with_text(message, message->root, &body_name, a->text);
	cpl_send(&message);
	a->sent++;
}

static void say_to_name(struct announcing *a, struct cpl_str name)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid account;

	if (cpl_jid_make(&account, name, cpl_jid_str(a->host), CPL_NONE, arena) == 0)
		say_to(a, account);
	cpl_arena_destroy(&arena);
}

static void finish(struct announcing *a)
{
	cpl_log_info("announcement sent host=%.*s accounts=%llu", CPL_ARG(cpl_jid_str(a->host)), (unsigned long long)a->sent);
	cpl_say(a->in, "announced to %llu account%s", (unsigned long long)a->sent, a->sent == 1 ? "" : "s");
	cpl_done(a->in);
}

static void cut_off(struct announcing *a, const char *why)
{
	cpl_log_warn("announcement cut off host=%.*s accounts=%llu reason=\"%s\"", CPL_ARG(cpl_jid_str(a->host)), (unsigned long long)a->sent, why);
	cpl_refuse(a->in, "%s; it has been announced to %llu account%s", why, (unsigned long long)a->sent, a->sent == 1 ? "" : "s");
}

/* ---- to those that are connected ---- */

static void to_one(struct cpl_online_call *request, struct cpl_user *user)
{
	say_to(CPL_CONTAINER(request, struct announcing, online), user->jid);
}

static void online_done(struct cpl_call *call)
{
	struct announcing *a = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_online_call, call), struct announcing, online);

	if (call->status == 0)
		finish(a);
	else
		cut_off(a, cpl_code_text(call->status));
}

static int to_online(struct announcing *a, struct cpl_host *host)
{
	a->type = CPL_TYPE_HEADLINE;
	return cpl_online_each(&a->online, cpl_invocation_scope(a->in), host, to_one, online_done);
}

/* ---- to all ---- */

static int all_next(struct announcing *a);

static void all_slice(struct cpl_call *call)
{
	struct announcing *a = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct announcing, page);
	int status = call->status;

	if (status != 0) {
		cut_off(a, a->page.error ? a->page.error : cpl_code_text(status));
		return;
	}
	for (size_t i = 0; i < a->page.count; i++)
		if (!a->page.rows[i].disabled)
			say_to_name(a, a->page.rows[i].account);
	if (a->page.complete || a->page.count == 0) {
		finish(a);
		return;
	}
	a->after = cpl_arena_copy(cpl_invocation_arena(a->in), a->page.rows[a->page.count - 1].account);
	status = all_next(a);
	if (status != 0)
		cut_off(a, cpl_code_text(status));
}

static int all_next(struct announcing *a)
{
	return cpl_account_list(&a->page, cpl_invocation_scope(a->in), cpl_jid_str(a->host), a->after, SLICE, all_slice);
}

/* ---- to those that administer ---- */

/* The rows of the command "user roles": jid, role. */
static void on_roles(struct cpl_call *call)
{
	struct cpl_command_run *run = CPL_CONTAINER(call, struct cpl_command_run, call);
	struct announcing *a = CPL_CONTAINER(run, struct announcing, roles);
	struct cpl_arena *arena = cpl_invocation_arena(a->in);
	struct cpl_jid jid;

	if (call->status != 0 || run->exit_code) {
		cut_off(a, call->status ? cpl_code_text(call->status) : cpl_arena_copy(arena, run->reason).ptr);
		return;
	}
	for (size_t i = 0; i < run->row_count; i++) {
		const struct cpl_str *cells = &run->cells[i * run->column_count];
		enum cpl_role role;

		if (cpl_role_parse(cells[1], &role) && role >= CPL_ROLE_ADMIN && cpl_jid_parse(&jid, cells[0], arena) == 0)
			say_to(a, jid);
	}
	finish(a);
}

static int to_admins(struct announcing *a)
{
	struct cpl_str host = cpl_jid_str(a->host);

	return cpl_command_run(&a->roles, cpl_invocation_scope(a->in), CPL_STR("user roles"), &host, CPL_NONE, cpl_invocation_actor(a->in), ADMINS_MAX, on_roles);
}

/* ---- the command ---- */

static void run_announce(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct announcing *a = cpl_arena_alloc(arena, sizeof(*a));
	bool online = cpl_flag(in, "online"), all = cpl_flag(in, "all"), admins = cpl_flag(in, "admins");
	struct cpl_host *host = cpl_arg_host(in, 0);
	int status;

	a->in = in;
	a->text = cpl_arg(in, 1);
	a->subject = cpl_flag_value(in, "subject");
	if (!host || host->component) {
		cpl_refuse(in, "%.*s has no accounts", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	if (online + all + admins > 1) {
		cpl_refuse(in, "it is one of --online, --all and --admins");
		return;
	}
	if (cpl_str_trim(a->text).len == 0 || a->text.len > TEXT_MAX || !cpl_str_is_xml(a->text) || !cpl_str_is_xml(a->subject)) {
		cpl_refuse(in, "the text is empty, longer than %d bytes or has characters that XML forbids", TEXT_MAX);
		return;
	}
	a->host = host->jid;
	a->host.text = cpl_arena_copy(arena, host->name).ptr;
	status = all ? all_next(a) : admins ? to_admins(a) : to_online(a, host);
	if (status != 0)
		cut_off(a, cpl_code_text(status));
}

static const struct cpl_command commands[] = {
	{"announce <host> <text> [--online] [--all] [--admins] [--subject <text>]", "Sends a message to the accounts of a host.",
	 "The message comes from the host. Without an option, or with --online, it goes as a headline to the accounts that are connected; with --all to every account that is "
	 "not disabled, and with --admins to those whose role is admin or operator, where it waits for those who are not there if the host keeps offline messages.",
	 NULL, CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_announce},
	CPL_COMMAND_END,
};

CPL_MODULE(announce) = {
	CPL_MODULE_HEAD("announce", "1.0", "Announcements to the accounts of a host"),
	.names = names,
	.commands = commands,
};
