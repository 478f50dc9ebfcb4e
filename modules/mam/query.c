/* SPDX-License-Identifier: MIT */
/* Queries as clients make them: a form of conditions (XEP-0313 4.1) and a page of what meets them (XEP-0059). */
#include "modules/mam/mam.h"

#define NS_RSM "http://jabber.org/protocol/rsm"
#define NS_VALIDATE "http://jabber.org/protocol/xdata-validate"

/* It comes back with each message. */
enum { QUERY_ID_MAX = 255 };

struct reading {
	struct mam_query *query;
	const struct mam_config *config;
	struct cpl_arena *arena;
	enum cpl_condition *condition;
	const char **text;
};

static bool wrong(const struct reading *reading, enum cpl_condition condition, const char *text)
{
	*reading->condition = condition;
	*reading->text = text;
	return false;
}

/* ---- the form ---- */

static bool read_with(const struct reading *reading, const struct cpl_element *field)
{
	struct cpl_str value = cpl_form_nth(field, 0, reading->arena);

	if (value.len == 0 || cpl_jid_parse(&reading->query->question.with, value, reading->arena) == 0)
		return true;
	return wrong(reading, CPL_BAD_REQUEST, "The field with is no address");
}

static bool read_time(const struct reading *reading, const struct cpl_element *field, int64_t *when)
{
	struct cpl_str value = cpl_form_nth(field, 0, reading->arena);

	if (value.len == 0)
		return true;
	if (!cpl_time_parse(value, when))
		return wrong(reading, CPL_BAD_REQUEST, cpl_arena_printf(reading->arena, "The field %.*s is no time as XEP-0082 has them, such as 2026-01-31T12:00:00Z",
									CPL_ARG(cpl_attr_get(field, "var"))).ptr);
	/* 0 is open, and nothing is that old. */
	if (*when <= 0)
		*when = 1;
	return true;
}

static bool read_start(const struct reading *reading, const struct cpl_element *field)
{
	return read_time(reading, field, &reading->query->question.start);
}

static bool read_end(const struct reading *reading, const struct cpl_element *field)
{
	return read_time(reading, field, &reading->query->question.end);
}

static bool read_after(const struct reading *reading, const struct cpl_element *field)
{
	reading->query->question.after = cpl_form_nth(field, 0, reading->arena);
	return true;
}

static bool read_before(const struct reading *reading, const struct cpl_element *field)
{
	reading->query->question.before = cpl_form_nth(field, 0, reading->arena);
	return true;
}

static bool read_ids(const struct reading *reading, const struct cpl_element *field)
{
	size_t count = cpl_form_count(field);
	struct cpl_str *ids;

	if (count > (size_t)reading->config->max_page_size)
		return wrong(reading, CPL_POLICY_VIOLATION, cpl_arena_printf(reading->arena, "The field ids may have %lld values at most",
									     (long long)reading->config->max_page_size).ptr);
	ids = cpl_arena_alloc(reading->arena, (count + 1) * sizeof(*ids));
	for (size_t i = 0; i < count; i++)
		ids[i] = cpl_form_nth(field, i, reading->arena);
	reading->query->question.ids = ids;
	reading->query->question.id_count = count;
	return true;
}

/* No messages of rooms are in these archives, so both answers are right (XEP-0313 7). */
static bool read_groupchat(const struct reading *reading, const struct cpl_element *field)
{
	struct cpl_str value = cpl_form_nth(field, 0, reading->arena);

	if (cpl_form_true(value) || value.len == 0 || cpl_str_is(value, "false") || cpl_str_is(value, "0"))
		return true;
	return wrong(reading, CPL_BAD_REQUEST, "The field include-groupchat is true or false");
}

static bool read_type(const struct reading *reading, const struct cpl_element *field)
{
	return true;
}

static const struct field {
	const char *var, *type;
	bool (*read)(const struct reading *reading, const struct cpl_element *field);
} fields[] = {
	{"FORM_TYPE", "hidden", read_type},
	{"with", "jid-single", read_with},
	{"start", "text-single", read_start},
	{"end", "text-single", read_end},
	{"before-id", "text-single", read_before},
	{"after-id", "text-single", read_after},
	{"ids", "list-multi", read_ids},
	{"include-groupchat", "boolean", read_groupchat},
};
enum { FIELDS = sizeof(fields) / sizeof(*fields) };

static bool read_field(const struct reading *reading, const struct cpl_element *e)
{
	struct cpl_str var = cpl_attr_get(e, "var");

	for (unsigned i = 0; i < FIELDS; i++)
		if (cpl_str_is(var, fields[i].var))
			return fields[i].read(reading, e);
	return wrong(reading, CPL_FEATURE_NOT_IMPLEMENTED, cpl_arena_printf(reading->arena, "There is no field \"%.*s\"", CPL_ARG(var)).ptr);
}

