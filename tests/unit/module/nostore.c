/* SPDX-License-Identifier: MIT */
/*
 * nostore, a storage driver that keeps nothing: every request ends with CPL_E_UNSUPPORTED. Built once for each of these:
 *
 *   KIND 1  as it is          KIND 3  opens on a worker, behind the gate of the test, and has less room
 *   KIND 2  is none any more  KIND 4  opens, and takes no state over     KIND 5  does not open
 *   KIND 6  declares stores while it serves, behind the gate      KIND 7  the same, and notes where
 */
#include "note.h"

struct nostore_config {
	int64_t room;
};
static const struct cpl_option options[] = {
	CPL_OPT_INT(struct nostore_config, room, "5", "1", KIND == 3 ? "10" : "100", CPL_RELOADABLE, "What it would keep."),
	CPL_OPT_END,
};

static int declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
	bool worker = KIND >= 6 && test_gate();

	if (KIND == 7)
		test_note("declare(%s,%s)", store->name, worker ? "worker" : "session");
	return 0;
}

static void submit(struct cpl_module *driver, struct cpl_store_request *request)
{
	request->status = CPL_E_UNSUPPORTED;
	cpl_store_finished(request);
}

static int64_t last_id(struct cpl_module *driver, const struct cpl_store *store)
{
	return 0;
}

static void *opened;

static int nostore_open(struct cpl_module *driver, struct cpl_error *error)
{
	opened = cpl_alloc(64);
	test_note("nostore.open");
	test_gate();
	return KIND == 5 ? cpl_fail(error, CPL_E_IO, "the cellar is locked") : 0;
}

static void nostore_leave(struct cpl_module *driver)
{
	if (opened)
		test_note("nostore.leave");
	CPL_FREE(opened);
}

static const struct cpl_storage_service service = {
	.size = sizeof(service), .declare = declare, .submit = submit, .last_id = last_id, .leave = nostore_leave, .open = KIND >= 3 && KIND <= 5 ? nostore_open : NULL,
	.declares_while_serving = KIND >= 6};
static const struct cpl_provide_row provides[] = {{"storage", 1, &service}, {0}};

static int nostore_load(struct cpl_module *self, struct cpl_error *error)
{
	test_note("nostore.load");
	return 0;
}

static void nostore_save(struct cpl_module *self, struct cpl_bag *bag)
{
}

static int nostore_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	if (opened)
		test_note("nostore.restore(%d)", (int)CPL_CONFIG(self, NULL, struct nostore_config)->room);
	return KIND == 4 ? cpl_fail(error, CPL_E_INVALID, "the keys are missing") : 0;
}

static void nostore_unload(struct cpl_module *self)
{
	test_note("nostore.unload");
	/* At the end of the server nobody takes his leave. */
	cpl_free(opened);
}

CPL_MODULE(nostore) = {
	CPL_MODULE_HEAD("nostore", "1.0", "Storage that keeps nothing, for tests"),
	.options = options,
	.config_size = sizeof(struct nostore_config),
	.provides = KIND == 2 ? NULL : provides,
	.load = nostore_load,
	.save = nostore_save,
	.restore = nostore_restore,
	.unload = nostore_unload,
};
