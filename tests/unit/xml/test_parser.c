/* SPDX-License-Identifier: MIT */
/* Parsing of stream headers and of children: names, namespaces, members of the stanza, and what is refused.
 */
#include "unit.h"

#include "core/xml/names.h"
#include "core/xml/parser.h"
#include "core/xml/strict.h"

CPL_CONTENT_NAME(name_body, "body");
CPL_NAME(name_forwarded, "urn:xmpp:forward:0", "forwarded");
CPL_NAME(name_client_message, "jabber:client", "message");

static int setup(void **state)
{
	assert_int_equal(names_add(&name_body), 0);
	assert_int_equal(names_add(&name_forwarded), 0);
	assert_int_equal(names_add(&name_client_message), 0);
	return 0;
}

static int teardown(void **state)
{
	xml_finish();
	return 0;
}

static struct cpl_stanza *parse_in(enum cpl_ns content, const char *text)
{
	struct cpl_stanza *stanza;

	assert_int_equal(xml_parse_child(cpl_str_of(text), content, NULL, &stanza), CPL_STREAM_OK);
	assert_non_null(stanza);
	return stanza;
}

static struct cpl_stanza *parse(const char *text)
{
	return parse_in(CPL_NS_CLIENT, text);
}

static enum cpl_stream_error refusal(const char *text)
{
	struct cpl_stanza *stanza;
	enum cpl_stream_error error = xml_parse_child(cpl_str_of(text), CPL_NS_CLIENT, NULL, &stanza);

	if (error)
		assert_null(stanza);
	cpl_stanza_unref(&stanza);
	return error;
}

static void test_members(void **state)
{
	struct cpl_stanza *stanza =
		parse("<message to='juliet@example.org' from='' id='a&amp;1' type='chat' xml:lang='en' "
		      "x='y'><body>Wherefore &lt;art&gt; thou</body></message>");

	assert_int_equal(stanza->kind, CPL_MESSAGE);
	assert_int_equal(stanza->type, CPL_TYPE_CHAT);
	assert_str(stanza->to_text, "juliet@example.org");
	assert_non_null(stanza->from_text.ptr);
	assert_int_equal(stanza->from_text.len, 0);
	assert_str(stanza->id, "a&1");
	assert_str(stanza->lang, "en");
	assert_str(cpl_attr_get(stanza->root, "x"), "y");
	assert_null(cpl_attr_get(stanza->root, "id").ptr);
	assert_str(cpl_child_text(stanza->root, &name_body, stanza->arena), "Wherefore <art> thou");
	assert_int_equal(stanza->root->ns_id, CPL_NS_CONTENT);
	assert_false(cpl_jid_is_set(stanza->to));
	cpl_stanza_unref(&stanza);
	assert_null(stanza);
}

/* RFC 6121 5.2.2, 4.7.1 and RFC 6120 8.2.3. */
static void test_types(void **state)
{
	static const struct {
		const char *text;
		enum cpl_kind kind;
		enum cpl_type type;
	} cases[] = {
		{"<message/>", CPL_MESSAGE, CPL_TYPE_NONE},
		{"<message type='groupchat'/>", CPL_MESSAGE, CPL_TYPE_GROUPCHAT},
		{"<message type='get'/>", CPL_MESSAGE, CPL_TYPE_UNKNOWN},
		{"<presence type='unsubscribed'/>", CPL_PRESENCE, CPL_TYPE_UNSUBSCRIBED},
		{"<presence type='available'/>", CPL_PRESENCE, CPL_TYPE_UNKNOWN},
		{"<iq type='set'/>", CPL_IQ, CPL_TYPE_SET},
		{"<iq type=''/>", CPL_IQ, CPL_TYPE_UNKNOWN},
		{"<iq type='error'/>", CPL_IQ, CPL_TYPE_ERROR},
		{"<message xmlns='urn:other' type='chat'/>", CPL_NONZA, CPL_TYPE_NONE},
		{"<msg type='chat'/>", CPL_NONZA, CPL_TYPE_NONE},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cpl_stanza *stanza = parse(cases[i].text);

		assert_int_equal(stanza->kind, cases[i].kind);
		assert_int_equal(stanza->type, cases[i].type);
		assert_int_equal(cpl_attr_get(stanza->root, "type").ptr != NULL,
				 cases[i].type == CPL_TYPE_UNKNOWN || cases[i].kind == CPL_NONZA);
		cpl_stanza_unref(&stanza);
	}
}

