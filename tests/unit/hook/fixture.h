/* SPDX-License-Identifier: MIT */
/* Modules made of nothing but a name, a host, and a trace of what ran, for the tests of core/hook. */
#ifndef TESTS_UNIT_HOOK_FIXTURE_H
#define TESTS_UNIT_HOOK_FIXTURE_H

#include "unit.h"

#include "core/base/account.h"
#include "core/base/logger.h"
#include "core/hook/dispatch.h"
#include "core/loop/loop.h"
#include "core/xml/names.h"

struct cpl_module {
	const char *name;
	struct account *account;
	struct cpl_list calls;
	bool stopping;
	int tables;
};

static struct cpl_module alpha = {"alpha", NULL, {0}, false, 0}, beta = {"beta", NULL, {0}, false, 0}, gamma_ = {"gamma", NULL, {0}, false, 0};
static struct cpl_host host = {.name = {"example.org", 11}};
static char trace[4096];

static inline void trace_add(const char *text)
{
	size_t len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s%s", len ? " " : "", text);
}

static struct account *account_of(struct cpl_module *module)
{
	return module->account;
}

static bool is_stopping(struct cpl_module *module)
{
	return module->stopping;
}

static struct cpl_list *calls_of(struct cpl_module *module)
{
	return &module->calls;
}

static void hold(struct cpl_module *module, int change)
{
	module->tables += change;
}

static int set_up(void **state)
{
	struct cpl_module *all[] = {&alpha, &beta, &gamma_};
	struct logger_options options = {.level = CPL_LOG_WARN, .sink = LOGGER_MEMORY};

	account_of_module = account_of;
	account_module_stopping = is_stopping;
	account_module_calls = calls_of;
	dispatch_hold = hold;
	trace[0] = '\0';
	for (int i = 0; i < 3; i++) {
		all[i]->account = account_create(all[i]->name);
		all[i]->stopping = false;
		all[i]->tables = 0;
		cpl_list_init(&all[i]->calls);
	}
	assert_int_equal(logger_start(&options, NULL), 0);
	assert_int_equal(loop_init(true), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct cpl_module *all[] = {&alpha, &beta, &gamma_};

	dispatch_unref(&host.dispatch);
	dispatch_set_global(NULL);
	loop_finish();
	logger_finish();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(all[i]->tables, 0);
		assert_int_equal(all[i]->account->memory->blocks, 0);
		assert_true(cpl_list_empty(&all[i]->calls));
		account_release(&all[i]->account);
	}
	return 0;
}

/* The log has one line with `text`, or with NULL none at all. */
static inline void assert_logged(const char *text)
{
	char *lines = logger_take_memory();

	if (text ? !strstr(lines, text) : lines[0] != '\0')
		fail_msg("log: \"%s\" (wanted: %s)", lines, text ? text : "nothing");
	cpl_free(lines);
}

/* Puts tables with these modules in force on the host. */
static inline void install(const struct dispatch_entry *entries, size_t count)
{
	struct cpl_error error = {0};
	struct dispatch *before = host.dispatch;

	host.dispatch = dispatch_create(&host, entries, count, &error);
	if (!host.dispatch)
		fail_msg("%s", error.text);
	dispatch_unref(&before);
}

#endif
