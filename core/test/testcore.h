/* SPDX-License-Identifier: MIT */
/*
 * The test core: a server without sockets and threads, opened and closed within one process, and the inside of <couplet/test.h>.
 *
 *   testcore.c  open, close, time, configuration     peer.c   scripted sessions
 *   testlog.c   what the log may say                 match.c  is this stanza like that one
 *   fault.c     storage that fails when asked to     verbs.c  the module that is tested, commands
 *   syscall.c   system calls that do
 *
 * On top of it couplet-module-test:
 *
 *   main.c      arguments, the folder of modules     run.c      one test in a process of its own
 *   adversity.c tests that every module gets         options.c  the same for its options
 *
 * What goes wrong is a text: testcore_fail() ends the case with it, testcore_complain() notes it and goes on. Session thread, of which there is no other.
 */
#ifndef CORE_TEST_TESTCORE_H
#define CORE_TEST_TESTCORE_H

#include <couplet/test.h>

/* What a server is opened with. All text is borrowed until testcore_close(). */
struct testcore_setup {
	const char *folder;       /* an empty one, for the configuration and the data; left to the caller */
	const char *modules_path; /* the modules, that which is tested among them */
	const char *module;       /* its name; NULL: none is tested, and `config` gives the modules */
	const char *config, *options; /* as in struct cpl_module_test */
	void (*preopen)(void);    /* called before modules are opened, for those linked in; NULL: nothing */
	bool certificates;        /* each host has one */
	bool driver;              /* the module is a storage driver, and keeps this server's data */
};

/* Opens a server. False when the configuration is refused or cannot be applied: then the reasons are in `refusal`, and testcore_close() closes what there is. */
bool testcore_open(const struct testcore_setup *setup, struct cpl_buf *refusal);
/* Ends sessions, modules and everything else, and complains of what is left. */
void testcore_close(void);
const struct testcore_setup *testcore_setup(void);
/* Writes couplet.yml with these options and judges it; NULL and the reasons when it is refused. */
struct config *testcore_judge(const char *options, struct cpl_buf *refusal);
/* Complains of stanzas, calls, suspensions and requests that are under way although nothing has a reason to be. */
void testcore_check_quiet(void);
/* Bytes and calls of all accounts that have this name. */
int64_t testcore_bytes(const char *account);
/* Calls that have started and not called back, of modules and core. */
uint64_t testcore_calls_open(void);

/* Runs a case's function to its end or to its first failure; true when there was none. */
bool testcore_run(void (*run)(void));
/* Ends the case. `where` may be NULL. */
void testcore_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Goes on. */
void testcore_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Everything said so far, taken out (cpl_free); NULL when there is nothing. */
char *testcore_take_complaints(void);
/* Called before each step of a case; NULL: nothing is. */
extern void (*testcore_between)(void);
/* Makes text that lives until testcore_close(). */
const char *testcore_keep(char *text);

/* ---- testlog.c ---- */

/* Before testcore_open(); without it lines go to stderr, and nobody looks at them. */
void testlog_open(void);
/* Looks at what was written since the last time: complains of warnings and errors that nobody announced. */
void testlog_check(void);
/* Complains of announcements that have not come true, forgets all, ends the log. `excused`: none had to. */
void testlog_close(bool excused);
/* What is about a fault that was injected is no surprise: lines with either text (static; NULL: any line) are passed over from now on. */
void testlog_excuse(const char *part, const char *other);

/* ---- fault.c: what fails, once, when its turn comes ---- */

#define FAULT_TEXT "the test core refuses this"
enum fault { FAULT_NONE, FAULT_MEMORY, FAULT_WRITE, FAULT_QUERY, FAULT_SYSTEM, FAULT_KINDS };
extern const char *const fault_names[FAULT_KINDS];

/* Puts itself between the core and the storage driver, unless that is what is tested. */
void fault_open(void);
void fault_close(void);
/* The nth from now on fails; 0: none. */
void fault_at(enum fault kind, unsigned nth);
bool fault_hit(void);
/* Not counted meanwhile: what the test core does for itself. Nests. */
void fault_pause(bool paused);

/* ---- syscall.c ---- */

/* The nth call from now on that the tested module makes fails with EIO; 0: none. Its first calls come with its load. */
void syscall_fault_at(unsigned nth);
bool syscall_fault_hit(void);
void syscall_fault_pause(bool paused);

/* ---- peer.c ---- */

/* All that are left lose their connections. */
void peers_close(void);
/* Sets the identity of a session whose stream is open as if it had been proven, and waits for it; what comes after is as it is for a client. */
bool peer_authenticate(struct cpl_session *session, struct cpl_jid jid);
/* How many of them the server has neither closed nor lost. */
size_t peers_connected(void);

/* ---- match.c ---- */

/* True when `is` is like `pattern` as cpl_test_expect() says; else false, and what differs is added to `why`. */
bool match_element(const struct cpl_element *is, const struct cpl_element *pattern, struct cpl_buf *why);
/* The namespace of what must not be there. */
#define MATCH_NONE "urn:couplet:test:none"

/* ---- verbs.c ---- */

enum testcore_verb { TESTCORE_LOAD, TESTCORE_RELOAD, TESTCORE_UNLOAD };
/* Runs the verb to its end; 0 or a code, with the text that coupletctl would print in `text` (may be NULL). */
int testcore_change(enum testcore_verb verb, const char *module, struct cpl_buf *text);

#endif
