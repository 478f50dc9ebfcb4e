/* SPDX-License-Identifier: MIT */
/* The process: background, user, descriptors, lock, notes to systemd. */
#include "core/process.h"

#include <couplet/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Enough for a million sessions; a higher hard limit would only make tables large. */
enum { DESCRIPTORS_MAX = 1 << 20 };
enum { LOCK_STEP_MS = 20 };

static int ready_pipe = -1;

int process_detach(struct cpl_error *error)
{
	int pipe_ends[2], null;
	char byte = 0;
	pid_t child;

	if (pipe2(pipe_ends, O_CLOEXEC) != 0)
		return cpl_fail(error, CPL_E_IO, "no pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return cpl_fail(error, CPL_E_IO, "cannot fork: %s", strerror(errno));
	if (child > 0) {
		close(pipe_ends[1]);
		while (read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR)
			continue;
		_exit(byte == 'R' ? 0 : 1);
	}
	close(pipe_ends[0]);
	ready_pipe = pipe_ends[1];
	setsid();
	if (chdir("/") != 0)
		return cpl_fail(error, CPL_E_IO, "cannot change to /: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return cpl_fail(error, CPL_E_IO, "/dev/null: %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	return 0;
}

void process_ready(void)
{
	process_notify("READY=1");
	if (ready_pipe < 0)
		return;
	if (write(ready_pipe, "R", 1) != 1)
		perror("couplet: the parent process is gone");
	close(ready_pipe);
	ready_pipe = -1;
	/* Whoever started us waits for the end of our stderr, perhaps. */
	if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		perror("couplet: stderr");
}

void process_again(const char *program, const char *config_path)
{
	char *const arguments[] = {"couplet", "-F", "-c", (char *)config_path, NULL};

	execv(program, arguments);
	fprintf(stderr, "couplet: %s cannot be run again: %s\n", program, strerror(errno));
}

void process_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len); /* UNSAFE: bounded above */
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		perror("couplet: NOTIFY_SOCKET");
	close(fd);
}

static int become(uid_t uid, gid_t gid, const char *name, struct cpl_error *error)
{
	if ((name ? initgroups(name, gid) : setgroups(0, NULL)) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
		return cpl_fail(error, CPL_E_DENIED, "cannot become user %s: %s", name ? name : "that owns the data", strerror(errno));
	return 0;
}

int process_become(const char *user, struct cpl_error *error)
{
	struct passwd *entry;

	if (geteuid() != 0)
		return 0;
	entry = getpwnam(user);
	if (!entry)
		return cpl_fail(error, CPL_E_NOT_FOUND, "user: there is no user %s on this system", user);
	return become(entry->pw_uid, entry->pw_gid, user, error);
}

int process_become_owner(const char *folder, struct cpl_error *error)
{
	struct stat status;

	if (geteuid() != 0)
		return 0;
	if (stat(folder, &status) != 0)
		return cpl_fail(error, CPL_E_IO, "%s: %s", folder, strerror(errno));
	return status.st_uid == 0 ? 0 : become(status.st_uid, status.st_gid, NULL, error);
}

unsigned process_processors(void)
{
	cpu_set_t set;
	long online;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	/* More than the set has room for. */
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

size_t process_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	return (size_t)limit.rlim_cur;
}

static int make_parents(const char *folder, struct cpl_error *error)
{
	char *path = cpl_strdup(cpl_str_of(folder));
	int status = 0;

	for (char *at = strchr(path + 1, '/'); at && status == 0; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			status = cpl_fail(error, CPL_E_IO, "%s: %s", path, strerror(errno));
		*at = '/';
	}
	cpl_free(path);
	return status;
}

int process_make_folder(const char *folder, const char *user, struct cpl_error *error)
{
	struct passwd *entry;
	int status = make_parents(folder, error);

	if (status != 0)
		return status;
	if (mkdir(folder, 0700) != 0)
		return errno == EEXIST ? 0 : cpl_fail(error, CPL_E_IO, "%s: %s", folder, strerror(errno));
	if (geteuid() != 0 || !user)
		return 0;
	entry = getpwnam(user);
	if (entry && chown(folder, entry->pw_uid, entry->pw_gid) != 0)
		return cpl_fail(error, CPL_E_IO, "%s: %s", folder, strerror(errno));
	return 0;
}

/* Asks again every LOCK_STEP_MS; the errno of the last try, 0 when the lock is ours. */
static int lock_within(int fd, int wait_ms)
{
	for (;; wait_ms -= LOCK_STEP_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK || wait_ms <= 0)
			return errno;
		usleep(LOCK_STEP_MS * 1000);
	}
}

int process_lock(const char *folder, int wait_ms, struct cpl_error *error)
{
	char *path = cpl_asprintf("%s/lock", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat owner;
	int status = 0, code;

	if (fd < 0)
		status = cpl_fail(error, CPL_E_IO, "%s: %s", path, strerror(errno));
	else if ((code = lock_within(fd, wait_ms)) != 0)
		status = code == EWOULDBLOCK ? cpl_fail(error, CPL_E_BUSY, "%s is locked: another process uses this data folder", path)
					      : cpl_fail(error, CPL_E_IO, "%s: %s", path, strerror(code));
	else if (geteuid() == 0 && stat(folder, &owner) == 0 && fchown(fd, owner.st_uid, owner.st_gid) != 0)
		status = cpl_fail(error, CPL_E_IO, "%s: %s", path, strerror(errno));
	/* The descriptor stays open: the lock is the process's. */
	if (status != 0 && fd >= 0)
		close(fd);
	cpl_free(path);
	return status;
}
