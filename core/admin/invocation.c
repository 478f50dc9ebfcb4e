/* SPDX-License-Identifier: MIT */
/* One run of a command: arguments in, rows and lines out, one end. */
#include "core/admin/invocation.h"
#include "core/base/account.h"
#include <assert.h>
#include <couplet/log.h>
#include <couplet/session.h>
#include <stdio.h>

static struct cpl_list all = {&all, &all};

static void destroy(struct cpl_invocation *in)
{
	cpl_list_remove(&in->node);
	cpl_free_secret(in->password);
	cpl_free_secret(in->input);
	cpl_user_unref(&in->account.user);
	cpl_buf_finish(&in->row);
	cpl_buf_finish(&in->plain);
	/* The struct itself is in the arena. */
	struct cpl_arena *arena = in->arena;

	cpl_arena_destroy(&arena);
}

static void destroy_if_over(struct cpl_invocation *in)
{
	if (in->finished && !in->inside && in->scope.refs == 0)
		destroy(in);
}

static void on_unref(struct cpl_scope *scope)
{
	destroy_if_over(CPL_CONTAINER(scope, struct cpl_invocation, scope));
}

struct cpl_invocation *invocation_create(struct cpl_arena *arena, struct cpl_str password, struct cpl_str input)
{
	char *copy = input.len ? cpl_try_alloc(input.len) : NULL;

	if (input.len && !copy)
		return NULL;
	struct cpl_invocation *in = cpl_arena_alloc(arena, sizeof *in);

	in->arena = arena;
	if (copy) {
		memcpy(copy, input.ptr, input.len);
		in->input = copy;
		in->input_len = input.len;
	}
	if (password.ptr) {
		in->password = cpl_strdup(password);
		in->password_len = password.len;
	}
	cpl_scope_init(&in->scope, on_unref);
	cpl_list_append(&all, &in->node);
	return in;
}

/* What prints a table, may instead print text for people. */
static void announce(struct cpl_invocation *in)
{
	if (in->announced || !in->columns || !in->sink)
		return;
	in->announced = true;
	in->sink->columns(in->sink, cpl_str_of(in->command->columns));
}

struct cpl_invocation *invocation_run(struct cpl_invocation *in)
{
	struct account *account = in->owner && account_of_module ? account_of_module(in->owner) : NULL;

	in->columns = in->command->columns ? 1 : 0;
	for (const char *c = in->command->columns; c && *c; c++)
		in->columns += *c == ',';
	assert(in->columns <= INVOCATION_COLUMNS);
	if (in->command->flags & CPL_COMMAND_LIVE && in->sink && in->sink->waiting)
		announce(in);
	in->inside = true;
	struct account_visit visit = account_enter(account, in->owner, ACCOUNT_IN_COMMAND);

	in->command->run(in->owner, in);
	account_leave(&visit);
	in->inside = false;
	if (!in->finished)
		return in;
	destroy_if_over(in);
	return NULL;
}

void invocation_cut(struct cpl_invocation *in, const char *reason)
{
	struct command_sink *sink = in->sink;

	in->sink = NULL;
	if (sink && reason)
		sink->end(sink, 1, cpl_str_of(reason));
	cpl_scope_end(&in->scope);
	/* What waits for the client waits in vain: either is the beginning of the command's end. */
	if (in->got)
		invocation_take(in, CPL_NONE);
	else if (in->drained)
		invocation_drained(in);
}

void invocation_cut_owner(struct cpl_module *owner, const char *reason)
{
	CPL_LIST_EACH(node, &all) {
		struct cpl_invocation *in = CPL_CONTAINER(node, struct cpl_invocation, node);

		if (in->owner == owner)
			invocation_cut(in, reason);
	}
}

/* ---- records and files ---- */

void invocation_ask(struct cpl_invocation *in, void (*got)(struct cpl_invocation *in, struct cpl_str record))
{
	in->got = got;
	if (in->sink)
		in->sink->ask(in->sink);
	else
		invocation_take(in, CPL_NONE);
}

void invocation_take(struct cpl_invocation *in, struct cpl_str record)
{
	void (*got)(struct cpl_invocation *in, struct cpl_str record) = in->got;

	in->got = NULL;
	if (got)
		got(in, record);
}

void invocation_save(struct cpl_invocation *in, struct cpl_str bytes)
{
	if (in->sink && in->sink->save)
		in->sink->save(in->sink, bytes);
}

