/* SPDX-License-Identifier: MIT */
/* Stanzas: making, changing, writing, copies, answers, references and holds; and the table of names. */
#include "unit.h"

#include "core/xml/alike.h"
#include "core/xml/names.h"
#include "core/xml/parser.h"
#include "core/xml/stanza_done.h"

CPL_CONTENT_NAME(name_body, "body");
CPL_NAME(name_x, "urn:x", "x");
CPL_NAME(name_forwarded, "urn:xmpp:forward:0", "forwarded");
CPL_NAME(name_features, "http://etherx.jabber.org/streams", "features");
CPL_NAME(name_starttls, "urn:ietf:params:xml:ns:xmpp-tls", "starttls");

static const struct cpl_jid romeo = {"romeo@example.org/orchard", 5, 11, 7, 0};
static const struct cpl_jid juliet = {"juliet@example.org", 6, 11, 0, 0};
static const struct cpl_jid nobody;

static int setup(void **state)
{
	struct cpl_name *const names[] = {&name_body, &name_x, &name_forwarded, &name_features,
					  &name_starttls};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(names_add(names[i]), 0);
	return 0;
}

static int teardown(void **state)
{
	xml_finish();
	return 0;
}

static void assert_written(const struct cpl_stanza *stanza, enum cpl_ns content, const char *expected)
{
	struct cpl_buf out = {0};

	cpl_stanza_write(stanza, content, &out);
	assert_string_equal(out.ptr, expected);
	assert_int_equal(out.len, strlen(expected));
	cpl_buf_finish(&out);
}

static struct cpl_stanza *parse(const char *text)
{
	struct cpl_stanza *stanza;

	assert_int_equal(xml_parse_child(cpl_str_of(text), CPL_NS_CLIENT, NULL, &stanza), CPL_STREAM_OK);
	return stanza;
}

static struct cpl_stanza *message(void)
{
	struct cpl_stanza *stanza = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_CHAT);

	cpl_stanza_set_from(stanza, romeo);
	cpl_stanza_set_to(stanza, juliet);
	cpl_stanza_set_id(stanza, CPL_STR("1"));
	cpl_add_with_text(stanza, stanza->root, &name_body, CPL_STR("a<b"));
	return stanza;
}

static void test_write(void **state)
{
	struct cpl_stanza *stanza = message();
	struct cpl_element *x = cpl_add(stanza, stanza->root, &name_x);
	struct cpl_buf out = {0};

	cpl_stanza_set_lang(stanza, CPL_STR("en"));
	cpl_attr_set(stanza, x, "a", CPL_STR("'\t"));
	cpl_add_named(stanza, x, CPL_NONE, CPL_STR("same"));
	cpl_add_named(stanza, x, CPL_STR("urn:y"), CPL_STR("other"));
	assert_written(stanza, CPL_NS_SERVER,
		       "<message from='romeo@example.org/orchard' to='juliet@example.org' id='1' type='chat' "
		       "xml:lang='en'><body>a&lt;b</body>"
		       "<x xmlns='urn:x' a='&apos;&#9;'><same/><other xmlns='urn:y'/></x></message>");
	cpl_remove(x);
	cpl_stanza_write_to(stanza, CPL_NS_CLIENT, nobody, romeo, CPL_STR("<s xmlns='urn:s'/>"), &out);
	assert_string_equal(out.ptr, "<message from='romeo@example.org/orchard' "
				     "to='romeo@example.org/orchard' id='1' type='chat' xml:lang='en'>"
				     "<body>a&lt;b</body><s xmlns='urn:s'/></message>");
	cpl_buf_finish(&out);
	cpl_stanza_unref(&stanza);
}

/* What XML can't hold must not leave as such; what a parser would change must be written so that it comes
 * back. */
static void test_escaping(void **state)
{
	struct cpl_stanza *stanza = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);

	cpl_add_with_text(stanza, stanza->root, &name_body, (struct cpl_str){"]]>\r\n\t\1\0&\"'", 11});
	assert_written(stanza, CPL_NS_CLIENT,
		       "<message><body>]]&gt;&#13;\n\t\xEF\xBF\xBD\xEF\xBF\xBD&amp;\"'</body></message>");
	cpl_stanza_unref(&stanza);
}

