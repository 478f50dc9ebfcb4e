/* SPDX-License-Identifier: MIT */
/* Calls as the module manager sees them; the rules are in <couplet/call.h>. Session thread. */
#ifndef CORE_LOOP_CALL_H
#define CORE_LOOP_CALL_H

#include <couplet/call.h>

/*
 * Cancels every call on the list that account_module_calls() returned for a module: the unload of rule 4. The
 * list empties as the callbacks come, in the following turns; a job that was cancelled still counts in struct
 * account.jobs.
 */
void call_cancel_owned(struct cpl_list *calls);

/* Calls on that list: timers that have not expired, and all others. */
struct call_counts {
	size_t timers, others;
};
struct call_counts call_count_owned(const struct cpl_list *calls);

/* Completions that came after the first one and were ignored (rule 3). */
uint64_t call_late_count(void);

#endif
