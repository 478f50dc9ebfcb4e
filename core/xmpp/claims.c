/* SPDX-License-Identifier: MIT */
/* What only a server may say of a stanza is taken out of what others send: delays stamped and ids given in our names (XEP-0203 4, XEP-0359 6). */
#include "core/xmpp/claims.h"

#include "core/xml/names.h"

static struct cpl_name name_delay = {"urn:xmpp:delay", "delay", 0, 0};
static struct cpl_name name_stanza_id = {"urn:xmpp:sid:0", "stanza-id", 0, 0};

void claims_init(void)
{
	names_add(&name_delay);
	names_add(&name_stanza_id);
}

/* True when the attribute names an address of a domain that is served here, and not the sender's own. */
static bool is_ours(const struct cpl_element *e, const char *attribute, const struct cpl_host *own, struct cpl_arena *arena)
{
	const struct cpl_host *host;
	struct cpl_jid jid;

	if (cpl_jid_parse(&jid, cpl_attr_get(e, attribute), arena) != 0)
		return false;
	host = cpl_host_find(cpl_jid_domain(jid));
	return host && host != own;
}

void claims_strip(struct cpl_stanza *stanza, const struct cpl_host *own)
{
	struct cpl_element *next;

	for (struct cpl_element *child = cpl_first_child(stanza->root); child; child = next) {
		next = cpl_next_child(child);
		if ((cpl_is(child, &name_delay) && is_ours(child, "from", own, stanza->arena)) ||
		    (cpl_is(child, &name_stanza_id) && is_ours(child, "by", own, stanza->arena)))
			cpl_remove(child);
	}
}
