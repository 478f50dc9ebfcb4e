/* SPDX-License-Identifier: MIT */
/* The bytes that frame a stream. */
#include "core/net/stream_text.h"

static void attribute(struct cpl_buf *out, struct cpl_str name, struct cpl_str value)
{
	if (!value.ptr)
		return;
	cpl_buf_add_char(out, ' ');
	cpl_buf_add(out, name);
	cpl_buf_add(out, CPL_STR("='"));
	cpl_buf_add_xml(out, value);
	cpl_buf_add_char(out, '\'');
}

void stream_text_header(struct cpl_buf *out, const struct cpl_stream_header *header)
{
	cpl_buf_add(out, CPL_STR("<?xml version='1.0'?><stream:stream "
				 "xmlns:stream='http://etherx.jabber.org/streams'"));
	switch (header->content) {
	case CPL_NS_SERVER:
		/* XEP-0220 2.1: a server's header also declares the dialback prefix. */
		cpl_buf_add(out, CPL_STR(" xmlns='jabber:server' xmlns:db='jabber:server:dialback'"));
		break;
	case CPL_NS_COMPONENT:
		cpl_buf_add(out, CPL_STR(" xmlns='jabber:component:accept'"));
		break;
	default:
		cpl_buf_add(out, CPL_STR(" xmlns='jabber:client'"));
		break;
	}
	attribute(out, CPL_STR("from"), header->from);
	attribute(out, CPL_STR("to"), header->to);
	attribute(out, CPL_STR("id"), header->id);
	attribute(out, CPL_STR("version"), header->version);
	attribute(out, CPL_STR("xml:lang"), header->lang);
	cpl_buf_add_char(out, '>');
}
