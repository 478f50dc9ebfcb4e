/* SPDX-License-Identifier: MIT */
/* One command: carried out by coupletctl itself, or by the server in one exchange. */
#include "core/admin/command.h"
#include "core/admin/ctl.h"
#include "core/admin/local.h"
#include <time.h>
#include <unistd.h>

/* ---- commands of our own ---- */

static int print_version(const struct ctl *ctl)
{
	struct ctl_link link;

	enum ctl_state state = ctl_link_open(ctl, &link);
	char server[128] = "the server is not running";
	size_t count = 0;

	if (state == CTL_UNKNOWN)
		return 1;
	if (state == CTL_RUNNING) {
		snprintf(server, sizeof server, "couplet %s, process %d", link.version, (int)link.server);
		ctl_link_close(&link);
	}
	if (!ctl->json)
		return printf("coupletctl %s\n%s\n", COUPLET_VERSION, server) < 0;
	ctl_json_line(&count, CPL_STR("coupletctl " COUPLET_VERSION));
	ctl_json_line(&count, cpl_str_of(server));
	ctl_json_end(count);
	return 0;
}

static int generate_certificate(const struct ctl *ctl)
{
	const char *arguments[] = {"--offline", "cert", "generate", NULL, NULL, NULL, NULL, NULL, NULL};

	/* "cert generate HOST [--out FILE]" is at most five words, "--" included: the form has been matched. */
	for (size_t i = 0; i < ctl->count && i < 5; i++)
		arguments[1 + i] = ctl->words[i].ptr;
	return ctl_run_couplet(ctl, arguments);
}

/* ---- the others ---- */

static bool send_words(const struct ctl *ctl, struct ctl_link *link)
{
	struct cpl_buf words = {0};

	for (size_t i = 0; i < ctl->count; i++) {
		cpl_buf_add(&words, ctl->words[i]);
		cpl_buf_add_char(&words, 0);
	}
	bool good = words.len <= FRAME_WORDS_MAX && ctl_link_send(link, FRAME_WORDS, cpl_buf_str(&words));

	cpl_buf_finish(&words);
	return good;
}

/* What the command wants from us beforehand. -1: go on; else the exit code. */
static int prepare(const struct ctl *ctl, struct ctl_link *link, struct ctl_stream *stream)
{
	char password[FRAME_PASSWORD_MAX + 1] = "";
	struct frame answer;
	int flags = -1, file = -1;

	if (!send_words(ctl, link) || !ctl_link_send(link, FRAME_MATCH, CPL_STR("")) ||
	    !ctl_link_receive(link, &answer, link->offline ? -1 : CTL_HELLO_MS) || answer.type != FRAME_ANSWER)
		return ctl_complain("the server does not answer: nothing was done");
	char *text = cpl_strdup(answer.payload);
	bool good = sscanf(text, "%d %d", &flags, &file) == 2;

	cpl_free(text);
	if (!good)
		return ctl_complain("the server is of another version");
	/* Nothing fits the words: the server says it better. */
	if (flags < 0)
		return -1;
	if (link->offline && !(flags & CPL_COMMAND_OFFLINE))
		return ctl_complain("the server is not running, which this command needs: see coupletctl start");
	link->live = flags & CPL_COMMAND_LIVE;
	if (flags & CPL_COMMAND_CONFIRM && !ctl_confirm(ctl))
		return 1;
	if (flags & CPL_COMMAND_PASSWORD) {
		good = ctl_read_password(ctl, password) && ctl_link_send(link, FRAME_PASSWORD, cpl_str_of(password));
		explicit_bzero(password, sizeof password);
		if (!good)
			return 1;
	}
	if (file > 0 && (size_t)file < ctl->count &&
	    ((flags & COMMAND_RECORDS && !ctl_stream_read(ctl, stream, ctl->words[file - 1], ctl->words[file].ptr)) ||
	     (flags & COMMAND_SAVE && !ctl_stream_write(stream, ctl->words[file].ptr))))
		return 1;
	if (flags & CPL_COMMAND_INPUT && file >= 0 && (size_t)file < ctl->count && !ctl_send_file(link, ctl->words[file].ptr))
		return 1;
	return -1;
}

