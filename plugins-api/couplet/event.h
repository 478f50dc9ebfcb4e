/* SPDX-License-Identifier: MIT */
/*
 * Events: typed handlers in packed tables.
 *
 * A module lists its handlers in its descriptor: CPL_ON(pre_message, on_pre_message, POLICY, 0). A handler of the wrong type does not compile.
 * Order is the stage, then the number, then the module's name; events of teardown (session_unbound, session_destroyed, user_unload, host_stopping) run in reverse.
 * The flow belongs to the event:
 *   NOTIFY   all handlers run.
 *   FILTER   the first answer that is not CPL_NEXT stops. CPL_HANDLED: it is taken care of, an answer included. CPL_DROP: it goes no further; the core
 *            answers an IQ request with service-unavailable.
 *   ASK      the first CPL_YES or CPL_NO is the answer.
 *   COLLECT  all run, each adds.
 *
 * Suspension. A FILTER handler of an event marked SUSPEND that has to learn something first calls cpl_suspend() and returns CPL_SUSPENDED;
 * when it knows, cpl_resume() with its answer continues the event at the next handler of the table that is current then. Each suspension ends exactly
 * once: by cpl_resume(), by the option suspend_timeout or by the unload of the module; the last two end it as CPL_FAILED:
 * a stanza is answered with internal-server-error, a login with temporary-auth-failure, an account's load fails.
 */
#ifndef COUPLET_EVENT_H
#define COUPLET_EVENT_H

#include <couplet/conn.h>
#include <couplet/stanza.h>

struct cpl_host;
struct cpl_module;
struct cpl_session;
struct cpl_user;

enum cpl_flow { CPL_NEXT, CPL_HANDLED, CPL_DROP, CPL_SUSPENDED, CPL_FAILED /* only as a result given to `done`: a suspension was lost */ };
enum cpl_answer { CPL_NO_OPINION, CPL_YES, CPL_NO };
enum cpl_stage { CPL_STAGE_VALIDATE, CPL_STAGE_POLICY, CPL_STAGE_REWRITE, CPL_STAGE_FEATURE, CPL_STAGE_DELIVER, CPL_STAGE_OBSERVE };

struct cpl_suspension;

/*
 * The head of every payload whose event may suspend. Such a payload must stay in memory until `done` has been called: stanza events keep it in the
 * stanza's arena. Zero-initialise; the dispatcher fills it in.
 */
struct cpl_event {
	struct cpl_host *host;
	void (*done)(struct cpl_event *event, enum cpl_flow result);
	struct cpl_suspension *suspension; /* while suspended */
	uint16_t id;
	uint8_t stage; /* where to go on: behind this (stage, number, module name) */
	uint8_t depth;
	int16_t number;
	const char *module;
	struct cpl_stanza *stanza; /* referenced while suspended; may be NULL */
	struct cpl_module *starter; /* whose code `done` is; NULL: the core's */
};

/* Which kind of address a stanza's `to` is, seen from the host that handles it. */
enum cpl_target {
	CPL_TARGET_FULL, /* localpart@domainpart/resourcepart */
	CPL_TARGET_BARE, /* an account other than the sender's own */
	CPL_TARGET_HOST, /* the domainpart (with or without a resourcepart) */
	CPL_TARGET_SELF, /* the sender's own account: no `to`, or its own bare JID */
};

/* ---- payloads: made by the core, may grow at the end ---- */

