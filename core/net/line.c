/* SPDX-License-Identifier: MIT */
/* Objects that wait in line. */
#include "core/net/line.h"
#include "core/base/account.h"
#include <couplet/memory.h>

enum { LEAST = 32 };

void line_add(struct line *line, void *object)
{
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
		for (size_t at = 0; at < now.count; at++)
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

void line_finish(struct line *line)
{
	CPL_FREE(line->objects);
	*line = (struct line){0};
}
