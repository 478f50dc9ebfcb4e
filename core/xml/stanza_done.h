/* SPDX-License-Identifier: MIT */
/* What a stanza tells the session layer, which is above this one: core/xmpp sets these at start; NULL in
 * programs without sessions. */
#ifndef CORE_XML_STANZA_DONE_H
#define CORE_XML_STANZA_DONE_H

#include <couplet/stanza.h>

/* The last hold of a handled stanza was released: the stanza is done. The reference that goes with the hold
 * lives until this returns. */
extern void (*stanza_done)(struct cpl_stanza *stanza);
/* A stanza that came in on this session is gone: drop the reference that it had. */
extern void (*stanza_session_unref)(struct cpl_session *session);

#endif
