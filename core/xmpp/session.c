/* SPDX-License-Identifier: MIT */
/* Sessions: making, sending, presence, closing, teardown, and what a connection reports. */
#include "core/xmpp/session.h"

#include "core/base/account.h"
#include "core/base/count.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/hook/slot.h"
#include "core/xml/alike.h"
#include "core/xml/stanza_done.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/order.h"
#include "core/xmpp/trace.h"
#include "core/xmpp/user.h"

#include <couplet/event.h>
#include <couplet/log.h>
#include <couplet/time.h>

#include <assert.h>

/* How long our side waits: for the peer's end of a stream that we have closed, and for the bytes of an ending connection. */
enum { CLOSE_WAIT_MS = 5000, LINGER_MS = 2000 };

static const struct config_core *options;
static struct cpl_list all = {&all, &all};
static size_t count, alive;
/* Serialising and suffixes of one stanza at a time; kept, since each stanza needs them. A handler of session_out may send, too: see cpl_session_send_to(). */
static struct cpl_buf scratch, suffixes;

void session_set_options(const struct config_core *core)
{
	options = core;
}

const struct config_core *session_options(void)
{
	return options;
}

const char *cpl_session_type_name(enum cpl_session_type type)
{
	static const char *const names[] = {
		[CPL_SESSION_C2S_UNAUTHED] = "c2s_unauthed",
		[CPL_SESSION_C2S_UNBOUND] = "c2s_unbound",
		[CPL_SESSION_C2S] = "c2s",
		[CPL_SESSION_S2SIN_UNAUTHED] = "s2sin_unauthed",
		[CPL_SESSION_S2SIN] = "s2sin",
		[CPL_SESSION_S2SOUT_UNAUTHED] = "s2sout_unauthed",
		[CPL_SESSION_S2SOUT] = "s2sout",
		[CPL_SESSION_COMPONENT_UNAUTHED] = "component_unauthed",
		[CPL_SESSION_COMPONENT] = "component",
		[CPL_SESSION_DESTROYED] = "destroyed",
	};

	return names[type];
}

/* ---- memory ---- */

static void session_free(struct session *session)
{
	if (session->pub.refs || session->pub.scope.refs || (session->passage && session->passage->teardown_posted))
		return;
	assert(session->torn_down);
	slot_release_all(&session->pub.slots, CPL_SLOT_OF_SESSION);
	order_destroy(&session->order);
	cpl_free(session->passage);
	cpl_jid_free(&session->pub.jid);
	cpl_free((char *)session->pub.lang.ptr);
	cpl_free(session);
	alive--;
}

static void session_scope_unref(struct cpl_scope *scope)
{
	session_free(CPL_CONTAINER(scope, struct session, pub.scope));
}

struct cpl_session *cpl_session_ref(struct cpl_session *s)
{
	s->refs++;
	return s;
}

void cpl_session_unref(struct cpl_session **s)
{
	struct session *session;

	if (!*s)
		return;
	session = session_of(*s);
	*s = NULL;
	assert(session->pub.refs > 0);
	if (--session->pub.refs == 0)
		session_free(session);
}

static void stanza_session_gone(struct cpl_session *s)
{
	cpl_session_unref(&s);
}

/* ---- on the way in and out ---- */

static struct session_passage *passage_of(struct session *session)
{
	if (!session->passage) {
		struct account *account = account_as_core();

		session->passage = CPL_NEW(struct session_passage);
		session->passage->session = session;
		account_back(account);
	}
	return session->passage;
}

/* When nothing of it is needed any more. */
static void passage_drop(struct session *session)
{
	const struct session_passage *passage = session->passage;

	if (passage && !loop_timer_active(&passage->timer) && !passage->admission && passage->failure == CPL_STREAM_OK && !passage->teardown_posted)
		CPL_FREE(session->passage);
}

/* ---- making ---- */

void session_apply_limits(struct session *session)
{
	bool unknown = session->kind->strangers & 1u << session->pub.type;
	struct cpl_conn_limits limits = {
		.stanza_bytes = (uint32_t)(unknown ? options->unauthenticated_bytes : options->stanza_size),
		.stanza_depth = (uint32_t)options->stanza_depth,
		.stanza_elements = (uint32_t)(unknown ? options->unauthenticated_elements : options->stanza_elements),
		.total_bytes = (uint32_t)(unknown ? options->unauthenticated_bytes : 0),
		.total_elements = (uint32_t)(unknown ? options->unauthenticated_elements : 0),
		.output_bytes = (uint32_t)options->output_size,
		.keepalive_ms = options->keepalive,
		.write_ms = options->write_timeout,
	};

	struct cpl_ev_limits ev = {.session = &session->pub, .limits = &limits};

	if (!session->pub.conn)
		return;
	cpl_fire_session_limits(session->pub.served, &ev);
	session->pub.conn->ops->set_limits(session->pub.conn, &limits);
}

