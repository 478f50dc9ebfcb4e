/* SPDX-License-Identifier: MIT */
/* Files of modules: finding, copying, opening with libltdl. */
#include "core/module/loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <ltdl.h>
#include <sys/stat.h>
#include <unistd.h>

int loader_init(void)
{
	return lt_dlinit() == 0 ? 0 : CPL_E_UNSUPPORTED;
}

void loader_finish(void)
{
	lt_dlexit();
}

char *loader_find(struct cpl_str modules_path, struct cpl_str name, struct cpl_error *error)
{
	static const char *const folders[] = {"", "/.libs"};
	int why = 0;

	for (size_t i = 0; i < 2; i++) {
		char *path = cpl_asprintf("%.*s%s/%.*s.so", CPL_ARG(modules_path), folders[i], CPL_ARG(name));
		struct stat about;

		int failed = stat(path, &about) < 0 ? errno : 0;

		if (failed == 0 && S_ISREG(about.st_mode))
			return path;
		if (failed != ENOENT && failed != ENOTDIR && why == 0)
			why = failed;
		cpl_free(path);
	}
	if (why)
		cpl_fail(error, CPL_E_IO, "cannot be looked for in %.*s: %s", CPL_ARG(modules_path), strerror(why));
	else
		cpl_fail(error, CPL_E_NOT_FOUND, "there is no file %.*s.so in %.*s", CPL_ARG(name), CPL_ARG(modules_path));
	return NULL;
}

static lt_dlhandle open_static(struct cpl_str name)
{
	char *file = cpl_strdup(name);
	lt_dladvise advise;
	lt_dlhandle handle = NULL;

	if (lt_dladvise_init(&advise) == 0) {
		lt_dladvise_ext(&advise);
		lt_dladvise_preload(&advise);
		handle = lt_dlopenadvise(file, advise);
		lt_dladvise_destroy(&advise);
	}
	cpl_free(file);
	return handle;
}

bool loader_is_static(struct cpl_str name)
{
	lt_dlhandle handle = open_static(name);

	if (handle)
		lt_dlclose(handle);
	return handle != NULL;
}

/* ---- copies ---- */

static bool copy_bytes(int from, int to)
{
	char block[65536];
	ssize_t got;

	while ((got = read(from, block, sizeof(block))) > 0)
		for (ssize_t at = 0, put; at < got; at += put) {
			put = write(to, block + at, (size_t)(got - at));
			if (put < 0)
				return false;
		}
	return got == 0;
}

static bool copy_file(const char *path, const char *copy)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	bool good = from >= 0 && to >= 0 && copy_bytes(from, to);
	int why = errno;

	if (from >= 0)
		close(from);
	if (to >= 0 && close(to) < 0 && good) {
		good = false;
		why = errno;
	}
	errno = why;
	return good;
}

/* What a process that ended without cleaning up has left: data belongs to one server at a time. */
static void remove_stale(const char *generations)
{
	char *own = cpl_asprintf("%ld-", (long)getpid());
	DIR *dir = opendir(generations);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		char *folder = cpl_asprintf("%s/%s", generations, entry->d_name);
		bool stale = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && strncmp(entry->d_name, own, strlen(own)) != 0;
		DIR *inner = stale ? opendir(folder) : NULL;

		for (struct dirent *file = inner ? readdir(inner) : NULL; file; file = readdir(inner))
			if (file->d_name[0] != '.')
				unlinkat(dirfd(inner), file->d_name, 0);
		if (inner) {
			closedir(inner);
			rmdir(folder);
		}
		cpl_free(folder);
	}
	if (dir)
		closedir(dir);
	cpl_free(own);
}

char *loader_copy(const char *path, struct cpl_str data, unsigned serial, struct cpl_error *error)
{
	char *generations = cpl_asprintf("%.*s/generations", CPL_ARG(data));
	char *folder = cpl_asprintf("%s/%ld-%u", generations, (long)getpid(), serial);
	const char *base = strrchr(path, '/');
	char *copy = cpl_asprintf("%s%s", folder, base ? base : path);
	bool good;

	remove_stale(generations);
	good = (mkdir(generations, 0700) == 0 || errno == EEXIST) && mkdir(folder, 0700) == 0 && copy_file(path, copy);

	if (!good) {
		cpl_fail(error, CPL_E_IO, "cannot copy %s to %s: %s", path, copy, strerror(errno));
		loader_drop_copy(&copy);
	}
	cpl_free(folder);
	cpl_free(generations);
	return copy;
}

static void remove_copy(const char *path)
{
	char *folder = cpl_strdup(cpl_str_of(path));

	/* The file, its folder, and the folder of all generations when it was the last; what fails is left for the next start. */
	if (unlink(path) < 0 && errno != ENOENT)
		cpl_log_warn("copy of a module could not be removed path=%s error=%s", path, strerror(errno));
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(folder, '/');

		if (!slash)
			break;
		*slash = '\0';
		if (rmdir(folder) < 0)
			break;
	}
	cpl_free(folder);
}

