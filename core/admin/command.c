/* SPDX-License-Identifier: MIT */
/* The registry of commands, the choice of the one that words mean, and help. */
#include "core/admin/builtin.h"
#include "core/admin/invocation.h"
#include "core/admin/local.h"
#include "core/admin/watch.h"
#include "core/config/config.h"
#include "core/module/manager.h"
#include "core/xmpp/permission.h"
#include <assert.h>
#include <couplet/log.h>
#include <couplet/session.h>
#include <stdlib.h>

struct row {
	const struct cpl_command *command;
	struct cpl_module *owner;
	struct form form;
	/* For those that can be run over XMPP; else both are NULL. */
	char *words;
	struct cpl_permission permission;
};

/* Few and rarely changed: searched from end to end. */
static struct row **rows;
static size_t row_count, row_size;

static struct row *row_conflict(const struct form *form)
{
	for (size_t i = 0; i < row_count; i++)
		if (form_same_words(&rows[i]->form, form))
			return rows[i];
	return NULL;
}

static void row_free(struct row *row)
{
	cpl_free((char *)row->permission.action);
	cpl_free(row->words);
	cpl_free(row);
}

static void row_permit(struct row *row)
{
	struct cpl_buf action = {0}, words = {0};

	if (!(row->command->flags & CPL_COMMAND_ADHOC))
		return;
	permission_of_command(row->command->form, &action);
	row->permission = (struct cpl_permission){cpl_buf_take(&action), permission_of_flags(row->command->flags), row->command->summary, 0};
	permission_register(&row->permission);
	for (size_t i = 0; i < row->form.token_count && !row->form.tokens[i].hole && !row->form.tokens[i].group; i++)
		cpl_buf_addf(&words, "%s%.*s", i ? " " : "", CPL_ARG(row->form.tokens[i].text));
	row->words = cpl_buf_take(&words);
}

static int row_add(struct cpl_module *owner, const struct cpl_command *command, struct cpl_error *error)
{
	struct row *row = CPL_NEW(struct row);
	int status = form_parse(&row->form, command->form, error);
	const struct row *other = status < 0 ? NULL : row_conflict(&row->form);

	if (status == 0 && command->flags & CPL_COMMAND_ADHOC && command->flags & CPL_COMMAND_INPUT)
		status = cpl_fail(error, CPL_E_INVALID, "the command \"%s\" cannot be run over XMPP: it reads a file", command->form);
	if (other)
		status = cpl_fail(error, CPL_E_CONFLICT, "the command \"%s\" has the words of \"%s\" of the %s%s: choose others", command->form, other->command->form,
				  other->owner ? "module " : "server", other->owner ? cpl_module_name(other->owner) : "");
	if (status < 0) {
		cpl_free(row);
		return status;
	}
	row->command = command;
	row->owner = owner;
	row_permit(row);
	if (row_count == row_size)
		rows = cpl_realloc(rows, (row_size = row_size ? row_size * 2 : 64) * sizeof *rows);
	rows[row_count++] = row;
	return 0;
}

static void rows_cut(size_t from)
{
	while (row_count > from)
		row_free(rows[--row_count]);
}

int command_add(struct cpl_module *owner, const struct cpl_command *table, struct cpl_error *error)
{
	size_t before = row_count;

	for (const struct cpl_command *c = table; c && c->form; c++) {
		int status = row_add(owner, c, error);

		if (status < 0) {
			rows_cut(before);
			return status;
		}
	}
	return 0;
}

/* Takes a module's rows out, into `taken`, which has room for all. */
static size_t rows_take(const struct cpl_module *owner, struct row **taken)
{
	size_t kept = 0, count = 0;

	for (size_t i = 0; i < row_count; i++) {
		if (rows[i]->owner == owner)
			taken[count++] = rows[i];
		else
			rows[kept++] = rows[i];
	}
	row_count = kept;
	return count;
}

int command_replace(struct cpl_module *before, struct cpl_module *now, const struct cpl_command *table, struct cpl_error *error)
{
	struct row **former = cpl_alloc((row_count + 1) * sizeof *former);
	size_t count = rows_take(before, former);
	int status = command_add(now, table, error);

	/* There is room again: they were in the array. */
	for (size_t i = 0; i < count; i++) {
		if (status < 0)
			rows[row_count++] = former[i];
		else
			row_free(former[i]);
	}
	cpl_free(former);
	return status;
}

