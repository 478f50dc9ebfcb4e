/* SPDX-License-Identifier: MIT */
/*
 * Runs for coupletctl with the server stopped: couplet -c FILE --offline [WORDS...].
 *
 * Without words the standard input must be a stream socket. The data is opened as a server would (and locked), nothing listens, and the conversation of
 * core/admin/frame.h is held over the socket until its end; so a command does the same as in a running server. As root, the process first becomes the
 * owner of the data folder, so that no file in it belongs to root afterwards.
 *
 * With words it does one of the few things that need no data and no lock:
 *   cert generate HOST [--out FILE]   a key and a self-signed certificate
 *   check ..., cert check ..., cert import ...   see core/check.h
 *   options sample|mdoc               the options of the core and of all modules that the configuration lists, as text made from their tables
 */
#ifndef CORE_SERVER_OFFLINE_H
#define CORE_SERVER_OFFLINE_H

#include "core/server.h"

/* Returns the exit code: 0, 1 (the reason is on stderr), 2 (wrong words) or OFFLINE_LOCKED. */
int offline_run(const struct server_options *options, int argc, char **argv);

#endif
