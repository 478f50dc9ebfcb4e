/* SPDX-License-Identifier: MIT */
/*
 * Sessions, accounts (users) and hosts. The structs are the contract with modules: they read the fields and change them only through functions.
 * Session thread only.
 */
#ifndef COUPLET_SESSION_H
#define COUPLET_SESSION_H

#include <couplet/call.h>
#include <couplet/conn.h>
#include <couplet/map.h>
#include <couplet/stanza.h>

#pragma GCC visibility push(default)

struct cpl_roster; /* <couplet/service-roster.h> */
struct cpl_blocklist; /* <couplet/blocklist.h> */

enum cpl_session_type {
	CPL_SESSION_C2S_UNAUTHED,
	CPL_SESSION_C2S_UNBOUND,
	CPL_SESSION_C2S,
	CPL_SESSION_S2SIN_UNAUTHED,
	CPL_SESSION_S2SIN,
	CPL_SESSION_S2SOUT_UNAUTHED,
	CPL_SESSION_S2SOUT,
	CPL_SESSION_COMPONENT_UNAUTHED,
	CPL_SESSION_COMPONENT,
	CPL_SESSION_DESTROYED,
};
/* For masks of types. */
#define CPL_IN(type) (1u << CPL_SESSION_##type)
/* "c2s_unbound" ... */
const char *cpl_session_type_name(enum cpl_session_type type);

/* Per-object data of modules; see CPL_SLOT in <couplet/module.h>. */
struct cpl_slots {
	void **items;
	uint32_t count;
};

/* A domain that is served. */
struct cpl_host {
	struct cpl_str name; /* domainpart, prepared */
	struct cpl_jid jid;
	struct cpl_map users;    /* loaded accounts by localpart */
	struct cpl_map sessions; /* connected resources by full JID */
	struct cpl_scope scope;
	struct cpl_slots slots;
	bool stopping;
	struct dispatch *dispatch; /* the core's: what its modules have registered, swapped whole */
	void *impl;                /* the core's part */
	bool component;            /* served by one module (component:): no accounts, no clients; every address is that module's */
	int64_t quota;             /* the most bytes that the rows of an account may have; 0: any number */
};
/* NULL when not served. */
struct cpl_host *cpl_host_find(struct cpl_str domain);
/* All of them: *at = 0 at first, NULL at the end. */
struct cpl_host *cpl_host_next(size_t *at);
/* Sets the quota of accounts that have none of their own; see cpl_batch_account_quota(). */
void cpl_host_set_quota(struct cpl_host *host, int64_t bytes);
/* True when a certificate is loaded for the host, so that TLS can be offered. */
bool cpl_host_has_certificate(const struct cpl_host *host);

/* An account that is in use: one object while a session, a call or a suspended event needs it. */
struct cpl_user {
	struct cpl_host *host;
	struct cpl_jid jid;         /* bare */
	struct cpl_str username;    /* localpart */
	struct cpl_list sessions;   /* connected resources (struct cpl_session.in_user), highest priority first among the available ones */
	uint32_t session_count;
	uint32_t available_count;
	struct cpl_roster *roster;  /* set by the module that provides the roster service; NULL when there is none */
	int64_t created;            /* ms, 0 unknown */
	bool disabled;
	bool removed;               /* the account is gone; late events see it */
	struct cpl_scope scope;
	struct cpl_slots slots;
	unsigned refs;
	void *impl;
	const struct cpl_blocklist *blocklist; /* set by the module that blocks addresses; NULL when none is blocked */
};

struct cpl_session {
	/* Fields of the contract (core/README.md has the table of transitions). */
	struct cpl_conn *conn;        /* NULL once the connection has ended (or while it hibernates) */
	bool notopen;                 /* true until the peer's stream header has been received */
	enum cpl_session_type type;
	struct cpl_str username;      /* localpart; not there before authentication */
	struct cpl_str host;          /* domainpart; not there before the stream header */
	struct cpl_str resource;      /* resourcepart; not there before binding */
	struct cpl_str full_jid;      /* the three as one string */
	int8_t priority;              /* of the presence; 0 before it */
	struct cpl_stanza *presence;  /* the last undirected presence with no type, compacted; NULL at first and after unavailable */
	bool interested;              /* asked for the roster: receives roster pushes */
	struct cpl_roster *roster;    /* the account's; loaded when the resource is bound */

