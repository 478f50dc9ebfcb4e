/* SPDX-License-Identifier: MIT */
/* nostore, a storage driver that keeps nothing: every request ends with CPL_E_UNSUPPORTED. With KIND 2 it is none any more. */
#include "note.h"

static int declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
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

static const struct cpl_storage_service service = {.size = sizeof(service), .declare = declare, .submit = submit, .last_id = last_id};
static const struct cpl_provide_row provides[] = {{"storage", 1, &service}, {0}};

static int nostore_load(struct cpl_module *self, struct cpl_error *error)
{
	test_note("nostore.load");
	return 0;
}

static void nostore_unload(struct cpl_module *self)
{
	test_note("nostore.unload");
}

CPL_MODULE(nostore) = {
	CPL_MODULE_HEAD("nostore", "1.0", "Storage that keeps nothing, for tests"),
	.provides = KIND == 2 ? NULL : provides,
	.load = nostore_load,
	.unload = nostore_unload,
};
