/* SPDX-License-Identifier: MIT */
/*
 * Data forms (XEP-0004): making and reading <x xmlns='jabber:x:data'/>, with the FORM_TYPE of XEP-0068, also as what service discovery says in addition (XEP-0128).
 * A module that uses these functions need not declare the names of forms itself. Session thread only.
 */
#ifndef COUPLET_FORM_H
#define COUPLET_FORM_H

#include <couplet/event.h>

#define CPL_NS_DATA_FORM "jabber:x:data"

#pragma GCC visibility push(default)

/* ---- making ---- */

/* Adds a form of the type "form", "submit", "result" or "cancel", with the hidden field FORM_TYPE unless form_type is NULL. */
struct cpl_element *cpl_form_add(struct cpl_stanza *stanza, struct cpl_element *parent, const char *type, const char *form_type);
/* Adds <title/> and <instructions/>; CPL_NONE: leaves it out. */
void cpl_form_head(struct cpl_stanza *stanza, struct cpl_element *form, struct cpl_str title, struct cpl_str instructions);
/* Adds a field without a value; type and label may be NULL. `parent` is the form, or an <item/> or <reported/> of it. */
struct cpl_element *cpl_form_field(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str var, const char *type, const char *label);
/* Adds one value to a field. */
void cpl_form_value(struct cpl_stanza *stanza, struct cpl_element *field, struct cpl_str value);
/* Adds each line of a text as a value (text-multi); a text without a line adds none. */
void cpl_form_lines(struct cpl_stanza *stanza, struct cpl_element *field, struct cpl_str text);
/* Says that the field must be filled in. */
void cpl_form_require(struct cpl_stanza *stanza, struct cpl_element *field);
/* Adds one choice to a field (list-single, list-multi); label may be NULL. */
void cpl_form_option(struct cpl_stanza *stanza, struct cpl_element *field, struct cpl_str value, const char *label);
/* Adds the heads of a table's columns, and a row of it, to which fields are added. */
struct cpl_element *cpl_form_reported(struct cpl_stanza *stanza, struct cpl_element *form);
struct cpl_element *cpl_form_item(struct cpl_stanza *stanza, struct cpl_element *form);

/* ---- reading ---- */

/* The first form below `parent` that has this FORM_TYPE (NULL: the first of all); NULL when there is none. */
struct cpl_element *cpl_form_find(const struct cpl_element *parent, const char *form_type);
/* The form's field of that name, or NULL. */
struct cpl_element *cpl_form_get(const struct cpl_element *form, struct cpl_str var);
/* How many values a field has; `field` may be NULL. */
size_t cpl_form_count(const struct cpl_element *field);
/* The nth value of a field, counted from 0, CPL_NONE where there is none; `field` may be NULL. In the arena, or a view of the stanza. */
struct cpl_str cpl_form_nth(const struct cpl_element *field, size_t n, struct cpl_arena *arena);
/* The first value of the form's field of that name; CPL_NONE when it is absent or empty, which is how clients send what was left out. */
struct cpl_str cpl_form_text(const struct cpl_element *form, struct cpl_str var, struct cpl_arena *arena);
/* All values of the field, joined by newlines; CPL_NONE as above. */
struct cpl_str cpl_form_joined(const struct cpl_element *form, struct cpl_str var, struct cpl_arena *arena);
/* A boolean (XEP-0004 3.3): 1 or true; anything else, and what is absent, is false. */
bool cpl_form_true(struct cpl_str value);

#pragma GCC visibility pop

/* The form of that FORM_TYPE in a disco#info answer, made when it is not there yet: there must not be two of a kind (XEP-0115 5.4), so modules share one. */
static inline struct cpl_element *cpl_disco_form(struct cpl_ev_disco *ev, const char *form_type)
{
	struct cpl_element *form = cpl_form_find(ev->query, form_type);

	return form ? form : cpl_form_add(ev->answer, ev->query, "result", form_type);
}

/* What a handler of disco_info says of the host is another thing now, for example after a reload of the configuration: the host's capabilities (XEP-0115) are made anew. NULL is left alone. */
static inline void cpl_disco_changed(struct cpl_host *host)
{
	struct cpl_ev_host ev = {host};

	if (host)
		cpl_fire_features_changed(host, &ev);
}

#endif
