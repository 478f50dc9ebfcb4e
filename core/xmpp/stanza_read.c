/* SPDX-License-Identifier: MIT */
/* Reading back what was stored. Here and not in core/xml because addresses are parsed. */
#include "core/xml/parser.h"
#include <couplet/stanza.h>

static bool read_address(struct cpl_jid *jid, struct cpl_str text, struct cpl_arena *arena)
{
	return !text.ptr || cpl_jid_parse(jid, text, arena) == 0;
}

struct cpl_stanza *cpl_stanza_read(struct cpl_str bytes, struct cpl_error *error)
{
	struct cpl_stanza *stanza;
	enum cpl_stream_error broken = xml_parse_child(bytes, CPL_NS_CLIENT, NULL, &stanza);

	if (broken) {
		cpl_fail(error, CPL_E_CORRUPT, "the stored stanza is not XML that can be read: %s",
			 cpl_stream_error_name(broken));
		return NULL;
	}
	if (stanza->kind == CPL_NONZA)
		cpl_fail(error, CPL_E_CORRUPT, "the stored element <%.*s/> is not a stanza",
			 CPL_ARG(stanza->root->name));
	else if (!read_address(&stanza->to, stanza->to_text, stanza->arena))
		cpl_fail(error, CPL_E_CORRUPT, "the stored stanza's 'to' is not an address");
	else if (!read_address(&stanza->from, stanza->from_text, stanza->arena))
		cpl_fail(error, CPL_E_CORRUPT, "the stored stanza's 'from' is not an address");
	else
		return stanza;
	cpl_stanza_unref(&stanza);
	return NULL;
}