static void test_namespaces(void **state)
{
	struct cpl_stanza *stanza =
		parse("<message><body/><f:forwarded xmlns:f='urn:xmpp:forward:0' f:a='1'>"
		      "<message xmlns='jabber:client'><body/><x xmlns=''/></message></f:forwarded>"
		      "<u xmlns='urn:unknown'/></message>");
	struct cpl_element *forwarded = cpl_child(stanza->root, &name_forwarded), *inner, *unknown;

	assert_non_null(cpl_child(stanza->root, &name_body));
	assert_non_null(forwarded);
	assert_null(cpl_attr_get(forwarded, "a").ptr); /* it is in a namespace */
	assert_str(forwarded->attrs->ns, "urn:xmpp:forward:0");
	inner = cpl_child(forwarded, &name_client_message);
	assert_non_null(inner);
	assert_null(cpl_child(inner, &name_body));
	assert_int_equal(cpl_first_child(inner)->ns_id, CPL_NS_CLIENT);
	assert_int_equal(cpl_next_child(cpl_first_child(inner))->ns_id, CPL_NS_NONE);
	unknown = cpl_next_child(forwarded);
	assert_int_equal(unknown->ns_id, CPL_NS_UNKNOWN);
	assert_str(unknown->ns, "urn:unknown");
	assert_null(cpl_next_child(unknown));
	assert_int_equal(cpl_child_count(stanza->root), 3);
	cpl_stanza_unref(&stanza);
}

/* The content namespace is whichever the stream's is. */
static void test_content(void **state)
{
	struct cpl_stanza *stanza = parse_in(CPL_NS_SERVER, "<message><body/></message>");

	assert_int_equal(stanza->kind, CPL_MESSAGE);
	assert_non_null(cpl_child(stanza->root, &name_body));
	cpl_stanza_unref(&stanza);
	stanza = parse_in(CPL_NS_SERVER, "<message xmlns='jabber:client'><body/></message>");
	assert_int_equal(stanza->kind, CPL_NONZA);
	assert_int_equal(stanza->root->ns_id, CPL_NS_CLIENT);
	cpl_stanza_unref(&stanza);
	stanza = parse_in(CPL_NS_SERVER, "<s:message xmlns:s='jabber:server'><s:body/></s:message>");
	assert_int_equal(stanza->kind, CPL_MESSAGE);
	assert_non_null(cpl_child(stanza->root, &name_body));
	cpl_stanza_unref(&stanza);
}

static void test_text(void **state)
{
	struct cpl_stanza *stanza =
		parse("<message>a<body>x<![CDATA[<y>]]>\r\n&#x1F600;</body>b&#13;</message>");

	assert_str(cpl_text_of(stanza->root, stanza->arena), "ab\r");
	assert_str(cpl_child_text(stanza->root, &name_body, stanza->arena), "x<y>\n\xF0\x9F\x98\x80");
	assert_null(cpl_child_text(stanza->root, &name_forwarded, stanza->arena).ptr);
	cpl_stanza_unref(&stanza);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum cpl_stream_error error;
	} cases[] = {
		{"<a><!-- --></a>", CPL_STREAM_RESTRICTED_XML},
		{"<a><?b c?></a>", CPL_STREAM_RESTRICTED_XML},
		{"<a>&nbsp;</a>", CPL_STREAM_RESTRICTED_XML},
		{"<a b='&nbsp;'/>", CPL_STREAM_RESTRICTED_XML},
		{"<a>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a/><b/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a/> ", CPL_STREAM_NOT_WELL_FORMED},
		{" <a/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a/><", CPL_STREAM_NOT_WELL_FORMED},
		{"", CPL_STREAM_NOT_WELL_FORMED},
		{"</s>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a></b>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a>\xFF</a>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a>&#0;</a>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a>]]></a>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a b='1' b='2'/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<x:a/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a x:b=''/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a xmlns:x=''/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a xmlns:xml='u'/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a xmlns='http://www.w3.org/2000/xmlns/'/>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a xmlns:x='u'><x:1b/></a>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a xmlns:x='u'><x:b:c/></a>", CPL_STREAM_NOT_WELL_FORMED},
		{"<a><b xmlns:x='u'/><x:c/></a>", CPL_STREAM_NOT_WELL_FORMED},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum cpl_stream_error error = refusal(cases[i].text);

		if (error != cases[i].error)
			print_error("%s: %s\n", cases[i].text, cpl_stream_error_name(error));
		assert_int_equal(error, cases[i].error);
		/* A fault of one connection does not reach the next one that uses the thread's parser. */
		assert_int_equal(refusal("<a><b c='d'/></a>"), CPL_STREAM_OK);
	}
}

/* One element with `count` attributes, or a name of that length, or that depth. */
static enum cpl_stream_error refusal_of(const char *what, unsigned count)
{
	enum cpl_stream_error error;
	struct cpl_buf text = {0};