	/* The same as typed objects. */
	struct cpl_jid jid;           /* host, then bare, then full JID, as it becomes known */
	struct cpl_host *served;      /* NULL before the stream header */
	struct cpl_user *user;        /* NULL before the resource is bound */
	struct cpl_list in_user;
	struct cpl_str id;            /* stream id; also the session's name in logs */
	struct cpl_str lang;          /* the stream's xml:lang */
	const char *mechanism;        /* SASL mechanism that succeeded; lives as long as the process */
	bool secure;                  /* TLS, or a transport that counts as secure */
	bool closing;                 /* our </stream:stream> or the end is under way: nothing more is sent */
	int64_t created_at;
	int64_t presence_at;          /* when `presence` was set */
	int64_t active_at;            /* last stanza from the peer */
	uint64_t stanzas_in, stanzas_out;
	uint32_t handled;             /* stanzas that are done, in order; wraps (XEP-0198) */
	struct cpl_list in_flight;    /* stanzas received and not yet done */
	struct cpl_scope scope;
	struct cpl_slots slots;
	unsigned refs;
	void *impl;
};

/* Predicates (design terms). */
static inline bool cpl_session_is_connected(const struct cpl_session *s)
{
	return s->full_jid.ptr != NULL;
}
static inline bool cpl_session_is_available(const struct cpl_session *s)
{
	return s->presence != NULL;
}
static inline bool cpl_session_is_interested(const struct cpl_session *s)
{
	return s->interested;
}
/* Connected, and not on its way out: what is sent to it may arrive. One that cannot receive is, for delivery, a resource that has gone. */
static inline bool cpl_session_can_receive(const struct cpl_session *s)
{
	return s->full_jid.ptr != NULL && !s->closing;
}

#define CPL_SESSIONS(session, user)                                                                                              \
	for (struct cpl_session *session = cpl_user_session(user, NULL), *session##_next =                                       \
		     session ? cpl_user_session(user, session) : NULL;                                                           \
	     session; session = session##_next, session##_next = session ? cpl_user_session(user, session) : NULL)
/* First session of an account (after NULL) or the next one; NULL at the end. */
struct cpl_session *cpl_user_session(const struct cpl_user *user, const struct cpl_session *after);

/* Straight to one session: session_out, then the writer. `stanza` is borrowed. A session that cannot take it any more ignores it. */
void cpl_session_send(struct cpl_session *s, const struct cpl_stanza *stanza);
/* The same with other addresses and ready XML in addition, as cpl_stanza_write_to(). */
void cpl_session_send_to(struct cpl_session *s, const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to, struct cpl_str suffix);
/* Sends a stream element that is not a stanza (features, SASL ...), past session_out. */
void cpl_session_send_nonza(struct cpl_session *s, const struct cpl_stanza *nonza);
/* Closes with </stream:stream>, or with a stream error; text may be NULL. The session ends by itself afterwards. Idempotent. */
void cpl_session_close(struct cpl_session *s, enum cpl_stream_error condition, const char *text);
struct cpl_session *cpl_session_ref(struct cpl_session *s);
void cpl_session_unref(struct cpl_session **s);

/* Sets the bounds of a session's connection anew (event session_limits), and lets go what is held back for its rate. NULL: of all sessions. */
void cpl_session_refresh_limits(struct cpl_session *s);

/* ---- negotiation ---- */

/* TLS follows: sends `proceed` (a nonza), drops what is buffered, starts the handshake, and expects a new stream header. */
void cpl_session_start_tls(struct cpl_session *s, const struct cpl_stanza *proceed);
/*
 * Sets the identity, once: fires pre_authenticate, then on success sets username and session_authenticated, sends `success` (a nonza) and expects a new
 * stream header. done: status 0, or CPL_E_DENIED with *condition of the SASL failure (static) to be sent by the caller.
 */
struct cpl_authenticate {
	struct cpl_call call;
	const char *condition;
	const char *text;
};
int cpl_session_authenticate(struct cpl_authenticate *request, struct cpl_session *s, struct cpl_str username, const char *mechanism,
			     const struct cpl_stanza *success, void (*done)(struct cpl_call *call));
/*
 * Binds a resource: prepares it (empty: a random one), loads the account, asks pre_bind, meets a conflict as `policy` says, fires session_bound. done: status 0
 * and s->full_jid set, or a code with the stanza error to answer in *condition.
 */
enum cpl_conflict { CPL_CONFLICT_REPLACE, CPL_CONFLICT_REFUSE, CPL_CONFLICT_RENAME };
struct cpl_bind {
	struct cpl_call call;
	enum cpl_condition condition;
	const char *text;
};
int cpl_session_bind(struct cpl_bind *request, struct cpl_session *s, struct cpl_str resource, enum cpl_conflict policy,
		     void (*done)(struct cpl_call *call));
/* Sets (or with NULL ends) the session's undirected presence; compacts a copy, keeps the order of the account's sessions, fires session_available, session_presence or session_unavailable. */
void cpl_session_set_presence(struct cpl_session *s, const struct cpl_stanza *presence, int8_t priority);
void cpl_session_set_interested(struct cpl_session *s);
/*
 * What an external component has to prove (XEP-0114) is proven: sends `success` (a nonza), makes the session, which is component_unauthed, a component of its host, and
 * fires component_ready. From now on it may speak for every address of the host's domain. CPL_E_INVALID for any other session, or one that ends.
 */
int cpl_session_accept_component(struct cpl_session *s, const struct cpl_stanza *success);
/* Channel binding data of the session's connection; 0 when there is none. out NULL: not 0 when there is one, which costs nothing; the data cost a hash or a key derivation. */
size_t cpl_session_binding(struct cpl_session *s, enum cpl_binding kind, unsigned char *out);

/* ---- accounts ---- */

/* The loaded account, or NULL when it is not in memory; no reference. */
struct cpl_user *cpl_user_find(struct cpl_host *host, struct cpl_str username);
/* All sessions of the server, whatever their type and state, in no order: NULL, or the one behind `after`; NULL at the end. None may be made or destroyed in between. */
struct cpl_session *cpl_session_next(const struct cpl_session *after);
/* The connected resource with exactly this full JID, or NULL. */
struct cpl_session *cpl_session_find(struct cpl_jid full);
/* Sessions that can receive and share the highest priority of 0 or more: how many, and the first; the others follow in cpl_user_session(), with those that cannot receive among them. */
unsigned cpl_user_best(const struct cpl_user *user, struct cpl_session **first);

struct cpl_user_call {
	struct cpl_call call;
	struct cpl_user *user; /* result, with a reference for the caller (cpl_user_unref) when status is 0 */
	struct cpl_list waiting; /* the core's */
};
/* Loads an account or joins a load under way. Status CPL_E_NOT_FOUND: no such account. */
int cpl_user_load(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call));
struct cpl_user *cpl_user_ref(struct cpl_user *user);
void cpl_user_unref(struct cpl_user **user);
/* Removes an account: closes its sessions, fires account_removing, deletes it and all its data in one commit, fires account_removed. */
int cpl_user_remove(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call));
/*
 * The same at the wish of one of its sessions, which is left open so that it can be answered: the callback answers and closes it with not-authorized, when the removal has been
 * committed; it becomes unavailable before. If the call is cancelled, the session is closed like the others.
 */
