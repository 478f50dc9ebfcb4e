/* SPDX-License-Identifier: MIT */
/*
 * Stanzas dispatched to all bundled modules, over scripted connections and the storage driver memory, with a virtual clock.
 *
 * The input is a script, a command a line, of which the first byte says what happens:
 *   0 to 9  the rest of the line is sent by that client or component; see `roles`. It connects and logs in when it is first spoken of
 *   .       the loop turns once; each command but this and '0' to '9' is followed by the turns it takes until nothing happens
 *   t       time passes: 2^N seconds, N the next digit
 *   x r     the client of that digit: end of file, reset
 *   b u     it stops reading, reads again
 *   k c     the server closes it, with a conflict or cleanly
 *   d l     the account of that client is removed, is loaded
 *   o       accounts that nobody uses are forgotten, so that they are read from storage again
 *   i       the server asks that client's full address something
 * After each input all connections end. Then nothing may be under way, and each account's memory must be what it was at first.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/xmpp/stage.h"

#include "core/base/account.h"
#include "core/loop/loop.h"
#include "core/xml/names.h"
#include "core/xmpp/session.h"
#include "core/xmpp/user.h"

#include <openssl/evp.h>

static const char config[] = "modules: [tls, auth, bind, roster, presence, message, iq, disco, offline, ping, time, version, archive, mam]\n"
			     "mam: {page_size: 2, max_page_size: 3, max_preferences: 2}\n"
			     "offline: {max_messages: 4}\n"
			     "roster: {max_items: 4}\n"
			     "auth: {iterations: 4096}\n"
			     "limits: {stanza_size: 10000, input_queue: 4, sessions_per_account: 3, directed_presence: 3, pending_requests: 2, "
			     "output_size: 64K, stanza_elements: 200}\n"
			     "hosts:\n"
			     "  example.org:\n"
			     "  example.net: {tls: {required: false}, bind: {conflict: refuse}}\n"
			     "  rooms.example.org: {component: external, external: {secret: s}}\n";

static const char *const accounts[] = {"romeo@example.org", "juliet@example.org", "nurse@example.net"};
enum { ACCOUNTS = sizeof(accounts) / sizeof(accounts[0]), CLIENTS = 10 };

enum state { CONNECTED, AUTHENTICATED, BOUND, AVAILABLE, STRANGE_COMPONENT, COMPONENT };
static const struct role {
	enum state state;
	bool secure;
	const char *jid;
} roles[CLIENTS] = {
	{CONNECTED, false, NULL},
	{CONNECTED, true, NULL},
	{AUTHENTICATED, true, "romeo@example.org/c"},
	{AVAILABLE, true, "romeo@example.org/a"},
	{BOUND, true, "romeo@example.org/b"},
	{AVAILABLE, true, "juliet@example.org/a"},
	{BOUND, true, "juliet@example.org/b"},
	{AVAILABLE, true, "nurse@example.net/a"},
	{STRANGE_COMPONENT, false, NULL},
	{COMPONENT, false, NULL},
};

static struct stage_peer peers[CLIENTS];
static bool left[CLIENTS]; /* its connection was lost: no more is sent */

/* ---- the accounts ---- */

static void done(struct cpl_call *call)
{
	(void)call;
}

static struct cpl_jid jid_of(const char *text, struct cpl_arena *arena)
{
	struct cpl_jid jid;

	CHECK(cpl_jid_parse(&jid, cpl_str_of(text), arena) == 0);
	return jid;
}

/* As new. It fails to be removed when the script has done so. */
static void accounts_renew(void)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_store_call requests[ACCOUNTS * 2] = {0};

	for (size_t i = 0; i < ACCOUNTS * 2; i++) {
		struct cpl_batch *batch = cpl_batch_create();

		if (i < ACCOUNTS)
			cpl_batch_account_remove(batch, jid_of(accounts[i], arena));
		else
			cpl_batch_account_create(batch, jid_of(accounts[i - ACCOUNTS], arena));
		CHECK(cpl_batch_commit(&requests[i], NULL, &batch, done) == 0);
	}
	stage_settle();
	for (size_t i = ACCOUNTS; i < ACCOUNTS * 2; i++)
		CHECK(requests[i].call.status == 0);
	cpl_arena_destroy(&arena);
}