struct cpl_ev_session {
	struct cpl_session *session;
};
struct cpl_ev_features {
	struct cpl_session *session;
	struct cpl_stanza *features; /* add children to features->root */
};
struct cpl_ev_authenticate {
	struct cpl_event event;
	struct cpl_session *session;
	struct cpl_str username; /* prepared */
	const char *mechanism;
	/* With CPL_DROP: the SASL failure condition, by default "not-authorized". */
	const char *condition;
	const char *text;
};
struct cpl_ev_bind {
	struct cpl_event event;
	struct cpl_session *session;
	struct cpl_user *user;
	struct cpl_str resource; /* prepared; may be changed */
	/* With CPL_DROP: the stanza error, by default CPL_NOT_ALLOWED. */
	enum cpl_condition condition;
	const char *text;
};
struct cpl_ev_out {
	struct cpl_session *session;
	const struct cpl_stanza *stanza;
	struct cpl_buf *suffix; /* ready XML that this recipient gets in addition; append */
};
struct cpl_ev_stanza {
	struct cpl_event event;
	struct cpl_stanza *stanza;
	struct cpl_session *session;   /* the session it came from, a client's or a component's (then session->user is NULL), or NULL */
	struct cpl_host *host;         /* on which the event runs */
	enum cpl_target target;
	struct cpl_user *user;         /* pre_*: the sender's account; else the account of `to`, NULL when there is no such account (HOST, a component's host) */
	struct cpl_session *recipient; /* FULL: the connected resource of exactly that address, or NULL */
};
struct cpl_ev_user {
	struct cpl_event event;
	struct cpl_user *user;
};
/* Who wants an account. Append-only. */
enum cpl_account_origin {
	CPL_ORIGIN_ADMIN,      /* an administrator, by a command */
	CPL_ORIGIN_REGISTERED, /* a stranger, in-band (XEP-0077) */
	CPL_ORIGIN_INVITED,    /* somebody with an invitation (XEP-0445) */
	CPL_ORIGIN_IMPORT,     /* it comes from elsewhere, with many others; account_creating is not fired */
};
struct cpl_ev_account {
	struct cpl_host *host;
	struct cpl_jid jid;
	enum { CPL_ACCOUNT_PASSWORD, CPL_ACCOUNT_STATE, CPL_ACCOUNT_ROLE, CPL_ACCOUNT_OTHER } what; /* account_changed */
	enum cpl_account_origin origin; /* account_created */
};
struct cpl_batch;
struct cpl_ev_creating {
	struct cpl_event event;
	struct cpl_jid jid; /* bare, prepared */
	enum cpl_account_origin origin;
	bool forced;              /* an administrator wants it whatever speaks against it: nobody may refuse */
	struct cpl_batch *batch;  /* rows to be written in the commit that makes the account, which stands in it already: <couplet/store.h> */
	/* With CPL_DROP: the condition that a client is answered, by default CPL_NOT_ALLOWED, and the reason for a person (cpl_fail()). */
	enum cpl_condition condition;
	struct cpl_error error;
};
struct cpl_ev_host {
	struct cpl_host *host;
};
struct cpl_ev_disco {
	struct cpl_host *host;
	struct cpl_user *user; /* the account asked, or NULL for the host */
	struct cpl_jid from;
	struct cpl_str node;   /* CPL_NONE: none */
	struct cpl_stanza *answer;
	struct cpl_element *query; /* of the answer; add children */
	bool found;            /* set true by the handler that knows a node that is asked for */
};
struct cpl_roster_item;
struct cpl_ev_roster {
	struct cpl_user *user;
	struct cpl_jid contact;
	/* Texts and groups are not set; `request` is only good for NULL or not. */
	const struct cpl_roster_item *before;
	const struct cpl_roster_item *after;
	bool forced; /* by no subscription stanza (roster add, a shared group): whom presence is new or lost to has to be told */
};
/* An account has blocked or unblocked an address. */
struct cpl_ev_block {
	struct cpl_user *user;
	struct cpl_jid jid;
	bool blocked;
};
/*
 * Gives the account a contact that is not stored: with subscription both, the item's name where the account has no other, and its groups before those of the account; nothing
 * else of the item counts. `item` NULL takes it back, and what the account has stored of the contact itself is seen again. In effect at once, with a push and roster_changed
 * (forced) where something has changed. Whoever fires it does so whenever an account is loaded, too (user_load, stage OBSERVE, number 1001 or above).
 */
struct cpl_ev_share {
	struct cpl_user *user;
	struct cpl_jid contact; /* bare */
	const struct cpl_roster_item *item;
};
struct cpl_ev_see {
	struct cpl_user *user;
	struct cpl_jid from;
};
/* A message that the account sends or receives. */
struct cpl_ev_archive {
	struct cpl_user *user;
	const struct cpl_stanza *stanza;
	struct cpl_jid with; /* whom it goes to or comes from */
	bool sent;           /* by the account; false: received, also by its sender */
};
struct cpl_ev_component {
	struct cpl_host *host;       /* on which the event runs */
	struct cpl_session *session; /* session->served is the component's own host */
};

/* What a connection may use is about to be set: handlers may change it. */
struct cpl_ev_limits {
	struct cpl_session *session;
	struct cpl_conn_limits *limits;
};
/* An attempt to log in, by whatever mechanism. */
struct cpl_ev_attempt {
	struct cpl_session *session;
	struct cpl_jid account; /* bare, prepared; there may be no such account */
	const char *mechanism;
	const char *condition;  /* authentication_result: of the SASL failure; NULL: it has succeeded */
	const char *text;       /* authentication_attempt: with NO, what is said with temporary-auth-failure; may be NULL */
};
/* See cpl_account_info_text() of <couplet/account.h>. */
struct cpl_ev_account_info {
	struct cpl_event event;
	struct cpl_user *user;
	struct cpl_arena *arena; /* of what is gathered */
	void *impl;              /* the core's: the fields so far */
};

/* ---- ids and types, made from events.def ---- */

#define CPL_EVENT(name, payload, flow, suspend, since, sentence) CPL_EVENT_##name,
enum cpl_event_id {
#include <couplet/events.def>
	CPL_EVENT_COUNT
};
#undef CPL_EVENT

#define CPL_RETURN_NOTIFY void
#define CPL_RETURN_COLLECT void
#define CPL_RETURN_FILTER enum cpl_flow
#define CPL_RETURN_ASK enum cpl_answer

