/* SPDX-License-Identifier: MIT */
/* The module that is tested, as coupletctl would change it; commands; accounts. */
#include "core/test/testcore.h"

#include "core/admin/command.h"
#include "core/base/account.h"
#include "core/hook/table.h"
#include "core/module/manager.h"

enum { DRAIN_MS = 60000 };

struct waiting {
	struct manager_request request;
	bool ended;
	int status;
	struct cpl_buf *text;
};

static void changed(struct manager_request *request, int status, const char *text)
{
	struct waiting *waiting = CPL_CONTAINER(request, struct waiting, request);

	waiting->ended = true;
	waiting->status = status;
	if (waiting->text)
		cpl_buf_add(waiting->text, cpl_str_of(text));
}

int testcore_change(enum testcore_verb verb, const char *module, struct cpl_buf *text)
{
	static int (*const verbs[])(struct cpl_str, struct manager_request *, struct cpl_error *) = {manager_load, manager_reload, manager_unload};
	struct waiting waiting = {.request = {changed}, .text = text};
	struct cpl_error error = {0};
	int code = verbs[verb](cpl_str_of(module), &waiting.request, &error);

	if (code < 0 && text)
		cpl_buf_addf(text, "%s", error.text);
	if (code < 0)
		return code;
	cpl_test_settle();
	/* An unload waits for what is in flight, at most until it says that it takes long. */
	for (int i = 0; !waiting.ended && i < 60; i++)
		cpl_test_advance(DRAIN_MS / 60);
	if (!waiting.ended)
		testcore_fail("the change of %s comes to no end", module);
	return waiting.status;
}

static void change(enum testcore_verb verb, const char *what)
{
	const char *module = testcore_setup()->module;
	struct cpl_buf text = {0};
	int code = testcore_change(verb, module, &text);

	if (code < 0)
		testcore_fail("%s cannot be %s: %s", module, what, text.ptr ? text.ptr : cpl_code_text(code));
	cpl_buf_finish(&text);
	cpl_test_settle();
}

void cpl_test_reload(void)
{
	change(TESTCORE_RELOAD, "reloaded");
}

void cpl_test_unload(void)
{
	change(TESTCORE_UNLOAD, "unloaded");
}

void cpl_test_load(void)
{
	change(TESTCORE_LOAD, "loaded");
}

struct cpl_module *cpl_test_module(void)
{
	return manager_find(cpl_str_of(testcore_setup()->module));
}

int64_t cpl_test_bytes(void)
{
	return testcore_bytes(testcore_setup()->module);
}

/* ---- commands ---- */

struct output {
	struct command_sink sink;
	struct cpl_buf text;
	bool ended;
};

static struct output *output_of(struct command_sink *sink)
{
	return CPL_CONTAINER(sink, struct output, sink);
}

/* Called by the module, which does not pay for what the test keeps. */
static void add(struct output *output, const char *before, struct cpl_str line)
{
	struct account *payer = account_as_core();

	cpl_buf_addf(&output->text, "%s%s%.*s", output->text.len ? "\n" : "", before, CPL_ARG(line));
	account_back(payer);
}

static void add_line(struct command_sink *sink, struct cpl_str line)
{
	add(output_of(sink), "", line);
}

static void add_columns(struct command_sink *sink, struct cpl_str names)
{
}

static void end(struct command_sink *sink, int exit_code, struct cpl_str reason)
{
	struct output *output = output_of(sink);

	output->ended = true;
	if (exit_code != 0)
		add(output, "refused: ", reason);
}

const char *cpl_test_command(const char *line)
{
	enum { WORDS_MAX = 64 };
	struct output output = {.sink = {.columns = add_columns, .row = add_line, .text = add_line, .complaint = add_line, .end = end}};
	struct cpl_str words[WORDS_MAX], rest = cpl_str_of(line), word;
	size_t count = 0;

	if (testcore_between)
		testcore_between();
	while (count < WORDS_MAX && cpl_str_split(&rest, ' ', &word))
		if (word.len)
			words[count++] = word;
	command_run(words, count, CPL_NONE, CPL_NONE, &output.sink);
	cpl_test_settle();
	for (int seconds = 0; !output.ended && seconds < 60; seconds++)
		cpl_test_advance(1000);
	if (!output.ended)
		testcore_fail("the command \"%s\" comes to no end", line);
	cpl_buf_add(&output.text, CPL_STR(""));
	return testcore_keep(output.text.ptr ? cpl_buf_take(&output.text) : cpl_strdup(CPL_STR("")));
}

/* ---- accounts ---- */

static void account_made(struct cpl_call *call)
{
}

void cpl_test_account(const char *bare_jid)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_store_call request = {0};
	struct cpl_jid jid;
	int code;

	if (cpl_jid_parse(&jid, cpl_str_of(bare_jid), arena) < 0)
		testcore_fail("\"%s\" is not an address", bare_jid);
	cpl_batch_account_create(batch, jid);
	fault_pause(true);
	code = cpl_batch_commit(&request, NULL, &batch, account_made);
	cpl_test_settle();
	/* A driver with threads of its own answers in its own time. */
	for (int turns = 0; code == 0 && cpl_call_pending(&request.call) && turns < 1000; turns++)
		cpl_test_advance(1);
	fault_pause(false);
	if (code == 0)
		code = request.call.status;
	cpl_arena_destroy(&arena);
	if (code != 0 && code != CPL_E_EXISTS)
		testcore_fail("the account %s cannot be made: %s", bare_jid, cpl_code_text(code));
}

void cpl_test_password(const char *bare_jid, const char *password)
{
	struct cpl_service_ref ref = {"accounts", 1, service_id("accounts")};
	const struct cpl_accounts_service *service;
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_module *provider;
	struct cpl_call call = {0};
	struct cpl_jid jid;
	int code;

	if (cpl_jid_parse(&jid, cpl_str_of(bare_jid), arena) < 0 || !cpl_host_find(cpl_jid_domain(jid)))
		testcore_fail("\"%s\" is not an address of this server", bare_jid);
	service = cpl_service_find(cpl_host_find(cpl_jid_domain(jid)), &ref, &provider);
	if (!service)
		testcore_fail("no module of the host provides accounts");
	fault_pause(true);
	code = service->create(provider, &call, NULL, jid, cpl_str_of(password), account_made);
	cpl_test_settle();
	for (int turns = 0; code == 0 && cpl_call_pending(&call) && turns < 1000; turns++)
		cpl_test_advance(1);
	fault_pause(false);
	if (code == 0)
		code = call.status;
	cpl_arena_destroy(&arena);
	if (code != 0)
		testcore_fail("the account %s cannot be made: %s", bare_jid, cpl_code_text(code));
}
