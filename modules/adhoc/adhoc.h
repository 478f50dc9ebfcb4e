/* SPDX-License-Identifier: MIT */
/*
 * The module adhoc: what its files share. form.c makes and reads the forms (XEP-0004) of commands and their results, profile.c those of
 * commands under other names, session.c keeps the forms that are out, adhoc.c does the rest.
 */
#ifndef MODULES_ADHOC_ADHOC_H
#define MODULES_ADHOC_ADHOC_H

#include <couplet/module.h>

struct adhoc_config {
	int64_t max_rows;
	int64_t sessions;
	int64_t sessions_per_account;
};
/* A form that was handed out and has not come back for good. */
struct form_session {
	struct cpl_list node; /* oldest first */
	char id[CPL_ID_TEXT];
	struct cpl_jid owner; /* full */
	char *words;
	int64_t since; /* monotonic */
	bool running;
};

/* The forms of a host. They stay where they are when the module is reloaded; a change of struct form_session needs another layout number, too. */
struct adhoc {
	struct cpl_list sessions;
	size_t count;
};
CPL_SLOT_DECLARE(adhoc_slot, HOST, struct adhoc);
struct adhoc *adhoc_of(struct cpl_host *host);

/* Takes a form back; its answer is final. */
void session_drop(struct adhoc *adhoc, struct form_session *session);
/* Hands a form of this node out to a full address. */
struct form_session *session_make(struct cpl_module *self, struct cpl_host *host, struct cpl_jid owner, const char *words);
/* The form of that id, or NULL; `adhoc` may be NULL. */
struct form_session *session_with(struct adhoc *adhoc, struct cpl_str id);
/* The same if it is the owner's and the node's and has not expired. */
struct form_session *session_find(struct cpl_host *host, struct cpl_str id, struct cpl_jid owner, const char *words);

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
