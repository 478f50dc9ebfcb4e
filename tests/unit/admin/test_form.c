/* SPDX-License-Identifier: MIT */
/* Templates of commands, words against them, and frames. */
#include "unit.h"
#include "core/admin/form.h"
#include "core/admin/frame.h"
#include "core/admin/local.h"
#include <couplet/memory.h>

static struct cpl_arena *arena;
static struct form form;
static struct form_match match;
static struct cpl_error error;

static int setup(void **state)
{
	(void)state;
	arena = cpl_arena_create();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cpl_arena_destroy(&arena);
	return 0;
}

/* Matches a line, split at blanks. */
static int try(const char *template, const char *line)
{
	struct cpl_str words[FORM_WORDS], rest = cpl_str_of(line);
	size_t count = 0;

	assert_int_equal(form_parse(&form, template, &error), 0);
	while (rest.len && cpl_str_split(&rest, ' ', &words[count]))
		count++;
	error = (struct cpl_error){0};
	return form_match(&form, words, count, arena, &match, &error);
}

static void words_and_holes(void **state)
{
	(void)state;
	assert_int_equal(try("user add <account>", "user add romeo@example.org"), 0);
	assert_str(match.arguments[0], "romeo@example.org");
	assert_int_equal(form.tokens[2].type, FORM_ACCOUNT);
	assert_int_equal(try("user add <account>", "user add"), CPL_E_INVALID);
	assert_int_equal(try("user add <account>", "user add a b"), CPL_E_INVALID);
	assert_int_equal(try("user add <account>", "user del a"), CPL_E_INVALID);
	assert_int_equal(try("status", ""), CPL_E_INVALID);
}

static void optional_groups(void **state)
{
	(void)state;
	assert_int_equal(try("list [<host>]", "list"), 0);
	assert_null(match.arguments[0].ptr);
	assert_int_equal(try("list [<host>]", "list example.org"), 0);
	assert_str(match.arguments[0], "example.org");
	/* One group is taken whole or not at all. */
	assert_int_equal(try("show [from <int:first> <int:last>] <word>", "show x"), 0);
	assert_str(match.arguments[2], "x");
	assert_null(match.arguments[0].ptr);
	assert_int_equal(try("show [from <int:first> <int:last>] <word>", "show from 1 2 x"), 0);
	assert_str(match.arguments[1], "2");
	assert_int_equal(try("show [from <int:first> <int:last>] <word>", "show from 1 x"), CPL_E_INVALID);
	assert_int_equal(try("a [<word:b>] [<word:c>]", "a 1"), 0);
	assert_str(match.arguments[0], "1");
	assert_null(match.arguments[1].ptr);
}

static void options_stand_anywhere(void **state)
{
	static const char *const template = "close <full> [--reason <text>] [--now]";
	static const char *const lines[] = {"close --reason bye --now a@b/c", "close a@b/c --now --reason bye", "--now --reason=bye close a@b/c"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(try(template, lines[i]), 0);
		assert_str(match.arguments[0], "a@b/c");
		assert_str(match.values[0], "bye");
		assert_true(match.given[1]);
	}
	assert_int_equal(try(template, "close a@b/c"), 0);
	assert_false(match.given[0]);
	assert_null(match.values[0].ptr);
	assert_int_equal(try(template, "close -- --now"), 0);
	assert_str(match.arguments[0], "--now");
	assert_int_equal(try(template, "close x --reason"), CPL_E_INVALID);
	assert_string_equal(error.text, "--reason wants a value");
	assert_int_equal(try(template, "close x --now=1"), CPL_E_INVALID);
	assert_int_equal(try(template, "close x --now --now"), CPL_E_INVALID);
	assert_string_equal(error.text, "--now is given twice");
	assert_int_equal(try(template, "close x --later"), CPL_E_INVALID);
	assert_string_equal(error.text, "this command has no option --later");
}

static void what_does_not_fit_is_named(void **state)
{
	(void)state;
	assert_int_equal(try("trace [on <int>] <word:state>", "trace"), CPL_E_INVALID);
	assert_string_equal(error.text, "<state> is missing");
	assert_int_equal(try("user list", "user"), CPL_E_INVALID);
	assert_string_equal(error.text, "\"list\" is missing");
	assert_int_equal(try("user list [<host>]", "user list a b"), CPL_E_INVALID);
	assert_string_equal(error.text, "\"b\" is a word too many");
	assert_int_equal(try("top [of <word>]", "top 3"), CPL_E_INVALID);
	assert_string_equal(error.text, "\"3\" has no place there");
}

