/* SPDX-License-Identifier: MIT */
/* SASL PLAIN (RFC 4616): the one message. Pure. */
#ifndef MODULES_AUTH_PLAIN_H
#define MODULES_AUTH_PLAIN_H

#include <couplet/str.h>

/* Views of the message. */
struct plain_message {
	struct cpl_str authzid; /* CPL_NONE when empty */
	struct cpl_str username;
	struct cpl_str password;
};
/* False unless the message is [authzid] NUL authcid NUL passwd in UTF-8, the last two not empty, with no
 * third NUL (RFC 4616 section 2). */
bool plain_parse(struct plain_message *out, struct cpl_str message);

#endif
