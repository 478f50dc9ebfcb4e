/* SPDX-License-Identifier: MIT */
/* Commands by way of a conversation over a socket pair: rows, lines, refusals, usage, late ends, clients that go, modules that go. */
#include "unit.h"
#include "core/admin/command.h"
#include "core/admin/frame.h"
#include "core/admin/peer.h"
#include "core/loop/loop.h"
#include <sys/socket.h>
#include <unistd.h>

static int end;              /* the client's */
static struct peer *peer;
static bool peer_over;
static struct cpl_buf heard; /* all frames, as "TYPE payload\n" */
static struct cpl_call timer;
static struct cpl_invocation *held;
static unsigned late;

static void run_table(struct cpl_module *self, struct cpl_invocation *in)
{
	(void)self;
	for (int i = 0; i < 2; i++) {
		cpl_row_begin(in);
		cpl_row_text(in, i ? CPL_STR("a\"b\n") : CPL_NONE);
		cpl_row_int(in, -i);
		cpl_row_bool(in, i);
		cpl_row_end(in);
	}
	cpl_done(in);
}

static void run_say(struct cpl_module *self, struct cpl_invocation *in)
{
	(void)self;
	cpl_say(in, "%.*s|%.*s|%d", CPL_ARG(cpl_arg(in, 0)), CPL_ARG(cpl_flag_value(in, "to")), cpl_flag(in, "loud"));
	cpl_complain(in, "careful");
	cpl_refuse(in, "no: %d", 7);
}

static void run_read(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str line;
	size_t lines = 0, bytes = 0;

	(void)self;
	while (cpl_next_line(in, &line)) {
		lines++;
		bytes += line.len;
	}
	cpl_say(in, "%zu lines, %zu bytes, password %.*s", lines, bytes, CPL_ARG(cpl_password(in)));
	cpl_done(in);
}

static void on_time(struct cpl_call *call)
{
	if (call->status < 0)
		late++;
	if (call->status < 0)
		cpl_refuse(held, "cancelled");
	else
		cpl_done(held);
}

static void run_wait(struct cpl_module *self, struct cpl_invocation *in)
{
	(void)self;
	held = in;
	assert_int_equal(cpl_timer_start(&timer, cpl_invocation_scope(in), cpl_arg_int(in, 0), on_time), 0);
}

/* Ends in a later turn, though not by a call of its scope. */
static void run_hold(struct cpl_module *self, struct cpl_invocation *in)
{
	(void)self;
	held = in;
}

static void run_flood(struct cpl_module *self, struct cpl_invocation *in)
{
	char line[65536];

	(void)self;
	memset(line, 'x', sizeof line);
	for (unsigned i = 0; i < PEER_OUTPUT_MAX / sizeof line + 100; i++)
		cpl_say(in, "%.*s", (int)sizeof line, line);
	cpl_done(in);
}

static const struct cpl_command commands[] = {
	{"test table", "A table.", NULL, "text,number,truth", CPL_COMMAND_OFFLINE, run_table},
	{"test say <word> [--to <word>] [--loud]", "Says.", NULL, NULL, 0, run_say},
	{"test read <file>", "Reads.", "At length.", NULL, CPL_COMMAND_INPUT | CPL_COMMAND_PASSWORD, run_read},
	{"test wait <int:ms>", "Waits.", NULL, NULL, 0, run_wait},
	{"test hold", "Holds.", NULL, NULL, 0, run_hold},
	{"test flood", "Floods.", NULL, NULL, 0, run_flood},
	{"test address <full>", "Takes an address.", NULL, NULL, 0, run_hold},
	{"test explain [<text:command>]", "Explains.", NULL, NULL, 0, NULL},
	CPL_COMMAND_END,
};

static void on_closed(struct peer *gone, void *data)
{
	(void)data;
	assert_ptr_equal(gone, peer);
	peer = NULL;
	peer_over = true;
}

