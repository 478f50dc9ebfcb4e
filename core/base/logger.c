/* SPDX-License-Identifier: MIT */
/*
 * The log: lines are formed by whoever logs, queued, and written by one thread, so that only that thread
 * waits for a stalled sink.
 */
#include "core/base/logger.h"
#include "core/base/account.h"
#include "core/base/clock.h"
#include "core/base/logger_journal.h"
#include "core/base/logger_line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define QUEUE_LINES 8192
#define QUEUE_BYTES (4u << 20)
/* How long logger_finish() waits for a sink that takes nothing. */
#define FINISH_MS 2000

static const int level_priority[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

struct sink {
	enum logger_sink kind;
	int fd; /* of a file, or the socket of the journal; -1: none */
	char *path;
	bool journal; /* stderr goes to systemd's journal */
};

/*
 * What the queue holds: a line, or an order to the writer thread. malloc() rather than cpl_alloc(): no memory
 * means a lost line.
 */
struct item {
	struct item *next;
	enum { ITEM_LINE, ITEM_SINK, ITEM_REOPEN } what;
	enum cpl_log_level level;
	struct sink sink;
	size_t head; /* bytes of `text` before the module's name: time and level */
	size_t len;
	char text[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled; /* for the writer */
	pthread_cond_t idle;   /* for those who wait until all is written */
	struct item *first, **last;
	size_t lines, bytes;
	size_t dropped, told; /* lines lost in all, and those that the log itself has reported */
	bool running, ending, busy;
	int64_t deadline; /* while ending: when to give up, on the system's monotonic clock */
	pthread_t thread;
	char *memory;
	size_t memory_len, memory_size;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
	   .filled = PTHREAD_COND_INITIALIZER,
	   .idle = PTHREAD_COND_INITIALIZER};

/* The writer thread's. */
static struct sink sink = {.kind = LOGGER_STDERR, .fd = -1};

static __attribute__((format(printf, 2, 0))) struct item *item_create(enum cpl_log_level level,
								      const char *format, va_list args)
{
	char message[MESSAGE_MAX], head[64];
	struct account *account = account_now.account;
	int len = vsnprintf(message, sizeof(message), format, args);
	size_t name_len = strlen(account->name), head_len = line_head(head, sizeof(head), level), at, room;
	struct cpl_str text;
	struct item *item;

	if (len < 0)
		return NULL;
	text = (struct cpl_str){message, (size_t)len < sizeof(message) ? (size_t)len : sizeof(message) - 1};
	room = 4 * text.len;
	if (room > MESSAGE_MAX)
		room = MESSAGE_MAX;
	item = malloc(sizeof(*item) + head_len + name_len + 2 + room + 2);
	if (!item)
		return NULL;
	*item = (struct item){.what = ITEM_LINE, .level = level, .head = head_len};
	memcpy(item->text, head, head_len);
	memcpy(item->text + head_len, account->name, name_len);
	at = head_len + name_len;
	item->text[at++] = ':';
	item->text[at++] = ' ';
	at += line_escape(item->text + at, room, text);
	item->text[at++] = '\n';
	item->text[at] = '\0';
	item->len = at;
	return item;
}

/* True when the logger ends and has waited long enough. */
static bool late(void)
{
	bool ending;

	pthread_mutex_lock(&queue.lock);
	ending = queue.ending && clock_system_monotonic() > queue.deadline;
	pthread_mutex_unlock(&queue.lock);
	return ending;
}

/*
 * False when the bytes could not be written. Waits for a full pipe, and while the logger ends only until the
 * deadline.
 */
static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		struct pollfd poller = {.fd = fd, .events = POLLOUT};
		/* A pipe that polls as writable takes PIPE_BUF bytes without blocking. */
		size_t piece = len < 4096 ? len : 4096;
		ssize_t wrote;

		while (poll(&poller, 1, late() ? 0 : 100) <= 0)
			if (late())
				return false;
		wrote = write(fd, bytes, piece);
		if (wrote < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (wrote < 0)
			return false;
		bytes += wrote;
		len -= (size_t)wrote;
	}
	return true;
}

static bool write_journal(const struct item *item)
{
	char line[MESSAGE_MAX + 128];
	int len =
		snprintf(line, sizeof(line), "<%d>%s", level_priority[item->level], item->text + item->head);

	return write_all(STDERR_FILENO, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static bool write_memory(const struct item *item)
{
	bool kept = true;

	pthread_mutex_lock(&queue.lock);
	if (queue.memory_len + item->len + 1 > queue.memory_size) {
		size_t size = (queue.memory_len + item->len + 1) * 2;
		char *grown = realloc(queue.memory, size);

		kept = grown != NULL;
		if (grown) {
			queue.memory = grown;
			queue.memory_size = size;
		}
	}
	if (kept) {
		memcpy(queue.memory + queue.memory_len, item->text, item->len + 1);
		queue.memory_len += item->len;
	}
	pthread_mutex_unlock(&queue.lock);
	return kept;
}

static void line_write(const struct item *item)
{
	bool written = true;

	switch (sink.kind) {
	case LOGGER_STDERR:
		written =
			sink.journal ? write_journal(item) : write_all(STDERR_FILENO, item->text, item->len);
		break;
	case LOGGER_FILE:
		written = write_all(sink.fd, item->text, item->len);
		break;
	case LOGGER_JOURNAL:
		written = journal_write(sink.fd, sink.path, level_priority[item->level],
					(struct cpl_str){item->text + item->head, item->len - item->head - 1});
		break;
	case LOGGER_SYSLOG:
		syslog(level_priority[item->level], "%s", item->text + item->head);
		break;
	case LOGGER_MEMORY:
		written = write_memory(item);
		break;
	}
	if (!written) {
		pthread_mutex_lock(&queue.lock);
		queue.dropped++;
		pthread_mutex_unlock(&queue.lock);
	}
}

static __attribute__((format(printf, 2, 3))) void line_writef(enum cpl_log_level level, const char *format, ...)
{
	struct item *item;
	va_list args;

	va_start(args, format);
	item = item_create(level, format, args);
	va_end(args);
	if (item)
		line_write(item);
	free(item);
}

static void sink_close(struct sink *old)
{
	if (old->fd >= 0)
		close(old->fd);
	free(old->path);
	if (old->kind == LOGGER_SYSLOG)
		closelog();
	*old = (struct sink){.kind = LOGGER_STDERR, .fd = -1};
}

/* O_NONBLOCK matters for a FIFO only: opening one must not wait for a reader. */
static int file_open(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void sink_reopen(void)
{
	int fd;

	if (sink.kind != LOGGER_FILE)
		return;
	fd = file_open(sink.path);
	if (fd < 0) {
		line_writef(CPL_LOG_ERROR,
			    "log file not opened again, writing to the old one path=%s error=\"%s\"",
			    sink.path, strerror(errno));
		return;
	}
	close(sink.fd);
	sink.fd = fd;
}

static void item_run(struct item *item)
{
	switch (item->what) {
	case ITEM_LINE:
		line_write(item);
		break;
	case ITEM_SINK:
		sink_close(&sink);
		sink = item->sink;
		if (sink.kind == LOGGER_SYSLOG)
			openlog("couplet", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		break;
	case ITEM_REOPEN:
		sink_reopen();
		break;
	}
}

/* Under the lock. True: the writer sleeps and is to be woken, without the lock, which it would wait for. */
static bool queue_append(struct item *item)
{
	if (!queue.first)
		queue.last = &queue.first;
	item->next = NULL;
	*queue.last = item;
	queue.last = &item->next;
	if (item->what == ITEM_LINE) {
		queue.lines++;
		queue.bytes += item->len;
	}
	return queue.first == item;
}

/* An order, which a logger that does not run needs not carry out. */
static void order(struct item *item)
{
	bool wake = false;

	pthread_mutex_lock(&queue.lock);
	if (queue.running)
		wake = queue_append(item);
	else
		free(item);
	pthread_mutex_unlock(&queue.lock);
	if (wake)
		pthread_cond_signal(&queue.filled);
}

/* A line leaves the bound only when it is written: what the writer holds in its hand counts. */
static void items_finish(struct item *first)
{
	pthread_mutex_lock(&queue.lock);
	for (const struct item *item = first; item; item = item->next) {
		queue.lines -= item->what == ITEM_LINE;
		queue.bytes -= item->what == ITEM_LINE ? item->len : 0;
	}
	pthread_mutex_unlock(&queue.lock);
	while (first) {
		struct item *next = first->next;

		free(first);
		first = next;
	}
}

/* Lines that go into a stream with one write, as many as a pipe takes whole. */
static struct {
	struct item *first, **last;
	char text[4096];
	size_t len, lines;
} joined;

static void joined_write(void)
{
	if (!joined.first)
		return;
	if (!write_all(sink.kind == LOGGER_FILE ? sink.fd : STDERR_FILENO, joined.text, joined.len)) {
		pthread_mutex_lock(&queue.lock);
		queue.dropped += joined.lines;
		pthread_mutex_unlock(&queue.lock);
	}
	items_finish(joined.first);
	joined.first = NULL;
	joined.len = joined.lines = 0;
}

/* False: it has to be run alone. */
static bool join(struct item *item)
{
	bool stream = sink.kind == LOGGER_FILE || (sink.kind == LOGGER_STDERR && !sink.journal);

	if (item->what != ITEM_LINE || !stream || item->len > sizeof(joined.text))
		return false;
	if (joined.len + item->len > sizeof(joined.text))
		joined_write();
	if (!joined.first)
		joined.last = &joined.first;
	*joined.last = item;
	joined.last = &item->next;
	memcpy(joined.text + joined.len, item->text, item->len);
	joined.len += item->len;
	joined.lines++;
	return true;
}

static void items_run(struct item *item)
{
	while (item) {
		struct item *next = item->next;

		item->next = NULL;
		if (!join(item)) {
			joined_write();
			item_run(item);
			items_finish(item);
		}
		item = next;
	}
	joined_write();
}

static void *writer(void *unused)
{
	/* A line can wait until whoever logged it has nothing else to do. */
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &(struct sched_param){0});
	pthread_mutex_lock(&queue.lock);
	while (queue.first || !queue.ending) {
		struct item *item = queue.first;
		size_t lost;

		if (!item) {
			queue.busy = false;
			pthread_cond_broadcast(&queue.idle);
			pthread_cond_wait(&queue.filled, &queue.lock);
			continue;
		}
		queue.busy = true;
		queue.first = NULL;
		pthread_mutex_unlock(&queue.lock);
		items_run(item);
		pthread_mutex_lock(&queue.lock);
		lost = queue.dropped - queue.told;
		queue.told = queue.dropped;
		pthread_mutex_unlock(&queue.lock);
		if (lost)
			line_writef(CPL_LOG_WARN, "log lines dropped, the log could not keep up count=%zu", lost);
		pthread_mutex_lock(&queue.lock);
	}
	queue.busy = false;
	pthread_cond_broadcast(&queue.idle);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

void cpl_log_write(enum cpl_log_level level, const char *format, ...)
{
	const char *module = account_now.account->name;
	unsigned wanted = logger_judge(level, module);
	struct item *item;
	bool wake = false;
	va_list args;

	if (!wanted)
		return;
	va_start(args, format);
	item = item_create(level, format, args);
	va_end(args);
	if (item && wanted & LOGGER_TAP) {
		size_t at = item->head + strlen(module) + 2;

		logger_tap(level, module, (struct cpl_str){item->text + at, item->len - at - 1});
	}
	if (!(wanted & LOGGER_WRITE)) {
		free(item);
		return;
	}
	pthread_mutex_lock(&queue.lock);
	if (!item) {
		queue.dropped++;
	} else if (!queue.running) {
		/* One write per line, and a full stderr loses it. */
		if (write(STDERR_FILENO, item->text, item->len) < 0)
			queue.dropped++;
		free(item);
	} else if (queue.lines >= QUEUE_LINES || queue.bytes + item->len > QUEUE_BYTES) {
		queue.dropped++;
		free(item);
	} else {
		wake = queue_append(item);
	}
	pthread_mutex_unlock(&queue.lock);
	if (wake)
		pthread_cond_signal(&queue.filled);
}

/*
 * systemd names the stream's device and inode in JOURNAL_STREAM; a child whose stderr went elsewhere has the
 * variable too.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(stream, mine) == 0;
}

static int sink_open(struct sink *out, const struct logger_options *options, struct cpl_error *error)
{
	const char *path = options->path;

	*out = (struct sink){.kind = options->sink, .fd = -1};
	if (options->sink == LOGGER_STDERR)
		out->journal = stderr_is_journal();
	if (options->sink != LOGGER_FILE && options->sink != LOGGER_JOURNAL)
		return 0;
	if (options->sink == LOGGER_JOURNAL && !path)
		path = JOURNAL_SOCKET;
	if (!path)
		return cpl_fail(error, CPL_E_INVALID, "The log file has no path");
	out->fd = options->sink == LOGGER_JOURNAL ? journal_open(path, error) : file_open(path);
	if (out->fd < 0)
		return options->sink == LOGGER_JOURNAL ? out->fd : cpl_fail(error, CPL_E_IO, "Cannot open the log file %s: %s", path, strerror(errno));
	out->path = strdup(path);
	if (!out->path) {
		sink_close(out);
		return cpl_fail(error, CPL_E_FULL, "No memory for the log");
	}
	return 0;
}

bool logger_level_parse(struct cpl_str text, struct cpl_str *module, enum cpl_log_level *level)
{
	struct cpl_str rest = text;

	return cpl_str_split(&rest, '=', module) && module->len && module->len < LOGGER_MODULE_NAME && logger_level_of(rest, level);
}

static void levels_apply(const struct logger_options *options)
{
	struct cpl_str module;
	enum cpl_log_level level;

	logger_levels_reset(options->level);
	for (size_t i = 0; i < options->level_count; i++)
		if (logger_level_parse(options->levels[i], &module, &level))
			logger_level_set(module, level);
}

int logger_start(const struct logger_options *options, struct cpl_error *error)
{
	sigset_t all, before;
	int code, failed;

	if (queue.running)
		return logger_change(options, error);
	code = sink_open(&sink, options, error);
	if (code < 0)
		return code;
	if (sink.kind == LOGGER_SYSLOG)
		openlog("couplet", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	queue.ending = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&queue.thread, NULL, writer, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		sink_close(&sink);
		return cpl_fail(error, CPL_E_IO, "Cannot start the log's thread: %s", strerror(failed));
	}
	levels_apply(options);
	pthread_mutex_lock(&queue.lock);
	queue.running = true;
	pthread_mutex_unlock(&queue.lock);
	return 0;
}

int logger_change(const struct logger_options *options, struct cpl_error *error)
{
	struct item *item;
	int code;

	if (!queue.running)
		return logger_start(options, error);
	item = malloc(sizeof(*item));
	if (!item)
		return cpl_fail(error, CPL_E_FULL, "No memory for the log");
	*item = (struct item){.what = ITEM_SINK, .sink = {.fd = -1}};
	code = sink_open(&item->sink, options, error);
	if (code < 0) {
		free(item);
		return code;
	}
	levels_apply(options);
	order(item);
	return 0;
}

void logger_reopen(void)
{
	struct item *item = malloc(sizeof(*item));

	if (!item) {
		cpl_log_error("log file not opened again, no memory");
		return;
	}
	*item = (struct item){.what = ITEM_REOPEN};
	order(item);
}

void logger_finish(void)
{
	if (!queue.running)
		return;
	pthread_mutex_lock(&queue.lock);
	queue.running = false;
	queue.ending = true;
	queue.deadline = clock_system_monotonic() + FINISH_MS;
	pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
	pthread_join(queue.thread, NULL);
	sink_close(&sink);
}

size_t logger_dropped(void)
{
	size_t dropped;

	pthread_mutex_lock(&queue.lock);
	dropped = queue.dropped;
	pthread_mutex_unlock(&queue.lock);
	return dropped;
}

char *logger_take_memory(void)
{
	char *taken;

	pthread_mutex_lock(&queue.lock);
	while (queue.running && (queue.first || queue.busy))
		pthread_cond_wait(&queue.idle, &queue.lock);
	taken = cpl_strdup((struct cpl_str){queue.memory ? queue.memory : "", queue.memory_len});
	free(queue.memory);
	queue.memory = NULL;
	queue.memory_len = queue.memory_size = 0;
	pthread_mutex_unlock(&queue.lock);
	return taken;
}
