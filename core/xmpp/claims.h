/* SPDX-License-Identifier: MIT */
/* Claims that only a server may make are removed from what clients and components send, every one of them. Session thread. */
#ifndef CORE_XMPP_CLAIMS_H
#define CORE_XMPP_CLAIMS_H

#include <couplet/session.h>

/* Once, before the first stanza. */
void claims_init(void);
/* Removes delays from, and stanza-ids by, our hosts and their accounts. `own`: the host that the sender speaks for and may name; NULL: none, a client. */
void claims_strip(struct cpl_stanza *stanza, const struct cpl_host *own);

#endif
