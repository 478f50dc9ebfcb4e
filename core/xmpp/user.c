/* SPDX-License-Identifier: MIT */
/* Accounts in use: loading, lingering, their sessions. Removal is in user_remove.c. */
#include "core/xmpp/permission.h"
#include "core/xmpp/user.h"

#include "core/base/account.h"
#include "core/hook/slot.h"
#include "core/loop/loop.h"
#include "core/xmpp/session.h"

#include <couplet/blocklist.h>
#include <couplet/event.h>
#include <couplet/service-roster.h>
#include <couplet/store.h>

#include <assert.h>

enum user_state { USER_LOADING, USER_LOADED, USER_UNLOADED };

struct user {
	struct cpl_user pub;
	int64_t disabled_until; /* 0: for good, or not disabled */
	struct user_lingering *lingering; /* NULL: somebody references it */
	struct user_loading *loading; /* NULL before and after */
	struct role_cache role_cache;
	enum user_state state : 8;
	enum cpl_role role : 8; /* as stored */
	bool forgotten; /* another object may have come in its place */
	char text[]; /* pub.jid */
};

/* What is needed only while nobody references an account. */
struct user_lingering {
	struct cpl_list node;
	struct user *user;
	int64_t since;
};

/* What is needed only while an account is loaded. */
struct user_loading {
	struct user *user;
	struct cpl_list waiting; /* struct user_wait */
	struct cpl_store_call row; /* the account's own row */
	struct cpl_store_call role_row;
	int status;       /* why it cannot be loaded */
	unsigned reading; /* of these two, on their way */
	struct cpl_ev_user parts;
};

static struct cpl_map loading; /* bare JID -> struct user */
static struct cpl_list linger = {&linger, &linger};
static size_t linger_count, users;
static struct loop_timer linger_timer;
static bool no_lingering;

static struct user *user_of(struct cpl_user *pub)
{
	return CPL_CONTAINER(pub, struct user, pub);
}

static void user_free(struct user *user)
{
	if (user->pub.refs || user->pub.scope.refs)
		return;
	slot_release_all(&user->pub.slots, CPL_SLOT_OF_USER);
	users--;
	cpl_free(user);
}

static void user_scope_unref(struct cpl_scope *scope)
{
	struct user *user = CPL_CONTAINER(scope, struct user, pub.scope);

	if (user->state == USER_UNLOADED)
		user_free(user);
}

static void user_unload(struct user *user)
{
	struct cpl_ev_user ev = {.user = &user->pub};

	assert(user->pub.session_count == 0 && !user->lingering);
	if (cpl_user_find(user->pub.host, user->pub.username) == &user->pub)
		cpl_map_remove(&user->pub.host->users, user->pub.username);
	/* A handler may take a reference and drop it, or keep it: the object then ends with that one. */
	user->pub.refs++;
	cpl_fire_user_unload(user->pub.host, &ev);
	user->state = USER_UNLOADED;
	cpl_scope_end(&user->pub.scope);
	user->pub.refs--;
	user_free(user);
}

/* The bare JID of a localpart, at most CPL_JID_PART_MAX bytes. */
static struct cpl_jid make_jid(const struct cpl_host *host, struct cpl_str username, char text[CPL_JID_MAX])
{
	struct cpl_jid jid = {text, (uint16_t)username.len, (uint16_t)host->name.len, 0, 0};

	/* UNSAFE: both parts are at most CPL_JID_PART_MAX bytes. */
	memcpy(text, username.ptr, username.len);
	text[username.len] = '@';
	memcpy(text + username.len + 1, host->name.ptr, host->name.len);
	return jid;
}

/* ---- lingering ---- */

static void linger_end(struct user *user)
{
	cpl_list_remove(&user->lingering->node);
	CPL_FREE(user->lingering);
	linger_count--;
}

static void linger_drop(struct user *user)
{
	linger_end(user);
	user_unload(user);
}

static struct user_lingering *linger_first(void)
{
	return CPL_CONTAINER(linger.next, struct user_lingering, node);
}

static void linger_sweep(struct loop_timer *timer)
{
	while (!cpl_list_empty(&linger)) {
		const struct user_lingering *first = linger_first();

		if (cpl_monotonic() - first->since < USER_LINGER_MS) {
			loop_timer_start(timer, first->since + USER_LINGER_MS - cpl_monotonic() + 1, linger_sweep);
			return;
		}
		linger_drop(first->user);
	}
}

