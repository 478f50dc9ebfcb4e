/* SPDX-License-Identifier: MIT */
/* Admission: counting of unauthenticated connections by address. */
#include "core/xmpp/admission.h"

#include "core/net/address.h"

#include <couplet/map.h>
#include <couplet/memory.h>

struct admission {
	char key[ADDRESS_TEXT];
	size_t count;
};

static struct cpl_map addresses;
static size_t total, bound_address, bound_total;

void admission_set_bounds(size_t per_address, size_t in_all)
{
	bound_address = per_address;
	bound_total = in_all;
}

struct admission *admission_take(const char *address)
{
	char key[ADDRESS_TEXT];
	struct cpl_str text = address_peer_key(address, key);
	struct admission *admission = cpl_map_get(&addresses, text);

	if ((bound_total && total >= bound_total) || (bound_address && admission && admission->count >= bound_address))
		return NULL;
	if (!admission) {
		admission = CPL_NEW(struct admission);
		memcpy(admission->key, text.ptr, text.len);
		cpl_map_put(&addresses, cpl_str_of(admission->key), admission);
	}
	admission->count++;
	total++;
	return admission;
}

void admission_release(struct admission **pointer)
{
	struct admission *admission = *pointer;

	if (!admission)
		return;
	*pointer = NULL;
	total--;
	if (--admission->count)
		return;
	cpl_map_remove(&addresses, cpl_str_of(admission->key));
	cpl_free(admission);
	if (addresses.count == 0)
		cpl_map_finish(&addresses);
}

size_t admission_count(void)
{
	return total;
}
