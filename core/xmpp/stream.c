/* SPDX-License-Identifier: MIT */
/* Stream headers: the peer's is judged, ours and the features are sent (RFC 6120 4). */
#include "core/xmpp/session.h"

#include "core/xml/names.h"

#include <couplet/event.h>
#include <couplet/time.h>

static struct cpl_name name_features = {"http://etherx.jabber.org/streams", "features", 0, 0};

enum { LANG_MAX = 64 };

/* Who speaks to a peer that has asked for nobody we know: the same at each start. */
static struct cpl_host *host_by_default(void)
{
	struct cpl_host *first = NULL, *host;
	size_t at = 0;

	while ((host = cpl_host_next(&at)))
		if (!first || cpl_str_compare(host->name, first->name) < 0)
			first = host;
	return first;
}

static void stream_send_header(struct session *session, struct cpl_str to)
{
	struct cpl_session *s = &session->pub;
	struct cpl_host *host = s->served ? s->served : host_by_default();
	char fresh[CPL_ID_TEXT];
	struct cpl_stream_header header = {
		.from = host ? host->name : CPL_NONE,
		.to = to,
		/* The session keeps its first id as its name; each further stream has one of its own (RFC 6120 4.7.3). */
		.id = session->streams++ == 0 ? s->id : cpl_random_id(fresh),
		.version = session->kind->negotiates ? CPL_STR("1.0") : CPL_NONE,
		.lang = session->kind->negotiates ? CPL_STR("en") : CPL_NONE,
		.content = session->kind->content,
	};

	session->stream_open = true;
	s->conn->ops->open(s->conn, &header);
}

void stream_open(struct session *session)
{
	if (!session->stream_open)
		stream_send_header(session, CPL_NONE);
}

void stream_write_error(struct session *session, enum cpl_stream_error condition, const char *text)
{
	struct cpl_buf out = {0};

	cpl_buf_addf(&out, "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", cpl_stream_error_name(condition));
	if (text) {
		cpl_buf_add(&out, CPL_STR("<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>"));
		cpl_buf_add_xml(&out, cpl_str_of(text));
		cpl_buf_add(&out, CPL_STR("</text>"));
	}
	cpl_buf_add(&out, CPL_STR("</stream:error>"));
	session->pub.conn->ops->write(session->pub.conn, cpl_buf_str(&out));
	cpl_buf_finish(&out);
}

static bool version_supported(struct cpl_str version)
{
	struct cpl_str rest = version, major;
	int64_t number;

	/* No version is 0.9 (RFC 6120 4.7.5). */
	return cpl_str_split(&rest, '.', &major) && cpl_str_to_int(major, 0, INT32_MAX, &number) && number >= 1;
}

/* A name that was offered by the peer to be compared: false also for one that is no name. */
static struct cpl_host *host_of(struct cpl_str to, struct cpl_arena *arena)
{
	struct cpl_str name;

	return cpl_prepare_domain(&name, to, arena) == 0 ? cpl_host_find(name) : NULL;
}

/*
 * A client may say who it is; once it has proven it, it must not say that it is another account (RFC 6120 4.7.1, 4.9.3.7). The host's own name says nothing
 * of an account and passes: clients built on Perl's XML::Stream send it.
 */
static bool from_is_own(const struct cpl_session *s, struct cpl_str from, struct cpl_arena *arena)
{
	struct cpl_jid jid;

	if (!from.ptr || !s->username.ptr)
		return true;
	return cpl_jid_parse(&jid, from, arena) == 0 && (cpl_jid_equal_bare(jid, s->jid) || cpl_jid_equal(jid, cpl_jid_host(s->jid)));
}

static enum cpl_stream_error stream_judge(struct session *session, const struct cpl_stream_header *header, struct cpl_arena *arena)
{
	const struct stream_kind *kind = session->kind;
	struct cpl_session *s = &session->pub;
	struct cpl_host *host;

	if (header->wrong_namespace)
		return CPL_STREAM_INVALID_NAMESPACE;
	if (header->wrong_prefix)
		return CPL_STREAM_BAD_NAMESPACE_PREFIX;
	if (header->content != kind->content)
		return CPL_STREAM_INVALID_NAMESPACE;
	if (!header->to.ptr)
		return CPL_STREAM_IMPROPER_ADDRESSING;
	host = host_of(header->to, arena);
	if (s->served && host != s->served)
		return CPL_STREAM_NOT_AUTHORIZED;
	if (!host || host->stopping || !stream_kind_serves(kind, host))
		return CPL_STREAM_HOST_UNKNOWN;
	if (!s->served) {
		s->served = host;
		s->jid = cpl_jid_dup(host->jid);
		s->host = cpl_jid_domain(s->jid);
	}
	if (!from_is_own(s, header->from, arena))
		return CPL_STREAM_INVALID_FROM;
	if (kind->negotiates && !version_supported(header->version))
		return CPL_STREAM_UNSUPPORTED_VERSION;
	return CPL_STREAM_OK;
}

static void stream_send_features(struct cpl_session *s)
{
	struct cpl_ev_features ev = {.session = s};

	if (!name_features.local_id)
		names_add(&name_features);
	ev.features = cpl_nonza_create(&name_features);
	cpl_fire_stream_features(s->served, &ev);
	cpl_session_send_nonza(s, ev.features);
	cpl_stanza_unref(&ev.features);
}

void stream_opened(struct session *session, const struct cpl_stream_header *header)
{
	struct cpl_session *s = &session->pub;
	struct cpl_ev_session ev = {.session = s};
	struct cpl_arena *arena;
	enum cpl_stream_error error;

	if (s->closing)
		return;
	arena = cpl_arena_create();
	s->notopen = false;
	session->stream_open = false;
	error = stream_judge(session, header, arena);
	cpl_arena_destroy(&arena);
	if (header->lang.len && header->lang.len <= LANG_MAX) {
		cpl_free((char *)s->lang.ptr);
		s->lang = (struct cpl_str){cpl_strdup(header->lang), header->lang.len};
	}
	stream_send_header(session, header->from);
	if (error != CPL_STREAM_OK) {
		cpl_session_close(s, error, NULL);
		return;
	}
	cpl_fire_stream_opened(s->served, &ev);
	if (session->kind->negotiates)
		stream_send_features(s);
}
