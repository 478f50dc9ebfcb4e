/* SPDX-License-Identifier: MIT */
/* The transitions of a session on its way: TLS, the proven identity, the binding (RFC 6120 5, 6, 7); a component's acceptance (XEP-0114). Each identity is set once. */
#include "core/base/account.h"
#include "core/base/count.h"
#include "core/config/config.h"
#include "core/xmpp/order.h"
#include "core/xmpp/session.h"
#include "core/xmpp/user.h"

#include <couplet/event.h>
#include <couplet/log.h>
#include <couplet/time.h>

void cpl_session_start_tls(struct cpl_session *s, const struct cpl_stanza *proceed)
{
	struct session *session = session_of(s);

	if (!s->conn || s->closing)
		return;
	cpl_session_send_nonza(s, proceed);
	s->notopen = true;
	session_drop_input(session);
	s->conn->ops->start_tls(s->conn);
}

/* ---- authentication ---- */

struct authentication {
	struct cpl_authenticate *request; /* NULL once cancelled */
	struct cpl_session *session;      /* referenced */
	struct cpl_stanza *success;
	struct cpl_ev_authenticate ev;
	char username[CPL_JID_PART_MAX + 1];
};

/* Names of mechanisms, kept for good: a session may outlive the module that gave the name. */
static struct cpl_map mechanisms;

static const char *mechanism_for_good(const char *mechanism)
{
	char *name = cpl_map_get(&mechanisms, cpl_str_of(mechanism));
	struct account *before;

	if (name)
		return name;
	before = account_as_core();
	name = cpl_strdup(cpl_str_of(mechanism));
	cpl_map_put(&mechanisms, cpl_str_of(name), name);
	account_back(before);
	return name;
}

void negotiate_finish(void)
{
	size_t at = 0;
	char *name;

	while ((name = cpl_map_next(&mechanisms, &at)))
		cpl_free(name);
	cpl_map_finish(&mechanisms);
}

static void session_become(struct cpl_session *s, struct cpl_str username)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str text = cpl_arena_printf(arena, "%.*s@%.*s", CPL_ARG(username), CPL_ARG(s->served->name));
	struct cpl_jid before = s->jid;

	s->jid = cpl_jid_dup((struct cpl_jid){text.ptr, (uint16_t)username.len, (uint16_t)s->served->name.len, 0, 0});
	s->username = cpl_jid_local(s->jid);
	s->host = cpl_jid_domain(s->jid);
	cpl_jid_free(&before);
	cpl_arena_destroy(&arena);
}

static void authenticated(struct cpl_event *event, enum cpl_flow result)
{
	struct authentication *auth = CPL_CONTAINER(CPL_CONTAINER(event, struct cpl_ev_authenticate, event), struct authentication, ev);
	struct cpl_session *s = auth->session;
	struct session *session = session_of(s);
	struct cpl_ev_session ev = {.session = s};
	int status = 0;

	session->authenticating = false;
	if (result == CPL_DROP || result == CPL_FAILED) {
		status = CPL_E_DENIED;
		if (auth->request) {
			auth->request->condition = result == CPL_FAILED ? "temporary-auth-failure" : auth->ev.condition;
			auth->request->text = auth->ev.text;
		}
	} else if (!s->conn || s->closing) {
		status = CPL_E_CANCELLED;
	} else {
		session_become(s, auth->ev.username);
		s->mechanism = mechanism_for_good(auth->ev.mechanism);
		s->type = CPL_SESSION_C2S_UNBOUND;
		count_add(COUNT_AUTHENTICATIONS, 1);
		session_release_admission(session);
		session_apply_limits(session);
		cpl_log_debug("authenticated session=%.*s jid=%.*s mechanism=%s", CPL_ARG(s->id), CPL_ARG(cpl_jid_str(s->jid)), s->mechanism);
		cpl_fire_session_authenticated(s->served, &ev);
		cpl_session_send_nonza(s, auth->success);
		s->notopen = true;
		s->conn->ops->restart(s->conn);
	}
	if (auth->request) {
		auth->request->call.provider = NULL;
		cpl_call_complete(&auth->request->call, status);
	}
	cpl_stanza_unref(&auth->success);
	cpl_session_unref(&auth->session);
	cpl_free(auth);
}

static void authenticate_cancel(struct cpl_call *call)
{
	struct authentication *auth = call->provider;

	if (auth)
		auth->request = NULL;
	call->provider = NULL;
}

