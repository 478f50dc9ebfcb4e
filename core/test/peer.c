/* SPDX-License-Identifier: MIT */
/* Scripted sessions: what a client would send, and what it has received, element by element. */
#include "core/test/testcore.h"

#include "core/net/conn_script.h"
#include "core/xml/framer.h"
#include "core/xml/names.h"
#include "core/xml/parser.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/session.h"

#include <openssl/evp.h>

struct frame {
	struct frame *next;
	enum framer_event kind;
	char *text;
};

struct cpl_test_session {
	struct cpl_test_session *next;
	char *name;
	struct conn_script *script;   /* NULL once it has left */
	struct cpl_session *session;  /* referenced */
	struct framer framer;
	struct cpl_buf partial;
	struct frame *frames;
};

static struct cpl_test_session *all;

/* ---- what has arrived ---- */

static void frame_add(struct cpl_test_session *peer, enum framer_event kind)
{
	struct frame **end = &peer->frames;

	while (*end)
		end = &(*end)->next;
	*end = CPL_NEW(struct frame);
	(*end)->kind = kind;
	(*end)->text = cpl_buf_take(&peer->partial);
}

static char *frame_take(struct frame **place)
{
	struct frame *frame = *place;
	char *text = frame->text;

	*place = frame->next;
	cpl_free(frame);
	return text;
}

static void frames_drop(struct cpl_test_session *peer)
{
	while (peer->frames)
		cpl_free(frame_take(&peer->frames));
}

/* The server's stream is taken apart as a client would; a second header follows what ended the first stream. */
static void receive(struct cpl_test_session *peer)
{
	static const struct cpl_conn_limits limits = {0};
	char *bytes = conn_script_take(peer->script);
	struct cpl_str rest = cpl_str_of(bytes);

	while (rest.len) {
		size_t taken;
		enum framer_event event;

		if (peer->framer.depth == 0 && peer->partial.len == 0 &&
		    (cpl_str_starts(rest, CPL_STR("<?xml")) || cpl_str_starts(rest, CPL_STR("<stream:stream "))))
			framer_restart(&peer->framer);
		event = framer_feed(&peer->framer, &limits, rest, &taken);
		if (event != FRAMER_SPACE)
			cpl_buf_add(&peer->partial, (struct cpl_str){rest.ptr, taken});
		rest.ptr += taken;
		rest.len -= taken;
		if (event == FRAMER_ERROR)
			testcore_fail("%s received what is no stream: %s%.*s", peer->name, peer->partial.ptr, CPL_ARG(rest));
		if (event == FRAMER_HEADER || event == FRAMER_CHILD || event == FRAMER_END)
			frame_add(peer, event);
	}
	cpl_free(bytes);
}

static void update(struct cpl_test_session *peer)
{
	if (!peer->script)
		testcore_fail("%s has left and is used again", peer->name);
	cpl_test_settle();
	receive(peer);
}

/* A reload between the steps of a case goes before what the case does. */
static void step(struct cpl_test_session *peer)
{
	if (!peer->script)
		testcore_fail("%s has left and is used again", peer->name);
	if (testcore_between)
		testcore_between();
}

/* ---- expecting ---- */

/* Below an element of its own, so that a stanza's attributes are attributes like others. */
static struct cpl_stanza *parse(const char *text)
{
	struct cpl_buf buf = {0};
	struct cpl_stanza *parsed = NULL;
	enum cpl_stream_error error;

	cpl_buf_addf(&buf, "<none:all xmlns:none='%s'>%s</none:all>", MATCH_NONE, text);
	fault_pause(true);
	error = xml_parse_child(cpl_buf_str(&buf), CPL_NS_CLIENT, NULL, &parsed);
	fault_pause(false);
	cpl_buf_finish(&buf);
	if (error)
		testcore_fail("this cannot be read as XML (%s): %s", cpl_stream_error_name(error), text);
	return parsed;
}

