/* SPDX-License-Identifier: MIT */
/* Commands under the names and with the forms of specifications. */
#include "modules/adhoc/profile.h"

/* More values in one field are refused: each is a run of a command. */
enum { EACH_MAX = 1000 };

#define NS_ROSTER "jabber:iq:roster"

const struct cpl_adhoc_command *profile_next(struct cpl_host *host, size_t *at, struct cpl_command_view *view)
{
	struct cpl_adhoc_commands all;
	size_t seen = 0;

	cpl_adhoc_collect(host, &all);
	for (size_t t = 0; t < all.count; t++)
		for (const struct cpl_adhoc_command *profile = all.tables[t]; profile->node; profile++)
			if (seen++ >= *at && cpl_command_find(cpl_str_of(profile->words), view)) {
				*at = seen;
				return profile;
			}
	return NULL;
}

const struct cpl_adhoc_command *profile_find(struct cpl_host *host, struct cpl_str node, struct cpl_command_view *view)
{
	const struct cpl_adhoc_command *profile;

	for (size_t at = 0; (profile = profile_next(host, &at, view));)
		if (cpl_str_is(node, profile->node))
			return profile;
	return NULL;
}

static bool is_asked(const struct cpl_adhoc_field *field)
{
	return !(field->flags & (CPL_ADHOC_HOST | CPL_ADHOC_FIXED));
}

bool profile_asks(const struct cpl_adhoc_command *profile)
{
	for (const struct cpl_adhoc_field *field = profile->fields; field && field->hole; field++)
		if (is_asked(field))
			return true;
	return false;
}

/* ---- tables ---- */

static size_t column_of(const struct cpl_command_run *run, const char *name)
{
	size_t c = 0;

	while (c < run->column_count && !cpl_str_is(run->columns[c], name))
		c++;
	return c;
}

/* The cell that is picked from a row; false when the row is not meant. */
static bool pick(const struct cpl_command_run *run, size_t row, const struct cpl_adhoc_pick *pick, struct cpl_str *cell)
{
	const struct cpl_str *cells = &run->cells[row * run->column_count];
	size_t column = column_of(run, pick->column), where = pick->where ? column_of(run, pick->where) : 0;

	if (column == run->column_count || where == run->column_count || (pick->where && !cpl_str_is(cells[where], pick->is)))
		return false;
	*cell = cells[column];
	return cell->ptr != NULL;
}

/* ---- the form ---- */

static void fill_field(struct cpl_stanza *answer, struct cpl_element *element, const struct cpl_adhoc_field *field, const struct cpl_command_run *fill)
{
	struct cpl_str cell;

	if (field->value)
		cpl_form_value(answer, element, cpl_str_of(field->value));
	for (size_t r = 0; fill && field->filled.column && r < fill->row_count; r++)
		if (pick(fill, r, &field->filled, &cell)) {
			if (field->flags & CPL_ADHOC_LINES)
				cpl_form_lines(answer, element, cell);
			else
				cpl_form_value(answer, element, cell);
		}
}

void profile_ask(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_adhoc_command *profile, const struct cpl_command_run *fill)
{
	struct cpl_element *form = cpl_form_add(answer, command, "form", profile->form_type);

	cpl_form_head(answer, form, cpl_str_of(profile->title), cpl_str_of(profile->instructions));
	for (const struct cpl_adhoc_field *field = profile->fields; field->hole; field++) {
		struct cpl_element *element;

		if (!is_asked(field))
			continue;
		element = cpl_form_field(answer, form, cpl_str_of(field->var), field->type, field->label);
		fill_field(answer, element, field, fill);
		for (const char *const *choice = field->choices; choice && *choice; choice += 2)
			cpl_form_option(answer, element, cpl_str_of(choice[0]), choice[1]);
		if (field->flags & CPL_ADHOC_REQUIRED)
			cpl_form_require(answer, element);
	}
}

/* ---- what has been filled in ---- */

static struct cpl_str joined_words(const struct cpl_element *element, struct cpl_arena *arena)
{
	struct cpl_buf words = {0};
	struct cpl_str copy;

	for (size_t i = 0; i < cpl_form_count(element); i++) {
		struct cpl_str value = cpl_str_trim(cpl_form_nth(element, i, arena));

		if (value.len && words.len)
			cpl_buf_add_char(&words, ' ');
		cpl_buf_add(&words, value);
	}
	copy = words.len ? cpl_arena_copy(arena, cpl_buf_str(&words)) : CPL_NONE;
	cpl_buf_finish(&words);
	return copy;
}

/* One value of a field that is not of EACH. */
static struct cpl_str value_of(const struct cpl_adhoc_field *field, const struct cpl_element *form, struct cpl_host *host, struct cpl_arena *arena)
{
	struct cpl_str var = cpl_str_of(field->var);

	if (field->flags & CPL_ADHOC_HOST)
		return host->name;
	if (field->flags & CPL_ADHOC_FIXED)
		return cpl_str_of(field->value);
	if (!form)
		return CPL_NONE;
	if (field->flags & CPL_ADHOC_LINES)
		return cpl_form_joined(form, var, arena);
	if (field->flags & CPL_ADHOC_WORDS)
		return joined_words(cpl_form_get(form, var), arena);
	return cpl_form_text(form, var, arena);
}

static size_t hole_of(const struct cpl_command_view *view, const char *hole)
{
	size_t i = 0;

	while (i < view->field_count && !cpl_str_is(view->fields[i].name, hole))
		i++;
	return i;
}

/* Puts a value into all runs from `first` on. */
static void put(struct profile_values *values, const struct cpl_command_view *view, const char *hole, struct cpl_str value)
{
	size_t at = hole_of(view, hole);

	if (at == view->field_count) {
		values->password = value;
		return;
	}
	for (size_t n = 0; n < values->count; n++)
		values->values[n * view->field_count + at] = value;
}

