/* SPDX-License-Identifier: MIT */
/* From bytes to events, over the scripted connection: framing in every cut, limits, pauses, restarts, ops
 * from inside events. */
#include "recorder.h"

#include "core/net/conn_script.h"
#include "core/xml/parser.h"

struct fixture {
	struct recorder recorder;
	struct conn_script *script;
};

static struct fixture *create(const struct cpl_conn_limits *limits, bool secure)
{
	struct fixture *f = CPL_NEW(struct fixture);

	f->script = conn_script_create(&(struct conn_script_options){
		.events = &recorder_events,
		.owner = &f->recorder,
		.service = "c2s",
		.limits = *limits,
		.secure = secure,
		.binding = CPL_STR("binding"),
	});
	f->recorder.conn = conn_script_conn(f->script);
	return f;
}

static void destroy(struct fixture *f)
{
	if (f->recorder.conn && !f->recorder.ended)
		recorder_end(&f->recorder, 0);
	turns(2);
	assert_true(conn_script_closed(f->script));
	conn_script_destroy(&f->script);
	cpl_buf_finish(&f->recorder.log);
	cpl_free(f);
}

static void feed(struct fixture *f, const char *text)
{
	conn_script_feed(f->script, cpl_str_of(text));
}

static void assert_sent(struct fixture *f, const char *expected)
{
	char *text = conn_script_take(f->script);

	assert_string_equal(text, expected);
	cpl_free(text);
}

static int set_up(void **state)
{
	return loop_init(true);
}

static int tear_down(void **state)
{
	xml_finish();
	loop_finish();
	return 0;
}

#define CHILDREN                                                                                             \
	"<message to='romeo@example.org'><body>a&gt;b</body></message> \n<presence/><iq type='get' "         \
	"id='1'><q xmlns='urn:x'/></iq>"
#define ALL_EVENTS "opened:example.org element:message element:presence element:iq closing"

/* Every cut of a stream into two parts, and into single bytes, gives the same events. */
static void test_cuts(void **state)
{
	static const char text[] = HEADER CHILDREN "</stream:stream>";

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct fixture *f = create(&roomy_limits, false);

		conn_script_feed(f->script, (struct cpl_str){text, cut});
		conn_script_feed(f->script, (struct cpl_str){text + cut, sizeof(text) - 1 - cut});
		assert_events(&f->recorder, ALL_EVENTS);
		destroy(f);
	}
	struct fixture *f = create(&roomy_limits, false);

	for (size_t at = 0; at + 1 < sizeof(text); at++)
		conn_script_feed(f->script, (struct cpl_str){text + at, 1});
	assert_events(&f->recorder, ALL_EVENTS);
	assert_int_equal(f->recorder.conn->elements_in, 3);
	destroy(f);
}

/* An idle connection holds no buffer; half a stanza is held, and released when it is whole. */
static void test_memory(void **state)
{
	struct fixture *f = create(&roomy_limits, false);
	size_t idle;

	feed(f, HEADER);
	idle = f->recorder.conn->ops->memory(f->recorder.conn);
	feed(f, "<message><body>half");
	assert_true(f->recorder.conn->ops->memory(f->recorder.conn) > idle);
	feed(f, "</body></message>");
	assert_int_equal(f->recorder.conn->ops->memory(f->recorder.conn), idle);
	assert_events(&f->recorder, "opened:example.org element:message");
	destroy(f);
}

/* A stanza beyond stanza_bytes fails once, whether it ever ends or not, and nothing behind it is reported. */
static void test_oversize(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct fixture *f;

	limits.stanza_bytes = 1000;
	f = create(&limits, false);
	feed(f, HEADER "<presence/><message><body>");
	for (unsigned at = 0; at < 100; at++)
		feed(f, "0123456789012345678901234567890123456789");
	feed(f, "</body></message><presence/>");
	assert_events(&f->recorder, "opened:example.org element:presence failed:policy-violation");
	destroy(f);
}

