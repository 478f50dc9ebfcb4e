/* SPDX-License-Identifier: MIT */
/* Who administers a host: XEP-0133 4.29, the whole list at once. */
#include "modules/admin/admin.h"

enum { ADMINS_MAX = 1000 };

/* Memory of the invocation. */
struct admins {
	struct cpl_invocation *in;
	struct cpl_command_run roles;
	struct cpl_role_call role;
	struct cpl_str host;
	struct cpl_jid wanted[ADMINS_MAX]; /* then: those who become an admin */
	size_t wanted_count;
	struct cpl_jid *former;            /* those who are not one any more */
	size_t former_count, at;
};

static void role_next(struct admins *admins);

static void on_role(struct cpl_call *call)
{
	struct admins *admins = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_role_call, call), struct admins, role);
	bool rises = admins->at < admins->wanted_count;
	struct cpl_jid who = rises ? admins->wanted[admins->at] : admins->former[admins->at - admins->wanted_count];

	if (call->status == CPL_E_NOT_FOUND) {
		cpl_refuse(admins->in, "there is no account %.*s; what stands before it has been done", CPL_ARG(cpl_jid_str(who)));
		return;
	}
	if (call->status != 0) {
		cpl_refuse(admins->in, "%.*s: %s; what stands before it has been done", CPL_ARG(cpl_jid_str(who)), cpl_code_text(call->status));
		return;
	}
	cpl_say(admins->in, "%.*s is %s now", CPL_ARG(cpl_jid_str(who)), rises ? "admin" : "registered");
	admins->at++;
	role_next(admins);
}

/* First those who become admins, so that the list is never empty on the way. */
static void role_next(struct admins *admins)
{
	bool rises = admins->at < admins->wanted_count;
	struct cpl_jid actor = cpl_invocation_actor(admins->in), who;
	int status;

	if (admins->at == admins->wanted_count + admins->former_count) {
		cpl_done(admins->in);
		return;
	}
	who = rises ? admins->wanted[admins->at] : admins->former[admins->at - admins->wanted_count];
	status = cpl_role_set(&admins->role, cpl_invocation_scope(admins->in), who, rises ? CPL_ROLE_ADMIN : CPL_ROLE_REGISTERED,
			      cpl_jid_is_full(actor) ? cpl_session_find(actor) : NULL, on_role);
	if (status != 0)
		cpl_refuse(admins->in, "%.*s: %s; what stands before it has been done", CPL_ARG(cpl_jid_str(who)), cpl_code_text(status));
}

static size_t find(const struct admins *admins, struct cpl_jid jid)
{
	size_t i = 0;

	while (i < admins->wanted_count && !cpl_jid_equal(admins->wanted[i], jid))
		i++;
	return i;
}

/* The rows of "user roles": who is an admin stays one or is none any more; operators are left alone, being named by the configuration. */
static void on_roles(struct cpl_call *call)
{
	struct cpl_command_run *run = CPL_CONTAINER(call, struct cpl_command_run, call);
	struct admins *admins = CPL_CONTAINER(run, struct admins, roles);
	struct cpl_arena *arena = cpl_invocation_arena(admins->in);

	if (call->status != 0 || run->exit_code || run->cut) {
		cpl_refuse(admins->in, "the roles cannot be read");
		return;
	}
	admins->former = cpl_arena_alloc(arena, (run->row_count + 1) * sizeof(*admins->former));
	for (size_t r = 0; r < run->row_count; r++) {
		const struct cpl_str *cells = &run->cells[r * run->column_count];
		struct cpl_jid jid;
		size_t at;

		if (cpl_jid_parse(&jid, cpl_arena_copy(arena, cells[0]), arena) != 0)
			continue;
		at = find(admins, jid);
		if (at < admins->wanted_count && (cpl_str_is(cells[1], "admin") || cpl_str_is(cells[1], "operator")))
			admins->wanted[at] = admins->wanted[--admins->wanted_count];
		else if (cpl_str_is(cells[1], "admin"))
			admins->former[admins->former_count++] = jid;
	}
	role_next(admins);
}

/* False, and the command refused, when a word is no account of the host. */
static bool read_wanted(struct admins *admins)
{
	struct cpl_str rest = cpl_arg(admins->in, 1), word;
	struct cpl_jid jid;

	while (rest.ptr && cpl_str_split(&rest, ' ', &word)) {
		if (word.len == 0 || cpl_str_is(word, "none"))
			continue;
		if (cpl_jid_parse(&jid, word, cpl_invocation_arena(admins->in)) != 0 || !jid.local_len || cpl_jid_is_full(jid) ||
		    !cpl_str_equal(cpl_jid_domain(jid), admins->host)) {
			cpl_refuse(admins->in, "\"%.*s\" is not an account of %.*s; nothing has been changed", CPL_ARG(word), CPL_ARG(admins->host));
			return false;
		}
		if (find(admins, jid) < admins->wanted_count)
			continue;
		if (admins->wanted_count == ADMINS_MAX) {
			cpl_refuse(admins->in, "these are more than %d accounts; nothing has been changed", ADMINS_MAX);
			return false;
		}
		admins->wanted[admins->wanted_count++] = jid;
	}
	return true;
}

void privileges_run_admins(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct admins *admins = cpl_arena_alloc(arena, sizeof(*admins));
	struct cpl_host *host = cpl_arg_host(in, 0);
	int status;

	if (!host || host->component) {
		cpl_refuse(in, "%.*s has no accounts", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	admins->in = in;
	admins->host = cpl_arena_copy(arena, host->name);
	if (!read_wanted(admins))
		return;
	status = cpl_command_run(&admins->roles, cpl_invocation_scope(in), CPL_STR("user roles"), &admins->host, CPL_NONE, cpl_invocation_actor(in), 100000, on_roles);
	if (status != 0)
		cpl_refuse(in, "the roles cannot be read: %s", cpl_code_text(status));
}
