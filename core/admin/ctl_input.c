/* SPDX-License-Identifier: MIT */
/* What coupletctl reads: passwords, answers, files. */
#include "core/admin/ctl.h"
#include <couplet/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
	(void)signum;
	interrupted = 1;
}

/* One line from a descriptor, byte by byte so that nothing behind it is taken. False: end, error, interrupt, or longer than `size`. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t len = 0;

	for (;;) {
		ssize_t got = read(fd, line + len, 1);

		if (got < 0 && errno == EINTR && !interrupted)
			continue;
		if (got < 0 || (got == 0 && len == 0))
			return false;
		if (got == 0 || line[len] == '\n')
			break;
		if (++len == size)
			return false;
	}
	if (len && line[len - 1] == '\r')
		len--;
	line[len] = 0;
	return true;
}

/* A line that is typed unseen. The terminal is as before afterwards, also after Ctrl-C. */
static bool read_unseen(int tty, const char *prompt, char *line, size_t size)
{
	struct termios before, unseen;
	struct sigaction interrupt = {.sa_handler = on_interrupt}, old_int, old_term;

	if (tcgetattr(tty, &before) < 0)
		return false;
	sigaction(SIGINT, &interrupt, &old_int);
	sigaction(SIGTERM, &interrupt, &old_term);
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &unseen);
	dprintf(tty, "%s", prompt);
	bool good = read_line(tty, line, size);

	dprintf(tty, "\n");
	tcsetattr(tty, TCSAFLUSH, &before);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	return good && !interrupted;
}

static bool ask_password(char *password)
{
	char again[FRAME_PASSWORD_MAX + 1];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0) {
		ctl_complain("no terminal to ask for the password: give it with --password-stdin");
		return false;
	}
	bool good = read_unseen(tty, "Password: ", password, FRAME_PASSWORD_MAX) && read_unseen(tty, "Again: ", again, FRAME_PASSWORD_MAX);

	close(tty);
	if (!good)
		ctl_complain("no password was given: nothing was done");
	else if (strcmp(password, again) != 0)
		good = ctl_complain("the two passwords are not the same: nothing was done") == 0;
	explicit_bzero(again, sizeof again);
	return good;
}

bool ctl_read_password(const struct ctl *ctl, char password[FRAME_PASSWORD_MAX + 1])
{
	if (!ctl->password_stdin) {
		if (!ask_password(password))
			return false;
	} else if (!read_line(STDIN_FILENO, password, FRAME_PASSWORD_MAX)) {
		return ctl_complain("the standard input has no password (one line, %d bytes at most)", FRAME_PASSWORD_MAX - 1) == 0;
	}
	return *password || ctl_complain("the password is empty: nothing was done") == 0;
}

bool ctl_confirm(const struct ctl *ctl)
{
	char answer[16];

	if (ctl->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	fputs("coupletctl", stderr);
	for (size_t i = 0; i < ctl->count; i++)
		fprintf(stderr, " %.*s", CPL_ARG(ctl->words[i]));
	fputs(": are you sure? [y/N] ", stderr);
	if (read_line(STDIN_FILENO, answer, sizeof answer) && (strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0))
		return true;
	return ctl_complain("nothing was done") == 0;
}

bool ctl_send_file(struct ctl_link *link, const char *path)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	const size_t size = 256 * 1024;
	char *buffer = cpl_alloc(size);
	size_t all = 0;
	ssize_t got = 0;
	bool good = fd >= 0;

	while (good && ((got = read(fd, buffer, size)) > 0 || (got < 0 && errno == EINTR))) {
		all += got > 0 ? (size_t)got : 0;
		if (all > FRAME_INPUT_MAX) {
			good = ctl_complain("%s is larger than %d MiB: give it in parts", path, FRAME_INPUT_MAX / 1024 / 1024) == 0;
		} else if (got > 0 && !ctl_link_send(link, FRAME_INPUT, (struct cpl_str){buffer, (size_t)got})) {
			good = ctl_complain("the server has ended the connection") == 0;
		}
	}
	if (fd < 0 || got < 0)
		good = ctl_complain("%s: %s", path, strerror(errno)) == 0;
	if (fd > STDIN_FILENO)
		close(fd);
	cpl_free_secret(buffer);
	return good;
}