bool invocation_drain(struct cpl_invocation *in, void (*drained)(struct cpl_invocation *in))
{
	if (!in->sink || !in->sink->drain || in->sink->drain(in->sink))
		return true;
	in->drained = drained;
	return false;
}

void invocation_drained(struct cpl_invocation *in)
{
	void (*drained)(struct cpl_invocation *in) = in->drained;

	in->drained = NULL;
	if (drained)
		drained(in);
}

static void finish(struct cpl_invocation *in, int exit_code, struct cpl_str reason)
{
	struct command_sink *sink = in->sink;

	assert(!in->finished);
	in->finished = true;
	in->sink = NULL;
	if (sink)
		sink->end(sink, exit_code, reason);
	cpl_scope_end(&in->scope);
	destroy_if_over(in);
}

void invocation_reject(struct cpl_invocation *in, int exit_code, struct cpl_str reason)
{
	finish(in, exit_code, reason);
}

void cpl_done(struct cpl_invocation *in)
{
	announce(in);
	finish(in, 0, CPL_NONE);
}

void cpl_refuse(struct cpl_invocation *in, const char *format, ...)
{
	struct cpl_buf text = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	finish(in, 1, cpl_buf_str(&text));
	cpl_buf_finish(&text);
}

/* ---- arguments ---- */

static const struct form_token *hole_of(const struct cpl_invocation *in, unsigned n)
{
	for (size_t i = 0; i < in->form->token_count; i++)
		if (in->form->tokens[i].hole && in->form->tokens[i].argument == n)
			return &in->form->tokens[i];
	return NULL;
}

struct cpl_str cpl_arg(const struct cpl_invocation *in, unsigned n)
{
	assert(n < in->form->argument_count);
	return in->match.arguments[n];
}

struct cpl_jid cpl_arg_jid(const struct cpl_invocation *in, unsigned n)
{
	assert(n < in->form->argument_count && hole_of(in, n)->type <= FORM_FULL);
	return in->jids[n];
}

struct cpl_host *cpl_arg_host(const struct cpl_invocation *in, unsigned n)
{
	const struct form_token *hole = hole_of(in, n);

	assert(hole && hole->type <= FORM_HOST);
	if (!cpl_jid_is_set(in->jids[n]))
		return NULL;
	return cpl_host_find(cpl_jid_domain(in->jids[n]));
}

int64_t cpl_arg_int(const struct cpl_invocation *in, unsigned n)
{
	assert(n < in->form->argument_count && hole_of(in, n)->type == FORM_INT);
	return in->numbers[n];
}

static ptrdiff_t flag_of(const struct cpl_invocation *in, const char *name)
{
	for (size_t i = 0; i < in->form->flag_count; i++)
		if (cpl_str_is(in->form->flags[i].name, name))
			return (ptrdiff_t)i;
	return -1;
}

bool cpl_flag(const struct cpl_invocation *in, const char *name)
{
	ptrdiff_t i = flag_of(in, name);

	assert(i >= 0);
	return in->match.given[i];
}

struct cpl_str cpl_flag_value(const struct cpl_invocation *in, const char *name)
{
	ptrdiff_t i = flag_of(in, name);

	assert(i >= 0);
	return in->match.values[i];
}

struct cpl_str cpl_password(const struct cpl_invocation *in)
{
	return (struct cpl_str){in->password, in->password_len};
}

bool cpl_next_line(struct cpl_invocation *in, struct cpl_str *line)
{
	struct cpl_str rest = {in->input + in->input_at, in->input_len - in->input_at};

	if (rest.len == 0)
		return false;
	const char *end = memchr(rest.ptr, '\n', rest.len);

	line->ptr = rest.ptr;
	line->len = end ? (size_t)(end - rest.ptr) : rest.len;
	in->input_at += line->len + (end != NULL);
	if (line->len && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}

size_t cpl_input_lines(const struct cpl_invocation *in)
{
	const char *at = in->input, *end = in->input + in->input_len;
	size_t count = 0;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		count++;
		at = newline ? newline + 1 : end;
	}
	return count;
}

struct cpl_arena *cpl_invocation_arena(struct cpl_invocation *in)
{
	return in->arena;
}

struct cpl_scope *cpl_invocation_scope(struct cpl_invocation *in)
{
	return &in->scope;
}

struct cpl_jid cpl_invocation_actor(const struct cpl_invocation *in)
{
	return in->actor;
}