int cpl_session_authenticate(struct cpl_authenticate *request, struct cpl_session *s, struct cpl_str username, const char *mechanism,
			     const struct cpl_stanza *success, void (*done)(struct cpl_call *call))
{
	struct session *session = session_of(s);
	struct authentication *auth;
	struct cpl_module *caller;
	int status;

	if (s->type != CPL_SESSION_C2S_UNAUTHED || session->authenticating || username.len == 0 || username.len > CPL_JID_PART_MAX)
		return CPL_E_INVALID;
	status = cpl_call_begin(&request->call, &s->scope, done, authenticate_cancel);
	if (status != 0)
		return status;
	auth = CPL_NEW(struct authentication);
	auth->request = request;
	auth->session = cpl_session_ref(s);
	auth->success = cpl_stanza_copy(success);
	memcpy(auth->username, username.ptr, username.len); /* UNSAFE: bounded above */
	auth->ev.session = s;
	auth->ev.username = (struct cpl_str){auth->username, username.len};
	auth->ev.mechanism = mechanism;
	auth->ev.condition = "not-authorized";
	request->call.provider = auth;
	session->authenticating = true;
	caller = account_core_begin();
	cpl_fire_pre_authenticate(s->served, &auth->ev, authenticated);
	account_core_end(caller);
	return 0;
}

/* ---- binding ---- */

struct binding {
	struct cpl_bind *request; /* NULL once cancelled */
	struct cpl_session *session;
	struct cpl_user *user;
	struct cpl_arena *arena;
	struct user_wait wait;
	struct cpl_ev_bind ev;
	enum cpl_conflict policy;
};

static void binding_end(struct binding *binding, int status, enum cpl_condition condition, const char *text)
{
	struct cpl_session *s = binding->session;

	session_of(s)->authenticating = false;
	if (binding->request) {
		binding->request->condition = condition;
		binding->request->text = text;
		binding->request->call.provider = NULL;
		cpl_call_complete(&binding->request->call, status);
	}
	cpl_user_unref(&binding->user);
	cpl_session_unref(&binding->session);
	cpl_arena_destroy(&binding->arena);
	cpl_free(binding);
}

static struct cpl_str random_resource(struct cpl_arena *arena)
{
	char text[CPL_ID_TEXT];

	return cpl_arena_copy(arena, cpl_random_id(text));
}

/* Makes the resource free for the session as the policy says; false: refused. *jid is what to bind. */
static bool binding_meet_conflict(struct binding *binding, struct cpl_jid *jid)
{
	struct cpl_session *other = cpl_map_get(&binding->user->host->sessions, cpl_jid_str(*jid));

	if (!other)
		return true;
	switch (binding->policy) {
	case CPL_CONFLICT_REFUSE:
		return false;
	case CPL_CONFLICT_RENAME:
		*jid = cpl_jid_with_resource(*jid, random_resource(binding->arena), binding->arena);
		return true;
	case CPL_CONFLICT_REPLACE:
		break;
	}
	cpl_session_ref(other);
	cpl_session_close(other, CPL_STREAM_CONFLICT, "Replaced by a new session");
	session_unbind(session_of(other));
	cpl_session_unref(&other);
	return true;
}

static void binding_asked(struct cpl_event *event, enum cpl_flow result)
{
	struct binding *binding = CPL_CONTAINER(CPL_CONTAINER(event, struct cpl_ev_bind, event), struct binding, ev);
	struct cpl_session *s = binding->session;
	struct session *session = session_of(s);
	struct cpl_ev_session ev = {.session = s};
	struct cpl_jid jid, before = s->jid;

	if (result == CPL_DROP || result == CPL_FAILED) {
		binding_end(binding, CPL_E_DENIED, result == CPL_FAILED ? CPL_INTERNAL_SERVER_ERROR : binding->ev.condition, binding->ev.text);
		return;
	}
	if (!s->conn || s->closing || session->torn_down || binding->user->removed) {
		binding_end(binding, CPL_E_CANCELLED, CPL_NOT_AUTHORIZED, NULL);
		return;
	}
	jid = cpl_jid_with_resource(binding->user->jid, binding->ev.resource, binding->arena);
	if (!binding_meet_conflict(binding, &jid)) {
		binding_end(binding, CPL_E_CONFLICT, CPL_CONFLICT, NULL);
		return;
	}
	if (binding->user->session_count >= session_options()->sessions_per_account) {
		binding_end(binding, CPL_E_FULL, CPL_RESOURCE_CONSTRAINT, "Too many sessions of this account");
		return;
	}
	s->jid = cpl_jid_dup(jid);
	cpl_jid_free(&before);
	s->username = cpl_jid_local(s->jid);
	s->host = cpl_jid_domain(s->jid);
	s->resource = cpl_jid_resource(s->jid);
	s->full_jid = cpl_jid_str(s->jid);
	s->type = CPL_SESSION_C2S;
	session_set_deadline(session, 0, NULL);
	user_add_session(binding->user, s);
	cpl_log_info("session bound session=%.*s jid=%.*s address=%s mechanism=%s", CPL_ARG(s->id), CPL_ARG(s->full_jid), s->conn->address,
		     s->mechanism);
	cpl_fire_session_bound(s->served, &ev);
	binding_end(binding, 0, CPL_UNDEFINED_CONDITION, NULL);
}

