/* SPDX-License-Identifier: MIT */
/* Reading YAML with libyaml's events into a tree; includes. */
#include "core/config/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct anchor {
	const char *name;
	struct config_node *node; /* NULL while the node is still being read */
	struct anchor *next;
};

/* One reading of a file and its includes. */
struct reader {
	struct cpl_arena *arena;
	struct config_report *report;
	const char *file;
	yaml_parser_t *parser;
	struct anchor *anchors; /* newest first */
	size_t nodes;
	size_t files;
	bool failed; /* the file being read is not usable */
};

static struct config_node *read_node(struct reader *r, yaml_event_t *event, unsigned depth);

static void fault_at(struct reader *r, const yaml_mark_t *mark, const char *text)
{
	config_report_at(r->report, r->file, (int)mark->line + 1, false, "%s", text);
	r->failed = true;
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
	yaml_parser_t *p = r->parser;

	if (yaml_parser_parse(p, event))
		return true;
	size_t line = p->problem_mark.line;

	if (p->context && p->context_mark.line != line)
		config_report_at(r->report, r->file, (int)line + 1, false, "%s (%s that begins in line %zu)",
				 p->problem ? p->problem : "this is not YAML", p->context, p->context_mark.line + 1);
	else
		config_report_at(r->report, r->file, (int)line + 1, false, "%s%s%s", p->problem ? p->problem : "this is not YAML",
				 p->context ? " " : "", p->context ? p->context : "");
	r->failed = true;
	return false;
}

static struct config_node *node_create(struct reader *r, enum config_kind kind, const yaml_event_t *event)
{
	struct config_node *node = cpl_arena_alloc(r->arena, sizeof *node);

	node->file = r->file;
	node->line = (int)event->start_mark.line + 1;
	node->column = (int)event->start_mark.column + 1;
	node->kind = kind;
	node->weight = 1;
	return node;
}

static bool count_nodes(struct reader *r, size_t more, const yaml_event_t *event)
{
	r->nodes += more;
	if (r->nodes <= CONFIG_NODES_MAX)
		return true;
	fault_at(r, &event->start_mark, "the configuration is too large (100000 values, an alias counts for all that it stands for)");
	return false;
}

static struct anchor *anchor_add(struct reader *r, const yaml_char_t *name)
{
	if (!name)
		return NULL;
	struct anchor *anchor = cpl_arena_alloc(r->arena, sizeof *anchor);

	anchor->name = cpl_arena_copy(r->arena, cpl_str_of((const char *)name)).ptr;
	anchor->next = r->anchors;
	r->anchors = anchor;
	return anchor;
}

static struct config_node *read_alias(struct reader *r, const yaml_event_t *event, unsigned depth)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct anchor *anchor = r->anchors;

	while (anchor && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	if (!anchor) {
		fault_at(r, &event->start_mark, "an alias (*) for an anchor (&) that does not exist before it");
		return NULL;
	}
	if (!anchor->node) {
		fault_at(r, &event->start_mark, "an alias (*) inside of what it stands for");
		return NULL;
	}
	if (depth + anchor->node->height > CONFIG_DEPTH_MAX) {
		fault_at(r, &event->start_mark, "nested too deeply");
		return NULL;
	}
	return count_nodes(r, anchor->node->weight, event) ? anchor->node : NULL;
}

static struct config_node *read_scalar(struct reader *r, const yaml_event_t *event)
{
	struct cpl_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
	struct config_node *node = node_create(r, CONFIG_SCALAR, event);

	if (memchr(text.ptr, 0, text.len)) {
		fault_at(r, &event->start_mark, "a NUL byte in a value");
		return NULL;
	}
	node->text = cpl_arena_copy(r->arena, text);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return count_nodes(r, 1, event) ? node : NULL;
}

static void adopt(struct config_node *parent, const struct config_node *child)
{
	if (child->height + 1 > parent->height)
		parent->height = child->height + 1;
	parent->weight += child->weight;
}

static struct config_node *read_list(struct reader *r, const yaml_event_t *event, unsigned depth)
{
	struct config_node *node = node_create(r, CONFIG_LIST, event);
	struct config_node **items = NULL;
	size_t size = 0;
	yaml_event_t next;