static const struct cpl_adhoc_field *each_of(const struct cpl_adhoc_command *profile)
{
	for (const struct cpl_adhoc_field *field = profile->fields; field && field->hole; field++)
		if (field->flags & CPL_ADHOC_EACH)
			return field;
	return NULL;
}

/* The values of the field of EACH that are not empty. */
static size_t read_each(const struct cpl_element *element, struct cpl_arena *arena, struct cpl_str *texts)
{
	size_t count = 0;

	for (size_t i = 0; i < cpl_form_count(element) && count < EACH_MAX; i++) {
		struct cpl_str text = cpl_str_trim(cpl_form_nth(element, i, arena));

		if (text.len)
			texts[count++] = text;
	}
	return count;
}

bool profile_read(const struct cpl_element *command, const struct cpl_adhoc_command *profile, const struct cpl_command_view *view, struct cpl_host *host,
		  struct cpl_arena *arena, struct profile_values *values, const char **fault)
{
	const struct cpl_element *form = cpl_form_find(command, NULL);
	const struct cpl_adhoc_field *each = each_of(profile);
	struct cpl_str *texts = NULL, before = CPL_NONE;

	*values = (struct profile_values){.count = 1};
	*fault = NULL;
	if (profile_asks(profile) && (!form || !cpl_str_is(cpl_attr_get(form, "type"), "submit"))) {
		*fault = "There is no filled-in form";
		return false;
	}
	if (each) {
		const struct cpl_element *element = cpl_form_get(form, cpl_str_of(each->var));

		if (cpl_form_count(element) > EACH_MAX) {
			*fault = cpl_arena_printf(arena, "%s has more than %d values", each->var, EACH_MAX).ptr;
			return false;
		}
		texts = cpl_arena_alloc(arena, (cpl_form_count(element) + 1) * sizeof(*texts));
		values->count = read_each(element, arena, texts);
	}
	values->values = cpl_arena_alloc(arena, (values->count * view->field_count + 1) * sizeof(*values->values));
	for (const struct cpl_adhoc_field *field = profile->fields; field && field->hole; field++) {
		struct cpl_str value = field == each ? (values->count ? texts[0] : CPL_NONE) : value_of(field, form, host, arena);

		if (field->flags & CPL_ADHOC_REQUIRED && !value.len)
			*fault = cpl_arena_printf(arena, "%s is missing", field->var).ptr;
		else if (field->flags & CPL_ADHOC_SAME && value.ptr && !cpl_str_equal(value, before))
			*fault = cpl_arena_printf(arena, "%s is not the same", field->var).ptr;
		else if (field != each && !(field->flags & CPL_ADHOC_SAME))
			put(values, view, field->hole, value);
		before = value;
	}
	for (size_t n = 0; each && n < values->count; n++)
		values->values[n * view->field_count + hole_of(view, each->hole)] = texts[n];
	values->each = texts;
	return !*fault;
}

/* ---- results ---- */

struct cpl_name profile_query = {NS_ROSTER, "query", 0, 0};
struct cpl_name profile_item = {NS_ROSTER, "item", 0, 0};
struct cpl_name profile_group = {NS_ROSTER, "group", 0, 0};


static struct cpl_str cell_of(const struct cpl_command_run *run, size_t row, const char *name)
{
	size_t column = column_of(run, name);

	return column == run->column_count ? CPL_NONE : run->cells[row * run->column_count + column];
}

/* XEP-0133 4.8: as a roster of RFC 6121 has it, in the form. */
static void add_roster(struct cpl_stanza *answer, struct cpl_element *form, const struct cpl_command_run *run)
{
	struct cpl_element *query = cpl_add(answer, form, &profile_query);

	for (size_t r = 0; r < run->row_count; r++) {
		struct cpl_element *item = cpl_add(answer, query, &profile_item);
		struct cpl_str groups = cell_of(run, r, "groups");
		struct cpl_buf group = {0};

		cpl_attr_set(answer, item, "jid", cell_of(run, r, "jid"));
		cpl_attr_set(answer, item, "name", cell_of(run, r, "name"));
		cpl_attr_set(answer, item, "subscription", cell_of(run, r, "subscription"));
		while (groups.len && cpl_commas_next(&groups, &group))
			cpl_add_with_text(answer, item, &profile_group, cpl_buf_str(&group));
		cpl_buf_finish(&group);
	}
}

/* The field of that name, made when it is not there yet. */
static struct cpl_element *field_of(struct cpl_stanza *answer, struct cpl_element *form, const char *var, const char *label)
{
	struct cpl_element *field = cpl_form_get(form, cpl_str_of(var));

	return field ? field : cpl_form_field(answer, form, cpl_str_of(var), NULL, label);
}

void profile_result(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_adhoc_command *profile, const struct cpl_command_run *run,
		    struct cpl_str each)
{
	struct cpl_element *form = cpl_form_find(command, NULL);
	const struct cpl_adhoc_field *asked = each_of(profile);

	if (!profile->results && !profile->roster)
		return;
	if (!form)
		form = cpl_form_add(answer, command, "result", profile->form_type);
	if (asked && each.ptr)
		cpl_form_value(answer, field_of(answer, form, asked->var, NULL), each);
	for (const struct cpl_adhoc_result *result = profile->results; result && result->var; result++) {
		struct cpl_element *field = field_of(answer, form, result->var, result->label);
		struct cpl_str cell;

		for (size_t r = 0; r < run->row_count; r++)
			if (pick(run, r, &result->pick, &cell))
				cpl_form_value(answer, field, cell);
	}
	if (profile->roster)
		add_roster(answer, form, run);
}
