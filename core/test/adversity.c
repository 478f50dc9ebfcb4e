/* SPDX-License-Identifier: MIT */
/* A module's own cases, alone and under adversity; and what is tested of every module without its help. */
#include "core/test/run.h"

#include "core/module/manager.h"
#include "core/module/module.h"

#include <dlfcn.h>
#include <stdio.h>

enum { LOADS = 100, RELOADS = 30, WARM = 10, FAULTS_MAX = 400 };

/* ---- cases ---- */

/* The end of a server, told of only when the test has gone well so far: one failure explains the others. */
static void close_server(bool good, bool excused)
{
	char *before = testcore_take_complaints(), *after;

	testcore_close();
	testlog_close(excused);
	after = testcore_take_complaints();
	if (before)
		testcore_complain("%s", before);
	else if (after && good)
		testcore_complain("%s", after);
	cpl_free(before);
	cpl_free(after);
}

/* A case may have unloaded it. */
static void reload_if_loaded(void)
{
	if (cpl_test_module())
		cpl_test_reload();
}

static void play(const struct run *run, const void *data, unsigned reloaded)
{
	const struct cpl_test_case *one = data;
	bool good;

	run_open(run);
	if (reloaded)
		testcore_between = reload_if_loaded;
	good = testcore_run(one->run);
	close_server(good, !good);
}

/* What fails by itself fails under adversity, too: told once is enough. */
static bool failed_alone(const struct run *run, const struct cpl_test_case *one)
{
	for (size_t i = 0; i < run->alone_count; i++)
		if (run->alone[i] == one)
			return true;
	return false;
}

void run_cases(struct run *run)
{
	for (const struct cpl_test_case *one = run->test->cases; one && one->title; one++) {
		struct outcome outcome;
		bool good;
		char *title;

		if (!run_wanted(run, one->title))
			continue;
		outcome = run_child(run, play, one, 0);
		good = outcome.good;
		run_report(run, one->title, &outcome);
		if (!good) {
			run->alone = cpl_realloc(run->alone, (run->alone_count + 1) * sizeof(*run->alone));
			run->alone[run->alone_count++] = one;
		}
		if (!good || (one->flags & CPL_TEST_NOT_RELOADED))
			continue;
		title = cpl_asprintf("%s, reloaded between the steps", one->title);
		outcome = run_child(run, play, one, 1);
		run_report(run, title, &outcome);
		cpl_free(title);
	}
}

/* ---- faults ---- */

struct fault_case {
	const struct cpl_test_case *one;
	enum fault kind;
};

/* NULL: only components are served. */
static const char *account_host(void)
{
	struct cpl_host *host;

	for (size_t at = 0; (host = cpl_host_next(&at));)
		if (!host->component)
			return host->name.ptr;
	return NULL;
}

static char *address(const char *local, const char *resource)
{
	return cpl_asprintf("%s@%s/%s", local, account_host(), resource);
}

/* Whoever comes after the fault does not notice it. */
static void come_after(void)
{
	char *jid = address("after", "fault");

	cpl_test_available(testcore_keep(jid));
}

/* A server that refuses to start because of the fault says why, and that is all of it. */
static bool open_with_fault(const struct run *run, unsigned nth)
{
	struct testcore_setup setup = run_setup(run, NULL);
	struct cpl_buf refusal = {0};
	bool open, hit;

	testlog_open();
	fault_at(FAULT_SYSTEM, nth);
	open = testcore_open(&setup, &refusal);
	hit = fault_hit();
	if (hit)
		testlog_excuse(NULL, NULL);
	if (!open && (!hit || !refusal.len))
		testcore_fail("the server does not start%s:\n%s", hit ? " and does not say why" : "", refusal.ptr ? refusal.ptr : "");
	cpl_buf_finish(&refusal);
	if (open)
		return true;
	fault_at(FAULT_NONE, 0);
	run_fault_struck();
	close_server(true, true);
	return false;
}

static void play_with_fault(const struct run *run, const void *data, unsigned nth)
{
	const struct fault_case *fault = data;
	bool good, hit;

	if (fault->kind == FAULT_SYSTEM && !open_with_fault(run, nth))
		return;
	if (fault->kind != FAULT_SYSTEM) {
		run_open(run);
		fault_at(fault->kind, nth);
	}
	good = testcore_run(fault->one->run);
	hit = fault_hit();
	fault_at(FAULT_NONE, 0);
	if (hit) {
		cpl_free(testcore_take_complaints());
		run_fault_struck();
		testlog_excuse(fault->kind == FAULT_MEMORY || fault->kind == FAULT_SYSTEM ? NULL : FAULT_TEXT, cpl_code_text(CPL_E_IO));
		good = !account_host() || testcore_run(come_after);
	}
	close_server(good, hit);
}

static void sweep(struct run *run, const struct fault_case *fault)
{
	const char *what = fault_names[fault->kind];
	char *title = cpl_asprintf("%s, with each %s failing", fault->one->title, what);
	struct outcome outcome = {.good = true, .hit = true};
	unsigned n = 0;

	while (outcome.good && outcome.hit && n < FAULTS_MAX) {
		cpl_free(outcome.text);
		outcome = run_child(run, play_with_fault, fault, ++n);
	}
	if (!outcome.good) {
		char *text = cpl_asprintf("%s %u:\n%s", what, n, outcome.text ? outcome.text : "");

		cpl_free(outcome.text);
		outcome.text = text;
	}
	/* None was made at all: nothing has been tested. */
	if (n > 1 || !outcome.good) {
		char *counted = cpl_asprintf("%s (%u)", title, outcome.good && !outcome.hit ? n - 1 : n);

		run_report(run, counted, &outcome);
		cpl_free(counted);
	}
	cpl_free(outcome.text);
	cpl_free(title);
}

