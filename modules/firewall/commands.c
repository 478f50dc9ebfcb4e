/* SPDX-License-Identifier: MIT */
/* Commands of the firewall: its rules with their counts, reading them again, and asking them about stanzas. */
#include "modules/firewall/firewall.h"

static struct cpl_host *host_of_flag(struct cpl_invocation *in)
{
	struct cpl_str wanted = cpl_flag_value(in, "host"), name;

	return wanted.ptr && cpl_prepare_domain(&name, wanted, cpl_invocation_arena(in)) == 0 ? cpl_host_find(name) : NULL;
}

/* False, and refused: a host that is named has no firewall. */
static bool host_is_guarded(struct cpl_invocation *in, struct cpl_host *only)
{
	if (!only || CPL_SLOT_GET(only, guard_slot))
		return true;
	cpl_refuse(in, "%.*s has no firewall: list the module for it, see modules in couplet.yml(5)", CPL_ARG(only->name));
	return false;
}

static struct rules *rules_of(struct cpl_host *host)
{
	const struct guard *guard = host ? CPL_SLOT_GET(host, guard_slot) : NULL;

	return guard ? guard->rules : NULL;
}

/* ---- firewall list ---- */

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_host *only = host_of_flag(in), *host;
	size_t at = 0;

	if (!host_is_guarded(in, only))
		return;
	while ((host = cpl_host_next(&at))) {
		const struct rules *rules = rules_of(host);

		for (size_t i = 0; rules && i < rules->count && (!only || only == host); i++) {
			cpl_row_begin(in);
			cpl_row_text(in, host->name);
			cpl_row_int(in, rules->items[i].line);
			cpl_row_int(in, (int64_t)rules->items[i].hits);
			cpl_row_text(in, rules->items[i].text);
			cpl_row_end(in);
		}
	}
	cpl_done(in);
}

/* ---- firewall reload ---- */

struct reload {
	struct cpl_call job;
	struct cpl_invocation *in;
	struct cpl_module *self;
	struct cpl_host *only;
	size_t at, faulty;
};

static void complain(void *data, unsigned line, const char *text)
{
	const struct guard_told *told = data;

	cpl_complain(told->data, "%s:%u: %s", told->path, line, text);
}

static void reload_next(struct reload *reload);

static void on_read(struct cpl_call *call)
{
	struct reload *reload = CPL_CONTAINER(call, struct reload, job);
	struct guard_told told = {.data = reload->in};

	if (call->status < 0) {
		cpl_refuse(reload->in, "%s", cpl_code_text(call->status));
		return;
	}
	reload->faulty += guard_looked(call, complain, &told) == GUARD_FAULTY;
	reload_next(reload);
}

/* One host after another, each read by a worker. */
static void reload_next(struct reload *reload)
{
	struct cpl_host *host;

	while ((host = cpl_host_next(&reload->at)))
		if ((!reload->only || reload->only == host) && guard_look(&reload->job, cpl_invocation_scope(reload->in), reload->self, host, true, on_read) == 0)
			return;
	if (reload->faulty)
		cpl_refuse(reload->in, "nothing was changed where there is a fault: the former rules stay in force");
	else
		cpl_done(reload->in);
}

static void run_reload(struct cpl_module *self, struct cpl_invocation *in)
{
	struct reload *reload = cpl_arena_alloc(cpl_invocation_arena(in), sizeof *reload);

	*reload = (struct reload){.in = in, .self = self, .only = host_of_flag(in)};
	if (host_is_guarded(in, reload->only))
		reload_next(reload);
}

/* ---- firewall test ---- */

/* The bytes that firewall test takes, and how many stanzas it judges in a turn. */
enum { TEST_BYTES = 256 * 1024, TEST_SLICE = 32 };

struct test {
	struct cpl_user_call user;
	struct cpl_call pause;
	unsigned judged;
	struct cpl_invocation *in;
	struct cpl_host *only;
	struct cpl_stanza *stanza;
	unsigned line;
	bool whole; /* the input is one stanza */
	struct cpl_str rest;
};

static void test_next(struct test *test);

static void test_refuse(struct test *test, const char *text)
{
	cpl_stanza_unref(&test->stanza);
	cpl_refuse(test->in, "line %u: %s", test->line, text);
}

static struct cpl_host *test_host(const struct test *test)
{
	struct cpl_host *host = test->only ? test->only : cpl_host_find(cpl_jid_domain(test->stanza->from));

	if (!host && cpl_jid_is_set(test->stanza->to))
		host = cpl_host_find(cpl_jid_domain(test->stanza->to));
	return host;
}

static void test_row(struct test *test, const struct rule_case *c, const struct rules *rules, const struct rule *rule)
{
	struct cpl_buf marks = {0};

	for (size_t i = 0; i < rules->mark_count; i++)
		if (c->marks & 1u << i)
			cpl_buf_addf(&marks, "%s%.*s", marks.len ? "," : "", CPL_ARG(rules->marks[i]));
	cpl_row_begin(test->in);
	cpl_row_int(test->in, test->line);
	cpl_row_text(test->in, cpl_str_of(rule ? rule_action_name(rule->action) : "pass"));
	if (rule)
		cpl_row_int(test->in, rule->line);
	else
		cpl_row_text(test->in, CPL_NONE);
	cpl_row_text(test->in, rule ? rule->text : CPL_NONE);
	cpl_row_text(test->in, marks.len ? cpl_buf_str(&marks) : CPL_NONE);
	cpl_row_end(test->in);
	cpl_buf_finish(&marks);
}

