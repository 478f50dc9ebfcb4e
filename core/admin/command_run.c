/* SPDX-License-Identifier: MIT */
/* Commands run by modules: a sink that collects what a command says until it ends. */
#include "core/admin/command.h"

#include "core/base/account.h"

#include <couplet/memory.h>

struct runner {
	struct command_sink sink;
	struct cpl_command_run *run; /* NULL once it has completed */
	struct cpl_invocation *in;   /* NULL before and after it runs */
	void (*done)(struct cpl_call *call);
	struct cpl_arena *arena; /* of columns and cells */
	struct cpl_str *columns, *cells;
	size_t column_count, row_count, row_size, max_rows;
	bool cut;
	struct cpl_buf text, complaints, reason;
	int exit_code;
};

static struct runner *runner_of(struct command_sink *sink)
{
	return CPL_CONTAINER(sink, struct runner, sink);
}

static void on_columns(struct command_sink *sink, struct cpl_str names)
{
	struct runner *runner = runner_of(sink);
	struct cpl_str rest = cpl_arena_copy(runner->arena, names), name;

	runner->columns = cpl_arena_alloc(runner->arena, (names.len + 1) * sizeof(*runner->columns));
	while (cpl_str_split(&rest, ',', &name))
		runner->columns[runner->column_count++] = name;
}

static void on_cells(struct command_sink *sink, const struct cpl_str *cells, size_t count)
{
	struct runner *runner = runner_of(sink);

	if (runner->row_count == runner->max_rows) {
		runner->cut = true;
		return;
	}
	if (runner->row_count == runner->row_size) {
		runner->row_size = runner->row_size ? runner->row_size * 2 : 16;
		runner->cells = cpl_realloc(runner->cells, runner->row_size * runner->column_count * sizeof(*runner->cells));
	}
	for (size_t i = 0; i < count; i++)
		runner->cells[runner->row_count * runner->column_count + i] = cells[i].ptr ? cpl_arena_copy(runner->arena, cells[i]) : CPL_NONE;
	runner->row_count++;
}

static void on_row(struct command_sink *sink, struct cpl_str json)
{
	/* Rows come as cells. */
}

static void add_line(struct cpl_buf *lines, struct cpl_str line)
{
	cpl_buf_add(lines, line);
	cpl_buf_add_char(lines, '\n');
}

static void on_text(struct command_sink *sink, struct cpl_str line)
{
	add_line(&runner_of(sink)->text, line);
}

static void on_complaint(struct command_sink *sink, struct cpl_str line)
{
	add_line(&runner_of(sink)->complaints, line);
}

static void on_end(struct command_sink *sink, int exit_code, struct cpl_str reason)
{
	struct runner *runner = runner_of(sink);

	runner->exit_code = exit_code;
	cpl_buf_add(&runner->reason, reason);
	runner->in = NULL;
	if (runner->run)
		cpl_call_complete(&runner->run->call, 0);
}

static void runner_free(struct runner *runner)
{
	cpl_buf_finish(&runner->text);
	cpl_buf_finish(&runner->complaints);
	cpl_buf_finish(&runner->reason);
	cpl_arena_destroy(&runner->arena);
	cpl_free(runner->cells);
	cpl_free(runner);
}

static void fired(struct cpl_call *call)
{
	struct cpl_command_run *run = CPL_CONTAINER(call, struct cpl_command_run, call);
	struct runner *runner = run->impl[0];

	if (call->status == 0) {
		run->exit_code = runner->exit_code;
		run->reason = cpl_buf_str(&runner->reason);
		run->text = cpl_buf_str(&runner->text);
		run->complaints = cpl_buf_str(&runner->complaints);
		run->columns = runner->columns;
		run->column_count = runner->column_count;
		run->cells = runner->cells;
		run->row_count = runner->row_count;
		run->cut = runner->cut;
	}
	runner->done(call);
	runner_free(runner);
}

static void cancel(struct cpl_call *call)
{
	struct runner *runner = CPL_CONTAINER(call, struct cpl_command_run, call)->impl[0];

	runner->run = NULL;
	if (runner->in)
		command_abandon(runner->in);
	runner->in = NULL;
}

int cpl_command_run(struct cpl_command_run *run, struct cpl_scope *scope, struct cpl_str words, const struct cpl_str *values, struct cpl_str password,
		    struct cpl_jid actor, size_t max_rows, void (*done)(struct cpl_call *call))
{
	struct cpl_command_view view;
	struct cpl_invocation *in;
	struct account *before;
	struct runner *runner;
	bool found;
	int status;

	if (!cpl_command_find(words, &view))
		return CPL_E_NOT_FOUND;
	status = cpl_call_begin(&run->call, scope, fired, cancel);
	if (status != 0)
		return status;
	before = account_as_core();
	runner = CPL_NEW(struct runner);
	*runner = (struct runner){
		.sink = {.columns = on_columns, .row = on_row, .text = on_text, .complaint = on_complaint, .end = on_end, .cells = on_cells},
		.run = run,
		.done = done,
		.arena = cpl_arena_create(),
		.max_rows = max_rows,
	};
	*run = (struct cpl_command_run){.call = run->call, .impl = {runner}};
	in = command_run_values(words, values, password, actor, &runner->sink, &found);
	account_back(before);
	/* on_end() may have come already. */
	runner->in = in;
	return 0;
}
