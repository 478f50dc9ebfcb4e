/* SPDX-License-Identifier: MIT */
/* The process: going to the background, the user it runs as, its descriptors, the lock on the data, and the notes to systemd. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <couplet/error.h>
#include <couplet/str.h>

#include <stdbool.h>

/*
 * Goes to the background: forks before any thread, loop or database exists. Returns in the child; the parent waits for process_ready() and
 * exits 0, or 1 when the child ended without it (the child has told the reason on stderr). A negative code when forking failed.
 */
int process_detach(struct cpl_error *error);
/* The listeners are open: lets the parent go, and tells systemd READY=1 (sd_notify(3)'s protocol, when NOTIFY_SOCKET is set). */
void process_ready(void);
/*
 * Replaces the process by a new run of the program in the foreground, which keeps its number: the file that the program was started from, also where another version has been
 * installed there since. Returns when that fails. Signals that are blocked stay so, until the new run takes them (server_open()).
 */
void process_again(const char *program, const char *config_path);
/* STOPPING=1, RELOADING=1 ... to systemd; nothing without NOTIFY_SOCKET. */
void process_notify(const char *state);

/* Becomes `user` with its groups, for good. Nothing when the process is not root. */
int process_become(const char *user, struct cpl_error *error);
/* Becomes the owner of `folder`, for good: so that root leaves no files of its own there. Nothing when not root. */
int process_become_owner(const char *folder, struct cpl_error *error);

/* How many processors this process may run on. */
unsigned process_processors(void);
/* Raises the soft limit of open files to the hard one; returns it. */
size_t process_raise_descriptors(void);

/* Makes `folder` (0700, its missing parents 0755) if it is not there; as root and with a user, the folder becomes that user's. */
int process_make_folder(const char *folder, const char *user, struct cpl_error *error);
/*
 * Takes the exclusive lock `folder`/lock, held until the process ends: CPL_E_BUSY when another still has it after wait_ms. Root gives the file to the
 * folder's owner.
 */
int process_lock(const char *folder, int wait_ms, struct cpl_error *error);

#endif
