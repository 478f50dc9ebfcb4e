/* SPDX-License-Identifier: MIT */
/* /proc of a process tree. */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parent, ticks and pages of one process; false when it is gone. */
static int stat_of(int pid, int *parent, unsigned long *ticks, long *pages)
{
	char path[64], text[1024], *rest;
	unsigned long user, system;
	size_t len;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld", parent, &user,
			    &system, pages) != 4)
		return 0;
	*ticks = user + system;
	return 1;
}

static int is_below(int pid, int root)
{
	unsigned long ticks;
	long pages;
	int parent;

	for (int depth = 0; pid > 1 && depth < 32; depth++) {
		if (pid == root)
			return 1;
		if (!stat_of(pid, &parent, &ticks, &pages))
			return 0;
		pid = parent;
	}
	return 0;
}

/* The scheduler's clock of all threads is finer than the ticks: nanoseconds. */
static double cpu_of(int pid)
{
	char path[64];
	double total = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		char name[512];
		unsigned long long ns;
		FILE *file;

		snprintf(name, sizeof name, "%s/%s/schedstat", path, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(name, "r");
		if (!file)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)
			total += (double)ns / 1e9;
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return total;
}

enum { PROCESSES_MAX = 64 };

static int found[PROCESSES_MAX];
static size_t found_count;

long measure_rss(int pid)
{
	struct measure measure;
	long total = 0;

	if (!found_count)
		measure_take(&measure, pid);
	for (size_t i = 0; i < found_count; i++) {
		unsigned long ticks;
		long pages;
		int parent;

		if (stat_of(found[i], &parent, &ticks, &pages))
			total += pages * (sysconf(_SC_PAGESIZE) / 1024);
	}
	return total;
}

void measure_take(struct measure *measure, int pid)
{
	struct dirent *entry;
	DIR *processes;

	*measure = (struct measure){0};
	found_count = 0;
	processes = pid ? opendir("/proc") : NULL;
	while (processes && (entry = readdir(processes))) {
		int each = (int)strtol(entry->d_name, NULL, 10), parent;
		unsigned long ticks;
		long pages;

		if (each <= 0 || !is_below(each, pid) || !stat_of(each, &parent, &ticks, &pages))
			continue;
		double fine = cpu_of(each);

		if (found_count < PROCESSES_MAX)
			found[found_count++] = each;
		measure->cpu_seconds += fine > 0 ? fine : (double)ticks / (double)sysconf(_SC_CLK_TCK);
		measure->rss_kib += pages * (sysconf(_SC_PAGESIZE) / 1024);
	}
	if (processes)
		closedir(processes);
}
