/* SPDX-License-Identifier: MIT */
/* Commands under the names and with the forms of specifications, as other modules describe them (<couplet/adhoc.h>): finding them, their forms, their results. */
#ifndef MODULES_ADHOC_PROFILE_H
#define MODULES_ADHOC_PROFILE_H

#include <couplet/adhoc.h>

/* Names of profile.c, for the descriptor. */
extern struct cpl_name profile_query, profile_item, profile_group;

/* All that are offered on the host: *at = 0 at first; NULL at the end. The view is that of the command behind it. Valid in this turn. */
const struct cpl_adhoc_command *profile_next(struct cpl_host *host, size_t *at, struct cpl_command_view *view);
/* The one of this node, or NULL. */
const struct cpl_adhoc_command *profile_find(struct cpl_host *host, struct cpl_str node, struct cpl_command_view *view);
/* True when it asks for something. */
bool profile_asks(const struct cpl_adhoc_command *profile);
/* Adds the form to be filled in; `fill` is what the command profile->fill has printed, NULL: nothing. */
void profile_ask(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_adhoc_command *profile, const struct cpl_command_run *fill);

/* What a form says: `count` runs of the command, the values of run n from values[n * view->field_count] on. */
struct profile_values {
	struct cpl_str *values;
	size_t count;
	struct cpl_str password;
	struct cpl_str *each; /* what tells the runs apart; NULL: there is one */
};
/* False, with what is wrong, when it is no such form. `command` may have none when nothing is asked. All in the arena. */
bool profile_read(const struct cpl_element *command, const struct cpl_adhoc_command *profile, const struct cpl_command_view *view, struct cpl_host *host,
		  struct cpl_arena *arena, struct profile_values *values, const char **fault);
/* Adds what one run has printed to the answer's form, which is made at the first one; `each`: its value of the field of EACH, or CPL_NONE. */
void profile_result(struct cpl_stanza *answer, struct cpl_element *command, const struct cpl_adhoc_command *profile, const struct cpl_command_run *run,
		    struct cpl_str each);

#endif
