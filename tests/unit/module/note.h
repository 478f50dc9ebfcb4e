/* SPDX-License-Identifier: MIT */
/* What the test modules and the test program know of each other. */
#ifndef TESTS_UNIT_MODULE_NOTE_H
#define TESTS_UNIT_MODULE_NOTE_H

#include <couplet/module.h>

/* Adds a word to the trace; the program's, which modules find as they find the core's functions. */
__attribute__((visibility("default"))) void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Waits until the test opens its gate; on the session thread it does not, and returns false. */
__attribute__((visibility("default"))) bool test_gate(void);

/* The service "counter", version 1. */
struct counter_service {
	size_t size;
	int64_t (*count)(struct cpl_module *provider);
	int64_t (*step)(struct cpl_module *provider, struct cpl_host *host);
	/* Data of the host's slot, made when it is new. */
	int (*visits)(struct cpl_module *provider, struct cpl_host *host);
};

#endif
