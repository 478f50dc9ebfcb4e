/* SPDX-License-Identifier: MIT */
/* Forms: a command's holes as fields, what came back, a table as items. */
#include "modules/adhoc/adhoc.h"

/* Fields that are no hole of the command's. */
#define PASSWORD "password"
#define CONFIRM	 "confirm"

bool form_needed(const struct cpl_command_view *view)
{
	return view->field_count > 0 || view->command->flags & (CPL_COMMAND_PASSWORD | CPL_COMMAND_CONFIRM);
}

/* Two holes of one name are told apart by a number. */
static struct cpl_str var_of(const struct cpl_command_view *view, size_t at, struct cpl_arena *arena)
{
	unsigned before = 1;

	for (size_t i = 0; i < at; i++)
		before += cpl_str_equal(view->fields[i].name, view->fields[at].name);
	return before == 1 ? view->fields[at].name : cpl_arena_printf(arena, "%.*s-%u", CPL_ARG(view->fields[at].name), before);
}

static const char *type_of(enum cpl_hole hole)
{
	switch (hole) {
	case CPL_HOLE_JID:
	case CPL_HOLE_ACCOUNT:
	case CPL_HOLE_FULL:
		return "jid-single";
	case CPL_HOLE_HOST:
		return "list-single";
	case CPL_HOLE_FLAG:
		return "boolean";
	default:
		return "text-single";
	}
}

static void add_hosts(struct cpl_stanza *answer, struct cpl_element *field)
{
	struct cpl_host *host;

	for (size_t at = 0; (host = cpl_host_next(&at));)
		cpl_form_option(answer, field, host->name, NULL);
}

void form_ask(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_command_view *view)
{
	struct cpl_element *x = cpl_form_add(answer, command, "form", NULL), *field;

	cpl_form_head(answer, x, cpl_str_of(view->words), cpl_str_of(view->command->summary));
	for (size_t i = 0; i < view->field_count; i++) {
		field = cpl_form_field(answer, x, var_of(view, i, answer->arena), type_of(view->fields[i].type),
				       cpl_arena_copy(answer->arena, view->fields[i].name).ptr);
		if (view->fields[i].type == CPL_HOLE_HOST)
			add_hosts(answer, field);
		if (view->fields[i].required)
			cpl_form_require(answer, field);
	}
	if (view->command->flags & CPL_COMMAND_PASSWORD)
		cpl_form_require(answer, cpl_form_field(answer, x, CPL_STR(PASSWORD), "text-private", "password"));
	if (view->command->flags & CPL_COMMAND_CONFIRM) {
		field = cpl_form_field(answer, x, CPL_STR(CONFIRM), "boolean", "Are you sure?");
		cpl_form_value(answer, field, CPL_STR("0"));
		cpl_form_require(answer, field);
	}
}

/* ---- reading ---- */

bool form_read(const struct cpl_element *command, const struct cpl_command_view *view, struct cpl_arena *arena, struct cpl_str *values,
	       struct cpl_str *password, const char **fault)
{
	const struct cpl_element *x = cpl_form_find(command, NULL);

	*password = CPL_NONE;
	*fault = NULL;
	if (!x || !cpl_str_is(cpl_attr_get(x, "type"), "submit")) {
		*fault = "There is no filled-in form";
		return false;
	}
	for (size_t i = 0; i < view->field_count; i++) {
		values[i] = cpl_form_text(x, var_of(view, i, arena), arena);
		if (view->fields[i].type == CPL_HOLE_FLAG && !cpl_form_true(values[i]))
			values[i] = CPL_NONE;
		if (view->fields[i].required && !values[i].ptr)
			*fault = cpl_arena_printf(arena, "%.*s is missing", CPL_ARG(view->fields[i].name)).ptr;
	}
	if (view->command->flags & CPL_COMMAND_PASSWORD) {
		*password = cpl_form_text(x, CPL_STR(PASSWORD), arena);
		if (!password->ptr)
			*fault = "The password is missing";
	}
	if (view->command->flags & CPL_COMMAND_CONFIRM && !cpl_form_true(cpl_form_text(x, CPL_STR(CONFIRM), arena)))
		*fault = "It has not been confirmed";
	return !*fault;
}

/* ---- results ---- */

void form_result(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_command_view *view, const struct cpl_command_run *run)
{
	struct cpl_element *x, *row;

	if (!run->columns)
		return;
	x = cpl_form_add(answer, command, "result", NULL);
	cpl_form_head(answer, x, cpl_str_of(view->words), CPL_NONE);
	row = cpl_form_reported(answer, x);
	for (size_t c = 0; c < run->column_count; c++) {
		struct cpl_str name = cpl_arena_copy(answer->arena, run->columns[c]);

		cpl_form_field(answer, row, name, "text-single", name.ptr);
	}
	for (size_t r = 0; r < run->row_count; r++) {
		row = cpl_form_item(answer, x);
		for (size_t c = 0; c < run->column_count; c++) {
			const struct cpl_str *cell = &run->cells[r * run->column_count + c];
			struct cpl_element *field = cpl_form_field(answer, row, run->columns[c], NULL, NULL);

			cpl_form_value(answer, field, cell->ptr ? *cell : CPL_STR(""));
		}
	}
}
