/* SPDX-License-Identifier: MIT */
/* Shared limits: a short list, the set that was asked for last in front. */
#include "core/net/conn_limits.h"

#include "core/base/account.h"

#include <assert.h>

struct shared {
	struct cpl_list node;
	size_t refs;
	struct cpl_conn_limits limits;
};
_Static_assert(sizeof(struct cpl_conn_limits) == 6 * sizeof(uint32_t) + 2 * sizeof(int64_t) + 2 * sizeof(uint32_t),
	       "limits are compared as bytes and must have no padding");

static struct cpl_list all = {&all, &all};

const struct cpl_conn_limits *conn_limits_share(const struct cpl_conn_limits *limits)
{
	struct account *before;
	struct shared *made;

	CPL_LIST_EACH(node, &all) {
		struct shared *shared = CPL_CONTAINER(node, struct shared, node);

		if (memcmp(&shared->limits, limits, sizeof(*limits)) != 0)
			continue;
		shared->refs++;
		cpl_list_remove(&shared->node);
		cpl_list_prepend(&all, &shared->node);
		return &shared->limits;
	}
	/* It may outlive the module that asked for it first. */
	before = account_as_core();
	made = CPL_NEW(struct shared);
	account_back(before);
	made->refs = 1;
	made->limits = *limits;
	cpl_list_prepend(&all, &made->node);
	return &made->limits;
}

void conn_limits_unref(const struct cpl_conn_limits **limits)
{
	struct shared *shared;

	if (!*limits)
		return;
	shared = CPL_CONTAINER(*limits, struct shared, limits);
	*limits = NULL;
	assert(shared->refs > 0);
	if (--shared->refs > 0)
		return;
	cpl_list_remove(&shared->node);
	cpl_free(shared);
}