static bool read_form(const struct reading *reading, const struct cpl_element *form)
{
	if (!cpl_str_is(cpl_form_text(form, CPL_STR("FORM_TYPE"), reading->arena), MAM_NS))
		return wrong(reading, CPL_BAD_REQUEST, "The form's FORM_TYPE is not " MAM_NS);
	if (!cpl_str_is(cpl_attr_get(form, "type"), "submit"))
		return wrong(reading, CPL_BAD_REQUEST, "The form is not of the type submit");
	CPL_CHILDREN(child, form)
		if (cpl_str_is(child->name, "field") && !read_field(reading, child))
			return false;
	return true;
}

/* ---- the page ---- */

static bool read_set(const struct reading *reading, const struct cpl_element *set)
{
	struct cpl_archive_question *question = &reading->query->question;
	struct cpl_str text, after = CPL_NONE, before = CPL_NONE;
	int64_t max;

	CPL_CHILDREN(child, set)
	{
		if (!cpl_str_is(child->ns, NS_RSM))
			continue;
		text = cpl_str_trim(cpl_text_of(child, reading->arena));
		if (cpl_str_is(child->name, "max")) {
			if (!cpl_str_to_int(text, 0, INT32_MAX, &max))
				return wrong(reading, CPL_BAD_REQUEST, "<max/> is no number from 0 to 2147483647");
			question->max = max < reading->config->max_page_size ? (size_t)max : (size_t)reading->config->max_page_size;
			question->count = max == 0;
		} else if (cpl_str_is(child->name, "after")) {
			after = text;
		} else if (cpl_str_is(child->name, "before")) {
			before = text;
		} else if (cpl_str_is(child->name, "index")) {
			return wrong(reading, CPL_FEATURE_NOT_IMPLEMENTED, "Pages are found by ids and not by their index");
		}
	}
	if (after.ptr && before.ptr)
		return wrong(reading, CPL_BAD_REQUEST, "A page is after or before a message; see the fields after-id and before-id");
	question->page_after = after;
	question->page_before = before.len ? before : CPL_NONE;
	question->backwards = before.ptr != NULL;
	return true;
}

bool mam_query_read(struct mam_query *query, const struct cpl_element *e, const struct mam_config *config, struct cpl_arena *arena,
		    enum cpl_condition *condition, const char **text)
{
	const struct reading reading = {query, config, arena, condition, text};

	*query = (struct mam_query){.queryid = cpl_attr_get(e, "queryid")};
	query->question.max = (size_t)(config->page_size < config->max_page_size ? config->page_size : config->max_page_size);
	query->question.max_bytes = (size_t)config->page_bytes;
	if (query->queryid.len > QUERY_ID_MAX)
		return wrong(&reading, CPL_BAD_REQUEST, "The queryid has 255 bytes at most");
	if (cpl_attr_get(e, "node").ptr)
		return wrong(&reading, CPL_FEATURE_NOT_IMPLEMENTED, "An account's archive has no nodes");
	CPL_CHILDREN(child, e)
	{
		if (cpl_str_is(child->ns, CPL_NS_DATA_FORM) && cpl_str_is(child->name, "x")) {
			if (!read_form(&reading, child))
				return false;
		} else if (cpl_str_is(child->ns, NS_RSM) && cpl_str_is(child->name, "set")) {
			if (!read_set(&reading, child))
				return false;
		} else if (cpl_str_is(child->ns, MAM_NS) && cpl_str_is(child->name, "flip-page")) {
			query->flip = true;
		}
	}
	return true;
}

/* ---- what may be asked ---- */

enum cpl_flow mam_on_form(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result = cpl_iq_result(ev);
	struct cpl_element *form = cpl_form_add(result, cpl_add(result, result->root, &mam_name_query), "form", MAM_NS);

	for (unsigned i = 1; i < FIELDS; i++) {
		struct cpl_element *field = cpl_form_field(result, form, cpl_str_of(fields[i].var), fields[i].type, NULL), *validate;

		if (fields[i].read != read_ids)
			continue;
		validate = cpl_add_named(result, field, CPL_STR(NS_VALIDATE), CPL_STR("validate"));
		cpl_attr_set(result, validate, "datatype", CPL_STR("xs:string"));
		cpl_add_named(result, validate, CPL_STR(NS_VALIDATE), CPL_STR("open"));
	}
	cpl_send(&result);
	return CPL_HANDLED;
}

/* XEP-0313 8.1: somebody else's archive is forbidden, whether or not there is such an account. */
enum cpl_flow mam_on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_element *payload = cpl_first_child(ev->stanza->root);

	if (ev->target != CPL_TARGET_BARE || (ev->stanza->type != CPL_TYPE_GET && ev->stanza->type != CPL_TYPE_SET) || !payload ||
	    (!cpl_is(payload, &mam_name_query) && !cpl_is(payload, &mam_name_metadata) && !cpl_is(payload, &mam_name_prefs)))
		return CPL_NEXT;
	return cpl_iq_error(ev, CPL_FORBIDDEN, "An archive is its owner's only");
}
