/* SPDX-License-Identifier: MIT */
/* Views, the growable buffer, UTF-8. */
#include "unit.h"

#include <couplet/memory.h>

static void compare_and_search(void **state)
{
	assert_true(cpl_str_equal(CPL_STR("balcony"), CPL_STR("balcony")));
	assert_false(cpl_str_equal(CPL_STR("balcony"), CPL_STR("balcon")));
	assert_true(cpl_str_equal(CPL_NONE, CPL_STR("")));
	assert_true(cpl_str_compare(CPL_STR("a"), CPL_STR("ab")) < 0);
	assert_true(cpl_str_compare(CPL_STR("b"), CPL_STR("ab")) > 0);
	assert_true(cpl_str_compare(CPL_STR("a\0b"), CPL_STR("a\0a")) > 0);
	assert_int_equal(cpl_str_compare(CPL_NONE, CPL_NONE), 0);
	assert_true(cpl_str_starts(CPL_STR("juliet@example.org"), CPL_STR("juliet@")));
	assert_false(cpl_str_starts(CPL_STR("jul"), CPL_STR("juliet")));
	assert_true(cpl_str_starts(CPL_NONE, CPL_NONE));
	assert_int_equal(cpl_str_find(CPL_STR("juliet@example.org"), '@'), 6);
	assert_int_equal(cpl_str_find(CPL_STR("juliet"), '@'), -1);
	assert_int_equal(cpl_str_find(CPL_NONE, '@'), -1);
	assert_str(cpl_str_trim(CPL_STR(" \t\r\n a b \v\f")), "a b");
	assert_str(cpl_str_trim(CPL_STR("  ")), "");
	assert_null(cpl_str_of(NULL).ptr);
	assert_true(cpl_str_is(CPL_STR(""), ""));
}

static bool to_int(const char *text, int64_t *value)
{
	return cpl_str_to_int(cpl_str_of(text), INT64_MIN, INT64_MAX, value);
}

static void integers(void **state)
{
	static const char *const bad[] = {"",
					  "-",
					  "+",
					  "1 ",
					  " 1",
					  "0x1",
					  "1.0",
					  "--1",
					  "9223372036854775808",
					  "-9223372036854775809",
					  "99999999999999999999"};
	int64_t value = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(to_int(bad[i], &value));
	assert_false(cpl_str_to_int(CPL_STR("11"), 0, 10, &value));
	assert_false(cpl_str_to_int(CPL_STR("-1"), 0, 10, &value));
	assert_int_equal(value, 7);
	assert_true(to_int("9223372036854775807", &value));
	assert_true(value == INT64_MAX);
	assert_true(to_int("-9223372036854775808", &value));
	assert_true(value == INT64_MIN);
	assert_true(to_int("+0005", &value));
	assert_int_equal(value, 5);
}

static void split(void **state)
{
	struct cpl_str rest = CPL_STR("a,,bc,"), part;

	assert_true(cpl_str_split(&rest, ',', &part));
	assert_str(part, "a");
	assert_true(cpl_str_split(&rest, ',', &part));
	assert_str(part, "");
	assert_true(cpl_str_split(&rest, ',', &part));
	assert_str(part, "bc");
	assert_true(cpl_str_split(&rest, ',', &part));
	assert_str(part, "");
	assert_false(cpl_str_split(&rest, ',', &part));
}

