/* SPDX-License-Identifier: MIT */
/* Commands about who may do what, and about jobs at times. */
#include "core/admin/builtin.h"
#include "core/admin/command.h"
#include "core/module/manager.h"
#include "core/module/schedule.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/user.h"
#include <couplet/module.h>

/* ---- user role ---- */

struct request {
	struct cpl_user_call user;
	struct cpl_role_call role;
	struct cpl_invocation *in;
};

static void refuse(struct cpl_invocation *in, int status)
{
	if (status == CPL_E_NOT_FOUND)
		cpl_refuse(in, "there is no account %.*s", CPL_ARG(cpl_jid_str(cpl_arg_jid(in, 0))));
	else
		cpl_refuse(in, "%s", cpl_code_text(status));
}

static void on_loaded(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct request, user);

	if (call->status == 0) {
		cpl_say(request->in, "%s", cpl_role_name(user_role(request->user.user)));
		cpl_user_unref(&request->user.user);
		cpl_done(request->in);
	} else {
		refuse(request->in, call->status);
	}
}

static void on_set(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_role_call, call), struct request, role);

	if (call->status == 0) {
		cpl_say(request->in, "%.*s is %.*s now", CPL_ARG(cpl_jid_str(cpl_arg_jid(request->in, 0))), CPL_ARG(cpl_arg(request->in, 1)));
		cpl_done(request->in);
	} else {
		refuse(request->in, call->status);
	}
}

static void run_role(struct cpl_module *self, struct cpl_invocation *in)
{
	struct request *request = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *request);
	struct cpl_jid account = cpl_arg_jid(in, 0);
	enum cpl_role role;
	int status;

	request->in = in;
	if (!cpl_arg(in, 1).ptr) {
		status = cpl_user_load(&request->user, cpl_invocation_scope(in), account, on_loaded);
	} else if (!cpl_role_parse(cpl_arg(in, 1), &role) || role == CPL_ROLE_GUEST) {
		cpl_refuse(in, "\"%.*s\" is none of registered, member, admin", CPL_ARG(cpl_arg(in, 1)));
		return;
	} else if (role == CPL_ROLE_OPERATOR) {
		cpl_refuse(in, "operators are those whom the option admins of the configuration names");
		return;
	} else {
		struct cpl_jid actor = cpl_invocation_actor(in);

		status = cpl_role_set(&request->role, cpl_invocation_scope(in), account, role, cpl_jid_is_full(actor) ? cpl_session_find(actor) : NULL,
				      on_set);
	}
	if (status < 0)
		refuse(in, status);
}

/* ---- permissions ---- */

static void row_of(struct cpl_invocation *in, const struct cpl_permission *permission, const char *module)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(permission->action));
	cpl_row_text(in, cpl_str_of(cpl_role_name(permission_least(permission))));
	cpl_row_text(in, cpl_str_of(cpl_role_name(permission->least)));
	cpl_row_text(in, cpl_str_of(module));
	cpl_row_text(in, cpl_str_of(permission->summary));
	cpl_row_end(in);
}

static void run_permissions(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_command_view view;
	size_t at = 0;

	for (struct cpl_module *m = manager_next(&at); m; m = manager_next(&at))
		for (struct cpl_permission *const *p = manager_descriptor(m)->permissions; p && *p; p++)
			row_of(in, *p, cpl_module_name(m));
	for (at = 0; cpl_command_next(&at, &view);)
		row_of(in, view.action, view.owner ? cpl_module_name(view.owner) : "core");
	cpl_done(in);
}

/* ---- jobs ---- */

static void run_jobs(struct cpl_module *self, struct cpl_invocation *in)
{
	struct schedule_view view;
	char last[CPL_TIME_TEXT], next[CPL_TIME_TEXT];

	for (size_t at = 0; schedule_next(&at, &view);) {
		cpl_row_begin(in);
		cpl_row_text(in, cpl_str_of(view.name));
		cpl_row_text(in, cpl_str_of(view.state));
		cpl_row_text(in, view.last ? cpl_time_format(view.last, last) : CPL_NONE);
		cpl_row_text(in, view.next ? cpl_time_format(view.next, next) : CPL_NONE);
		cpl_row_int(in, view.failures);
		cpl_row_text(in, cpl_str_of(view.summary));
		cpl_row_end(in);
	}
	cpl_done(in);
}

const struct cpl_command builtin_access[] = {
	{"user role <account> [<word:role>]", "Shows or sets the role of an account.",
	 "The roles are registered, which every account has, member and admin. A new role is in effect at once, and the account's sessions are closed. "
	 "Operators are the accounts that the option admins names, whatever role they have otherwise.",
	 NULL, CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_role},
	{"permissions", "Lists what may be done or not, and by whom.",
	 "Each action with the least role that may do it now, the role that its module asks for, the module and what it is. Another role is set with "
	 "permissions: in couplet.yml(5).",
	 "action,least,default,module,summary", CPL_COMMAND_OFFLINE, run_permissions},
	{"jobs", "Lists the jobs that modules run at times.",
	 "The last run that ended well, the next one, and how often the job has failed since. A failed job is tried again. Absent is a job whose module is not "
	 "loaded.",
	 "job,state,last,next,failures,summary", CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_jobs},
	CPL_COMMAND_END,
};
