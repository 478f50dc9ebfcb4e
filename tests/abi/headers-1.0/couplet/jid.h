/* SPDX-License-Identifier: MIT */
/*
 * Addresses (RFC 7622 in the profiles of RFC 6122: nodeprep, nameprep, resourceprep).
 *
 * A struct cpl_jid is a view by value of one contiguous prepared text "localpart@domainpart/resourcepart". It owns nothing. Because the
 * text is contiguous, the bare JID is a prefix of it, and turning a full JID into its bare JID costs nothing. Two equal
 * addresses have equal bytes. A zeroed struct is "no address".
 */
#ifndef COUPLET_JID_H
#define COUPLET_JID_H

#include <couplet/memory.h>

#pragma GCC visibility push(default)

/* Bytes, after preparation (RFC 7622 3.1). */
#define CPL_JID_PART_MAX 1023
#define CPL_JID_MAX (3 * CPL_JID_PART_MAX + 2)

struct cpl_jid {
	const char *text;
	uint16_t local_len;
	uint16_t domain_len;
	uint16_t resource_len;
	uint16_t reserved;
};

/* False for a zeroed struct, "no address". */
static inline bool cpl_jid_is_set(struct cpl_jid jid)
{
	return jid.text != NULL;
}

/* True when there is a resourcepart. */
static inline bool cpl_jid_is_full(struct cpl_jid jid)
{
	return jid.resource_len != 0;
}

/* The parts of an address that is set, as views of its text; CPL_NONE for a localpart or resourcepart that is not there. */
static inline struct cpl_str cpl_jid_local(struct cpl_jid jid)
{
	return (struct cpl_str){jid.local_len ? jid.text : NULL, jid.local_len};
}
static inline struct cpl_str cpl_jid_domain(struct cpl_jid jid)
{
	return (struct cpl_str){jid.text + (jid.local_len ? jid.local_len + 1 : 0), jid.domain_len};
}
static inline struct cpl_str cpl_jid_resource(struct cpl_jid jid)
{
	return (struct cpl_str){jid.resource_len ? jid.text + (jid.local_len ? jid.local_len + 1 : 0) + jid.domain_len + 1 : NULL,
				jid.resource_len};
}

/* The bare JID (a domainpart alone for a JID with no localpart), a view of the same text. */
static inline struct cpl_jid cpl_jid_bare(struct cpl_jid jid)
{
	jid.resource_len = 0;
	return jid;
}

/* The domainpart as an address, a view of the same text. */
static inline struct cpl_jid cpl_jid_host(struct cpl_jid jid)
{
	return (struct cpl_jid){cpl_jid_domain(jid).ptr, 0, jid.domain_len, 0, 0};
}

/* The whole address as text. */
static inline struct cpl_str cpl_jid_str(struct cpl_jid jid)
{
	return (struct cpl_str){jid.text, (size_t)(jid.local_len ? jid.local_len + 1 : 0) + jid.domain_len +
						  (jid.resource_len ? jid.resource_len + 1 : 0)};
}

/* True for the same address; two that are not set are equal. */
static inline bool cpl_jid_equal(struct cpl_jid a, struct cpl_jid b)
{
	return a.local_len == b.local_len && a.domain_len == b.domain_len && a.resource_len == b.resource_len &&
	       cpl_str_equal(cpl_jid_str(a), cpl_jid_str(b));
}

/* The same, resourceparts apart. */
static inline bool cpl_jid_equal_bare(struct cpl_jid a, struct cpl_jid b)
{
	return cpl_jid_equal(cpl_jid_bare(a), cpl_jid_bare(b));
}

/*
 * Parses and prepares an address. When `text` is in prepared form already (the usual case), *out views the bytes of `text` itself; else a
 * prepared copy is made in `arena`. Returns 0, or CPL_E_INVALID. Unassigned code points pass (see cpl_prepare_new_local()).
 */
int cpl_jid_parse(struct cpl_jid *out, struct cpl_str text, struct cpl_arena *arena);
/* Makes an address of three unprepared parts (local and resource may be CPL_NONE), in the arena. */
int cpl_jid_make(struct cpl_jid *out, struct cpl_str local, struct cpl_str domain, struct cpl_str resource, struct cpl_arena *arena);
/* `jid` with another resourcepart, which must be prepared already (or empty: none). In the arena. */
struct cpl_jid cpl_jid_with_resource(struct cpl_jid jid, struct cpl_str resource, struct cpl_arena *arena);

/* The profiles by themselves, results in the arena (or `text` itself). 0 or CPL_E_INVALID (also for empty results and over 1023 bytes). */
int cpl_prepare_local(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena);
int cpl_prepare_domain(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena);
int cpl_prepare_resource(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena);
/* True for a domainpart in its prepared form: what an option that names a domain should be. */
bool cpl_is_domain(struct cpl_str text);
/* SASLprep (RFC 4013) of a password: as stored string when `query` is false, as query when true. */
int cpl_prepare_password(struct cpl_str *out, struct cpl_str text, bool query, struct cpl_arena *arena);
/* For the localpart of a new account: as cpl_prepare_local(), but unassigned code points are refused. */
int cpl_prepare_new_local(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena);

/* A copy whose text is one heap block: release with cpl_jid_free(). */
struct cpl_jid cpl_jid_dup(struct cpl_jid jid);
/* Frees what cpl_jid_dup() made and zeroes the struct; accepts an address that is not set. */
void cpl_jid_free(struct cpl_jid *jid);

#pragma GCC visibility pop

#endif