void cpl_session_refresh_limits(struct cpl_session *s)
{
	if (s && s->type != CPL_SESSION_DESTROYED)
		session_apply_limits(session_of(s));
	for (struct cpl_session *each = s ? NULL : cpl_session_next(NULL); each; each = cpl_session_next(each))
		session_apply_limits(session_of(each));
}

static void expired_before_bind(struct loop_timer *timer)
{
	struct session *session = CPL_CONTAINER(timer, struct session_passage, timer)->session;

	cpl_session_close(&session->pub, CPL_STREAM_CONNECTION_TIMEOUT, "Not logged in in time");
}

struct cpl_session *session_create(struct cpl_conn *conn, enum cpl_session_type type, struct admission *admission)
{
	struct session *session = CPL_NEW(struct session);
	struct cpl_ev_session ev = {.session = &session->pub};

	stanza_session_unref = stanza_session_gone;
	session->pub.conn = conn;
	session->pub.notopen = true;
	session->pub.type = type;
	session->kind = stream_kind_of(type);
	session->pub.id = cpl_random_id(session->id);
	session->pub.secure = conn->secure;
	session->pub.created_at = session->pub.active_at = cpl_now();
	session->pub.refs = 2; /* its life, and the connection's */
	if (admission)
		passage_of(session)->admission = admission;
	cpl_list_init(&session->pub.in_flight);
	cpl_list_append(&session->pub.in_flight, &session->next);
	cpl_scope_init(&session->pub.scope, session_scope_unref);
	cpl_list_append(&all, &session->in_all);
	count++;
	alive++;
	conn->owner = session;
	session_apply_limits(session);
	session_set_deadline(session, options->authentication_time, expired_before_bind);
	cpl_log_debug("connection accepted session=%.*s address=%s service=%s", CPL_ARG(session->pub.id), conn->address, conn->service);
	cpl_fire_session_created(NULL, &ev);
	return &session->pub;
}

struct cpl_session *cpl_session_next(const struct cpl_session *after)
{
	struct cpl_list *node = after ? CPL_CONTAINER(after, struct session, pub)->in_all.next : all.next;

	return !node || node == &all ? NULL : &CPL_CONTAINER(node, struct session, in_all)->pub;
}

size_t session_count(void)
{
	return count;
}

size_t session_alive(void)
{
	return alive;
}

void session_close_all(void)
{
	CPL_LIST_EACH(node, &all)
	{
		cpl_session_close(&CPL_CONTAINER(node, struct session, in_all)->pub, CPL_STREAM_SYSTEM_SHUTDOWN, NULL);
	}
}

void session_set_deadline(struct session *session, int64_t ms, void (*expired)(struct loop_timer *timer))
{
	if (session->passage)
		loop_timer_stop(&session->passage->timer);
	if (ms > 0)
		loop_timer_start(&passage_of(session)->timer, ms, expired);
	else
		passage_drop(session);
}

void session_release_admission(struct session *session)
{
	if (session->passage)
		admission_release(&session->passage->admission);
	passage_drop(session);
}

/* ---- sending ---- */

static bool can_send(const struct cpl_session *s)
{
	return s->conn && !s->closing;
}

void cpl_session_send_to(struct cpl_session *s, const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to, struct cpl_str suffix)
{
	struct cpl_buf own = suffixes; /* one sent from within finds none and makes its own */
	struct cpl_ev_out ev = {.session = s, .stanza = stanza, .suffix = &own};
	struct account *account;

	if (!can_send(s))
		return;
	account = account_as_core();
	suffixes = (struct cpl_buf){0};
	cpl_buf_clear(&own);
	if (suffix.len)
		cpl_buf_add(&own, suffix);
	/* A handler may also have closed the session: nothing follows its end tag. */
	if ((!cpl_event_wanted(s->served, CPL_EVENT_session_out) || cpl_fire_session_out(s->served, &ev) == CPL_NEXT) && can_send(s)) {
		cpl_buf_clear(&scratch);
		cpl_stanza_write_to(stanza, session_of(s)->kind->content, from, to, cpl_buf_str(&own), &scratch);
		s->stanzas_out++;
		count_add(COUNT_MESSAGES_OUT + stanza->kind, 1);
		if (trace_wanted())
			trace_out(s, stanza, from, to, account);
		s->conn->ops->write(s->conn, cpl_buf_str(&scratch));
	}
	cpl_buf_finish(&suffixes);
	suffixes = own;
	/* A module may have made it grow; it is kept. */
	if (own.ptr)
		memory_charge(own.ptr, account_core());
	account_back(account);
}

