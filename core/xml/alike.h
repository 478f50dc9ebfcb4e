/* SPDX-License-Identifier: MIT */
/*
 * Compacted stanzas whose elements are shared. Clients of the same make say the same in their presence (nothing at all, or their capabilities), thousands of times; what is alike is kept
 * once. A tree is shared from the second time on that it is seen, while a small table of hashes remembers it, so that what is unlike any other costs nothing but a look.
 * Session thread.
 */
#ifndef CORE_XML_ALIKE_H
#define CORE_XML_ALIKE_H

#include <couplet/stanza.h>

enum {
	ALIKE_PLACES = 1024,  /* of the table: hashes that are remembered */
	ALIKE_BYTES = 2048,   /* larger trees, written down, are not looked at */
};

/* As cpl_stanza_compact(), with the tree of an equal one that is kept already, if there is such. */
struct cpl_stanza *alike_compact(const struct cpl_stanza *stanza);
/* The tree of a compacted stanza with `alike` set has one user less. */
void alike_unref(struct cpl_element *root);
/* Bytes of the heap that such a tree takes, and how many have it. */
size_t alike_held(const struct cpl_element *root, unsigned *users);
/* Trees that are shared. */
size_t alike_count(void);

#endif
