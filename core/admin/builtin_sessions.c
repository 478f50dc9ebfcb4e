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

/* ---- session info ---- */

struct parts {
	struct cpl_invocation *in;
	const struct cpl_session *session;
	size_t own; /* the session's share of all */
};

static void add_row(const struct parts *parts, const char *name, const char *of, size_t bytes, unsigned shared)
{
	cpl_row_begin(parts->in);
	cpl_row_text(parts->in, cpl_jid_str(parts->session->jid));
	cpl_row_text(parts->in, cpl_str_of(name));
	cpl_row_text(parts->in, of ? cpl_str_of(of) : CPL_NONE);
	cpl_row_int(parts->in, (int64_t)bytes);
	cpl_row_int(parts->in, (int64_t)shared);
	cpl_row_end(parts->in);
}

static void add_part(void *data, const struct session_part *part)
{
	struct parts *parts = data;

	add_row(parts, part->name, part->of, part->bytes, part->shared);
	parts->own += part->bytes / (part->shared ? part->shared : 1);
}

static void tell_parts(struct cpl_invocation *in, const struct cpl_session *s)
{
	struct parts parts = {in, s, 0};

	session_parts(s, add_part, &parts);
	add_row(&parts, "total", "its share", parts.own, 1);
}

static void run_info(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_jid jid;

	if (cpl_jid_parse(&jid, cpl_arg(in, 0), cpl_invocation_arena(in)) < 0 || !jid.local_len) {
		cpl_refuse(in, "\"%.*s\" is not an account or a resource, such as romeo@example.org/orchard", CPL_ARG(cpl_arg(in, 0)));
		return;
	}
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(jid));
	struct cpl_user *user = host ? cpl_user_find(host, cpl_jid_local(jid)) : NULL;
	struct cpl_session *one = cpl_jid_is_full(jid) ? cpl_session_find(jid) : NULL;
	bool found = one;

	if (one)
		tell_parts(in, one);
	else if (user && !cpl_jid_is_full(jid))
		CPL_SESSIONS(s, user)
		{
			tell_parts(in, s);
			found = true;
		}
	if (found)
		cpl_done(in);
	else
		cpl_refuse(in, "%.*s has no session", CPL_ARG(cpl_jid_str(jid)));
}

/* ---- session close ---- */

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
	{"session info <word:address>", "Shows what a session holds in memory, part by part.",
	 "The address is a full JID for one session and a bare JID for all of an account. Bytes are those of the heap; a part that several sessions share is shown whole, and the total has this "
	 "session's share of it. The parts named after modules are the data that they keep with the session or the account; what these refer to counts for the module (see module info).",
	 "jid,part,of,bytes,shared_by", CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_info},
	{"session close <word:address> [--reason <text>]", "Closes a session, or all sessions of an account.",
	 "The address is a full JID for one session and a bare JID for all of an account. The stream error is reset, with the reason as its text.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_close},
	CPL_COMMAND_END,
};
