/* SPDX-License-Identifier: MIT */
/* Kinds of streams. */
#include "core/xmpp/kind.h"

#include "core/hook/dispatch.h"

static const struct stream_kind client = {
	.content = CPL_NS_CLIENT,
	.negotiates = true,
	.strangers = CPL_IN(C2S_UNAUTHED),
	.members = CPL_IN(C2S),
	.peer = "client",
};

static const struct stream_kind component = {
	.content = CPL_NS_COMPONENT,
	.strangers = CPL_IN(COMPONENT_UNAUTHED),
	.members = CPL_IN(COMPONENT),
	.peer = "component",
};

const struct stream_kind *stream_kind_of(enum cpl_session_type type)
{
	return type == CPL_SESSION_COMPONENT_UNAUTHED || type == CPL_SESSION_COMPONENT ? &component : &client;
}

bool stream_kind_serves(const struct stream_kind *kind, struct cpl_host *host)
{
	return kind == &component ? host->component && dispatch_nonza_taken(host, component.strangers) : !host->component;
}
