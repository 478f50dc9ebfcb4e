/* SPDX-License-Identifier: MIT */
/* Commands that go on until nobody looks any more. */
#include "core/admin/watch.h"

#include "core/admin/invocation.h"
#include "core/base/clock.h"
#include "core/base/logger_levels.h"
#include "core/loop/loop.h"
#include "core/module/manager.h"
#include "core/xmpp/trace.h"

#include <couplet/time.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct watch {
	struct cpl_call call; /* under way for as long as somebody watches */
	struct trace_watcher stanzas;
	struct cpl_list node; /* of those that watch the log */
	struct cpl_invocation *in;
	struct cpl_jid jid; /* not set: all */
	struct cpl_str module; /* CPL_NONE: all */
	enum cpl_log_level level;
	int64_t left; /* rows; -1: without end */
	uint64_t dropped, told;
};

static struct cpl_list logs = {&logs, &logs};

/* ---- rows ---- */

/* An address is wanted when it is the one that was named, or one of its resources, or of its domain. */
static bool jid_fits(struct cpl_jid wanted, struct cpl_jid jid)
{
	if (!cpl_jid_is_set(jid) || !cpl_str_equal(cpl_jid_domain(wanted), cpl_jid_domain(jid)))
		return false;
	if (wanted.local_len && !cpl_str_equal(cpl_jid_local(wanted), cpl_jid_local(jid)))
		return false;
	return !wanted.resource_len || cpl_str_equal(cpl_jid_resource(wanted), cpl_jid_resource(jid));
}

/* False: this row is lost, as the client does not read, or it has enough. */
static bool row_begin(struct watch *w)
{
	if (!cpl_call_pending(&w->call) || w->left == 0)
		return false;
	if (invocation_waiting(w->in) > WATCH_WAITING) {
		w->dropped++;
		return false;
	}
	if (w->dropped > w->told) {
		cpl_complain(w->in, "%llu dropped: more than could be read", (unsigned long long)(w->dropped - w->told));
		w->told = w->dropped;
	}
	cpl_row_begin(w->in);
	return true;
}

static void row_time(struct watch *w)
{
	char text[CPL_TIME_TEXT], with_ms[CPL_TIME_TEXT + 8];
	int64_t now = clock_system_now();
	struct cpl_str second = cpl_time_format(now - now % 1000, text);

	snprintf(with_ms, sizeof with_ms, "%.*s.%03dZ", (int)second.len - 1, second.ptr, (int)(now % 1000));
	cpl_row_text(w->in, cpl_str_of(with_ms));
}

static void row_end(struct watch *w)
{
	cpl_row_end(w->in);
	if (w->left > 0 && --w->left == 0)
		cpl_call_complete(&w->call, 0);
}

/* ---- stanzas ---- */

static void seen(struct trace_watcher *watcher, const struct trace_view *view)
{
	struct watch *w = CPL_CONTAINER(watcher, struct watch, stanzas);

	if (w->module.ptr && !cpl_str_is(w->module, view->module))
		return;
	if (cpl_jid_is_set(w->jid) && !jid_fits(w->jid, view->session->jid) && !jid_fits(w->jid, view->from) && !jid_fits(w->jid, view->to))
		return;
	if (!row_begin(w))
		return;
	row_time(w);
	cpl_row_text(w->in, view->out ? CPL_STR("out") : CPL_STR("in"));
	cpl_row_text(w->in, view->session->id);
	cpl_row_text(w->in, cpl_jid_is_set(view->session->jid) ? cpl_jid_str(view->session->jid) : CPL_NONE);
	cpl_row_text(w->in, cpl_str_of(view->module));
	cpl_row_text(w->in, view->text);
	row_end(w);
}

/* ---- the log ---- */

struct line {
	struct line *next;
	enum cpl_log_level level;
	size_t module_len, len;
	char text[]; /* the module, then the message */
};

