/* SPDX-License-Identifier: MIT */
/* "limits": who is held back, and letting them go. */
#include "modules/limits/limits.h"

static void row(struct cpl_invocation *in, const char *kind, struct cpl_str subject, int64_t value, int64_t wait)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(kind));
	cpl_row_text(in, subject);
	cpl_row_int(in, value);
	cpl_row_int(in, (wait + 999) / 1000);
	cpl_row_end(in);
}

/* Buckets out of which no token can be had now; with `all` those, too, from which some are gone. */
static void buckets(struct cpl_invocation *in, const char *kind, const struct table *table, struct bucket bucket, bool all)
{
	int64_t now = cpl_monotonic();

	for (const struct table_entry *e = table_next(table, NULL); e && bucket.tokens; e = table_next(table, e)) {
		int64_t wait = bucket_wait(e, bucket, now);
		int64_t gone = e->value > now ? (e->value - now + bucket.recovery - 1) / bucket.recovery : 0;

		if (wait > 0 || (all && gone > 0))
			row(in, kind, table_key(e), gone, wait);
	}
}

/* Who has not authenticated goes by where the connection comes from. */
static struct cpl_str subject_of(const struct cpl_session *s)
{
	unsigned strangers = CPL_IN(C2S_UNAUTHED) | CPL_IN(S2SIN_UNAUTHED) | CPL_IN(S2SOUT_UNAUTHED) | CPL_IN(COMPONENT_UNAUTHED);

	return cpl_jid_is_set(s->jid) && !(strangers & 1u << s->type) ? cpl_jid_str(s->jid) : cpl_str_of(s->conn->address);
}

static void held_sessions(struct cpl_invocation *in, bool all)
{
	for (const struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s))
		if (s->conn && (s->conn->held_until || (all && s->conn->holds)))
			row(in, "session", subject_of(s), s->conn->holds, s->conn->held_until ? s->conn->held_until - cpl_monotonic() : 0);
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	const struct limits_config *config = limits_config_of(self);
	const struct limits *limits = limits_of(self);
	bool all = cpl_flag(in, "all");

	buckets(in, "account", &limits->accounts, limits_account_bucket(config), all);
	buckets(in, "address", &limits->addresses, limits_address_bucket(config), all);
	buckets(in, "connects", &limits->connects, limits_connect_bucket(config), all);
	for (const struct table_entry *e = table_next(&limits->open, NULL); e; e = table_next(&limits->open, e))
		if (all || (config->connections_per_address && e->value >= config->connections_per_address))
			row(in, "connections", table_key(e), e->value, 0);
	held_sessions(in, all);
	cpl_done(in);
}

/* ---- clear ---- */

static bool is_about(struct cpl_str key, struct cpl_str subject)
{
	return cpl_str_equal(key, subject) || (cpl_str_starts(key, subject) && key.ptr[subject.len] == ' ');
}

static unsigned clear(struct table *table, struct cpl_str subject)
{
	struct table_entry *next;
	unsigned count = 0;

	for (struct table_entry *e = table_next(table, NULL); e; e = next) {
		next = table_next(table, e);
		if (subject.ptr && !is_about(table_key(e), subject))
			continue;
		table_remove(table, e);
		count++;
	}
	return count;
}

static unsigned clear_sessions(struct cpl_str subject)
{
	unsigned count = 0;

	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s)) {
		if (!s->conn || !s->conn->held_until || !cpl_str_equal(subject_of(s), subject))
			continue;
		cpl_session_refresh_limits(s);
		count++;
	}
	return count;
}

static void run_clear(struct cpl_module *self, struct cpl_invocation *in)
{
	struct limits *limits = limits_of(self);
	struct cpl_str subject = cpl_str_is(cpl_arg(in, 0), "all") ? CPL_NONE : cpl_arg(in, 0);
	unsigned count = clear(&limits->accounts, subject) + clear(&limits->addresses, subject) + clear(&limits->connects, subject);

	if (subject.ptr)
		count += clear_sessions(subject);
	else
		cpl_session_refresh_limits(NULL);
	if (subject.ptr && count == 0) {
		cpl_refuse(in, "nothing is kept of \"%.*s\": an account, an address or a session as limits list shows it, or all", CPL_ARG(subject));
		return;
	}
	cpl_say(in, "cleared: %u", count);
	cpl_done(in);
}

const struct cpl_command limits_commands[] = {
	{"limits list [--all]", "Lists who is held back.",
	 "Accounts and addresses from which no login is tried because of failed ones, addresses with as many connections as they may have or from which they come too fast, and "
	 "sessions that have sent too much, by their address, or before authentication by that of the connection. The column count has failed logins, connections, or how often a session was held; wait the seconds until it goes on. With --all "
	 "also those that are only counted.",
	 "kind,subject,count,wait", CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"limits clear <word:subject>", "Lets go who is held back.", "An account, an address or a session as limits list shows it, or all.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_clear},
	CPL_COMMAND_END,
};
