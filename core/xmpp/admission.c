/* SPDX-License-Identifier: MIT */
/* Admission: counting of unauthenticated connections by address. */
#include "core/xmpp/admission.h"

#include <couplet/map.h>
#include <couplet/memory.h>

#include <arpa/inet.h>

struct admission {
	char key[INET6_ADDRSTRLEN];
	size_t count;
};

static struct cpl_map addresses;
static size_t total, bound_address, bound_total;

void admission_set_bounds(size_t per_address, size_t in_all)
{
	bound_address = per_address;
	bound_total = in_all;
}

/* "[2001:db8::1]:40001" -> its /64; "192.0.2.1:40001" -> "192.0.2.1". */
static struct cpl_str address_key(const char *address, char key[INET6_ADDRSTRLEN])
{
	struct cpl_str text = cpl_str_of(address);
	struct in6_addr v6;
	char literal[INET6_ADDRSTRLEN];
	ptrdiff_t end;

	if (text.len && text.ptr[0] == '[') {
		end = cpl_str_find(text, ']');
		if (end > 1 && (size_t)end - 1 < sizeof(literal)) {
			memcpy(literal, text.ptr + 1, (size_t)end - 1);
			literal[end - 1] = '\0';
			if (inet_pton(AF_INET6, literal, &v6) == 1) {
				memset(v6.s6_addr + 8, 0, 8);
				inet_ntop(AF_INET6, &v6, key, INET6_ADDRSTRLEN);
				return cpl_str_of(key);
			}
		}
	}
	end = cpl_str_find(text, ':');
	if (end >= 0)
		text.len = (size_t)end;
	if (text.len >= INET6_ADDRSTRLEN)
		text.len = INET6_ADDRSTRLEN - 1;
	memcpy(key, text.ptr, text.len);
	key[text.len] = '\0';
	return (struct cpl_str){key, text.len};
}

struct admission *admission_take(const char *address)
{
	char key[INET6_ADDRSTRLEN];
	struct cpl_str text = address_key(address, key);
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
