/* SPDX-License-Identifier: MIT */
/* Answers made of what they answer: results and errors (RFC 6120 8.2.3 and 8.3). */
#include "core/xml/element.h"
#include "core/xml/names.h"

static const struct {
	const char *name;
	const char *type; /* RFC 6120 8.3.3 */
} conditions[] = {
	[CPL_BAD_REQUEST] = {"bad-request", "modify"},
	[CPL_CONFLICT] = {"conflict", "cancel"},
	[CPL_FEATURE_NOT_IMPLEMENTED] = {"feature-not-implemented", "cancel"},
	[CPL_FORBIDDEN] = {"forbidden", "auth"},
	[CPL_GONE] = {"gone", "cancel"},
	[CPL_INTERNAL_SERVER_ERROR] = {"internal-server-error", "cancel"},
	[CPL_ITEM_NOT_FOUND] = {"item-not-found", "cancel"},
	[CPL_JID_MALFORMED] = {"jid-malformed", "modify"},
	[CPL_NOT_ACCEPTABLE] = {"not-acceptable", "modify"},
	[CPL_NOT_ALLOWED] = {"not-allowed", "cancel"},
	[CPL_NOT_AUTHORIZED] = {"not-authorized", "auth"},
	[CPL_POLICY_VIOLATION] = {"policy-violation", "modify"},
	[CPL_RECIPIENT_UNAVAILABLE] = {"recipient-unavailable", "wait"},
	[CPL_REDIRECT] = {"redirect", "modify"},
	[CPL_REGISTRATION_REQUIRED] = {"registration-required", "auth"},
	[CPL_REMOTE_SERVER_NOT_FOUND] = {"remote-server-not-found", "cancel"},
	[CPL_REMOTE_SERVER_TIMEOUT] = {"remote-server-timeout", "wait"},
	[CPL_RESOURCE_CONSTRAINT] = {"resource-constraint", "wait"},
	[CPL_SERVICE_UNAVAILABLE] = {"service-unavailable", "cancel"},
	[CPL_SUBSCRIPTION_REQUIRED] = {"subscription-required", "auth"},
	[CPL_UNDEFINED_CONDITION] = {"undefined-condition", "cancel"},
	[CPL_UNEXPECTED_REQUEST] = {"unexpected-request", "wait"},
};
enum { CONDITIONS = sizeof conditions / sizeof *conditions };

static const struct cpl_name name_error = {NULL, "error", CPL_NS_CONTENT, NAMES_ERROR};

/* To the sender, from what was addressed, be it an address or not. */
static struct cpl_stanza *answer(const struct cpl_stanza *stanza, enum cpl_type type)
{
	struct cpl_stanza *reply = cpl_stanza_create(stanza->kind, type);

	cpl_stanza_set_to(reply, stanza->from);
	cpl_stanza_set_from(reply, stanza->to);
	cpl_stanza_set_id(reply, stanza->id);
	if (!cpl_jid_is_set(stanza->to) && stanza->to_text.ptr)
		reply->from_text = cpl_arena_copy(reply->arena, stanza->to_text);
	return reply;
}

struct cpl_stanza *cpl_stanza_result(const struct cpl_stanza *request)
{
	return answer(request, CPL_TYPE_RESULT);
}

struct cpl_stanza *cpl_stanza_error(const struct cpl_stanza *stanza, enum cpl_condition condition,
				    const char *text)
{
	const struct cpl_str ns = names_ns_text(CPL_NS_STANZA_ERROR);
	struct cpl_stanza *reply;
	struct cpl_element *error;

	if (stanza->kind == CPL_NONZA || stanza->type == CPL_TYPE_ERROR || stanza->type == CPL_TYPE_RESULT)
		return NULL;
	reply = answer(stanza, CPL_TYPE_ERROR);
	error = cpl_add(reply, reply->root, &name_error);
	cpl_attr_set(reply, error, "type", cpl_str_of(conditions[condition].type));
	cpl_add_named(reply, error, ns, cpl_str_of(conditions[condition].name));
	if (text) {
		struct cpl_element *said = cpl_add_named(reply, error, ns, CPL_STR("text"));

		element_add_attr(reply->arena, &said->attrs, names_ns_text(CPL_NS_XML), CPL_STR("lang"),
				 CPL_STR("en"));
		cpl_add_text(reply, said, cpl_str_of(text));
	}
	return reply;
}

enum cpl_condition cpl_stanza_condition(const struct cpl_stanza *stanza)
{
	const struct cpl_element *error = cpl_child(stanza->root, &name_error);

	if (!error)
		return CPL_UNDEFINED_CONDITION;
	CPL_CHILDREN(child, error) {
		if (child->ns_id != CPL_NS_STANZA_ERROR)
			continue;
		for (unsigned i = 0; i < CONDITIONS; i++)
			if (cpl_str_is(child->name, conditions[i].name))
				return (enum cpl_condition)i;
	}
	return CPL_UNDEFINED_CONDITION;
}

const char *cpl_condition_name(enum cpl_condition condition)
{
	return conditions[condition].name;
}