	if (!count_nodes(r, 1, event))
		return NULL;
	while (next_event(r, &next)) {
		if (next.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&next);
			node->items = cpl_arena_alloc(r->arena, (node->count + 1) * sizeof *items);
			if (node->count)
				memcpy(node->items, items, node->count * sizeof *items);
			cpl_free(items);
			return node;
		}
		struct config_node *item = read_node(r, &next, depth + 1);

		yaml_event_delete(&next);
		if (!item)
			break;
		if (node->count == size)
			items = cpl_realloc(items, (size = size ? size * 2 : 8) * sizeof *items);
		items[node->count++] = item;
		adopt(node, item);
	}
	cpl_free(items);
	return NULL;
}

static int pair_order(const void *left, const void *right)
{
	const struct config_pair *a = *(struct config_pair *const *)left, *b = *(struct config_pair *const *)right;
	int by_text = cpl_str_compare(a->key->text, b->key->text);

	return by_text ? by_text : (a > b) - (a < b);
}

/* Reports keys that occur twice and drops the later ones. */
static void drop_repeats(struct reader *r, struct config_node *map)
{
	if (map->count < 2)
		return;
	struct config_pair **sorted = cpl_alloc(map->count * sizeof *sorted);
	size_t kept = 0;

	for (size_t i = 0; i < map->count; i++)
		sorted[i] = &map->pairs[i];
	qsort(sorted, map->count, sizeof *sorted, pair_order);
	for (size_t i = 1, first = 0; i < map->count; i++) {
		if (!cpl_str_equal(sorted[i]->key->text, sorted[first]->key->text)) {
			first = i;
			continue;
		}
		config_report_add(r->report, sorted[i]->key, false, "\"%.*s\" is given twice here, first in line %d",
				  CPL_ARG(sorted[i]->key->text), sorted[first]->key->line);
		sorted[i]->value = NULL;
	}
	for (size_t i = 0; i < map->count; i++)
		if (map->pairs[i].value)
			map->pairs[kept++] = map->pairs[i];
	map->count = kept;
	cpl_free(sorted);
}

static bool read_pair(struct reader *r, yaml_event_t *event, struct config_pair *pair, unsigned depth)
{
	yaml_event_t next;

	if (event->type != YAML_SCALAR_EVENT) {
		fault_at(r, &event->start_mark, "the name of an option must be a single word");
		return false;
	}
	pair->key = read_node(r, event, depth);
	if (!pair->key || !next_event(r, &next))
		return false;
	pair->value = read_node(r, &next, depth);
	yaml_event_delete(&next);
	return pair->value != NULL;
}

static struct config_node *read_map(struct reader *r, const yaml_event_t *event, unsigned depth)
{
	struct config_node *node = node_create(r, CONFIG_MAP, event);
	struct config_pair *pairs = NULL;
	size_t size = 0;
	yaml_event_t next;

	if (!count_nodes(r, 1, event))
		return NULL;
	while (next_event(r, &next)) {
		if (next.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&next);
			node->pairs = cpl_arena_alloc(r->arena, (node->count + 1) * sizeof *pairs);
			if (node->count)
				memcpy(node->pairs, pairs, node->count * sizeof *pairs);
			cpl_free(pairs);
			drop_repeats(r, node);
			return node;
		}
		struct config_pair pair = {NULL, NULL};
		bool good = read_pair(r, &next, &pair, depth + 1);

		yaml_event_delete(&next);
		if (!good)
			break;
		if (node->count == size)
			pairs = cpl_realloc(pairs, (size = size ? size * 2 : 8) * sizeof *pairs);
		pairs[node->count++] = pair;
		adopt(node, pair.key);
		adopt(node, pair.value);
	}
	cpl_free(pairs);
	return NULL;
}

/* NULL when the file is not usable; the fault has been reported. */
static struct config_node *read_node(struct reader *r, yaml_event_t *event, unsigned depth)
{
	const yaml_char_t *name = NULL, *tag = NULL;
	struct config_node *node = NULL;

