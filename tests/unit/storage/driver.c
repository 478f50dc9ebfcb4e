/* SPDX-License-Identifier: MIT */
/* The stage on which a storage driver is tested and measured. */
#include "tests/unit/storage/driver.h"
#include "core/config/value.h"
#include "core/loop/loop.h"
#include "core/xmpp/store.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* core/module/module.h has another struct cpl_module than this file. */
struct cpl_bag *bag_create(void);
void bag_destroy(struct cpl_bag **bag);

struct cpl_module {
	void *data;
	void *config;
};

static struct {
	const struct cpl_descriptor *descriptor;
	struct cpl_module *module;
	struct cpl_module *next; /* between driver_prepare() and driver_take() */
	struct cpl_module *former; /* closed, and what it has handed over not taken yet */
	struct cpl_bag *kept;
	char directory[64];
	bool own_directory;
	struct {
		const char *name, *value;
	} options[8];
	size_t option_count;
	unsigned answers;
} stage;

/* ---- what the core gives a module ---- */

void *cpl_module_data(const struct cpl_module *self)
{
	return self->data;
}

void cpl_module_set_data(struct cpl_module *self, void *data)
{
	self->data = data;
}

const void *cpl_module_config(const struct cpl_module *self, const struct cpl_host *host)
{
	return self->config;
}

void *driver_data(void)
{
	return stage.module->data;
}

struct cpl_str cpl_data_directory(void)
{
	return cpl_str_of(stage.directory);
}

/* ---- options ---- */

static const char *option_text(const struct cpl_option *option)
{
	for (size_t i = 0; i < stage.option_count; i++)
		if (strcmp(stage.options[i].name, option->name) == 0)
			return stage.options[i].value;
	return option->fallback;
}

static void *config_make(const struct cpl_descriptor *descriptor)
{
	char *config = cpl_alloc(descriptor->config_size);

	for (const struct cpl_option *option = descriptor->options; option->name; option++) {
		struct cpl_str text = cpl_str_of(option_text(option));
		void *field = config + option->offset;

		if (option->kind == CPL_OPTION_STRING)
			*(struct cpl_str *)field = text;
		else if (option->kind == CPL_OPTION_ENUM)
			*(int *)field = config_value_enum(text, option->values);
		else if (!config_value_number(option->kind, text, field))
			abort();
	}
	return config;
}

void driver_option(const char *name, const char *value)
{
	assert(stage.option_count < 8);
	stage.options[stage.option_count].name = name;
	stage.options[stage.option_count++].value = value;
}

/* ---- life ---- */

const char *driver_directory(void)
{
	return stage.directory;
}

void driver_begin(const struct cpl_descriptor *descriptor, const char *directory)
{
	memset(&stage, 0, sizeof(stage));
	stage.descriptor = descriptor;
	stage.own_directory = !directory;
	snprintf(stage.directory, sizeof(stage.directory), "%s",
		 directory ? directory : "/tmp/couplet-storage-XXXXXX");
	if (!directory && !mkdtemp(stage.directory))
		abort();
	if (loop_init(false))
		abort();
}

