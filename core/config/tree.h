/* SPDX-License-Identifier: MIT */
/*
 * A configuration file as a tree whose nodes know their file, line and column.
 *
 * Nothing is interpreted here: a scalar is its text, and what kind of value it stands for is said by the option that asks for it. So "no", "1e3" and
 * "12:30" stay what the administrator wrote. Only the empty plain scalar and "~" mean "nothing given".
 *
 * What is accepted of YAML: one document, block and flow style, quoting, anchors and aliases. Refused, with file and line: tags, a second document, keys
 * that are not scalars, a key that occurs twice, NUL bytes. Merge keys ("<<") have no meaning.
 *
 * Bounds, all checked while reading, so that a small file cannot become a large tree: CONFIG_FILE_MAX bytes a file, CONFIG_DEPTH_MAX levels and
 * CONFIG_NODES_MAX nodes over all files, where each alias counts for the whole subtree that it stands for.
 *
 * `include: PATTERN` (or a list of patterns) at the top level of a file reads further files: a glob pattern relative to the folder of the including file, in sorted
 * order. A pattern with wildcards may match nothing; a plain name must exist. Mappings are merged key by key; a scalar or list that
 * two files give is a fault at the later one.
 *
 * The tree is immutable once read and lives in the arena. Any thread, one at a time.
 */
#ifndef CORE_CONFIG_TREE_H
#define CORE_CONFIG_TREE_H

#include "core/config/config.h"
#include <couplet/memory.h>

#define CONFIG_FILE_MAX  (1024 * 1024)
#define CONFIG_DEPTH_MAX 32
#define CONFIG_NODES_MAX 100000
#define CONFIG_FILES_MAX 1000

enum config_kind { CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };

struct config_pair {
	struct config_node *key; /* a scalar */
	struct config_node *value;
};

struct config_node {
	const char *file;
	int line, column; /* from 1 */
	enum config_kind kind;
	bool quoted;              /* SCALAR: not a plain one */
	struct cpl_str text;      /* SCALAR; followed by a NUL, holds none */
	struct config_node **items; /* LIST */
	struct config_pair *pairs;  /* MAP, in the order of the file */
	size_t count;             /* items or pairs */
	unsigned height;          /* levels below this node */
	size_t weight;            /* nodes in the subtree, aliases counted as copies */
};

/*
 * Reads a file and what it includes. The root is always a mapping (an empty file is an empty one). NULL, with the reason in the report, when the first
 * file cannot be read or is not YAML; faults of included files and duplicate keys are reported and reading goes on.
 */
struct config_node *config_tree_read(const char *path, struct cpl_arena *arena, struct config_report *report);

/* The value under a key of a mapping; NULL when there is none or `map` is NULL or no mapping. */
struct config_node *config_node_get(const struct config_node *map, struct cpl_str key);
/* The same with the pair, for the place of the key. */
const struct config_pair *config_node_pair(const struct config_node *map, struct cpl_str key);
/* True for nothing given: "key:" or "key: ~". */
bool config_node_is_null(const struct config_node *node);
/* "a mapping", "a list", "a single value", "nothing": for messages. */
const char *config_node_kind_text(const struct config_node *node);

#endif