static void linger_add(struct user *user)
{
	struct account *before = account_as_core();
	struct user_lingering *lingering = CPL_NEW(struct user_lingering);

	account_back(before);
	lingering->user = user;
	lingering->since = cpl_monotonic();
	user->lingering = lingering;
	cpl_list_append(&linger, &lingering->node);
	linger_count++;
	if (linger_count > USER_LINGERING_MAX)
		linger_drop(linger_first()->user);
	if (!loop_timer_active(&linger_timer))
		loop_timer_start(&linger_timer, USER_LINGER_MS, linger_sweep);
}

void user_drop_lingering(bool for_good)
{
	no_lingering = no_lingering || for_good;
	loop_timer_stop(&linger_timer);
	while (!cpl_list_empty(&linger))
		linger_drop(linger_first()->user);
	/* Others may wait for the same account, and must find that it is being loaded. */
	if (!loading.count)
		cpl_map_finish(&loading);
}

struct cpl_user *cpl_user_ref(struct cpl_user *pub)
{
	struct user *user = user_of(pub);

	pub->refs++;
	if (user->lingering)
		linger_end(user);
	return pub;
}

void cpl_user_unref(struct cpl_user **pub)
{
	struct user *user;

	if (!*pub)
		return;
	user = user_of(*pub);
	*pub = NULL;
	assert(user->pub.refs > 0);
	if (--user->pub.refs)
		return;
	if (user->state == USER_UNLOADED)
		user_free(user);
	else if (user->state == USER_LOADED && (user->pub.removed || user->forgotten || no_lingering))
		user_unload(user);
	else if (user->state == USER_LOADED)
		linger_add(user);
}

int user_forget(struct cpl_host *host, struct cpl_str username, bool force)
{
	struct cpl_user *pub = cpl_user_find(host, username);
	char text[CPL_JID_MAX];
	struct cpl_jid jid = make_jid(host, username, text);
	struct user *user;

	if (!pub && cpl_map_get(&loading, cpl_jid_str(jid)))
		return CPL_E_BUSY;
	cpl_account_close_sessions(jid, NULL, CPL_STREAM_RESET, "The account was changed by an import");
	if (!pub)
		return 0;
	if (pub->session_count && !force)
		return CPL_E_BUSY;
	user = user_of(pub);
	cpl_map_remove(&host->users, username);
	user->forgotten = true;
	if (user->lingering)
		linger_drop(user);
	return 0;
}

size_t user_count(void)
{
	return users;
}

enum cpl_role user_role(const struct cpl_user *pub)
{
	/* UNSAFE: what is remembered is no change of the account. */
	struct user *user = user_of((struct cpl_user *)pub);

	return role_effective(pub->jid, user->role, &user->role_cache);
}

void user_set_role(struct cpl_user *pub, enum cpl_role role)
{
	user_of(pub)->role = role;
}

void user_set_disabled(struct cpl_user *pub, bool disabled, int64_t until)
{
	pub->disabled = disabled;
	user_of(pub)->disabled_until = disabled ? until : 0;
}

/* ---- loading ---- */

static void load_end(struct user *user, int status)
{
	struct user_loading *load = user->loading;
	struct cpl_list *node;
	struct cpl_user *pub = &user->pub;

	cpl_map_remove(&loading, cpl_jid_str(pub->jid));
	user->loading = NULL;
	if (status == 0) {
		struct account *before = account_as_core();

		user->state = USER_LOADED;
		cpl_map_put(&pub->host->users, pub->username, pub);
		account_back(before);
	}
	/* The waiters run before anybody else can send to the account; the reference of the load keeps it meanwhile. */
	while ((node = cpl_list_take(&load->waiting))) {
		struct user_wait *wait = CPL_CONTAINER(node, struct user_wait, node);

		wait->ready(wait, status == 0 ? pub : NULL, status);
	}
	cpl_free(load);
	if (status != 0) {
		user->state = USER_UNLOADED;
		cpl_scope_end(&pub->scope);
	}
	cpl_user_unref(&pub);
}

static void load_parts_done(struct cpl_event *event, enum cpl_flow result)
{
	struct cpl_ev_user *ev = CPL_CONTAINER(event, struct cpl_ev_user, event);
	struct user *user = user_of(ev->user);

	load_end(user, result == CPL_DROP || result == CPL_FAILED ? CPL_E_IO : 0);
}