static struct {
	pthread_mutex_t lock;
	struct line *first, **last;
	size_t count, dropped;
	bool posted;
	struct loop_task task;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Any thread. */
static void tap(enum cpl_log_level level, const char *module, struct cpl_str message)
{
	size_t module_len = strlen(module);
	struct line *line = malloc(sizeof *line + module_len + message.len);
	bool post = false;

	pthread_mutex_lock(&ring.lock);
	if (!line || ring.count == WATCH_LINES) {
		ring.dropped++;
		free(line);
	} else {
		*line = (struct line){.level = level, .module_len = module_len, .len = message.len};
		memcpy(line->text, module, module_len);
		memcpy(line->text + module_len, message.ptr, message.len);
		if (!ring.first)
			ring.last = &ring.first;
		*ring.last = line;
		ring.last = &line->next;
		ring.count++;
		post = !ring.posted;
		ring.posted = true;
	}
	pthread_mutex_unlock(&ring.lock);
	if (post)
		loop_post(&ring.task);
}

/* True when some field of the message has the address as its value, with or without a resource. */
static bool names_jid(struct cpl_str message, struct cpl_jid jid)
{
	struct cpl_str rest = message, word, address = cpl_jid_str(jid);

	while (cpl_str_split(&rest, ' ', &word)) {
		ptrdiff_t at = cpl_str_find(word, '=');
		struct cpl_str value = at < 0 ? CPL_NONE : (struct cpl_str){word.ptr + at + 1, word.len - (size_t)at - 1};

		if (value.len < address.len || !cpl_str_starts(value, address)) {
			ptrdiff_t sign = jid.local_len ? -1 : cpl_str_find(value, '@');

			/* A domain is wanted: whoever is there. */
			if (sign < 0)
				continue;
			value = (struct cpl_str){value.ptr + sign + 1, value.len - (size_t)sign - 1};
			if (!cpl_str_starts(value, address))
				continue;
		}
		if (value.len == address.len || value.ptr[address.len] == '/')
			return true;
	}
	return false;
}

static void show_line(struct watch *w, const struct line *line)
{
	struct cpl_str module = {line->text, line->module_len}, message = {line->text + line->module_len, line->len};

	if (line->level < w->level || (w->module.ptr && !cpl_str_equal(w->module, module)))
		return;
	if ((cpl_jid_is_set(w->jid) && !names_jid(message, w->jid)) || !row_begin(w))
		return;
	row_time(w);
	cpl_row_text(w->in, cpl_str_of(logger_level_name(line->level)));
	cpl_row_text(w->in, module);
	cpl_row_text(w->in, message);
	row_end(w);
}

static void show_lines(struct loop_task *task)
{
	struct line *line, *next;
	size_t dropped;

	pthread_mutex_lock(&ring.lock);
	line = ring.first;
	dropped = ring.dropped;
	ring.first = NULL;
	ring.count = ring.dropped = 0;
	ring.posted = false;
	pthread_mutex_unlock(&ring.lock);
	for (; line; line = next) {
		next = line->next;
		CPL_LIST_EACH(node, &logs)
		{
			show_line(CPL_CONTAINER(node, struct watch, node), line);
		}
		free(line);
	}
	CPL_LIST_EACH(node, &logs)
	{
		CPL_CONTAINER(node, struct watch, node)->dropped += dropped;
	}
}

static void tap_update(void)
{
	enum cpl_log_level lowest = CPL_LOG_ERROR;

	CPL_LIST_EACH(node, &logs)
	{
		const struct watch *w = CPL_CONTAINER(node, struct watch, node);

		if (w->level < lowest)
			lowest = w->level;
	}
	ring.task.run = show_lines;
	logger_tap_set(cpl_list_empty(&logs) ? NULL : tap, lowest);
}

/* ---- the commands ---- */

/* The client has gone, or has as many rows as it wanted. */
static void ended(struct cpl_call *call)
{
	struct watch *w = CPL_CONTAINER(call, struct watch, call);

	trace_unwatch(&w->stanzas);
	if (cpl_list_linked(&w->node)) {
		cpl_list_remove(&w->node);
		tap_update();
	}
	if (w->dropped > w->told)
		cpl_complain(w->in, "%llu dropped: more than could be read", (unsigned long long)(w->dropped - w->told));
	cpl_done(w->in);
}

/* The filters; NULL when one of them is wrong, and refused. */
static struct watch *watch_create(struct cpl_invocation *in)
{
	struct cpl_arena *arena = cpl_invocation_arena(in);
	struct watch *w = cpl_arena_alloc(arena, sizeof *w);
	struct cpl_str jid = cpl_flag_value(in, "jid"), module = cpl_flag_value(in, "module"), count = cpl_flag_value(in, "count");
	bool remote = cpl_jid_is_set(cpl_invocation_actor(in));

