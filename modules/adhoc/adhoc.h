/* SPDX-License-Identifier: MIT */
/* The module adhoc: what its two files share. form.c makes and reads the forms (XEP-0004) of commands and their results; adhoc.c does the rest. */
#ifndef MODULES_ADHOC_ADHOC_H
#define MODULES_ADHOC_ADHOC_H

#include <couplet/module.h>

/* True when the command wants to know something before it can run. */
bool form_needed(const struct cpl_command_view *view);
/* Adds the empty form to `command`, to be filled in. */
void form_ask(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_command_view *view);
/* What was filled in: a value for each field of the view, in the arena. False, with what is wrong, for anything that is not such a form. */
bool form_read(const struct cpl_element *command, const struct cpl_command_view *view, struct cpl_arena *arena, struct cpl_str *values,
	       struct cpl_str *password, const char **fault);
/* Adds the table of a run to `command`, if it has made one. */
void form_result(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_command_view *view, const struct cpl_command_run *run);

#endif
