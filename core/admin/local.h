/* SPDX-License-Identifier: MIT */
/*
 * The commands that coupletctl carries out itself, without asking the server: rows with no run() function. The server has them in its registry, so that `help`
 * knows all.
 */
#ifndef CORE_ADMIN_LOCAL_H
#define CORE_ADMIN_LOCAL_H

#include <couplet/command.h>

enum local_command { LOCAL_START, LOCAL_STOP, LOCAL_RESTART, LOCAL_CHECK, LOCAL_CERTIFICATE, LOCAL_VERSION, LOCAL_SERVER_CHECK, LOCAL_CERT_CHECK, LOCAL_CERT_IMPORT, LOCAL_SHELL, LOCAL_COUNT };

/* In the order of the enumeration, ended by CPL_COMMAND_END. */
extern const struct cpl_command command_local[];

#endif