void cpl_session_send(struct cpl_session *s, const struct cpl_stanza *stanza)
{
	cpl_session_send_to(s, stanza, (struct cpl_jid){0}, (struct cpl_jid){0}, CPL_NONE);
}

void cpl_session_send_nonza(struct cpl_session *s, const struct cpl_stanza *nonza)
{
	struct account *account;

	if (!can_send(s))
		return;
	account = account_as_core();
	count_add(COUNT_NONZAS_OUT, 1);
	cpl_buf_clear(&scratch);
	cpl_stanza_write(nonza, session_of(s)->kind->content, &scratch);
	if (trace_wanted())
		trace_out(s, nonza, (struct cpl_jid){0}, (struct cpl_jid){0}, account);
	s->conn->ops->write(s->conn, cpl_buf_str(&scratch));
	account_back(account);
}

size_t cpl_session_binding(struct cpl_session *s, enum cpl_binding kind, unsigned char *out)
{
	return s->conn ? s->conn->ops->binding(s->conn, kind, out) : 0;
}

/* ---- presence ---- */

static struct cpl_stanza *presence_keep(const struct cpl_stanza *presence)
{
	struct account *account = account_as_core();
	struct cpl_stanza *kept = alike_compact(presence);

	account_back(account);
	return kept;
}

void cpl_session_set_presence(struct cpl_session *s, const struct cpl_stanza *presence, int8_t priority)
{
	struct cpl_ev_session ev = {.session = s};
	struct cpl_stanza *before = s->presence;

	if (!s->user || (!presence && !before))
		return;
	s->presence = presence ? presence_keep(presence) : NULL;
	s->priority = presence ? priority : 0;
	s->presence_at = presence ? cpl_now() : 0;
	s->user->available_count += (s->presence != NULL) - (before != NULL);
	user_sort_session(s);
	if (!presence)
		cpl_fire_session_unavailable(s->served, &ev);
	else if (!before)
		cpl_fire_session_available(s->served, &ev);
	if (presence)
		cpl_fire_session_presence(s->served, &ev);
	cpl_stanza_unref(&before);
}

void cpl_session_set_interested(struct cpl_session *s)
{
	s->interested = true;
}

/* ---- the end ---- */

void session_unbind(struct session *session)
{
	struct cpl_session *s = &session->pub;
	struct cpl_ev_session ev = {.session = s};

	if (!s->user)
		return;
	cpl_session_set_presence(s, NULL, 0);
	cpl_fire_session_unbound(s->served, &ev);
	user_remove_session(s);
	s->interested = false;
	s->full_jid = s->resource = CPL_NONE;
	cpl_log_info("session ended session=%.*s jid=%.*s", CPL_ARG(s->id), CPL_ARG(cpl_jid_str(s->jid)));
}

static void session_teardown(struct loop_task *task)
{
	struct session_passage *passage = CPL_CONTAINER(task, struct session_passage, teardown);
	struct session *session = passage->session;
	struct cpl_session *s = &session->pub;
	struct cpl_ev_session ev = {.session = s};

	passage->teardown_posted = false;
	if (session->torn_down || session->active || session->waiting)
		return;
	session->torn_down = true;
	session_unbind(session);
	session_component_gone(session);
	cpl_fire_session_destroyed(s->served, &ev);
	s->type = CPL_SESSION_DESTROYED;
	session_set_deadline(session, 0, NULL);
	session_release_admission(session);
	cpl_list_remove(&session->in_all);
	count--;
	cpl_scope_end(&s->scope);
	cpl_session_unref(&s);
}

void session_end(struct session *session)
{
	struct session_passage *passage;

	session->ending = true;
	session->input_ended = true;
	if (session->torn_down || session->active || session->waiting)
		return;
	passage = passage_of(session);
	if (passage->teardown_posted)
		return;
	passage->teardown_posted = true;
	passage->teardown.run = session_teardown;
	/* Before the peer can see the end of the stream: when it binds again on another connection, this session is gone. */
	loop_settle(&passage->teardown);
}

static void expired_close(struct loop_timer *timer)
{
	struct session *session = CPL_CONTAINER(timer, struct session_passage, timer)->session;
	struct cpl_session *s = &session->pub;

	if (s->conn && !s->closing) {
		s->closing = true;
		stream_open(session);
		s->conn->ops->close_stream(s->conn);
	}
	if (s->conn)
		s->conn->ops->end(s->conn, LINGER_MS);
	/* What a bound session has sent is handled to its end, however long somebody keeps it waiting. */
	if (!(session->kind->members & 1u << s->type))
		session_drop_input(session);
	session_end(session);
}

