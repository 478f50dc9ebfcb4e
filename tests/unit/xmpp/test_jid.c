/* SPDX-License-Identifier: MIT */
/* Addresses and preparation (RFC 7622 section 3 in the profiles of RFC 6122), and stanzas read back from a
 * store. */
#include "unit.h"

#include "core/xml/parser.h"
#include <couplet/stanza.h>

static struct cpl_arena *arena;

static int setup(void **state)
{
	arena = cpl_arena_create();
	return 0;
}

static int teardown(void **state)
{
	cpl_arena_destroy(&arena);
	xml_finish();
	return 0;
}

/* `expected` NULL: refused. */
static void check(const char *text, const char *expected)
{
	struct cpl_jid jid, again;
	int code = cpl_jid_parse(&jid, cpl_str_of(text), arena);

	if (!expected) {
		if (code == 0)
			print_error("accepted: %s\n", text);
		assert_int_equal(code, CPL_E_INVALID);
		return;
	}
	assert_int_equal(code, 0);
	assert_str(cpl_jid_str(jid), expected);
	assert_int_equal(jid.text == text, strcmp(text, expected) == 0);
	assert_int_equal(cpl_jid_parse(&again, cpl_jid_str(jid), arena), 0);
	assert_true(cpl_jid_equal(jid, again));
}

static void test_parts(void **state)
{
	struct cpl_jid jid;

	assert_int_equal(cpl_jid_parse(&jid, CPL_STR("juliet@example.org/a@b/c"), arena), 0);
	assert_str(cpl_jid_local(jid), "juliet");
	assert_str(cpl_jid_domain(jid), "example.org");
	assert_str(cpl_jid_resource(jid), "a@b/c");
	assert_str(cpl_jid_str(cpl_jid_bare(jid)), "juliet@example.org");
	assert_str(cpl_jid_str(cpl_jid_host(jid)), "example.org");
	assert_str(cpl_jid_str(cpl_jid_with_resource(jid, CPL_STR("x"), arena)), "juliet@example.org/x");
	assert_str(cpl_jid_str(cpl_jid_with_resource(jid, CPL_STR(""), arena)), "juliet@example.org");
	assert_int_equal(cpl_jid_parse(&jid, CPL_STR("example.org/r"), arena), 0);
	assert_null(cpl_jid_local(jid).ptr);
	assert_str(cpl_jid_str(cpl_jid_bare(jid)), "example.org");
	assert_int_equal(cpl_jid_make(&jid, CPL_STR("Romeo"), CPL_STR("EXAMPLE.org"), CPL_NONE, arena), 0);
	assert_str(cpl_jid_str(jid), "romeo@example.org");
	assert_int_equal(cpl_jid_make(&jid, CPL_STR(""), CPL_STR("example.org"), CPL_NONE, arena),
			 CPL_E_INVALID);
}