void command_remove(struct cpl_module *owner)
{
	struct row **gone = cpl_alloc((row_count + 1) * sizeof *gone);

	for (size_t count = rows_take(owner, gone); count > 0;)
		row_free(gone[--count]);
	cpl_free(gone);
	invocation_cut_owner(owner, "the module was unloaded meanwhile");
	if (row_count == 0) {
		CPL_FREE(rows);
		row_size = 0;
	}
}

const struct cpl_command *const command_builtin[] = {command_local,	  builtin_server,  builtin_sessions,
						     builtin_access, builtin_users, builtin_modules, builtin_figures,
						     builtin_log,    builtin_watch, builtin_import, builtin_export, NULL};

void command_add_builtin(void)
{
	struct cpl_error error;

	for (size_t i = 0; command_builtin[i]; i++)
		if (command_add(NULL, command_builtin[i], &error) < 0) {
			cpl_log_error("command table faulty reason=\"%s\"", error.text);
			abort();
		}
}

/* ---- the row that words mean ---- */

/* The row with the most leading words in common, or NULL. *whole: all of its words up to the first hole. */
static struct row *row_nearest(const struct cpl_str *words, size_t count, bool *whole)
{
	struct row *best = NULL;
	size_t most = 0;

	*whole = false;
	for (size_t i = 0; i < row_count; i++) {
		bool this_whole;
		size_t same = form_prefix(&rows[i]->form, words, count, &this_whole);

		if (same > most || (same == most && same && this_whole && !*whole)) {
			best = rows[i];
			most = same;
			*whole = this_whole;
		}
	}
	return best;
}

/* Options may stand before the words of a command ("--host example.org session list"): the rows are tried in turn then. */
static struct row *row_match(const struct cpl_str *words, size_t count, struct cpl_arena *arena, struct form_match *match)
{
	for (size_t i = 0; i < row_count; i++)
		if (form_match(&rows[i]->form, words, count, arena, match, NULL) == 0)
			return rows[i];
	return NULL;
}

const struct cpl_command *command_match(const struct cpl_str *words, size_t count, ptrdiff_t *file_word)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct form_match match;
	struct row *row = row_match(words, count, arena, &match);

	*file_word = row ? match.file_word : -1;
	cpl_arena_destroy(&arena);
	return row ? row->command : NULL;
}

/* ---- typed arguments ---- */

/* 0, or the exit code with what is wrong: 2 for what is malformed, 1 for what is not there. */
static int check_jid(struct cpl_invocation *in, enum form_type type, struct cpl_str text, struct cpl_jid *jid, struct cpl_error *error)
{
	static const char *const wants[] = {[FORM_JID] = "an address without a resource", [FORM_ACCOUNT] = "an account such as romeo@example.org",
					    [FORM_FULL] = "an address with a resource"};
	bool good;

	if (type == FORM_HOST) {
		struct cpl_str name;

		if (cpl_prepare_domain(&name, text, in->arena) < 0 || !cpl_host_find(name)) {
			cpl_fail(error, CPL_E_NOT_FOUND, "%.*s is not a host of this server", CPL_ARG(text));
			return 1;
		}
		*jid = (struct cpl_jid){name.ptr, 0, (uint16_t)name.len, 0, 0};
		return 0;
	}
	good = cpl_jid_parse(jid, text, in->arena) == 0;
	good = good && cpl_jid_is_full(*jid) == (type == FORM_FULL) && (type == FORM_JID || jid->local_len);
	if (!good) {
		cpl_fail(error, CPL_E_INVALID, "\"%.*s\" is not %s", CPL_ARG(text), wants[type]);
		return 2;
	}
	if (type == FORM_ACCOUNT && !cpl_host_find(cpl_jid_domain(*jid))) {
		cpl_fail(error, CPL_E_NOT_FOUND, "%.*s is not a host of this server", CPL_ARG(cpl_jid_domain(*jid)));
		return 1;
	}
	return 0;
}

