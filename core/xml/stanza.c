/* SPDX-License-Identifier: MIT */
/* Stanzas: their life, their members and copies. */
#include "core/xml/alike.h"
#include "core/xml/element.h"
#include "core/xml/names.h"
#include "core/xml/stanza_done.h"
#include <assert.h>

void (*stanza_done)(struct cpl_stanza *stanza);
void (*stanza_session_unref)(struct cpl_session *session);

struct cpl_stanza *stanza_blank(void)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_stanza *stanza = cpl_arena_alloc(arena, sizeof *stanza);

	stanza->arena = arena;
	stanza->refs = 1;
	return stanza;
}

struct cpl_stanza *cpl_stanza_create(enum cpl_kind kind, enum cpl_type type)
{
	static const uint16_t ids[] = {NAMES_MESSAGE, NAMES_PRESENCE, NAMES_IQ};
	struct cpl_stanza *stanza = stanza_blank();

	assert(kind != CPL_NONZA);
	stanza->kind = kind;
	stanza->type = type;
	stanza->root = element_add(stanza->arena, NULL, CPL_NS_CONTENT, CPL_NONE, ids[kind], kind_text(kind));
	return stanza;
}

struct cpl_stanza *cpl_nonza_create(const struct cpl_name *name)
{
	struct cpl_stanza *stanza = stanza_blank();

	assert(name->local_id && name->ns_id);
	stanza->kind = CPL_NONZA;
	stanza->root = element_add(stanza->arena, NULL, name->ns_id, names_ns_text(name->ns_id),
				   name->local_id, names_local_text(name->local_id));
	return stanza;
}

/* ---- members ---- */

static struct cpl_jid copy_jid(struct cpl_arena *arena, struct cpl_jid jid)
{
	if (cpl_jid_is_set(jid))
		jid.text = cpl_arena_copy(arena, cpl_jid_str(jid)).ptr;
	return jid;
}

static struct cpl_str copy_str(struct cpl_arena *arena, struct cpl_str s)
{
	return s.ptr ? cpl_arena_copy(arena, s) : CPL_NONE;
}

void cpl_stanza_set_to(struct cpl_stanza *stanza, struct cpl_jid to)
{
	assert(stanza->arena);
	stanza->to = copy_jid(stanza->arena, to);
	stanza->to_text = CPL_NONE;
}

void cpl_stanza_set_from(struct cpl_stanza *stanza, struct cpl_jid from)
{
	assert(stanza->arena);
	stanza->from = copy_jid(stanza->arena, from);
	stanza->from_text = CPL_NONE;
}

void cpl_stanza_set_id(struct cpl_stanza *stanza, struct cpl_str id)
{
	assert(stanza->arena);
	stanza->id = copy_str(stanza->arena, id);
}

void cpl_stanza_set_lang(struct cpl_stanza *stanza, struct cpl_str lang)
{
	assert(stanza->arena);
	stanza->lang = copy_str(stanza->arena, lang);
}

/* ---- life ---- */

struct cpl_stanza *cpl_stanza_ref(struct cpl_stanza *stanza)
{
	stanza->refs++;
	return stanza;
}

void cpl_stanza_unref(struct cpl_stanza **pointer)
{
	struct cpl_stanza *stanza = *pointer;
	struct cpl_arena *arena;

	*pointer = NULL;
	if (!stanza)
		return;
	assert(stanza->refs > stanza->holds);
	if (--stanza->refs)
		return;
	cpl_list_remove(&stanza->in_flight);
	if (stanza->session && stanza_session_unref)
		stanza_session_unref(stanza->session);
	arena = stanza->arena;
	if (arena) {
		cpl_arena_destroy(&arena);
		return;
	}
	if (stanza->alike)
		alike_unref(stanza->root);
	cpl_free(stanza);
}

void cpl_stanza_hold(struct cpl_stanza *stanza)
{
	stanza->refs++;
	stanza->holds++;
}

void cpl_stanza_release(struct cpl_stanza **pointer)
{
	struct cpl_stanza *stanza = *pointer;

	assert(stanza->holds);
	if (--stanza->holds == 0 && stanza->handled && stanza_done)
		stanza_done(stanza);
	cpl_stanza_unref(pointer);
}

/* ---- copies ---- */

struct cpl_stanza *cpl_stanza_copy(const struct cpl_stanza *stanza)
{
	struct cpl_stanza *copy = stanza_blank();

	copy->kind = stanza->kind;
	copy->type = stanza->type;
	copy->from = copy_jid(copy->arena, stanza->from);
	copy->to = copy_jid(copy->arena, stanza->to);
	copy->id = copy_str(copy->arena, stanza->id);
	copy->lang = copy_str(copy->arena, stanza->lang);
	copy->to_text = copy_str(copy->arena, stanza->to_text);
	copy->from_text = copy_str(copy->arena, stanza->from_text);
	copy->wire_size = stanza->wire_size;
	copy->root = element_copy(copy->arena, NULL, stanza->root, CPL_NS_CONTENT);
	return copy;
}

static struct cpl_attr **add_member(struct cpl_arena *arena, struct cpl_attr **link, const char *name,
				    struct cpl_str value)
{
	return value.ptr ? element_add_attr(arena, link, CPL_NONE, cpl_str_of(name), value) : link;
}

struct cpl_element *cpl_add_stanza(struct cpl_stanza *stanza, struct cpl_element *parent,
				   const struct cpl_stanza *inner)
{
	struct cpl_element *root = element_copy(stanza->arena, parent, inner->root, CPL_NS_CLIENT);
	struct cpl_attr *rest = root->attrs, **link = &root->attrs;

	link = add_member(stanza->arena, link, "from",
			  cpl_jid_is_set(inner->from) ? cpl_jid_str(inner->from) : inner->from_text);
	link = add_member(stanza->arena, link, "to",
			  cpl_jid_is_set(inner->to) ? cpl_jid_str(inner->to) : inner->to_text);
	link = add_member(stanza->arena, link, "id", inner->id);
	link = add_member(stanza->arena, link, "type", type_text(inner->type));
	if (inner->lang.ptr)
		link = element_add_attr(stanza->arena, link, names_ns_text(CPL_NS_XML), CPL_STR("lang"),
					inner->lang);
	*link = rest;
	return root;
}
