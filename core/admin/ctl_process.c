/* SPDX-License-Identifier: MIT */
/* coupletctl's commands that start and stop a server. */
#include "core/admin/ctl.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The server takes 10 s at most to drain; then it has its databases to close. */
#define STOP_MS 30000

void ctl_exec_beside(const char *name, const char *folder, const char *installed, char *const *argv)
{
	char self[PATH_MAX], beside[PATH_MAX + 100];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len > 0) {
		self[len] = 0;
		snprintf(beside, sizeof beside, "%s/%s", dirname(self), name);
		execv(beside, argv);
		snprintf(beside, sizeof beside, "%s/%s/%s", self, folder, name);
		execv(beside, argv);
	}
	execv(installed, argv);
	execvp(name, argv);
	ctl_complain("%s cannot be run: %s", name, strerror(errno));
}

/* The couplet that lies beside us (in a build's folder, or in the sbin to our bin), the installed one, the one on the PATH. */
void ctl_exec_couplet(const struct ctl *ctl, const char *const *arguments)
{
	const char *argv[16] = {"couplet", "-c", ctl->config_path};

	for (size_t i = 0; i < 12 && arguments[i]; i++)
		argv[3 + i] = arguments[i];
	ctl_exec_beside("couplet", "../sbin", COUPLET_SBINDIR "/couplet", (char **)argv);
}

/* The lines that come from `fd` as an array of strings. */
static void print_as_json(int fd)
{
	FILE *from = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0, count = 0;
	ssize_t len;

	while (from && (len = getline(&line, &size, from)) > 0)
		ctl_json_line(&count, (struct cpl_str){line, (size_t)len - (line[len - 1] == '\n')});
	ctl_json_end(count);
	free(line);
	if (from)
		fclose(from);
}

int ctl_run_couplet(const struct ctl *ctl, const char *const *arguments)
{
	int status = 0, ends[2] = {-1, -1};

	fflush(stdout);
	if (ctl->json && pipe2(ends, O_CLOEXEC) < 0)
		return ctl_complain("no pipe: %s", strerror(errno));
	pid_t child = fork();

	if (child == 0) {
		int null = ctl->quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

		if (ctl->json || null >= 0)
			dup2(ctl->json ? ends[1] : null, STDOUT_FILENO);
		ctl_exec_couplet(ctl, arguments);
		_exit(1);
	}
	if (ctl->json) {
		close(ends[1]);
		print_as_json(ends[0]);
	}
	if (child < 0)
		return ctl_complain("cannot start couplet: %s", strerror(errno));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return ctl_complain("couplet: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return ctl_complain("couplet was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

int ctl_start(const struct ctl *ctl)
{
	static const char *const none[] = {NULL};
	struct ctl_link link;
	enum ctl_state state = ctl_link_open(ctl, &link);

	if (state == CTL_UNKNOWN)
		return 1;
	if (state == CTL_RUNNING) {
		int pid = (int)link.server;

		ctl_link_close(&link);
		return ctl_complain("the server is running already, as process %d", pid);
	}
	/* The server keeps its standard output: it may not be a pipe of ours. */
	struct ctl plain = *ctl;

	plain.json = false;
	int code = ctl_run_couplet(&plain, none);

	if (code == 0 && (state = ctl_link_open(ctl, &link)) == CTL_RUNNING) {
		if (ctl->json)
			printf("[\"started, process %d\"]\n", (int)link.server);
		else
			printf("started, process %d\n", (int)link.server);
		ctl_link_close(&link);
	}
	return code;
}

/* True once the process is gone; false after STOP_MS. */
static bool wait_gone(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	if (fd >= 0) {
		bool gone = poll(&wait, 1, STOP_MS) == 1;

		close(fd);
		return gone;
	}
	for (int i = 0; i < STOP_MS / 50; i++) {
		const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* 0 once it is gone, 1 when it cannot be stopped; *was_running tells whether there was one. */
static int stop(const struct ctl *ctl, bool *was_running)
{
	static const char words[] = "shutdown";
	struct ctl_link link;
	struct frame frame;
	enum ctl_state state = ctl_link_open(ctl, &link);

	*was_running = state == CTL_RUNNING;
	if (state != CTL_RUNNING)
		return state == CTL_STOPPED ? 0 : 1;
	pid_t pid = link.server;
	bool asked = ctl_link_send(&link, FRAME_WORDS, (struct cpl_str){words, sizeof words}) &&
		     ctl_link_send(&link, FRAME_RUN, CPL_STR("")) && ctl_link_receive(&link, &frame, STOP_MS) && frame.type == FRAME_END &&
		     frame.payload.len && frame.payload.ptr[0] == 0;

	ctl_link_close(&link);
	if (!asked)
		return ctl_complain("the server (process %d) does not stop when asked", (int)pid);
	if (!wait_gone(pid))
		return ctl_complain("the server (process %d) is still there after %d s", (int)pid, STOP_MS / 1000);
	return 0;
}

int ctl_stop(const struct ctl *ctl)
{
	bool was_running;
	int code = stop(ctl, &was_running);

	if (code == 0 && !was_running)
		return ctl_complain("the server is not running");
	if (code == 0 && ctl->json)
		ctl_json_end(0);
	return code;
}

int ctl_restart(const struct ctl *ctl)
{
	static const char *const test[] = {"-t", NULL};
	bool was_running;
	struct ctl plain = *ctl;

	plain.json = false;
	plain.quiet = true;
	int code = ctl_run_couplet(&plain, test);

	if (code)
		return ctl_complain("nothing was stopped");
	code = stop(ctl, &was_running);
	return code ? code : ctl_start(ctl);
}
