/* SPDX-License-Identifier: MIT */
/*
 * The storage driver `sqlite`: everything in one SQLite database below the data directory. database.h says
 * how it works.
 */
#include "storage/sqlite/open.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/threads.h"

#include <string.h>

static const char *const synchronous_names[] = {"full", "normal", NULL};

static const struct cpl_option sqlite_options[] = {
	CPL_OPT_STRING(struct db_config, file, "couplet.sqlite", CPL_GLOBAL_ONLY,
		       "The database file; a relative name is below the data directory."),
	CPL_OPT_TIME(struct db_config, commit_window, "5ms", "0ms", "100ms", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "How long a commit waits for others to share its write to disk."),
	CPL_OPT_SIZE(struct db_config, cache_size, "8M", "512K", "4G", CPL_GLOBAL_ONLY,
		     "Memory for pages of the database, for the writing connection; the reading one has a sixteenth of it, at least 512K."),
	CPL_OPT_ENUM(struct db_config, synchronous, "full", synchronous_names, CPL_GLOBAL_ONLY,
		     "With full, a commit is on disk when it is acknowledged; with normal, the last ones can "
		     "be lost when the power fails."),
	CPL_OPT_TIME(struct db_config, checkpoint_interval, "500ms", "50ms", "1m",
		     CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "How often the write-ahead log is copied into the database while there is something to "
		     "copy."),
	CPL_OPT_END,
};

/* A call of the driver that the writer's thread does. */
struct sqlite_task {
	struct db_task task;
	struct database *db;
	const struct cpl_store *store;
	struct cpl_error *error;
	int code;
	int64_t last_id;
};

static void declare_run(struct db_task *task)
{
	struct sqlite_task *own = CPL_CONTAINER(task, struct sqlite_task, task);

	own->code = schema_declare(own->db, own->store, own->error);
}

static int sqlite_declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
	struct cpl_error unused;
	struct sqlite_task own = {
		.task = {.run = declare_run}, .db = cpl_module_data(driver), .store = store};

	own.error = error ? error : &unused;
	threads_run_task(own.db, &own.task);
	return own.code;
}

static void last_id_run(struct db_task *task)
{
	struct sqlite_task *own = CPL_CONTAINER(task, struct sqlite_task, task);

	own->last_id = schema_last_id(own->db, own->store);
}

static int64_t sqlite_last_id(struct cpl_module *driver, const struct cpl_store *store)
{
	struct sqlite_task own = {
		.task = {.run = last_id_run}, .db = cpl_module_data(driver), .store = store};

	threads_run_task(own.db, &own.task);
	return own.last_id;
}

static void sqlite_submit(struct cpl_module *driver, struct cpl_store_request *request)
{
	threads_submit(cpl_module_data(driver), request);
}

static void sqlite_submitted(struct cpl_module *driver)
{
	threads_submitted(cpl_module_data(driver));
}

static void sqlite_leave(struct cpl_module *driver)
{
	struct database *db = cpl_module_data(driver);

	threads_stop(db);
	db_leave(db);
}

/* What fails here is closed by sqlite_leave() or sqlite_unload(). */
static int sqlite_open(struct cpl_module *driver, struct cpl_error *error)
{
	struct database *db = cpl_module_data(driver);
	int code = db_open(db, CPL_CONFIG(driver, NULL, struct db_config), error);

	return code ? code : threads_start(db, error);
}

static const struct cpl_storage_service sqlite_service = {
	.size = sizeof(sqlite_service),
	.declare = sqlite_declare,
	.submit = sqlite_submit,
	.submitted = sqlite_submitted,
	.last_id = sqlite_last_id,
	.leave = sqlite_leave,
	.open = sqlite_open,
	.declares_while_serving = true,
	.keeps_ids = true,
};

static const struct cpl_provide_row sqlite_provides[] = {
	{"storage", 1, &sqlite_service},
	{NULL, 0, NULL},
};

static int sqlite_load(struct cpl_module *self, struct cpl_error *error)
{
	const struct db_config *config = CPL_CONFIG(self, NULL, struct db_config);
	struct cpl_str folder = cpl_data_directory();
	char *path;

	if (config->file.len > 0 && config->file.ptr[0] == '/')
		path = cpl_strdup(config->file);
	else
		path = cpl_asprintf("%.*s/%.*s", CPL_ARG(folder), CPL_ARG(config->file));
	cpl_module_set_data(self, db_create(path, config));
	cpl_free(path);
	return 0;
}

static void sqlite_reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before,
			       const void *now)
{
	struct database *db = cpl_module_data(self);
	const struct db_config *config = now;

	if (host)
		return;
	db->commit_window_us = config->commit_window * 1000;
	db->checkpoint_interval_ms = config->checkpoint_interval;
}

static void sqlite_unload(struct cpl_module *self)
{
	struct database *db = cpl_module_data(self);

	threads_stop(db);
	db_close(&db);
	cpl_module_set_data(self, NULL);
}

CPL_MODULE(sqlite) = {
	CPL_MODULE_HEAD("sqlite", "1.0", "Storage in an SQLite database"),
	.options = sqlite_options,
	.config_size = sizeof(struct db_config),
	.provides = sqlite_provides,
	.load = sqlite_load,
	.reconfigure = sqlite_reconfigure,
	.unload = sqlite_unload,
};