/* RFC 3629 section 4. */
static void utf8(void **state)
{
	static const char *const good[] = {
		"",
		"plain",
		"\xc2\x80",
		"\xdf\xbf",
		"\xe0\xa0\x80",
		"\xed\x9f\xbf",
		"\xee\x80\x80",
		"\xef\xbf\xbf",
		"\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2 ",
		"\xe0\x9f\xbf",
		"\xe0\xa0",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x90\x80",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xe2\x28\xa1",
		"a\xe2\x82",
		"\xf0\x90\x28\x80",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(cpl_str_is_utf8(cpl_str_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cpl_str_is_utf8(cpl_str_of(bad[i])));
	assert_true(cpl_str_is_utf8(CPL_STR("a\0b")));
}

/* RFC 3986 3.1, appendix A */
static void uris(void **state)
{
	static const char *const good[] = {"mailto:abuse@example.org", "xmpp:admin@example.org?message", "https://example.org/a%20b", "a:b", "z39.50r+x-y:1",
					   "http://[2001:db8::1]/", "https://example.org/\xc3\xa9"};
	static const char *const bad[] = {"", ":", "mailto:", ":b", "abuse@example.org", "example.org", "1a:b", "-a:b", "ht tp://x", "http://a b", "http://<x>",
					  "https://example.org/\xc3", "a\xc3\xa9:b"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(cpl_str_is_uri(cpl_str_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(cpl_str_is_uri(cpl_str_of(bad[i])));
	assert_false(cpl_str_is_uri(CPL_NONE));
	assert_false(cpl_str_is_uri((struct cpl_str){"a:b\0c", 5}));
}

/* XML 1.0 2.2 */
static void xml_texts(void **state)
{
	assert_true(cpl_str_is_xml(CPL_STR("a\tb\r\n\xc3\xa9\xef\xbf\xbd\xf0\x9f\x8c\xb9\x7f")));
	assert_true(cpl_str_is_xml(CPL_STR("")));
	assert_false(cpl_str_is_xml(CPL_STR("a\x01")));
	assert_false(cpl_str_is_xml(CPL_STR("\x1b[0m")));
	assert_false(cpl_str_is_xml((struct cpl_str){"\0", 1}));
	assert_false(cpl_str_is_xml(CPL_STR("\xc3")));
	assert_false(cpl_str_is_xml(CPL_STR("\xef\xbf\xbe")));
	assert_false(cpl_str_is_xml(CPL_STR("\xef\xbf\xbf")));
}

static void utf8_cut(void **state)
{
	struct cpl_str text = CPL_STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"); /* 1 + 2 + 3 + 4 bytes */
	static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

	for (size_t max = 0; max < sizeof(cuts) / sizeof(cuts[0]); max++)
		assert_int_equal(cpl_str_utf8_cut(text, max), cuts[max]);
	/* No UTF-8: cut where told, and do not walk far. */
	assert_int_equal(cpl_str_utf8_cut(CPL_STR("\x80\x80\x80\x80\x80\x80\x80\x80"), 6), 6);
}

static void buffer(void **state)
{
	struct cpl_buf buf = {0};
	char *taken;

	assert_str(cpl_buf_str(&buf), "");
	cpl_buf_add(&buf, CPL_NONE);
	assert_string_equal(buf.ptr, "");
	for (int i = 0; i < 1000; i++)
		cpl_buf_add_char(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 1000);
	assert_int_equal(strlen(buf.ptr), 1000);
	cpl_buf_clear(&buf);
	assert_string_equal(buf.ptr, "");
	/* Room that is filled in part keeps its NUL. */
	memcpy(cpl_buf_reserve(&buf, 100), "xyz", 3);
	buf.len += 3;
	assert_string_equal(buf.ptr, "xyz");
	cpl_buf_addf(&buf, " %d %.*s", 42, CPL_ARG(CPL_STR("end")));
	assert_string_equal(buf.ptr, "xyz 42 end");
	cpl_buf_addf(&buf, "%5000d", 1);
	assert_int_equal(buf.len, 5010);
	assert_int_equal(buf.ptr[5009], '1');
	assert_int_equal(buf.ptr[5010], '\0');
	taken = cpl_buf_take(&buf);
	assert_null(buf.ptr);
	assert_int_equal(strlen(taken), 5010);
	cpl_free(taken);
	taken = cpl_buf_take(&buf);
	assert_string_equal(taken, "");
	cpl_free(taken);
	cpl_buf_finish(&buf);
	cpl_buf_finish(&buf);
}

static void commas(void **state)
{
	const char *const items[] = {"Friends", "Montague, Capulet", "a\\b", "c\\,", "d"};
	struct cpl_buf list = {0}, item = {0};
	struct cpl_str rest;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		cpl_commas_add(&list, cpl_str_of(items[i]));
	assert_string_equal(list.ptr, "Friends,Montague\\, Capulet,a\\\\b,c\\\\\\,,d");
	rest = cpl_buf_str(&list);
	for (size_t i = 0; i < 5; i++) {
		assert_true(cpl_commas_next(&rest, &item));
		assert_string_equal(item.ptr, items[i]);
	}
	assert_false(cpl_commas_next(&rest, &item));
	rest = CPL_STR(",x\\");
	assert_true(cpl_commas_next(&rest, &item));
	assert_int_equal(item.len, 0);
	assert_true(cpl_commas_next(&rest, &item));
	assert_string_equal(item.ptr, "x\\");
	cpl_buf_finish(&list);
	cpl_buf_finish(&item);
}

static void escapes(void **state)
{
	struct cpl_buf buf = {0};

	cpl_buf_add_xml(&buf, CPL_STR("<a b='c' d=\"e\">&</a>"));
	assert_str(cpl_buf_str(&buf), "&lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;&amp;&lt;/a&gt;");
	cpl_buf_clear(&buf);
	cpl_buf_add_xml(&buf, CPL_STR("plain"));
	cpl_buf_add_xml(&buf, CPL_NONE);
	assert_str(cpl_buf_str(&buf), "plain");
	cpl_buf_clear(&buf);
	/* RFC 8259 section 7. */
	cpl_buf_add_json(&buf, CPL_STR("a\"b\\c\n\t\r\x01\x7f \xc3\xa9 \xff"));
	assert_str(cpl_buf_str(&buf), "\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f \xc3\xa9 \xef\xbf\xbd\"");
	cpl_buf_finish(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compare_and_search),
		cmocka_unit_test(integers),
		cmocka_unit_test(split),
		cmocka_unit_test(utf8),
		cmocka_unit_test(uris),
		cmocka_unit_test(xml_texts),
		cmocka_unit_test(utf8_cut),
		cmocka_unit_test(buffer),
		cmocka_unit_test(commas),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
