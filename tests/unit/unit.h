/* SPDX-License-Identifier: MIT */
/* What every unit test includes first: cmocka with what it needs, and assertions on views. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <couplet/str.h>
#include <stdio.h>

/* `actual` (struct cpl_str) has the bytes of the C string `expected`. */
#define assert_str(actual, expected) unit_assert_str((actual), (expected), __FILE__, __LINE__)

static inline void unit_assert_str(struct cpl_str actual, const char *expected, const char *file, int line)
{
	if (cpl_str_is(actual, expected))
		return;
	print_error("\"%.*s\" != \"%s\"\n", CPL_ARG(actual), expected);
	_fail(file, line);
}

#endif