static void test_accepted(void **state)
{
	check("juliet@example.org/balcony", "juliet@example.org/balcony");
	check("example.org", "example.org");
	check("Juliet@Example.ORG/Balcony", "juliet@example.org/Balcony");
	check("juliet@example.org./ a ", "juliet@example.org/ a ");
	check("a!#$%()*+,-.;=?[\\]^_`{|}~@b/\"&'/:<>@", "a!#$%()*+,-.;=?[\\]^_`{|}~@b/\"&'/:<>@");
	check("a@192.0.2.1", "a@192.0.2.1");
	check("a@[2001:DB8:0:0::1]/r", "a@[2001:db8::1]/r");
	check("a@[::1]", "a@[::1]");
	check("J\xC3\x9CRGEN@M\xC3\xBCnchen.example/\xC3\x9C",
	      "j\xC3\xBCrgen@m\xC3\xBCnchen.example/\xC3\x9C");
	check("stra\xC3\x9F"
	      "e@example.org",
	      "strasse@example.org");
	/* Unassigned in Unicode 3.2: they pass. */
	check("a@example.org/\xF0\x9F\x98\x80", "a@example.org/\xF0\x9F\x98\x80");
	/* Ideographic full stop, fullwidth letters; each label by itself has one direction. */
	check("a@\xE4\xBE\x8B\xE3\x80\x82org", "a@\xE4\xBE\x8B.org");
	check("a@\xEF\xBD\x85x.org\xEF\xBC\x8E", "a@ex.org");
	check("a@\xD7\x90\xD7\x91.example", "a@\xD7\x90\xD7\x91.example");
	/* A soft hyphen is mapped to nothing. */
	check("ju\xC2\xADliet@example.org", "juliet@example.org");
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"@example.org",
		"a@",
		"a@example.org/",
		"/r",
		"@",
		"a@/r",
		"a@b@c",
		"a b@example.org",
		"a\"@b",
		"a&b@c",
		"a'@b",
		"a:b@c",
		"<a@b",
		"a>@b",
		"a\x7F@b",
		"a@b/\x7F",
		"a@b/\n",
		"a@ex_ample.org",
		"a@-b.org",
		"a@b-.org",
		"a@b..org",
		"a@.b",
		"a@b..",
		"a@.",
		"a@b c",
		"a@[::1",
		"a@[]",
		"a@[192.0.2.1]",
		"a@[::1%eth0]",
		"a@::1",
		"a@[::1].",
		"\xC2\xAD@b",
		"a@\xC2\xAD",
		"a@b/\xC2\xAD",
		"\xE2\x84\x80@b", /* "a/c" by mapping */
		"a@b\xEF\xBC\xA0"
		"c", /* fullwidth @ */
		"a@b\xEF\xBC\x8F"
		"c", /* fullwidth / */
		"a@b\xE2\x80\xA4"
		"c", /* one dot leader: maps to a dot, is none */
		"a@b\xC2\xA0"
		"c",	       /* no-break space */
		"a\xC2\xA0@b", /* the same */
		"\xD7\x90"
		"a@b", /* two directions */
		"a\xFF@b",
		"a@\xC3",
		"a@b/\xED\xA0\x80",
		"a@\xC3\xBC"
		"0123456789012345678901234567890123456789012345678901234567890123456789.org",
		"a@a123456789012345678901234567890123456789012345678901234567890123.org",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check(texts[i], NULL);
}

/* 1023 bytes a part, after preparation (RFC 7622 3.2 to 3.4). */
static void test_lengths(void **state)
{
	char text[CPL_JID_PART_MAX + 2];
	struct cpl_str s = {text, CPL_JID_PART_MAX}, out;

	memset(text, 'A', sizeof text);
	assert_int_equal(cpl_prepare_local(&out, s, arena), 0);
	assert_int_equal(cpl_prepare_resource(&out, s, arena), 0);
	s.len++;
	assert_int_equal(cpl_prepare_local(&out, s, arena), CPL_E_INVALID);
	assert_int_equal(cpl_prepare_resource(&out, s, arena), CPL_E_INVALID);
	/* Shorter by preparation, then longer. */
	memcpy(text, "\xC2\xAD", 2);
	s.len = CPL_JID_PART_MAX + 2;
	assert_int_equal(cpl_prepare_local(&out, s, arena), 0);
	assert_int_equal(out.len, CPL_JID_PART_MAX);
	memcpy(text, "\xEF\xAC\x83", 3); /* three letters of one */
	s.len = CPL_JID_PART_MAX;
	assert_int_equal(cpl_prepare_local(&out, s, arena), 0);
	memcpy(text, "\xEF\xB7\xBA", 3); /* 33 bytes of 3 */
	assert_int_equal(cpl_prepare_resource(&out, s, arena), CPL_E_INVALID);
	for (size_t i = 1; i < CPL_JID_PART_MAX; i += 2)
		text[i] = '.';
	text[0] = 'a';
	text[2] = text[1022] = 'a';
	assert_int_equal(cpl_prepare_domain(&out, s, arena), 0);
	assert_int_equal(out.len, CPL_JID_PART_MAX);
}

static void test_new_local(void **state)
{
	struct cpl_str out;

	assert_int_equal(cpl_prepare_local(&out, CPL_STR("a\xF0\x9F\x98\x80"), arena), 0);
	assert_int_equal(cpl_prepare_new_local(&out, CPL_STR("a\xF0\x9F\x98\x80"), arena), CPL_E_INVALID);
	assert_int_equal(cpl_prepare_new_local(&out, CPL_STR("J\xC3\x9C"), arena), 0);
	assert_str(out, "j\xC3\xBC");
}

