/* SPDX-License-Identifier: MIT */
/*
 * Preparation of the parts of an address: nodeprep and resourceprep (RFC 6122 appendices), nameprep by labels
 * with the STD3 rules for domains. ASCII is done here by table; the rest by libidn, behind a small cache per
 * thread, since the same few names come again and again. The public functions are in <couplet/jid.h>; this
 * header has the tests that say whether text is in prepared form already.
 */
#ifndef CORE_XMPP_PREP_H
#define CORE_XMPP_PREP_H

#include <couplet/jid.h>

/* Bits of prep_class[byte]: an ASCII byte that stays what it is in a part of that kind. */
enum { PREP_LOCAL = 1, PREP_RESOURCE = 2, PREP_LABEL = 4 };
extern const unsigned char prep_class[256];

/* True for text of 1 to CPL_JID_PART_MAX bytes, all of that class: prepared as it stands. False means only
 * that a closer look is due. */
static inline bool prep_is_plain(struct cpl_str text, unsigned char bit)
{
	unsigned char all = bit;

	for (size_t i = 0; i < text.len; i++)
		all &= prep_class[(unsigned char)text.ptr[i]];
	return all && text.len - 1 < CPL_JID_PART_MAX;
}

/* The same for a domainpart: labels of 1 to 63 letters (small), digits and inner hyphens. */
bool prep_is_plain_domain(struct cpl_str text);

#endif
