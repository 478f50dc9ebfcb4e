/* SPDX-License-Identifier: MIT */
/*
 * A SASL exchange on a session (RFC 6120 section 6): what was offered, where the exchange stands, and its
 * handlers. One struct exchange hangs on each session that is not authenticated; it goes with success. While
 * something is looked up the stream is suspended, so that no second element can come in between.
 */
#ifndef MODULES_AUTH_EXCHANGE_H
#define MODULES_AUTH_EXCHANGE_H

#include "modules/auth/auth.h"

enum exchange_step {
	EXCHANGE_NONE,	/* nothing under way */
	EXCHANGE_FIRST, /* the client's first message is due */
	EXCHANGE_FINAL, /* SCRAM: its final message is due */
};

/* What a SCRAM exchange keeps between the messages. Heap; holds secrets. */
struct scram_exchange {
	enum scram_hash hash;
	int binding; /* enum cpl_binding, or -1 */
	bool known;  /* the account exists and has keys for this hash; else `keys` are a decoy's */
	struct scram_keys keys;
	struct cpl_buf gs2_header;
	struct cpl_buf nonce; /* the client's and ours */
	struct cpl_buf
		auth_message; /* as far as it is known: both first messages, each with the comma behind it */
};

struct exchange {
	unsigned offered;  /* mask of enum mechanism: on this stream, in its last features */
	unsigned bindings; /* mask of enum cpl_binding: told in the same features */
	int64_t failures;  /* on this connection */
	bool attempted;    /* authentication_attempt was fired, and authentication_result is due */
	int64_t max_tries;
	enum exchange_step step;
	enum mechanism mechanism;
	struct cpl_jid account;	      /* own copy; not set before the first message */
	struct scram_exchange *scram; /* NULL until there is one */
};

/* NULL when the session has none (any more). */
struct exchange *exchange_find(struct cpl_session *s);
/* Forgets the exchange under way, not what was offered nor the failures. */
void exchange_reset(struct exchange *exchange);
/* The account has been named: NULL, or the text for why nothing of it is tried now (temporary-auth-failure). */
const char *exchange_attempt(struct cpl_session *s, struct exchange *exchange);
/* Ends the exchange with <failure/>; the condition is one of RFC 6120 6.5. After the last try it closes the
 * stream (6.4.5). text may be NULL. Returns CPL_HANDLED. */
enum cpl_flow exchange_fail(struct cpl_session *s, struct exchange *exchange, const char *condition,
			    const char *text);
/* Sends a challenge with this data. */
void exchange_challenge(struct cpl_session *s, struct cpl_str data);

/* The client's message of a mechanism, decoded. Wipes nothing of it. */
enum cpl_flow scram_take(struct cpl_module *self, struct cpl_ev_nonza *ev, struct exchange *exchange,
			 struct cpl_str message);
enum cpl_flow plain_take(struct cpl_module *self, struct cpl_ev_nonza *ev, struct exchange *exchange,
			 struct cpl_str message);
/* True when the row that was just read of the account's credentials has the keys of the exchange. */
bool scram_is_current(const struct exchange *exchange, const struct cpl_store_call *store);

/*
 * The account that a message names, into exchange->account: its prepared localpart at the session's host.
 * NULL, or the condition of the failure: not-authorized for a name that no account can have, invalid-authzid
 * for an authorization identity other than the account's bare JID (RFC 6120 6.3.8).
 */
const char *exchange_name(struct cpl_session *s, struct exchange *exchange, struct cpl_str username,
			  struct cpl_str authzid, struct cpl_arena *arena);

/*
 * A step that has to wait: it suspends the event and keeps the session. Made by the handler before it starts
 * what it waits for, finished exactly once: by exchange_wait_drop() when the start failed, else by
 * exchange_wait_end() in the callback.
 */
struct exchange_wait {
	struct cpl_store_call store;
	struct cpl_account_call account;
	struct cpl_call call;
	struct cpl_authenticate request;
	struct cpl_suspension *suspension;
	struct cpl_session *session;
	struct cpl_buf
		success; /* data for <success/>; while SCRAM looks up: the attribute h for the challenge */
	const char *mechanism;
	unsigned outstanding; /* calls that were made together and have not come back */
	int status;	      /* and what was wrong with one that has */
	const char *fault;    /* after the proof: the condition with which it fails all the same */
	char *text;	      /* and words for it */
};
struct exchange_wait *exchange_wait_create(struct cpl_session *s);
/* For the handler: what it waits for has been started. Returns CPL_SUSPENDED. */
enum cpl_flow exchange_wait_begin(struct exchange_wait *wait, struct cpl_ev_nonza *ev);
void exchange_wait_drop(struct exchange_wait **wait);
/* True when there is still someone to answer: the session lives and the suspension did not time out. */
bool exchange_wait_alive(const struct exchange_wait *wait, int status);
void exchange_wait_end(struct exchange_wait **wait);

/* The identity has been proven: asks whether the account is disabled and, for SCRAM, whether its keys are still the same, then sets it. Consumes `wait`,
 * suspended or (ev not NULL) not yet. */
enum cpl_flow exchange_proven(struct exchange_wait *wait, struct cpl_ev_nonza *ev, struct exchange *exchange);

#endif