void loader_drop_copy(char **copy)
{
	if (!*copy)
		return;
	remove_copy(*copy);
	CPL_FREE(*copy);
}

/* ---- opening ---- */

void *loader_read_ahead(const char *path)
{
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

void loader_forget(void **file)
{
	if (*file)
		dlclose(*file);
	*file = NULL;
}

/* The path that dlerror() puts in front may be a copy's, which says nothing to anybody. */
static void open_failed(const char *text, struct cpl_error *error)
{
	const char *what = strstr(text, ": "), *missing = strstr(text, "undefined symbol: ");

	what = what ? what + 2 : text;
	if (missing && strncmp(missing + strlen("undefined symbol: "), "cpl_", 4) == 0)
		cpl_fail(error, CPL_E_INVALID, "cannot be opened: %s: the module API of this server (%u.%u) has no such function", what, CPL_API_MAJOR, CPL_API_MINOR);
	else if (missing)
		cpl_fail(error, CPL_E_INVALID, "cannot be opened: %s: link the module with the library that has it", what);
	else
		cpl_fail(error, CPL_E_INVALID, "cannot be opened: %s", what);
}

/*
 * dlopen first: it binds every symbol, however the module was linked, and has the text that says what is missing, which libltdl hides behind
 * "file not found".
 */
static lt_dlhandle open_file(const char *path, struct cpl_error *error)
{
	void *bound = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	lt_dladvise advise;
	lt_dlhandle handle = NULL;

	if (!bound) {
		open_failed(dlerror(), error);
		return NULL;
	}
	if (lt_dladvise_init(&advise) == 0) {
		lt_dladvise_local(&advise);
		handle = lt_dlopenadvise(path, advise);
		lt_dladvise_destroy(&advise);
	}
	if (!handle)
		cpl_fail(error, CPL_E_INVALID, "cannot be opened: %s", lt_dlerror());
	dlclose(bound);
	return handle;
}

const struct cpl_descriptor *loader_open(struct loader_file *file, const char *path, bool is_copy, struct cpl_str name, struct cpl_error *error)
{
	lt_dlhandle handle = path ? open_file(path, error) : open_static(name);
	const struct cpl_descriptor *descriptor;

	if (!handle && !path)
		cpl_fail(error, CPL_E_NOT_FOUND, "is not linked into this program");
	if (!handle)
		return NULL;
	/* libltdl puts "NAME_LTX_" before it. */
	descriptor = lt_dlsym(handle, "cpl_module");
	if (!descriptor) {
		cpl_fail(error, CPL_E_INVALID, "is not a module of Couplet of this name: it has no symbol %.*s_LTX_cpl_module, which CPL_MODULE(%.*s) makes", CPL_ARG(name),
			 CPL_ARG(name));
		lt_dlclose(handle);
		return NULL;
	}
	*file = (struct loader_file){.handle = handle, .descriptor = descriptor, .path = path ? cpl_strdup(cpl_str_of(path)) : NULL};
	if (is_copy)
		file->copy = cpl_strdup(cpl_str_of(path));
	return descriptor;
}

void loader_close(struct loader_file *file)
{
	if (file->handle && lt_dlclose(file->handle) != 0)
		cpl_log_error("module could not be closed path=%s error=%s", file->path ? file->path : "", lt_dlerror());
	loader_drop_copy(&file->copy);
	cpl_free(file->path);
	*file = (struct loader_file){0};
}

struct range {
	uintptr_t address, low, high, end; /* end: of the part that the address is in */
};

static int in_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct range *range = data;
	uintptr_t low = UINTPTR_MAX, high = 0;
	bool inside = false;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, to = from + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		low = from < low ? from : low;
		high = to > high ? to : high;
		if (range->address < from || range->address >= to)
			continue;
		inside = true;
		range->end = to;
	}
	if (!inside)
		return 0;
	range->low = low;
	range->high = high;
	return 1;
}

bool loader_range(const void *address, uintptr_t *low, uintptr_t *high)
{
	struct range range = {.address = (uintptr_t)address};

	if (dl_iterate_phdr(in_object, &range) != 1)
		return false;
	*low = range.low;
	*high = range.high;
	return true;
}

size_t loader_room(const void *bytes)
{
	struct range range = {.address = (uintptr_t)bytes};

	return dl_iterate_phdr(in_object, &range) == 1 ? range.end - range.address : 0;
}

size_t loader_names(struct cpl_str modules_path, char **names, size_t max)
{
	static const char *const folders[] = {"", "/.libs"};
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		char *path = cpl_asprintf("%.*s%s", CPL_ARG(modules_path), folders[i]);
		DIR *dir = opendir(path);

		for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && count < max; entry = readdir(dir)) {
			size_t len = strlen(entry->d_name);

			if (len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0)
				names[count++] = cpl_strdup((struct cpl_str){entry->d_name, len - 3});
		}
		if (dir)
			closedir(dir);
		cpl_free(path);
	}
	return count;
}