/* ---- clients ---- */

static void component_begin(struct stage_peer *peer)
{
	static const char header[] = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
				     "to='rooms.example.org'>";
	struct cpl_arena *arena = cpl_arena_create();
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	struct cpl_str text;

	stage_connect_component(peer);
	stage_send(peer, header);
	text = cpl_arena_printf(arena, "%.*ss", CPL_ARG(peer->session->id));
	CHECK(EVP_Digest(text.ptr, text.len, hash, &size, EVP_sha1(), NULL) == 1);
	text = cpl_arena_printf(arena, "<handshake>%.*s</handshake>", CPL_ARG(cpl_hex_encode(arena, hash, size)));
	stage_send_bytes(peer, text);
	cpl_arena_destroy(&arena);
}

static void client_begin(unsigned n)
{
	static const char roster[] = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>";
	const struct role *role = &roles[n];
	struct cpl_arena *arena;
	struct cpl_str bind;

	if (role->state == CONNECTED) {
		stage_connect(&peers[n], role->secure);
		return;
	}
	if (role->state == STRANGE_COMPONENT || role->state == COMPONENT) {
		if (role->state == COMPONENT)
			component_begin(&peers[n]);
		else
			stage_connect_component(&peers[n]);
		return;
	}
	stage_authenticate(&peers[n], role->jid);
	if (role->state == AUTHENTICATED)
		return;
	arena = cpl_arena_create();
	bind = cpl_arena_printf(arena, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%.*s</resource></bind></iq>",
				CPL_ARG(cpl_jid_resource(jid_of(role->jid, arena))));
	stage_send_bytes(&peers[n], bind);
	stage_settle();
	cpl_arena_destroy(&arena);
	/* The script may have taken its place, or removed the account. */
	if (role->state == AVAILABLE && peers[n].session->full_jid.ptr)
		stage_send(&peers[n], roster);
}

static void client_lose(unsigned n, enum cpl_conn_end end)
{
	if (!peers[n].script || left[n])
		return;
	left[n] = true;
	conn_script_lose(peers[n].script, end);
}

static void client_say(unsigned n, struct cpl_str text)
{
	if (!peers[n].script)
		client_begin(n);
	if (left[n] || conn_script_closed(peers[n].script))
		return;
	/* A pretended handshake takes a turn, in which a peer is silent. */
	if (peers[n].session->notopen)
		stage_settle();
	stage_send_bytes(&peers[n], text);
}

static void ask(unsigned n)
{
	struct asking {
		struct cpl_iq_call call;
	};
	static struct asking asking;
	static struct cpl_name ping = {"urn:xmpp:ping", "ping", 0, 0};
	struct cpl_stanza *iq;

	if (!peers[n].session || !peers[n].session->full_jid.ptr || cpl_call_pending(&asking.call.call))
		return;
	names_add(&ping);
	iq = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);
	cpl_add(iq, iq->root, &ping);
	cpl_stanza_set_from(iq, peers[n].session->served->jid);
	cpl_stanza_set_to(iq, peers[n].session->jid);
	asking = (struct asking){0};
	cpl_iq_send(&asking.call, NULL, &iq, 5000, done);
}

static void removed(struct cpl_call *call)
{
	cpl_free(CPL_CONTAINER(call, struct cpl_user_call, call));
}

static void loaded(struct cpl_call *call)
{
	struct cpl_user_call *request = CPL_CONTAINER(call, struct cpl_user_call, call);

	cpl_user_unref(&request->user);
	cpl_free(request);
}

static void account_do(unsigned n, bool remove)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid = cpl_jid_bare(jid_of(roles[n].jid ? roles[n].jid : "nobody@example.org", arena));
	struct cpl_user_call *request = CPL_NEW(struct cpl_user_call);

	CHECK((remove ? cpl_user_remove(request, NULL, jid, removed) : cpl_user_load(request, NULL, jid, loaded)) == 0);
	cpl_arena_destroy(&arena);
}

/* ---- the script ---- */

