/* SPDX-License-Identifier: MIT */
/* The control socket. */
#include "core/admin/control.h"
#include "core/admin/peer.h"
#include "core/loop/loop.h"
#include <couplet/log.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
	struct loop_io io;
	bool open;
	uid_t owner;
	struct sockaddr_un address;
	struct peer *peers[CONTROL_CLIENTS];
	size_t peer_count;
} control;

static void on_closed(struct peer *peer, void *data)
{
	(void)data;
	for (size_t i = 0; i < control.peer_count; i++)
		if (control.peers[i] == peer)
			control.peers[i] = control.peers[--control.peer_count];
	if (control.open)
		loop_io_set(&control.io, LOOP_READ);
}

static bool is_permitted(int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	if (who.uid == 0 || who.uid == geteuid() || who.uid == control.owner)
		return true;
	cpl_log_warn("control client refused uid=%d pid=%d", (int)who.uid, (int)who.pid);
	return false;
}

static void on_ready(struct loop_io *io, bool readable, bool writable)
{
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)readable;
	(void)writable;
	if (fd < 0)
		return;
	if (!is_permitted(fd)) {
		close(fd);
		return;
	}
	control.peers[control.peer_count++] = peer_create(fd, on_closed, NULL);
	if (control.peer_count == CONTROL_CLIENTS)
		loop_io_set(io, 0);
}

int control_open(struct cpl_str run, struct cpl_error *error)
{
	struct sockaddr_un *a = &control.address;
	struct stat st;

	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (run.len + 1 + sizeof CONTROL_NAME > sizeof a->sun_path)
		return cpl_fail(error, CPL_E_INVALID, "the path %.*s/%s is too long for a socket: set run: to a shorter one", CPL_ARG(run),
				CONTROL_NAME);
	memcpy(a->sun_path, run.ptr, run.len);
	memcpy(a->sun_path + run.len, "/" CONTROL_NAME, sizeof "/" CONTROL_NAME);
	if (lstat(a->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return cpl_fail(error, CPL_E_EXISTS, "%s is in the way: it is not a socket", a->sun_path);
	unlink(a->sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The mask makes it 0600 from the first moment. */
	mode_t mask = umask(0177);
	bool good = fd >= 0 && bind(fd, (struct sockaddr *)a, sizeof *a) == 0;
	int reason = errno;

	umask(mask);
	if (good && (listen(fd, CONTROL_CLIENTS) < 0 || stat(a->sun_path, &st) < 0)) {
		good = false;
		reason = errno;
		unlink(a->sun_path);
	}
	if (!good) {
		if (fd >= 0)
			close(fd);
		return cpl_fail(error, CPL_E_IO, "the control socket %s cannot be opened: %s", a->sun_path, strerror(reason));
	}
	control.owner = st.st_uid;
	control.open = true;
	loop_io_start(&control.io, fd, LOOP_READ, on_ready);
	return 0;
}

void control_close(void)
{
	if (!control.open)
		return;
	control.open = false;
	loop_io_stop(&control.io);
	close(control.io.fd);
	unlink(control.address.sun_path);
	while (control.peer_count)
		peer_destroy(&control.peers[--control.peer_count]);
}
