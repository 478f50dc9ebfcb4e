/* SPDX-License-Identifier: MIT */
/*
 * The commands `watch stanzas` and `watch log`: what happens now, as rows, until the client goes away. Lines of the log come from any thread through a ring of
 * WATCH_LINES; what a client does not read in time, and what the ring cannot hold, is dropped and its number told. Session thread.
 */
#ifndef CORE_ADMIN_WATCH_H
#define CORE_ADMIN_WATCH_H

#include <couplet/command.h>

/* Output that may wait for a client that watches before rows are dropped. */
#define WATCH_WAITING (1024 * 1024)
#define WATCH_LINES   1024
/* Rows of a watch that is asked for over XMPP, at most. */
#define WATCH_ROWS_MAX 1000

extern const struct cpl_command builtin_watch[];

#endif