struct output {
	struct ctl_stream *stream; /* NULL: nothing is exported or imported */
	struct ctl_table table;
	size_t lines; /* as JSON */
	bool progress; /* the last line of the terminal says how far it has come */
	int64_t began;
};

static void clear_progress(struct output *o)
{
	if (o->progress)
		fputs("\r\033[K", stderr);
	o->progress = false;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* "12345 of 100000, 2345 a second, 37 s to go", on a terminal only. */
static void show_progress(struct output *o, struct cpl_str payload)
{
	unsigned long long done = 0, total = 0;
	int64_t ms = now_ms() - o->began;
	char text[64];

	snprintf(text, sizeof text, "%.*s", CPL_ARG(payload));
	if (!isatty(STDERR_FILENO) || sscanf(text, "%llu %llu", &done, &total) != 2)
		return;
	unsigned long long rate = ms > 0 ? done * 1000 / (unsigned long long)ms : 0;

	fprintf(stderr, "\r\033[K%llu", done);
	if (total)
		fprintf(stderr, " of %llu", total);
	fprintf(stderr, ", %llu a second", rate);
	if (total > done && rate)
		fprintf(stderr, ", %llu s to go", (total - done) / rate + 1);
	fflush(stderr);
	o->progress = true;
}

/* -1: more is to come; else the exit code. */
static int take_frame(const struct ctl *ctl, struct ctl_link *link, struct output *o, const struct frame *frame)
{
	if (frame->type != FRAME_PROGRESS && frame->type != FRAME_ASK && frame->type != FRAME_SAVE)
		clear_progress(o);
	switch (frame->type) {
	case FRAME_ASK:
		return o->stream && ctl_stream_answer(o->stream, link) ? -1 : 1;
	case FRAME_SAVE:
		return o->stream && ctl_stream_save(o->stream, frame->payload) ? -1 : 1;
	case FRAME_COLUMNS:
		ctl_table_begin(&o->table, ctl->json, link->live, frame->payload);
		return -1;
	case FRAME_ROW:
		return ctl_table_row(&o->table, frame->payload) ? -1 : ctl_complain("the server is of another version");
	case FRAME_TEXT:
		if (ctl->json)
			ctl_json_line(&o->lines, frame->payload);
		else if (cpl_str_is(ctl->words[0], "help"))
			ctl_print_wrapped(frame->payload);
		else
			/* The standard output may be the file that is written. */
			ctl_print_line(o->stream && o->stream->path && !o->stream->part ? stderr : stdout, frame->payload);
		return -1;
	case FRAME_COMPLAINT:
		fflush(stdout);
		ctl_print_line(stderr, frame->payload);
		return -1;
	case FRAME_PROGRESS:
		show_progress(o, frame->payload);
		return -1;
	case FRAME_END:
		return frame->payload.len ? (unsigned char)frame->payload.ptr[0] : 1;
	default:
		return ctl_complain("the server is of another version");
	}
}

/* Prints what comes until the end. The exit code. */
static int print_output(const struct ctl *ctl, struct ctl_link *link, struct ctl_stream *stream)
{
	struct output o = {.stream = stream, .began = now_ms()};
	struct frame frame = {0};
	int code = -1;

	while (code < 0 && ctl_link_receive(link, &frame, -1))
		code = take_frame(ctl, link, &o, &frame);
	clear_progress(&o);
	if (o.table.columns)
		ctl_table_end(&o.table);
	else if (ctl->json && (code == 0 || o.lines))
		ctl_json_end(o.lines);
	if (code < 0 && ctl_interrupted && link->live)
		return 0;
	if (code < 0 && ctl_interrupted) {
		ctl_complain("interrupted: what has been done until now stays");
		return 130;
	}
	if (code < 0)
		return ctl_complain("the connection ended before the command was done: it may have been carried out or not");
	if (frame.type == FRAME_END && frame.payload.len > 1)
		ctl_complain("%.*s", CPL_ARG(((struct cpl_str){frame.payload.ptr + 1, frame.payload.len - 1})));
	return code;
}

static int run_remote(const struct ctl *ctl)
{
	struct ctl_stream stream = {.fd = -1};
	struct ctl_link link;

	if (ctl_link_open_any(ctl, &link) == CTL_UNKNOWN)
		return 1;
	/* From here on an interrupt ends in good order: a couplet of our own lets go of the data before we are gone. */
	ctl_catch_interrupts(ctl, true);
	int code = prepare(ctl, &link, &stream);

	if (code < 0)
		code = ctl_link_send(&link, FRAME_RUN, CPL_STR("")) ? print_output(ctl, &link, &stream) : ctl_complain("the server has gone");
	ctl_catch_interrupts(ctl, false);
	code = ctl_stream_end(&stream, code);
	if (!ctl_link_close(&link) && code == 0)
		code = ctl_complain("couplet did not end as it should");
	return code;
}

/* Everywhere else top is a command like others: one table. */
static bool is_live_top(const struct ctl *ctl)
{
	return ctl->count == 1 && cpl_str_is(ctl->words[0], "top") && !ctl->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* ---- commands that a couplet of our own carries out ---- */

static int run_words(const struct ctl *ctl)
{
	struct ctl_link link;
	int code = 1;

	if (ctl_link_open_words(ctl, &link)) {
		ctl_catch_interrupts(ctl, true);
		code = print_output(ctl, &link, NULL);
		ctl_catch_interrupts(ctl, false);
	}
	ctl_link_close(&link);
	return code;
}

/* The server takes new certificates at a reload. */
static int import_certificates(const struct ctl *ctl)
{
	static const char words[] = "reload";
	struct ctl_link link;
	struct frame frame = {0};
	int code = run_words(ctl);
	bool dry = false;

	for (size_t i = 0; i < ctl->count; i++)
		dry = dry || cpl_str_is(ctl->words[i], "--dry-run");
	if (dry || ctl_link_open(ctl, &link) != CTL_RUNNING)
		return code;
	bool good = ctl_link_send(&link, FRAME_WORDS, (struct cpl_str){words, sizeof words}) && ctl_link_send(&link, FRAME_RUN, CPL_STR(""));

	while (good && ctl_link_receive(&link, &frame, -1) && frame.type != FRAME_END)
		if (frame.type == FRAME_COMPLAINT)
			ctl_print_line(stderr, frame.payload);
	if (!good || frame.type != FRAME_END || !frame.payload.len || frame.payload.ptr[0])
		code = ctl_complain("the server could not be reloaded: it has the former certificates");
	ctl_link_close(&link);
	return code;
}

/* -1: it is none of ours. */
static int run_local(const struct ctl *ctl)
{
	static const char *const test[] = {"-t", NULL};
	struct cpl_arena *arena = cpl_arena_create();
	struct form_match match;
	struct form form;
	int which = 0;

	while (which < LOCAL_COUNT && !(form_parse(&form, command_local[which].form, NULL) == 0 &&
					form_match(&form, ctl->words, ctl->count, arena, &match, NULL) == 0))
		which++;
	cpl_arena_destroy(&arena);
	switch ((enum local_command)which) {
	case LOCAL_START:
		return ctl_start(ctl);
	case LOCAL_STOP:
		return ctl_stop(ctl);
	case LOCAL_RESTART:
		return ctl_restart(ctl);
	case LOCAL_CHECK:
		return ctl_run_couplet(ctl, test) ? ctl_complain("with this configuration no server starts") : 0;
	case LOCAL_CERTIFICATE:
		return generate_certificate(ctl);
	case LOCAL_VERSION:
		return print_version(ctl);
	case LOCAL_SERVER_CHECK:
	case LOCAL_CERT_CHECK:
		return run_words(ctl);
	case LOCAL_CERT_IMPORT:
		return import_certificates(ctl);
	case LOCAL_SHELL:
		return ctl_shell(ctl);
	case LOCAL_COUNT:
		break;
	}
	return -1;
}

int ctl_run(const struct ctl *ctl)
{
	int code = run_local(ctl);

	if (code < 0 && is_live_top(ctl))
		code = ctl_top(ctl);
	return code < 0 ? run_remote(ctl) : code;
}
