/* SPDX-License-Identifier: MIT */
/* Memory back to the system. */
#include "core/base/trim.h"

#include <malloc.h>

bool trim_due(struct trim *trim, size_t connections)
{
	bool falling = connections < trim->last;
	size_t gone;

	trim->last = connections;
	if (connections > trim->most)
		trim->most = connections;
	gone = trim->most - connections;
	if (falling || gone < TRIM_GONE_LEAST || gone < trim->most / 4)
		return false;
	trim->most = connections;
	return true;
}

void trim_release(void)
{
	malloc_trim(0);
}