static int check_module(struct cpl_str text, struct cpl_error *error)
{
	const char *names[512];
	size_t count = 0, at = 0;

	if (manager_find(text))
		return 0;
	for (struct cpl_module *m = manager_next(&at); m && count < 512; m = manager_next(&at))
		names[count++] = cpl_module_name(m);
	const char *nearest = config_nearest(text, names, count);

	cpl_fail(error, CPL_E_NOT_FOUND, "there is no module %.*s%s%s%s", CPL_ARG(text), nearest ? "; did you mean " : "", nearest ? nearest : "",
		 nearest ? "?" : "");
	return 1;
}

static int check_value(struct cpl_invocation *in, enum form_type type, struct cpl_str text, struct cpl_jid *jid, int64_t *number,
		       struct cpl_error *error)
{
	if (!text.ptr)
		return 0;
	if (type <= FORM_HOST)
		return check_jid(in, type, text, jid, error);
	if (type == FORM_MODULE)
		return check_module(text, error);
	if (type == FORM_INT && !cpl_str_to_int(text, INT64_MIN, INT64_MAX, number)) {
		cpl_fail(error, CPL_E_INVALID, "\"%.*s\" is not a whole number", CPL_ARG(text));
		return 2;
	}
	return 0;
}

static int check_arguments(struct cpl_invocation *in, struct cpl_error *error)
{
	int code = 0;

	for (size_t i = 0; i < in->form->token_count && !code; i++) {
		const struct form_token *t = &in->form->tokens[i];

		if (t->hole)
			code = check_value(in, t->type, in->match.arguments[t->argument], &in->jids[t->argument], &in->numbers[t->argument], error);
	}
	for (size_t i = 0; i < in->form->flag_count && !code; i++) {
		struct cpl_jid jid;
		int64_t number;

		if (in->form->flags[i].has_value)
			code = check_value(in, in->form->flags[i].type, in->match.values[i], &jid, &number, error);
	}
	return code;
}

/* ---- running ---- */

static void usage_of(const struct row *row, struct command_sink *sink)
{
	struct cpl_buf line = {0};

	cpl_buf_add(&line, CPL_STR("usage: coupletctl "));
	form_print(&row->form, &line);
	sink->complaint(sink, cpl_buf_str(&line));
	cpl_buf_finish(&line);
}

/* Nothing fits the words: says what would. */
static void refuse_words(const struct cpl_str *words, size_t count, struct command_sink *sink)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct form_match match;
	struct cpl_error error = {0};
	bool whole;
	struct row *near = row_nearest(words, count, &whole);

	if (whole) {
		form_match(&near->form, words, count, arena, &match, &error);
		usage_of(near, sink);
		sink->end(sink, 2, cpl_str_of(error.text));
	} else {
		const char *names[512];
		size_t known = 0;

		for (size_t i = 0; i < row_count; i++) {
			const struct form_token *first = &rows[i]->form.tokens[0];

			if (near && cpl_str_equal(first->text, words[0]))
				usage_of(rows[i], sink);
			if (known < 512)
				names[known++] = cpl_arena_copy(arena, first->text).ptr;
		}
		const char *nearest = near || !count ? NULL : config_nearest(words[0], names, known);
		struct cpl_str text = cpl_arena_printf(arena, "there is no command \"%.*s%s%.*s\"%s%s%s; see coupletctl help",
						       CPL_ARG(count ? words[0] : CPL_NONE), count > 1 ? " " : "",
						       CPL_ARG(count > 1 ? words[1] : CPL_NONE), nearest ? ", did you mean \"" : "",
						       nearest ? nearest : "", nearest ? "\"?" : "");

		sink->end(sink, 2, text);
	}
	cpl_arena_destroy(&arena);
}

/* `arena` has what the match views, and goes with the invocation. */
static struct cpl_invocation *run_row(const struct row *row, struct cpl_arena *arena, const struct form_match *match, struct cpl_str password,
				      struct cpl_str input, struct cpl_jid actor, struct command_sink *sink)
{
	struct cpl_error error;
	struct cpl_invocation *in;

