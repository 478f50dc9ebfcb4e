/* SPDX-License-Identifier: MIT */
/*
 * The control socket: RUN/control.sock, where coupletctl asks a running server.
 *
 * It has mode 0600, and a client's user (SO_PEERCRED) must be root, the server's own or the owner of the socket. At most CONTROL_CLIENTS at a time;
 * more wait in the kernel's queue. The protocol is in core/admin/frame.h. Who opens it holds the lock of the data folder, so a socket file
 * that is there already is left from a server that is gone, and is replaced. Session thread.
 */
#ifndef CORE_ADMIN_CONTROL_H
#define CORE_ADMIN_CONTROL_H

#include <couplet/error.h>
#include <couplet/str.h>

#define CONTROL_CLIENTS 16
/* Below the folder `run`. */
#define CONTROL_NAME    "control.sock"

/* Opens the socket in the folder. 0, or a code with *error. */
int control_open(struct cpl_str run, struct cpl_error *error);
/* Drops clients, closes and removes the socket. Nothing if it is not open. */
void control_close(void);

#endif
