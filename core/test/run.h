/* SPDX-License-Identifier: MIT */
/*
 * Runs tests, each in a process of its own, so that one that crashes or hangs is one that failed; and counts. One line a test, "ok - TITLE" or "not ok -
 * TITLE", with what explains a failure indented below it.
 */
#ifndef CORE_TEST_RUN_H
#define CORE_TEST_RUN_H

#include "core/test/testcore.h"

/* What a run of the program is about. */
struct run {
	const char *folder;  /* of the run; each test has an empty one below it */
	const char *modules_path;
	const char *file;    /* of the module, as it was given */
	const char *module;
	const struct cpl_module_test *test;
	bool driver;
	bool has_check;                   /* the module has rules of its own for its options */
	const struct cpl_option *options; /* copied, ended by CPL_OPT_END; NULL: none */
	const char *only;    /* part of the titles to run; NULL: all */
	unsigned seconds;    /* for one test */
	unsigned passed, failed;
	const struct cpl_test_case **alone; /* cases that failed without adversity */
	size_t alone_count;
};

/* How a test ended: nothing to complain of, or something; and whether the fault that it asked for has struck. */
struct outcome {
	bool good, hit;
	char *text; /* cpl_free */
};

/* A test's own part, in the child: what goes wrong is said with testcore_fail() and testcore_complain(). `n` is handed on. */
typedef void test_function(const struct run *run, const void *data, unsigned n);
struct outcome run_child(const struct run *run, test_function *function, const void *data, unsigned n);
/* True when the title is among those to run. */
bool run_wanted(const struct run *run, const char *title);
/* Prints and counts. Frees the outcome's text. */
void run_report(struct run *run, const char *title, struct outcome *outcome);
/* All three. */
void run_test(struct run *run, const char *title, test_function *function, const void *data);

/* In the child: a server as the test wants it, but for the options when they are given. */
struct testcore_setup run_setup(const struct run *run, const char *options);
/* Opens it; what keeps it from opening is a failure. */
void run_open(const struct run *run);
/* In the child: the test's fault has struck. */
void run_fault_struck(void);

/* ---- adversity.c, options.c ---- */

void run_cases(struct run *run);
void run_reloads(struct run *run);
void run_options(struct run *run);
void run_faults(struct run *run);

#endif
