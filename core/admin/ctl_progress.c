/* SPDX-License-Identifier: MIT */
/* How far long work has come: "12500 of 100000 lines, 240/s, 6:04 left". */
#include "core/admin/ctl.h"
#include <time.h>
#include <unistd.h>

enum { SHOW_EVERY_MS = 200 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void ctl_progress_clear(struct ctl_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}

static void show(const struct ctl_progress *progress, int64_t done, int64_t total, struct cpl_str unit)
{
	int64_t ms = progress->shown_at - progress->begun, made = done - progress->begun_with;
	int64_t rate = ms > 0 ? made * 1000 / ms : 0, left;

	fprintf(stderr, "\r%lld", (long long)done);
	if (total)
		fprintf(stderr, " of %lld", (long long)total);
	fprintf(stderr, " %.*s", CPL_ARG(unit));
	if (rate > 0) {
		fprintf(stderr, ", %lld/s", (long long)rate);
		left = total > done ? (total - done) / rate : 0;
		if (left > 0)
			fprintf(stderr, ", %lld:%02lld left", (long long)left / 60, (long long)left % 60);
	}
	fputs("\033[K", stderr);
	fflush(stderr);
}

void ctl_progress_show(struct ctl_progress *progress, struct cpl_str text)
{
	struct cpl_str done_text, total_text;
	int64_t done, total, now = now_ms();

	if (!isatty(STDERR_FILENO) || !cpl_str_split(&text, ' ', &done_text) || !cpl_str_split(&text, ' ', &total_text) ||
	    !cpl_str_to_int(done_text, 0, INT64_MAX, &done) || !cpl_str_to_int(total_text, 0, INT64_MAX, &total))
		return;
	if (progress->begun == 0) {
		progress->begun = now;
		progress->begun_with = done;
	} else if (now - progress->shown_at < SHOW_EVERY_MS && done != total) {
		return;
	}
	progress->shown_at = now;
	progress->shown = true;
	show(progress, done, total, text);
}
