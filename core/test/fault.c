/* SPDX-License-Identifier: MIT */
/* Storage and memory that fail when asked to. Storage: a service in front of the driver's, which hands on all requests but one. */
#include "core/test/testcore.h"

#include "core/base/memory.h"
#include "core/module/manager.h"
#include "core/xmpp/store.h"

const char *const fault_names[FAULT_KINDS] = {"", "fallible allocation", "storage write", "storage query", "system call"};

static struct {
	struct cpl_module *provider;
	const struct cpl_storage_service *service; /* the driver's own */
	enum fault kind;
	unsigned left, paused;
	uint64_t memory_left; /* while paused */
	bool hit;
} fault;

static bool strikes(bool write)
{
	if (fault.paused || fault.left == 0 || fault.kind != (write ? FAULT_WRITE : FAULT_QUERY))
		return false;
	return --fault.left == 0;
}

static void submit(struct cpl_module *driver, struct cpl_store_request *request)
{
	if (!strikes(request->write)) {
		fault.service->submit(driver, request);
		return;
	}
	fault.hit = true;
	request->status = cpl_fail(&request->error, CPL_E_IO, FAULT_TEXT " %s", request->write ? "write" : "query");
	cpl_store_finished(request);
}

static int declare(struct cpl_module *driver, const struct cpl_store *store, struct cpl_error *error)
{
	return fault.service->declare(driver, store, error);
}

static int64_t last_id(struct cpl_module *driver, const struct cpl_store *store)
{
	return fault.service->last_id(driver, store);
}

static const struct cpl_storage_service front = {
	.size = sizeof(front),
	.declare = declare,
	.submit = submit,
	.last_id = last_id,
};

void fault_open(void)
{
	const struct testcore_setup *setup = testcore_setup();
	struct cpl_module *provider = manager_find(CPL_STR("memory"));
	const struct cpl_provide_row *row = provider ? manager_descriptor(provider)->provides : NULL;

	/* A driver that is tested itself speaks with the core directly. */
	if (setup->driver)
		return;
	while (row && row->name && strcmp(row->name, "storage") != 0)
		row++;
	if (!row || !row->name)
		testcore_fail("there is no storage driver");
	fault.provider = provider;
	fault.service = row->service;
	store_set_driver(provider, &front);
}

void fault_close(void)
{
	fault_at(FAULT_NONE, 0);
	if (fault.service)
		store_set_driver(fault.provider, fault.service);
	fault.service = NULL;
	fault.provider = NULL;
}

void fault_at(enum fault kind, unsigned nth)
{
	fault.kind = nth ? kind : FAULT_NONE;
	fault.left = nth;
	fault.hit = false;
	memory_fault_at(fault.kind == FAULT_MEMORY ? nth : 0);
	syscall_fault_at(fault.kind == FAULT_SYSTEM ? nth : 0);
}

bool fault_hit(void)
{
	return fault.hit || (fault.kind == FAULT_MEMORY && memory_fault_hit()) || (fault.kind == FAULT_SYSTEM && syscall_fault_hit());
}

void fault_pause(bool paused)
{
	if (paused && fault.paused++ == 0)
		fault.memory_left = memory_fault_suspend();
	else if (!paused && --fault.paused == 0)
		memory_fault_resume(fault.memory_left);
	syscall_fault_pause(fault.paused > 0);
}

void cpl_test_fail_write(unsigned nth)
{
	fault_at(FAULT_WRITE, nth);
}

void cpl_test_fail_query(unsigned nth)
{
	fault_at(FAULT_QUERY, nth);
}