static void test_write_namespaces(void **state)
{
	struct cpl_stanza *stanza = cpl_nonza_create(&name_features);

	cpl_add(stanza, stanza->root, &name_starttls);
	assert_written(
		stanza, CPL_NS_CLIENT,
		"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>");
	cpl_stanza_unref(&stanza);

	stanza = parse("<iq to='x'><q:a xmlns:q='urn:x' xmlns:r='urn:r' r:b='1' q:c='2' r:d='3' "
		       "xml:lang='de'/></iq>");
	assert_written(stanza, CPL_NS_CLIENT,
		       "<iq to='x'><a xmlns='urn:x' xmlns:a0='urn:r' a0:b='1' xmlns:a1='urn:x' a1:c='2' "
		       "a0:d='3' xml:lang='de'/></iq>");
	cpl_stanza_unref(&stanza);

	/* The content namespace becomes the output stream's, a forwarded stanza's stays. */
	stanza = parse("<message><body/><x xmlns='urn:x'><message "
		       "xmlns='jabber:client'><body/></message></x></message>");
	assert_written(stanza, CPL_NS_SERVER,
		       "<message><body/><x xmlns='urn:x'><message "
		       "xmlns='jabber:client'><body/></message></x></message>");
	cpl_add(stanza, cpl_child(stanza->root, &name_x), &name_body);
	assert_written(stanza, CPL_NS_SERVER,
		       "<message><body/><x xmlns='urn:x'><message "
		       "xmlns='jabber:client'><body/></message><body xmlns='jabber:server'/></x></message>");
	cpl_stanza_unref(&stanza);
}

static void test_members_win(void **state)
{
	struct cpl_stanza *stanza = parse("<message to='x' type='odd'/>");

	assert_written(stanza, CPL_NS_CLIENT, "<message to='x' type='odd'/>");
	stanza->type = CPL_TYPE_NORMAL;
	cpl_attr_set(stanza, stanza->root, "to", CPL_STR("y"));
	cpl_stanza_set_to(stanza, juliet);
	assert_written(stanza, CPL_NS_CLIENT, "<message to='juliet@example.org' type='normal'/>");
	cpl_stanza_set_to(stanza, nobody);
	assert_written(stanza, CPL_NS_CLIENT, "<message type='normal'/>");
	cpl_stanza_unref(&stanza);
}

static void test_change(void **state)
{
	struct cpl_stanza *stanza = parse("<iq><a/>t<b/><c/></iq>");
	struct cpl_element *first = cpl_first_child(stanza->root),
			   *last = cpl_next_child(cpl_next_child(first));

	cpl_attr_set(stanza, first, "n", CPL_STR("1"));
	cpl_attr_set(stanza, first, "m", CPL_STR("2"));
	cpl_attr_set(stanza, first, "n", CPL_STR("3"));
	cpl_remove(last);
	cpl_add_text(stanza, stanza->root, CPL_STR("u"));
	assert_written(stanza, CPL_NS_CLIENT, "<iq><a n='3' m='2'/>t<b/>u</iq>");
	cpl_attr_set(stanza, first, "n", CPL_NONE);
	assert_written(stanza, CPL_NS_CLIENT, "<iq><a m='2'/>t<b/>u</iq>");
	cpl_remove(first);
	assert_written(stanza, CPL_NS_CLIENT, "<iq>t<b/>u</iq>");
	assert_str(cpl_text_of(stanza->root, stanza->arena), "tu");
	cpl_stanza_unref(&stanza);
}

