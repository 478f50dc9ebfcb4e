/* SPDX-License-Identifier: MIT */
/*
 * The table of interned names. Only the core and modules add to it (at load); what peers send is only looked
 * up, so it cannot grow by their doing. At most 65,535 local names and as many namespaces; session thread.
 */
#ifndef CORE_XML_NAMES_H
#define CORE_XML_NAMES_H

#include <couplet/stanza.h>

/* Local names that every stream needs; their ids are fixed. */
enum { NAMES_MESSAGE = 1, NAMES_PRESENCE = 2, NAMES_IQ = 3, NAMES_ERROR = 4 };

/* Interns and fills in the ids (a NULL namespace is CPL_NS_CONTENT, an empty one CPL_NS_NONE); returns 0, or
 * CPL_E_FULL. May be called again for the same name. */
int names_add(struct cpl_name *name);
/* 0 when the table is full. */
uint16_t names_add_ns(struct cpl_str ns);
/* 0 when not interned. */
uint16_t names_ns(struct cpl_str ns);
uint16_t names_local(struct cpl_str local);
/* The text of an id, which lives as long as the process; CPL_NONE for 0 and for CPL_NS_CONTENT. */
struct cpl_str names_ns_text(uint16_t id);
struct cpl_str names_local_text(uint16_t id);

#endif
