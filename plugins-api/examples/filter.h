/* SPDX-License-Identifier: MIT */
/* What the example filter tells others: its public header, for itself and for modules that hear its event. */
#ifndef EXAMPLES_FILTER_H
#define EXAMPLES_FILTER_H

#include <couplet/module.h>

/* A message of the session is not carried, for this word. Borrowed for the event. */
struct filter_refused {
	size_t size;
	struct cpl_session *session;
	struct cpl_str word;
};
CPL_PUBLIC_EVENT(filter, refused, struct filter_refused, NOTIFY);

#endif