static void test_copies(void **state)
{
	static const char text[] = "<message from='romeo@example.org/orchard' to='juliet@example.org' id='1' "
				   "type='chat'><body>a&lt;b</body>"
				   "<u xmlns='urn:unknown' v='w'>t<deep><er/></deep>s</u></message>";
	struct cpl_stanza *stanza = message(),
			  *unknown = parse("<iq><u xmlns='urn:unknown' v='w'>t<deep><er/></deep>s</u></iq>");
	struct cpl_stanza *copy, *compact, *again;

	cpl_add_copy(stanza, stanza->root, cpl_first_child(unknown->root));
	cpl_stanza_unref(&unknown);
	copy = cpl_stanza_copy(stanza);
	compact = cpl_stanza_compact(stanza);
	again = cpl_stanza_compact(compact);
	cpl_stanza_unref(&stanza);
	assert_written(copy, CPL_NS_CLIENT, text);
	assert_written(compact, CPL_NS_CLIENT, text);
	assert_int_equal(cpl_stanza_size(compact), cpl_stanza_size(copy));
	cpl_stanza_unref(&compact);
	assert_written(again, CPL_NS_CLIENT, text);
	assert_null(again->arena);
	assert_true(cpl_jid_equal(again->from, romeo));
	cpl_stanza_unref(&again);
	cpl_stanza_unref(&copy);
}

static struct cpl_stanza *kept(const char *text)
{
	struct cpl_stanza *stanza = parse(text), *compact = alike_compact(stanza);

	cpl_stanza_unref(&stanza);
	return compact;
}

/* Elements are kept once from the second time on that they come, whatever the members of the stanza say; what differs in a byte is not mixed up. */
static void test_alike(void **state)
{
	static const char caps[] = "<presence id='1'><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/><show>away</show></presence>";
	static const char *const others[] = {
		"<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='w'/><show>away</show></presence>",
		"<presence><c xmlns='http://jabber.org/protocol/caps' node='nv' ver=''/><show>away</show></presence>",
		"<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'><show>away</show></c></presence>",
		"<presence><c xmlns='http://jabber.org/protocol/capt' node='n' ver='v'/><show>away</show></presence>",
		"<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/>  <show>away</show></presence>",
		"<presence><show>away</show><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/></presence>",
		"<presence/>",
	};
	struct cpl_stanza *first = kept(caps), *second = kept(caps), *third, *copy;
	const struct cpl_element *root;

	assert_false(first->alike);
	assert_true(second->alike);
	assert_int_equal(alike_count(), 1);
	third = kept("<presence id='2' type='unavailable'><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/><show>away</show></presence>");
	assert_ptr_equal(third->root, second->root);
	assert_written(first, CPL_NS_CLIENT, caps);
	assert_written(second, CPL_NS_CLIENT, caps);
	assert_str(third->id, "2");
	assert_int_equal(third->type, CPL_TYPE_UNAVAILABLE);
	for (size_t at = 0; at < sizeof(others) / sizeof(others[0]); at++) {
		struct cpl_stanza *seen = kept(others[at]), *again = kept(others[at]);

		assert_ptr_not_equal(seen->root, second->root);
		assert_ptr_not_equal(again->root, second->root);
		assert_written(seen, CPL_NS_CLIENT, others[at]);
		assert_written(again, CPL_NS_CLIENT, others[at]);
		cpl_stanza_unref(&seen);
		cpl_stanza_unref(&again);
	}
	assert_int_equal(alike_count(), 1);
	/* Copies have a tree of their own, and users go in any order. */
	copy = cpl_stanza_copy(third);
	root = third->root;
	cpl_stanza_unref(&second);
	cpl_stanza_unref(&first);
	cpl_stanza_unref(&third);
	assert_int_equal(alike_count(), 0);
	assert_ptr_not_equal(copy->root, root);
	assert_written(copy, CPL_NS_CLIENT,
		       "<presence id='2' type='unavailable'><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/><show>away</show></presence>");
	cpl_stanza_unref(&copy);
	/* Gone with its last user; the next ones have a new tree. (One of the others may have had its place in the table: then the first is only noted.) */
	first = kept(caps);
	second = kept(caps);
	assert_true(second->alike);
	assert_int_equal(alike_count(), 1);
	assert_written(second, CPL_NS_CLIENT, caps);
	cpl_stanza_unref(&first);
	cpl_stanza_unref(&second);
	assert_int_equal(alike_count(), 0);
}

