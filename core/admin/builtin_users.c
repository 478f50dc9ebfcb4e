/* SPDX-License-Identifier: MIT */
/* Commands about the state of accounts, and what there is to know of them. */
#include "core/admin/builtin.h"
#include "core/xmpp/account_state.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/session.h"
#include "core/xmpp/user.h"
#include <couplet/module.h>

static void refuse(struct cpl_invocation *in, int status)
{
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, 0));

	if (status == CPL_E_NOT_FOUND)
		cpl_refuse(in, "there is no account %.*s", CPL_ARG(account));
	else
		cpl_refuse(in, "%.*s: %s", CPL_ARG(account), cpl_code_text(status));
}

/* ---- user disable, user enable ---- */

struct change {
	struct cpl_user_call user;
	struct cpl_account_call state;
	struct cpl_invocation *in;
	struct cpl_disabling how;
	bool disable;
};

static void on_changed(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_account_call, call), struct change, state);
	char time[CPL_TIME_TEXT];
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(change->in, 0));

	if (call->status != 0) {
		refuse(change->in, call->status);
		return;
	}
	if (change->how.until)
		cpl_say(change->in, "%.*s is disabled until %.*s", CPL_ARG(account), CPL_ARG(cpl_time_format(change->how.until, time)));
	else
		cpl_say(change->in, "%.*s is %s", CPL_ARG(account), change->disable ? "disabled" : "enabled");
	cpl_done(change->in);
}

/* Nobody disables, or enables, who may more than oneself; and nobody oneself. */
static const char *fault_of(struct cpl_jid actor, const struct cpl_user *user, bool disable)
{
	if (!cpl_jid_is_set(actor))
		return NULL;
	if (cpl_jid_equal_bare(actor, user->jid))
		return disable ? "you cannot disable your own account" : NULL;
	return user_role(user) > cpl_role_of_jid(actor) ? "this account has a higher role than yours" : NULL;
}

static void on_loaded(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct change, user);
	struct cpl_invocation *in = change->in;
	const char *fault;
	int status = call->status;

	if (status == 0) {
		fault = fault_of(change->how.actor, change->user.user, change->disable);
		cpl_user_unref(&change->user.user);
		if (fault) {
			cpl_refuse(in, "%s", fault);
			return;
		}
		status = cpl_account_set_disabled(&change->state, cpl_invocation_scope(in), cpl_arg_jid(in, 0), change->disable ? &change->how : NULL,
						  on_changed);
	}
	if (status != 0)
		refuse(in, status);
}

static void change_start(struct change *change)
{
	int status;

	change->how.actor = cpl_invocation_actor(change->in);
	status = cpl_user_load(&change->user, cpl_invocation_scope(change->in), cpl_arg_jid(change->in, 0), on_loaded);
	if (status != 0)
		refuse(change->in, status);
}

static void run_disable(struct cpl_module *self, struct cpl_invocation *in)
{
	struct change *change = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *change);
	struct cpl_str span = cpl_flag_value(in, "for");
	int64_t ms = 0;

	if (span.ptr && (!cpl_option_number(CPL_OPTION_TIME, span, &ms) || ms < 1000 || ms > INT64_MAX / 2)) {
		cpl_refuse(in, "--for: \"%.*s\" is not a time of one second or more, such as 30m, 12h or 7d", CPL_ARG(span));
		return;
	}
	change->in = in;
	change->disable = true;
	change->how.until = span.ptr ? cpl_now() + ms : 0;
	change->how.reason = cpl_flag_value(in, "reason");
	if (change->how.reason.len > CPL_REASON_MAX)
		cpl_refuse(in, "--reason: at most %d bytes", CPL_REASON_MAX);
	else
		change_start(change);
}

static void run_enable(struct cpl_module *self, struct cpl_invocation *in)
{
	struct change *change = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *change);

	change->in = in;
	change_start(change);
}

/* ---- user info ---- */

struct info {
	struct cpl_user_call user;
	struct cpl_account_call state;
	struct cpl_ev_account_info ev;
	struct account_fields fields;
	struct cpl_invocation *in;
};

static void row_text(struct cpl_invocation *in, const char *name, struct cpl_str value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(name));
	cpl_row_text(in, value);
	cpl_row_end(in);
}

