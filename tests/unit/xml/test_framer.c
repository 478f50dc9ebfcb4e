/* SPDX-License-Identifier: MIT */
/* Where frames end, and the bounds on them. */
#include "unit.h"

#include "core/xml/framer.h"

#define HEADER "<stream:stream xmlns='jabber:client' to='verona.lit'>"

static const struct cpl_conn_limits none;

/* Feeds `text` in pieces and writes one letter for each event, "H5" for a header of which 5 bytes lie behind
 * the last event. */
static void feed(struct framer *framer, const struct cpl_conn_limits *limits, const char *text, size_t piece,
		 char *events, size_t size)
{
	struct cpl_str rest = cpl_str_of(text);
	size_t since = 0, taken, used = 0;
	enum framer_event event = FRAMER_MORE;

	events[0] = '\0';
	while (rest.len && event != FRAMER_ERROR) {
		event = framer_feed(framer, limits,
				    (struct cpl_str){rest.ptr, rest.len < piece ? rest.len : piece}, &taken);
		rest.ptr += taken;
		rest.len -= taken;
		since += taken;
		if (event == FRAMER_MORE)
			continue;
		used += (size_t)snprintf(events + used, size - used, "%c%zu ", "-HCESX"[event], since);
		assert_true(used < size);
		since = 0;
	}
}

static void check(const char *text, const char *expected)
{
	char events[256];

	for (size_t piece = 1; piece < 80; piece += 13) {
		struct framer framer = {0};

		feed(&framer, &none, text, piece, events, sizeof events);
		/* White space may come in pieces; nothing else may. */
		if (piece == 1 || !strchr(expected, 'S'))
			assert_string_equal(events, expected);
	}
}

static void test_stream(void **state)
{
	check(HEADER "<presence/><iq><a b='c'/></iq></stream:stream>", "H53 C11 C19 E16 ");
	check("<?xml version='1.0'?>\n" HEADER, "H75 ");
	check(" " HEADER " \n<a/>", "S1 H53 S1 S1 C4 ");
	check(HEADER "</stream:stream>\n", "H53 E16 S1 ");
}

static void test_tricky_ends(void **state)
{
	check(HEADER "<a b='>' c=\"/>'\"/>", "H53 C18 ");
	check(HEADER "<a>]]><b/></a>", "H53 C14 ");
	check(HEADER "<a><![CDATA[</a>]]]]]></a>", "H53 C26 ");
	check(HEADER "<a></a  ><b /><c\n/>", "H53 C9 C5 C5 ");
	check(HEADER "<a>'\"></a>", "H53 C10 ");
}

static void check_error(const char *text, const char *expected, enum cpl_stream_error error)
{
	struct framer framer = {0};
	char events[64];
	size_t taken;

	feed(&framer, &none, text, 7, events, sizeof events);
	assert_string_equal(events, expected);
	assert_int_equal(framer.error, error);
	assert_int_equal(framer_feed(&framer, &none, CPL_STR("<a/>"), &taken), FRAMER_ERROR);
	assert_int_equal(taken, 0);
}

/* RFC 6120 11.1 for what is restricted, 4.9.3 for the conditions. */
static void test_refused(void **state)
{
	check_error(HEADER "<!-- -->", "H53 X3 ", CPL_STREAM_RESTRICTED_XML);
	check_error(HEADER "<a><?php ?></a>", "H53 X5 ", CPL_STREAM_RESTRICTED_XML);
	check_error("<!DOCTYPE a>", "X3 ", CPL_STREAM_RESTRICTED_XML);
	check_error("<?xml version='1.0'?><?b?>", "X23 ", CPL_STREAM_RESTRICTED_XML);
	check_error(HEADER "text", "H53 X1 ", CPL_STREAM_BAD_FORMAT);
	check_error(HEADER "<![CDATA[x]]>", "H53 X3 ", CPL_STREAM_BAD_FORMAT);
	check_error("<stream:stream/>", "X16 ", CPL_STREAM_BAD_FORMAT);
	check_error("GET / HTTP/1.1\r\n", "X1 ", CPL_STREAM_NOT_WELL_FORMED);
	check_error("</stream:stream>", "X2 ", CPL_STREAM_NOT_WELL_FORMED);
	check_error(HEADER "</stream:stream><a/>", "H53 E16 X0 ", CPL_STREAM_NOT_WELL_FORMED);
	check_error("\x16\x03\x01", "X1 ", CPL_STREAM_NOT_WELL_FORMED);
}

static void check_limit(struct cpl_conn_limits limits, const char *text, const char *expected)
{
	struct framer framer = {0};
	char events[256];

	feed(&framer, &limits, text, 10, events, sizeof events);
	assert_string_equal(events, expected);
	if (strchr(expected, 'X'))
		assert_int_equal(framer.error, CPL_STREAM_POLICY_VIOLATION);
}

static void test_limits(void **state)
{
	check_limit((struct cpl_conn_limits){.stanza_bytes = 53}, HEADER "<presence/>", "H53 C11 ");
	check_limit((struct cpl_conn_limits){.stanza_bytes = 52}, HEADER, "X52 ");
	check_limit((struct cpl_conn_limits){.total_bytes = 64}, HEADER "<presence/>", "H53 C11 ");
	check_limit((struct cpl_conn_limits){.total_bytes = 63}, HEADER "<presence/>", "H53 X10 ");
	check_limit((struct cpl_conn_limits){.total_bytes = 56}, HEADER "   ", "H53 S3 ");
	check_limit((struct cpl_conn_limits){.total_bytes = 55}, HEADER "   ", "H53 S2 X0 ");
	check_limit((struct cpl_conn_limits){.stanza_depth = 2}, HEADER "<a><b/><b/></a>", "H53 C15 ");
	check_limit((struct cpl_conn_limits){.stanza_depth = 2}, HEADER "<a><b><c/></b></a>", "H53 X8 ");
	check_limit((struct cpl_conn_limits){.stanza_elements = 3}, HEADER "<a><b/><b/></a><a/>",
		    "H53 C15 C4 ");
	check_limit((struct cpl_conn_limits){.stanza_elements = 2}, HEADER "<a><b/><b/></a>", "H53 X9 ");
	check_limit((struct cpl_conn_limits){.total_elements = 3}, HEADER "<a/><a/><a/>", "H53 C4 C4 X2 ");
}

static void test_restart(void **state)
{
	struct framer framer = {0};
	char events[64];

	feed(&framer, &none, HEADER "<a/>", 99, events, sizeof events);
	framer_restart(&framer);
	assert_int_equal(framer.total_bytes, 57);
	assert_int_equal(framer.total_elements, 2);
	feed(&framer, &none, "<?xml version='1.0'?>" HEADER "<a/>", 99, events, sizeof events);
	assert_string_equal(events, "H74 C4 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),	cmocka_unit_test(test_tricky_ends),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
