/* SPDX-License-Identifier: MIT */
/*
 * A change that a command asks for: load, reload or unload of one module while the server runs. One at a time. A worker reads the file, and stores that the driver does not know are
 * declared on one; everything else happens in one go at an idle point of the loop, all that may fail before the first thing that is seen outside.
 *
 *   change.c   the beginning and the end of each, what load and reload share, unload      load.c, reload.c
 *
 * Session thread.
 */
#ifndef CORE_MODULE_CHANGE_H
#define CORE_MODULE_CHANGE_H

#include "core/loop/worker.h"
#include "core/module/module.h"
#include "core/xmpp/store.h"

enum change_verb { CHANGE_LOAD, CHANGE_RELOAD, CHANGE_UNLOAD };

struct change {
	struct manager_request *request;
	enum change_verb verb;
	char *name;
	/* For the worker. */
	struct worker_job job;
	struct cpl_str modules_path, data;
	unsigned serial;
	bool copies;
	char *copy;  /* NULL: the file itself is opened */
	void *ahead; /* see loader_read_ahead() */
	struct cpl_error error;
	/* What is opened, while a worker gets its stores, or the driver that it is, ready. */
	struct cpl_module *now;
	struct store_declaring declaring;
	struct store_opening opening;
};

/* Ends it: tells who asked, with the text or, for a code below 0, the error's; frees the change and the text. */
void change_finish(struct change *change, int code, struct cpl_buf *text, const struct cpl_error *error);

/* Opens the file: change->now. */
int change_open(struct change *change, struct cpl_error *error);
/* Plans its options, for the hosts of `old`, or without it for those that list the module, or for all if none does; and looks whether its needs are met there. */
int change_judge(struct cpl_module *now, const struct cpl_module *old, struct cpl_error *error);
/* True: `then` is called when a worker has declared the new module's stores; until change_take_up() it is in no list that others look through. */
bool change_declare(struct change *change, void (*then)(struct store_declaring *declaring));
void change_set_aside(struct cpl_module *now);
void change_take_up(struct cpl_module *now, struct cpl_list *list);
/* All running modules in start order with `module` among them, instead of `old` (may be NULL); all planned to stay as they are. cpl_free(). */
struct cpl_module **change_list(struct cpl_module *module, const struct cpl_module *old, size_t *count, struct cpl_error *error);

/* ---- load.c, reload.c: at an idle point, when the file has been read; they end in change_finish() ---- */

void load_begin(struct change *change);
void reload_begin(struct change *change);

#endif
