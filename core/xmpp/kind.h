/* SPDX-License-Identifier: MIT */
/*
 * Kinds of streams: what clients' and components' streams differ in, as a table, so that headers, input and output need no cases of their own. Each type of
 * session belongs to one kind; a session keeps its kind for life.
 */
#ifndef CORE_XMPP_KIND_H
#define CORE_XMPP_KIND_H

#include <couplet/session.h>

struct stream_kind {
	enum cpl_ns content;  /* the default namespace, of the peer's header, of ours, and of all that is written */
	bool negotiates;      /* XMPP 1.0: a version is demanded and said, features are sent (RFC 6120 4.7.5, 4.3.2); a component's stream has neither (XEP-0114 3) */
	unsigned strangers;   /* types that have not authenticated, as CPL_IN() mask */
	unsigned members;     /* types that may send stanzas */
	const char *peer;     /* for the log */
};

const struct stream_kind *stream_kind_of(enum cpl_session_type type);
/* True when a stream of this kind may be opened to the host: a client's to one that has accounts, a component's to one whose module takes such sessions. */
bool stream_kind_serves(const struct stream_kind *kind, struct cpl_host *host);

#endif