static bool frame_fits(const struct frame *frame, const struct cpl_element *pattern, struct cpl_buf *why)
{
	struct cpl_stanza *is;
	bool good;

	if (frame->kind != FRAMER_CHILD) {
		cpl_buf_addf(why, "it is the %s of a stream\n", frame->kind == FRAMER_HEADER ? "header" : "end");
		return false;
	}
	is = parse(frame->text);
	good = match_element(cpl_first_child(is->root), pattern, why);
	cpl_stanza_unref(&is);
	return good;
}

static void say_expectation(const struct cpl_test_session *peer, const char *wanted, const char *is)
{
	testcore_complain("%s expected\n  %s\nand received\n  %s", peer->name, wanted, is ? is : "nothing");
}

static void expect_next(struct cpl_test_session *peer, const struct cpl_element *pattern, const char *xml)
{
	struct cpl_buf why = {0};

	if (peer->frames && frame_fits(peer->frames, pattern, &why)) {
		cpl_free(frame_take(&peer->frames));
		return;
	}
	say_expectation(peer, xml, peer->frames ? peer->frames->text : NULL);
	if (why.len)
		testcore_complain("%s", why.ptr);
	cpl_buf_finish(&why);
}

static void expect_any(struct cpl_test_session *peer, const struct cpl_element *pattern, const char *xml)
{
	struct cpl_buf why = {0};

	for (struct frame **at = &peer->frames; *at; at = &(*at)->next) {
		bool good = frame_fits(*at, pattern, &why);

		cpl_buf_finish(&why);
		if (!good)
			continue;
		cpl_free(frame_take(at));
		return;
	}
	say_expectation(peer, xml, peer->frames ? peer->frames->text : NULL);
	for (const struct frame *frame = peer->frames ? peer->frames->next : NULL; frame; frame = frame->next)
		testcore_complain("  %s", frame->text);
}

static void expect(struct cpl_test_session *peer, const char *xml,
		   void (*one)(struct cpl_test_session *peer, const struct cpl_element *pattern, const char *xml))
{
	struct cpl_stanza *patterns = parse(xml);
	bool good = true;

	update(peer);
	CPL_CHILDREN(pattern, patterns->root) {
		char *before = testcore_take_complaints(), *after;

		one(peer, pattern, xml);
		after = testcore_take_complaints();
		if (before)
			testcore_complain("%s", before);
		if (after)
			testcore_complain("%s", after);
		good = !after;
		cpl_free(before);
		cpl_free(after);
		if (!good)
			break;
	}
	cpl_stanza_unref(&patterns);
	if (!good)
		testcore_fail("%s", "");
}

void cpl_test_expect(struct cpl_test_session *peer, const char *xml)
{
	expect(peer, xml, expect_next);
}

void cpl_test_expect_any(struct cpl_test_session *peer, const char *xml)
{
	expect(peer, xml, expect_any);
}

void cpl_test_expect_text(struct cpl_test_session *peer, const char *part)
{
	update(peer);
	if (!peer->frames || !strstr(peer->frames->text, part)) {
		say_expectation(peer, part, peer->frames ? peer->frames->text : NULL);
		testcore_fail("%s", "");
	}
	cpl_free(frame_take(&peer->frames));
}

void cpl_test_expect_nothing(struct cpl_test_session *peer)
{
	update(peer);
	if (!peer->frames)
		return;
	say_expectation(peer, "nothing", peer->frames->text);
	testcore_fail("%s", "");
}

void cpl_test_expect_end(struct cpl_test_session *peer, const char *stream_error)
{
	update(peer);
	if (stream_error) {
		struct cpl_buf part = {0};

		cpl_buf_addf(&part, "<%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'", stream_error);
		cpl_test_expect_text(peer, testcore_keep(cpl_buf_take(&part)));
	}
	cpl_test_expect_text(peer, "</stream:stream>");
	cpl_test_expect_nothing(peer);
	conn_script_lose(peer->script, CPL_END_EOF);
	cpl_test_settle();
	if (!conn_script_closed(peer->script))
		testcore_fail("%s: the server has not closed the connection", peer->name);
}

const char *cpl_test_take(struct cpl_test_session *peer)
{
	update(peer);
	return peer->frames ? testcore_keep(frame_take(&peer->frames)) : NULL;
}

