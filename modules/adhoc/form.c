/* SPDX-License-Identifier: MIT */
/* Forms: a command's holes as fields, what came back, a table as items. */
#include "modules/adhoc/adhoc.h"

#define NS_DATA "jabber:x:data"

struct cpl_name form_x = {NS_DATA, "x", 0, 0};
struct cpl_name form_title = {NS_DATA, "title", 0, 0};
struct cpl_name form_instructions = {NS_DATA, "instructions", 0, 0};
struct cpl_name form_field = {NS_DATA, "field", 0, 0};
struct cpl_name form_value = {NS_DATA, "value", 0, 0};
struct cpl_name form_required = {NS_DATA, "required", 0, 0};
struct cpl_name form_option = {NS_DATA, "option", 0, 0};
struct cpl_name form_reported = {NS_DATA, "reported", 0, 0};
struct cpl_name form_item = {NS_DATA, "item", 0, 0};

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

static struct cpl_element *add_field(struct cpl_stanza *answer, struct cpl_element *x, struct cpl_str var, const char *type, struct cpl_str label)
{
	struct cpl_element *field = cpl_add(answer, x, &form_field);

	cpl_attr_set(answer, field, "var", var);
	if (type)
		cpl_attr_set(answer, field, "type", cpl_str_of(type));
	cpl_attr_set(answer, field, "label", label);
	return field;
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
		cpl_add_with_text(answer, cpl_add(answer, field, &form_option), &form_value, host->name);
}

void form_ask(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_command_view *view)
{
	struct cpl_element *x = cpl_add(answer, command, &form_x), *field;

	cpl_attr_set(answer, x, "type", CPL_STR("form"));
	cpl_add_with_text(answer, x, &form_title, cpl_str_of(view->words));
	cpl_add_with_text(answer, x, &form_instructions, cpl_str_of(view->command->summary));
	for (size_t i = 0; i < view->field_count; i++) {
		field = add_field(answer, x, var_of(view, i, answer->arena), type_of(view->fields[i].type), view->fields[i].name);
		if (view->fields[i].type == CPL_HOLE_HOST)
			add_hosts(answer, field);
		if (view->fields[i].required)
			cpl_add(answer, field, &form_required);
	}
	if (view->command->flags & CPL_COMMAND_PASSWORD) {
		field = add_field(answer, x, CPL_STR(PASSWORD), "text-private", CPL_STR("password"));
		cpl_add(answer, field, &form_required);
	}
	if (view->command->flags & CPL_COMMAND_CONFIRM) {
		field = add_field(answer, x, CPL_STR(CONFIRM), "boolean", CPL_STR("Are you sure?"));
		cpl_add_with_text(answer, field, &form_value, CPL_STR("0"));
		cpl_add(answer, field, &form_required);
	}
}

/* ---- reading ---- */

/* The field's first value; CPL_NONE when it is absent or empty, which is how clients send what was left out. */
static struct cpl_str value_of(const struct cpl_element *x, struct cpl_str var, struct cpl_arena *arena)
{
	CPL_CHILDREN(field, x) {
		struct cpl_str value;

		if (!cpl_is(field, &form_field) || !cpl_str_equal(cpl_attr_get(field, "var"), var))
			continue;
		value = cpl_child_text(field, &form_value, arena);
		return value.len ? value : CPL_NONE;
	}
	return CPL_NONE;
}

/* XEP-0004 3.3: a boolean is 1 or true, 0 or false. */
static bool is_true(struct cpl_str value)
{
	return cpl_str_is(value, "1") || cpl_str_is(value, "true");
}

bool form_read(const struct cpl_element *command, const struct cpl_command_view *view, struct cpl_arena *arena, struct cpl_str *values,
	       struct cpl_str *password, const char **fault)
{
	const struct cpl_element *x = cpl_child(command, &form_x);

	*password = CPL_NONE;
	*fault = NULL;
	if (!x || !cpl_str_is(cpl_attr_get(x, "type"), "submit")) {
		*fault = "There is no filled-in form";
		return false;
	}
	for (size_t i = 0; i < view->field_count; i++) {
		values[i] = value_of(x, var_of(view, i, arena), arena);
		if (view->fields[i].type == CPL_HOLE_FLAG && !is_true(values[i]))
			values[i] = CPL_NONE;
		if (view->fields[i].required && !values[i].ptr)
			*fault = cpl_arena_printf(arena, "%.*s is missing", CPL_ARG(view->fields[i].name)).ptr;
	}
	if (view->command->flags & CPL_COMMAND_PASSWORD) {
		*password = value_of(x, CPL_STR(PASSWORD), arena);
		if (!password->ptr)
			*fault = "The password is missing";
	}
	if (view->command->flags & CPL_COMMAND_CONFIRM && !is_true(value_of(x, CPL_STR(CONFIRM), arena)))
		*fault = "It has not been confirmed";
	return !*fault;
}

/* ---- results ---- */

void form_result(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_command_view *view, const struct cpl_command_run *run)
{
	struct cpl_element *x, *row;

	if (!run->columns)
		return;
	x = cpl_add(answer, command, &form_x);
	cpl_attr_set(answer, x, "type", CPL_STR("result"));
	cpl_add_with_text(answer, x, &form_title, cpl_str_of(view->words));
	row = cpl_add(answer, x, &form_reported);
	for (size_t c = 0; c < run->column_count; c++)
		add_field(answer, row, run->columns[c], "text-single", run->columns[c]);
	for (size_t r = 0; r < run->row_count; r++) {
		row = cpl_add(answer, x, &form_item);
		for (size_t c = 0; c < run->column_count; c++) {
			const struct cpl_str *cell = &run->cells[r * run->column_count + c];
			struct cpl_element *field = cpl_add(answer, row, &form_field);

			cpl_attr_set(answer, field, "var", run->columns[c]);
			cpl_add_with_text(answer, field, &form_value, cell->ptr ? *cell : CPL_STR(""));
		}
	}
}
