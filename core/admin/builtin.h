/* SPDX-License-Identifier: MIT */
/* The core's own commands: tables for command_add_builtin(). */
#ifndef CORE_ADMIN_BUILTIN_H
#define CORE_ADMIN_BUILTIN_H

#include "core/base/account.h"
#include <couplet/command.h>
#include <couplet/session.h>

extern const struct cpl_command builtin_server[];   /* host list, events, help */
extern const struct cpl_command builtin_log[];      /* log level */
extern const struct cpl_command builtin_sessions[]; /* session list, info, close */
extern const struct cpl_command builtin_access[];   /* user role, permissions, jobs */
extern const struct cpl_command builtin_users[];    /* user disable, enable, info, sessions, roles */
extern const struct cpl_command builtin_modules[];  /* module list, info, load, reload, unload */
extern const struct cpl_command builtin_figures[];  /* top, trace, metrics */
extern const struct cpl_command builtin_import[];   /* import, import prosody, import ejabberd */
extern const struct cpl_command builtin_export[];   /* export */


/* The columns of a table of sessions, and one row of it. */
#define BUILTIN_SESSION_COLUMNS "jid,type,address,secure,mechanism,priority,stanzas_in,stanzas_out,since"
void builtin_session_row(struct cpl_invocation *in, const struct cpl_session *s);

/* Microseconds spent at a place: from the visits that were timed, for all of them. */
int64_t builtin_time_us(const struct account_place *place);

#endif
