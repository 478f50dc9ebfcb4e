/* SPDX-License-Identifier: MIT */
/* Commands about sessions. */
#include "core/admin/builtin.h"
#include "core/xmpp/session.h"
#include <couplet/module.h>

void builtin_session_row(struct cpl_invocation *in, const struct cpl_session *s)
{
	char since[CPL_TIME_TEXT];

	cpl_row_begin(in);
	cpl_row_text(in, cpl_jid_is_set(s->jid) ? cpl_jid_str(s->jid) : CPL_NONE);
	cpl_row_text(in, cpl_str_of(cpl_session_type_name(s->type)));
	cpl_row_text(in, s->conn ? cpl_str_of(s->conn->address) : CPL_NONE);
	cpl_row_bool(in, s->secure);
	cpl_row_text(in, cpl_str_of(s->mechanism));
	if (cpl_session_is_available(s))
		cpl_row_int(in, s->priority);
	else
		cpl_row_text(in, CPL_NONE);
	cpl_row_int(in, (int64_t)s->stanzas_in);
	cpl_row_int(in, (int64_t)s->stanzas_out);
	cpl_row_text(in, cpl_time_format(s->created_at, since));
	cpl_row_end(in);
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str wanted = cpl_flag_value(in, "host"), host = CPL_NONE;

	if (wanted.ptr)
		cpl_prepare_domain(&host, wanted, cpl_invocation_arena(in));
	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s)) {
		if (host.ptr && !cpl_str_equal(s->host, host))
			continue;
		builtin_session_row(in, s);
	}
	cpl_done(in);
}

/* One session by its full JID, or all of an account. */
static void run_close(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct cpl_str reason = cpl_flag_value(in, "reason");
	const char *text = reason.ptr ? cpl_arena_copy(arena, reason).ptr : NULL;
	struct cpl_jid jid;
	size_t closed = 0;

	if (cpl_jid_parse(&jid, cpl_arg(in, 0), arena) < 0 || !jid.local_len) {
		cpl_refuse(in, "\"%.*s\" is not an account or a resource, such as romeo@example.org/orchard", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(jid));
	struct cpl_user *user = host ? cpl_user_find(host, cpl_jid_local(jid)) : NULL;
	struct cpl_session *one = cpl_jid_is_full(jid) ? cpl_session_find(jid) : NULL;

	if (one) {
		cpl_session_close(one, CPL_STREAM_RESET, text);
		closed = 1;
	} else if (user && !cpl_jid_is_full(jid)) {
		CPL_SESSIONS(s, user) {
			cpl_session_close(s, CPL_STREAM_RESET, text);
			closed++;
		}
	}
	if (closed)
		cpl_done(in);
	else
		cpl_refuse(in, "%.*s has no session", CPL_ARG(cpl_jid_str(jid)));
}

const struct cpl_command builtin_sessions[] = {
	{"session list [--host <host>]", "Lists the sessions.", NULL, BUILTIN_SESSION_COLUMNS,
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"session close <word:address> [--reason <text>]", "Closes a session, or all sessions of an account.",
	 "The address is a full JID for one session and a bare JID for all of an account. The stream error is reset, with the reason as its text.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_close},
	CPL_COMMAND_END,
};
