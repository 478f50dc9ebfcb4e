/* SPDX-License-Identifier: MIT */
/* The module `probe`. */
#include "tests/unit/xmpp/probe.h"

#include "core/base/account.h"
#include "core/module/manager.h"

struct probe probe;
struct cpl_suspension *probe_suspended[PROBE_SUSPENSIONS_MAX];
unsigned probe_suspended_count;
struct cpl_stanza *probe_held[PROBE_SUSPENSIONS_MAX];
unsigned probe_held_count;
static char trace[8192];

CPL_CONTENT_NAME(name_body, "body");
static struct cpl_name *const names[] = {&name_body, NULL};

/* ---- the trace ---- */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
	size_t len = strlen(trace);
	va_list args;

	if (len > 0 && len + 1 < sizeof(trace))
		trace[len++] = ' ';
	va_start(args, format);
	vsnprintf(trace + len, sizeof(trace) - len, format, args);
	va_end(args);
}

void probe_forget_trace(void)
{
	trace[0] = '\0';
}

void probe_assert_trace(const char *expected)
{
	assert_string_equal(trace, expected);
	trace[0] = '\0';
}

void probe_reset(void)
{
	probe = (struct probe){0};
	probe_suspended_count = probe_held_count = 0;
	trace[0] = '\0';
}

enum cpl_flow probe_suspend(struct cpl_event *event)
{
	assert_true(probe_suspended_count < PROBE_SUSPENSIONS_MAX);
	probe_suspended[probe_suspended_count++] = cpl_suspend(event);
	return CPL_SUSPENDED;
}

void probe_hold(struct cpl_stanza *stanza)
{
	assert_true(probe_held_count < PROBE_SUSPENSIONS_MAX);
	cpl_stanza_hold(stanza);
	probe_held[probe_held_count++] = stanza;
}

struct cpl_str probe_body(const struct cpl_stanza *stanza)
{
	return cpl_child_text(stanza->root, &name_body, stanza->arena);
}

void probe_run(void (*function)(struct cpl_module *self))
{
	struct cpl_module *self = manager_find(CPL_STR("probe"));
	struct account_visit visit = account_enter(manager_account(self), self, ACCOUNT_IN_CALL);

	function(self);
	account_leave(&visit);
}

/* ---- events of sessions ---- */

static void on_session(enum cpl_event_id id, const char *name, struct cpl_session *s)
{
	note("%s(%s%s%.*s)", name, cpl_session_type_name(s->type), s->jid.text ? " " : "", CPL_ARG(s->jid.text ? cpl_jid_str(s->jid) : CPL_STR("")));
	if (probe.session)
		probe.session(id, s);
}

#define SESSION_EVENT(name)                                                                                                      \
	static void on_##name(struct cpl_module *self, struct cpl_ev_session *ev)                                                \
	{                                                                                                                        \
		on_session(CPL_EVENT_##name, #name, ev->session);                                                                \
	}
SESSION_EVENT(session_created)
SESSION_EVENT(stream_opened)
SESSION_EVENT(session_authenticated)
SESSION_EVENT(session_bound)
SESSION_EVENT(session_available)
SESSION_EVENT(session_presence)
SESSION_EVENT(session_unavailable)
SESSION_EVENT(session_unbound)
SESSION_EVENT(session_destroyed)

static enum cpl_flow on_pre_authenticate(struct cpl_module *self, struct cpl_ev_authenticate *ev)
{
	note("pre_authenticate(%.*s)", CPL_ARG(ev->username));
	return probe.authenticate ? probe.authenticate(ev) : CPL_NEXT;
}

static enum cpl_flow on_pre_bind(struct cpl_module *self, struct cpl_ev_bind *ev)
{
	note("pre_bind(%.*s)", CPL_ARG(ev->resource));
	return probe.bind ? probe.bind(ev) : CPL_NEXT;
}

static enum cpl_flow on_out(struct cpl_module *self, struct cpl_ev_out *ev)
{
	return probe.out ? probe.out(ev) : CPL_NEXT;
}

/* ---- events of accounts ---- */

static enum cpl_flow on_user_load(struct cpl_module *self, struct cpl_ev_user *ev)
{
	note("user_load(%.*s)", CPL_ARG(ev->user->username));
	return probe.load ? probe.load(ev) : CPL_NEXT;
}

static void on_user_unload(struct cpl_module *self, struct cpl_ev_user *ev)
{
	note("user_unload(%.*s)", CPL_ARG(ev->user->username));
	if (probe.unload)
		probe.unload(ev);
}

static enum cpl_flow on_account_removing(struct cpl_module *self, struct cpl_ev_user *ev)
{
	note("account_removing(%.*s)", CPL_ARG(ev->user->username));
	return CPL_NEXT;
}

static void on_account_removed(struct cpl_module *self, struct cpl_ev_account *ev)
{
	note("account_removed(%.*s)", CPL_ARG(cpl_jid_str(ev->jid)));
}

/* ---- stanzas ---- */

#define STANZA_EVENT(name)                                                                                                       \
	static enum cpl_flow on_##name(struct cpl_module *self, struct cpl_ev_stanza *ev)                                        \
	{                                                                                                                        \
		return probe.stanza ? probe.stanza(CPL_EVENT_##name, ev) : CPL_NEXT;                                             \
	}
STANZA_EVENT(pre_message)
STANZA_EVENT(pre_presence)
STANZA_EVENT(pre_iq)
STANZA_EVENT(message)
STANZA_EVENT(iq)
STANZA_EVENT(message_undelivered)

static enum cpl_flow on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	if (probe.presence)
		probe.presence(ev);
	return probe.stanza ? probe.stanza(CPL_EVENT_presence, ev) : CPL_NEXT;
}

#define ROW(name) CPL_ON(name, on_##name, POLICY, 0)
static const struct cpl_event_row events[] = {
	ROW(session_created),	ROW(stream_opened),	   ROW(pre_authenticate), ROW(session_authenticated),
	ROW(session_bound),	ROW(session_available),	   ROW(session_presence), ROW(session_unavailable),
	ROW(session_unbound),	ROW(session_destroyed),	   ROW(pre_message),	  ROW(pre_presence),
	ROW(pre_iq),		ROW(message),		   ROW(iq),		  ROW(presence),
	ROW(message_undelivered), ROW(user_load),	   ROW(user_unload),	  ROW(account_removing),
	ROW(account_removed),	ROW(pre_bind),
	CPL_ON(session_out, on_out, POLICY, 0),
	CPL_ON_END,
};

CPL_MODULE(probe) = {
	CPL_MODULE_HEAD("probe", "1.0", "What a test wants"),
	.names = names,
	.events = events,
};

const struct stage_module probe_modules[] = {{"probe", &probe_LTX_cpl_module}, {NULL, NULL}};

/* ---- what peers have received ---- */

void assert_received(struct stage_peer *peer, const char *part)
{
	char *text = stage_take(peer);

	if (part ? !strstr(text, part) : text[0] != '\0')
		fail_msg("received: %s\nwanted: %s", text, part ? part : "nothing");
	cpl_free(text);
}

void assert_not_received(struct stage_peer *peer, const char *part)
{
	char *text = stage_take(peer);

	if (strstr(text, part))
		fail_msg("received: %s\nnot wanted: %s", text, part);
	cpl_free(text);
}
