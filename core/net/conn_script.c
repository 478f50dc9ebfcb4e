/* SPDX-License-Identifier: MIT */
/* The scripted connection. */
#include "core/net/conn_script.h"
#include "core/base/account.h"
#include "core/net/conn_input.h"
#include "core/net/later.h"
#include "core/net/stream_text.h"
#include <assert.h>
#include <couplet/time.h>
#include <stdio.h>

struct conn_script {
	struct cpl_conn conn;
	struct conn_input input;
	struct later later;
	struct cpl_buf waiting; /* written while the peer does not read */
	struct cpl_buf received;
	struct cpl_str binding;
	enum cpl_conn_end end;
	bool ending;
	bool turning; /* between start_tls() and `secured` */
	bool blocked;
	bool above_half;
	bool drained;
	bool reported;
};

static struct conn_script *script_of(struct cpl_conn *conn)
{
	return CPL_CONTAINER(conn, struct conn_script, conn);
}

static void do_later(struct later *later)
{
	struct conn_script *script = CPL_CONTAINER(later, struct conn_script, later);
	struct cpl_conn *conn = &script->conn;

	if (script->ending) {
		script->reported = true;
		cpl_scope_end(&conn->scope);
		conn->events->closed(conn, script->end, NULL);
		return;
	}
	if (script->turning) {
		script->turning = false;
		conn->secure = true;
		conn->events->secured(conn);
	}
	if (script->drained && !script->ending) {
		script->drained = false;
		conn->events->drained(conn);
	}
	if (!script->ending)
		conn_input_continue(&script->input);
}

static void begin_end(struct conn_script *script, enum cpl_conn_end end)
{
	if (script->ending)
		return;
	script->ending = true;
	script->end = end;
	conn_input_stop(&script->input);
	later_ask(&script->later, do_later);
}

static void deliver(struct conn_script *script)
{
	cpl_buf_add(&script->received, cpl_buf_str(&script->waiting));
	script->conn.bytes_out += script->waiting.len;
	cpl_buf_clear(&script->waiting);
	if (!script->above_half)
		return;
	script->above_half = false;
	script->drained = true;
	later_ask(&script->later, do_later);
}

static void queue(struct conn_script *script, struct cpl_str bytes)
{
	size_t bound = script->input.limits->output_bytes;
	struct account *before = account_as_core();

	cpl_buf_add(&script->waiting, bytes);
	if (!script->blocked)
		deliver(script);
	account_back(before);
	if (!script->blocked)
		return;
	if (bound && script->waiting.len > bound / 2)
		script->above_half = true;
	if (bound && script->waiting.len > bound)
		begin_end(script, CPL_END_OVERFLOW);
}

/* ---- ops ---- */

static void op_open(struct cpl_conn *conn, const struct cpl_stream_header *header)
{
	struct conn_script *script = script_of(conn);
	struct cpl_buf text = {0};

	if (script->ending)
		return;
	stream_text_header(&text, header);
	queue(script, cpl_buf_str(&text));
	cpl_buf_finish(&text);
}

static void op_write(struct cpl_conn *conn, struct cpl_str bytes)
{
	struct conn_script *script = script_of(conn);

	if (script->ending || !bytes.len)
		return;
	conn->elements_out++;
	queue(script, bytes);
}

static void op_start_tls(struct cpl_conn *conn)
{
	struct conn_script *script = script_of(conn);

	if (script->ending || conn->secure || script->turning)
		return;
	conn_input_restart(&script->input, true);
	script->turning = true;
	later_ask(&script->later, do_later);
}

static void op_restart(struct cpl_conn *conn)
{
	struct conn_script *script = script_of(conn);

	if (script->ending)
		return;
	conn_input_restart(&script->input, !conn->secure);
	if (conn_input_waiting(&script->input))
		later_ask(&script->later, do_later);
}

static void op_pause(struct cpl_conn *conn)
{
	conn_input_pause(&script_of(conn)->input);
}