void run_faults(struct run *run)
{
	for (const struct cpl_test_case *one = run->test->cases; one && one->title; one++)
		for (enum fault kind = FAULT_MEMORY; kind < FAULT_KINDS; kind++) {
			struct fault_case fault = {one, kind};

			if (!(one->flags & CPL_TEST_NO_FAULTS) && !failed_alone(run, one) && run_wanted(run, one->title))
				sweep(run, &fault);
		}
}

/* ---- load and unload ---- */

enum { DEPENDENTS_MAX = 16 };

/* Still there after it was unloaded? */
static void check_gone(const struct run *run)
{
	char *path = cpl_asprintf("%s/%s.so", run->modules_path, run->module);
	void *code = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
	struct cpl_module *module;

	if (code) {
		testcore_complain("its code stays in memory after the unload: something keeps it open");
		dlclose(code);
	}
	cpl_free(path);
	for (size_t at = 0; (module = manager_next(&at));)
		if (cpl_str_is(cpl_str_of(cpl_module_name(module)), run->module))
			testcore_complain("it does not come to an end: %s, %zu in flight", manager_state(module), manager_in_flight(module));
	if (testcore_bytes(run->module) != 0)
		testcore_complain("%lld bytes are left after the unload", (long long)testcore_bytes(run->module));
}

static void change_or_fail(enum testcore_verb verb, const char *module, const char *what)
{
	struct cpl_buf text = {0};

	if (testcore_change(verb, module, &text) < 0)
		testcore_fail("%s cannot be %s: %s", module, what, text.ptr);
	cpl_buf_finish(&text);
}

static void load_and_unload(const struct run *run)
{
	char *dependents[DEPENDENTS_MAX];
	size_t count = 0;
	const char *user;

	/* Those that need it go before it and come back after it. */
	while (count < DEPENDENTS_MAX) {
		const struct cpl_module *last = cpl_test_module();

		while ((user = plan_dependent(last, NULL)))
			last = manager_find(cpl_str_of(user));
		if (last == cpl_test_module())
			break;
		dependents[count++] = cpl_strdup(cpl_str_of(cpl_module_name(last)));
		change_or_fail(TESTCORE_UNLOAD, dependents[count - 1], "unloaded");
	}
	cpl_test_unload();
	check_gone(run);
	cpl_test_load();
	while (count > 0) {
		change_or_fail(TESTCORE_LOAD, dependents[--count], "loaded");
		cpl_free(dependents[count]);
	}
}

static void log_in_some(const char *const *locals)
{
	for (int i = 0; account_host() && locals[i]; i++) {
		char *resource = cpl_asprintf("r%d", i);

		cpl_test_available(testcore_keep(address(locals[i], resource)));
		cpl_free(resource);
	}
}

static void check_sessions(size_t count, unsigned round)
{
	if (account_host() && peers_connected() != count)
		testcore_complain("round %u: %zu of %zu sessions are left", round, peers_connected(), count);
}

static void check_growth(const char *account, int64_t warm)
{
	int64_t bytes = testcore_bytes(account);

	if (bytes > warm)
		testcore_complain("%s: from %lld bytes after %d rounds to %lld at the end", account, (long long)warm, WARM, (long long)bytes);
}

/* Up to the first round that something is to be said of. */
static bool is_clean(void)
{
	char *text;

	testlog_check();
	text = testcore_take_complaints();
	if (text)
		testcore_complain("%s", text);
	cpl_free(text);
	return text == NULL;
}

static void test_loads(const struct run *run, const void *data, unsigned n)
{
	static const char *const locals[] = {"romeo", NULL};
	int64_t warm = INT64_MAX, core = INT64_MAX;

	run_open(run);
	log_in_some(locals);
	for (unsigned round = 1; round <= LOADS && is_clean(); round++) {
		load_and_unload(run);
		check_sessions(1, round);
		if (round == WARM) {
			warm = cpl_test_bytes();
			core = testcore_bytes("core");
		}
	}
	check_growth(run->module, warm);
	check_growth("core", core);
	close_server(true, false);
}

/* ---- reload ---- */

static void test_reloads(const struct run *run, const void *data, unsigned n)
{
	static const char *const locals[] = {"romeo", "romeo", "juliet", NULL};
	int64_t warm = INT64_MAX;

	run_open(run);
	log_in_some(locals);
	for (unsigned round = 1; round <= RELOADS && is_clean(); round++) {
		cpl_test_reload();
		if (manager_generation(cpl_test_module()) != round + 1)
			testcore_complain("round %u: it is of generation %u", round, manager_generation(cpl_test_module()));
		check_sessions(3, round);
		if (round == WARM)
			warm = cpl_test_bytes();
	}
	check_growth(run->module, warm);
	close_server(true, false);
}

void run_reloads(struct run *run)
{
	char *title;

	if (!run->driver) {
		title = cpl_asprintf("loaded and unloaded %d times beside a session", LOADS);
		run_test(run, title, test_loads, NULL);
		cpl_free(title);
	}
	title = cpl_asprintf("reloaded %d times under three sessions", RELOADS);
	run_test(run, title, test_reloads, NULL);
	cpl_free(title);
}
