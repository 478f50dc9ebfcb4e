/* SPDX-License-Identifier: MIT */
/* What the log may say: a warning or error that nobody announced is a complaint. */
#include "core/test/testcore.h"

#include "core/base/logger.h"

struct announced {
	struct announced *next;
	enum cpl_log_level level;
	bool seen;
	char *part;
};

static struct announced *all;
/* What is said of a fault that was injected: its own text, or what its code means. */
static const char *excuses[2];
static bool excuse_all;

void testlog_open(void)
{
	/* Level debug: with it the core looks for pointers into unloaded code. */
	struct logger_options options = {.level = CPL_LOG_DEBUG, .sink = LOGGER_MEMORY};
	struct cpl_error error = {0};

	if (logger_start(&options, &error) != 0)
		testcore_fail("%s", error.text);
}

void cpl_test_expect_log(enum cpl_log_level level, const char *part)
{
	struct announced *entry = CPL_NEW(struct announced);

	*entry = (struct announced){all, level, false, cpl_strdup(cpl_str_of(part))};
	all = entry;
}

void testlog_excuse(const char *part, const char *other)
{
	excuses[0] = part;
	excuses[1] = other;
	excuse_all = !part;
}

static bool has(struct cpl_str line, const char *part)
{
	return memmem(line.ptr, line.len, part, strlen(part)) != NULL;
}

/* "2026-01-31T12:00:00.123Z warn  module: message" */
static enum cpl_log_level level_of(struct cpl_str line)
{
	struct cpl_str rest = line, word;
	enum cpl_log_level level;

	if (cpl_str_split(&rest, ' ', &word) && cpl_str_split(&rest, ' ', &word) && logger_level_of(word, &level))
		return level;
	return CPL_LOG_ERROR;
}

static void look_at(struct cpl_str line, enum cpl_log_level level)
{
	bool known = excuse_all || (excuses[0] && (has(line, excuses[0]) || has(line, excuses[1])));

	for (struct announced *entry = all; entry; entry = entry->next)
		if (level >= entry->level && has(line, entry->part))
			known = entry->seen = true;
	if (!known && level >= CPL_LOG_WARN)
		testcore_complain("the log says: %.*s", CPL_ARG(line));
}

void testlog_check(void)
{
	char *text = logger_take_memory();
	struct cpl_str rest = cpl_str_of(text), line;

	while (cpl_str_split(&rest, '\n', &line))
		if (line.len)
			look_at(line, level_of(line));
	cpl_free(text);
}

void testlog_close(bool excused)
{
	testlog_check();
	logger_finish();
	while (all) {
		struct announced *entry = all;

		if (!entry->seen && !excused)
			testcore_complain("the log was expected to say \"%s\", and does not", entry->part);
		all = entry->next;
		cpl_free(entry->part);
		cpl_free(entry);
	}
	excuses[0] = NULL;
	excuse_all = false;
}