void cpl_test_drop(struct cpl_test_session *peer)
{
	update(peer);
	frames_drop(peer);
}

/* ---- sending ---- */

static void feed(struct cpl_test_session *peer, const char *text)
{
	conn_script_feed(peer->script, cpl_str_of(text));
	cpl_test_settle();
}

void cpl_test_send(struct cpl_test_session *peer, const char *xml)
{
	step(peer);
	feed(peer, xml);
}

void cpl_test_sendf(struct cpl_test_session *peer, const char *format, ...)
{
	struct cpl_buf text = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	cpl_test_send(peer, testcore_keep(cpl_buf_take(&text)));
}

void cpl_test_block(struct cpl_test_session *peer, bool blocked)
{
	step(peer);
	conn_script_block(peer->script, blocked);
	cpl_test_settle();
}

/* ---- coming ---- */

struct cpl_session *cpl_test_session(const struct cpl_test_session *peer)
{
	return peer->session;
}

static struct cpl_test_session *connect_as(const char *name, const char *service, enum cpl_session_type type, bool secure)
{
	struct conn_script_options options = {
		.events = &session_conn_events, .service = service, .secure = secure, .binding = CPL_STR("what binds this channel")};
	struct cpl_test_session *peer = CPL_NEW(struct cpl_test_session);
	struct admission *admission;

	peer->name = cpl_strdup(cpl_str_of(name));
	peer->next = all;
	all = peer;
	peer->script = conn_script_create(&options);
	admission = admission_take(conn_script_conn(peer->script)->address);
	peer->session = cpl_session_ref(session_create(conn_script_conn(peer->script), type, admission));
	cpl_test_settle();
	return peer;
}

struct cpl_test_session *cpl_test_connect(const char *name)
{
	return connect_as(name, "c2s", CPL_SESSION_C2S_UNAUTHED, true);
}

struct cpl_test_session *cpl_test_connect_plain(const char *name)
{
	return connect_as(name, "c2s", CPL_SESSION_C2S_UNAUTHED, false);
}

/* XEP-0114 3: the proof is the SHA-1 of the stream's id and the secret. */
struct cpl_test_session *cpl_test_component(const char *domain, const char *secret)
{
	struct cpl_test_session *peer;
	struct cpl_arena *arena = cpl_arena_create();
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	struct cpl_str proof;

	if (testcore_between)
		testcore_between();
	peer = connect_as(domain, "component", CPL_SESSION_COMPONENT_UNAUTHED, false);
	cpl_test_sendf(peer, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain);
	proof = cpl_arena_printf(arena, "%.*s%s", CPL_ARG(peer->session->id), secret);
	if (EVP_Digest(proof.ptr, proof.len, hash, &size, EVP_sha1(), NULL) != 1)
		testcore_fail("there is no SHA-1");
	proof = cpl_hex_encode(arena, hash, size);
	cpl_test_sendf(peer, "<handshake>%.*s</handshake>", CPL_ARG(proof));
	cpl_arena_destroy(&arena);
	cpl_test_drop(peer);
	return peer;
}

static void send_header(struct cpl_test_session *peer, struct cpl_jid jid)
{
	struct cpl_buf text = {0};

	cpl_buf_addf(&text, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%.*s'>",
		     CPL_ARG(cpl_jid_domain(jid)));
	feed(peer, text.ptr);
	cpl_buf_finish(&text);
}

static void authenticated(struct cpl_call *call)
{
}

bool peer_authenticate(struct cpl_session *session, struct cpl_jid jid)
{
	static struct cpl_name success = {"urn:ietf:params:xml:ns:xmpp-sasl", "success", 0, 0};
	struct cpl_authenticate request = {0};
	struct cpl_stanza *nonza;
	int code;

	if (!session->conn || session->closing)
		return false;
	names_add(&success);
	nonza = cpl_nonza_create(&success);
	code = cpl_session_authenticate(&request, session, cpl_jid_local(jid), "TEST", nonza, authenticated);
	cpl_stanza_unref(&nonza);
	cpl_test_settle();
	/* `request` is ours until it has called back, whatever happens. */
	for (int seconds = 0; code == 0 && cpl_call_pending(&request.call) && seconds < 60; seconds++)
		cpl_test_advance(1000);
	return code == 0 && request.call.status == 0;
}

