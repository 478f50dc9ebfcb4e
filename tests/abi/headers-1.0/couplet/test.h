/* SPDX-License-Identifier: MIT */
/*
 * Tests of a module, run by couplet-module-test(1). A test is a shared object, built like the module itself, whose one variable says what to run:
 *
 *     static void host_answers(void)
 *     {
 *         struct cpl_test_session *romeo = cpl_test_login("romeo@example.org/orchard");
 *
 *         cpl_test_send(romeo, "<iq type='get' id='p1' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
 *         cpl_test_expect(romeo, "<iq type='result' id='p1' from='example.org'/>");
 *     }
 *     static const struct cpl_test_case cases[] = {{"the host answers", host_answers, 0}, CPL_TEST_CASES_END};
 *     CPL_MODULE_TEST(ping) = {.cases = cases};
 *
 * Each case gets a server of its own, in a process of its own, without sockets and threads: the real core and the real modules, rows kept in memory,
 * connections made of text, jobs at times (<couplet/schedule.h>), and a clock that moves only when the case says so. A case ends at the first thing that is not as it should be. At its
 * end all sessions leave, the server stops, and nothing may be left: no bytes of the module, no call without its callback, no warning or error in the
 * log that was not announced.
 *
 * The program then runs the cases again under adversity (the module reloaded between their steps; memory, storage and its system calls failing) and its
 * own tests of loading, reloading and options. Under a fault that it has injected what a case expects may fail; that ends the case and is no failure,
 * but what must hold at the end holds there, too.
 *
 * What functions here return belongs to the test core and lives until the end of the case. Session thread, like all of a module.
 */
#ifndef COUPLET_TEST_H
#define COUPLET_TEST_H

#include <couplet/module.h>

enum {
	/* The module may lose something that the case looks at when it is reloaded in between: the case is not run so. */
	CPL_TEST_NOT_RELOADED = 1,
	/* Is not run again with storage or memory failing, for example because it is about such failures itself. */
	CPL_TEST_NO_FAULTS = 2,
};

enum {
	/* Of the whole test: each host has a certificate (the test core's own). */
	CPL_TEST_CERTIFICATES = 1,
};

struct cpl_test_case {
	const char *title; /* what holds, as a sentence or part of one */
	void (*run)(void);
	unsigned flags;    /* CPL_TEST_... */
};
#define CPL_TEST_CASES_END {NULL, NULL, 0}

struct cpl_module_test {
	/*
	 * Part of couplet.yml; NULL: nothing. What it does not give is given: `modules:` (the ordinary ones and the module that is tested) and `hosts:`
	 * (example.org). Options of the module that is tested do not belong here, but into `options`.
	 */
	const char *config;
	/* The module's options, one "name: value" a line; NULL: none. */
	const char *options;
	const struct cpl_test_case *cases; /* ended by CPL_TEST_CASES_END */
	unsigned flags;                    /* CPL_TEST_CERTIFICATES */
};

