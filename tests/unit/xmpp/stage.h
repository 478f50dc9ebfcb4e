/* SPDX-License-Identifier: MIT */
/*
 * A server without sockets, threads or files: the core with the bundled modules linked in, the storage driver memory, a virtual clock and
 * scripted connections. The loop is turned by hand. For the unit tests of core/xmpp and for fuzzing.
 *
 * The modules are preopened: stage_open() hands libltdl the table of symbols that libtool writes for -dlpreopen, here made by hand, because a test
 * brings modules of its own and a build tree has no archives of the bundled ones.
 *
 * Whatever goes wrong on the stage itself, where a test has nothing to say, ends the process.
 */
#ifndef TESTS_UNIT_XMPP_STAGE_H
#define TESTS_UNIT_XMPP_STAGE_H

#include "core/net/conn_script.h"
#include <couplet/module.h>

/* A module of the test's own, at most STAGE_MODULES_MAX of them; the list is ended by a NULL name. */
enum { STAGE_MODULES_MAX = 4 };
struct stage_module {
	const char *name;
	const struct cpl_descriptor *descriptor;
};

/*
 * Opens the stage. `config` is the part of couplet.yml that the test chooses, with `modules:` and `hosts:`; data folder, driver and listeners are
 * given. `own` may be NULL.
 */
void stage_open(const char *config, const struct stage_module *own);
/* Ends all sessions and everything else, and checks that nothing is left. */
void stage_close(void);
/* Makes an account without a password. */
void stage_account(const char *jid);

/* Turns the loop until nothing happens any more at this time. */
void stage_settle(void);
/* Moves the clock in steps, so that what timers start can happen in between, and settles. */
void stage_pass(int64_t ms);

/* Calls of every account (core and modules) that have started and not called back. */
uint64_t stage_calls_open(void);
/* Bytes that are live in the account of that name ("core", or a module's). */
int64_t stage_bytes(const char *account);
/* True when no stanza, call, suspension, store request or unauthenticated connection is under way. */
bool stage_quiet(void);

/* One client: its end of the connection, and the server's session. */
struct stage_peer {
	struct conn_script *script;
	struct cpl_session *session; /* referenced */
};
/* Connects; nothing is sent. */
void stage_connect(struct stage_peer *peer, bool secure);
/* The same as an external component (XEP-0114). */
void stage_connect_component(struct stage_peer *peer);
/* Connects, and up to which point: authenticated with the second stream open, or with the resource bound. `jid` is full. What the server has
 * sent meanwhile is dropped. */
void stage_authenticate(struct stage_peer *peer, const char *jid);
void stage_login(struct stage_peer *peer, const char *jid);
/* Sends; the loop is not turned. */
void stage_send(struct stage_peer *peer, const char *text);
/* The same for text of the length given. */
void stage_send_bytes(struct stage_peer *peer, struct cpl_str text);
/* What the peer has received since the last call; to be released with cpl_free(). */
char *stage_take(struct stage_peer *peer);
/* The connection ends as if the peer had closed it (unless it has ended), the session is let go. */
void stage_leave(struct stage_peer *peer);

#define STAGE_HEADER(to)                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='" to "'>"

#endif