static void bind(struct cpl_test_session *peer, struct cpl_jid jid)
{
	struct cpl_buf text = {0};

	cpl_buf_addf(&text, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>");
	cpl_buf_add_xml(&text, cpl_jid_resource(jid));
	cpl_buf_addf(&text, "</resource></bind></iq>");
	feed(peer, text.ptr);
	cpl_buf_finish(&text);
}

static struct cpl_jid parse_address(const char *full_jid, struct cpl_arena *arena)
{
	struct cpl_jid jid;

	if (cpl_jid_parse(&jid, cpl_str_of(full_jid), arena) < 0 || !cpl_jid_is_full(jid) || jid.local_len == 0)
		testcore_fail("\"%s\" is not a full address", full_jid);
	return jid;
}

static __attribute__((noreturn)) void cannot_log_in(struct cpl_test_session *peer)
{
	const struct frame *last;

	receive(peer);
	last = peer->frames;
	while (last && last->next)
		last = last->next;
	testcore_fail("%s cannot log in; the last thing that it received is\n  %s", peer->name, last ? last->text : "nothing");
}

/* Up to where the second stream's header has been answered. */
static struct cpl_test_session *begin(struct cpl_jid jid, struct cpl_arena *arena)
{
	struct cpl_test_session *peer;

	if (testcore_between)
		testcore_between();
	cpl_test_account(cpl_arena_copy(arena, cpl_jid_str(cpl_jid_bare(jid))).ptr);
	peer = cpl_test_connect(cpl_jid_str(jid).ptr);
	send_header(peer, jid);
	if (!peer_authenticate(peer->session, jid)) {
		cpl_arena_destroy(&arena);
		cannot_log_in(peer);
	}
	receive(peer);
	frames_drop(peer);
	send_header(peer, jid);
	return peer;
}

struct cpl_test_session *cpl_test_authenticate(const char *full_jid)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_test_session *peer = begin(parse_address(full_jid, arena), arena);

	cpl_arena_destroy(&arena);
	return peer;
}

struct cpl_test_session *cpl_test_login(const char *full_jid)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid = parse_address(full_jid, arena);
	struct cpl_test_session *peer = begin(jid, arena);

	bind(peer, jid);
	cpl_arena_destroy(&arena);
	if (!cpl_str_is(peer->session->full_jid, full_jid))
		cannot_log_in(peer);
	receive(peer);
	frames_drop(peer);
	return peer;
}

struct cpl_test_session *cpl_test_available(const char *full_jid)
{
	struct cpl_test_session *peer = cpl_test_login(full_jid);

	feed(peer, "<presence/>");
	cpl_test_drop(peer);
	return peer;
}

/* ---- going ---- */

static void leave(struct cpl_test_session *peer)
{
	conn_script_block(peer->script, false);
	conn_script_lose(peer->script, CPL_END_RESET);
	cpl_test_settle();
	/* What suspends the session's last stanza may take its time. */
	for (int seconds = 0; !conn_script_closed(peer->script) && seconds < 60; seconds++)
		cpl_test_advance(1000);
	cpl_session_unref(&peer->session);
	conn_script_destroy(&peer->script);
}

void cpl_test_logout(struct cpl_test_session *peer)
{
	step(peer);
	feed(peer, "</stream:stream>");
	leave(peer);
}

void cpl_test_lose(struct cpl_test_session *peer)
{
	step(peer);
	leave(peer);
}

size_t peers_connected(void)
{
	size_t count = 0;

	for (const struct cpl_test_session *peer = all; peer; peer = peer->next)
		count += peer->script && !conn_script_closed(peer->script) && peer->session->conn && !peer->session->closing;
	return count;
}

void peers_close(void)
{
	while (all) {
		struct cpl_test_session *peer = all;

		if (peer->script)
			leave(peer);
		all = peer->next;
		frames_drop(peer);
		cpl_buf_finish(&peer->partial);
		cpl_free(peer->name);
		cpl_free(peer);
	}
}