/* The totals before authentication, and that new limits start to count anew. */
static void test_totals(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct fixture *f;

	limits.total_elements = 4;
	f = create(&limits, false);
	feed(f, HEADER "<presence/><presence/>");
	assert_events(&f->recorder, "opened:example.org element:presence element:presence");
	OP(&f->recorder, f->recorder.conn->ops->set_limits(f->recorder.conn, &limits));
	feed(f, "<presence/><presence/><presence/><presence/>");
	assert_events(&f->recorder, "element:presence element:presence element:presence element:presence");
	feed(f, "<presence/>");
	assert_events(&f->recorder, "failed:policy-violation");
	destroy(f);
}

static void test_not_well_formed(void **state)
{
	struct fixture *f = create(&roomy_limits, false);

	feed(f, HEADER "<message></presence></message><presence/>");
	assert_events(&f->recorder, "opened:example.org failed:not-well-formed");
	feed(f, "<presence/>");
	assert_events(&f->recorder, "");
	destroy(f);
}

static void pause_at_presence(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:presence") == 0)
		OP(recorder, recorder->conn->ops->pause(recorder->conn));
}

/* Pausing from inside an event keeps what is behind it; it comes after the resume, in order, in a later turn.
 */
static void test_pause(void **state)
{
	struct fixture *f = create(&roomy_limits, false);

	f->recorder.react = pause_at_presence;
	feed(f, HEADER "<presence/><message/><presence/><iq type='get' id='a'><q xmlns='u'/></iq><mess");
	assert_events(&f->recorder, "opened:example.org element:presence");
	assert_true(f->recorder.conn->paused);
	feed(f, "age/>");
	turns(2);
	assert_events(&f->recorder, "");
	/* Counted: two pauses need two resumes. */
	OP(&f->recorder, f->recorder.conn->ops->pause(f->recorder.conn));
	OP(&f->recorder, f->recorder.conn->ops->resume(f->recorder.conn));
	turns(2);
	assert_events(&f->recorder, "");
	OP(&f->recorder, f->recorder.conn->ops->resume(f->recorder.conn));
	assert_events(&f->recorder, "");
	turns(1);
	assert_events(&f->recorder, "element:message element:presence");
	OP(&f->recorder, f->recorder.conn->ops->resume(f->recorder.conn));
	turns(1);
	assert_events(&f->recorder, "element:iq element:message");
	assert_false(f->recorder.conn->paused);
	destroy(f);
}

static void start_tls_at_starttls(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:starttls") != 0)
		return;
	OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<proceed/>")));
	OP(recorder, recorder->conn->ops->start_tls(recorder->conn));
}

