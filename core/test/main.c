/* SPDX-License-Identifier: MIT */
/* couplet-module-test: runs the tests of a module, and those that every module gets. */
#include "core/test/run.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] = "usage: couplet-module-test [--modules DIR] [--only TEXT] [--seconds N] MODULE.so [TEST.so]\n";

static __attribute__((noreturn, format(printf, 1, 2))) void stop(const char *format, ...)
{
	va_list args;

	fputs("couplet-module-test: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* What lasts as long as the program. */
static struct cpl_arena *lasting;

static const char *copied(const char *text)
{
	return text ? cpl_arena_copy(lasting, cpl_str_of(text)).ptr : NULL;
}

/* The whole path: the loader looks elsewhere for a name without a slash. */
static const char *path_of(const char *file)
{
	char path[PATH_MAX];

	if (!realpath(file, path))
		stop("%s: %s", file, strerror(errno));
	return copied(path);
}

/* ---- the module ---- */

/* "path/hello.so" is hello. */
static const char *name_of(const char *file)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	size_t len = strlen(base);

	if (len <= 3 || strcmp(base + len - 3, ".so") != 0)
		stop("%s: a module's file is called NAME.so", file);
	return cpl_arena_copy(lasting, (struct cpl_str){base, len - 3}).ptr;
}

static const char *const *words_copied(const char *const *words)
{
	const char **copy;
	size_t count = 0;

	while (words && words[count])
		count++;
	copy = cpl_arena_alloc(lasting, (count + 1) * sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = copied(words[i]);
	return copy;
}

/* UNSAFE: rows of a module that was built for an older version may be shorter. */
static const struct cpl_option *option_at(const struct cpl_descriptor *descriptor, size_t index)
{
	return (const struct cpl_option *)(const void *)((const char *)descriptor->options + index * descriptor->option_row);
}

/* All of the table in memory of ours: the module is closed before the first test. */
static const struct cpl_option *options_copied(const struct cpl_descriptor *descriptor)
{
	size_t row = descriptor->option_row, count = 0;
	struct cpl_option *copy;

	while (descriptor->options && row && option_at(descriptor, count)->name)
		count++;
	copy = cpl_arena_alloc(lasting, (count + 1) * sizeof(*copy));
	for (size_t i = 0; i < count; i++) {
		memcpy(&copy[i], option_at(descriptor, i), row < sizeof(*copy) ? row : sizeof(*copy));
		copy[i].name = copied(copy[i].name);
		copy[i].fallback = copied(copy[i].fallback);
		copy[i].min = copied(copy[i].min);
		copy[i].max = copied(copy[i].max);
		copy[i].values = words_copied(copy[i].values);
	}
	return copy;
}

static void look_at_module(struct run *run)
{
	char *symbol = cpl_asprintf("%s_LTX_cpl_module", run->module);
	void *code = dlopen(run->file, RTLD_NOW | RTLD_LOCAL);
	const struct cpl_descriptor *descriptor = code ? dlsym(code, symbol) : NULL;

	if (!descriptor)
		stop("%s", dlerror());
	run->options = options_copied(descriptor);
	run->has_check = descriptor->check != NULL;
	for (const struct cpl_provide_row *row = descriptor->provides; row && row->name; row++)
		run->driver = run->driver || strcmp(row->name, "storage") == 0;
	cpl_free(symbol);
	dlclose(code);
}

static void look_at_test(struct run *run, const char *file)
{
	static struct cpl_module_test test;
	void *code = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct cpl_module_test_head *head = code ? dlsym(code, "cpl_module_test_head") : NULL;
	const void *given = code ? dlsym(code, "cpl_module_test") : NULL;

	run->test = &test;
	if (!file)
		return;
	if (!head || !given)
		stop("%s", dlerror());
	if (head->api_major != CPL_API_MAJOR || head->api_minor > CPL_API_MINOR)
		stop("%s was built for version %u.%u of the API, this is %d.%d", file, head->api_major, head->api_minor, CPL_API_MAJOR, CPL_API_MINOR);
	if (strcmp(head->module, run->module) != 0)
		stop("%s tests the module %s, not %s", file, head->module, run->module);
	memcpy(&test, given, head->size < sizeof(test) ? head->size : sizeof(test));
}

/* ---- the folder of modules: links to those that are installed, and to this one ---- */

static void link_modules(const struct run *run, const char *from)
{
	DIR *dir = opendir(from);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		size_t len = strlen(entry->d_name);
		char *path = cpl_asprintf("%s/%s", from, entry->d_name), *link = cpl_asprintf("%s/%s", run->modules_path, entry->d_name);

		if (len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0 && symlink(path, link) < 0 && errno != EEXIST)
			stop("%s: %s", link, strerror(errno));
		cpl_free(path);
		cpl_free(link);
	}
	if (dir)
		closedir(dir);
}

static void make_folder(const struct run *run, const char *modules)
{
	const char *from = path_of(modules);
	char *link = cpl_asprintf("%s/%s.so", run->modules_path, run->module), *built;

	if (mkdir(run->modules_path, 0700) < 0 || symlink(run->file, link) < 0)
		stop("%s: %s", link, strerror(errno));
	cpl_free(link);
	link_modules(run, from);
	/* Where libtool puts them in a build tree. */
	built = cpl_asprintf("%s/.libs", from);
	link_modules(run, built);
	cpl_free(built);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	return remove(path);
}

static void play_all(struct run *run, const char *modules)
{
	char folder[] = "/tmp/couplet-module-test-XXXXXX";
	char *modules_path;

	if (!mkdtemp(folder))
		stop("%s: %s", folder, strerror(errno));
	modules_path = cpl_asprintf("%s/modules", folder);
	run->folder = folder;
	run->modules_path = modules_path;
	make_folder(run, modules);
	run_cases(run);
	run_reloads(run);
	run_options(run);
	run_faults(run);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	cpl_free(modules_path);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"modules", required_argument, NULL, 'm'}, {"only", required_argument, NULL, 'o'}, {"seconds", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},	   {"version", no_argument, NULL, 'v'},	   {NULL, 0, NULL, 0},
	};
	static struct run run = {.seconds = 60};
	const char *modules = COUPLET_MODULEDIR;
	int64_t seconds = 60;

	lasting = cpl_arena_create();
	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (c == 'm')
			modules = optarg;
		else if (c == 'o')
			run.only = optarg;
		else if (c == 'h')
			return fputs(usage, stdout) < 0;
		else if (c == 'v')
			return printf("couplet-module-test %s\n", COUPLET_VERSION) < 0;
		else if (c != 's' || !cpl_str_to_int(cpl_str_of(optarg), 1, 3600, &seconds))
			optind = argc;
	}
	if (optind == argc || argc - optind > 2) {
		fputs(usage, stderr);
		return 2;
	}
	run.seconds = (unsigned)seconds;
	run.module = name_of(argv[optind]);
	run.file = path_of(argv[optind]);
	look_at_module(&run);
	look_at_test(&run, argc - optind == 2 ? path_of(argv[optind + 1]) : NULL);
	play_all(&run, modules);
	cpl_free(run.alone);
	cpl_arena_destroy(&lasting);
	printf("%u passed, %u failed\n", run.passed, run.failed);
	return run.failed || !run.passed ? 1 : 0;
}