	if (cpl_str_is(cpl_str_of(what), "attributes")) {
		cpl_buf_addf(&text, "<a");
		for (unsigned i = 0; i < count; i++)
			cpl_buf_addf(&text, " b%u=''", i);
		cpl_buf_addf(&text, "/>");
	} else if (cpl_str_is(cpl_str_of(what), "name")) {
		cpl_buf_addf(&text, "<%0*d/>", (int)count, 0);
		text.ptr[1] = 'a';
	} else {
		for (unsigned i = 0; i < count; i++)
			cpl_buf_addf(&text, "<a>");
		for (unsigned i = 0; i < count; i++)
			cpl_buf_addf(&text, "</a>");
	}
	error = refusal(text.ptr);
	cpl_buf_finish(&text);
	return error;
}

static void test_bounds(void **state)
{
	assert_int_equal(refusal_of("attributes", XML_ATTRIBUTES_MAX), CPL_STREAM_OK);
	assert_int_equal(refusal_of("attributes", XML_ATTRIBUTES_MAX + 1), CPL_STREAM_POLICY_VIOLATION);
	assert_int_equal(refusal_of("name", XML_NAME_MAX), CPL_STREAM_OK);
	assert_int_equal(refusal_of("name", XML_NAME_MAX + 1), CPL_STREAM_POLICY_VIOLATION);
	assert_int_equal(refusal_of("depth", XML_DEPTH_MAX), CPL_STREAM_OK);
	assert_int_equal(refusal_of("depth", XML_DEPTH_MAX + 1), CPL_STREAM_POLICY_VIOLATION);
}

/* Names that a peer makes up stay in expat until it is recycled; what is parsed across that is right all the
 * same. */
static void test_recycling(void **state)
{
	char text[64];

	for (unsigned i = 0; i < 5000; i++) {
		struct cpl_stanza *stanza;

		snprintf(text, sizeof text, "<name%u attribute%u='%u'/>", i, i, i);
		stanza = parse(text);
		assert_int_equal(stanza->root->attrs->value.len, strlen(stanza->root->attrs->value.ptr));
		cpl_stanza_unref(&stanza);
	}
	assert_int_equal(names_local(CPL_STR("name1")), 0);
}

/* ---- stream headers, RFC 6120 4.7 and 4.8 ---- */

struct parsed_header {
	struct cpl_arena *arena;
	struct cpl_stream_header header;
	struct xml_prefixes *prefixes;
	enum cpl_stream_error error;
};

static void parse_header(struct parsed_header *parsed, const char *text)
{
	parsed->arena = cpl_arena_create();
	parsed->error = xml_parse_header(cpl_str_of(text), parsed->arena, &parsed->header, &parsed->prefixes);
}

static void finish_header(struct parsed_header *parsed)
{
	xml_prefixes_destroy(&parsed->prefixes);
	cpl_arena_destroy(&parsed->arena);
}