static void text_takes_the_rest(void **state)
{
	(void)state;
	assert_int_equal(try("say <jid> <text>", "say a@b good night"), 0);
	assert_str(match.arguments[1], "good night");
	assert_int_equal(try("help [<text:command>]", "help"), 0);
	assert_null(match.arguments[0].ptr);
	assert_int_equal(try("help [<text:command>]", "help user list"), 0);
	assert_str(match.arguments[0], "user list");
}

static void the_file_is_found(void **state)
{
	(void)state;
	assert_int_equal(try("user import <file> [--dry]", "user --dry import accounts.txt"), 0);
	assert_int_equal(match.file_word, 3);
	assert_int_equal(try("user import <file> [--dry]", "user import -"), 0);
	assert_int_equal(match.file_word, 2);
	assert_int_equal(try("status", "status"), 0);
	assert_int_equal(match.file_word, -1);
}

static void templates_that_are_none(void **state)
{
#define WORD " is neither a word (a-z, 0-9, _ and -, which is not the first) nor an argument <type>"
#define BRACKET " has a bracket in it: brackets stand around whole words, and not in brackets"
#define NAME " is no word (a-z, 0-9, _ and -, which is not the first)"
#define TYPES " is none of jid, account, full, host, module, file, int, word, text"
	static const struct {
		const char *template, *why;
	} of[] = {
		{"", "it is empty"},
		{"   ", "it is empty"},
		{"<word> x", "it does not begin with a word, which is not optional"},
		{"[x] y", "it does not begin with a word, which is not optional"},
		{"[--x]", "it does not begin with a word, which is not optional"},
		{"hello count <", "the argument \"<\" has no closing \">\", or a blank before it"},
		{"a <word", "the argument \"<word\" has no closing \">\", or a blank before it"},
		{"a <word:the name> b", "the argument \"<word:the\" has no closing \">\", or a blank before it"},
		{"a <word>b", "the argument \"<word>b\" has no closing \">\", or a blank before it"},
		{"a <>", "the argument \"<>\" has no type: write <type> or <type:label>"},
		{"a <:b>", "the argument \"<:b>\" has no type: write <type> or <type:label>"},
		{"a <word:>", "the argument \"<word:>\" has no label behind \":\""},
		{"a <wrod>", "the type \"wrod\" of the argument \"<wrod>\"" TYPES},
		{"a <Word:b>", "the type \"Word\" of the argument \"<Word:b>\"" TYPES},
		{"a [b <what>]", "the type \"what\" of the argument \"<what>\"" TYPES},
		{"A", "\"A\"" WORD},
		{"a -b", "\"-b\"" WORD},
		{"a b>", "\"b>\"" WORD},
		{"a b]", "\"b]\"" BRACKET},
		{"a b[<word>]", "\"b[<word>]\"" BRACKET},
		{"a [b [c]]", "\"[c\"" BRACKET},
		{"a [b  c]", "there is more than one blank between words in brackets"},
		{"a [<word", "\"[<word\" has no closing \"]\""},
		{"a [", "\"[\" has no closing \"]\""},
		{"a []", "there is nothing in \"[]\""},
		{"a [  ]", "there is nothing in \"[  ]\""},
		{"a --flag", "the option \"--flag\" is not in brackets of its own, [--name] or [--name <type>]"},
		{"a [b --flag]", "the option \"--flag\" is not in brackets of its own, [--name] or [--name <type>]"},
		{"a [--]", "the name of the option \"--\"" NAME},
		{"a [--Flag]", "the name of the option \"--Flag\"" NAME},
		{"a [---x]", "the name of the option \"---x\"" NAME},
		{"a [--x ]", "the value \"\" of the option \"--x\" is no argument <type>"},
		{"a [--x y]", "the value \"y\" of the option \"--x\" is no argument <type>"},
		{"a [--x <what>]", "the type \"what\" of the argument \"<what>\"" TYPES},
		{"a [--x <word> b]", "the argument \"<word> b\" has no closing \">\", or a blank before it"},
		{"a [--x <word]", "the argument \"<word\" has no closing \">\", or a blank before it"},
		{"a <text> b", "something stands behind the argument \"text\" of the type text, which takes the rest of the line"},
		{"a [<text:b>] <word>", "something stands behind the argument \"b\" of the type text, which takes the rest of the line"},
		{"a b c d e f g h i j k l m n o p q", "it has more than 16 words and arguments"},
		{"a [b c d e f g h i j k l m n o p q]", "it has more than 16 words and arguments"},
		{"a [--a] [--b] [--c] [--d] [--e] [--f] [--g] [--h] [--i]", "it has more than 8 options"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		snprintf(text, sizeof(text), "\"%s\" is not the form of a command: %s", of[i].template, of[i].why);
		error = (struct cpl_error){0};
		assert_int_equal(form_parse(&form, of[i].template, &error), CPL_E_INVALID);
		assert_int_equal(error.code, CPL_E_INVALID);
		assert_string_equal(error.text, text);
		assert_int_equal(form_parse(&form, of[i].template, NULL), CPL_E_INVALID);
	}
	/* The most that there can be. */
	assert_int_equal(form_parse(&form, "a b c d e f g h i j k l m n o p [--a] [--b] [--c] [--d] [--e] [--f] [--g] [--h]", &error), 0);
#undef WORD
#undef BRACKET
#undef NAME
#undef TYPES
}

static void forms_print_as_they_are_written(void **state)
{
	struct cpl_buf out = {0};

	(void)state;
	assert_int_equal(form_parse(&form, "close <word:address>  [from <int> <int:last>] [--reason <text>] [--now]", &error), 0);
	form_print(&form, &out);
	assert_string_equal(out.ptr, "close <address> [from <int> <last>] [--reason <text>] [--now]");
	cpl_buf_finish(&out);
}

static void same_words(void **state)
{
	struct form a, b;

	(void)state;
	assert_int_equal(form_parse(&a, "user list", &error) + form_parse(&b, "user list <host>", &error), 0);
	assert_true(form_same_words(&a, &b));
	assert_int_equal(form_parse(&b, "user lists", &error), 0);
	assert_false(form_same_words(&a, &b));
	assert_int_equal(form_parse(&b, "user <host>", &error), 0);
	assert_false(form_same_words(&a, &b));
}

static void own_commands_have_forms(void **state)
{
	(void)state;
	for (int i = 0; i < LOCAL_COUNT; i++) {
		assert_int_equal(form_parse(&form, command_local[i].form, &error), 0);
		assert_null(command_local[i].run);
	}
	assert_null(command_local[LOCAL_COUNT].form);
}

static void frames_there_and_back(void **state)
{
	struct cpl_buf bytes = {0};
	struct frame frame;

	(void)state;
	frame_add(&bytes, FRAME_WORDS, CPL_STR("status\0"));
	frame_add(&bytes, FRAME_RUN, CPL_STR(""));
	/* However the bytes are cut, a frame comes out only when it is whole. */
	for (size_t cut = 0; cut < bytes.len; cut++) {
		struct cpl_str rest = {bytes.ptr, cut};
		int whole = 0;

		while (frame_take(&rest, 100, &frame) == 1)
			whole++;
		assert_int_equal(whole, cut >= FRAME_HEAD + 7);
	}
	struct cpl_str rest = cpl_buf_str(&bytes);

	assert_int_equal(frame_take(&rest, 100, &frame), 1);
	assert_int_equal(frame.type, FRAME_WORDS);
	assert_int_equal(frame.payload.len, 7);
	assert_int_equal(frame_take(&rest, 100, &frame), 1);
	assert_int_equal(frame.type, FRAME_RUN);
	assert_int_equal(rest.len, 0);
	rest = cpl_buf_str(&bytes);
	assert_int_equal(frame_take(&rest, 6, &frame), -1);
	rest = (struct cpl_str){"\xff\xff\xff\xffx", 5};
	assert_int_equal(frame_take(&rest, FRAME_PAYLOAD_MAX, &frame), -1);
	cpl_buf_finish(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_and_holes, setup, teardown),
		cmocka_unit_test_setup_teardown(optional_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(options_stand_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(text_takes_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_is_found, setup, teardown),
		cmocka_unit_test(templates_that_are_none),
		cmocka_unit_test(forms_print_as_they_are_written),
		cmocka_unit_test(same_words),
		cmocka_unit_test(own_commands_have_forms),
		cmocka_unit_test(frames_there_and_back),
	};

	return cmocka_run_group_tests_name("core/admin/form", tests, NULL, NULL);
}