/* What is too large to be looked at is kept as it is. */
static void test_not_alike(void **state)
{
	struct cpl_buf text = {0};

	cpl_buf_add(&text, CPL_STR("<presence><status>"));
	for (unsigned at = 0; at < ALIKE_BYTES; at++)
		cpl_buf_add(&text, CPL_STR("x"));
	cpl_buf_add(&text, CPL_STR("</status></presence>"));
	for (unsigned times = 0; times < 3; times++) {
		struct cpl_stanza *stanza = kept(text.ptr);

		assert_false(stanza->alike);
		assert_written(stanza, CPL_NS_CLIENT, text.ptr);
		cpl_stanza_unref(&stanza);
	}
	assert_int_equal(alike_count(), 0);
	cpl_buf_finish(&text);
}

/* XEP-0297 3: what is forwarded is a jabber:client stanza with all its attributes. */
static void test_forward(void **state)
{
	struct cpl_stanza *inner = message(), *outer = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);

	cpl_stanza_set_lang(inner, CPL_STR("en"));
	cpl_add_stanza(outer, cpl_add(outer, outer->root, &name_forwarded), inner);
	cpl_stanza_unref(&inner);
	assert_written(outer, CPL_NS_SERVER,
		       "<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
		       "from='romeo@example.org/orchard' "
		       "to='juliet@example.org' id='1' type='chat' "
		       "xml:lang='en'><body>a&lt;b</body></message></forwarded></message>");
	cpl_stanza_unref(&outer);
}

/* RFC 6120 8.2.3 and 8.3.1. */
static void test_answers(void **state)
{
	struct cpl_stanza *request = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET), *reply, *second;

	cpl_stanza_set_from(request, romeo);
	cpl_stanza_set_to(request, juliet);
	cpl_stanza_set_id(request, CPL_STR("7"));
	cpl_add(request, request->root, &name_x);
	reply = cpl_stanza_result(request);
	assert_written(reply, CPL_NS_CLIENT,
		       "<iq from='juliet@example.org' to='romeo@example.org/orchard' id='7' type='result'/>");
	assert_null(cpl_stanza_error(reply, CPL_BAD_REQUEST, NULL));
	cpl_stanza_unref(&reply);
	reply = cpl_stanza_error(request, CPL_NOT_ALLOWED, "not <you>");
	assert_written(reply, CPL_NS_CLIENT,
		       "<iq from='juliet@example.org' to='romeo@example.org/orchard' id='7' "
		       "type='error'><error type='cancel'>"
		       "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
		       "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>not "
		       "&lt;you&gt;</text></error></iq>");
	assert_int_equal(cpl_stanza_condition(reply), CPL_NOT_ALLOWED);
	second = cpl_stanza_error(reply, CPL_BAD_REQUEST, NULL);
	assert_null(second);
	cpl_stanza_unref(&reply);
	assert_int_equal(cpl_stanza_condition(request), CPL_UNDEFINED_CONDITION);
	cpl_stanza_unref(&request);

	/* RFC 6120 8.3.3.8: what could not be an address comes back as it was. */
	request = parse("<presence to='ch@r@cters@example.org'/>");
	reply = cpl_stanza_error(request, CPL_JID_MALFORMED, NULL);
	assert_written(reply, CPL_NS_CLIENT,
		       "<presence from='ch@r@cters@example.org' type='error'><error type='modify'>"
		       "<jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>");
	cpl_stanza_unref(&reply);
	cpl_stanza_unref(&request);
}

static void test_conditions(void **state)
{
	struct cpl_stanza *request = message();

	for (unsigned i = CPL_BAD_REQUEST; i <= CPL_UNEXPECTED_REQUEST; i++) {
		struct cpl_stanza *error = cpl_stanza_error(request, (enum cpl_condition)i, NULL);

		assert_int_equal(cpl_stanza_condition(error), i);
		assert_non_null(cpl_condition_name((enum cpl_condition)i));
		cpl_stanza_unref(&error);
	}
	for (unsigned i = CPL_STREAM_BAD_FORMAT; i <= CPL_STREAM_UNSUPPORTED_VERSION; i++)
		assert_true(strlen(cpl_stream_error_name((enum cpl_stream_error)i)) > 4);
	cpl_stanza_unref(&request);
}

static unsigned done_count;
static unsigned unref_count;

static void on_done(struct cpl_stanza *stanza)
{
	assert_int_equal(stanza->holds, 0);
	done_count++;
}

static void on_session_unref(struct cpl_session *session)
{
	unref_count++;
}