/* The same twice, from the cache the second time, and not mixed up between parts. */
static void test_cache(void **state)
{
	struct cpl_str out;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(cpl_prepare_local(&out, CPL_STR("\xC3\x9C"), arena), 0);
		assert_str(out, "\xC3\xBC");
		assert_int_equal(cpl_prepare_resource(&out, CPL_STR("\xC3\x9C"), arena), 0);
		assert_str(out, "\xC3\x9C");
	}
	for (int i = 0; i < 2000; i++) {
		char text[16];

		snprintf(text, sizeof text, "\xC3\x9C%d", i % 500);
		assert_int_equal(cpl_prepare_local(&out, cpl_str_of(text), arena), 0);
		text[1] = '\xBC';
		assert_str(out, text);
	}
}

/* RFC 4013 section 3. */
static void test_password(void **state)
{
	struct cpl_str out;

	assert_int_equal(cpl_prepare_password(&out, CPL_STR("I\xC2\xADX"), false, arena), 0);
	assert_str(out, "IX");
	assert_int_equal(cpl_prepare_password(&out, CPL_STR("USER"), false, arena), 0);
	assert_str(out, "USER");
	assert_int_equal(cpl_prepare_password(&out, CPL_STR("\xC2\xAA"), false, arena), 0);
	assert_str(out, "a");
	assert_int_equal(cpl_prepare_password(&out, CPL_STR("\xE2\x85\xA8"), false, arena), 0);
	assert_str(out, "IX");
	assert_int_equal(cpl_prepare_password(&out, CPL_STR("\7"), false, arena), CPL_E_INVALID);
	assert_int_equal(cpl_prepare_password(&out,
					      CPL_STR("\xD8\xA7"
						      "1"),
					      false, arena),
			 CPL_E_INVALID);
	assert_int_equal(cpl_prepare_password(&out,
					      CPL_STR("a\xC2\xA0"
						      "b"),
					      false, arena),
			 0);
	assert_str(out, "a b");
	assert_int_equal(cpl_prepare_password(&out, CPL_STR("\xF0\x9F\x98\x80"), false, arena),
			 CPL_E_INVALID);
	assert_int_equal(cpl_prepare_password(&out, CPL_STR("\xF0\x9F\x98\x80"), true, arena), 0);
	assert_int_equal(cpl_prepare_password(&out, CPL_STR(""), true, arena), CPL_E_INVALID);
}

static void test_dup(void **state)
{
	struct cpl_jid jid, dup, none = {0};

	assert_int_equal(cpl_jid_parse(&jid, CPL_STR("a@b/c"), arena), 0);
	dup = cpl_jid_dup(jid);
	assert_true(cpl_jid_equal(jid, dup) && dup.text != jid.text);
	cpl_jid_free(&dup);
	assert_false(cpl_jid_is_set(dup));
	none = cpl_jid_dup(none);
	assert_false(cpl_jid_is_set(none));
	cpl_jid_free(&none);
}

static void test_read(void **state)
{
	static const char text[] = "<message from='romeo@example.org/orchard' to='juliet@example.org' "
				   "type='chat'><body>a</body></message>";
	struct cpl_stanza *stanza = cpl_stanza_read(cpl_str_of(text), NULL);
	struct cpl_buf out = {0};
	struct cpl_error error;

	assert_non_null(stanza);
	assert_str(cpl_jid_resource(stanza->from), "orchard");
	assert_str(cpl_jid_local(stanza->to), "juliet");
	cpl_stanza_write(stanza, CPL_NS_CLIENT, &out);
	assert_string_equal(out.ptr, text);
	cpl_buf_finish(&out);
	cpl_stanza_unref(&stanza);

	assert_null(cpl_stanza_read(CPL_STR("<message"), &error));
	assert_int_equal(error.code, CPL_E_CORRUPT);
	assert_non_null(strstr(error.text, "not-well-formed"));
	assert_null(cpl_stanza_read(CPL_STR("<other/>"), &error));
	assert_non_null(strstr(error.text, "<other/>"));
	assert_null(cpl_stanza_read(CPL_STR("<iq to='@'/>"), &error));
	assert_non_null(strstr(error.text, "'to'"));
	assert_null(cpl_stanza_read(CPL_STR("<iq from=''/>"), &error));
	assert_non_null(strstr(error.text, "'from'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),	  cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_new_local), cmocka_unit_test(test_cache),
		cmocka_unit_test(test_password),  cmocka_unit_test(test_dup),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
