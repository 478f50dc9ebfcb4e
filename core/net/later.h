/* SPDX-License-Identifier: MIT */
/*
 * Things to do in the next turn of the loop. Connections use it because an event is never reported from
 * inside an op: the op notes what is to be reported, and it is reported from here. A struct later is embedded
 * in its owner; session thread only.
 */
#ifndef CORE_NET_LATER_H
#define CORE_NET_LATER_H

#include <couplet/list.h>

/* Zeroed: idle. */
struct later {
	struct cpl_list node;
	void (*run)(struct later *later);
};

/* Calls run(later) once in a later turn. Asking again before it has run changes nothing. */
void later_ask(struct later *later, void (*run)(struct later *later));
/* Forgets it, if it was asked for. */
void later_cancel(struct later *later);

#endif
