/* SPDX-License-Identifier: MIT */
/* Is this element like that one? Names are compared as text, as nobody need have declared them. */
#include "core/test/testcore.h"

static bool fits(struct cpl_str is, struct cpl_str pattern)
{
	return cpl_str_is(pattern, "*") || cpl_str_equal(is, pattern);
}

static bool same_name(const struct cpl_element *is, const struct cpl_element *pattern)
{
	return cpl_str_equal(is->name, pattern->name) && cpl_str_equal(is->ns, pattern->ns);
}

/* Attributes with a namespace (xml:lang) by both parts. */
static const struct cpl_attr *attribute_of(const struct cpl_element *element, const struct cpl_attr *like)
{
	for (const struct cpl_attr *attr = element->attrs; attr; attr = attr->next)
		if (cpl_str_equal(attr->name, like->name) && cpl_str_equal(attr->ns, like->ns))
			return attr;
	return NULL;
}

static bool match_attributes(const struct cpl_element *is, const struct cpl_element *pattern, struct cpl_buf *why)
{
	for (const struct cpl_attr *wanted = pattern->attrs; wanted; wanted = wanted->next) {
		const struct cpl_attr *attr = attribute_of(is, wanted);

		if (!attr)
			cpl_buf_addf(why, "<%.*s/> has no attribute %.*s\n", CPL_ARG(is->name), CPL_ARG(wanted->name));
		else if (!fits(attr->value, wanted->value))
			cpl_buf_addf(why, "<%.*s/> has %.*s='%.*s', not '%.*s'\n", CPL_ARG(is->name), CPL_ARG(wanted->name), CPL_ARG(attr->value),
				     CPL_ARG(wanted->value));
		else
			continue;
		return false;
	}
	return true;
}

static struct cpl_str trimmed_text(const struct cpl_element *element, struct cpl_arena *arena)
{
	return cpl_str_trim(cpl_text_of(element, arena));
}

static bool match_text(const struct cpl_element *is, const struct cpl_element *pattern, struct cpl_buf *why)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str wanted = trimmed_text(pattern, arena), text = trimmed_text(is, arena);
	bool good = wanted.len == 0 || fits(text, wanted);

	if (!good)
		cpl_buf_addf(why, "<%.*s/> says \"%.*s\", not \"%.*s\"\n", CPL_ARG(is->name), CPL_ARG(text), CPL_ARG(wanted));
	cpl_arena_destroy(&arena);
	return good;
}

/* Each child of the pattern wants one of its own: tried in order, the first that fits is taken. */
static bool match_child(const struct cpl_element *is, const struct cpl_element *wanted, const struct cpl_element **taken, size_t count,
			struct cpl_buf *why)
{
	struct cpl_buf nearest = {0};

	CPL_CHILDREN(child, is) {
		bool free = true;

		for (size_t i = 0; i < count; i++)
			free = free && taken[i] != child;
		cpl_buf_clear(&nearest);
		if (!free || !match_element(child, wanted, &nearest))
			continue;
		taken[count] = child;
		cpl_buf_finish(&nearest);
		return true;
	}
	cpl_buf_addf(why, "<%.*s/> has no child that is like <%.*s/>%s%s", CPL_ARG(is->name), CPL_ARG(wanted->name), nearest.len ? ": " : "\n",
		     nearest.len ? nearest.ptr : "");
	cpl_buf_finish(&nearest);
	return false;
}

/* None of that name may be there. */
static bool is_ban(const struct cpl_element *element)
{
	return cpl_str_is(element->ns, MATCH_NONE);
}

static bool match_ban(const struct cpl_element *is, const struct cpl_element *banned, struct cpl_buf *why)
{
	CPL_CHILDREN(child, is)
		if (cpl_str_equal(child->name, banned->name)) {
			cpl_buf_addf(why, "<%.*s/> has a child <%.*s/>\n", CPL_ARG(is->name), CPL_ARG(child->name));
			return false;
		}
	return true;
}

static bool match_children(const struct cpl_element *is, const struct cpl_element *pattern, struct cpl_buf *why)
{
	const struct cpl_element **taken = cpl_alloc((cpl_child_count(pattern) + 1) * sizeof(*taken));
	size_t count = 0;
	bool good = true;

	CPL_CHILDREN(wanted, pattern) {
		if (is_ban(wanted))
			good = match_ban(is, wanted, why);
		else
			good = match_child(is, wanted, taken, count++, why);
		if (!good)
			break;
	}
	cpl_free(taken);
	return good;
}

bool match_element(const struct cpl_element *is, const struct cpl_element *pattern, struct cpl_buf *why)
{
	if (!same_name(is, pattern)) {
		cpl_buf_addf(why, "it is <%.*s xmlns='%.*s'/>, not <%.*s xmlns='%.*s'/>\n", CPL_ARG(is->name), CPL_ARG(is->ns), CPL_ARG(pattern->name),
			     CPL_ARG(pattern->ns));
		return false;
	}
	return match_attributes(is, pattern, why) && match_text(is, pattern, why) && match_children(is, pattern, why);
}