/* ---- the account that it is about ---- */

static void account_refuse(struct cpl_invocation *in, int status)
{
	struct cpl_str account = cpl_jid_str(cpl_arg_jid(in, in->account_argument));

	if (status == CPL_E_NOT_FOUND)
		cpl_refuse(in, "there is no account %.*s", CPL_ARG(account));
	else
		cpl_refuse(in, "the account %.*s cannot be read: %s", CPL_ARG(account), cpl_code_text(status));
}

static void on_account(struct cpl_call *call)
{
	struct cpl_invocation *in = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_user_call, call), struct cpl_invocation, account);

	if (call->status == 0)
		in->account_loaded(in->owner, in, in->account.user);
	else
		account_refuse(in, call->status);
}

void cpl_invocation_load_account(struct cpl_invocation *in, unsigned n,
				 void (*loaded)(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user))
{
	int status;

	cpl_user_unref(&in->account.user);
	in->account_argument = n;
	in->account_loaded = loaded;
	status = cpl_user_load(&in->account, &in->scope, cpl_arg_jid(in, n), on_account);
	if (status != 0)
		account_refuse(in, status);
}

void cpl_invocation_set_data(struct cpl_invocation *in, void *data)
{
	in->data = data;
}

void *cpl_invocation_data(const struct cpl_invocation *in)
{
	return in->data;
}

/* ---- output ---- */

size_t invocation_waiting(const struct cpl_invocation *in)
{
	return in->sink && in->sink->waiting ? in->sink->waiting(in->sink) : 0;
}

void cpl_progress(struct cpl_invocation *in, uint64_t done, uint64_t total)
{
	if (in->sink && in->sink->progress)
		in->sink->progress(in->sink, done, total);
}

void cpl_row_begin(struct cpl_invocation *in)
{
	announce(in);
	cpl_buf_clear(&in->row);
	cpl_buf_add_char(&in->row, '[');
	cpl_buf_clear(&in->plain);
	in->cells = 0;
}

static void cell(struct cpl_invocation *in, struct cpl_str plain)
{
	assert(in->cells < in->columns);
	if (in->cells)
		cpl_buf_add_char(&in->row, ',');
	if (in->sink && in->sink->cells) {
		cpl_buf_add(&in->plain, plain);
		in->ends[in->cells] = in->plain.len;
		in->absent[in->cells] = !plain.ptr;
	}
	in->cells++;
}

void cpl_row_text(struct cpl_invocation *in, struct cpl_str text)
{
	cell(in, text);
	if (text.ptr)
		cpl_buf_add_json(&in->row, text);
	else
		cpl_buf_add(&in->row, CPL_STR("null"));
}

void cpl_row_int(struct cpl_invocation *in, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)number);
	cell(in, cpl_str_of(text));
	cpl_buf_addf(&in->row, "%s", text);
}

void cpl_row_bool(struct cpl_invocation *in, bool value)
{
	cell(in, value ? CPL_STR("true") : CPL_STR("false"));
	cpl_buf_addf(&in->row, "%s", value ? "true" : "false");
}

static void give_cells(struct cpl_invocation *in)
{
	struct cpl_str cells[INVOCATION_COLUMNS];
	const char *texts = cpl_buf_str(&in->plain).ptr;
	size_t at = 0;

	for (unsigned i = 0; i < in->cells; i++) {
		cells[i] = in->absent[i] ? CPL_NONE : (struct cpl_str){texts + at, in->ends[i] - at};
		at = in->ends[i];
	}
	in->sink->cells(in->sink, cells, in->cells);
}

void cpl_row_end(struct cpl_invocation *in)
{
	assert(in->cells == in->columns);
	cpl_buf_add_char(&in->row, ']');
	if (in->sink && in->sink->cells)
		give_cells(in);
	else if (in->sink)
		in->sink->row(in->sink, cpl_buf_str(&in->row));
}

void cpl_say(struct cpl_invocation *in, const char *format, ...)
{
	struct cpl_buf text = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	in->announced = true;
	if (in->sink)
		in->sink->text(in->sink, cpl_buf_str(&text));
	cpl_buf_finish(&text);
}

void cpl_complain(struct cpl_invocation *in, const char *format, ...)
{
	struct cpl_buf text = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	if (in->sink)
		in->sink->complaint(in->sink, cpl_buf_str(&text));
	cpl_buf_finish(&text);
}
