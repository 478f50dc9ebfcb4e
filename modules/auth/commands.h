/* SPDX-License-Identifier: MIT */
/* The commands about accounts. */
#ifndef MODULES_AUTH_COMMANDS_H
#define MODULES_AUTH_COMMANDS_H

#include "modules/auth/auth.h"

/* "user import <file>": the run function of the command. */
void import_run(struct cpl_module *self, struct cpl_invocation *in);
extern const char import_detail[];

#endif