/* What the file that it stands in tests. Once in a shared object. */
struct cpl_module_test_head {
	uint32_t size;
	uint16_t api_major, api_minor;
	const char *module;
};
#define CPL_MODULE_TEST(name)                                                                                                    \
	extern const struct cpl_module_test_head cpl_module_test_head;                                                           \
	__attribute__((visibility("default"))) const struct cpl_module_test_head cpl_module_test_head = {                        \
		sizeof(struct cpl_module_test), CPL_API_MAJOR, CPL_API_MINOR, #name};                                            \
	extern const struct cpl_module_test cpl_module_test;                                                                     \
	__attribute__((visibility("default"))) const struct cpl_module_test cpl_module_test

#pragma GCC visibility push(default)

/* ---- checks ---- */

/* Ends the case with the file, the line and the text unless the condition holds. */
#define CPL_TEST_CHECK(condition)                                                                                                \
	do {                                                                                                                     \
		if (!(condition))                                                                                                \
			cpl_test_fail(__FILE__, __LINE__, "it does not hold that %s", #condition);                               \
	} while (0)
/* The same for two numbers, which are printed, and for two texts (struct cpl_str and a literal). */
#define CPL_TEST_EQUAL(is, shall) cpl_test_equal(__FILE__, __LINE__, #is, (int64_t)(is), (int64_t)(shall))
#define CPL_TEST_TEXT(is, shall) cpl_test_text(__FILE__, __LINE__, #is, (is), (shall))
/* What the three macros call. The first ends the case in any case. */
void cpl_test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
void cpl_test_equal(const char *file, int line, const char *what, int64_t is, int64_t shall);
void cpl_test_text(const char *file, int line, const char *what, struct cpl_str is, const char *shall);

/* ---- time ---- */

/* Turns the loop until nothing happens any more at this time. Most functions below do it themselves. */
void cpl_test_settle(void);
/* Moves the clock, in small steps so that what timers start can happen in between. It begins at 2026-01-31T12:00:00Z. */
void cpl_test_advance(int64_t ms);

/* ---- accounts and sessions ---- */

/* Makes an account without a password, unless it exists. */
void cpl_test_account(const char *bare_jid);
/* Makes an account with this password, by the service "accounts" of its host. */
void cpl_test_password(const char *bare_jid, const char *password);

struct cpl_test_session;
/* Connects over what counts as TLS; no stream is open. The name stands for the session in texts about failures. */
struct cpl_test_session *cpl_test_connect(const char *name);
/* The same without TLS so far. What counts as its handshake succeeds at once. */
struct cpl_test_session *cpl_test_connect_plain(const char *name);
/* Connects as the external component (XEP-0114) of that domain, and proves it with the secret. What the server sent meanwhile is dropped. */
struct cpl_test_session *cpl_test_component(const char *domain, const char *secret);
/* A connected resource without presence, its account made if need be: stream, authentication (taken for granted), binding. What the server sent meanwhile is dropped. */
struct cpl_test_session *cpl_test_login(const char *full_jid);
/* The same up to the second stream: no resource is bound, the server's header and its features have arrived. */
struct cpl_test_session *cpl_test_authenticate(const char *full_jid);
/* As cpl_test_login(), then initial presence, whose consequences at this session are dropped, too. */
struct cpl_test_session *cpl_test_available(const char *full_jid);
/* Sends text, stanzas or anything else, and settles. */
void cpl_test_send(struct cpl_test_session *session, const char *xml);
/* The same for formatted text. */
void cpl_test_sendf(struct cpl_test_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * The next element that the session receives is like `xml`: the name and namespace are equal, and attributes, children and text that `xml` has are
 * there; there may be more. '*' as the value of an attribute or as text stands for anything. "<none:name/>" as a child: there is none of that name,
 * whatever its namespace. Several elements in `xml` are received one after another. The prefixes "none" and "stream" are declared.
 */
void cpl_test_expect(struct cpl_test_session *session, const char *xml);
/* The same for any of the elements that have arrived, each of which is taken out; the others keep their order. */
void cpl_test_expect_any(struct cpl_test_session *session, const char *xml);
/* The next element, or stream header, has this text in it. */
void cpl_test_expect_text(struct cpl_test_session *session, const char *part);
/* Nothing has arrived that was not expected. */
void cpl_test_expect_nothing(struct cpl_test_session *session);
/* The server has closed the stream (after all that was expected, perhaps with an error of that name; NULL: without) and the connection. */
void cpl_test_expect_end(struct cpl_test_session *session, const char *stream_error);
/* The next element that has arrived, as text; NULL when there is none. */
const char *cpl_test_take(struct cpl_test_session *session);
/* Forgets what has arrived. */
void cpl_test_drop(struct cpl_test_session *session);
/* Closes the stream, or loses the connection without a word. The session cannot be used after it. */
void cpl_test_logout(struct cpl_test_session *session);
void cpl_test_lose(struct cpl_test_session *session);
/* The peer stops reading, or goes on. */
void cpl_test_block(struct cpl_test_session *session, bool blocked);
/* The server's side of it. */
struct cpl_session *cpl_test_session(const struct cpl_test_session *session);

/* ---- the module that is tested ---- */

/* It, as it runs now: another one after a reload. NULL while it is unloaded. */
struct cpl_module *cpl_test_module(void);
/* Bytes that are live and charged to it. */
int64_t cpl_test_bytes(void);
/* As `coupletctl module reload`, `unload` and `load`; each must succeed. */
void cpl_test_reload(void);
void cpl_test_unload(void);
void cpl_test_load(void);
/* As a changed file and `coupletctl reload`, with these options ("name: value" a line) instead of those of the test. False when they are refused. */
bool cpl_test_configure(const char *options);
/* As `coupletctl` with these words, separated by spaces. What it prints, one line each; for a table the cells of a row as a JSON array. A reason for a refusal is
 * the last line, and begins with "refused: ". */
const char *cpl_test_command(const char *words);

/* ---- storage and log ---- */

/* The nth write to storage from now on fails (1: the next one), and the nth query: CPL_E_IO, "the test core refuses this write". 0: none does. */
void cpl_test_fail_write(unsigned nth);
void cpl_test_fail_query(unsigned nth);
/* A line of this level or above with `part` in it has been written, or will be until the end of the case. Each announcement covers all such lines; there must be one. */
void cpl_test_expect_log(enum cpl_log_level level, const char *part);

#pragma GCC visibility pop

#endif