/* One of the two rows has been read, or could not be; the first reason counts. */
static void load_row_read(struct user_loading *load, int status, const struct cpl_store_call *read)
{
	struct user *user = load->user;

	load->reading--;
	if (status != 0 && load->status == 0) {
		load->status = status;
		if (status != CPL_E_NOT_FOUND && status != CPL_E_CANCELLED)
			cpl_log_error("account cannot be loaded jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(user->pub.jid)),
				      read->error);
	}
	if (load->reading)
		return;
	if (load->status != 0) {
		load_end(user, load->status);
		return;
	}
	load->parts.user = &user->pub;
	cpl_fire_user_load(user->pub.host, &load->parts, load_parts_done);
}

static void load_row_done(struct cpl_call *call)
{
	struct user_loading *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct user_loading, row);

	if (call->status == 0) {
		load->user->pub.created = load->row.rows[0].when;
		user_set_disabled(&load->user->pub, load->row.rows[0].disabled, load->row.rows[0].id);
	}
	load_row_read(load, call->status, &load->row);
}

static void load_role_done(struct cpl_call *call)
{
	struct user_loading *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct user_loading, role_row);

	if (call->status == 0)
		load->user->role = role_of_row(load->role_row.count ? &load->role_row.rows[0] : NULL);
	load_row_read(load, call->status, &load->role_row);
}

static struct user *load_begin(struct cpl_host *host, struct cpl_jid jid)
{
	struct account *before = account_as_core();
	struct cpl_str text = cpl_jid_str(jid);
	struct user *user = cpl_alloc(offsetof(struct user, text) + text.len + 1);
	struct user_loading *load = CPL_NEW(struct user_loading);
	int status;

	users++;
	user->loading = load;
	load->user = user;
	user->pub.host = host;
	user->pub.jid = jid;
	/* UNSAFE: the room for the text is behind the struct. */
	user->pub.jid.text = memcpy(user->text, text.ptr, text.len);
	user->pub.username = cpl_jid_local(user->pub.jid);
	user->pub.refs = 1; /* the load's */
	cpl_list_init(&user->pub.sessions);
	cpl_list_init(&load->waiting);
	cpl_scope_init(&user->pub.scope, user_scope_unref);
	cpl_map_put(&loading, cpl_jid_str(user->pub.jid), user);
	account_back(before);
	status = cpl_account_get(&load->row, &user->pub.scope, user->pub.jid, load_row_done);
	if (status == 0) {
		load->reading = 2;
		status = cpl_store_get(&load->role_row, &user->pub.scope, &role_store, user->pub.jid, CPL_NONE, load_role_done);
		if (status != 0) {
			load->role_row.error = cpl_code_text(status);
			load_row_read(load, status, &load->role_row);
		}
		return user;
	}
	cpl_free(load);
	user->loading = NULL;
	cpl_map_remove(&loading, cpl_jid_str(user->pub.jid));
	user->state = USER_UNLOADED;
	user->pub.refs = 0;
	user_free(user);
	return NULL;
}

void user_wait(struct cpl_host *host, struct cpl_str username, struct user_wait *wait)
{
	struct cpl_user *found = cpl_user_find(host, username);
	char text[CPL_JID_MAX];
	struct cpl_jid jid;
	struct user *user;

	if (found) {
		wait->ready(wait, found, 0);
		return;
	}
	if (username.len == 0 || username.len > CPL_JID_PART_MAX) {
		wait->ready(wait, NULL, CPL_E_NOT_FOUND);
		return;
	}
	jid = make_jid(host, username, text);
	user = cpl_map_get(&loading, cpl_jid_str(jid));
	if (!user)
		user = load_begin(host, jid);
	if (!user)
		wait->ready(wait, NULL, CPL_E_STOPPING);
	else
		cpl_list_append(&user->loading->waiting, &wait->node);
}

struct cpl_user *cpl_user_find(struct cpl_host *host, struct cpl_str username)
{
	struct cpl_user *pub = cpl_map_get(&host->users, username);

	if (pub && pub->disabled && user_of(pub)->disabled_until && user_of(pub)->disabled_until <= cpl_now())
		user_set_disabled(pub, false, 0);
	return pub;
}

/* The public call: a wait of its own block, so that cancelling the call leaves the wait to run out. */
struct user_call {
	struct user_wait wait;
	struct cpl_user_call *request; /* NULL once cancelled */
};

static void call_ready(struct user_wait *wait, struct cpl_user *user, int status)
{
	struct user_call *pending = CPL_CONTAINER(wait, struct user_call, wait);

	if (pending->request) {
		pending->request->call.provider = NULL;
		if (user)
			pending->request->user = cpl_user_ref(user);
		cpl_call_complete(&pending->request->call, status);
	}
	cpl_free(pending);
}

