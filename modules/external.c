/* SPDX-License-Identifier: MIT */
/*
 * External components (XEP-0114, jabber:component:accept): the module of a host with `component: external`. A program of its own connects to the service `component`,
 * proves the secret, and is from then on every address of the domain. Hooks message, presence and iq of such hosts.
 */
#include <couplet/module.h>

#include <openssl/evp.h>

enum { CONFLICT_REFUSE, CONFLICT_REPLACE };
static const char *const conflict_values[] = {"refuse", "replace", NULL};

struct external_config {
	struct cpl_str secret;
	int conflict;
};
static const struct cpl_option options[] = {
	CPL_OPT_SECRET(struct external_config, secret, CPL_REQUIRED | CPL_RELOADABLE,
		       "What the component proves to know when it connects; the same text stands in its own configuration."),
	CPL_OPT_ENUM(struct external_config, conflict, "refuse", conflict_values, CPL_RELOADABLE,
		     "When the component is connected and connects once more: refuse closes the new connection, replace the old one."),
	CPL_OPT_END,
};

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct external_config *config = values;

	if (config->secret.ptr && config->secret.len == 0)
		fault(data, "secret", "is empty: anybody could connect");
}

CPL_CONTENT_NAME(handshake_name, "handshake");
static struct cpl_name *const names[] = {&handshake_name, NULL};

/* ---- who is connected: one session a host ---- */

struct link {
	struct cpl_session *session; /* referenced; NULL: none */
};

/* The module or the host goes: nobody would hear the component any more. */
static void link_release(void *data)
{
	struct link *link = data;

	if (link->session)
		cpl_session_close(link->session, CPL_STREAM_HOST_GONE, NULL);
	cpl_session_unref(&link->session);
	cpl_free(link);
}
CPL_SLOT(link_slot, HOST, struct link, 1, link_release);
static struct cpl_slot *const slots[] = {&link_slot, NULL};

static bool is_open(const struct cpl_session *session)
{
	return session && session->conn && !session->closing;
}

/* ---- the handshake (XEP-0114 3) ---- */

static bool is_proof(const struct cpl_session *session, struct cpl_str secret, struct cpl_str proof, struct cpl_arena *arena)
{
	struct cpl_str text = cpl_arena_printf(arena, "%.*s%.*s", CPL_ARG(session->id), CPL_ARG(secret));
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	return EVP_Digest(text.ptr, text.len, hash, &size, EVP_sha1(), NULL) == 1 && cpl_equal_secret(cpl_hex_encode(arena, hash, size), proof);
}

/* Makes room for a second session of the domain; false: the first one stays. One whose peer has left, though not all that it sent has been read, is in nobody's way. */
static bool meet_conflict(struct link *link, int policy)
{
	if (is_open(link->session)) {
		if (policy == CONFLICT_REFUSE && !cpl_conn_peer_left(link->session->conn))
			return false;
		cpl_session_close(link->session, CPL_STREAM_CONFLICT, "Replaced by a new connection");
	}
	cpl_session_unref(&link->session);
	return true;
}

/* Whether a component is connected is told to nobody who could not be it. */
static void admit(struct cpl_session *session, const struct external_config *config)
{
	struct link *link = CPL_SLOT_MAKE(session->served, link_slot);
	struct cpl_stanza *success;

	if (!meet_conflict(link, config->conflict)) {
		cpl_session_close(session, CPL_STREAM_CONFLICT, "This component is connected already");
		return;
	}
	link->session = cpl_session_ref(session);
	success = cpl_nonza_create(&handshake_name);
	if (cpl_session_accept_component(session, success) != 0)
		cpl_session_unref(&link->session);
	cpl_stanza_unref(&success);
}

/* ---- asking the first of two whether it is still there ---- */

/* As long as it is not read, the end of a connection stands behind what was sent before; but whoever is gone answers a sign of life with a reset. */
enum { ANSWER_MS = 500 };

struct asking {
	struct cpl_call timer;
	struct cpl_module *self;
	struct cpl_session *session; /* the second, referenced */
	struct cpl_suspension *suspension;
};

