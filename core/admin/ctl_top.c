/* SPDX-License-Identifier: MIT */
/* coupletctl top on a terminal: asks the server every second and shows what has happened meanwhile. */
#include "core/admin/ctl.h"
#include <couplet/memory.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL_MS = 1000, FIRST_MS = 300, ANSWER_MS = 10000, TEXT = 32 };
/* The columns of the server's table. */
enum { MODULE, EVENT, CALLS, STOPS, ERRORS, TIME_US, MEAN_NS, P99_NS, MAX_NS, BYTES, COLUMNS };

struct line {
	const char *module, *event;
	double calls, share; /* a second; of the time, in percent */
	long long stops, errors, mean_ns, p99_ns, max_ns, bytes;
};

static volatile sig_atomic_t ended;
static char order = 't';

static void on_signal(int signum)
{
	ended = 1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what the server says ---- */

static bool ask(struct ctl_link *link, struct ctl_table *table)
{
	static const char words[] = "top";
	struct frame frame;

	*table = (struct ctl_table){0};
	if (!ctl_link_send(link, FRAME_WORDS, (struct cpl_str){words, sizeof words}) || !ctl_link_send(link, FRAME_RUN, CPL_STR("")))
		return false;
	while (ctl_link_receive(link, &frame, ANSWER_MS)) {
		if (frame.type == FRAME_COLUMNS && !table->columns) {
			ctl_table_begin(table, false, false, frame.payload);
			/* Rows are to be kept. */
			table->terminal = true;
			if (table->columns != COLUMNS)
				return false;
		} else if (frame.type == FRAME_ROW && table->columns) {
			if (!ctl_table_row(table, frame.payload))
				return false;
		} else {
			return frame.type == FRAME_END && table->columns && frame.payload.len && frame.payload.ptr[0] == 0;
		}
	}
	return false;
}

static const char *cell(const struct ctl_table *table, size_t row, size_t column)
{
	return table->cells[row * table->columns + column];
}

static long long number(const struct ctl_table *table, size_t row, size_t column)
{
	return strtoll(cell(table, row, column), NULL, 10);
}

/* What a number was before; 0 for a row that was not there, or that has begun anew with its module. */
static long long former(const struct ctl_table *before, const struct ctl_table *now, size_t row, size_t column)
{
	for (size_t i = 0; i < before->rows; i++) {
		if (strcmp(cell(before, i, MODULE), cell(now, row, MODULE)) != 0 || strcmp(cell(before, i, EVENT), cell(now, row, EVENT)) != 0)
			continue;
		return number(before, i, CALLS) > number(now, row, CALLS) ? 0 : number(before, i, column);
	}
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct line *a = left, *b = right;
	double difference = 0;
	int by_name = strcmp(a->module, b->module);

	if (order == 't')
		difference = b->share - a->share;
	else if (order == 'm')
		difference = (double)(b->max_ns - a->max_ns);
	else if (order == 'b')
		difference = (double)(b->bytes - a->bytes);
	if (order == 'c' || (order == 't' && difference == 0))
		difference = b->calls - a->calls;
	if (difference != 0)
		return difference > 0 ? 1 : -1;
	return by_name ? by_name : strcmp(a->event, b->event);
}

/* ---- the screen ---- */

/* "850", "12.3k", "4.5M". */
static const char *short_number(double value, char text[TEXT])
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	while (value >= 1000 && unit + 2 < sizeof units) {
		value /= 1000;
		unit++;
	}
	snprintf(text, TEXT, value < 10 && unit ? "%.2f%.1s" : value < 100 && unit ? "%.1f%.1s" : "%.0f%.1s", value, unit ? &units[unit] : "");
	return text;
}

static const char *short_time(long long ns, char text[TEXT])
{
	if (ns < 1000)
		snprintf(text, TEXT, "%lldns", ns);
	else if (ns < 1000000)
		snprintf(text, TEXT, "%.1fus", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, TEXT, "%.1fms", (double)ns / 1e6);
	else
		snprintf(text, TEXT, "%.1fs", (double)ns / 1e9);
	return text;
}

static void put(struct cpl_buf *screen, size_t width, const char *text)
{
	size_t len = strlen(text);

	cpl_buf_add(screen, (struct cpl_str){text, len < width ? len : width});
	cpl_buf_add(screen, CPL_STR("\033[K\r\n"));
}