#define CPL_EVENT(name, payload, flow, suspend, since, sentence)                                                                 \
	typedef CPL_RETURN_##flow cpl_on_##name(struct cpl_module *self, struct cpl_ev_##payload *ev);
#include <couplet/events.def>
#undef CPL_EVENT

union cpl_handler {
#define CPL_EVENT(name, payload, flow, suspend, since, sentence) cpl_on_##name *name;
#include <couplet/events.def>
#undef CPL_EVENT
	void (*any)(void);
};

/* A row of a descriptor's `events`. */
struct cpl_event_row {
	uint16_t event;
	uint8_t stage;
	int16_t number;
	union cpl_handler handler;
};
#define CPL_ON(name, function, order, order_number)                                                                              \
	{                                                                                                                        \
		CPL_EVENT_##name, CPL_STAGE_##order, order_number, {.name = function}                                            \
	}
#define CPL_ON_END                                                                                                               \
	{                                                                                                                        \
		CPL_EVENT_COUNT, 0, 0, { .any = NULL }                                                                           \
	}

/* ---- suspending ---- */

#pragma GCC visibility push(default)

/* Takes the event's continuation. The module keeps the result until it calls cpl_resume(); its unload or the time-out may take the event away before. */
struct cpl_suspension *cpl_suspend(struct cpl_event *event);
/* True while the event still waits (not timed out). */
bool cpl_suspension_alive(const struct cpl_suspension *suspension);
/* Ends the suspension and nulls the pointer: CPL_NEXT continues behind the suspending handler, HANDLED and DROP end the event, in a
 * later turn of the loop. From a callback, never inside the handler. Called exactly once for each cpl_suspend(), also when the event is not alive any more. */
void cpl_resume(struct cpl_suspension **suspension, enum cpl_flow flow);

#pragma GCC visibility pop

/* ---- firing: cpl_fire_NAME(host, payload), or for events that may suspend cpl_fire_NAME(host, payload, done) ---- */

#pragma GCC visibility push(default)

/*
 * What the inlines below end in. `payload` is the struct of that event. They run the handlers of the host's table (host NULL: of all modules) and return the answer of the
 * one that stopped: CPL_NEXT, CPL_NO_OPINION when none did. Events nested too deep (32) are dropped: CPL_DROP, CPL_NO_OPINION.
 */
enum cpl_flow cpl_event_filter(struct cpl_host *host, uint16_t id, void *payload);
enum cpl_answer cpl_event_ask(struct cpl_host *host, uint16_t id, void *payload);
void cpl_event_notify(struct cpl_host *host, uint16_t id, void *payload);
/* Runs the handlers; `done` gets the result, at once (inside the call) when nobody suspended. */
void cpl_event_start(struct cpl_host *host, uint16_t id, struct cpl_event *event, void (*done)(struct cpl_event *event, enum cpl_flow result));
/* True when somebody handles the event on this host: to spare the making of a payload. */
bool cpl_event_wanted(struct cpl_host *host, uint16_t id);

#pragma GCC visibility pop

#define CPL_FIRE_NOTIFY_PLAIN(name, payload)                                                                                     \
	static inline void cpl_fire_##name(struct cpl_host *host, struct cpl_ev_##payload *ev)                                   \
	{                                                                                                                        \
		cpl_event_notify(host, CPL_EVENT_##name, ev);                                                                    \
	}
#define CPL_FIRE_COLLECT_PLAIN(name, payload) CPL_FIRE_NOTIFY_PLAIN(name, payload)
#define CPL_FIRE_FILTER_PLAIN(name, payload)                                                                                     \
	static inline enum cpl_flow cpl_fire_##name(struct cpl_host *host, struct cpl_ev_##payload *ev)                          \
	{                                                                                                                        \
		return cpl_event_filter(host, CPL_EVENT_##name, ev);                                                             \
	}
#define CPL_FIRE_ASK_PLAIN(name, payload)                                                                                        \
	static inline enum cpl_answer cpl_fire_##name(struct cpl_host *host, struct cpl_ev_##payload *ev)                        \
	{                                                                                                                        \
		return cpl_event_ask(host, CPL_EVENT_##name, ev);                                                                \
	}
#define CPL_FIRE_FILTER_SUSPEND(name, payload)                                                                                   \
	static inline void cpl_fire_##name(struct cpl_host *host, struct cpl_ev_##payload *ev,                                   \
					   void (*done)(struct cpl_event *event, enum cpl_flow result))                          \
	{                                                                                                                        \
		cpl_event_start(host, CPL_EVENT_##name, &ev->event, done);                                                       \
	}
#define CPL_EVENT(name, payload, flow, suspend, since, sentence) CPL_FIRE_##flow##_##suspend(name, payload)
#include <couplet/events.def>
#undef CPL_EVENT

#endif