static void test_holds(void **state)
{
	static char session;
	struct cpl_stanza *stanza = message(), *first = stanza, *second = stanza;

	stanza_done = on_done;
	stanza_session_unref = on_session_unref;
	done_count = unref_count = 0;
	stanza->session = (struct cpl_session *)(void *)&session;
	cpl_stanza_hold(stanza);
	cpl_stanza_release(&first); /* before its events have run: not done by that */
	assert_null(first);
	assert_int_equal(done_count, 0);
	first = stanza;
	cpl_stanza_hold(stanza);
	cpl_stanza_hold(stanza);
	stanza->handled = true;
	cpl_stanza_unref(&stanza);
	cpl_stanza_release(&first);
	assert_int_equal(done_count, 0);
	cpl_stanza_release(&second);
	assert_int_equal(done_count, 1);
	assert_int_equal(unref_count, 1);
	cpl_stanza_unref(&second); /* NULL: nothing */
	stanza_done = NULL;
	stanza_session_unref = NULL;
}

static void test_names(void **state)
{
	struct cpl_name again = {"urn:x", "x", 0, 0};
	char text[32];

	assert_int_equal(names_add(&again), 0);
	assert_int_equal(again.ns_id, name_x.ns_id);
	assert_int_equal(again.local_id, name_x.local_id);
	assert_true(name_x.ns_id >= CPL_NS_FIRST_FREE);
	assert_int_equal(name_body.ns_id, CPL_NS_CONTENT);
	assert_int_equal(names_ns(CPL_STR("jabber:client")), CPL_NS_CLIENT);
	assert_int_equal(names_ns(CPL_STR("")), CPL_NS_NONE);
	assert_int_equal(names_local(CPL_STR("presence")), NAMES_PRESENCE);
	assert_int_equal(names_ns(CPL_STR("urn:never")), 0);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "urn:many:%u", i);
		assert_true(names_add_ns(cpl_str_of(text)) > 0);
	}
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "urn:many:%u", i);
		assert_str(names_ns_text(names_ns(cpl_str_of(text))), text);
	}
	assert_str(names_ns_text(name_x.ns_id), "urn:x");
}

/* One element by itself, in whatever namespace its parent is, and back; several in a row. */
static void test_element_text(void **state)
{
	struct cpl_stanza *from = parse("<iq type='set' id='1'><x xmlns='urn:x' a='1'><y/>t<z xmlns='urn:z'/></x><body>b</body></iq>");
	struct cpl_stanza *to = cpl_stanza_create(CPL_IQ, CPL_TYPE_RESULT);
	struct cpl_element *x = cpl_first_child(from->root), *first;
	struct cpl_error error = {0};
	struct cpl_buf text = {0};

	cpl_element_write(x, &text);
	assert_string_equal(text.ptr, "<x xmlns='urn:x' a='1'><y/>t<z xmlns='urn:z'/></x>");
	cpl_element_write(cpl_first_child(x), &text);
	cpl_element_write(cpl_next_child(x), &text);
	assert_string_equal(text.ptr, "<x xmlns='urn:x' a='1'><y/>t<z xmlns='urn:z'/></x><y xmlns='urn:x'/><body xmlns='jabber:client'>b</body>");
	first = cpl_add_xml(to, to->root, cpl_buf_str(&text), &error);
	assert_non_null(first);
	assert_true(cpl_is(first, &name_x));
	assert_written(to, CPL_NS_CLIENT,
		       "<iq type='result'><x xmlns='urn:x' a='1'><y/>t<z xmlns='urn:z'/></x><y xmlns='urn:x'/>"
		       "<body xmlns='jabber:client'>b</body></iq>");
	assert_null(cpl_add_xml(to, to->root, CPL_STR("no element"), &error));
	assert_non_null(strstr(error.text, "no element"));
	assert_null(cpl_add_xml(to, to->root, CPL_STR("<a></b>"), &error));
	assert_non_null(strstr(error.text, "not XML"));
	cpl_buf_finish(&text);
	cpl_stanza_unref(&from);
	cpl_stanza_unref(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_write_namespaces),
		cmocka_unit_test(test_members_win),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_not_alike),
		cmocka_unit_test(test_forward),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_element_text),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
