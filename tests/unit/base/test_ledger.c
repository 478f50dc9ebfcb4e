/* SPDX-License-Identifier: MIT */
/* The ledger: order of release, counts, resources that come and go meanwhile. Errors as values. */
#include "unit.h"

#include "core/base/ledger.h"
#include <couplet/error.h>
#include <couplet/memory.h>

struct resource {
	struct ledger_entry entry;
	char name;
};

static struct ledger ledger;
static char trace[16];

static void trace_add(char c)
{
	size_t len = strlen(trace);

	assert_true(len + 1 < sizeof(trace));
	trace[len] = c;
}

static int setup(void **state)
{
	memset(trace, 0, sizeof(trace));
	ledger_init(&ledger);
	return 0;
}

static void released(struct ledger_entry *entry)
{
	struct resource *resource = CPL_CONTAINER(entry, struct resource, entry);

	assert_null(entry->ledger);
	trace_add(resource->name);
	cpl_free(resource);
}

static struct resource *resource_create(char name, enum ledger_kind kind,
					void (*release)(struct ledger_entry *))
{
	struct resource *resource = CPL_NEW(struct resource);

	resource->name = name;
	ledger_add(&ledger, &resource->entry, kind, release);
	return resource;
}

static void newest_first(void **state)
{
	struct resource *b;

	resource_create('a', LEDGER_TIMER, released);
	b = resource_create('b', LEDGER_COMMAND, released);
	resource_create('c', LEDGER_TIMER, released);
	assert_int_equal(ledger_count(&ledger), 3);
	assert_int_equal(ledger.counts[LEDGER_TIMER], 2);
	assert_int_equal(ledger.counts[LEDGER_COMMAND], 1);
	/* Given up by hand: the ledger does not release it. */
	ledger_remove(&b->entry);
	ledger_remove(&b->entry);
	cpl_free(b);
	assert_int_equal(ledger.counts[LEDGER_COMMAND], 0);
	ledger_release(&ledger);
	assert_string_equal(trace, "ca");
	assert_int_equal(ledger_count(&ledger), 0);
	ledger_release(&ledger);
	assert_string_equal(trace, "ca");
}

static struct resource *victim;

static void released_takes_another(struct ledger_entry *entry)
{
	ledger_remove(&victim->entry);
	cpl_free(victim);
	released(entry);
}

static void released_makes_another(struct ledger_entry *entry)
{
	resource_create('n', LEDGER_OTHER, released);
	released(entry);
}

static void release_functions_may_change_the_ledger(void **state)
{
	resource_create('a', LEDGER_WATCHER, released);
	victim = resource_create('v', LEDGER_SLOT, released);
	resource_create('t', LEDGER_SERVICE, released_takes_another);
	resource_create('m', LEDGER_METRIC, released_makes_another);
	ledger_release(&ledger);
	assert_string_equal(trace, "mnta");
	for (int kind = 0; kind < LEDGER_KINDS; kind++)
		assert_int_equal(ledger.counts[kind], 0);
}

static void kinds_have_names(void **state)
{
	for (int a = 0; a < LEDGER_KINDS; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(ledger_kind_name((enum ledger_kind)a),
						ledger_kind_name((enum ledger_kind)b));
}

static void errors(void **state)
{
	struct cpl_error error = {0};
	char longer[1200];

	assert_int_equal(cpl_fail(NULL, CPL_E_IO, "nobody reads this"), CPL_E_IO);
	assert_int_equal(cpl_fail(&error, CPL_E_NOT_FOUND, "No host %s", "example.org"), CPL_E_NOT_FOUND);
	assert_int_equal(error.code, CPL_E_NOT_FOUND);
	assert_string_equal(error.text, "No host example.org");
	/* Cut at the size, never inside a character: 2 bytes each, at both parities. */
	for (int shift = 0; shift < 2; shift++) {
		size_t at = (size_t)shift;

		memset(longer, 'x', sizeof(longer));
		for (; at + 2 < sizeof(longer); at += 2)
			memcpy(longer + at, "\xc3\xa9", 2);
		longer[at] = '\0';
		cpl_fail(&error, CPL_E_INVALID, "%s", longer);
		assert_true(strlen(error.text) > sizeof(error.text) - 5);
		assert_true(cpl_str_is_utf8(cpl_str_of(error.text)));
	}
	for (int code = CPL_OK; code >= CPL_E_REFUSED; code--) {
		assert_string_not_equal(cpl_code_text(code), "");
		assert_string_not_equal(cpl_code_text(code), "unknown error");
	}
	assert_string_equal(cpl_code_text(-10000), "unknown error");
	assert_string_equal(cpl_code_text(INT32_MIN), "unknown error");
	assert_string_equal(cpl_code_text(5), cpl_code_text(CPL_OK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(newest_first, setup),
		cmocka_unit_test_setup(release_functions_may_change_the_ledger, setup),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
