/* SPDX-License-Identifier: MIT */
/*
 * The module `probe`: it notes every event of sessions and accounts in a trace, and does with events what a test wants by setting a function.
 * It runs at stage POLICY with number 0, so before the bundled modules deliver.
 */
#ifndef TESTS_UNIT_XMPP_PROBE_H
#define TESTS_UNIT_XMPP_PROBE_H

#include "unit.h"

#include "core/xmpp/session.h"
#include "tests/unit/xmpp/stage.h"

/* What a test sets; NULL: nothing but the trace. All is forgotten by probe_reset(). */
struct probe {
	void (*session)(enum cpl_event_id id, struct cpl_session *session);
	enum cpl_flow (*stanza)(enum cpl_event_id id, struct cpl_ev_stanza *ev); /* pre_* and the target's */
	enum cpl_flow (*out)(struct cpl_ev_out *ev);
	enum cpl_flow (*bind)(struct cpl_ev_bind *ev);
	enum cpl_flow (*authenticate)(struct cpl_ev_authenticate *ev);
	enum cpl_flow (*load)(struct cpl_ev_user *ev);
	void (*unload)(struct cpl_ev_user *ev);
	void (*presence)(struct cpl_ev_stanza *ev); /* presence on its way to an account */
};
extern struct probe probe;
extern const struct stage_module probe_modules[]; /* for stage_open() */

void probe_reset(void);
/* What was noted since the last call: "event(type name@host/resource)" with blanks between. Compares and forgets. */
void probe_assert_trace(const char *expected);
void probe_forget_trace(void);
/* Suspensions that a test's function has begun, in order; probe_suspend() is what it returns. */
enum { PROBE_SUSPENSIONS_MAX = 64 };
extern struct cpl_suspension *probe_suspended[PROBE_SUSPENSIONS_MAX];
extern unsigned probe_suspended_count;
enum cpl_flow probe_suspend(struct cpl_event *event);
/* Holds the stanza, to be released by the test. */
extern struct cpl_stanza *probe_held[PROBE_SUSPENSIONS_MAX];
extern unsigned probe_held_count;
void probe_hold(struct cpl_stanza *stanza);

/* Runs a function as code of the module. */
void probe_run(void (*function)(struct cpl_module *self));
/* The body of a message, for telling stanzas apart. */
struct cpl_str probe_body(const struct cpl_stanza *stanza);

/* What the peer has received since the last look has `part`, or (NULL) is nothing. Forgets it. */
void assert_received(struct stage_peer *peer, const char *part);
/* The same: it has none of `part`. */
void assert_not_received(struct stage_peer *peer, const char *part);

#endif
