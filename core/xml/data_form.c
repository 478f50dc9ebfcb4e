/* SPDX-License-Identifier: MIT */
/* Data forms (XEP-0004): elements made and found. */
#include "core/xml/data_form.h"

#include "core/xml/names.h"

static struct cpl_name name_x = {CPL_NS_DATA_FORM, "x", 0, 0};
static struct cpl_name name_title = {CPL_NS_DATA_FORM, "title", 0, 0};
static struct cpl_name name_instructions = {CPL_NS_DATA_FORM, "instructions", 0, 0};
static struct cpl_name name_field = {CPL_NS_DATA_FORM, "field", 0, 0};
static struct cpl_name name_value = {CPL_NS_DATA_FORM, "value", 0, 0};
static struct cpl_name name_required = {CPL_NS_DATA_FORM, "required", 0, 0};
static struct cpl_name name_option = {CPL_NS_DATA_FORM, "option", 0, 0};
static struct cpl_name name_reported = {CPL_NS_DATA_FORM, "reported", 0, 0};
static struct cpl_name name_item = {CPL_NS_DATA_FORM, "item", 0, 0};

void data_form_init(void)
{
	struct cpl_name *const all[] = {&name_x,	&name_title,  &name_instructions, &name_field, &name_value,
					&name_required, &name_option, &name_reported,	  &name_item};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		names_add(all[i]);
}

/* ---- making ---- */

struct cpl_element *cpl_form_add(struct cpl_stanza *stanza, struct cpl_element *parent, const char *type, const char *form_type)
{
	struct cpl_element *form = cpl_add(stanza, parent, &name_x);

	cpl_attr_set(stanza, form, "type", cpl_str_of(type));
	if (form_type)
		cpl_form_value(stanza, cpl_form_field(stanza, form, CPL_STR("FORM_TYPE"), "hidden", NULL), cpl_str_of(form_type));
	return form;
}

void cpl_form_head(struct cpl_stanza *stanza, struct cpl_element *form, struct cpl_str title, struct cpl_str instructions)
{
	if (title.ptr)
		cpl_add_with_text(stanza, form, &name_title, title);
	if (instructions.ptr)
		cpl_add_with_text(stanza, form, &name_instructions, instructions);
}

struct cpl_element *cpl_form_field(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str var, const char *type, const char *label)
{
	struct cpl_element *field = cpl_add(stanza, parent, &name_field);

	cpl_attr_set(stanza, field, "var", var);
	if (type)
		cpl_attr_set(stanza, field, "type", cpl_str_of(type));
	if (label)
		cpl_attr_set(stanza, field, "label", cpl_str_of(label));
	return field;
}

void cpl_form_value(struct cpl_stanza *stanza, struct cpl_element *field, struct cpl_str value)
{
	cpl_add_with_text(stanza, field, &name_value, value);
}

void cpl_form_lines(struct cpl_stanza *stanza, struct cpl_element *field, struct cpl_str text)
{
	struct cpl_str line;

	while (text.len && cpl_str_split(&text, '\n', &line))
		cpl_form_value(stanza, field, line);
}

void cpl_form_require(struct cpl_stanza *stanza, struct cpl_element *field)
{
	cpl_add(stanza, field, &name_required);
}

void cpl_form_option(struct cpl_stanza *stanza, struct cpl_element *field, struct cpl_str value, const char *label)
{
	struct cpl_element *option = cpl_add(stanza, field, &name_option);

	if (label)
		cpl_attr_set(stanza, option, "label", cpl_str_of(label));
	cpl_form_value(stanza, option, value);
}

struct cpl_element *cpl_form_reported(struct cpl_stanza *stanza, struct cpl_element *form)
{
	return cpl_add(stanza, form, &name_reported);
}

struct cpl_element *cpl_form_item(struct cpl_stanza *stanza, struct cpl_element *form)
{
	return cpl_add(stanza, form, &name_item);
}

/* ---- reading ---- */

/* FORM_TYPE is one word or URI, so that its text is one node and needs no arena. */
static bool has_form_type(const struct cpl_element *form, const char *form_type)
{
	const struct cpl_element *field = cpl_form_get(form, CPL_STR("FORM_TYPE"));
	const struct cpl_element *value = field ? cpl_child(field, &name_value) : NULL;
	const struct cpl_node *first = value ? value->first : NULL;

	return first && first->kind == CPL_NODE_TEXT && cpl_str_is(CPL_CONTAINER(first, struct cpl_text, node)->text, form_type);
}

struct cpl_element *cpl_form_find(const struct cpl_element *parent, const char *form_type)
{
	CPL_CHILDREN(form, parent)
		if (cpl_is(form, &name_x) && (!form_type || has_form_type(form, form_type)))
			return form;
	return NULL;
}

struct cpl_element *cpl_form_get(const struct cpl_element *form, struct cpl_str var)
{
	CPL_CHILDREN(field, form)
		if (cpl_is(field, &name_field) && cpl_str_equal(cpl_attr_get(field, "var"), var))
			return field;
	return NULL;
}

size_t cpl_form_count(const struct cpl_element *field)
{
	size_t count = 0;

	if (!field)
		return 0;
	CPL_CHILDREN(value, field)
		count += cpl_is(value, &name_value);
	return count;
}

struct cpl_str cpl_form_nth(const struct cpl_element *field, size_t n, struct cpl_arena *arena)
{
	if (!field)
		return CPL_NONE;
	CPL_CHILDREN(value, field)
		if (cpl_is(value, &name_value) && n-- == 0)
			return cpl_text_of(value, arena);
	return CPL_NONE;
}

struct cpl_str cpl_form_text(const struct cpl_element *form, struct cpl_str var, struct cpl_arena *arena)
{
	struct cpl_str value = cpl_form_nth(cpl_form_get(form, var), 0, arena);

	return value.len ? value : CPL_NONE;
}

struct cpl_str cpl_form_joined(const struct cpl_element *form, struct cpl_str var, struct cpl_arena *arena)
{
	const struct cpl_element *field = cpl_form_get(form, var);
	struct cpl_buf joined = {0};
	bool more = false;
	struct cpl_str copy;

	if (!field)
		return CPL_NONE;
	CPL_CHILDREN(value, field) {
		if (!cpl_is(value, &name_value))
			continue;
		if (more)
			cpl_buf_add_char(&joined, '\n');
		more = true;
		cpl_buf_add(&joined, cpl_text_of(value, arena));
	}
	copy = joined.len ? cpl_arena_copy(arena, cpl_buf_str(&joined)) : CPL_NONE;
	cpl_buf_finish(&joined);
	return copy;
}

bool cpl_form_true(struct cpl_str value)
{
	return cpl_str_is(value, "1") || cpl_str_is(value, "true");
}