static void row_int(struct cpl_invocation *in, const char *name, int64_t value)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(name));
	cpl_row_int(in, value);
	cpl_row_end(in);
}

static void row_time(struct cpl_invocation *in, const char *name, int64_t ms)
{
	char text[CPL_TIME_TEXT];

	row_text(in, name, ms > 0 ? cpl_time_format(ms, text) : CPL_NONE);
}

static void info_state(const struct info *info)
{
	const struct cpl_account_state *state = &info->state.state;
	struct cpl_invocation *in = info->in;

	row_text(in, "state", state->disabled ? CPL_STR("disabled") : CPL_STR("enabled"));
	if (!state->disabled)
		return;
	row_time(in, "disabled_since", state->since);
	row_time(in, "disabled_until", state->until);
	row_text(in, "disabled_reason", state->reason);
	row_text(in, "disabled_by", state->actor);
}

static void on_info(struct cpl_event *event, enum cpl_flow result)
{
	struct info *info = CPL_CONTAINER(CPL_CONTAINER(event, struct cpl_ev_account_info, event), struct info, ev);
	struct cpl_invocation *in = info->in;

	cpl_user_unref(&info->user.user);
	if (result == CPL_FAILED) {
		cpl_refuse(in, "what modules know of the account could not be gathered; the log says more");
		return;
	}
	for (const struct account_field *field = info->fields.first; field; field = field->next) {
		if (field->is_number)
			row_int(in, field->name, field->number);
		else
			row_text(in, field->name, field->text);
	}
	cpl_done(in);
}

static void on_state(struct cpl_call *call)
{
	struct info *info = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_account_call, call), struct info, state);
	struct cpl_user *user = info->user.user;
	struct cpl_invocation *in = info->in;
	int64_t active = 0;

	if (call->status != 0) {
		cpl_user_unref(&info->user.user);
		refuse(in, call->status);
		return;
	}
	row_text(in, "jid", cpl_jid_str(user->jid));
	row_time(in, "created", user->created);
	info_state(info);
	row_text(in, "role", cpl_str_of(cpl_role_name(user_role(user))));
	row_int(in, "stored_bytes", info->state.state.bytes);
	row_int(in, "sessions", user->session_count);
	row_int(in, "available", user->available_count);
	CPL_SESSIONS(s, user)
	{
		active = s->active_at > active ? s->active_at : active;
	}
	if (user->session_count)
		row_time(in, "active", active);
	info->ev.user = user;
	info->ev.arena = cpl_invocation_arena(in);
	info->ev.impl = &info->fields;
	cpl_fire_account_info(user->host, &info->ev, on_info);
}

static void on_info_loaded(struct cpl_call *call)
{
	struct info *info = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct info, user);
	int status = call->status;

	if (status == 0)
		status = cpl_account_state(&info->state, cpl_invocation_scope(info->in), cpl_arg_jid(info->in, 0), on_state);
	if (status != 0) {
		cpl_user_unref(&info->user.user);
		refuse(info->in, status);
	}
}

static void run_info(struct cpl_module *self, struct cpl_invocation *in)
{
	struct info *info = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *info);
	int status;

	info->in = in;
	status = cpl_user_load(&info->user, cpl_invocation_scope(in), cpl_arg_jid(in, 0), on_info_loaded);
	if (status != 0)
		refuse(in, status);
}

/* ---- user sessions ---- */

struct search {
	struct cpl_store_call row;
	struct cpl_invocation *in;
};

static void on_account(struct cpl_call *call)
{
	struct search *search = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct search, row);
	struct cpl_jid account = cpl_arg_jid(search->in, 0);

	if (call->status != 0) {
		refuse(search->in, call->status);
		return;
	}
	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s))
		if (s->username.ptr && cpl_jid_equal_bare(s->jid, account))
			builtin_session_row(search->in, s);
	cpl_done(search->in);
}

static void run_sessions(struct cpl_module *self, struct cpl_invocation *in)
{
	struct search *search = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *search);
	int status;

	search->in = in;
	status = cpl_account_get(&search->row, cpl_invocation_scope(in), cpl_arg_jid(in, 0), on_account);
	if (status != 0)
		refuse(in, status);
}

/* ---- user roles ---- */

enum { ROLES_PAGE = 500 };