static int setup(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(loop_init(true), 0);
	assert_int_equal(command_add(NULL, commands, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	end = ends[0];
	late = 0;
	peer_over = false;
	peer = peer_create(ends[1], on_closed, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_destroy(&peer);
	close(end);
	for (int i = 0; i < 3; i++)
		loop_turn(0);
	command_remove(NULL);
	loop_finish();
	cpl_buf_finish(&heard);
	return 0;
}

/* Turns the loop until nothing happens and returns all that came, as text. */
static const char *hear(void)
{
	static struct cpl_buf bytes;
	struct frame frame;

	cpl_buf_clear(&bytes);
	cpl_buf_clear(&heard);
	for (int quiet = 0; quiet < 3;) {
		quiet = loop_turn(0) ? 0 : quiet + 1;
		ssize_t got = recv(end, cpl_buf_reserve(&bytes, 65536), 65536, MSG_DONTWAIT);

		if (got > 0) {
			bytes.len += (size_t)got;
			quiet = 0;
		}
	}
	struct cpl_str rest = cpl_buf_str(&bytes);

	while (frame_take(&rest, 1 << 20, &frame) == 1) {
		if (frame.type == FRAME_END)
			cpl_buf_addf(&heard, "x %d %.*s\n", frame.payload.ptr[0], (int)frame.payload.len - 1, frame.payload.ptr + 1);
		else if (frame.type != FRAME_HELLO)
			cpl_buf_addf(&heard, "%c %.*s\n", frame.type, CPL_ARG(frame.payload));
	}
	cpl_buf_finish(&bytes);
	return cpl_buf_str(&heard).ptr;
}

static void put(enum frame_type type, struct cpl_str payload)
{
	struct cpl_buf bytes = {0};

	frame_add(&bytes, type, payload);
	assert_int_equal(send(end, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
	cpl_buf_finish(&bytes);
}

static void put_words(const char *line)
{
	struct cpl_buf words = {0};

	for (; *line; line++)
		cpl_buf_add_char(&words, *line == ' ' ? 0 : *line);
	cpl_buf_add_char(&words, 0);
	put(FRAME_WORDS, cpl_buf_str(&words));
	cpl_buf_finish(&words);
}

static const char *run(const char *line)
{
	put_words(line);
	put(FRAME_RUN, CPL_STR(""));
	return hear();
}

static void tables_come_as_rows(void **state)
{
	(void)state;
	assert_string_equal(run("test table"), "c text,number,truth\no [null,0,false]\no [\"a\\\"b\\n\",-1,true]\nx 0 \n");
	/* The conversation goes on. */
	assert_string_equal(run("test say hello --loud"), "t hello||1\ne careful\nx 1 no: 7\n");
	assert_string_equal(run("test say hello --to=me"), "t hello|me|0\ne careful\nx 1 no: 7\n");
}

static void wrong_words_are_usage(void **state)
{
	(void)state;
	assert_string_equal(run("test say"), "e usage: coupletctl test say <word> [--to <word>] [--loud]\n"
					     "x 2 <word> is missing\n");
	assert_non_null(strstr(run("test foo"), "e usage: coupletctl test table\n"));
	assert_non_null(strstr(cpl_buf_str(&heard).ptr, "x 2 there is no command \"test foo\"; see coupletctl help\n"));
	assert_string_equal(run("tset"), "x 2 there is no command \"tset\", did you mean \"test\"?; see coupletctl help\n");
	assert_string_equal(run("test wait soon"), "e usage: coupletctl test wait <ms>\nx 2 \"soon\" is not a whole number\n");
	assert_string_equal(run("test address romeo@example.org"),
			    "e usage: coupletctl test address <full>\nx 2 \"romeo@example.org\" is not an address with a resource\n");
	assert_string_equal(run("test explain"), "x 1 this is done by coupletctl itself, without the server\n");
}

static void the_client_can_ask_first(void **state)
{
	(void)state;
	put_words("test read x");
	put(FRAME_MATCH, CPL_STR(""));
	assert_string_equal(hear(), "a 6 2\n");
	put_words("test table");
	put(FRAME_MATCH, CPL_STR(""));
	assert_string_equal(hear(), "a 1 -1\n");
	put_words("test");
	put(FRAME_MATCH, CPL_STR(""));
	assert_string_equal(hear(), "a -1 -1\n");
}

static void input_and_password(void **state)
{
	(void)state;
	put(FRAME_INPUT, CPL_STR("one\r\ntw"));
	put(FRAME_INPUT, CPL_STR("o\n\nlast"));
	put(FRAME_PASSWORD, CPL_STR("rose"));
	assert_string_equal(run("test read -"), "t 4 lines, 10 bytes, password rose\nx 0 \n");
	/* They are gone with the command. */
	assert_string_equal(run("test read -"), "t 0 lines, 0 bytes, password \nx 0 \n");
}

static void ends_may_come_later(void **state)
{
	(void)state;
	assert_string_equal(run("test wait 1000"), "");
	loop_advance(1000);
	assert_string_equal(hear(), "x 0 \n");
	assert_string_equal(run("test table"), "c text,number,truth\no [null,0,false]\no [\"a\\\"b\\n\",-1,true]\nx 0 \n");
}

static void a_client_that_goes_cancels(void **state)
{
	(void)state;
	run("test wait 1000");
	shutdown(end, SHUT_RDWR);
	hear();
	assert_true(peer_over);
	assert_int_equal(late, 1);
}

static void a_client_that_goes_is_not_written_to(void **state)
{
	(void)state;
	run("test hold");
	shutdown(end, SHUT_RDWR);
	hear();
	assert_true(peer_over);
	cpl_say(held, "nobody hears this");
	cpl_done(held);
}

static void a_module_that_goes_ends_its_commands(void **state)
{
	(void)state;
	run("test wait 1000");
	command_remove(NULL);
	assert_string_equal(hear(), "x 1 the module was unloaded meanwhile\n");
	assert_int_equal(late, 1);
	assert_non_null(strstr(run("test table"), "x 2 there is no command"));
}

/* A reload: what runs goes on in the former code; a new table that does not fit leaves the former one. */
static void a_module_s_next_generation_takes_over(void **state)
{
	static const struct cpl_command now[] = {{"test later", "Another.", NULL, "text,number,truth", 0, run_table}, CPL_COMMAND_END};
	static const struct cpl_command faulty[] = {{"test twice", "Once.", NULL, NULL, 0, run_hold}, {"test twice", "Twice.", NULL, NULL, 0, run_hold}, CPL_COMMAND_END};
	struct cpl_error error;

	(void)state;
	run("test hold");
	assert_int_equal(command_replace(NULL, NULL, faulty, &error), CPL_E_CONFLICT);
	assert_int_equal(command_replace(NULL, NULL, now, &error), 0);
	assert_int_equal(heard.len, 0);
	cpl_done(held);
	assert_string_equal(hear(), "x 0 \n");
	assert_non_null(strstr(run("test table"), "x 2 there is no command"));
	assert_int_equal(command_replace(NULL, NULL, faulty, &error), CPL_E_CONFLICT);
	assert_non_null(strstr(run("test later"), "x 0 "));
	assert_int_equal(command_replace(NULL, NULL, NULL, &error), 0);
	assert_non_null(strstr(run("test later"), "x 2 there is no command"));
}

static void two_with_the_same_words(void **state)
{
	static const struct cpl_command other[] = {{"other", "Other.", NULL, NULL, 0, run_hold}, {"test table", "Same.", NULL, NULL, 0, run_hold}, CPL_COMMAND_END};
	struct cpl_error error;

	(void)state;
	assert_int_equal(command_add(NULL, other, &error), CPL_E_CONFLICT);
	/* All or nothing. */
	assert_non_null(strstr(run("other"), "x 2 there is no command"));
}

static void dropped(enum frame_type type, struct cpl_str payload)
{
	put(type, payload);
	hear();
	assert_true(peer_over);
}

static void strangers_are_dropped(void **state)
{
	(void)state;
	dropped('?', CPL_STR("what"));
}

static void frames_too_long_are_dropped(void **state)
{
	(void)state;
	assert_int_equal(send(end, "\x7f\0\0\0w", 5, 0), 5);
	hear();
	assert_true(peer_over);
}

static void words_without_end_are_dropped(void **state)
{
	(void)state;
	dropped(FRAME_WORDS, CPL_STR("status"));
}

static void impatience_is_dropped(void **state)
{
	(void)state;
	run("test wait 1000");
	dropped(FRAME_RUN, CPL_STR(""));
	assert_int_equal(late, 1);
}

static void one_who_does_not_read_is_dropped(void **state)
{
	(void)state;
	put_words("test flood");
	put(FRAME_RUN, CPL_STR(""));
	for (int i = 0; i < 10 && !peer_over; i++)
		loop_turn(0);
	loop_advance(1);
	for (int i = 0; i < 3; i++)
		loop_turn(0);
	assert_true(peer_over);
}

static void one_who_sleeps_is_dropped(void **state)
{
	(void)state;
	hear();
	loop_advance(PEER_IDLE_MS);
	hear();
	assert_true(peer_over);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tables_come_as_rows),
		TEST(wrong_words_are_usage),
		TEST(the_client_can_ask_first),
		TEST(input_and_password),
		TEST(ends_may_come_later),
		TEST(a_client_that_goes_cancels),
		TEST(a_client_that_goes_is_not_written_to),
		TEST(a_module_that_goes_ends_its_commands),
		TEST(a_module_s_next_generation_takes_over),
		TEST(two_with_the_same_words),
		TEST(strangers_are_dropped),
		TEST(frames_too_long_are_dropped),
		TEST(words_without_end_are_dropped),
		TEST(impatience_is_dropped),
		TEST(one_who_does_not_read_is_dropped),
		TEST(one_who_sleeps_is_dropped),
	};

	return cmocka_run_group_tests_name("core/admin/command", tests, NULL, NULL);
}
