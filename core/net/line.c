/* SPDX-License-Identifier: MIT */
/* Objects that wait in line. */
#include "core/net/line.h"
#include "core/base/account.h"
#include <couplet/memory.h>
#include <string.h>

enum { LEAST = 32 };

void line_add(struct line *line, void *object)
{
	/* Whoever takes one at a time leaves room in front. */
	if (line->count == line->size && line->begin > line->size / 2) {
		line->count -= line->begin;
		memmove(line->objects, line->objects + line->begin, line->count * sizeof(*line->objects));
		line->begin = 0;
	}
	if (line->count == line->size) {
		struct account *before = account_as_core();

		line->size = line->size ? line->size * 2 : LEAST;
		line->objects = cpl_realloc(line->objects, line->size * sizeof(*line->objects));
		account_back(before);
	}
	line->objects[line->count++] = object;
}

void line_run(struct line *line, bool all, void (*each)(void *object))
{
	while (line->count) {
		struct line now = *line;

		*line = (struct line){0};
		for (size_t at = now.begin; at < now.count; at++)
			each(now.objects[at]);
		if (line->objects || now.size > LINE_KEPT) {
			cpl_free(now.objects);
		} else {
			line->objects = now.objects;
			line->size = now.size;
		}
		if (!all)
			return;
	}
}

void *line_take(struct line *line)
{
	void *object;

	if (line->begin == line->count)
		return NULL;
	object = line->objects[line->begin++];
	if (line->begin == line->count) {
		line->begin = line->count = 0;
		if (line->size > LINE_KEPT)
			line_finish(line);
	}
	return object;
}

void line_finish(struct line *line)
{
	CPL_FREE(line->objects);
	*line = (struct line){0};
}
