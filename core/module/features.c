/* SPDX-License-Identifier: MIT */
/* What modules have declared for disco; each host's table has it ready. */
#include "core/hook/table.h"

struct cpl_str_list cpl_host_features(struct cpl_host *host, unsigned of)
{
	const struct dispatch *d = dispatch_of(host);

	of &= CPL_OF_HOST | CPL_OF_ACCOUNT;
	return d ? d->features[of] : (struct cpl_str_list){NULL, 0};
}

size_t cpl_host_identities(struct cpl_host *host, unsigned of, const struct cpl_identity_row **rows)
{
	const struct dispatch *d = dispatch_of(host);

	of &= CPL_OF_HOST | CPL_OF_ACCOUNT;
	*rows = d ? d->identities[of] : NULL;
	return d ? d->identity_count[of] : 0;
}
