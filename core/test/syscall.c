/* SPDX-License-Identifier: MIT */
/*
 * System calls that fail when asked to. This program's functions of these names go before those of the C library, for modules and for the libraries that they use; all
 * but the one that is to fail are handed on. Counted are calls that the module that is tested makes, on the session thread or in a job, and those of a storage driver's threads.
 */
#include "core/test/testcore.h"

#include "core/base/account.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>

static pthread_t session_thread;
static _Atomic unsigned left;
static _Atomic bool struck, paused;

void syscall_fault_at(unsigned nth)
{
	session_thread = pthread_self();
	struck = false;
	left = nth;
}

bool syscall_fault_hit(void)
{
	return struck;
}

void syscall_fault_pause(bool pause)
{
	paused = pause;
}

static bool is_modules(void)
{
	const struct testcore_setup *setup = testcore_setup();

	if (!setup->module)
		return false;
	if (setup->driver && !pthread_equal(session_thread, pthread_self()))
		return true;
	return strcmp(account_now.account->name, setup->module) == 0;
}

static bool strikes(void)
{
	unsigned now = left;

	if (now == 0 || paused || !is_modules())
		return false;
	while (now > 0 && !atomic_compare_exchange_weak(&left, &now, now - 1))
		;
	if (now != 1)
		return false;
	struck = true;
	errno = EIO;
	return true;
}

/* UNSAFE: open() takes its third argument only where there is one, and hands on what stands in its place; the fortified names have the arguments of <fcntl.h> and <unistd.h>. */
#define CALL(type, name, parameters, arguments)                                                                                  \
	__attribute__((visibility("default"))) type instead_of_##name parameters __asm__(#name);                                      \
	type instead_of_##name parameters                                                                                             \
	{                                                                                                                        \
		static union {                                                                                                   \
			void *object;                                                                                            \
			type(*function) parameters;                                                                              \
		} next;                                                                                                          \
                                                                                                                                 \
		if (strikes())                                                                                                   \
			return -1;                                                                                               \
		if (!next.object)                                                                                                \
			next.object = dlsym(RTLD_NEXT, #name);                                                                   \
		return next.function arguments;                                                                                  \
	}

CALL(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
CALL(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
CALL(int, __open_2, (const char *path, int flags), (path, flags))
CALL(int, __open64_2, (const char *path, int flags), (path, flags))
CALL(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size))
CALL(ssize_t, __read_chk, (int fd, void *bytes, size_t size, size_t room), (fd, bytes, size, room))
CALL(ssize_t, pread64, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))
CALL(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
CALL(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
CALL(int, fsync, (int fd), (fd))
CALL(int, fdatasync, (int fd), (fd))
CALL(int, ftruncate64, (int fd, off_t size), (fd, size))
CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, unlink, (const char *path), (path))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
