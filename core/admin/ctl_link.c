/* SPDX-License-Identifier: MIT */
/* coupletctl's connection. */
#include "core/admin/control.h"
#include "core/admin/ctl.h"
#include <couplet/memory.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t ctl_interrupted;

static void on_interrupt(int signum)
{
	ctl_interrupted = 1;
}

void ctl_catch_interrupts(const struct ctl *ctl, bool on)
{
	static struct sigaction int_before, term_before;
	/* Without SA_RESTART: poll() ends. */
	const struct sigaction caught = {.sa_handler = on_interrupt, .sa_flags = ctl->shell ? 0 : (int)SA_RESETHAND};

	ctl_interrupted = on ? 0 : ctl_interrupted;
	sigaction(SIGINT, on ? &caught : &int_before, on ? &int_before : NULL);
	sigaction(SIGTERM, on ? &caught : &term_before, on ? &term_before : NULL);
}

bool ctl_wait(int fd, int ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t signals, before;
	int ready = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, &before);
	if (!ctl_interrupted)
		ready = ppoll(&wait, 1, ms < 0 ? NULL : &limit, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ready > 0 && !ctl_interrupted;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool ctl_link_send(struct ctl_link *link, enum frame_type type, struct cpl_str payload)
{
	struct cpl_buf bytes = {0};
	size_t at = 0;

	frame_add(&bytes, type, payload);
	while (at < bytes.len) {
		ssize_t sent = send(link->fd, bytes.ptr + at, bytes.len - at, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			break;
		if (sent > 0)
			at += (size_t)sent;
	}
	bool whole = at == bytes.len;

	explicit_bzero(bytes.ptr, bytes.size);
	cpl_buf_finish(&bytes);
	return whole;
}

bool ctl_link_receive(struct ctl_link *link, struct frame *frame, int ms)
{
	int64_t deadline = now_ms() + ms;

	for (;;) {
		struct cpl_str rest = {link->in.ptr + link->taken, link->in.len - link->taken};
		int got = link->in.ptr ? frame_take(&rest, UINT32_MAX, frame) : 0;

		if (got > 0) {
			link->taken = link->in.len - rest.len;
			return true;
		}
		if (link->taken) {
			memmove(link->in.ptr, rest.ptr, rest.len);
			link->in.len = rest.len;
			link->taken = 0;
		}
		int left = ms < 0 ? -1 : (int)(deadline - now_ms());

		if ((ms >= 0 && left <= 0) || ctl_interrupted)
			return false;
		if (!ctl_wait(link->fd, left))
			continue;
		ssize_t count = recv(link->fd, cpl_buf_reserve(&link->in, 65536), 65536, 0);

		if (count > 0)
			link->in.len += (size_t)count;
		else if (count == 0 || errno != EINTR)
			return false;
	}
}

static bool hear_hello(struct ctl_link *link, int ms)
{
	struct frame hello;

	if (!ctl_link_receive(link, &hello, ms) || hello.type != FRAME_HELLO || hello.payload.len >= sizeof link->version)
		return false;
	memcpy(link->version, hello.payload.ptr, hello.payload.len);
	return true;
}

enum ctl_state ctl_link_open(const struct ctl *ctl, struct ctl_link *link)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = CTL_HELLO_MS / 1000};
	struct ucred who;
	socklen_t len = sizeof who;

	*link = (struct ctl_link){.fd = -1};
	if ((size_t)snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", ctl->run, CONTROL_NAME) >= sizeof a.sun_path) {
		ctl_complain("the path %s/%s is too long for a socket: set run: to a shorter one", ctl->run, CONTROL_NAME);
		return CTL_UNKNOWN;
	}
	link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (link->fd < 0) {
		ctl_complain("no socket: %s", strerror(errno));
		return CTL_UNKNOWN;
	}
	/* It also bounds connect(), which waits where the queue of a server that hangs is full. */
	setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(link->fd, (struct sockaddr *)&a, sizeof a) < 0) {
		int reason = errno;

		close(link->fd);
		link->fd = -1;
		if (reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR)
			return CTL_STOPPED;
		if (reason == EAGAIN)
			ctl_complain("the server does not answer at %s: nothing was done", a.sun_path);
		else
			ctl_complain("%s: %s%s", a.sun_path, strerror(reason), reason == EACCES ? ": be root or the server's user" : "");
		return CTL_UNKNOWN;
	}
	if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		link->server = who.pid;
	if (!hear_hello(link, CTL_HELLO_MS)) {
		ctl_complain("the server (process %d) does not answer at %s: nothing was done", (int)link->server, a.sun_path);
		ctl_link_close(link);
		return CTL_UNKNOWN;
	}
	const struct timeval none = {0};

	setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
	return CTL_RUNNING;
}

/* Of an offline run, what waitpid() says as an exit code; 0 for a server, 128 for an end that is none. */
static int link_end(struct ctl_link *link)
{
	int status = 0;

	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	cpl_buf_finish(&link->in);
	if (link->child > 0) {
		while (waitpid(link->child, &status, 0) < 0 && errno == EINTR)
			;
		link->child = 0;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool ctl_link_close(struct ctl_link *link)
{
	return link_end(link) == 0;
}

/* couplet at the other end of a socket pair. */
static bool open_child(const struct ctl *ctl, struct ctl_link *link, const char *const *arguments)
{
	int ends[2];

	*link = (struct ctl_link){.fd = -1, .offline = true};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return ctl_complain("no socket pair: %s", strerror(errno)) == 0;
	fflush(stdout);
	link->child = fork();
	if (link->child == 0) {
		/* An interrupt is for us: it ends in good order when we hang up. */
		signal(SIGINT, SIG_IGN);
		dup2(ends[1], STDIN_FILENO);
		/* Only frames may reach our standard output. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		ctl_exec_couplet(ctl, arguments);
		_exit(1);
	}
	close(ends[1]);
	link->fd = ends[0];
	return link->child > 0 || ctl_complain("cannot start couplet: %s", strerror(errno)) == 0;
}

enum ctl_state ctl_link_open_any(const struct ctl *ctl, struct ctl_link *link)
{
	static const char *const arguments[] = {"--offline", NULL};
	const struct timespec step = {.tv_nsec = 50 * 1000 * 1000};
	int64_t deadline = now_ms() + CTL_STARTING_MS;
	enum ctl_state state;

	while ((state = ctl_link_open(ctl, link)) == CTL_STOPPED) {
		if (open_child(ctl, link, arguments) && hear_hello(link, -1))
			return CTL_STOPPED;
		/* What else was wrong stands on stderr already. */
		if (link_end(link) != OFFLINE_LOCKED)
			return CTL_UNKNOWN;
		if (now_ms() >= deadline) {
			ctl_complain("the data folder is locked by another process, perhaps another coupletctl, and no server answers at %s/%s: nothing was done",
				     ctl->run, CONTROL_NAME);
			return CTL_UNKNOWN;
		}
		nanosleep(&step, NULL);
	}
	return state;
}

bool ctl_link_open_words(const struct ctl *ctl, struct ctl_link *link)
{
	const char *arguments[12] = {"--offline"};

	for (size_t i = 0; i < ctl->count && i < 9; i++)
		arguments[1 + i] = ctl->words[i].ptr;
	return open_child(ctl, link, arguments);
}
