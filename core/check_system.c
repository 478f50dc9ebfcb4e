/* SPDX-License-Identifier: MIT */
/* Checks of the machine: limits, clock, folders and files. */
#include "core/check.h"

#include "core/base/clock.h"
#include "core/base/logger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

enum { FILES_LEAST = 1024, FILES_APART = 128, CLOCK_SLACK_S = 60 };
/* 2025-01-01: no server of ours can live before it. */
#define CLOCK_LEAST_S 1735689600

static void check_files(struct check *check)
{
	int64_t wanted = check->config->core.max_connections ? check->config->core.max_connections + FILES_APART : FILES_LEAST;
	struct rlimit limit;
	char remedy[64];

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	snprintf(remedy, sizeof remedy, "LimitNOFILE=%lld, or ulimit -Hn", (long long)(wanted < 65536 ? 65536 : wanted));
	if ((int64_t)limit.rlim_max < wanted)
		check_say(check, CHECK_WRONG, "open files", remedy, "the process may open %lld files and wants %lld", (long long)limit.rlim_max, (long long)wanted);
	else
		check_say(check, CHECK_OK, "open files", NULL, "%lld may be open", (long long)limit.rlim_max);
}

static void check_clock(struct check *check)
{
	int64_t now = clock_system_now() / 1000;
	struct timex state = {.modes = 0};
	struct stat st;

	if (now < CLOCK_LEAST_S)
		check_say(check, CHECK_WRONG, "clock", "timedatectl set-ntp true", "it is before 2025: the clock has not been set");
	else if (stat(check->path, &st) == 0 && st.st_mtime > now + CLOCK_SLACK_S)
		check_say(check, CHECK_WRONG, "clock", "timedatectl set-ntp true", "it is behind: %s was written %lld s from now", check->path, (long long)(st.st_mtime - now));
	else if (adjtimex(&state) == TIME_ERROR)
		check_say(check, CHECK_WARNING, "clock", "timedatectl set-ntp true", "nothing keeps it right: certificates and archives need the true time");
	else
		check_say(check, CHECK_OK, "clock", NULL, "it is kept right");
}

/* Whether the server's user may do it, from what the folder says. */
static bool user_may(const struct check *check, const struct stat *st, unsigned wanted)
{
	unsigned shift = st->st_uid == check->uid ? 6 : st->st_gid == check->gid ? 3 : 0;

	return check->uid == 0 || (st->st_mode >> shift & wanted) == wanted;
}

/* Nobody else may read what accounts have: the files in the data folder. */
static void check_data_files(struct check *check, const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned open_files = 0, foreign = 0;
	const struct dirent *entry;
	char *remedy;

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
			continue;
		open_files += (st.st_mode & 07) != 0;
		foreign += st.st_uid != check->uid;
	}
	if (dir)
		closedir(dir);
	remedy = cpl_asprintf("chmod -R o-rwx %s", folder);
	if (open_files)
		check_say(check, CHECK_WRONG, "data", remedy, "%u files in %s are open to everybody", open_files, folder);
	cpl_free(remedy);
	remedy = cpl_asprintf("chown -R %s: %s", check->user, folder);
	if (foreign)
		check_say(check, CHECK_WRONG, "data", remedy, "%u files in %s do not belong to %s", foreign, folder, check->user);
	cpl_free(remedy);
}

static void check_data(struct check *check)
{
	const char *folder = check->config->core.data.ptr;
	unsigned before = check->wrong;
	struct stat st;
	char *remedy = cpl_asprintf("install -d -m 0700 -o %s %s", check->user, folder);

	if (stat(folder, &st) != 0) {
		check_say(check, errno == ENOENT ? CHECK_OK : CHECK_WRONG, "data", errno == ENOENT ? NULL : remedy, "%s: %s", folder,
			  errno == ENOENT ? "will be made by the first start" : strerror(errno));
	} else if (!S_ISDIR(st.st_mode)) {
		check_say(check, CHECK_WRONG, "data", "data: /var/lib/couplet", "%s is not a folder", folder);
	} else {
		if (st.st_uid != check->uid)
			check_say(check, CHECK_WRONG, "data", remedy, "%s does not belong to %s", folder, check->user);
		if (st.st_mode & 07)
			check_say(check, CHECK_WRONG, "data", remedy, "%s is open to everybody (mode %04o)", folder, st.st_mode & 07777);
		check_data_files(check, folder);
		if (check->wrong == before)
			check_say(check, CHECK_OK, "data", NULL, "%s belongs to %s alone", folder, check->user);
	}
	cpl_free(remedy);
}

static void check_configuration_file(struct check *check)
{
	char *remedy = cpl_asprintf("chmod go-w %s", check->path);
	struct stat st;

	if (stat(check->path, &st) == 0 && st.st_mode & 022)
		check_say(check, CHECK_WRONG, "configuration file", remedy, "others may change %s (mode %04o)", check->path, st.st_mode & 07777);
	cpl_free(remedy);
}

static void check_log(struct check *check)
{
	const struct config_core *core = &check->config->core;
	char *copy, *remedy;
	const char *folder;
	struct stat st;

	if (core->log_sink != LOGGER_FILE || !core->log_file.len)
		return;
	copy = cpl_strdup(core->log_file);
	folder = dirname(copy);
	remedy = cpl_asprintf("install -d -m 0750 -o %s %s", check->user, folder);
	if (stat(folder, &st) != 0)
		check_say(check, CHECK_WRONG, "log", remedy, "%s: %s", folder, strerror(errno));
	else if (!user_may(check, &st, 03))
		check_say(check, CHECK_WRONG, "log", remedy, "%s may not write to %s", check->user, folder);
	else
		check_say(check, CHECK_OK, "log", NULL, "%s can be written", core->log_file.ptr);
	cpl_free(remedy);
	cpl_free(copy);
}

/* Who is named as an administrator must be able to log in here. */
static void check_admins(struct check *check)
{
	const struct cpl_str_list *admins = &check->config->core.admins;

	for (size_t i = 0; i < admins->count; i++) {
		ptrdiff_t at = cpl_str_find(admins->items[i], '@');
		struct cpl_str domain = {admins->items[i].ptr + at + 1, admins->items[i].len - (size_t)(at + 1)};

		if (at >= 0 && !config_host_find(check->config, domain))
			check_say(check, CHECK_WARNING, "admins", "admins: [somebody at one of the hosts]", "%.*s is at no host of this server", CPL_ARG(admins->items[i]));
	}
}

void check_system(struct check *check)
{
	check_files(check);
	check_clock(check);
	check_configuration_file(check);
	check_data(check);
	check_log(check);
	check_admins(check);
}
