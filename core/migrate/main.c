/* SPDX-License-Identifier: MIT */
/* couplet-migrate: the arguments, and frames to the standard output. */
#include "core/admin/frame.h"
#include "core/migrate/pie.h"
#include "core/migrate/prosody.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Whoever reads us has gone: nothing is left to do. */
static void write_frame(struct record_sink *sink, unsigned char type, struct cpl_str payload)
{
	struct cpl_buf bytes = {0};
	size_t at = 0;

	frame_add(&bytes, (enum frame_type)type, payload);
	while (at < bytes.len) {
		ssize_t done = write(STDOUT_FILENO, bytes.ptr + at, bytes.len - at);

		if (done < 0 && errno != EINTR)
			_exit(1);
		if (done > 0)
			at += (size_t)done;
	}
	explicit_bzero(bytes.ptr, bytes.size);
	cpl_buf_finish(&bytes);
}

static int read_pie(struct record *record, enum pie_kind kind, const char *path)
{
	char *reason = NULL;
	int code;

	pie_read_file(record, kind, path, &reason);
	code = record_done(record, reason);
	cpl_free(reason);
	return code;
}

static int read_prosody(struct record *record, const char *path)
{
	char *reason = NULL;
	int code;

	prosody_read(record, path, &reason);
	code = record_done(record, reason);
	cpl_free(reason);
	return code;
}

int main(int argc, char **argv)
{
	struct record_sink sink = {write_frame};
	struct record record;
	int code = 2;

	if (argc != 4 || strcmp(argv[2], "--") != 0) {
		fputs("couplet-migrate: this is for coupletctl: use coupletctl import\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	record_init(&record, &sink);
	if (strcmp(argv[1], "import") == 0)
		code = read_pie(&record, PIE_PLAIN, argv[3]);
	else if (strcmp(argv[1], "ejabberd") == 0)
		code = read_pie(&record, PIE_EJABBERD, argv[3]);
	else if (strcmp(argv[1], "prosody") == 0)
		code = read_prosody(&record, argv[3]);
	else
		code = record_done(&record, "couplet-migrate is of another version");
	record_finish(&record);
	return code;
}