void cpl_session_close(struct cpl_session *s, enum cpl_stream_error condition, const char *text)
{
	struct session *session = session_of(s);

	if (s->closing)
		return;
	if (!s->conn) {
		s->closing = true;
		session_end(session);
		return;
	}
	if (condition != CPL_STREAM_OK) {
		cpl_log(condition == CPL_STREAM_SYSTEM_SHUTDOWN ? CPL_LOG_DEBUG : CPL_LOG_INFO,
			"stream closed with an error session=%.*s jid=%.*s address=%s condition=%s text=%s", CPL_ARG(s->id),
			CPL_ARG(cpl_jid_is_set(s->jid) ? cpl_jid_str(s->jid) : CPL_STR("-")), s->conn->address,
			cpl_stream_error_name(condition), text ? text : "-");
		stream_open(session);
		stream_write_error(session, condition, text);
	}
	s->closing = true;
	if (session->stream_open)
		s->conn->ops->close_stream(s->conn);
	if (condition == CPL_STREAM_OK && !session->peer_closed && session->stream_open) {
		/* A clean end of ours: what the peer still sends is handled until it closes, too (RFC 6120 4.4). */
		session_set_deadline(session, CLOSE_WAIT_MS, expired_close);
		return;
	}
	session->input_ended = true;
	if (!(session->kind->members & 1u << s->type))
		session_drop_input(session);
	s->conn->ops->end(s->conn, LINGER_MS);
	session_end(session);
}

/* ---- what the connection reports ---- */

static void on_opened(struct cpl_conn *conn, const struct cpl_stream_header *header)
{
	struct session *session = conn->owner;

	if (!session->input_ended)
		stream_opened(session, header);
}

static void on_element(struct cpl_conn *conn, struct cpl_stanza *stanza)
{
	session_input(conn->owner, stanza);
}

static void on_closing(struct cpl_conn *conn)
{
	struct session *session = conn->owner;

	session->peer_closed = true;
	session->input_ended = true;
	if (session->pub.closing) {
		conn->ops->end(conn, LINGER_MS);
		session_end(session);
		return;
	}
	session_set_deadline(session, CLOSE_WAIT_MS, expired_close);
	session_pump(session);
}

static void on_failed(struct cpl_conn *conn, enum cpl_stream_error condition, const char *text)
{
	struct session *session = conn->owner;

	session->input_ended = true;
	passage_of(session)->failure = condition;
	session->passage->failure_text = text;
	session_pump(session);
}

static void on_secured(struct cpl_conn *conn)
{
	struct session *session = conn->owner;
	char text[128];

	session->pub.secure = true;
	cpl_log_debug("TLS established session=%.*s %.*s", CPL_ARG(session->pub.id),
		      CPL_ARG(conn->ops->describe(conn, text, sizeof text)));
}

static void on_drained(struct cpl_conn *conn)
{
	(void)conn; /* nothing of ours waits for room: over the bound the connection ends */
}

static void on_idle(struct cpl_conn *conn)
{
	struct session *session = conn->owner;

	/* Not between two streams either: nothing may stand before the header of the next (RFC 6120 4.6.1). */
	if (session->stream_open && !session->pub.notopen && !session->pub.closing)
		conn->ops->write(conn, CPL_STR(" "));
}

static void on_closed(struct cpl_conn *conn, enum cpl_conn_end end, const char *detail)
{
	static const char *const ends[] = {
		[CPL_END_LOCAL] = "local",     [CPL_END_EOF] = "eof", [CPL_END_RESET] = "reset",
		[CPL_END_TIMEOUT] = "timeout", [CPL_END_TLS] = "tls", [CPL_END_OVERFLOW] = "overflow",
	};
	struct session *session = conn->owner;
	struct cpl_session *s = &session->pub;

	cpl_log_debug("connection closed session=%.*s address=%s end=%s detail=%s", CPL_ARG(s->id), conn->address, ends[end],
		      detail ? detail : "-");
	if (end == CPL_END_OVERFLOW)
		cpl_log_info("session reads too slowly session=%.*s jid=%.*s", CPL_ARG(s->id), CPL_ARG(cpl_jid_str(s->jid)));
	s->conn = NULL;
	s->closing = true;
	session_set_deadline(session, 0, NULL);
	session_end(session);
	cpl_session_unref(&s);
}

const struct cpl_conn_events session_conn_events = {
	.opened = on_opened,
	.element = on_element,
	.closing = on_closing,
	.failed = on_failed,
	.secured = on_secured,
	.drained = on_drained,
	.idle = on_idle,
	.closed = on_closed,
};

void session_finish(void)
{
	cpl_buf_finish(&scratch);
	cpl_buf_finish(&suffixes);
	negotiate_finish();
}