	if (row->command->flags & (COMMAND_RECORDS | COMMAND_SAVE) && !sink->ask) {
		cpl_arena_destroy(&arena);
		sink->end(sink, 1, CPL_STR("this can only be done with coupletctl"));
		return NULL;
	}
	in = invocation_create(arena, password, input);
	if (!in) {
		cpl_arena_destroy(&arena);
		sink->end(sink, 1, CPL_STR("no memory for this input"));
		return NULL;
	}
	in->command = row->command;
	/* A copy: the row goes when its module does, its running commands end later. */
	struct form *form = cpl_arena_alloc(arena, sizeof *form);

	*form = row->form;
	in->form = form;
	in->owner = row->owner;
	in->match = *match;
	in->sink = sink;
	if (cpl_jid_is_set(actor)) {
		in->actor = actor;
		in->actor.text = cpl_arena_copy(arena, cpl_jid_str(actor)).ptr;
	}
	int code = check_arguments(in, &error);

	if (code == 2)
		usage_of(row, sink);
	if (code) {
		invocation_reject(in, code, cpl_str_of(error.text));
		return NULL;
	}
	cpl_log_debug("command form=\"%s\"", row->command->form);
	return invocation_run(in);
}

struct cpl_invocation *command_run(const struct cpl_str *words, size_t count, struct cpl_str password, struct cpl_str input,
				   struct command_sink *sink)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str *copies = cpl_arena_alloc(arena, (count + 1) * sizeof *copies);
	struct form_match match;

	for (size_t i = 0; i < count; i++)
		copies[i] = cpl_arena_copy(arena, words[i]);
	struct row *row = row_match(copies, count, arena, &match);

	if (!row) {
		cpl_arena_destroy(&arena);
		refuse_words(words, count, sink);
		return NULL;
	}
	if (!row->command->run) {
		cpl_arena_destroy(&arena);
		sink->end(sink, 1, CPL_STR("this is done by coupletctl itself, without the server"));
		return NULL;
	}
	return run_row(row, arena, &match, password, input, (struct cpl_jid){0}, sink);
}

void command_abandon(struct cpl_invocation *in)
{
	invocation_cut(in, NULL);
}

/* ---- as others see them ---- */

static struct row *row_of_words(struct cpl_str words)
{
	for (size_t i = 0; i < row_count; i++)
		if (rows[i]->words && cpl_str_is(words, rows[i]->words))
			return rows[i];
	return NULL;
}

static void view_of(const struct row *row, struct cpl_command_view *view)
{
	const struct form *form = &row->form;

	*view = (struct cpl_command_view){.words = row->words, .command = row->command, .action = &row->permission, .owner = row->owner};
	for (size_t i = 0; i < form->token_count; i++)
		if (form->tokens[i].hole)
			view->fields[view->field_count++] =
				(struct cpl_command_field){form->tokens[i].text, (enum cpl_hole)form->tokens[i].type, !form->tokens[i].group, false};
	for (size_t i = 0; i < form->flag_count; i++)
		view->fields[view->field_count++] = (struct cpl_command_field){
			form->flags[i].name, form->flags[i].has_value ? (enum cpl_hole)form->flags[i].type : CPL_HOLE_FLAG, false, true};
}

bool cpl_command_next(size_t *at, struct cpl_command_view *view)
{
	while (*at < row_count) {
		const struct row *row = rows[(*at)++];

		if (!row->words)
			continue;
		view_of(row, view);
		return true;
	}
	return false;
}

bool cpl_command_find(struct cpl_str words, struct cpl_command_view *view)
{
	const struct row *row = row_of_words(words);

	if (row)
		view_of(row, view);
	return row != NULL;
}

struct cpl_invocation *command_run_values(struct cpl_str words, const struct cpl_str *values, struct cpl_str password, struct cpl_jid actor,
					  struct command_sink *sink, bool *found)
{
	const struct row *row = row_of_words(words);
	struct cpl_arena *arena;
	struct form_match match = {.file_word = -1};
	struct cpl_command_view view;

