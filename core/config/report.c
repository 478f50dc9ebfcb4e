/* SPDX-License-Identifier: MIT */
/* The report of faults, and the nearest of some names. */
#include "core/config/tree.h"
#include <stdlib.h>

/* Enough for a person; a file of nothing but faults must not cost time without bound. */
#define FAULTS_MAX 1000
#define WORD_MAX   63

static bool is_known(const struct config_report *report, const char *file, int line, const char *text)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct config_fault *f = &report->faults[i];

		if (f->line == line && strcmp(f->text, text) == 0 && strcmp(f->file ? f->file : "", file ? file : "") == 0)
			return true;
	}
	return false;
}

static __attribute__((format(printf, 5, 0))) void add(struct config_report *report, const char *file, int line, bool warning,
						      const char *format, va_list args)
{
	struct cpl_buf text = {0};

	if (!warning)
		report->errors++;
	if (report->count >= FAULTS_MAX)
		return;
	cpl_buf_addv(&text, format, args);
	if (is_known(report, file, line, text.ptr)) {
		if (!warning)
			report->errors--;
		cpl_buf_finish(&text);
		return;
	}
	if ((report->count & (report->count - 1)) == 0)
		report->faults = cpl_realloc(report->faults, (report->count ? report->count * 2 : 1) * sizeof *report->faults);
	report->faults[report->count++] = (struct config_fault){
		.file = file ? cpl_strdup(cpl_str_of(file)) : NULL, .line = line, .warning = warning, .text = cpl_buf_take(&text)};
}

void config_report_add(struct config_report *report, const struct config_node *where, bool warning, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(report, where ? where->file : NULL, where ? where->line : 0, warning, format, args);
	va_end(args);
}

void config_report_at(struct config_report *report, const char *file, int line, bool warning, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(report, file, line, warning, format, args);
	va_end(args);
}

static int fault_order(const void *left, const void *right)
{
	const struct config_fault *a = left, *b = right;
	int by_file = strcmp(a->file ? a->file : "", b->file ? b->file : "");

	if (by_file)
		return by_file;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return strcmp(a->text, b->text);
}

void config_report_print(struct config_report *report, struct cpl_buf *out)
{
	if (report->count)
		qsort(report->faults, report->count, sizeof *report->faults, fault_order);
	for (size_t i = 0; i < report->count; i++) {
		const struct config_fault *f = &report->faults[i];

		if (f->file && f->line)
			cpl_buf_addf(out, "%s:%d: ", f->file, f->line);
		else if (f->file)
			cpl_buf_addf(out, "%s: ", f->file);
		cpl_buf_addf(out, "%s%s\n", f->warning ? "warning: " : "", f->text);
	}
	if (report->count == FAULTS_MAX)
		cpl_buf_addf(out, "and possibly more: only the first %d faults are shown\n", FAULTS_MAX);
}

void config_report_finish(struct config_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		cpl_free((char *)report->faults[i].file);
		cpl_free(report->faults[i].text);
	}
	cpl_free(report->faults);
	*report = (struct config_report){0};
}

/* Edit distance in which a swap of neighbours counts as one; rows of at most WORD_MAX + 1. */
static unsigned distance(struct cpl_str a, struct cpl_str b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b.len; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			unsigned best = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		unsigned *oldest = before;

		before = last;
		last = now;
		now = oldest;
	}
	return last[b.len];
}

const char *config_nearest(struct cpl_str word, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	/* A third of the letters may be wrong, and one in any case. */
	unsigned limit = (unsigned)(word.len / 3 ? word.len / 3 : 1);

	if (word.len == 0 || word.len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct cpl_str name = cpl_str_of(names[i]);

		if (name.len > WORD_MAX || name.len > word.len + limit || word.len > name.len + limit)
			continue;
		unsigned d = distance(word, name);

		if (d <= limit && (d < limit || !nearest)) {
			nearest = names[i];
			limit = d;
		}
	}
	return nearest;
}
