/* SPDX-License-Identifier: MIT */
/* Compaction in parts: a tree in a block of its own, and a stanza around a tree that it does not own. The whole is cpl_stanza_compact(). */
#ifndef CORE_XML_COMPACT_H
#define CORE_XML_COMPACT_H

#include <couplet/stanza.h>

/* A block with `head` zeroed bytes (a multiple of 8) in front, the tree's root right behind them; freed with cpl_free(). */
void *compact_tree(const struct cpl_element *root, size_t head);
/* A compacted stanza with `alike` set, whose tree is `root`. */
struct cpl_stanza *compact_around(const struct cpl_stanza *stanza, struct cpl_element *root);

#endif