	*found = row != NULL;
	if (!row)
		return NULL;
	view_of(row, &view);
	arena = cpl_arena_create();
	for (size_t i = 0; i < view.field_count; i++) {
		struct cpl_str value = values[i].ptr ? cpl_arena_copy(arena, values[i]) : CPL_NONE;
		size_t flag = i - row->form.argument_count;

		if (view.fields[i].required && !value.ptr) {
			struct cpl_str reason = cpl_arena_printf(arena, "%.*s is missing", CPL_ARG(view.fields[i].name));

			sink->end(sink, 2, reason);
			cpl_arena_destroy(&arena);
			return NULL;
		}
		if (!view.fields[i].option) {
			match.arguments[i] = value;
			continue;
		}
		match.given[flag] = value.ptr != NULL;
		match.values[flag] = view.fields[i].type == CPL_HOLE_FLAG ? CPL_NONE : value;
	}
	return run_row(row, arena, &match, password, CPL_NONE, actor, sink);
}

/* ---- help ---- */

static int row_order(const void *left, const void *right)
{
	const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;

	return strcmp(a->command->form, b->command->form);
}

static void help_all(struct cpl_invocation *in)
{
	struct row **sorted = cpl_arena_alloc(in->arena, (row_count + 1) * sizeof *sorted);
	struct cpl_buf form = {0};

	memcpy(sorted, rows, row_count * sizeof *sorted);
	qsort(sorted, row_count, sizeof *sorted, row_order);
	cpl_say(in, "usage: coupletctl [-c FILE] [--json] COMMAND\n");
	for (size_t i = 0; i < row_count; i++) {
		cpl_buf_clear(&form);
		form_print(&sorted[i]->form, &form);
		if (form.len <= 38)
			cpl_say(in, "  %-38s  %s", form.ptr, sorted[i]->command->summary);
		else
			cpl_say(in, "  %s\n  %-38s  %s", form.ptr, "", sorted[i]->command->summary);
	}
	cpl_say(in, "\nSee coupletctl help COMMAND, and coupletctl(8).");
	cpl_buf_finish(&form);
}

static void help_one(struct cpl_invocation *in, const struct row *row)
{
	const struct cpl_command *c = row->command;
	struct cpl_buf form = {0};

	form_print(&row->form, &form);
	cpl_say(in, "coupletctl %s\n    %s", form.ptr, c->summary);
	if (c->detail)
		cpl_say(in, "\n%s", c->detail);
	if (c->columns)
		cpl_say(in, "\nPrints: %s. With --json as JSON.", c->columns);
	if (c->run && c->flags & CPL_COMMAND_OFFLINE)
		cpl_say(in, "\nWorks with the server stopped, too.");
	if (c->flags & CPL_COMMAND_PASSWORD)
		cpl_say(in, "\nAsks for a password; --password-stdin reads it from the first line of the standard input.");
	if (c->flags & CPL_COMMAND_INPUT)
		cpl_say(in, "\nReads the file; - is the standard input.");
	if (c->flags & CPL_COMMAND_LIVE)
		cpl_say(in, "\nGoes on until it is interrupted; with --json each row is an object on a line of its own.");
	if (c->flags & CPL_COMMAND_CONFIRM)
		cpl_say(in, "\nAsks before it acts, on a terminal, unless --yes is given.");
	cpl_buf_finish(&form);
}

void command_list(struct cpl_invocation *in)
{
	for (size_t i = 0; i < row_count; i++) {
		cpl_row_begin(in);
		cpl_row_text(in, cpl_str_of(rows[i]->command->form));
		cpl_row_text(in, cpl_str_of(rows[i]->command->summary));
		cpl_row_end(in);
	}
	cpl_done(in);
}

void command_help(struct cpl_invocation *in, struct cpl_str about)
{
	struct cpl_str words[FORM_WORDS];
	size_t count = 0, shown = 0;
	bool whole;

	if (!about.ptr) {
		help_all(in);
		cpl_done(in);
		return;
	}
	while (count < FORM_WORDS && cpl_str_split(&about, ' ', &words[count]))
		count++;
	for (size_t i = 0; i < row_count; i++)
		if (form_prefix(&rows[i]->form, words, count, &whole) == count || (row_nearest(words, count, &whole) == rows[i] && whole)) {
			if (shown++)
				cpl_say(in, "%s", "");
			help_one(in, rows[i]);
		}
	if (shown)
		cpl_done(in);
	else
		cpl_refuse(in, "there is no such command; see coupletctl help");
}
