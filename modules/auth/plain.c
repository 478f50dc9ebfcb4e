/* SPDX-License-Identifier: MIT */
/* SASL PLAIN: the one message. */
#include "modules/auth/plain.h"

bool plain_parse(struct plain_message *out, struct cpl_str message)
{
	struct cpl_str rest = message;

	*out = (struct plain_message){0};
	if (!cpl_str_is_utf8(message) || !cpl_str_split(&rest, '\0', &out->authzid) ||
	    !cpl_str_split(&rest, '\0', &out->username) || !cpl_str_split(&rest, '\0', &out->password) ||
	    rest.ptr)
		return false;
	if (out->authzid.len == 0)
		out->authzid = CPL_NONE;
	return out->username.len > 0 && out->password.len > 0;
}