struct roles {
	struct cpl_store_call page;
	struct cpl_invocation *in;
	struct cpl_str *domains; /* those of all hosts to look at; a host may go meanwhile */
	size_t at, count;
	struct cpl_str after;
};

static void roles_next(struct roles *roles);

static void role_row(struct cpl_invocation *in, struct cpl_str jid, enum cpl_role role)
{
	cpl_row_begin(in);
	cpl_row_text(in, jid);
	cpl_row_text(in, cpl_str_of(cpl_role_name(role)));
	cpl_row_end(in);
}

static void on_roles(struct cpl_call *call)
{
	struct roles *roles = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct roles, page);
	struct cpl_arena *arena = cpl_invocation_arena(roles->in);

	if (call->status != 0) {
		cpl_refuse(roles->in, "the roles cannot be read: %s", roles->page.error);
		return;
	}
	for (size_t i = 0; i < roles->page.count; i++) {
		const struct cpl_row *row = &roles->page.rows[i];
		struct cpl_str jid = cpl_arena_printf(arena, "%.*s@%.*s", CPL_ARG(row->account), CPL_ARG(roles->domains[roles->at]));

		roles->after = cpl_arena_copy(arena, row->account);
		/* Operators have been named already. */
		if (!cpl_is_admin((struct cpl_jid){jid.ptr, (uint16_t)row->account.len, (uint16_t)roles->domains[roles->at].len, 0, 0}) &&
		    role_of_row(row) != CPL_ROLE_REGISTERED)
			role_row(roles->in, jid, role_of_row(row));
	}
	if (roles->page.complete) {
		roles->after = CPL_NONE;
		roles->at++;
	}
	roles_next(roles);
}

static void roles_next(struct roles *roles)
{
	int status;

	if (roles->at == roles->count) {
		cpl_done(roles->in);
		return;
	}
	status = cpl_store_list(&roles->page, cpl_invocation_scope(roles->in), &role_store, roles->domains[roles->at], roles->after, ROLES_PAGE, on_roles);
	if (status != 0)
		cpl_refuse(roles->in, "the roles cannot be read: %s", cpl_code_text(status));
}

static void operators_say(const struct roles *roles)
{
	struct cpl_str jid, domain;
	size_t next = 0;

	while (cpl_admin_next(&next, &jid)) {
		ptrdiff_t at = cpl_str_find(jid, '@');

		domain = at < 0 ? jid : (struct cpl_str){jid.ptr + at + 1, jid.len - (size_t)at - 1};
		for (size_t d = 0; d < roles->count; d++)
			if (cpl_str_equal(domain, roles->domains[d]))
				role_row(roles->in, jid, CPL_ROLE_OPERATOR);
	}
}

static void run_roles(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct roles *roles = cpl_arena_alloc(arena, sizeof *roles);
	struct cpl_host *one = cpl_arg(in, 0).ptr ? cpl_arg_host(in, 0) : NULL, *host;
	size_t at = 0, room = 0;

	while (cpl_host_next(&at))
		room++;
	roles->in = in;
	roles->domains = cpl_arena_alloc(arena, (room + 1) * sizeof *roles->domains);
	for (at = 0; (host = cpl_host_next(&at));)
		if (!host->component && (!one || one == host))
			roles->domains[roles->count++] = cpl_arena_copy(arena, host->name);
	operators_say(roles);
	roles_next(roles);
}

const struct cpl_command builtin_users[] = {
	{"user disable <account> [--for <word:time>] [--reason <text>]", "Disables an account: nobody can log in to it.",
	 "Its sessions are closed; its data stay, and what is sent to it is handled as if it were not connected. Who then gives the right password is told that the "
	 "account is disabled, and the reason. With --for, such as 12h or 7d, it is enabled again by itself after that time.",
	 NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_disable},
	{"user enable <account>", "Enables an account that was disabled.", NULL, NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_enable},
	{"user info <account>", "Shows what is known of an account.",
	 "Its state, role and sessions, and what modules know of it. Which fields there are depends on its state and on the modules; times are in UTC.", "field,value",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_info},
	{"user sessions <account>", "Lists the sessions of an account.", "As session list, for one account.", BUILTIN_SESSION_COLUMNS,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_sessions},
	{"user roles [<host>]", "Lists the accounts that have another role than registered.", "Operators are those whom the option admins names.", "jid,role",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_roles},
	CPL_COMMAND_END,
};
