/* SPDX-License-Identifier: MIT */
/* One conversation with coupletctl. */
#include "core/admin/peer.h"
#include "core/admin/command.h"
#include "core/admin/invocation.h"
#include "core/admin/form.h"
#include "core/admin/frame.h"
#include "core/loop/loop.h"
#include <couplet/log.h>
#include <couplet/time.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (256 * 1024)
/* What a command prints on its way is collected for so long, and how often it says how far it has come. */
enum { SOON_MS = 10, PROGRESS_MS = 200 };
#define PEER_DRAINED (256 * 1024) /* bytes of output that may wait when a command goes on */

struct peer {
	struct command_sink sink;
	struct loop_io io;
	struct loop_timer idle, soon;
	int64_t progress_at; /* when the client was told last how far it has come */
	struct cpl_buf in, out;
	size_t out_at;           /* sent already */
	struct cpl_buf words, password, input;
	struct cpl_invocation *running;
	bool busy;               /* a command is under way */
	bool asked, draining;    /* it waits for a record; for its output to be taken */
	bool over;
	unsigned inside;         /* our own functions on the stack, so it is not freed under them */
	void (*closed)(struct peer *peer, void *data);
	void *data;
};

static void wipe(struct cpl_buf *buf)
{
	if (buf->ptr)
		explicit_bzero(buf->ptr, buf->size);
	cpl_buf_finish(buf);
}

/* As cpl_buf_add(), but no copy of what is secret stays behind in freed memory. */
static void add_secret(struct cpl_buf *buf, struct cpl_str bytes)
{
	struct cpl_buf larger = {0};

	if (buf->len + bytes.len >= buf->size) {
		cpl_buf_reserve(&larger, 2 * (buf->len + bytes.len) + 1);
		cpl_buf_add(&larger, cpl_buf_str(buf));
		wipe(buf);
		*buf = larger;
	}
	cpl_buf_add(buf, bytes);
}

static void release(struct peer *peer)
{
	loop_io_stop(&peer->io);
	loop_timer_stop(&peer->idle);
	loop_timer_stop(&peer->soon);
	close(peer->io.fd);
	wipe(&peer->in);
	wipe(&peer->password);
	wipe(&peer->input);
	cpl_buf_finish(&peer->words);
	cpl_buf_finish(&peer->out);
	cpl_free(peer);
}

/* The conversation ends once nothing of ours is on the stack. */
static void leave(struct peer *peer)
{
	if (--peer->inside || !peer->over)
		return;
	if (peer->running)
		command_abandon(peer->running);
	if (peer->closed)
		peer->closed(peer, peer->data);
	release(peer);
}

static void on_idle(struct loop_timer *timer)
{
	struct peer *peer = CPL_CONTAINER(timer, struct peer, idle);

	peer->inside++;
	peer->over = true;
	leave(peer);
}

/* The conversation ends, in a later turn if a command prints right now: it still holds the sink. */
static void give_up(struct peer *peer)
{
	peer->over = true;
	loop_timer_start(&peer->idle, 0, on_idle);
}