static void on_answer_time(struct cpl_call *call)
{
	struct asking *asking = CPL_CONTAINER(call, struct asking, timer);

	if (call->status == 0 && cpl_suspension_alive(asking->suspension) && is_open(asking->session))
		admit(asking->session, CPL_CONFIG(asking->self, asking->session->served, struct external_config));
	cpl_resume(&asking->suspension, CPL_HANDLED);
	cpl_session_unref(&asking->session);
	cpl_free(asking);
}

static bool is_asked(struct cpl_module *self, struct cpl_ev_nonza *ev, const struct external_config *config)
{
	const struct link *link = CPL_SLOT_GET(ev->session->served, link_slot);
	struct cpl_conn *first = link && is_open(link->session) ? link->session->conn : NULL;
	struct asking *asking;

	if (!first || config->conflict == CONFLICT_REPLACE || !(first->paused || first->held_until) || cpl_conn_peer_left(first))
		return false;
	asking = CPL_NEW(struct asking);
	if (cpl_timer_start(&asking->timer, &ev->session->scope, ANSWER_MS, on_answer_time) < 0) {
		cpl_free(asking);
		return false;
	}
	first->ops->write(first, CPL_STR(" "));
	asking->self = self;
	asking->session = cpl_session_ref(ev->session);
	asking->suspension = cpl_suspend(&ev->event);
	return true;
}

static enum cpl_flow on_handshake(struct cpl_module *self, struct cpl_ev_nonza *ev)
{
	struct cpl_session *session = ev->session;
	const struct external_config *config = CPL_CONFIG(self, session->served, struct external_config);
	struct cpl_arena *arena = ev->nonza->arena;
	struct cpl_str proof = cpl_str_trim(cpl_text_of(ev->nonza->root, arena));

	if (!is_proof(session, config->secret, proof, arena)) {
		cpl_session_close(session, CPL_STREAM_NOT_AUTHORIZED, "The secret is wrong");
		return CPL_HANDLED;
	}
	if (is_asked(self, ev, config))
		return CPL_SUSPENDED;
	admit(session, config);
	return CPL_HANDLED;
}

static void on_session_destroyed(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct link *link = ev->session->served ? CPL_SLOT_GET(ev->session->served, link_slot) : NULL;

	if (link && link->session == ev->session)
		cpl_session_unref(&link->session);
}

/* ---- stanzas to the domain ---- */

/*
 * Nobody is connected. XEP-0114 leaves the answer open; remote-server-timeout fits: the address is right and will be served again, and its type `wait` makes
 * senders try again, where service-unavailable would make them give up. Presence is answered only where somebody waits for it: a subscription, and what
 * goes to one full address, such as the way into a room; a broadcast to every contact behind the component would otherwise bring an error for each of them.
 */
static void refuse(const struct cpl_ev_stanza *ev)
{
	const struct cpl_stanza *stanza = ev->stanza;

	if (stanza->kind == CPL_PRESENCE && stanza->type != CPL_TYPE_SUBSCRIBE && !(stanza->type == CPL_TYPE_NONE && stanza->to.resource_len))
		return;
	cpl_bounce(stanza, CPL_REMOTE_SERVER_TIMEOUT, "The component is not connected");
}

static enum cpl_flow on_stanza(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct link *link = ev->host->component ? CPL_SLOT_GET(ev->host, link_slot) : NULL;

	if (!ev->host->component)
		return CPL_NEXT;
	if (link && is_open(link->session))
		cpl_session_send(link->session, ev->stanza);
	else
		refuse(ev);
	return CPL_HANDLED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(message, on_stanza, DELIVER, 0),
	CPL_ON(presence, on_stanza, DELIVER, 0),
	CPL_ON(iq, on_stanza, DELIVER, 0),
	CPL_ON(session_destroyed, on_session_destroyed, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_nonza_row nonzas[] = {
	{&handshake_name, CPL_IN(COMPONENT_UNAUTHED), on_handshake},
	{NULL, 0, NULL},
};

static const struct cpl_listen_row listens[] = {
	{"component", 5347, CPL_SESSION_COMPONENT_UNAUTHED, false},
	{NULL, 0, CPL_SESSION_COMPONENT_UNAUTHED, false},
};

CPL_MODULE(external) = {
	CPL_MODULE_HEAD("external", "1.0", "External components (XEP-0114)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct external_config),
	.check = check,
	.events = events,
	.nonzas = nonzas,
	.listens = listens,
	.slots = slots,
};
