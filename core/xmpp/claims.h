/* SPDX-License-Identifier: MIT */
/* Claims that only a server may make are removed from what clients send, every one of them. Session thread. */
#ifndef CORE_XMPP_CLAIMS_H
#define CORE_XMPP_CLAIMS_H

#include <couplet/session.h>

/* Once, before the first stanza. */
void claims_init(void);
/* Removes delays from, and stanza-ids by, our hosts and their accounts. */
void claims_strip(struct cpl_stanza *stanza);

#endif