int cpl_user_remove_by(struct cpl_user_call *request, struct cpl_scope *scope, struct cpl_session *session, void (*done)(struct cpl_call *call));
/*
 * Calls each() for every account of the host that had a connected resource at the start and still has one when its turn comes, so many a turn of the loop that a long list holds
 * up nobody; then done(), with CPL_E_CANCELLED when the host has gone meanwhile. Zero-initialise the request but for what follows it in the caller's struct. `count`: how many it has been so far.
 */
struct cpl_online_call {
	struct cpl_call call;
	uint64_t count;
	void *impl[4];
};
int cpl_online_each(struct cpl_online_call *request, struct cpl_scope *scope, struct cpl_host *host,
		    void (*each)(struct cpl_online_call *request, struct cpl_user *user), void (*done)(struct cpl_call *call));
/* Closes the bound sessions of an account but one (which may be NULL). */
void cpl_user_close_sessions(struct cpl_user *user, const struct cpl_session *but, enum cpl_stream_error condition, const char *text);
/* The same for all sessions that have proven to be the account's, bound or not yet: after a change of its credentials or state. It need not be in memory. */
void cpl_account_close_sessions(struct cpl_jid account, const struct cpl_session *but, enum cpl_stream_error condition, const char *text);

/* ---- routing ---- */

/*
 * Made by the server or a module: runs the events of the target's host (or route_remote). Takes over one reference and nulls the pointer; NULL inside is
 * accepted, so cpl_send(&error) works with cpl_stanza_error()'s NULL. `from` must be set.
 */
void cpl_send(struct cpl_stanza **stanza);
/* cpl_send(cpl_stanza_error(...)): answers an error, or nothing where nothing may be answered. */
void cpl_bounce(const struct cpl_stanza *stanza, enum cpl_condition condition, const char *text);
/* From a peer, `session`: as if it had just been read from it. Takes over one reference. */
void cpl_route(struct cpl_session *session, struct cpl_stanza **stanza);

/* An IQ request of ours: sends it with an id of the core's, calls back with the answer (CPL_OK: result, CPL_E_REFUSED: error, both in `answer`) or CPL_E_TIMEOUT. */
struct cpl_iq_call {
	struct cpl_call call;
	struct cpl_stanza *answer; /* valid until the callback returns; NULL without an answer */
	struct cpl_str id;
	struct cpl_jid peer;
	void *impl[4];
};
int cpl_iq_send(struct cpl_iq_call *request, struct cpl_scope *scope, struct cpl_stanza **iq, int64_t timeout_ms,
		void (*done)(struct cpl_call *call));

#pragma GCC visibility pop

#endif