static void command(struct cpl_str line)
{
	char what = line.ptr[0];
	unsigned digit = line.len > 1 && line.ptr[1] >= '0' && line.ptr[1] < '0' + CLIENTS ? (unsigned)(line.ptr[1] - '0') : 0;
	struct stage_peer *peer = &peers[digit];
	bool alive = peer->script && !left[digit] && !conn_script_closed(peer->script);

	if (what >= '0' && what < '0' + CLIENTS) {
		client_say((unsigned)(what - '0'), (struct cpl_str){line.ptr + 1, line.len - 1});
		return;
	}
	switch (what) {
	case '.':
		loop_turn(0);
		return;
	case 't':
		stage_pass((int64_t)1000 << digit);
		break;
	case 'x':
	case 'r':
		client_lose(digit, what == 'x' ? CPL_END_EOF : CPL_END_RESET);
		break;
	case 'b':
	case 'u':
		if (alive)
			conn_script_block(peer->script, what == 'b');
		break;
	case 'k':
	case 'c':
		if (peer->session)
			cpl_session_close(peer->session, what == 'k' ? CPL_STREAM_CONFLICT : CPL_STREAM_OK, NULL);
		break;
	case 'd':
	case 'l':
		account_do(digit, what == 'd');
		break;
	case 'o':
		stage_settle();
		user_drop_lingering(false);
		break;
	case 'i':
		ask(digit);
		break;
	default:
		return;
	}
	stage_settle();
}

static void clients_end(void)
{
	for (unsigned n = 0; n < CLIENTS; n++)
		client_lose(n, CPL_END_RESET);
	/* Longer than anything waits: time-outs of suspensions, removals and requests. */
	for (unsigned i = 0; i < 20 && !(stage_quiet() && session_count() == 0); i++)
		stage_pass(5000);
	for (unsigned n = 0; n < CLIENTS; n++)
		if (peers[n].script) {
			/* One that we closed waits for its linger, which the script does not have. */
			CHECK(conn_script_closed(peers[n].script));
			cpl_session_unref(&peers[n].session);
			conn_script_destroy(&peers[n].script);
		}
	memset(left, 0, sizeof(left));
	stage_settle();
}

/* ---- what must hold afterwards ---- */

enum { ACCOUNTS_MAX = 64 };

static void check_nothing_left(void)
{
	user_drop_lingering(false);
	stage_settle();
	CHECK(session_count() == 0);
	CHECK(session_alive() == 0);
	CHECK(user_count() == 0);
	CHECK(stage_calls_open() == 0);
	CHECK(stage_quiet());
}

static void check_bytes(bool set)
{
	/* What the core keeps to use it again: arenas, buffers, the parser, tables of names that grow to the sizes seen. */
	enum { CORE_SLACK = 512 * 1024 };
	static int64_t base[ACCOUNTS_MAX];

	CHECK(account_memory_count() <= ACCOUNTS_MAX);
	for (uint32_t id = 0; id < account_memory_count(); id++) {
		const struct account_memory *memory = account_memory_by_id(id);

		if (!memory)
			continue;
		if (set)
			base[id] = memory->bytes;
		if (memory->bytes > base[id] + (id == 0 ? CORE_SLACK : 0)) {
			fprintf(stderr, "account %s: %lld bytes, at first %lld\n", memory->name, (long long)memory->bytes, (long long)base[id]);
			abort();
		}
	}
}

static void run(const uint8_t *data, size_t size)
{
	struct cpl_str rest = {(const char *)data, size}, line;

	while (cpl_str_split(&rest, '\n', &line))
		if (line.len)
			command(line);
	stage_settle();
	clients_end();
	check_nothing_left();
	accounts_renew();
}

static void begin(void)
{
	static const char first[] = "3<iq type='get' id='1' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>\n5\n7\n9\n";

	cpl_log_threshold = CPL_LOG_ERROR;
	stage_open(config, NULL);
	for (size_t i = 0; i < ACCOUNTS; i++)
		stage_account(accounts[i]);
	run((const uint8_t *)first, sizeof(first) - 1);
	check_bytes(true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun)
		begin();
	begun = true;
	run(data, size);
	check_bytes(false);
	return 0;
}