static void flush(struct peer *peer)
{
	while (peer->out_at < peer->out.len && !peer->over) {
		ssize_t sent = send(peer->io.fd, peer->out.ptr + peer->out_at, peer->out.len - peer->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			give_up(peer);
		if (sent < 0)
			break;
		peer->out_at += (size_t)sent;
	}
	if (peer->out_at == peer->out.len) {
		cpl_buf_clear(&peer->out);
		peer->out_at = 0;
	}
	if (peer->draining && peer->out.len - peer->out_at < PEER_DRAINED && !peer->over) {
		peer->draining = false;
		invocation_drained(peer->running);
	}
	loop_io_set(&peer->io, peer->out.len ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void on_soon(struct loop_timer *timer)
{
	flush(CPL_CONTAINER(timer, struct peer, soon));
}

static void put(struct peer *peer, enum frame_type type, struct cpl_str payload)
{
	if (peer->over)
		return;
	if (peer->out.len - peer->out_at + payload.len > PEER_OUTPUT_MAX || payload.len > UINT32_MAX) {
		cpl_log_warn("control client dropped reason=\"it does not read its output\"");
		give_up(peer);
		return;
	}
	frame_add(&peer->out, type, payload);
	/* Small output waits for the command's end, or a moment, so that a short table is one write. */
	if (peer->io.events & LOOP_WRITE)
		return;
	if (peer->out.len - peer->out_at >= 65536)
		flush(peer);
	else if (peer->busy && !loop_timer_active(&peer->soon))
		loop_timer_start(&peer->soon, SOON_MS, on_soon);
}

/* ---- the sink ---- */

static struct peer *peer_of(struct command_sink *sink)
{
	return CPL_CONTAINER(sink, struct peer, sink);
}

static void on_columns(struct command_sink *sink, struct cpl_str names)
{
	put(peer_of(sink), FRAME_COLUMNS, names);
}

static void on_row(struct command_sink *sink, struct cpl_str array)
{
	put(peer_of(sink), FRAME_ROW, array);
}

static void on_text(struct command_sink *sink, struct cpl_str line)
{
	put(peer_of(sink), FRAME_TEXT, line);
}

static void on_complaint(struct command_sink *sink, struct cpl_str line)
{
	put(peer_of(sink), FRAME_COMPLAINT, line);
}

static void on_ask(struct command_sink *sink)
{
	struct peer *peer = peer_of(sink);

	peer->asked = true;
	put(peer, FRAME_ASK, CPL_STR(""));
	flush(peer);
}

static void on_save(struct command_sink *sink, struct cpl_str bytes)
{
	put(peer_of(sink), FRAME_SAVE, bytes);
}

static bool on_drain(struct command_sink *sink)
{
	struct peer *peer = peer_of(sink);

	peer->draining = peer->out.len - peer->out_at >= PEER_DRAINED;
	return !peer->draining;
}

static size_t on_waiting(struct command_sink *sink)
{
	const struct peer *peer = peer_of(sink);

	return peer->out.len - peer->out_at;
}

static void on_progress(struct command_sink *sink, uint64_t done, uint64_t total)
{
	struct peer *peer = peer_of(sink);
	int64_t now = cpl_monotonic();
	char text[48];

	if (now < peer->progress_at + PROGRESS_MS)
		return;
	peer->progress_at = now;
	snprintf(text, sizeof text, "%llu %llu", (unsigned long long)done, (unsigned long long)total);
	put(peer, FRAME_PROGRESS, cpl_str_of(text));
}

static void on_end(struct command_sink *sink, int exit_code, struct cpl_str reason)
{
	struct peer *peer = peer_of(sink);
	struct cpl_buf payload = {0};

	peer->inside++;
	peer->busy = peer->asked = peer->draining = false;
	peer->running = NULL;
	loop_timer_stop(&peer->soon);
	cpl_buf_add_char(&payload, (char)exit_code);
	cpl_buf_add(&payload, reason);
	put(peer, FRAME_END, cpl_buf_str(&payload));
	cpl_buf_finish(&payload);
	cpl_buf_clear(&peer->words);
	loop_timer_start(&peer->idle, PEER_IDLE_MS, on_idle);
	flush(peer);
	leave(peer);
}

/* ---- frames ---- */

static size_t split_words(const struct peer *peer, struct cpl_str words[FORM_WORDS])
{
	struct cpl_str rest = cpl_buf_str(&peer->words);
	size_t count = 0;

	while (rest.len && count < FORM_WORDS && cpl_str_split(&rest, '\0', &words[count]))
		count++;
	return count;
}

static void answer_match(struct peer *peer)
{
	struct cpl_str words[FORM_WORDS];
	size_t count = split_words(peer, words);
	struct cpl_buf text = {0};
	ptrdiff_t file_word;
	const struct cpl_command *command = command_match(words, count, &file_word);

	cpl_buf_addf(&text, "%d %td", command ? (int)command->flags : -1, file_word);
	put(peer, FRAME_ANSWER, cpl_buf_str(&text));
	cpl_buf_finish(&text);
	flush(peer);
}

static void run(struct peer *peer)
{
	struct cpl_str words[FORM_WORDS];
	size_t count = split_words(peer, words);
	struct cpl_str password = peer->password.len ? cpl_buf_str(&peer->password) : CPL_NONE;

	loop_timer_stop(&peer->idle);
	peer->busy = true;
	struct cpl_invocation *running = command_run(words, count, password, cpl_buf_str(&peer->input), &peer->sink);

	/* It may have ended inside, and its end been told already. */
	if (peer->busy)
		peer->running = running;
	wipe(&peer->password);
	wipe(&peer->input);
}

/* While a command runs that has asked for it. */
static bool take_record(struct peer *peer, const struct frame *frame)
{
	if (frame->type == FRAME_INPUT && peer->input.len + frame->payload.len <= FRAME_INPUT_MAX) {
		add_secret(&peer->input, frame->payload);
		return true;
	}
	if (frame->type != FRAME_RECORD)
		return false;
	peer->asked = false;
	/* It may have been cut meanwhile. */
	if (peer->running)
		invocation_take(peer->running, peer->input.len ? cpl_buf_str(&peer->input) : CPL_NONE);
	if (!peer->over)
		wipe(&peer->input);
	return true;
}

/* False: the client does not keep to the protocol. */
static bool take(struct peer *peer, const struct frame *frame)
{
	if (peer->busy)
		return peer->asked && take_record(peer, frame);
	switch (frame->type) {
	case FRAME_WORDS:
		cpl_buf_clear(&peer->words);
		cpl_buf_add(&peer->words, frame->payload);
		return frame->payload.len <= FRAME_WORDS_MAX && frame->payload.len && frame->payload.ptr[frame->payload.len - 1] == 0;
	case FRAME_MATCH:
		answer_match(peer);
		return true;
	case FRAME_PASSWORD:
		wipe(&peer->password);
		add_secret(&peer->password, frame->payload);
		return frame->payload.len <= FRAME_PASSWORD_MAX;
	case FRAME_INPUT:
		if (peer->input.len + frame->payload.len > FRAME_INPUT_MAX)
			return false;
		add_secret(&peer->input, frame->payload);
		return true;
	case FRAME_RUN:
		run(peer);
		return true;
	default:
		return false;
	}
}

static void take_all(struct peer *peer)
{
	struct cpl_str rest = cpl_buf_str(&peer->in);
	struct frame frame;
	int got;

	while (!peer->over && (got = frame_take(&rest, FRAME_PAYLOAD_MAX, &frame)) != 0) {
		if (got < 0 || !take(peer, &frame)) {
			cpl_log_warn("control client dropped reason=\"it does not speak our protocol\"");
			peer->over = true;
		}
	}
	size_t used = peer->in.len - rest.len;

	if (used && !peer->over) {
		memmove(peer->in.ptr, rest.ptr, rest.len);
		explicit_bzero(peer->in.ptr + rest.len, used);
		peer->in.len = rest.len;
	}
}

static void on_ready(struct loop_io *io, bool readable, bool writable)
{
	struct peer *peer = CPL_CONTAINER(io, struct peer, io);

	peer->inside++;
	if (writable)
		flush(peer);
	if (readable && !peer->over) {
		/* Room for the largest frame from the start: a buffer that grows leaves copies of secrets behind. */
		if (!peer->in.ptr)
			cpl_buf_reserve(&peer->in, FRAME_HEAD + FRAME_PAYLOAD_MAX + READ_SIZE);
		ssize_t got = recv(io->fd, peer->in.ptr + peer->in.len, READ_SIZE, MSG_DONTWAIT);

		if (got > 0) {
			peer->in.len += (size_t)got;
			take_all(peer);
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
			peer->over = true;
		}
	}
	leave(peer);
}

struct peer *peer_create(int fd, void (*closed)(struct peer *peer, void *data), void *data)
{
	struct peer *peer = CPL_NEW(struct peer);

	peer->sink = (struct command_sink){.columns = on_columns, .row = on_row, .text = on_text, .complaint = on_complaint, .end = on_end, .waiting = on_waiting,
					   .progress = on_progress, .ask = on_ask, .save = on_save, .drain = on_drain};
	peer->closed = closed;
	peer->data = data;
	peer->inside = 1;
	loop_io_start(&peer->io, fd, LOOP_READ, on_ready);
	loop_timer_start(&peer->idle, PEER_IDLE_MS, on_idle);
	put(peer, FRAME_HELLO, cpl_str_of(COUPLET_VERSION));
	flush(peer);
	peer->over = false; /* a client that is gone already is noticed by the first read */
	peer->inside = 0;
	return peer;
}

void peer_destroy(struct peer **peer)
{
	if (!*peer)
		return;
	if ((*peer)->running)
		command_abandon((*peer)->running);
	flush(*peer);
	release(*peer);
	*peer = NULL;
}
