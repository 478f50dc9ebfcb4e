/* SPDX-License-Identifier: MIT */
/* The list of things to do in the next turn: one posted task for all of them. */
#include "core/net/later.h"
#include "core/loop/loop.h"

static struct cpl_list waiting = {&waiting, &waiting};
static bool posted;

static void run_all(struct loop_task *task)
{
	struct cpl_list now;
	struct cpl_list *node;

	posted = false;
	/* A snapshot: what is asked for from here on comes in the turn after this one. */
	cpl_list_init(&now);
	while ((node = cpl_list_take(&waiting)))
		cpl_list_append(&now, node);
	while ((node = cpl_list_take(&now))) {
		struct later *later = CPL_CONTAINER(node, struct later, node);

		later->run(later);
	}
}

void later_ask(struct later *later, void (*run)(struct later *later))
{
	static struct loop_task task = {.run = run_all};

	if (cpl_list_linked(&later->node))
		return;
	later->run = run;
	cpl_list_append(&waiting, &later->node);
	if (posted)
		return;
	posted = true;
	loop_post(&task);
}

void later_cancel(struct later *later)
{
	cpl_list_remove(&later->node);
}