static void directory_remove(void)
{
	DIR *dir = opendir(stage.directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(stage.directory);
}

static void module_unload(struct cpl_module *module)
{
	stage.descriptor->unload(module);
	cpl_free(module->config);
	cpl_free(module);
}

static void former_unload(void)
{
	if (stage.former)
		module_unload(stage.former);
	stage.former = NULL;
}

void driver_end(void)
{
	if (stage.module)
		driver_close();
	former_unload();
	bag_destroy(&stage.kept);
	loop_finish();
	if (stage.own_directory)
		directory_remove();
}

static struct cpl_module *module_load(struct cpl_bag *bag, struct cpl_error *error)
{
	struct cpl_module *module = CPL_NEW(struct cpl_module);

	module->config = config_make(stage.descriptor);
	if (stage.descriptor->load(module, error) == 0) {
		if (store_open_driver(module, stage.descriptor->provides[0].service, error) == 0 &&
		    (!bag || !stage.descriptor->restore ||
		     stage.descriptor->restore(module, bag, stage.descriptor->schema, error) == 0))
			return module;
		stage.descriptor->unload(module);
	}
	cpl_free(module->config);
	cpl_free(module);
	return NULL;
}

static struct cpl_bag *module_save(struct cpl_module *module)
{
	struct cpl_bag *bag;

	if (!stage.descriptor->save)
		return NULL;
	bag = bag_create();
	stage.descriptor->save(module, bag);
	return bag;
}

int driver_open(struct cpl_error *error)
{
	stage.module = module_load(stage.kept, error);
	former_unload();
	if (!stage.module)
		return error->code;
	bag_destroy(&stage.kept);
	store_set_driver(stage.module, stage.descriptor->provides[0].service);
	return 0;
}

static void turn_until_idle(void)
{
	for (unsigned turns = 0; store_pending() > 0; turns++) {
		if (turns > 20000)
			abort();
		loop_turn(1);
	}
	/* The callbacks of the last ones. */
	for (unsigned turns = 0; turns < 3; turns++)
		loop_turn(0);
}

void driver_close(void)
{
	turn_until_idle();
	bag_destroy(&stage.kept);
	stage.kept = module_save(stage.module);
	store_set_driver(NULL, NULL);
	/* What it hands over is its own until the next generation has taken it. */
	if (stage.descriptor->restore)
		stage.former = stage.module;
	else
		module_unload(stage.module);
	stage.module = NULL;
	store_finish();
}

int driver_prepare(struct cpl_error *error)
{
	struct cpl_bag *bag = module_save(stage.module);
	int code = 0;

	stage.next = module_load(bag, error);
	bag_destroy(&bag);
	if (stage.next)
		code = store_check_driver(stage.next, stage.descriptor->provides[0].service, NULL, error);
	if (code) {
		module_unload(stage.next);
		stage.next = NULL;
	}
	return stage.next ? 0 : error->code;
}

void driver_take(void)
{
	struct cpl_module *former = stage.module;

	stage.module = stage.next;
	stage.next = NULL;
	store_set_driver(stage.module, stage.descriptor->provides[0].service);
	module_unload(former);
}

int driver_swap(struct cpl_error *error)
{
	int code = driver_prepare(error);

	if (!code)
		driver_take();
	return code;
}

/* ---- answers ---- */

static struct cpl_str copied(struct cpl_arena *arena, struct cpl_str s)
{
	return s.ptr ? cpl_arena_copy(arena, s) : CPL_NONE;
}

static void row_copy(struct answer *answer, struct cpl_row *row)
{
	struct cpl_value *values = cpl_arena_alloc(answer->arena, (answer->columns + 1) * sizeof(*values));

	row->account = copied(answer->arena, row->account);
	row->key = copied(answer->arena, row->key);
	row->with = copied(answer->arena, row->with);
	for (unsigned i = 0; i < answer->columns; i++) {
		values[i] = row->values[i];
		values[i].bytes = copied(answer->arena, row->values[i].bytes);
	}
	row->values = values;
}

void answer_done(struct cpl_call *call)
{
	struct answer *answer =
		CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct answer, call);

	assert(!answer->done);
	answer->done = true;
	answer->order = ++stage.answers;
	answer->status = call->status;
	answer->count = answer->call.count;
	answer->complete = answer->call.complete;
	answer->total = answer->call.total;
	answer->arena = cpl_arena_create();
	answer->rows = cpl_arena_alloc(answer->arena, (answer->count + 1) * sizeof(*answer->rows));
	for (size_t i = 0; i < answer->count; i++) {
		answer->rows[i] = answer->call.rows[i];
		row_copy(answer, &answer->rows[i]);
	}
}

int answer_wait(struct answer *answer)
{
	for (unsigned turns = 0; !answer->done; turns++) {
		if (turns > 20000)
			abort();
		loop_turn(1);
	}
	return answer->status;
}

void answer_finish(struct answer *answer)
{
	cpl_arena_destroy(&answer->arena);
	*answer = (struct answer){0};
}

int commit(struct cpl_batch **batch)
{
	struct answer answer = {0};
	int code = cpl_batch_commit(&answer.call, NULL, batch, answer_done);

	if (code)
		return code;
	code = answer_wait(&answer);
	answer_finish(&answer);
	return code;
}

struct cpl_jid jid_of(const char *text)
{
	struct cpl_jid jid = {.text = text};
	const char *at = strchr(text, '@'), *domain = at ? at + 1 : text, *slash = strchr(domain, '/');

	jid.local_len = at ? (uint16_t)(at - text) : 0;
	jid.domain_len = (uint16_t)(slash ? (size_t)(slash - domain) : strlen(domain));
	jid.resource_len = slash ? (uint16_t)strlen(slash + 1) : 0;
	return jid;
}
