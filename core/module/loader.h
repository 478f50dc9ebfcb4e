/* SPDX-License-Identifier: MIT */
/*
 * The files of modules: NAME.so in the folder modules_path, or in modules_path/.libs, where libtool puts it in a build tree. A
 * module linked into the program with -dlpreopen goes before a file.
 *
 * libltdl gives the code that is open already when a path is opened again, even after the file was replaced. So while a module of the same
 * name is in memory, its file is copied first: data/generations/PID-N/NAME.so, which is removed when that generation is closed.
 *
 * A file in use must be replaced, not overwritten (install and mv do that, cp does not): its code is mapped, not copied.
 */
#ifndef CORE_MODULE_LOADER_H
#define CORE_MODULE_LOADER_H

#include <couplet/module.h>

struct loader_file {
	void *handle;  /* lt_dlhandle */
	const struct cpl_descriptor *descriptor; /* in the file's own memory */
	char *path;    /* NULL: linked into the program */
	char *copy;    /* the folder of the copy, to be removed; NULL: the file itself was opened */
};

int loader_init(void);
void loader_finish(void);

/* The file of a module (cpl_free). NULL with *error: CPL_E_NOT_FOUND when there is none, CPL_E_IO when this user cannot look. Any thread. */
char *loader_find(struct cpl_str modules_path, struct cpl_str name, struct cpl_error *error);
/* True when the program has the module linked in. */
bool loader_is_static(struct cpl_str name);
/*
 * Copies a module's file into a fresh folder below `data`; returns the copy's path (cpl_free). Any thread. `serial` makes the folder's name unique. NULL and *error
 * when it can't.
 */
char *loader_copy(const char *path, struct cpl_str data, unsigned serial, struct cpl_error *error);
/* Removes a copy that was not opened; frees and nulls. */
void loader_drop_copy(char **copy);

/*
 * Has a file read, mapped and bound, so that loader_open() finds it in memory; any thread. What is given back goes to loader_forget() after that, on the session thread, which
 * nulls it. NULL: the file cannot be opened, and loader_open() will say why.
 */
void *loader_read_ahead(const char *path);
void loader_forget(void **file);

/*
 * Opens a file (NULL: the one linked in) and finds the descriptor. Every symbol is bound at once, so one that is missing is named in the error. `is_copy`: the
 * file and its folder are removed by loader_close(). On failure nothing is left open (a copy stays).
 */
const struct cpl_descriptor *loader_open(struct loader_file *file, const char *path, bool is_copy, struct cpl_str name, struct cpl_error *error);
void loader_close(struct loader_file *file);
/* Where the mapping that `address` is in begins and ends. */
bool loader_range(const void *address, uintptr_t *low, uintptr_t *high);
/* How many bytes may be read from there on, in what a file (this program, a library, a module) has in memory; 0: it is nowhere in one. */
size_t loader_room(const void *bytes);

/* Names of the files in modules_path, for suggestions; at most `max`, each to be freed. */
size_t loader_names(struct cpl_str modules_path, char **names, size_t max);

#endif