static void op_resume(struct cpl_conn *conn)
{
	struct conn_script *script = script_of(conn);

	if (conn_input_resume(&script->input) && !script->ending && conn_input_waiting(&script->input))
		later_ask(&script->later, do_later);
}

static void op_set_limits(struct cpl_conn *conn, const struct cpl_conn_limits *limits)
{
	conn_input_set_limits(&script_of(conn)->input, limits);
}

static void op_close_stream(struct cpl_conn *conn)
{
	struct conn_script *script = script_of(conn);

	if (!script->ending)
		queue(script, STREAM_TEXT_END);
}

static void op_end(struct cpl_conn *conn, int64_t linger_ms)
{
	begin_end(script_of(conn), CPL_END_LOCAL);
}

static size_t op_binding(struct cpl_conn *conn, enum cpl_binding kind, unsigned char *out)
{
	struct cpl_str binding = script_of(conn)->binding;

	if (!conn->secure || !binding.len)
		return 0;
	if (out)
		memcpy(out, binding.ptr, binding.len);
	return binding.len;
}

static struct cpl_str op_describe(struct cpl_conn *conn, char *buffer, size_t size)
{
	snprintf(buffer, size, "script%s", conn->secure ? " (secure)" : "");
	return cpl_str_of(buffer);
}

static size_t op_memory(const struct cpl_conn *conn)
{
	const struct conn_script *script = CPL_CONTAINER(conn, const struct conn_script, conn);

	return sizeof(*script) + conn_input_memory(&script->input) + script->waiting.size;
}

static const struct cpl_conn_ops ops = {
	.open = op_open,
	.write = op_write,
	.start_tls = op_start_tls,
	.restart = op_restart,
	.pause = op_pause,
	.resume = op_resume,
	.set_limits = op_set_limits,
	.close_stream = op_close_stream,
	.end = op_end,
	.binding = op_binding,
	.describe = op_describe,
	.memory = op_memory,
};

/* ---- the peer ---- */

struct conn_script *conn_script_create(const struct conn_script_options *options)
{
	struct conn_script *script = CPL_NEW(struct conn_script);

	assert(options->binding.len <= 64);
	script->conn = (struct cpl_conn){
		.ops = &ops,
		.events = options->events,
		.owner = options->owner,
		.service = options->service,
		.secure = options->secure,
		.opened_at = cpl_now(),
	};
	snprintf(script->conn.address, sizeof(script->conn.address), "%s",
		 options->address ? options->address : "192.0.2.1:40001");
	cpl_scope_init(&script->conn.scope, NULL);
	script->input.conn = &script->conn;
	conn_input_set_limits(&script->input, &options->limits);
	script->binding = options->binding;
	return script;
}

void conn_script_destroy(struct conn_script **script)
{
	struct conn_script *dying = *script;

	*script = NULL;
	if (!dying)
		return;
	assert(dying->reported && dying->conn.scope.refs == 0);
	later_cancel(&dying->later);
	conn_input_finish(&dying->input);
	cpl_buf_finish(&dying->waiting);
	cpl_buf_finish(&dying->received);
	cpl_free(dying);
}

struct cpl_conn *conn_script_conn(struct conn_script *script)
{
	return &script->conn;
}

void conn_script_feed(struct conn_script *script, struct cpl_str bytes)
{
	assert(!script->turning);
	script->conn.bytes_in += bytes.len;
	conn_input_feed(&script->input, bytes);
}

void conn_script_lose(struct conn_script *script, enum cpl_conn_end end)
{
	if (end == CPL_END_EOF && script->input.closing && !script->input.stopped)
		return;
	begin_end(script, end);
}

void conn_script_block(struct conn_script *script, bool blocked)
{
	script->blocked = blocked;
	if (!blocked && !script->ending)
		deliver(script);
}

void conn_script_idle(struct conn_script *script)
{
	if (!script->ending)
		script->conn.events->idle(&script->conn);
}

char *conn_script_take(struct conn_script *script)
{
	cpl_buf_reserve(&script->received, 0);
	return cpl_buf_take(&script->received);
}

bool conn_script_closed(const struct conn_script *script)
{
	return script->reported;
}
