/* SPDX-License-Identifier: MIT */
/*
 * A storage driver without a server around it: plays the module manager for one module, linked in statically,
 * and turns the loop until a request is done. What a module asks the core for is answered here: its data, its
 * options (defaults, changed by driver_option()), the data directory.
 */
#ifndef TESTS_UNIT_STORAGE_DRIVER_H
#define TESTS_UNIT_STORAGE_DRIVER_H

#include <couplet/module.h>

extern const struct cpl_descriptor sqlite_LTX_cpl_module;
extern const struct cpl_descriptor memory_LTX_cpl_module;

/* Where the database is; a fresh directory made by driver_begin(), removed with all in it by driver_end(). */
const char *driver_directory(void);
/* Makes the loop and the directory (NULL), or uses one that is there and leaves it there at the end. */
void driver_begin(const struct cpl_descriptor *descriptor, const char *directory);
void driver_end(void);
/* An option for the next driver_open(), as an administrator writes it. */
void driver_option(const char *name, const char *value);

/* load() and store_set_driver(). */
int driver_open(struct cpl_error *error);
/* Waits for all requests, then stops as the server does; rows that only a reload keeps are handed over to the
 * next driver_open(). */
void driver_close(void);
/* A reload in two steps: a second instance opens and declares all stores while the first serves; then it takes over, and the first is unloaded. */
int driver_prepare(struct cpl_error *error);
void driver_take(void);
/* Both, with requests under way. */
int driver_swap(struct cpl_error *error);

/* What the open driver has set as its data. */
void *driver_data(void);

/* A request and a copy of its results. */
struct answer {
	struct cpl_store_call call;
	struct cpl_arena *arena;
	bool done;
	int status;
	struct cpl_row *rows;
	size_t count;
	bool complete;
	int64_t total;
	unsigned columns; /* to be set before a read: how many values each row has */
	unsigned order;	  /* the how many-th answer it was */
};
void answer_done(struct cpl_call *call);
/* Turns the loop until it is done (ends the process after 20 seconds); returns its status. */
int answer_wait(struct answer *answer);
void answer_finish(struct answer *answer);

/* Commits and waits. */
int commit(struct cpl_batch **batch);

struct cpl_jid jid_of(const char *text);

#endif
