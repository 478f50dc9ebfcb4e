/* SPDX-License-Identifier: MIT */
/*
 * Frames: what coupletctl and the server say to one another over a stream socket (the control socket, or one end of a socket pair for an
 * offline run).
 *
 *   frame = length (4 bytes, big-endian, of the payload) type (1 byte) payload
 *
 * The server speaks first: FRAME_HELLO with its version. The client sends FRAME_WORDS, then FRAME_MATCH, and gets FRAME_ANSWER: which command these words
 * would run, and what it wants. Then FRAME_PASSWORD, FRAME_INPUT (any number, the parts of one input) as it wants, and FRAME_RUN. The server answers
 * FRAME_COLUMNS (only for tables, once), FRAME_ROW, FRAME_TEXT, FRAME_COMPLAINT and FRAME_PROGRESS in any number, and FRAME_END. After it the client may
 * send other words. While a command with COMMAND_RECORDS runs, it sends FRAME_ASK, and the client answers with FRAME_INPUT (any number, the parts of one record, which may
 * be none at the end of all) and FRAME_RECORD. Closing the connection abandons the command.
 */
#ifndef CORE_ADMIN_FRAME_H
#define CORE_ADMIN_FRAME_H

#include <couplet/str.h>

#define FRAME_HEAD          5
#define FRAME_PAYLOAD_MAX   (1024 * 1024)      /* of one frame from a client */
#define FRAME_WORDS_MAX     (64 * 1024)        /* payload of FRAME_WORDS */
#define FRAME_PASSWORD_MAX  1024
#define FRAME_INPUT_MAX     (64 * 1024 * 1024) /* all FRAME_INPUT of a command, or of one record */
/* Exit code of an offline run that says nothing, because another process has locked the data folder. */
#define OFFLINE_LOCKED      75

enum frame_type {
	/* From the client. */
	FRAME_WORDS = 'w',    /* the words, each followed by a NUL */
	FRAME_MATCH = 'm',    /* empty */
	FRAME_PASSWORD = 'p',
	FRAME_INPUT = 'i',
	FRAME_RUN = 'r',      /* empty */
	FRAME_RECORD = 'd',   /* empty; the end of a record */
	/* From the server. */
	FRAME_HELLO = 'h',    /* version */
	FRAME_ANSWER = 'a',   /* "FLAGS FILE": CPL_COMMAND_ flags in decimal (-1: no such command) and the index of the word that names the file (-1) */
	FRAME_COLUMNS = 'c',  /* names, comma-separated */
	FRAME_ROW = 'o',      /* a JSON array */
	FRAME_TEXT = 't',     /* a line for people */
	FRAME_COMPLAINT = 'e', /* a line for stderr */
	FRAME_PROGRESS = 'g', /* "DONE TOTAL" in decimal */
	FRAME_ASK = 'k',      /* empty: the next record */
	FRAME_SAVE = 's',     /* bytes for the file */
	FRAME_END = 'x',      /* exit code (1 byte), reason (may be empty) */
};

struct frame {
	uint8_t type;
	struct cpl_str payload; /* a view of the bytes that frame_take() was given */
};

void frame_add(struct cpl_buf *out, enum frame_type type, struct cpl_str payload);
/* The first frame of *bytes, which moves behind it. 1; 0 when it is not whole yet; -1 when it is longer than `max`. */
int frame_take(struct cpl_str *bytes, size_t max, struct frame *frame);

#endif
