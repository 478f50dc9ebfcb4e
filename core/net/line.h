/* SPDX-License-Identifier: MIT */
/*
 * Objects that wait in line for the same thing, in the order in which they came. Whoever may wait needs a bit
 * to remember that it does, and no room for a list: thousands of connections have several such lines, and
 * hardly any of them waits at a time. Session thread only.
 */
#ifndef CORE_NET_LINE_H
#define CORE_NET_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Room that is kept while nothing waits. */
enum { LINE_KEPT = 256 };

/* Zeroed: nobody waits. */
struct line {
	void **objects;
	size_t begin, count, size; /* objects[begin] to objects[count - 1] wait */
};

void line_add(struct line *line, void *object);
/*
 * Calls each(object) for all that wait, and takes them out of the line. Objects that are added meanwhile are
 * called, too, if `all`; otherwise they wait for the next time.
 */
void line_run(struct line *line, bool all, void (*each)(void *object));
/* Takes the first out of the line; NULL when nobody waits. */
void *line_take(struct line *line);
/* Releases the memory; who waits is forgotten. */
void line_finish(struct line *line);

#endif