static void draw(const struct ctl_link *link, const struct line *lines, size_t count)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct cpl_buf screen = {0};
	char text[256], calls[TEXT], mean[TEXT], p99[TEXT], max[TEXT], bytes[TEXT];

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 4 || size.ws_col < 20)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	cpl_buf_add(&screen, CPL_STR("\033[H"));
	snprintf(text, sizeof text, "order %c of [t]ime [c]alls [m]ax [b]ytes [n]ame, [q]uit; couplet %s, process %d", order, link->version,
		 (int)link->server);
	put(&screen, size.ws_col, text);
	snprintf(text, sizeof text, "%-12s %-20s %8s %7s %7s %7s %8s %8s %8s %8s", "MODULE", "EVENT", "CALLS/s", "STOPS", "ERRORS", "TIME%", "MEAN",
		 "P99", "MAX", "BYTES");
	put(&screen, size.ws_col, text);
	for (size_t i = 0; i < count && i + 3 < size.ws_row; i++) {
		const struct line *l = &lines[i];

		snprintf(text, sizeof text, "%-12.12s %-20.20s %8s %7lld %7lld %7.2f %8s %8s %8s %8s", l->module, l->event,
			 short_number(l->calls, calls), l->stops, l->errors, l->share, short_time(l->mean_ns, mean), short_time(l->p99_ns, p99),
			 short_time(l->max_ns, max), short_number((double)l->bytes, bytes));
		put(&screen, size.ws_col, text);
	}
	cpl_buf_add(&screen, CPL_STR("\033[J"));
	fwrite(screen.ptr, 1, screen.len, stdout);
	fflush(stdout);
	cpl_buf_finish(&screen);
}

static void show(const struct ctl_link *link, const struct ctl_table *before, const struct ctl_table *now, int64_t ms)
{
	struct line *lines = cpl_alloc((now->rows + 1) * sizeof *lines);
	double seconds = ms > 0 ? (double)ms / 1e3 : 1;

	for (size_t i = 0; i < now->rows; i++)
		lines[i] = (struct line){
			.module = cell(now, i, MODULE),
			.event = cell(now, i, EVENT),
			.calls = (double)(number(now, i, CALLS) - former(before, now, i, CALLS)) / seconds,
			.share = (double)(number(now, i, TIME_US) - former(before, now, i, TIME_US)) / seconds / 1e4,
			.stops = number(now, i, STOPS),
			.errors = number(now, i, ERRORS),
			.mean_ns = number(now, i, MEAN_NS),
			.p99_ns = number(now, i, P99_NS),
			.max_ns = number(now, i, MAX_NS),
			.bytes = number(now, i, BYTES),
		};
	/* An estimate from samples may fall. */
	for (size_t i = 0; i < now->rows; i++)
		if (lines[i].share < 0)
			lines[i].share = 0;
	qsort(lines, now->rows, sizeof *lines, compare);
	draw(link, lines, now->rows);
	cpl_free(lines);
}

/* ---- keys ---- */

/* True until `until`, or a key that changes the order; false to quit. */
static bool wait_key(int64_t until)
{
	struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t left;

	while (!ended && (left = until - now_ms()) > 0) {
		char key;
		int ready = poll(&keys, 1, (int)left);

		if (ready < 0 && errno != EINTR)
			return false;
		if (ready <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3 || key == 4)
			return false;
		if (strchr("tcmbn", key) && key) {
			order = key;
			return true;
		}
	}
	return !ended;
}

static int run(struct ctl_link *link)
{
	struct ctl_table before, now;
	int64_t then = now_ms(), wait = FIRST_MS;
	bool good = ask(link, &before);

	while (good && wait_key(then + wait)) {
		int64_t at = now_ms();

		/* A key: the order is another, the figures are those of a shorter time. */
		good = ask(link, &now);
		if (good)
			show(link, &before, &now, at - then);
		if (good && at - then >= wait) {
			ctl_table_drop(&before);
			before = now;
			then = at;
			wait = INTERVAL_MS;
		} else {
			ctl_table_drop(&now);
		}
	}
	ctl_table_drop(&before);
	return good;
}

int ctl_top(const struct ctl *ctl)
{
	static const char on[] = "\033[?1049h\033[?25l\033[2J", off[] = "\033[?25h\033[?1049l";
	struct sigaction action = {.sa_handler = on_signal};
	struct termios terminal, raw;
	struct ctl_link link;
	enum ctl_state state = ctl_link_open(ctl, &link);
	bool good;

	if (state != CTL_RUNNING)
		return state == CTL_STOPPED ? ctl_complain("the server is not running") : 1;
	if (tcgetattr(STDIN_FILENO, &terminal) < 0) {
		ctl_link_close(&link);
		return ctl_complain("the terminal cannot be used: %s", strerror(errno));
	}
	raw = terminal;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(on, stdout);
	good = run(&link);
	fputs(off, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	ctl_link_close(&link);
	return good ? 0 : ctl_complain("the server has gone, or is of another version");
}