	w->in = in;
	w->left = -1;
	if (jid.ptr && cpl_jid_parse(&w->jid, jid, arena) < 0) {
		cpl_refuse(in, "--jid: \"%.*s\" is not an address such as romeo@example.org or example.org", CPL_ARG(jid));
		return NULL;
	}
	if (module.ptr && !cpl_str_is(module, "core") && !manager_find(module)) {
		cpl_refuse(in, "--module: there is no module %.*s; see module list (the server itself is core)", CPL_ARG(module));
		return NULL;
	}
	w->module = module.ptr ? cpl_arena_copy(arena, module) : CPL_NONE;
	if (count.ptr && !cpl_str_to_int(count, 1, remote ? WATCH_ROWS_MAX : INT64_MAX, &w->left)) {
		cpl_refuse(in, "--count: \"%.*s\" is not a number of rows from 1%s", CPL_ARG(count), remote ? " to 1000" : "");
		return NULL;
	}
	if (remote && !count.ptr) {
		cpl_refuse(in, "count is missing: over XMPP a watch ends after a number of rows, 1 to %d", WATCH_ROWS_MAX);
		return NULL;
	}
	return w;
}

static bool watch_begin(struct watch *w)
{
	if (cpl_call_begin(&w->call, cpl_invocation_scope(w->in), ended, NULL) == 0)
		return true;
	cpl_refuse(w->in, "the server is stopping");
	return false;
}

static void run_stanzas(struct cpl_module *self, struct cpl_invocation *in)
{
	struct watch *w = watch_create(in);

	if (!w || !watch_begin(w))
		return;
	w->stanzas.seen = seen;
	trace_watch(&w->stanzas);
}

static void run_log(struct cpl_module *self, struct cpl_invocation *in)
{
	struct watch *w = watch_create(in);
	struct cpl_str level;

	if (!w)
		return;
	level = cpl_flag_value(in, "level");
	w->level = CPL_LOG_INFO;
	if (level.ptr && !logger_level_of(level, &w->level)) {
		cpl_refuse(in, "--level: \"%.*s\" is none of debug, info, warn, error", CPL_ARG(level));
		return;
	}
	if (!watch_begin(w))
		return;
	cpl_list_append(&logs, &w->node);
	tap_update();
}

const struct cpl_command builtin_watch[] = {
	{"watch stanzas [--jid <word>] [--module <word>] [--count <int>]", "Shows stanzas as they come in and go out, until interrupted.",
	 "All that clients and components send and get, without what people say: each text is replaced by its length in bytes, passwords and the content of SASL by [-]. With --jid "
	 "only what is from or to that address, or a session of it; with --module only what that module sends; with --count so many. Rows that cannot be shown in time are dropped and "
	 "their number is told. Nobody is slowed down.",
	 "time,way,session,jid,module,stanza", CPL_COMMAND_LIVE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_stanzas},
	{"watch log [--level <word>] [--jid <word>] [--module <word>] [--count <int>]", "Shows lines of the log as they are written, until interrupted.",
	 "From the level that is named on, info if none is, whatever the log itself takes. With --jid only lines that have the address in one of their fields, with --module only those "
	 "of that module.",
	 "time,level,module,message", CPL_COMMAND_LIVE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_log},
	CPL_COMMAND_END,
};
