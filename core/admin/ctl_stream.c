/* SPDX-License-Identifier: MIT */
/* coupletctl's side of import and export: files are read and written with the rights of whoever runs it. */
#include "core/admin/ctl.h"
#include <couplet/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- records ---- */

/* The reader's next message that the server is to have; complaints are printed on the way. False: it has ended. */
static bool next_message(struct ctl_stream *stream, struct frame *frame)
{
	while (stream->reader_code < 0 && ctl_link_receive(&stream->pipe, frame, -1)) {
		if (frame->type == FRAME_COMPLAINT) {
			fflush(stdout);
			ctl_print_line(stderr, frame->payload);
			continue;
		}
		if (frame->type == FRAME_INPUT || frame->type == FRAME_RECORD)
			return true;
		if (frame->type == FRAME_END && frame->payload.len) {
			stream->reader_code = (unsigned char)frame->payload.ptr[0];
			stream->reader_reason = cpl_strdup((struct cpl_str){frame->payload.ptr + 1, frame->payload.len - 1});
		}
		break;
	}
	if (stream->reader_code < 0) {
		stream->reader_code = 1;
		stream->reader_reason = cpl_strdup(CPL_STR("couplet-migrate ended before it was done"));
	}
	return false;
}

bool ctl_stream_read(const struct ctl *ctl, struct ctl_stream *stream, struct cpl_str kind, const char *path)
{
	const char *const argv[] = {"couplet-migrate", kind.ptr, "--", path, NULL};
	int ends[2];

	stream->reader_code = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return ctl_complain("no socket pair: %s", strerror(errno)) == 0;
	stream->pipe = (struct ctl_link){.fd = ends[0]};
	stream->reader = fork();
	if (stream->reader == 0) {
		dup2(ends[1], STDOUT_FILENO);
		ctl_exec_beside("couplet-migrate", "../libexec/couplet", COUPLET_LIBEXECDIR "/couplet-migrate", (char *const *)argv);
		_exit(1);
	}
	close(ends[1]);
	if (stream->reader < 0) {
		stream->reader = 0;
		return ctl_complain("cannot start couplet-migrate: %s", strerror(errno)) == 0;
	}
	return true;
}

bool ctl_stream_answer(struct ctl_stream *stream, struct ctl_link *link)
{
	struct frame frame;

	while (next_message(stream, &frame)) {
		stream->begun = true;
		if (!ctl_link_send(link, frame.type, frame.payload))
			return ctl_complain("the server has gone") == 0;
		if (frame.type == FRAME_RECORD)
			return true;
	}
	if (ctl_interrupted)
		return true; /* it is said where the conversation ends */
	/* What cannot be read at all is no import of nothing. */
	if (stream->reader_code > 0 && !stream->begun)
		return false;
	return ctl_link_send(link, FRAME_RECORD, CPL_STR("")) || ctl_complain("the server has gone") == 0;
}

/* ---- the file ---- */

bool ctl_stream_write(struct ctl_stream *stream, const char *path)
{
	stream->path = path;
	if (strcmp(path, "-") == 0) {
		stream->fd = STDOUT_FILENO;
		return true;
	}
	stream->part = cpl_asprintf("%s.part", path);
	stream->fd = open(stream->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (stream->fd >= 0 && fchmod(stream->fd, 0600) == 0)
		return true;
	ctl_complain("%s: %s", stream->part, strerror(errno));
	return false;
}

bool ctl_stream_save(struct ctl_stream *stream, struct cpl_str bytes)
{
	while (bytes.len) {
		ssize_t done = write(stream->fd, bytes.ptr, bytes.len);

		if (done < 0 && errno != EINTR)
			return ctl_complain("%s: %s", stream->part ? stream->part : "the standard output", strerror(errno)) == 0;
		if (done > 0)
			bytes = (struct cpl_str){bytes.ptr + done, bytes.len - (size_t)done};
	}
	return true;
}

/* Whole or not at all, also when the power fails. */
static bool finish_file(struct ctl_stream *stream)
{
	if (fsync(stream->fd) != 0 || rename(stream->part, stream->path) != 0)
		return ctl_complain("%s: %s", stream->path, strerror(errno)) == 0;
	return true;
}

/* ---- the end ---- */

int ctl_stream_end(struct ctl_stream *stream, int code)
{
	if (stream->reader) {
		/* What it has not got rid of yet, nobody wants. */
		close(stream->pipe.fd);
		if (stream->reader_code < 0)
			kill(stream->reader, SIGTERM);
		while (waitpid(stream->reader, NULL, 0) < 0 && errno == EINTR)
			;
		cpl_buf_finish(&stream->pipe.in);
		if (stream->reader_code > 0 && stream->reader_reason && !ctl_interrupted)
			code = ctl_complain("%s", stream->reader_reason);
		cpl_free(stream->reader_reason);
	}
	if (stream->part && stream->fd >= 0) {
		if (code == 0 && !finish_file(stream))
			code = 1;
		if (code != 0)
			unlink(stream->part);
		close(stream->fd);
	}
	cpl_free(stream->part);
	return code;
}
