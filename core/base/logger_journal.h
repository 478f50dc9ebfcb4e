/* SPDX-License-Identifier: MIT */
/*
 * Lines to systemd's journal in its own protocol: one datagram a line, made of NAME=value fields, so that journalctl can ask for those of one session or module. One thread
 * at a time.
 */
#ifndef CORE_BASE_LOGGER_JOURNAL_H
#define CORE_BASE_LOGGER_JOURNAL_H

#include <couplet/error.h>
#include <couplet/str.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* The most fields of one line that are taken out of its message; later ones are in the message only. */
#define JOURNAL_FIELDS 16

/* A socket for sending to the journal at `path`, which must be there. The descriptor, or a code with *error. */
int journal_open(const char *path, struct cpl_error *error);
/* `text` is "MODULE: MESSAGE" on one line. False: the journal did not take it within a second. */
bool journal_write(int fd, const char *path, int priority, struct cpl_str text);

#endif
