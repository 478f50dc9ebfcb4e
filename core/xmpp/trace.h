/* SPDX-License-Identifier: MIT */
/*
 * Stanzas as somebody may see them who only wants to know what goes where: for `coupletctl watch` and the log at debug. Names, addresses, ids, types and a few attributes that
 * are known to hold nothing else are shown; every other text is replaced by its length in bytes, "[12]", and passwords and SASL content by "[-]".
 *
 * When nobody wants to know, a stanza costs one comparison of cpl_log_threshold on its way in and one on its way out. Session thread.
 */
#ifndef CORE_XMPP_TRACE_H
#define CORE_XMPP_TRACE_H

#include "core/base/account.h"

#include <couplet/log.h>
#include <couplet/session.h>

/* The most bytes of one stanza that are shown; then comes "...". */
#define TRACE_MAX (16 * 1024)

struct trace_view {
	const struct cpl_session *session;
	bool out;
	const char *module; /* that made it, or delivers it; of what comes in "core" */
	struct cpl_jid from, to;
	struct cpl_str text; /* the stanza */
};

/* Somebody who is told of every stanza and stream element; embedded in the owner. `seen` may remove its own watcher, and sends nothing. */
struct trace_watcher {
	void (*seen)(struct trace_watcher *watcher, const struct trace_view *view);
	struct cpl_list node;
};
void trace_watch(struct trace_watcher *watcher);
/* One that does not watch is left alone. */
void trace_unwatch(struct trace_watcher *watcher);

static inline bool trace_wanted(void)
{
	return __builtin_expect(__atomic_load_n(&cpl_log_threshold, __ATOMIC_RELAXED) <= CPL_LOG_DEBUG, 0);
}
void trace_in(const struct cpl_session *s, const struct cpl_stanza *stanza);
/* `from` and `to` where they are others than the stanza's own; `sender`: whose code sends it now. */
void trace_out(const struct cpl_session *s, const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to, const struct account *sender);
/* The text itself. */
void trace_write(const struct cpl_stanza *stanza, struct cpl_jid from, struct cpl_jid to, struct cpl_buf *out);

#endif