	if (depth > CONFIG_DEPTH_MAX) {
		fault_at(r, &event->start_mark, "nested too deeply");
		return NULL;
	}
	if (event->type == YAML_SCALAR_EVENT) {
		name = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		name = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		name = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (tag) {
		fault_at(r, &event->start_mark, "tags (!) have no meaning in this file: quote a value that begins with !");
		return NULL;
	}
	struct anchor *anchor = anchor_add(r, name);

	if (event->type == YAML_ALIAS_EVENT)
		node = read_alias(r, event, depth);
	else if (event->type == YAML_SCALAR_EVENT)
		node = read_scalar(r, event);
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		node = read_list(r, event, depth);
	else if (event->type == YAML_MAPPING_START_EVENT)
		node = read_map(r, event, depth);
	if (anchor)
		anchor->node = node;
	return node;
}

/* Reads the one document of the stream; an empty stream is an empty mapping. */
static struct config_node *read_document(struct reader *r)
{
	yaml_event_t event;
	struct config_node *root = NULL;
	bool done = false;

	while (!done && !r->failed && next_event(r, &event)) {
		switch (event.type) {
		case YAML_STREAM_END_EVENT:
			done = true;
			break;
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (root)
				fault_at(r, &event.start_mark, "a second document (---) in the same file");
			break;
		default:
			root = read_node(r, &event, 1);
		}
		if (done && !root)
			root = node_create(r, CONFIG_MAP, &event);
		yaml_event_delete(&event);
	}
	if (r->failed)
		return NULL;
	if (config_node_is_null(root)) {
		root->kind = CONFIG_MAP;
	} else if (root->kind != CONFIG_MAP) {
		config_report_add(r->report, root, false, "the file must hold \"name: value\" lines, not %s", config_node_kind_text(root));
		return NULL;
	}
	return root;
}

/* The bytes of a regular file. Without O_NONBLOCK a FIFO with no writer would stop us. */
static bool read_file(struct reader *r, const char *path, const struct config_node *from, struct cpl_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		config_report_add(r->report, from, false, "%s cannot be read: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		config_report_add(r->report, from, false, "%s is not a file", path);
	} else {
		do {
			got = read(fd, cpl_buf_reserve(out, 65536), 65536);
			if (got > 0)
				out->len += (size_t)got;
		} while (got > 0 && out->len <= CONFIG_FILE_MAX);
		close(fd);
		if (got < 0)
			config_report_add(r->report, from, false, "%s cannot be read: %s", path, strerror(errno));
		else if (out->len > CONFIG_FILE_MAX)
			config_report_add(r->report, from, false, "%s is larger than 1 MiB", path);
		else
			return true;
		return false;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

/* Reads one file; NULL if it is not usable. */
static struct config_node *read_one(struct reader *r, const char *path, const struct config_node *from)
{
	struct cpl_buf bytes = {0};
	struct config_node *root = NULL;
	yaml_parser_t parser;

	if (++r->files > CONFIG_FILES_MAX) {
		config_report_add(r->report, from, false, "too many included files (%d at most)", CONFIG_FILES_MAX);
		return NULL;
	}
	if (read_file(r, path, from, &bytes)) {
		if (!yaml_parser_initialize(&parser)) {
			config_report_at(r->report, path, 0, false, "out of memory");
		} else {
			yaml_parser_set_input_string(&parser, (const unsigned char *)cpl_buf_str(&bytes).ptr, bytes.len);
			r->file = cpl_arena_copy(r->arena, cpl_str_of(path)).ptr;
			r->parser = &parser;
			r->anchors = NULL;
			r->failed = false;
			root = read_document(r);
			yaml_parser_delete(&parser);
		}
	}
	cpl_buf_finish(&bytes);
	return root;
}

/* A new mapping with what both hold. Neither is changed, as aliases may share them. */
static struct config_node *merge(struct reader *r, const struct config_node *into, const struct config_node *from)
{
	struct config_node *made = cpl_arena_alloc(r->arena, sizeof *made);
	struct config_pair **sorted = cpl_alloc((into->count + 1) * sizeof *sorted);

	*made = *into;
	made->pairs = cpl_arena_alloc(r->arena, (into->count + from->count + 1) * sizeof *made->pairs);
	if (into->count)
		memcpy(made->pairs, into->pairs, into->count * sizeof *made->pairs);
	for (size_t i = 0; i < into->count; i++)
		sorted[i] = &made->pairs[i];
	qsort(sorted, into->count, sizeof *sorted, pair_order);
	for (size_t i = 0; i < from->count; i++) {
		struct config_pair *old = NULL, *new = &from->pairs[i];

		for (size_t low = 0, high = into->count; low < high && !old;) {
			size_t middle = low + (high - low) / 2;
			int order = cpl_str_compare(sorted[middle]->key->text, new->key->text);

			if (order == 0)
				old = sorted[middle];
			else if (order < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (!old)
			made->pairs[made->count++] = *new;
		else if (config_node_is_null(old->value))
			*old = *new;
		else if (old->value->kind == CONFIG_MAP && new->value->kind == CONFIG_MAP)
			old->value = merge(r, old->value, new->value);
		else if (!config_node_is_null(new->value))
			config_report_add(r->report, new->key, false, "\"%.*s\" has been given already, at %s:%d", CPL_ARG(new->key->text),
					  old->key->file, old->key->line);
	}
	cpl_free(sorted);
	return made;
}

static struct config_node *read_with_includes(struct reader *r, const char *path, const struct config_node *from, unsigned depth);

static struct config_node *include_pattern(struct reader *r, struct config_node *root, const struct config_node *pattern, unsigned depth)
{
	const char *slash = strrchr(pattern->file, '/');
	glob_t found = {0};

	if (pattern->kind != CONFIG_SCALAR || !pattern->text.len) {
		config_report_add(r->report, pattern, false, "include wants the name of a file or a pattern, not %s",
				  config_node_kind_text(pattern));
		return root;
	}
	struct cpl_str full = pattern->text.ptr[0] == '/' || !slash
				      ? pattern->text
				      : cpl_arena_printf(r->arena, "%.*s/%s", (int)(slash - pattern->file), pattern->file, pattern->text.ptr);
	int status = glob(full.ptr, GLOB_ERR, NULL, &found);

	if (status == GLOB_NOMATCH && !strpbrk(pattern->text.ptr, "*?["))
		config_report_add(r->report, pattern, false, "%s does not exist", full.ptr);
	else if (status != 0 && status != GLOB_NOMATCH)
		config_report_add(r->report, pattern, false, "%s cannot be read: %s", full.ptr, strerror(errno));
	for (size_t i = 0; status == 0 && i < found.gl_pathc; i++) {
		struct config_node *more = read_with_includes(r, found.gl_pathv[i], pattern, depth + 1);

		if (more)
			root = merge(r, root, more);
	}
	globfree(&found);
	return root;
}

static struct config_node *read_with_includes(struct reader *r, const char *path, const struct config_node *from, unsigned depth)
{
	if (depth > 8) {
		config_report_add(r->report, from, false, "files that include files more than 8 deep (or in a circle)");
		return NULL;
	}
	struct config_node *root = read_one(r, path, from);
	struct config_node *include = NULL;
	size_t kept = 0;

	for (size_t i = 0; root && i < root->count; i++) {
		if (cpl_str_is(root->pairs[i].key->text, "include"))
			include = root->pairs[i].value;
		else
			root->pairs[kept++] = root->pairs[i];
	}
	if (!include)
		return root;
	root->count = kept;
	if (include->kind == CONFIG_LIST) {
		for (size_t i = 0; i < include->count; i++)
			root = include_pattern(r, root, include->items[i], depth);
	} else {
		root = include_pattern(r, root, include, depth);
	}
	return root;
}

struct config_node *config_tree_read(const char *path, struct cpl_arena *arena, struct config_report *report)
{
	struct reader r = {.arena = arena, .report = report};

	return read_with_includes(&r, path, NULL, 0);
}

const struct config_pair *config_node_pair(const struct config_node *map, struct cpl_str key)
{
	if (!map || map->kind != CONFIG_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (cpl_str_equal(map->pairs[i].key->text, key))
			return &map->pairs[i];
	return NULL;
}

struct config_node *config_node_get(const struct config_node *map, struct cpl_str key)
{
	const struct config_pair *pair = config_node_pair(map, key);

	return pair ? pair->value : NULL;
}

bool config_node_is_null(const struct config_node *node)
{
	return node->kind == CONFIG_SCALAR && !node->quoted && (node->text.len == 0 || cpl_str_is(node->text, "~"));
}

const char *config_node_kind_text(const struct config_node *node)
{
	if (node->kind == CONFIG_MAP)
		return "a mapping";
	if (node->kind == CONFIG_LIST)
		return "a list";
	return config_node_is_null(node) ? "nothing" : "a single value";
}