static void call_cancel(struct cpl_call *call)
{
	struct user_call *pending = call->provider;
	struct cpl_user_call *request = CPL_CONTAINER(call, struct cpl_user_call, call);

	if (pending)
		pending->request = NULL;
	call->provider = NULL;
	cpl_user_unref(&request->user);
}

int cpl_user_load(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call))
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));
	struct user_call *pending;
	struct cpl_module *caller;
	int status;

	if (!host || host->component || account.local_len == 0)
		return CPL_E_NOT_FOUND;
	request->user = NULL;
	status = cpl_call_begin(&request->call, scope, done, call_cancel);
	if (status != 0)
		return status;
	pending = CPL_NEW(struct user_call);
	pending->request = request;
	pending->wait.ready = call_ready;
	request->call.provider = pending;
	caller = account_core_begin();
	user_wait(host, cpl_jid_local(account), &pending->wait);
	account_core_end(caller);
	return 0;
}

/* ---- sessions ---- */

/* Available before merely connected, then by priority; among equals the older first. */
static bool sorts_before(const struct cpl_session *a, const struct cpl_session *b)
{
	if ((a->presence != NULL) != (b->presence != NULL))
		return a->presence != NULL;
	return a->priority > b->priority;
}

void user_sort_session(struct cpl_session *session)
{
	struct cpl_user *user = session->user;
	struct cpl_list *at;

	cpl_list_remove(&session->in_user);
	for (at = user->sessions.next; at != &user->sessions; at = at->next)
		if (sorts_before(session, CPL_CONTAINER(at, struct cpl_session, in_user)))
			break;
	cpl_list_insert_before(at, &session->in_user);
}

void user_add_session(struct cpl_user *user, struct cpl_session *session)
{
	struct account *before = account_as_core();

	session->user = cpl_user_ref(user);
	session->roster = user->roster;
	user->session_count++;
	user_sort_session(session);
	cpl_map_put(&user->host->sessions, session->full_jid, session);
	account_back(before);
}

void user_remove_session(struct cpl_session *session)
{
	struct cpl_user *user = session->user;

	cpl_list_remove(&session->in_user);
	user->session_count--;
	if (cpl_map_get(&user->host->sessions, session->full_jid) == session)
		cpl_map_remove(&user->host->sessions, session->full_jid);
	session->roster = NULL;
	session->user = NULL;
	cpl_user_unref(&user);
}

struct cpl_session *cpl_user_session(const struct cpl_user *user, const struct cpl_session *after)
{
	struct cpl_list *node = after ? after->in_user.next : user->sessions.next;

	return !node || node == &user->sessions ? NULL : CPL_CONTAINER(node, struct cpl_session, in_user);
}

void cpl_user_set_roster(struct cpl_user *user, struct cpl_roster *roster)
{
	user->roster = roster;
	CPL_SESSIONS(session, user)
	{
		session->roster = roster;
	}
}

struct cpl_session *cpl_session_find(struct cpl_jid full)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(full));

	return host && full.resource_len ? cpl_map_get(&host->sessions, cpl_jid_str(full)) : NULL;
}

unsigned cpl_user_best(const struct cpl_user *user, struct cpl_session **first)
{
	unsigned count = 0;

	*first = NULL;
	CPL_SESSIONS(s, user)
	{
		if (!s->presence || s->priority < 0 || (*first && s->priority < (*first)->priority))
			break; /* available ones come first, those of a higher priority before others */
		if (!cpl_session_can_receive(s))
			continue;
		if (!*first)
			*first = s;
		count++;
	}
	return count;
}

void cpl_user_set_blocklist(struct cpl_user *user, const struct cpl_blocklist *list)
{
	user->blocklist = list;
}

void cpl_user_close_sessions(struct cpl_user *user, const struct cpl_session *but, enum cpl_stream_error condition, const char *text)
{
	CPL_SESSIONS(session, user)
	{
		if (session != but)
			cpl_session_close(session, condition, text);
	}
}

void cpl_account_close_sessions(struct cpl_jid account, const struct cpl_session *but, enum cpl_stream_error condition, const char *text)
{
	struct cpl_session *session, *next;

	for (session = cpl_session_next(NULL); session; session = next) {
		next = cpl_session_next(session);
		if (session != but && (session->type == CPL_SESSION_C2S || session->type == CPL_SESSION_C2S_UNBOUND) &&
		    cpl_jid_equal_bare(session->jid, account))
			cpl_session_close(session, condition, text);
	}
}
