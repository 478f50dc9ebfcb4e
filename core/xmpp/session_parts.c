/* SPDX-License-Identifier: MIT */
/* What a session holds, part by part. */
#include "core/base/memory.h"
#include "core/hook/slot.h"
#include "core/net/conn_socket.h"
#include "core/xml/alike.h"
#include "core/xmpp/session.h"

struct telling {
	void (*part)(void *data, const struct session_part *part);
	void *data;
	unsigned shared;
};

static void tell(const struct telling *to, const char *name, const char *of, size_t bytes, unsigned shared)
{
	if (bytes)
		to->part(to->data, &(struct session_part){name, of, bytes, shared});
}

static void tell_slot(void *data, const char *module, const char *slot, const void *block)
{
	const struct telling *to = data;

	tell(to, module, slot, memory_held(block), to->shared);
}

static void tell_connection(const struct telling *to, const struct cpl_conn *conn)
{
	struct conn_parts parts;

	if (!conn_socket_parts(conn, &parts)) {
		tell(to, "connection", NULL, conn->ops->memory(conn), 1);
		return;
	}
	tell(to, "connection", NULL, parts.connection, 1);
	tell(to, "connection", "ending, or held for its rate", parts.rare, 1);
	tell(to, "connection", "input that is not whole", parts.input, 1);
	tell(to, "connection", "output that waits", parts.output, 1);
	tell(to, "TLS", NULL, parts.tls, 1);
}

void session_parts(const struct cpl_session *s, void (*part)(void *data, const struct session_part *part), void *data)
{
	struct telling to = {part, data, 1};
	const struct session *session = CPL_CONTAINER(s, const struct session, pub);
	unsigned users = 0;
	size_t tree;

	tell(&to, "session", NULL, memory_held(session), 1);
	tell(&to, "session", "on its way in or out", memory_held(session->passage), 1);
	tell(&to, "session", "address", memory_held(cpl_jid_str(s->jid).ptr), 1);
	tell(&to, "session", "language", memory_held(s->lang.ptr), 1);
	tell(&to, "session", "stanzas being handled", session->unfinished, 1);
	tell(&to, "session", "slots", slot_array_held(&s->slots), 1);
	slot_each(&s->slots, CPL_SLOT_OF_SESSION, tell_slot, &to);
	if (s->presence) {
		tell(&to, "presence", NULL, memory_held(s->presence), 1);
		tree = s->presence->alike ? alike_held(s->presence->root, &users) : 0;
		tell(&to, "presence", "content that others have, too", tree, users);
	}
	if (s->conn)
		tell_connection(&to, s->conn);
	if (!s->user)
		return;
	to.shared = s->user->session_count;
	tell(&to, "account", NULL, memory_held(s->user), to.shared);
	tell(&to, "account", "slots", slot_array_held(&s->user->slots), to.shared);
	slot_each(&s->user->slots, CPL_SLOT_OF_USER, tell_slot, &to);
}