static void binding_loaded(struct user_wait *wait, struct cpl_user *user, int status)
{
	struct binding *binding = CPL_CONTAINER(wait, struct binding, wait);

	if (!user) {
		binding_end(binding, status, status == CPL_E_NOT_FOUND ? CPL_NOT_AUTHORIZED : CPL_INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	binding->user = cpl_user_ref(user);
	if (user->removed || user->disabled) {
		binding_end(binding, CPL_E_DENIED, CPL_NOT_AUTHORIZED, NULL);
		return;
	}
	binding->ev.user = user;
	cpl_fire_pre_bind(user->host, &binding->ev, binding_asked);
}

static void bind_cancel(struct cpl_call *call)
{
	struct binding *binding = call->provider;

	if (binding)
		binding->request = NULL;
	call->provider = NULL;
}

int cpl_session_bind(struct cpl_bind *request, struct cpl_session *s, struct cpl_str resource, enum cpl_conflict policy,
		     void (*done)(struct cpl_call *call))
{
	struct session *session = session_of(s);
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str prepared;
	struct binding *binding;
	struct cpl_module *caller;
	int status = 0;

	if (resource.len == 0)
		prepared = random_resource(arena);
	else
		status = cpl_prepare_resource(&prepared, resource, arena);
	if (status == 0 && (s->type != CPL_SESSION_C2S_UNBOUND || session->authenticating))
		status = CPL_E_EXISTS;
	if (status == 0)
		status = cpl_call_begin(&request->call, &s->scope, done, bind_cancel);
	if (status != 0) {
		request->condition = status == CPL_E_EXISTS ? CPL_NOT_ALLOWED : CPL_BAD_REQUEST;
		cpl_arena_destroy(&arena);
		return status;
	}
	binding = CPL_NEW(struct binding);
	binding->request = request;
	binding->session = cpl_session_ref(s);
	binding->arena = arena;
	binding->policy = policy;
	binding->ev.session = s;
	binding->ev.resource = cpl_arena_copy(arena, prepared);
	binding->ev.condition = CPL_NOT_ALLOWED;
	binding->wait.ready = binding_loaded;
	request->call.provider = binding;
	session->authenticating = true;
	caller = account_core_begin();
	user_wait(s->served, s->username, &binding->wait);
	account_core_end(caller);
	return 0;
}

/* ---- components ---- */

typedef void fire_component(struct cpl_host *host, struct cpl_ev_component *ev);

static void component_tell(struct cpl_session *s, fire_component *fire)
{
	struct cpl_host *host;
	size_t at = 0;

	while ((host = cpl_host_next(&at))) {
		struct cpl_ev_component ev = {.host = host, .session = s};

		fire(host, &ev);
	}
}

int cpl_session_accept_component(struct cpl_session *s, const struct cpl_stanza *success)
{
	struct session *session = session_of(s);

	if (s->type != CPL_SESSION_COMPONENT_UNAUTHED || !s->conn || s->closing)
		return CPL_E_INVALID;
	s->type = CPL_SESSION_COMPONENT;
	session->order = order_create();
	session_release_admission(session);
	session_set_deadline(session, 0, NULL);
	session_apply_limits(session);
	cpl_log_info("component connected session=%.*s jid=%.*s address=%s", CPL_ARG(s->id), CPL_ARG(s->host), s->conn->address);
	cpl_session_send_nonza(s, success);
	component_tell(s, cpl_fire_component_ready);
	return 0;
}

void session_component_gone(struct session *session)
{
	struct cpl_session *s = &session->pub;

	if (s->type != CPL_SESSION_COMPONENT)
		return;
	cpl_log_info("component gone session=%.*s jid=%.*s", CPL_ARG(s->id), CPL_ARG(s->host));
	component_tell(s, cpl_fire_component_gone);
}