static void test_header(void **state)
{
	struct parsed_header p;

	parse_header(&p, "<?xml version='1.0' encoding='utf-8'?><stream:stream from='juliet@example.org' "
			 "to='example.org' version='1.0' xml:lang='en' "
			 "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
	assert_int_equal(p.error, CPL_STREAM_OK);
	assert_str(p.header.from, "juliet@example.org");
	assert_str(p.header.to, "example.org");
	assert_str(p.header.version, "1.0");
	assert_str(p.header.lang, "en");
	assert_null(p.header.id.ptr);
	assert_int_equal(p.header.content, CPL_NS_CLIENT);
	assert_false(p.header.wrong_namespace || p.header.wrong_prefix);
	assert_null(p.prefixes);
	finish_header(&p);
}

static void test_header_prefixes(void **state)
{
	struct cpl_stanza *stanza;
	struct parsed_header p;

	parse_header(&p, "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
			 "xmlns:stream='http://etherx.jabber.org/streams'>");
	assert_int_equal(p.error, CPL_STREAM_OK);
	assert_int_equal(p.header.content, CPL_NS_SERVER);
	assert_non_null(p.prefixes);
	assert_int_equal(xml_parse_child(CPL_STR("<db:result to='example.net'>0</db:result>"), CPL_NS_SERVER,
					 p.prefixes, &stanza),
			 CPL_STREAM_OK);
	assert_str(stanza->root->ns, "jabber:server:dialback");
	assert_str(stanza->root->name, "result");
	assert_int_equal(stanza->kind, CPL_NONZA);
	assert_str(cpl_attr_get(stanza->root, "to"), "example.net");
	cpl_stanza_unref(&stanza);
	/* The prefix is this connection's alone. */
	assert_int_equal(refusal("<db:result/>"), CPL_STREAM_NOT_WELL_FORMED);
	finish_header(&p);
}

static void test_header_faults(void **state)
{
	static const struct {
		const char *text;
		enum cpl_stream_error error;
		bool wrong_namespace, wrong_prefix;
	} cases[] = {
		{"<stream:stream xmlns:stream='urn:other'>", CPL_STREAM_OK, true, false},
		{"<stream:other xmlns:stream='http://etherx.jabber.org/streams'>", CPL_STREAM_OK, true,
		 false},
		{"<s:stream xmlns:s='http://etherx.jabber.org/streams'>", CPL_STREAM_OK, false, true},
		{"<stream xmlns='http://etherx.jabber.org/streams'>", CPL_STREAM_OK, false, true},
		{"<s:stream>", CPL_STREAM_NOT_WELL_FORMED, false, false},
		{"<stream:stream/>", CPL_STREAM_NOT_WELL_FORMED, false, false},
		{"<stream:stream><a/>", CPL_STREAM_NOT_WELL_FORMED, false, false},
		{"<\0", CPL_STREAM_NOT_WELL_FORMED, false, false},
		{"<?xml version='1.0' encoding='ISO-8859-1'?><a>", CPL_STREAM_UNSUPPORTED_ENCODING, false,
		 false},
		{"<!DOCTYPE a><a>", CPL_STREAM_RESTRICTED_XML, false, false},
		{"<!-- --><a>", CPL_STREAM_RESTRICTED_XML, false, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct parsed_header p;

		parse_header(&p, cases[i].text);
		assert_int_equal(p.error, cases[i].error);
		if (!p.error) {
			assert_int_equal(p.header.wrong_namespace, cases[i].wrong_namespace);
			assert_int_equal(p.header.wrong_prefix, cases[i].wrong_prefix);
			assert_int_equal(p.header.content == CPL_NS_UNKNOWN, true);
		}
		finish_header(&p);
	}
}

#define STREAMS "xmlns:stream='http://etherx.jabber.org/streams'"

/* What the strict parser takes, and what it leaves to expat. */
static void test_strict_header(void **state)
{
	static const struct {
		const char *text;
		bool taken;
	} cases[] = {
		{"<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xmlns='jabber:client' " STREAMS ">", true},
		{"<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<stream:stream xmlns='jabber:server' " STREAMS " from='a' id=\"it's\" xml:lang='en'\t>", true},
		{"<stream:stream xmlns='jabber:component:accept' " STREAMS " to=''>", true},
		{"<stream:stream xmlns='jabber:client' " STREAMS " to='a&amp;b'>", false},
		{"<stream:stream xmlns='jabber:client' " STREAMS " to='b\xc3\xbc'>", false},
		{"<stream:stream xmlns='jabber:client' " STREAMS " to='a' to='a'>", false},
		{"<stream:stream xmlns='jabber:client' " STREAMS " other='a'>", false},
		{"<stream:stream xmlns='jabber:client' " STREAMS "to='a'>", false},
		{"<stream:stream xmlns='urn:other' " STREAMS ">", false},
		{"<stream:stream " STREAMS ">", false},
		{"<stream:stream xmlns='jabber:client'>", false},
		{"<stream:stream xmlns='jabber:client' xmlns:stream='jabber:client'>", false},
		{"<stream:stream xmlns='jabber:client' " STREAMS "/>", false},
		{"<stream:stream xmlns='jabber:client' " STREAMS " to='a", false},
		{"<?xml version='1.1'?><stream:stream xmlns='jabber:client' " STREAMS ">", false},
		{"", false},
	};
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_stream_header header;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(strict_parse_header(cpl_str_of(cases[i].text), arena, &header), cases[i].taken);
	cpl_arena_destroy(&arena);
}

/* Each byte of a header replaced by each of some others: both parsers say the same, or the strict one says nothing (a difference aborts). */
static void test_strict_header_compared(void **state)
{
	static const char others[] = "<>&'\"=/:?! \t\n\rx1-\x80";
	char text[] = "<?xml version='1.0'?><stream:stream from='j' to='a.b' version='1.0' xmlns='jabber:client' " STREAMS ">";

	strict_mode = STRICT_COMPARE;
	for (char *at = text; *at; at++) {
		char before = *at;

		for (size_t i = 0; i < sizeof others; i++) {
			struct parsed_header p;

			*at = others[i];
			p.arena = cpl_arena_create();
			p.error = xml_parse_header((struct cpl_str){text, sizeof text - 1}, p.arena, &p.header, &p.prefixes);
			finish_header(&p);
		}
		*at = before;
	}
	strict_mode = STRICT_ON;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict_header), cmocka_unit_test(test_strict_header_compared),
		cmocka_unit_test(test_members),	      cmocka_unit_test(test_types),
		cmocka_unit_test(test_namespaces),    cmocka_unit_test(test_content),
		cmocka_unit_test(test_text),	      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),	      cmocka_unit_test(test_recycling),
		cmocka_unit_test(test_header),	      cmocka_unit_test(test_header_prefixes),
		cmocka_unit_test(test_header_faults),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
