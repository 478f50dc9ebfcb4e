/* SPDX-License-Identifier: MIT */
/* The file of jobs: a line each, "MODULE.JOB LAST WISH", times in ms. */
#include "core/module/schedule.h"

#include <couplet/log.h>
#include <couplet/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const char schedule_file_head[] = "couplet jobs 1\n";
enum { FILE_MAX = 1 << 20 };

static bool read_line(struct cpl_str line, struct schedule_record *record)
{
	struct cpl_str rest = line, last;

	return cpl_str_split(&rest, ' ', &record->name) && record->name.len && record->name.len < 130 && cpl_str_split(&rest, ' ', &last) &&
	       cpl_str_to_int(last, 0, INT64_MAX / 2, &record->last) && rest.ptr && cpl_str_to_int(rest, 0, INT64_MAX / 2, &record->wish);
}

bool schedule_file_read(const char *path, void (*each)(const struct schedule_record *record), struct cpl_error *error)
{
	FILE *file = fopen(path, "re");
	char *bytes = file ? cpl_try_alloc(FILE_MAX) : NULL;
	struct cpl_str rest, line;
	size_t size;
	bool good;

	if (!file)
		return errno == ENOENT || cpl_fail(error, CPL_E_IO, "%s cannot be read: %s", path, strerror(errno)) == 0;
	size = bytes ? fread(bytes, 1, FILE_MAX, file) : 0;
	good = bytes && !ferror(file) && size < FILE_MAX;
	fclose(file);
	rest = (struct cpl_str){bytes, size};
	if (good && !cpl_str_starts(rest, cpl_str_of(schedule_file_head)))
		good = size == 0;
	for (bool first = true; good && rest.len && cpl_str_split(&rest, '\n', &line); first = false) {
		struct schedule_record record;

		if (first || line.len == 0)
			continue;
		if (read_line(line, &record))
			each(&record);
		else
			cpl_log_warn("line of the file of jobs makes no sense, left out path=%s line=\"%.*s\"", path, (int)(line.len < 100 ? line.len : 100),
				     line.ptr);
	}
	cpl_free(bytes);
	return good || cpl_fail(error, CPL_E_CORRUPT, "%s is no file of jobs; move it away to go on without it", path) == 0;
}

void schedule_file_line(const struct schedule_record *record, struct cpl_buf *text)
{
	cpl_buf_addf(text, "%.*s %lld %lld\n", CPL_ARG(record->name), (long long)record->last, (long long)record->wish);
}

static bool sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? cpl_strdup((struct cpl_str){path, (size_t)(slash - path) + 1}) : cpl_strdup(CPL_STR("."));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	cpl_free(folder);
	return good;
}

int schedule_file_write(const char *path, struct cpl_str text, struct cpl_error *error)
{
	char *fresh = cpl_asprintf("%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0;
	int reason;

	for (size_t at = 0; good && at < text.len;) {
		ssize_t wrote = write(fd, text.ptr + at, text.len - at);

		if (wrote > 0)
			at += (size_t)wrote;
		else
			good = wrote < 0 && errno == EINTR;
	}
	good = good && fsync(fd) == 0;
	reason = errno;
	if (fd >= 0)
		close(fd);
	if (good && (rename(fresh, path) < 0 || !sync_folder(path))) {
		reason = errno;
		good = false;
	}
	cpl_free(fresh);
	if (good)
		return 0;
	return cpl_fail(error, reason == ENOSPC || reason == EDQUOT ? CPL_E_FULL : CPL_E_IO, "%s cannot be written: %s", path, strerror(reason));
}