/* RFC 6120 5.4.3.3: what follows <starttls/> in the clear is forgotten. */
static void test_start_tls_drops(void **state)
{
	struct fixture *f = create(&roomy_limits, false);
	unsigned char data[64];

	f->recorder.react = start_tls_at_starttls;
	feed(f, HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message>injected");
	assert_events(&f->recorder, "opened:example.org element:starttls");
	assert_int_equal(f->recorder.conn->ops->binding(f->recorder.conn, CPL_BINDING_EXPORTER, data), 0);
	turns(1);
	assert_events(&f->recorder, "secured");
	assert_true(f->recorder.conn->secure);
	assert_int_equal(f->recorder.conn->ops->binding(f->recorder.conn, CPL_BINDING_EXPORTER, data), 7);
	feed(f, HEADER "<presence/>");
	assert_events(&f->recorder, "opened:example.org element:presence");
	assert_sent(f, "<proceed/>");
	destroy(f);
}

static void restart_at_auth(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:auth") == 0)
		OP(recorder, recorder->conn->ops->restart(recorder->conn));
}

/* A header sent early is kept over TLS and forgotten in the clear. */
static void test_restart(void **state)
{
	struct fixture *f = create(&roomy_limits, true);

	f->recorder.react = restart_at_auth;
	feed(f, HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" HEADER "<presence/>");
	assert_events(&f->recorder, "opened:example.org element:auth opened:example.org element:presence");
	destroy(f);
	f = create(&roomy_limits, false);
	f->recorder.react = restart_at_auth;
	feed(f, HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" HEADER "<presence/>");
	assert_events(&f->recorder, "opened:example.org element:auth");
	feed(f, HEADER);
	assert_events(&f->recorder, "opened:example.org");
	destroy(f);
}

/* The answer comes later, from a worker: the stream is paused meanwhile, and the early header is still there.
 */
static void test_restart_while_paused(void **state)
{
	struct fixture *f = create(&roomy_limits, true);

	feed(f, HEADER);
	OP(&f->recorder, f->recorder.conn->ops->pause(f->recorder.conn));
	feed(f, HEADER "<presence/>");
	turns(1);
	OP(&f->recorder, f->recorder.conn->ops->restart(f->recorder.conn));
	OP(&f->recorder, f->recorder.conn->ops->resume(f->recorder.conn));
	assert_events(&f->recorder, "opened:example.org");
	turns(1);
	assert_events(&f->recorder, "opened:example.org element:presence");
	destroy(f);
}

static void end_at_message(struct recorder *recorder, const char *event)
{
	if (strcmp(event, "element:message") != 0)
		return;
	OP(recorder, recorder->conn->ops->close_stream(recorder->conn));
	recorder_end(recorder, 1000);
	OP(recorder, recorder->conn->ops->write(recorder->conn, CPL_STR("<late/>")));
}

/* end() from inside an event: nothing but `closed` follows, in a later turn; what is written afterwards is
 * ignored. */
static void test_end_inside(void **state)
{
	struct fixture *f = create(&roomy_limits, false);

	f->recorder.react = end_at_message;
	feed(f, HEADER "<message/><presence/>");
	assert_events(&f->recorder, "opened:example.org element:message");
	assert_sent(f, "</stream:stream>");
	turns(1);
	assert_events(&f->recorder, "closed:local");
	destroy(f);
}

/* The bound on output, and `drained` on the way back from above half of it. */
static void test_output_bound(void **state)
{
	struct cpl_conn_limits limits = roomy_limits;
	struct fixture *f;

	limits.output_bytes = 100;
	f = create(&limits, false);
	conn_script_block(f->script, true);
	for (unsigned at = 0; at < 6; at++)
		OP(&f->recorder, f->recorder.conn->ops->write(f->recorder.conn, CPL_STR("<presence/>")));
	assert_sent(f, "");
	conn_script_block(f->script, false);
	turns(1);
	assert_events(&f->recorder, "drained");
	conn_script_block(f->script, true);
	for (unsigned at = 0; at < 10; at++)
		OP(&f->recorder, f->recorder.conn->ops->write(f->recorder.conn, CPL_STR("<presence/>")));
	turns(1);
	assert_events(&f->recorder, "closed:overflow");
	destroy(f);
}

static void test_header_out(void **state)
{
	struct fixture *f = create(&roomy_limits, false);

	OP(&f->recorder,
	   f->recorder.conn->ops->open(f->recorder.conn, &(struct cpl_stream_header){
								 .from = CPL_STR("example.org"),
								 .to = CPL_STR("a'b@example.org"),
								 .id = CPL_STR("s1"),
								 .lang = CPL_STR("en"),
								 .version = CPL_STR("1.0"),
								 .content = CPL_NS_CLIENT,
							 }));
	assert_sent(f, "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
		       "xmlns='jabber:client' "
		       "from='example.org' to='a&apos;b@example.org' id='s1' version='1.0' xml:lang='en'>");
	destroy(f);
}

/* After the peer's end tag its end of file waits for the owner's end(). */
static void test_eof(void **state)
{
	struct fixture *f = create(&roomy_limits, false);

	feed(f, HEADER "</stream:stream>");
	conn_script_lose(f->script, CPL_END_EOF);
	turns(1);
	assert_events(&f->recorder, "opened:example.org closing");
	destroy(f);
	f = create(&roomy_limits, false);
	feed(f, HEADER);
	conn_script_lose(f->script, CPL_END_EOF);
	turns(1);
	assert_events(&f->recorder, "opened:example.org closed:eof");
	destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_not_well_formed),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_start_tls_drops),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_while_paused),
		cmocka_unit_test(test_end_inside),
		cmocka_unit_test(test_output_bound),
		cmocka_unit_test(test_header_out),
		cmocka_unit_test(test_eof),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