/* False: refused, and over. */
static bool test_judge(struct test *test, const struct cpl_user *user)
{
	struct cpl_host *host = test_host(test);
	struct rules *rules = rules_of(host);
	const struct cpl_stanza *stanza = test->stanza;
	struct rule_case c = {.stanza = stanza, .from = stanza->from, .to = stanza->to, .account = user, .dry = true};
	bool own = cpl_str_equal(cpl_jid_domain(c.from), host->name);

	if (!rules) {
		test_refuse(test, "the host has no rules: see firewall.file in couplet.yml(5)");
		return false;
	}
	if (!cpl_jid_is_set(c.to) && c.from.local_len)
		c.to = cpl_jid_bare(c.from);
	c.contact = own ? c.to : c.from;
	c.role = cpl_role_of_jid(c.from);
	test_row(test, &c, rules, rules_decide(rules, &c, NULL));
	cpl_stanza_unref(&test->stanza);
	return true;
}

static void on_user(struct cpl_call *call)
{
	struct test *test = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct test, user);
	struct cpl_user *user = call->status == 0 ? test->user.user : NULL;

	if (call->status < 0 && call->status != CPL_E_NOT_FOUND) {
		test_refuse(test, cpl_code_text(call->status));
		return;
	}
	if (test_judge(test, user))
		test_next(test);
	if (user)
		cpl_user_unref(&user);
}

/* The whole input, or its next line that is not empty; false at the end. */
static bool test_take(struct test *test, struct cpl_str *text)
{
	while (test->rest.ptr) {
		test->line++;
		if (test->whole) {
			*text = cpl_str_trim(test->rest);
			test->rest = CPL_NONE;
		} else {
			cpl_str_split(&test->rest, '\n', text);
			*text = cpl_str_trim(*text);
		}
		if (text->len)
			return true;
	}
	return false;
}

/* Why the stanza cannot be judged, or NULL. */
static const char *test_fault(const struct test *test)
{
	if (!test->stanza)
		return "this is not a stanza, such as <message from='romeo@example.org' to='juliet@example.org'/>";
	if (!cpl_jid_is_set(test->stanza->from))
		return "the stanza has no from";
	return test_host(test) ? NULL : "neither from nor to is of a host of this server: name one with --host";
}

static void on_pause(struct cpl_call *call)
{
	struct test *test = CPL_CONTAINER(call, struct test, pause);

	if (call->status == 0)
		test_next(test);
	else
		test_refuse(test, cpl_code_text(call->status));
}

/* One after another, until there are none, or an account must be loaded first, or others have their turn. */
static void test_next(struct test *test)
{
	struct cpl_str text;

	while (test->judged++ % TEST_SLICE < TEST_SLICE - 1 || cpl_timer_start(&test->pause, cpl_invocation_scope(test->in), 0, on_pause) != 0) {
		if (!test_take(test, &text)) {
			cpl_done(test->in);
			return;
		}

		struct cpl_jid account;
		int status;

		test->stanza = cpl_stanza_read(text, NULL);
		if (test_fault(test)) {
			test_refuse(test, test_fault(test));
			return;
		}
		account = test->stanza->from;
		if (!cpl_host_find(cpl_jid_domain(account)) && cpl_jid_is_set(test->stanza->to))
			account = test->stanza->to;
		if (!account.local_len || !cpl_host_find(cpl_jid_domain(account))) {
			if (!test_judge(test, NULL))
				return;
			continue;
		}
		test->user = (struct cpl_user_call){.user = NULL};
		status = cpl_user_load(&test->user, cpl_invocation_scope(test->in), cpl_jid_bare(account), on_user);
		if (status < 0)
			test_refuse(test, cpl_code_text(status));
		return;
	}
}

static void run_test(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct test *test = cpl_arena_alloc(arena, sizeof *test);
	struct cpl_buf all = {0};
	struct cpl_str line, text;
	struct cpl_stanza *whole;

	while (all.len <= TEST_BYTES && cpl_next_line(in, &line)) {
		cpl_buf_add(&all, line);
		cpl_buf_add_char(&all, '\n');
	}
	if (all.len > TEST_BYTES) {
		cpl_refuse(in, "these are more than %d KiB of stanzas: give fewer", TEST_BYTES / 1024);
		cpl_buf_finish(&all);
		return;
	}
	text = cpl_str_trim(cpl_arena_copy(arena, cpl_buf_str(&all)));
	cpl_buf_finish(&all);
	whole = text.len ? cpl_stanza_read(text, NULL) : NULL;
	*test = (struct test){.in = in, .only = host_of_flag(in), .whole = whole != NULL, .rest = text};
	cpl_stanza_unref(&whole);
	if (text.len)
		test_next(test);
	else
		cpl_refuse(in, "there is no stanza");
}

const struct cpl_command firewall_commands[] = {
	{"firewall list [--host <host>]", "Lists the rules, and how often each has fitted.", "The counts begin anew when the rules are loaded.", "host,line,hits,rule",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"firewall reload [--host <host>]", "Reads the files with the rules again, at once.",
	 "They are also read when they have changed, and judged by config check and reload. With any fault the former rules stay in force.", NULL, CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_reload},
	{"firewall test <file> [--host <host>]", "Says which rule decides about a stanza, and does nothing with it.",
	 "The file has one stanza, or one a line, each with from and to. The rules are those of the host of from, else of to, else of --host. Nothing is counted: a rule with a rate fits "
	 "if one more stanza were too many now.",
	 "line,action,rule_line,rule,marks", CPL_COMMAND_INPUT | CPL_COMMAND_OFFLINE, run_test},
	CPL_COMMAND_END,
};
