/* SPDX-License-Identifier: MIT */
/* A folder of configuration files for one test, the report as text, and a look for a part of it. */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config/tree.h"

struct fixture {
	char folder[64];
	char path[128];
	struct config_report report;
	struct cpl_buf text; /* of the report */
};

static void fixture_write(struct fixture *f, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", f->folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void fixture_open(struct fixture *f, const char *text)
{
	*f = (struct fixture){0};
	snprintf(f->folder, sizeof f->folder, "/tmp/couplet-config-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/couplet.yml", f->folder);
	fixture_write(f, "couplet.yml", text);
}

static int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void fixture_close(struct fixture *f)
{
	nftw(f->folder, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	config_report_finish(&f->report);
	cpl_buf_finish(&f->text);
}

/* The report so far, with the folder's name taken away. */
static const char *fixture_report(struct fixture *f)
{
	struct cpl_buf raw = {0};
	size_t skip = strlen(f->folder) + 1;

	cpl_buf_clear(&f->text);
	config_report_print(&f->report, &raw);
	for (size_t i = 0; i < raw.len;) {
		if (raw.len - i >= skip && memcmp(raw.ptr + i, f->folder, skip - 1) == 0 && raw.ptr[i + skip - 1] == '/')
			i += skip;
		else
			cpl_buf_add_char(&f->text, raw.ptr[i++]);
	}
	cpl_buf_finish(&raw);
	return cpl_buf_str(&f->text).ptr;
}

#define assert_reported(f, wanted)                                                                                               \
	do {                                                                                                                     \
		if (!strstr(fixture_report(f), wanted))                                                                          \
			fail_msg("not in the report: %s\nthe report:\n%s", wanted, fixture_report(f));                           \
	} while (0)
#define assert_no_faults(f) assert_string_equal(fixture_report(f), "")

#endif
