/* SPDX-License-Identifier: MIT */
/* Addresses: taking text apart, putting parts together. */
#include "core/xmpp/prep.h"
#include <couplet/error.h>

static struct cpl_jid join(struct cpl_str local, struct cpl_str domain, struct cpl_str resource,
			   struct cpl_arena *arena)
{
	struct cpl_jid jid = {NULL, (uint16_t)local.len, (uint16_t)domain.len, (uint16_t)resource.len, 0};
	char *at = cpl_arena_alloc(arena, local.len + domain.len + resource.len + 3);

	jid.text = at;
	if (local.len) {
		memcpy(at, local.ptr, local.len);
		at += local.len;
		*at++ = '@';
	}
	memcpy(at, domain.ptr, domain.len);
	at += domain.len;
	if (resource.len) {
		*at++ = '/';
		memcpy(at, resource.ptr, resource.len);
	}
	return jid;
}

/* The first "/" begins the resourcepart, the first "@" before it ends the localpart (RFC 7622 3.2). Absent
 * parts are CPL_NONE. */
static void take_apart(struct cpl_str text, struct cpl_str *local, struct cpl_str *domain,
		       struct cpl_str *resource)
{
	const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
	const char *at;

	*resource = *local = CPL_NONE;
	*domain = text;
	if (slash) {
		domain->len = (size_t)(slash - text.ptr);
		*resource = (struct cpl_str){slash + 1, text.len - domain->len - 1};
	}
	at = domain->len ? memchr(text.ptr, '@', domain->len) : NULL;
	if (at) {
		*local = (struct cpl_str){text.ptr, (size_t)(at - text.ptr)};
		*domain = (struct cpl_str){at + 1, domain->len - local->len - 1};
	}
}

int cpl_jid_parse(struct cpl_jid *out, struct cpl_str text, struct cpl_arena *arena)
{
	struct cpl_str local, domain, resource, given[3];
	int code = 0;

	take_apart(text, &local, &domain, &resource);
	given[0] = local, given[1] = domain, given[2] = resource;
	if (local.ptr)
		code = cpl_prepare_local(&local, local, arena);
	if (!code)
		code = cpl_prepare_domain(&domain, domain, arena);
	if (!code && resource.ptr)
		code = cpl_prepare_resource(&resource, resource, arena);
	if (code)
		return code;
	if (local.ptr == given[0].ptr && domain.ptr == given[1].ptr && resource.ptr == given[2].ptr)
		*out = (struct cpl_jid){text.ptr, (uint16_t)local.len, (uint16_t)domain.len,
					(uint16_t)resource.len, 0};
	else
		*out = join(local, domain, resource, arena);
	return 0;
}

int cpl_jid_make(struct cpl_jid *out, struct cpl_str local, struct cpl_str domain, struct cpl_str resource,
		 struct cpl_arena *arena)
{
	int code = 0;

	if (local.ptr)
		code = cpl_prepare_local(&local, local, arena);
	if (!code)
		code = cpl_prepare_domain(&domain, domain, arena);
	if (!code && resource.ptr)
		code = cpl_prepare_resource(&resource, resource, arena);
	if (!code)
		*out = join(local, domain, resource, arena);
	return code;
}

struct cpl_jid cpl_jid_with_resource(struct cpl_jid jid, struct cpl_str resource, struct cpl_arena *arena)
{
	return join(cpl_jid_local(jid), cpl_jid_domain(jid), resource, arena);
}

struct cpl_jid cpl_jid_dup(struct cpl_jid jid)
{
	if (cpl_jid_is_set(jid))
		jid.text = cpl_strdup(cpl_jid_str(jid));
	return jid;
}

void cpl_jid_free(struct cpl_jid *jid)
{
	cpl_free((void *)jid->text);
	*jid = (struct cpl_jid){0};
}
